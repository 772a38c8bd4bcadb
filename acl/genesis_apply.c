/* SPDX-License-Identifier: Apache-2.0 */
/*
 * genesis_apply.c - the first rows of the state, and the codec of those that nothing but a genesis founds.
 */
#include "acl/genesis.h"
#include "acl/holders.h"
#include "acl/x509.h"

#include <assert.h>
#include <string.h>

#define ROW_VERSION 1

int contract_row_encode(const struct contract_row *row, struct buf *out)
{
	struct enc e;

	assert(row && out);
	enc_init(&e, out);
	enc_u8(&e, ROW_VERSION);
	enc_u32(&e, row->version);
	enc_u8(&e, (uint8_t)row->state);
	return enc_done(&e);
}

int contract_row_decode(struct view bytes, struct contract_row *ret_row)
{
	struct contract_row row;
	struct dec d;
	uint8_t state;
	int err;

	assert(ret_row);
	dec_init(&d, bytes);
	if (dec_u8(&d) != ROW_VERSION)
		dec_fail(&d, CF_EDECODE);
	row.version = dec_u32(&d);
	state = dec_u8(&d);
	if (state < CONTRACT_INITIAL || state > CONTRACT_STOPPING)
		dec_fail(&d, CF_EDECODE);
	row.state = (enum contract_state)state;
	err = dec_done(&d);
	if (!err)
		*ret_row = row;
	return err;
}

int sections_row_encode(const struct sections_row *row, struct buf *out)
{
	struct enc e;

	assert(row && out);
	enc_init(&e, out);
	enc_u8(&e, ROW_VERSION);
	for (unsigned i = 0; i <= SECTION_COUNT; i++)
		enc_short(&e, view_str(row->title[i]));
	return enc_done(&e);
}

int sections_row_decode(struct view bytes, struct sections_row *ret_row)
{
	struct sections_row row = {0};
	struct dec d;
	int err;

	assert(ret_row);
	dec_init(&d, bytes);
	if (dec_u8(&d) != ROW_VERSION)
		dec_fail(&d, CF_EDECODE);
	for (unsigned i = 0; i <= SECTION_COUNT; i++) {
		struct view title = dec_short(&d);

		if (title.len == 0 || title.len > ROW_NAME_MAX || memchr(title.data, '\0', title.len))
			dec_fail(&d, CF_EDECODE);
		else
			memcpy(row.title[i], title.data, title.len);
	}
	err = dec_done(&d);
	if (!err)
		*ret_row = row;
	return err;
}

/* Where the rows go. */
struct sink {
	int (*put)(void *ctx, struct view key, struct view value);
	void *ctx;
};

/* Hands on what an encoder left in value, and empties it. */
static int put(const struct sink *s, const struct statekey *key, int encoded, struct buf *value)
{
	int err = encoded;

	if (!err)
		err = s->put(s->ctx, statekey_view(key), buf_view(value));
	buf_reset(value);
	return err;
}

static int put_network(const struct sink *s, const char *name, int encoded, struct buf *value)
{
	struct statekey key = statekey_network(name);

	return put(s, &key, encoded, value);
}

static int members_row(const struct members *m, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	members_encode(m, &e);
	return enc_done(&e);
}

static int holders_row(const struct genesis *g, struct buf *out)
{
	struct holders h;
	int err = holders_of_genesis(g, &h);

	return err ? err : holders_encode(&h, out);
}

