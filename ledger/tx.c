/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tx.c - the bytes of proposals and transactions, and what a type must carry.
 */
#include "ledger/tx.h"
#include "ledger/rwset.h"

#include <assert.h>
#include <string.h>

#define TX_TAG "chartfs tx v1"

/* The paper's section 2.1: medical lists need both keys, query lists need not (rows 13 and 14). */
static const struct {
	const char *name;
	unsigned keys;
} types[] = {
	[TX_PATIENT] = {"patient", TX_KEY_PATIENT},
	[TX_DOCTOR] = {"doctor", TX_KEY_DOCTOR},
	[TX_MEDICAL] = {"medical", TX_KEY_PATIENT | TX_KEY_DOCTOR},
	[TX_HEALTH] = {"health", TX_KEY_PATIENT},
	[TX_PERMISSION] = {"permission", TX_KEY_PATIENT},
	[TX_QUERY] = {"query", 0},
	[TX_MODIFICATION] = {"modification", TX_KEY_PATIENT},
	[TX_DELETION] = {"deletion", TX_KEY_PATIENT},
	[TX_CONFIG] = {"config", 0},
};

static bool type_known(unsigned type)
{
	return type >= TX_PATIENT && type <= TX_CONFIG;
}

const char *tx_type_name(enum tx_type type)
{
	return type_known(type) ? types[type].name : "?";
}

int tx_type_parse(const char *name, enum tx_type *ret_type)
{
	assert(name && ret_type);
	for (enum tx_type t = TX_PATIENT; t <= TX_CONFIG; t++) {
		if (strcmp(types[t].name, name) == 0) {
			*ret_type = t;
			return 0;
		}
	}
	return CF_EINVAL;
}

unsigned tx_type_keys(enum tx_type type)
{
	return type_known(type) ? types[type].keys : 0;
}

/* What an encoder must not write and a decoder must not take, beyond the layout itself. */
static bool proposal_well_formed(const struct tx_proposal *p)
{
	if (!type_known(p->type) || p->contract.len == 0 || p->contract.len > TX_CONTRACT_NAME_MAX)
		return false;
	if (p->op_count == 0 || p->op_count > TX_OPS_MAX || p->blob_count > TX_BLOBS_MAX)
		return false;
	for (uint16_t i = 1; i < p->blob_count; i++) {
		if (memcmp(p->blob[i - 1].root.b, p->blob[i].root.b, HASH_BYTES) >= 0)
			return false;
	}
	return true;
}

int tx_proposal_encode(const struct tx_proposal *p, struct buf *out)
{
	struct enc e;
	size_t start;
	int err;

	assert(p && out);
	if (!proposal_well_formed(p))
		return CF_EINVAL;
	start = out->len;
	enc_init(&e, out);
	enc_tag(&e, TX_TAG);
	enc_fixed(&e, p->network.b, HASH_BYTES);
	enc_u16(&e, TX_VERSION);
	enc_u8(&e, (uint8_t)p->type);
	enc_u64(&e, p->time_ms);
	enc_fixed(&e, p->nonce, TX_NONCE_BYTES);
	enc_u64(&e, p->valid_until);
	enc_short(&e, p->contract);
	enc_u32(&e, p->contract_version);
	enc_u16(&e, p->policy);
	enc_fixed(&e, p->creator.b, IDENTITY_BYTES);
	enc_fixed(&e, p->creator_key.b, HASH_BYTES);
	enc_fixed(&e, p->patient.b, PATIENT_BYTES);
	enc_fixed(&e, p->patient_key.b, HASH_BYTES);
	enc_fixed(&e, p->doctor_key.b, HASH_BYTES);
	enc_fixed(&e, p->annex_hash.b, HASH_BYTES);
	enc_u16(&e, p->blob_count);
	for (uint16_t i = 0; i < p->blob_count; i++) {
		enc_fixed(&e, p->blob[i].root.b, HASH_BYTES);
		enc_u64(&e, p->blob[i].bytes);
	}
	enc_u16(&e, p->op_count);
	for (uint16_t i = 0; i < p->op_count; i++) {
		enc_u8(&e, p->op[i].code);
		enc_bytes(&e, p->op[i].body);
	}
	err = enc_done(&e);
	if (err == 0 && out->len - start > TX_BYTES_MAX)
		err = CF_ETOOBIG;
	if (err)
		out->len = start;
	return err;
}

