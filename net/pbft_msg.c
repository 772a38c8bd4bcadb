/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pbft_msg.c - the bytes of each message, written and read side by side. Table: net/PROTOCOL.md.
 */
#include "net/pbft_msg.h"

#include <assert.h>
#include <string.h>

static void head_encode(struct enc *e, struct buf *out, enum msg_kind kind)
{
	enc_init(e, out);
	enc_u32(e, PBFT_MAGIC);
	enc_u8(e, (uint8_t)kind);
}

static void head_decode(struct dec *d, struct view in, enum msg_kind kind)
{
	dec_init(d, in);
	if (dec_u32(d) != PBFT_MAGIC || dec_u8(d) != kind)
		dec_fail(d, CF_EDECODE);
}

static uint8_t member_decode(struct dec *d)
{
	uint8_t member = dec_u8(d);

	if (member >= MEMBERS_MAX)
		dec_fail(d, CF_EDECODE);
	return member;
}

int msg_kind(struct view bytes, enum msg_kind *ret_kind)
{
	struct dec d;
	uint32_t magic;
	uint8_t kind;

	dec_init(&d, bytes);
	magic = dec_u32(&d);
	kind = dec_u8(&d);
	if (d.err != 0 || magic != PBFT_MAGIC || kind < MSG_PRE_PREPARE || kind > MSG_REQUEST)
		return CF_EDECODE;
	*ret_kind = (enum msg_kind)kind;
	return 0;
}

static void vote_encode(struct enc *e, const struct vote *v)
{
	enc_u64(e, v->epoch);
	enc_u64(e, v->height);
	enc_u64(e, v->view);
	enc_fixed(e, v->digest.b, HASH_BYTES);
}

static void vote_decode(struct dec *d, enum vote_kind kind, struct vote *ret_v)
{
	ret_v->kind = kind;
	ret_v->epoch = dec_u64(d);
	ret_v->height = dec_u64(d);
	ret_v->view = dec_u64(d);
	dec_fixed(d, ret_v->digest.b, HASH_BYTES);
}

int msg_pre_prepare_encode(const struct msg_pre_prepare *m, struct buf *out)
{
	struct enc e;

	head_encode(&e, out, MSG_PRE_PREPARE);
	vote_encode(&e, &m->vote);
	enc_fixed(&e, m->sig, SIG_BYTES);
	enc_bool(&e, m->has_body);
	if (m->has_body)
		enc_bytes(&e, m->body);
	return enc_done(&e);
}

int msg_pre_prepare_decode(struct view in, struct msg_pre_prepare *ret_m)
{
	struct msg_pre_prepare m;
	struct dec d;
	int err;

	memset(&m, 0, sizeof(m));
	head_decode(&d, in, MSG_PRE_PREPARE);
	vote_decode(&d, VOTE_PRE_PREPARE, &m.vote);
	dec_fixed(&d, m.sig, SIG_BYTES);
	m.has_body = dec_bool(&d);
	if (m.has_body)
		m.body = dec_bytes(&d, PBFT_BODY_BYTES_MAX);
	err = dec_done(&d);
	if (err == 0)
		*ret_m = m;
	return err;
}

int msg_vote_encode(const struct msg_vote *m, struct buf *out)
{
	struct enc e;

	assert(m->vote.kind == VOTE_PREPARE || m->vote.kind == VOTE_COMMIT);
	head_encode(&e, out, m->vote.kind == VOTE_PREPARE ? MSG_PREPARE : MSG_COMMIT);
	enc_u8(&e, m->sender);
	vote_encode(&e, &m->vote);
	enc_fixed(&e, m->sig, SIG_BYTES);
	return enc_done(&e);
}

int msg_vote_decode(struct view in, struct msg_vote *ret_m)
{
	struct msg_vote m;
	enum msg_kind kind;
	struct dec d;
	int err = msg_kind(in, &kind);

	if (err != 0 || (kind != MSG_PREPARE && kind != MSG_COMMIT))
		return CF_EDECODE;
	memset(&m, 0, sizeof(m));
	head_decode(&d, in, kind);
	m.sender = member_decode(&d);
	vote_decode(&d, kind == MSG_PREPARE ? VOTE_PREPARE : VOTE_COMMIT, &m.vote);
	dec_fixed(&d, m.sig, SIG_BYTES);
	err = dec_done(&d);
	if (err == 0)
		*ret_m = m;
	return err;
}