static int apply_network(const struct sink *s, const struct genesis *g, struct buf *value)
{
	struct sections_row sections;
	struct statekey key = statekey_contract(view_str(GENESIS_CONTRACT));
	struct contract_row contract = {.version = GENESIS_CONTRACT_VERSION, .state = CONTRACT_RUNNING};
	int err;

	memcpy(sections.title, g->section_title, sizeof(sections.title));
	err = put_network(s, "name", buf_append_view(value, view_str(g->name)), value);
	if (!err)
		err = put_network(s, "root", buf_append_view(value, g->root_cert), value);
	if (!err)
		err = put_network(s, "policy", policy_row_encode(&g->policy, value), value);
	if (!err)
		err = put_network(s, "members", members_row(&g->members, value), value);
	if (!err)
		err = put_network(s, "trace", holders_row(g, value), value);
	if (!err)
		err = put_network(s, "sections", sections_row_encode(&sections, value), value);
	if (!err)
		err = put(s, &key, contract_row_encode(&contract, value), value);
	return err;
}

static int apply_orgs(const struct sink *s, const struct genesis *g, struct buf *value)
{
	int err = 0;

	for (unsigned i = 0; i < g->org_count && !err; i++) {
		struct statekey key = statekey_org(g->org[i].number);

		err = put(s, &key, org_row_encode(&g->org[i], value), value);
	}
	return err;
}

static uint16_t org_number(const struct genesis *g, const char *name)
{
	unsigned i = 0;

	while (i < g->org_count && strcmp(g->org[i].name, name) != 0)
		i++;
	assert(i < g->org_count); /* genesis_decode() saw to it */
	return g->org[i].number;
}

static int apply_identity(const struct sink *s, const struct genesis *g, struct view cert, struct buf *value)
{
	struct identity_row row = {.status = IDENTITY_ACTIVE, .cert = cert};
	struct issued_row issued = {.revoked = false};
	struct identity_id id;
	struct statekey key;
	struct cert_info info;
	struct hash fingerprint;
	int err = cert_parse(cert, &info);

	if (err)
		return err;
	id = identity_id_of(info.org, info.name);
	row.role = info.role;
	row.org = org_number(g, info.org);
	memcpy(row.name, info.name, sizeof(row.name));
	memcpy(row.sign_point, info.sign_point, POINT_BYTES);
	memcpy(row.endorse_point, info.endorse_point, POINT_BYTES);
	memcpy(row.kem_point, info.kem_point, POINT_BYTES);
	row.not_before_ms = info.not_before_ms;
	row.not_after_ms = info.not_after_ms;
	key = statekey_identity(&id);
	err = put(s, &key, identity_row_encode(&row, value), value);
	if (err)
		return err;
	fingerprint = crypto_key_fingerprint(info.sign_point);
	key = statekey_key(&fingerprint);
	err = put(s, &key, buf_append(value, id.b, IDENTITY_BYTES), value);
	if (err)
		return err;
	issued.identity = id;
	key = statekey_issued(&info.issued);
	return put(s, &key, issued_row_encode(&issued, value), value);
}

int genesis_rows(const struct genesis *g, int (*on_row)(void *ctx, struct view key, struct view value),
		 void *ctx)
{
	_Static_assert(ROW_NAME_MAX == CERT_NAME_MAX, "a certificate's name fits its row");
	const struct sink sink = {on_row, ctx};
	struct buf value;
	int err;

	buf_init(&value, STATE_VALUE_BYTES_MAX);
	err = apply_network(&sink, g, &value);
	if (!err)
		err = apply_orgs(&sink, g, &value);
	for (unsigned i = 0; i < g->identity_count && !err; i++)
		err = apply_identity(&sink, g, g->identity_cert[i], &value);
	buf_release(&value);
	return err;
}

static int stage_row(void *ctx, struct view key, struct view value)
{
	return chain_stage_genesis_row(ctx, key, value);
}

int genesis_apply(struct chain *c, const struct genesis *g)
{
	struct chain_stage *stage;
	int err;

	assert(c && g);
	if (!chain_is_new(c))
		return 0;
	err = chain_stage_begin(c, 0, &stage);
	if (err)
		return err;
	err = genesis_rows(g, stage_row, stage);
	if (err) {
		chain_stage_discard(stage);
		return err;
	}
	return chain_stage_commit(stage, NULL, NULL, NULL);
}
