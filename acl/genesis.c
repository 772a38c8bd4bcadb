/* SPDX-License-Identifier: Apache-2.0 */
/*
 * genesis.c - the genesis file: bytes and consistency.
 */
#include "acl/genesis.h"
#include "acl/contribution.h"
#include "acl/userfile.h"
#include "acl/x509.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

#define FILE_TAG "chartfs genesis file v1"
#define NETWORK_TAG "chartfs genesis v1"
#define ORG_ROW_BYTES_MAX 256
#define POLICY_ROW_BYTES_MAX 64

/* What is known of one listed certificate. */
struct listed {
	struct identity_id id;
	struct cert_info info;
};

static bool id_equal(const struct identity_id *a, const struct identity_id *b)
{
	return memcmp(a->b, b->b, IDENTITY_BYTES) == 0;
}

static const struct org_row *find_org(const struct genesis *g, const char *name)
{
	for (unsigned i = 0; i < g->org_count; i++) {
		if (strcmp(g->org[i].name, name) == 0)
			return &g->org[i];
	}
	return NULL;
}

static const struct listed *find_listed(const struct listed *list, unsigned count,
					const struct identity_id *id)
{
	for (unsigned i = 0; i < count; i++) {
		if (id_equal(&list[i].id, id))
			return &list[i];
	}
	return NULL;
}

static int check_orgs(const struct genesis *g)
{
	if (g->org_count == 0 || g->org_count > GENESIS_ORGS_MAX)
		return err_set(CF_EINVAL, "genesis: 1 to %d organizations, not %u", GENESIS_ORGS_MAX,
			       g->org_count);
	for (unsigned i = 0; i < g->org_count; i++) {
		if (g->org[i].number != i + 1)
			return err_set(CF_EINVAL, "genesis: organizations are numbered from 1 without gaps");
		if (find_org(g, g->org[i].name) != &g->org[i])
			return err_set(CF_EINVAL, "genesis: organization '%s' stands twice", g->org[i].name);
	}
	return 0;
}

static int check_identity(const struct genesis *g, const struct listed *list, unsigned at)
{
	const struct cert_info *info = &list[at].info;

	if (info->role == 0)
		return err_set(CF_EINVAL, "genesis: certificate of '%s' carries no identity", info->name);
	if (!find_org(g, info->org))
		return err_set(CF_EINVAL, "genesis: '%s' is of '%s', no organization of this network",
			       info->name, info->org);
	for (unsigned i = 0; i < at; i++) {
		if (id_equal(&list[i].id, &list[at].id))
			return err_set(CF_EINVAL, "genesis: '%s' of '%s' stands twice", info->name,
				       info->org);
		if (memcmp(list[i].info.sign_point, info->sign_point, POINT_BYTES) == 0)
			return err_set(CF_EINVAL, "genesis: '%s' and '%s' have the same key",
				       list[i].info.name, info->name);
	}
	return 0;
}

static int check_custodians(const struct genesis *g, const struct listed *list)
{
	for (unsigned i = 0; i < g->org_count; i++) {
		const struct listed *custodian = find_listed(list, g->identity_count, &g->org[i].custodian);

		if (!custodian)
			return err_set(CF_EINVAL, "genesis: no certificate of the custodian of '%s'",
				       g->org[i].name);
		if (strcmp(custodian->info.org, g->org[i].name) != 0 || !role_may_admit(custodian->info.role))
			return err_set(
				CF_EINVAL,
				"genesis: '%s' is no doctor or manager of '%s' and cannot be its custodian",
				custodian->info.name, g->org[i].name);
	}
	return 0;
}

static int check_member(const struct genesis *g, const struct listed *list, const struct member *m)
{
	const struct listed *peer = find_listed(list, g->identity_count, &m->id);

	if (!peer || peer->info.role != ROLE_PEER)
		return err_set(CF_EINVAL, "genesis: no peer's certificate of the member at %s",
			       m->peer_address);
	if (find_org(g, peer->info.org)->number != m->org)
		return err_set(CF_EINVAL,
			       "genesis: member '%s' is of '%s' and listed for another organization",
			       peer->info.name, peer->info.org);
	if (memcmp(m->sign_point, peer->info.sign_point, POINT_BYTES) != 0 ||
	    memcmp(m->endorse_point, peer->info.endorse_point, POINT_BYTES) != 0 ||
	    memcmp(m->kem_point, peer->info.kem_point, POINT_BYTES) != 0)
		return err_set(CF_EINVAL,
			       "genesis: member '%s' is listed with other keys than its certificate's",
			       peer->info.name);
	if (m->peer_address[0] == '\0' || m->client_address[0] == '\0')
		return err_set(CF_EINVAL, "genesis: member '%s' has no address", peer->info.name);
	return 0;
}