void prepared_encode(const struct prepared *c, struct enc *e)
{
	enc_u64(e, c->height);
	enc_u64(e, c->view);
	enc_fixed(e, c->digest.b, HASH_BYTES);
	enc_fixed(e, c->leader_sig, SIG_BYTES);
	enc_u8(e, c->count);
	for (unsigned i = 0; i < c->count; i++) {
		enc_u8(e, c->index[i]);
		enc_fixed(e, c->sig[i], SIG_BYTES);
	}
}

void prepared_decode(struct dec *d, struct prepared *ret_c)
{
	struct prepared c;

	memset(&c, 0, sizeof(c));
	c.height = dec_u64(d);
	c.view = dec_u64(d);
	dec_fixed(d, c.digest.b, HASH_BYTES);
	dec_fixed(d, c.leader_sig, SIG_BYTES);
	c.count = dec_u8(d);
	if (c.count > MEMBERS_MAX) {
		dec_fail(d, CF_EDECODE);
		return;
	}
	for (unsigned i = 0; i < c.count; i++) {
		c.index[i] = member_decode(d);
		dec_fixed(d, c.sig[i], SIG_BYTES);
		if (i > 0 && c.index[i] <= c.index[i - 1])
			dec_fail(d, CF_EDECODE);
	}
	if (d->err == 0)
		*ret_c = c;
}

int msg_view_change_encode(const struct msg_view_change *m, struct buf *out)
{
	struct enc e;

	head_encode(&e, out, MSG_VIEW_CHANGE);
	enc_u8(&e, m->sender);
	enc_u64(&e, m->epoch);
	enc_u64(&e, m->view);
	enc_u64(&e, m->height);
	enc_bool(&e, m->has_base);
	if (m->has_base)
		certificate_encode(&m->base, &e);
	enc_bool(&e, m->has_prepared);
	if (m->has_prepared)
		prepared_encode(&m->prepared, &e);
	enc_fixed(&e, m->sig, SIG_BYTES);
	return enc_done(&e);
}

int msg_view_change_decode(struct view in, struct msg_view_change *ret_m)
{
	struct msg_view_change m;
	struct dec d;
	int err;

	memset(&m, 0, sizeof(m));
	head_decode(&d, in, MSG_VIEW_CHANGE);
	m.sender = member_decode(&d);
	m.epoch = dec_u64(&d);
	m.view = dec_u64(&d);
	m.height = dec_u64(&d);
	m.has_base = dec_bool(&d);
	if (m.has_base)
		certificate_decode(&d, &m.base);
	m.has_prepared = dec_bool(&d);
	if (m.has_prepared)
		prepared_decode(&d, &m.prepared);
	dec_fixed(&d, m.sig, SIG_BYTES);
	m.bytes = in;
	err = dec_done(&d);
	if (err == 0)
		*ret_m = m;
	return err;
}

int msg_new_view_encode(const struct msg_new_view *m, struct buf *out)
{
	struct enc e;

	head_encode(&e, out, MSG_NEW_VIEW);
	enc_u8(&e, m->sender);
	enc_u64(&e, m->epoch);
	enc_u64(&e, m->view);
	enc_u16(&e, m->count);
	for (unsigned i = 0; i < m->count; i++)
		enc_bytes(&e, m->change[i]);
	enc_bool(&e, m->has_proposal);
	if (m->has_proposal) {
		enc_u64(&e, m->height);
		enc_fixed(&e, m->digest.b, HASH_BYTES);
		enc_fixed(&e, m->proposal_sig, SIG_BYTES);
	}
	enc_fixed(&e, m->sig, SIG_BYTES);
	return enc_done(&e);
}

int msg_new_view_decode(struct view in, struct msg_new_view *ret_m)
{
	struct msg_new_view m;
	struct dec d;
	int err;

	memset(&m, 0, sizeof(m));
	head_decode(&d, in, MSG_NEW_VIEW);
	m.sender = member_decode(&d);
	m.epoch = dec_u64(&d);
	m.view = dec_u64(&d);
	m.count = (uint8_t)dec_count16(&d, MEMBERS_MAX);
	for (unsigned i = 0; i < m.count; i++)
		m.change[i] = dec_bytes(&d, VIEW_CHANGE_BYTES_MAX);
	m.has_proposal = dec_bool(&d);
	if (m.has_proposal) {
		m.height = dec_u64(&d);
		dec_fixed(&d, m.digest.b, HASH_BYTES);
		dec_fixed(&d, m.proposal_sig, SIG_BYTES);
	}
	dec_fixed(&d, m.sig, SIG_BYTES);
	err = dec_done(&d);
	if (err == 0)
		*ret_m = m;
	return err;
}

