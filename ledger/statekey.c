/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statekey.c - building the keys of the state and taking them apart.
 */
#include "ledger/statekey.h"

#include <assert.h>
#include <string.h>

struct view statekey_view(const struct statekey *k)
{
	assert(k && k->len <= STATE_KEY_BYTES_MAX);
	return VIEW(k->b, k->len);
}

static void put(struct statekey *k, const void *data, size_t bytes)
{
	assert(k->len + bytes <= STATE_KEY_BYTES_MAX);
	memcpy(k->b + k->len, data, bytes);
	k->len += bytes;
}

static void put_u8(struct statekey *k, unsigned v)
{
	uint8_t byte = (uint8_t)v;

	assert(v <= UINT8_MAX);
	put(k, &byte, 1);
}

static struct statekey start(enum statekey_kind kind)
{
	struct statekey k = {.len = 0};

	put_u8(&k, kind);
	return k;
}

static struct statekey named(enum statekey_kind kind, struct view name)
{
	struct statekey k = start(kind);

	assert(name.len > 0 && name.len <= STATEKEY_NAME_MAX);
	put_u8(&k, (unsigned)name.len);
	put(&k, name.data, name.len);
	return k;
}

struct statekey statekey_network(const char *name)
{
	return named(SK_NETWORK, view_str(name));
}

struct statekey statekey_contract(struct view name)
{
	return named(SK_CONTRACT, name);
}

struct statekey statekey_org(uint16_t org)
{
	struct statekey k = start(SK_ORG);

	put_u8(&k, org >> 8);
	put_u8(&k, org & 0xff);
	return k;
}

struct statekey statekey_identity(const struct identity_id *id)
{
	struct statekey k = start(SK_IDENTITY);

	put(&k, id->b, IDENTITY_BYTES);
	return k;
}

struct statekey statekey_key(const struct hash *fingerprint)
{
	struct statekey k = start(SK_KEY);

	put(&k, fingerprint->b, HASH_BYTES);
	return k;
}

struct statekey statekey_issued(const struct hash *issued)
{
	struct statekey k = start(SK_ISSUED);

	put(&k, issued->b, HASH_BYTES);
	return k;
}

struct statekey statekey_crl(const struct hash *authority_key)
{
	struct statekey k = start(SK_CRL);

	put(&k, authority_key->b, HASH_BYTES);
	return k;
}

struct statekey statekey_evidences(void)
{
	return start(SK_EVIDENCE);
}

struct statekey statekey_evidence(const struct hash *id)
{
	struct statekey k = statekey_evidences();

	put(&k, id->b, HASH_BYTES);
	return k;
}

struct statekey statekey_offender(const struct identity_id *id, uint64_t epoch)
{
	struct statekey k = start(SK_OFFENDER);

	put(&k, id->b, IDENTITY_BYTES);
	for (int shift = 56; shift >= 0; shift -= 8)
		put_u8(&k, (uint8_t)(epoch >> shift));
	return k;
}

struct statekey statekey_patient_prefix(const struct patient_id *p)
{
	struct statekey k = start(SK_PATIENT);

	put(&k, p->b, PATIENT_BYTES);
	return k;
}

struct statekey statekey_patient_kind_prefix(const struct patient_id *p, enum statekey_patient_kind kind)
{
	struct statekey k = statekey_patient_prefix(p);

	assert(kind >= SKP_PATIENT && kind <= SKP_WAITING);
	put_u8(&k, kind);
	return k;
}

struct statekey statekey_patient(const struct patient_id *p)
{
	return statekey_patient_kind_prefix(p, SKP_PATIENT);
}

struct statekey statekey_section(const struct patient_id *p, uint8_t section)
{
	struct statekey k = statekey_patient_kind_prefix(p, SKP_SECTION);

	put_u8(&k, section);
	return k;
}

struct statekey statekey_grant(const struct patient_id *p, uint8_t section, const struct identity_id *to)
{
	struct statekey k = statekey_patient_kind_prefix(p, SKP_GRANT);

	put_u8(&k, section);
	put(&k, to->b, IDENTITY_BYTES);
	return k;
}

/* The kinds whose key is the patient, the kind and one node. */
static bool is_node_kind(enum statekey_patient_kind kind)
{
	return kind == SKP_NODE || kind == SKP_CONTENT || kind == SKP_RIGHTS || kind == SKP_ERASURE ||
	       kind == SKP_HOLD || kind == SKP_XATTR || kind == SKP_WAITING;
}

struct statekey statekey_node(const struct patient_id *p, enum statekey_patient_kind kind,
			      const struct node_id *n)
{
	struct statekey k = statekey_patient_kind_prefix(p, kind);

	assert(is_node_kind(kind));
	put(&k, n->b, NODE_BYTES);
	return k;
}

struct statekey statekey_entries(const struct patient_id *p, const struct node_id *dir)
{
	struct statekey k = statekey_patient_kind_prefix(p, SKP_ENTRY);

	put(&k, dir->b, NODE_BYTES);
	return k;
}

struct statekey statekey_entry(const struct patient_id *p, const struct node_id *dir,
			       const struct name_token *t)
{
	struct statekey k = statekey_entries(p, dir);

	put(&k, t->b, TOKEN_BYTES);
	return k;
}

static void parse_patient(struct dec *d, struct statekey_parts *parts)
{
	dec_fixed(d, parts->patient.b, PATIENT_BYTES);
	parts->sub = dec_u8(d);
	switch (parts->sub) {
	case SKP_PATIENT:
		break;
	case SKP_SECTION:
		parts->section = dec_u8(d);
		break;
	case SKP_GRANT:
		parts->section = dec_u8(d);
		dec_fixed(d, parts->identity.b, IDENTITY_BYTES);
		break;
	case SKP_NODE:
	case SKP_CONTENT:
	case SKP_RIGHTS:
	case SKP_ERASURE:
	case SKP_HOLD:
	case SKP_XATTR:
	case SKP_WAITING:
		dec_fixed(d, parts->node.b, NODE_BYTES);
		break;
	case SKP_ENTRY:
		dec_fixed(d, parts->node.b, NODE_BYTES);
		dec_fixed(d, parts->token.b, TOKEN_BYTES);
		break;
	default:
		dec_fail(d, CF_EDECODE);
	}
}

int statekey_parse(struct view key, struct statekey_parts *ret_parts)
{
	struct statekey_parts parts = {0};
	struct dec d;
	int err;

	assert(ret_parts);
	dec_init(&d, key);
	parts.kind = dec_u8(&d);
	switch (parts.kind) {
	case SK_NETWORK:
	case SK_CONTRACT:
		parts.name = dec_short(&d);
		if (parts.name.len == 0 || parts.name.len > STATEKEY_NAME_MAX)
			dec_fail(&d, CF_EDECODE);
		break;
	case SK_ORG:
		parts.org = dec_u16(&d);
		break;
	case SK_IDENTITY:
		dec_fixed(&d, parts.identity.b, IDENTITY_BYTES);
		break;
	case SK_KEY:
	case SK_ISSUED:
	case SK_CRL:
	case SK_EVIDENCE:
		dec_fixed(&d, parts.hash.b, HASH_BYTES);
		break;
	case SK_OFFENDER:
		dec_fixed(&d, parts.identity.b, IDENTITY_BYTES);
		parts.epoch = dec_u64(&d);
		break;
	case SK_PATIENT:
		parse_patient(&d, &parts);
		break;
	default:
		dec_fail(&d, CF_EDECODE);
	}
	err = dec_done(&d);
	if (err)
		return err;
	*ret_parts = parts;
	return 0;
}