static int check_members(const struct genesis *g, const struct listed *list)
{
	if (g->members.count < MEMBERS_MIN || g->members.count > MEMBERS_MAX || g->members.epoch != 0)
		return err_set(CF_EINVAL, "genesis: %d to %d ordering peers, not %u", MEMBERS_MIN,
			       MEMBERS_MAX, g->members.count);
	for (unsigned i = 0; i < g->members.count; i++) {
		int err = check_member(g, list, &g->members.member[i]);

		if (err)
			return err;
		for (unsigned j = 0; j < i; j++) {
			if (id_equal(&g->members.member[i].id, &g->members.member[j].id))
				return err_set(CF_EINVAL, "genesis: a member stands twice");
		}
	}
	return 0;
}

static int check_policy(const struct genesis *g)
{
	const struct policy_row *p = &g->policy;

	if (p->endorsing_orgs == 0 || p->endorsing_orgs > g->org_count)
		return err_set(CF_EINVAL, "genesis: %u endorsing organizations of %u", p->endorsing_orgs,
			       g->org_count);
	if (p->endorsing_orgs <= members_faults(g->members.count))
		return err_set(CF_EINVAL, "genesis: %u endorsing organizations, but %u peers may lie",
			       p->endorsing_orgs, members_faults(g->members.count));
	if (p->receipts && p->receipts <= members_faults(g->members.count))
		return err_set(CF_EINVAL, "genesis: %u receipts, but %u peers may lie", p->receipts,
			       members_faults(g->members.count));
	if (p->receipts > g->members.count)
		return err_set(CF_EINVAL, "genesis: %u receipts of %u peers", p->receipts, g->members.count);
	if (p->record_bytes_max == 0 || p->time_window_ms == 0 || p->valid_blocks_max == 0)
		return err_set(CF_EINVAL, "genesis: a limit of 0");
	return 0;
}

static int check_contributions(const struct genesis *g)
{
	int err = 0;

	if (g->contribution_count == 0 || g->contribution_count > MEMBERS_MAX)
		return err_set(CF_EINVAL, "genesis: 1 to %d contributions to the peers' key, not %u",
			       MEMBERS_MAX, g->contribution_count);
	for (unsigned i = 0; i < g->contribution_count && !err; i++)
		err = contribution_check(g->contribution[i], &g->members);
	return err;
}

static int check_root(const struct genesis *g)
{
	struct cert_info root;
	int err = cert_parse(g->root_cert, &root);

	if (err)
		return err;
	return root.is_root ? 0 : err_set(CF_EINVAL, "genesis: certificate of '%s' is no root's", root.name);
}

static int check(const struct genesis *g)
{
	struct listed *list;
	int err = check_root(g);

	if (!err)
		err = check_orgs(g);
	if (!err && g->identity_count > GENESIS_IDENTITIES_MAX)
		err = err_set(CF_EINVAL, "genesis: more than %d certificates", GENESIS_IDENTITIES_MAX);
	if (err)
		return err;
	list = mem_array(NULL, g->identity_count, sizeof(*list));
	if (!list)
		return CF_ENOMEM;
	for (unsigned i = 0; i < g->identity_count && !err; i++) {
		err = cert_parse(g->identity_cert[i], &list[i].info);
		if (!err) {
			list[i].id = identity_id_of(list[i].info.org, list[i].info.name);
			err = check_identity(g, list, i);
		}
	}
	if (!err)
		err = check_custodians(g, list);
	if (!err)
		err = check_members(g, list);
	if (!err)
		err = check_policy(g);
	if (!err)
		err = check_contributions(g);
	mem_free(list);
	return err;
}

/* A row of acl/row.h as length and bytes. */
static void enc_org(struct enc *e, const struct org_row *row)
{
	size_t at = enc_len_open(e);

	if (e->err == 0)
		e->err = org_row_encode(row, e->out);
	enc_len_close(e, at);
}

static void enc_policy(struct enc *e, const struct policy_row *row)
{
	size_t at = enc_len_open(e);

	if (e->err == 0)
		e->err = policy_row_encode(row, e->out);
	enc_len_close(e, at);
}