int tx_proposal_decode(struct view bytes, struct tx_proposal *ret_p)
{
	struct tx_proposal p;
	struct dec d;
	int err;

	assert(ret_p);
	if (bytes.len > TX_BYTES_MAX)
		return CF_ETOOBIG;
	dec_init(&d, bytes);
	dec_tag(&d, TX_TAG);
	dec_fixed(&d, p.network.b, HASH_BYTES);
	if (dec_u16(&d) != TX_VERSION)
		dec_fail(&d, CF_EDECODE);
	p.type = dec_u8(&d);
	p.time_ms = dec_u64(&d);
	dec_fixed(&d, p.nonce, TX_NONCE_BYTES);
	p.valid_until = dec_u64(&d);
	p.contract = dec_short(&d);
	p.contract_version = dec_u32(&d);
	p.policy = dec_u16(&d);
	dec_fixed(&d, p.creator.b, IDENTITY_BYTES);
	dec_fixed(&d, p.creator_key.b, HASH_BYTES);
	dec_fixed(&d, p.patient.b, PATIENT_BYTES);
	dec_fixed(&d, p.patient_key.b, HASH_BYTES);
	dec_fixed(&d, p.doctor_key.b, HASH_BYTES);
	dec_fixed(&d, p.annex_hash.b, HASH_BYTES);
	p.blob_count = (uint16_t)dec_count16(&d, TX_BLOBS_MAX);
	for (uint16_t i = 0; i < p.blob_count; i++) {
		dec_fixed(&d, p.blob[i].root.b, HASH_BYTES);
		p.blob[i].bytes = dec_u64(&d);
	}
	p.op_count = (uint16_t)dec_count16(&d, TX_OPS_MAX);
	for (uint16_t i = 0; i < p.op_count; i++) {
		p.op[i].code = dec_u8(&d);
		p.op[i].body = dec_bytes(&d, TX_BYTES_MAX);
	}
	err = dec_done(&d);
	if (err)
		return err;
	if (!proposal_well_formed(&p))
		return CF_EDECODE;
	*ret_p = p;
	return 0;
}

struct hash tx_id(struct view proposal_bytes)
{
	return sha256(proposal_bytes);
}

/* Strictly ascending: one endorsement a peer, and one order of them. */
static bool endorsements_sorted(const struct endorsement *list, uint8_t count)
{
	for (uint8_t i = 1; i < count; i++) {
		if (memcmp(list[i - 1].by.b, list[i].by.b, IDENTITY_BYTES) >= 0)
			return false;
	}
	return true;
}

static void enc_endorsements(struct enc *e, const struct endorsement *list, uint8_t count)
{
	enc_u8(e, count);
	for (uint8_t i = 0; i < count; i++) {
		enc_fixed(e, list[i].by.b, IDENTITY_BYTES);
		sigpath_encode(&list[i].sig, e);
	}
}

static uint8_t dec_endorsements(struct dec *d, struct endorsement list[MEMBERS_MAX])
{
	uint8_t count = dec_u8(d);

	if (count > MEMBERS_MAX) {
		dec_fail(d, CF_EDECODE);
		return 0;
	}
	for (uint8_t i = 0; i < count; i++) {
		dec_fixed(d, list[i].by.b, IDENTITY_BYTES);
		sigpath_decode(d, &list[i].sig);
	}
	if (!endorsements_sorted(list, count))
		dec_fail(d, CF_EDECODE);
	return count;
}

int tx_encode(const struct tx *t, struct buf *out)
{
	struct enc e;
	size_t start;
	int err;

	assert(t && out && t->proposal_bytes.len > 0);
	if (t->endorsement_count > MEMBERS_MAX || t->receipt_count > MEMBERS_MAX ||
	    !endorsements_sorted(t->endorsement, t->endorsement_count) ||
	    !endorsements_sorted(t->receipt, t->receipt_count))
		return CF_EINVAL;
	if (t->rwset_bytes.len > RWSET_BYTES_MAX)
		return CF_ETOOBIG;
	start = out->len;
	enc_init(&e, out);
	enc_bytes(&e, t->proposal_bytes);
	sigpath_encode(&t->signature, &e);
	enc_bytes(&e, t->rwset_bytes);
	enc_endorsements(&e, t->endorsement, t->endorsement_count);
	enc_endorsements(&e, t->receipt, t->receipt_count);
	err = enc_done(&e);
	if (err == 0 && out->len - start > TX_BYTES_MAX)
		err = CF_ETOOBIG;
	if (err)
		out->len = start;
	return err;
}

int tx_decode(struct view bytes, struct tx *ret_t)
{
	struct tx t;
	struct dec d;
	int err;

	assert(ret_t);
	if (bytes.len > TX_BYTES_MAX)
		return CF_ETOOBIG;
	dec_init(&d, bytes);
	t.bytes = bytes;
	t.proposal_bytes = dec_bytes(&d, TX_BYTES_MAX);
	sigpath_decode(&d, &t.signature);
	t.rwset_bytes = dec_bytes(&d, RWSET_BYTES_MAX);
	t.endorsement_count = dec_endorsements(&d, t.endorsement);
	t.receipt_count = dec_endorsements(&d, t.receipt);
	err = dec_done(&d);
	if (err)
		return err;
	err = tx_proposal_decode(t.proposal_bytes, &t.proposal);
	if (err)
		return err;
	t.id = tx_id(t.proposal_bytes);
	*ret_t = t;
	return 0;
}
