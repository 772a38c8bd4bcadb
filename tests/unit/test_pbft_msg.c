/* SPDX-License-Identifier: Apache-2.0 */
#include "net/pbft_core.h"
#include "net/pbft_msg.h"
#include "tests/lib/t.h"

/* Decodes and encodes again: the one encoding of a value, or a refusal. */
typedef int (*recode_fn)(struct view in, struct buf *out);

static int recode_pre_prepare(struct view in, struct buf *out)
{
	struct msg_pre_prepare m;
	int err = msg_pre_prepare_decode(in, &m);

	return err != 0 ? err : msg_pre_prepare_encode(&m, out);
}

static int recode_vote(struct view in, struct buf *out)
{
	struct msg_vote m;
	int err = msg_vote_decode(in, &m);

	return err != 0 ? err : msg_vote_encode(&m, out);
}

static int recode_view_change(struct view in, struct buf *out)
{
	struct msg_view_change m;
	int err = msg_view_change_decode(in, &m);

	return err != 0 ? err : msg_view_change_encode(&m, out);
}

static int recode_new_view(struct view in, struct buf *out)
{
	struct msg_new_view m;
	int err = msg_new_view_decode(in, &m);

	return err != 0 ? err : msg_new_view_encode(&m, out);
}

static int recode_status(struct view in, struct buf *out)
{
	struct msg_status m;
	int err = msg_status_decode(in, &m);

	return err != 0 ? err : msg_status_encode(&m, out);
}

static int recode_certificate(struct view in, struct buf *out)
{
	struct certificate m;
	int err = msg_certificate_decode(in, &m);

	return err != 0 ? err : msg_certificate_encode(&m, out);
}

static int recode_fetch(struct view in, struct buf *out)
{
	struct msg_fetch m;
	int err = msg_fetch_decode(in, &m);

	return err != 0 ? err : msg_fetch_encode(&m, out);
}

static int recode_body(struct view in, struct buf *out)
{
	struct msg_body m;
	int err = msg_body_decode(in, &m);

	return err != 0 ? err : msg_body_encode(&m, out);
}

static int recode_request(struct view in, struct buf *out)
{
	struct view m;
	int err = msg_request_decode(in, &m);

	return err != 0 ? err : msg_request_encode(m, out);
}

static int recode_record_vote(struct view in, struct buf *out)
{
	struct record_vote r;
	int err = record_vote_decode(in, &r);

	return err != 0 ? err : record_vote_encode(&r, out);
}

static int recode_record_commit(struct view in, struct buf *out)
{
	struct record_commit r;
	int err = record_commit_decode(in, &r);

	return err != 0 ? err : record_commit_encode(&r, out);
}

/* Round trip; no shorter input decodes; what decodes after a change of one byte encodes to that change. */
static void exercise(struct buf *bytes, recode_fn recode)
{
	struct buf out;

	buf_init(&out, 0);
	t_zero(recode(buf_view(bytes), &out));
	t_bytes(bytes->data, bytes->len, out.data, out.len);
	for (size_t len = 0; len < bytes->len; len++) {
		buf_reset(&out);
		t_err(recode(VIEW(bytes->data, len), &out), CF_EDECODE);
	}
	for (size_t at = 0; at < bytes->len; at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			int err;

			bytes->data[at] ^= (uint8_t)(1u << bit);
			buf_reset(&out);
			err = recode(buf_view(bytes), &out);
			if (err == 0)
				t_bytes(bytes->data, bytes->len, out.data, out.len);
			else
				t_err(err, CF_EDECODE);
			bytes->data[at] ^= (uint8_t)(1u << bit);
		}
	}
	t_zero(buf_append(bytes, "x", 1));
	buf_reset(&out);
	t_err(recode(buf_view(bytes), &out), CF_EDECODE);
	buf_release(&out);
	buf_release(bytes);
}

static struct vote some_vote(enum vote_kind kind)
{
	return (struct vote){kind, 7, 12, 3, sha256(VIEW("d", 1))};
}

static void some_certificate(struct certificate *c)
{
	memset(c, 0, sizeof(*c));
	c->epoch = 7;
	c->height = 11;
	c->view = 2;
	c->digest = sha256(VIEW("base", 4));
	c->count = 3;
	for (unsigned i = 0; i < 3; i++) {
		c->index[i] = (uint8_t)(i + 1);
		memset(c->sig[i], (int)i, SIG_BYTES);
	}
}

static void some_prepared(struct prepared *c)
{
	memset(c, 0, sizeof(*c));
	c->height = 12;
	c->view = 3;
	c->digest = sha256(VIEW("d", 1));
	memset(c->leader_sig, 9, SIG_BYTES);
	c->count = 2;
	c->index[0] = 0;
	c->index[1] = 2;
	memset(c->sig, 5, 2 * SIG_BYTES);
}

static void some_view_change(struct msg_view_change *m)
{
	memset(m, 0, sizeof(*m));
	m->sender = 2;
	m->epoch = 7;
	m->view = 5;
	m->height = 11;
	m->has_base = true;
	some_certificate(&m->base);
	m->has_prepared = true;
	some_prepared(&m->prepared);
	memset(m->sig, 0xaa, SIG_BYTES);
}

