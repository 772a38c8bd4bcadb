/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pbft_record.c - the bytes of the records of the vote log. Table: net/PROTOCOL.md.
 */
#include "net/pbft_core.h"

#include <assert.h>
#include <string.h>

#define RECORD_MAGIC 0x43465231u /* "CFR1" */

static void head_encode(struct enc *e, struct buf *out, enum record_kind kind)
{
	enc_init(e, out);
	enc_u32(e, RECORD_MAGIC);
	enc_u8(e, (uint8_t)kind);
}

static void head_decode(struct dec *d, struct view in, enum record_kind kind)
{
	dec_init(d, in);
	if (dec_u32(d) != RECORD_MAGIC || dec_u8(d) != kind)
		dec_fail(d, CF_EDECODE);
}

int record_kind(struct view in, enum record_kind *ret_kind)
{
	struct dec d;
	uint32_t magic;
	uint8_t kind;

	dec_init(&d, in);
	magic = dec_u32(&d);
	kind = dec_u8(&d);
	if (d.err != 0 || magic != RECORD_MAGIC || kind < RECORD_VOTE || kind > RECORD_NEW_VIEW)
		return CF_EDECODE;
	*ret_kind = (enum record_kind)kind;
	return 0;
}

int record_vote_encode(const struct record_vote *r, struct buf *out)
{
	struct enc e;

	assert(r->kind == VOTE_PRE_PREPARE || r->kind == VOTE_PREPARE);
	head_encode(&e, out, RECORD_VOTE);
	enc_u64(&e, r->epoch);
	enc_bool(&e, r->has_base);
	if (r->has_base)
		certificate_encode(&r->base, &e);
	enc_u8(&e, (uint8_t)r->kind);
	enc_u64(&e, r->height);
	enc_u64(&e, r->view);
	enc_fixed(&e, r->digest.b, HASH_BYTES);
	enc_fixed(&e, r->leader_sig, SIG_BYTES);
	enc_fixed(&e, r->own_sig, SIG_BYTES);
	enc_bool(&e, r->has_body);
	if (r->has_body)
		enc_bytes(&e, r->body);
	return enc_done(&e);
}

int record_vote_decode(struct view in, struct record_vote *ret_r)
{
	struct record_vote r;
	struct dec d;
	uint8_t kind;
	int err;

	memset(&r, 0, sizeof(r));
	head_decode(&d, in, RECORD_VOTE);
	r.epoch = dec_u64(&d);
	r.has_base = dec_bool(&d);
	if (r.has_base)
		certificate_decode(&d, &r.base);
	kind = dec_u8(&d);
	if (kind != VOTE_PRE_PREPARE && kind != VOTE_PREPARE)
		dec_fail(&d, CF_EDECODE);
	r.kind = (enum vote_kind)kind;
	r.height = dec_u64(&d);
	r.view = dec_u64(&d);
	dec_fixed(&d, r.digest.b, HASH_BYTES);
	dec_fixed(&d, r.leader_sig, SIG_BYTES);
	dec_fixed(&d, r.own_sig, SIG_BYTES);
	r.has_body = dec_bool(&d);
	if (r.has_body)
		r.body = dec_bytes(&d, PBFT_BODY_BYTES_MAX);
	if (r.height <= r.epoch || r.has_base != (r.height - 1 > r.epoch) ||
	    (r.has_base && r.base.height != r.height - 1))
		dec_fail(&d, CF_EDECODE);
	err = dec_done(&d);
	if (err == 0)
		*ret_r = r;
	return err;
}

int record_commit_encode(const struct record_commit *r, struct buf *out)
{
	struct enc e;

	head_encode(&e, out, RECORD_COMMIT);
	enc_u64(&e, r->epoch);
	prepared_encode(&r->prepared, &e);
	enc_fixed(&e, r->own_sig, SIG_BYTES);
	return enc_done(&e);
}

int record_commit_decode(struct view in, struct record_commit *ret_r)
{
	struct record_commit r;
	struct dec d;
	int err;

	memset(&r, 0, sizeof(r));
	head_decode(&d, in, RECORD_COMMIT);
	r.epoch = dec_u64(&d);
	prepared_decode(&d, &r.prepared);
	dec_fixed(&d, r.own_sig, SIG_BYTES);
	err = dec_done(&d);
	if (err == 0)
		*ret_r = r;
	return err;
}

int record_wrap_encode(enum record_kind kind, struct view message, struct buf *out)
{
	struct enc e;

	assert(kind == RECORD_CHANGE || kind == RECORD_NEW_VIEW);
	head_encode(&e, out, kind);
	enc_bytes(&e, message);
	return enc_done(&e);
}

int record_wrap_decode(struct view in, enum record_kind kind, struct view *ret_message)
{
	struct view message;
	struct dec d;
	int err;

	head_decode(&d, in, kind);
	message = dec_bytes(&d, NEW_VIEW_BYTES_MAX);
	err = dec_done(&d);
	if (err == 0)
		*ret_message = message;
	return err;
}