int msg_status_encode(const struct msg_status *m, struct buf *out)
{
	struct enc e;

	head_encode(&e, out, MSG_STATUS);
	enc_u8(&e, m->sender);
	enc_u64(&e, m->epoch);
	enc_u64(&e, m->view);
	enc_u64(&e, m->height);
	enc_bool(&e, m->active);
	enc_fixed(&e, m->sig, SIG_BYTES);
	return enc_done(&e);
}

int msg_status_decode(struct view in, struct msg_status *ret_m)
{
	struct msg_status m;
	struct dec d;
	int err;

	memset(&m, 0, sizeof(m));
	head_decode(&d, in, MSG_STATUS);
	m.sender = member_decode(&d);
	m.epoch = dec_u64(&d);
	m.view = dec_u64(&d);
	m.height = dec_u64(&d);
	m.active = dec_bool(&d);
	dec_fixed(&d, m.sig, SIG_BYTES);
	err = dec_done(&d);
	if (err == 0)
		*ret_m = m;
	return err;
}

int msg_certificate_encode(const struct certificate *c, struct buf *out)
{
	struct enc e;

	head_encode(&e, out, MSG_CERTIFICATE);
	certificate_encode(c, &e);
	return enc_done(&e);
}

int msg_certificate_decode(struct view in, struct certificate *ret_c)
{
	struct certificate c;
	struct dec d;
	int err;

	memset(&c, 0, sizeof(c));
	head_decode(&d, in, MSG_CERTIFICATE);
	certificate_decode(&d, &c);
	err = dec_done(&d);
	if (err == 0)
		*ret_c = c;
	return err;
}

int msg_fetch_encode(const struct msg_fetch *m, struct buf *out)
{
	struct enc e;

	head_encode(&e, out, MSG_FETCH_BODY);
	enc_u8(&e, m->sender);
	enc_u64(&e, m->epoch);
	enc_u64(&e, m->height);
	enc_fixed(&e, m->digest.b, HASH_BYTES);
	enc_fixed(&e, m->sig, SIG_BYTES);
	return enc_done(&e);
}

int msg_fetch_decode(struct view in, struct msg_fetch *ret_m)
{
	struct msg_fetch m;
	struct dec d;
	int err;

	memset(&m, 0, sizeof(m));
	head_decode(&d, in, MSG_FETCH_BODY);
	m.sender = member_decode(&d);
	m.epoch = dec_u64(&d);
	m.height = dec_u64(&d);
	dec_fixed(&d, m.digest.b, HASH_BYTES);
	dec_fixed(&d, m.sig, SIG_BYTES);
	err = dec_done(&d);
	if (err == 0)
		*ret_m = m;
	return err;
}

int msg_body_encode(const struct msg_body *m, struct buf *out)
{
	struct enc e;

	head_encode(&e, out, MSG_BODY);
	enc_u64(&e, m->epoch);
	enc_u64(&e, m->height);
	enc_fixed(&e, m->digest.b, HASH_BYTES);
	enc_bytes(&e, m->body);
	return enc_done(&e);
}

int msg_body_decode(struct view in, struct msg_body *ret_m)
{
	struct msg_body m;
	struct dec d;
	int err;

	memset(&m, 0, sizeof(m));
	head_decode(&d, in, MSG_BODY);
	m.epoch = dec_u64(&d);
	m.height = dec_u64(&d);
	dec_fixed(&d, m.digest.b, HASH_BYTES);
	m.body = dec_bytes(&d, PBFT_BODY_BYTES_MAX);
	err = dec_done(&d);
	if (err == 0)
		*ret_m = m;
	return err;
}

int msg_request_encode(struct view request, struct buf *out)
{
	struct enc e;

	head_encode(&e, out, MSG_REQUEST);
	enc_bytes(&e, request);
	return enc_done(&e);
}

int msg_request_decode(struct view in, struct view *ret_request)
{
	struct view request;
	struct dec d;
	int err;

	head_decode(&d, in, MSG_REQUEST);
	request = dec_bytes(&d, PBFT_REQUEST_BYTES_MAX);
	err = dec_done(&d);
	if (err == 0)
		*ret_request = request;
	return err;
}