T_TEST(pbft_msg_pre_prepare)
{
	struct msg_pre_prepare m = {
		.vote = some_vote(VOTE_PRE_PREPARE), .has_body = true, .body = VIEW("body", 4)};
	struct buf b;

	buf_init(&b, 0);
	t_zero(msg_pre_prepare_encode(&m, &b));
	exercise(&b, recode_pre_prepare);
	m.has_body = false;
	t_zero(msg_pre_prepare_encode(&m, &b));
	exercise(&b, recode_pre_prepare);
}

T_TEST(pbft_msg_votes)
{
	struct msg_vote m = {.sender = 3, .vote = some_vote(VOTE_PREPARE)};
	struct buf b;

	buf_init(&b, 0);
	t_zero(msg_vote_encode(&m, &b));
	exercise(&b, recode_vote);
	m.vote.kind = VOTE_COMMIT;
	t_zero(msg_vote_encode(&m, &b));
	exercise(&b, recode_vote);
}

T_TEST(pbft_msg_view_change)
{
	struct msg_view_change m;
	struct buf b;

	some_view_change(&m);
	buf_init(&b, 0);
	t_zero(msg_view_change_encode(&m, &b));
	t_ok(b.len <= VIEW_CHANGE_BYTES_MAX);
	exercise(&b, recode_view_change);
	m.has_base = m.has_prepared = false;
	t_zero(msg_view_change_encode(&m, &b));
	exercise(&b, recode_view_change);
}

T_TEST(pbft_msg_new_view)
{
	struct msg_view_change change;
	struct msg_new_view m;
	struct buf b, c;

	some_view_change(&change);
	buf_init(&b, 0);
	buf_init(&c, 0);
	t_zero(msg_view_change_encode(&change, &c));
	memset(&m, 0, sizeof(m));
	m.sender = 1;
	m.epoch = 7;
	m.view = 5;
	m.count = 3;
	for (unsigned i = 0; i < 3; i++)
		m.change[i] = buf_view(&c);
	m.has_proposal = true;
	m.height = 12;
	t_zero(msg_new_view_encode(&m, &b));
	t_ok(b.len <= NEW_VIEW_BYTES_MAX);
	exercise(&b, recode_new_view);
	m.has_proposal = false;
	t_zero(msg_new_view_encode(&m, &b));
	exercise(&b, recode_new_view);
	buf_release(&c);
}

T_TEST(pbft_msg_small_ones)
{
	struct msg_status status = {.sender = 1, .epoch = 7, .view = 2, .height = 9, .active = true};
	struct msg_fetch fetch = {.sender = 1, .epoch = 7, .height = 9};
	struct msg_body body = {.epoch = 7, .height = 9, .body = VIEW("body", 4)};
	struct certificate c;
	struct buf b;

	buf_init(&b, 0);
	t_zero(msg_status_encode(&status, &b));
	exercise(&b, recode_status);
	t_zero(msg_fetch_encode(&fetch, &b));
	exercise(&b, recode_fetch);
	t_zero(msg_body_encode(&body, &b));
	exercise(&b, recode_body);
	some_certificate(&c);
	t_zero(msg_certificate_encode(&c, &b));
	exercise(&b, recode_certificate);
	t_zero(msg_request_encode(VIEW("request", 7), &b));
	exercise(&b, recode_request);
}

T_TEST(pbft_msg_records)
{
	struct record_vote v = {.epoch = 7, .has_base = true, .kind = VOTE_PREPARE, .height = 12, .view = 3};
	struct record_commit c = {.epoch = 7};
	struct buf b;

	some_certificate(&v.base);
	v.has_body = true;
	v.body = VIEW("body", 4);
	buf_init(&b, 0);
	t_zero(record_vote_encode(&v, &b));
	exercise(&b, recode_record_vote);
	some_prepared(&c.prepared);
	t_zero(record_commit_encode(&c, &b));
	exercise(&b, recode_record_commit);
}

T_TEST(pbft_msg_routing)
{
	const struct hash one = sha256(VIEW("1", 1)), two = sha256(VIEW("2", 1));
	struct msg_status status = {.sender = 1};
	struct hash a, c;
	struct view request;
	struct buf b;

	buf_init(&b, 0);
	t_zero(msg_request_encode(VIEW("request", 7), &b));
	t_ok(!pbft_is_message(buf_view(&b)));
	t_ok(pbft_is_relay(buf_view(&b), &request));
	t_bytes(request.data, request.len, "request", 7);
	buf_reset(&b);
	t_zero(msg_status_encode(&status, &b));
	t_ok(pbft_is_message(buf_view(&b)));
	t_ok(!pbft_is_relay(buf_view(&b), &request));
	t_ok(!pbft_is_message(VIEW("CFP", 3)));
	/* the network is signed, the place of the signature is not */
	a = viewmsg_digest(&one, buf_view(&b));
	c = viewmsg_digest(&two, buf_view(&b));
	t_ok(!hash_equal(&a, &c));
	b.data[b.len - 1] ^= 1;
	c = viewmsg_digest(&one, buf_view(&b));
	t_ok(hash_equal(&a, &c));
	buf_release(&b);
}

T_MAIN