int genesis_encode(const struct genesis *g, struct buf *out)
{
	size_t before;
	struct enc e;
	int err;

	assert(g && out);
	err = check(g);
	if (err)
		return err == CF_EDECODE ? CF_EINVAL : err;
	before = out->len;
	enc_init(&e, out);
	enc_tag(&e, FILE_TAG);
	enc_short(&e, view_str(g->name));
	enc_u64(&e, g->time_ms);
	enc_bytes(&e, g->root_cert);
	enc_u16(&e, g->org_count);
	for (unsigned i = 0; i < g->org_count; i++)
		enc_org(&e, &g->org[i]);
	members_encode(&g->members, &e);
	enc_policy(&e, &g->policy);
	enc_u16(&e, g->identity_count);
	for (unsigned i = 0; i < g->identity_count; i++)
		enc_bytes(&e, g->identity_cert[i]);
	for (unsigned i = 0; i <= SECTION_COUNT; i++)
		enc_short(&e, view_str(g->section_title[i]));
	enc_u8(&e, g->contribution_count);
	for (unsigned i = 0; i < g->contribution_count; i++)
		enc_bytes(&e, g->contribution[i]);
	err = enc_done(&e);
	if (err)
		out->len = before;
	return err;
}

static void dec_text(struct dec *d, char ret_text[ROW_NAME_MAX + 1])
{
	struct view v = dec_short(d);

	if (v.len == 0 || v.len > ROW_NAME_MAX || memchr(v.data, '\0', v.len)) {
		dec_fail(d, CF_EDECODE);
		return;
	}
	memcpy(ret_text, v.data, v.len);
	ret_text[v.len] = '\0';
}

static void dec_fields(struct dec *d, struct genesis *g)
{
	struct view row;

	dec_tag(d, FILE_TAG);
	dec_text(d, g->name);
	g->time_ms = dec_u64(d);
	g->root_cert = dec_bytes(d, CERT_DER_BYTES_MAX);
	g->org_count = (uint16_t)dec_count16(d, GENESIS_ORGS_MAX);
	for (unsigned i = 0; i < g->org_count; i++) {
		row = dec_bytes(d, ORG_ROW_BYTES_MAX);
		if (d->err == 0 && org_row_decode(row, &g->org[i]) != 0)
			dec_fail(d, CF_EDECODE);
	}
	members_decode(d, &g->members);
	row = dec_bytes(d, POLICY_ROW_BYTES_MAX);
	if (d->err == 0 && policy_row_decode(row, &g->policy) != 0)
		dec_fail(d, CF_EDECODE);
	g->identity_count = (uint16_t)dec_count16(d, GENESIS_IDENTITIES_MAX);
	for (unsigned i = 0; i < g->identity_count; i++)
		g->identity_cert[i] = dec_bytes(d, CERT_DER_BYTES_MAX);
	for (unsigned i = 0; i <= SECTION_COUNT; i++)
		dec_text(d, g->section_title[i]);
	g->contribution_count = dec_u8(d);
	if (g->contribution_count > MEMBERS_MAX) {
		dec_fail(d, CF_EDECODE);
		return;
	}
	for (unsigned i = 0; i < g->contribution_count; i++)
		g->contribution[i] = dec_bytes(d, CONTRIBUTION_BYTES_MAX);
}

int genesis_decode(struct view bytes, struct genesis *ret_g)
{
	struct genesis *g;
	struct dec d;
	int err;

	assert(ret_g);
	if (bytes.len > GENESIS_BYTES_MAX)
		return err_set(CF_EDECODE, "genesis: over %zu bytes", GENESIS_BYTES_MAX);
	g = mem_zalloc(sizeof(*g));
	if (!g)
		return CF_ENOMEM;
	dec_init(&d, bytes);
	dec_fields(&d, g);
	err = dec_done(&d);
	if (err)
		err = err_set(err, "genesis: malformed, or not a genesis file");
	else
		err = check(g);
	if (!err)
		*ret_g = *g;
	mem_free(g);
	return err == CF_EINVAL ? CF_EDECODE : err;
}

int genesis_read(const char *path, struct buf *ret_bytes)
{
	struct buf bytes;
	int err;

	assert(path && ret_bytes);
	buf_init(&bytes, GENESIS_BYTES_MAX);
	err = userfile_read(path, GENESIS_BYTES_MAX, false, &bytes);
	if (err)
		buf_release(&bytes);
	else
		*ret_bytes = bytes;
	return err;
}

struct hash genesis_network(struct view bytes)
{
	return sha256_parts((struct view[]){VIEW(NETWORK_TAG, sizeof(NETWORK_TAG)), bytes}, 2);
}
