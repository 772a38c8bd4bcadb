/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_wire.c - every frame: round trip, every byte changed, every truncation.
 */
#include "ledger/blob.h"
#include "ledger/mem.h"
#include "net/wire.h"
#include "tests/lib/t.h"

#include <stdlib.h>

static const struct hash network = {{1, 2, 3}};
static const struct identity_id me = {{9, 8, 7}};

/* Decodes a payload and encodes it again; the error of the former. */
typedef int (*again_fn)(struct view payload, struct buf *out);

#define AGAIN(name, release)                                          \
	static int again_##name(struct view payload, struct buf *out) \
	{                                                             \
		struct wire_##name *m = mem_zalloc(sizeof(*m));       \
		int err = wire_##name##_decode(payload, m);           \
                                                                      \
		if (!err)                                             \
			t_zero(wire_##name##_encode(m, out));         \
		if (!err)                                             \
			release(m);                                   \
		mem_free(m);                                          \
		return err;                                           \
	}

static void nothing(void *m)
{
	(void)m;
}

AGAIN(submit, nothing)
AGAIN(endorse, wire_endorse_release)
AGAIN(endorsed, wire_endorsed_release)
AGAIN(block, nothing)
AGAIN(hold, nothing)
AGAIN(receipt, nothing)
AGAIN(blob, nothing)
AGAIN(status, nothing)
AGAIN(refused, nothing)
AGAIN(settled, nothing)
AGAIN(share_ask, nothing)
AGAIN(share, nothing)
AGAIN(destroyed_ask, nothing)
AGAIN(destroyed, nothing)

/* One encoding only: what decodes is encoded to the same bytes; nothing shorter or longer decodes. */
static void torture(struct view payload, again_fn again)
{
	uint8_t *bytes = mem_alloc(payload.len + 1);
	struct buf out;

	buf_init(&out, 0);
	t_zero(again(payload, &out));
	t_bytes(out.data, out.len, payload.data, payload.len);
	memcpy(bytes, payload.data, payload.len);
	bytes[payload.len] = 0;
	t_ok(again(VIEW(bytes, payload.len + 1), &out) != 0);
	for (size_t len = 0; len < payload.len; len++) {
		/* A copy of its own, so that a read behind the end is seen. */
		uint8_t *cut = mem_dup(bytes, len);

		t_ok(again(VIEW(cut, len), &out) != 0);
		mem_free(cut);
	}
	for (size_t i = 0; i < payload.len; i++) {
		bytes[i] ^= 0x41;
		buf_reset(&out);
		if (again(VIEW(bytes, payload.len), &out) == 0)
			t_bytes(out.data, out.len, bytes, payload.len);
		bytes[i] ^= 0x41;
	}
	buf_release(&out);
	mem_free(bytes);
}

static void path_fill(struct sigpath *s, uint32_t index, uint32_t count, uint8_t len)
{
	memset(s, 0, sizeof(*s));
	s->index = index;
	s->count = count;
	s->path_len = len;
	memset(s->path, 0x55, len * sizeof(s->path[0]));
	memset(s->sig, 0x66, SIG_BYTES);
}

static void certificate_fill(struct certificate *c)
{
	memset(c, 0, sizeof(*c));
	c->height = 7;
	c->view = 1;
	c->count = 3;
	for (uint8_t i = 0; i < c->count; i++) {
		c->index[i] = (uint8_t)(i + 1);
		memset(c->sig[i], i + 1, SIG_BYTES);
	}
}

T_TEST(submit_and_endorse)
{
	struct wire_submit *submit = mem_zalloc(sizeof(*submit));
	struct wire_endorse *endorse = mem_zalloc(sizeof(*endorse));
	struct sigpath paths[2];
	struct buf out;

	buf_init(&out, 0);
	t_zero(wire_submit_encode(submit, &out));
	torture(buf_view(&out), again_submit);
	submit->count = 2;
	submit->tx[0] = view_str("a transaction");
	submit->annex[1] = view_str("an annex");
	buf_reset(&out);
	t_zero(wire_submit_encode(submit, &out));
	torture(buf_view(&out), again_submit);

	path_fill(&paths[0], 0, 1, 0);
	path_fill(&paths[1], 1, 2, 1);
	endorse->min_height = 12;
	endorse->count = 2;
	endorse->signature = paths;
	endorse->proposal[0] = view_str("a proposal");
	endorse->annex[0] = view_str("x");
	buf_reset(&out);
	t_zero(wire_endorse_encode(endorse, &out));
	torture(buf_view(&out), again_endorse);
	buf_release(&out);
	mem_free(submit);
	mem_free(endorse);
}

T_TEST(endorsed_frames)
{
	struct wire_endorsed_item item[2] = {{.error = 0}, {.error = CF_EDENIED}};
	struct wire_endorsed m = {.by = me, .height = 3, .count = 2, .item = item};
	struct buf out;

	buf_init(&out, 0);
	item[0].rwset = view_str("read and written");
	path_fill(&item[0].signature, 2, 3, 1);
	item[1].detail = view_str("no grant");
	t_zero(wire_endorsed_encode(&m, &out));
	torture(buf_view(&out), again_endorsed);
	buf_release(&out);
}

T_TEST(blocks_and_blobs)
{
	struct wire_block block = {.height = 7, .body = view_str("body"), .verdicts = view_str("vv")};
	struct wire_blob blob = {.found = true, .bytes = view_str("bytes")};
	struct wire_hold hold = {.count = 2};
	struct wire_receipt receipt = {.by = me, .held = true};
	struct buf out;

	buf_init(&out, 0);
	certificate_fill(&block.certificate);
	t_zero(wire_block_encode(&block, &out));
	torture(buf_view(&out), again_block);

	buf_reset(&out);
	t_zero(wire_blob_encode(&blob, &out));
	torture(buf_view(&out), again_blob);
	blob = (struct wire_blob){.found = false};
	buf_reset(&out);
	t_zero(wire_blob_encode(&blob, &out));
	torture(buf_view(&out), again_blob);

	hold.blob[0].root.b[0] = 1;
	hold.blob[1].root.b[0] = 2;
	buf_reset(&out);
	t_zero(wire_hold_encode(&hold, &out));
	torture(buf_view(&out), again_hold);
	hold.blob[1].root.b[0] = 1; /* doubled */
	buf_reset(&out);
	t_zero(wire_hold_encode(&hold, &out));
	t_err(wire_hold_decode(buf_view(&out), &hold), CF_EDECODE);

	path_fill(&receipt.signature, 0, 1, 0);
	buf_reset(&out);
	t_zero(wire_receipt_encode(&receipt, &out));
	torture(buf_view(&out), again_receipt);
	receipt.held = false;
	receipt.missing_count = 2;
	buf_reset(&out);
	t_zero(wire_receipt_encode(&receipt, &out));
	torture(buf_view(&out), again_receipt);
	buf_release(&out);
}

T_TEST(small_frames)
{
	struct wire_status status = {.by = me,
				     .height = 5,
				     .view = 2,
				     .leader = 1,
				     .voting = true,
				     .pool = 9,
				     .blobs = 10,
				     .scrubs = 11,
				     .scrubbed = 12,
				     .damaged = 13,
				     .repaired = 14};
	struct wire_refused refused = {.error = CF_EEXPIRED, .detail = view_str("too late")};
	struct wire_settled settled = {.height = 3, .index = 1, .verdict = 2};
	struct wire_share share = {{{{1}}, 2, 3, 4}, view_str("sealed")};
	struct buf out;

	buf_init(&out, 0);
	status.detail = view_str("disk full");
	t_zero(wire_status_encode(&status, &out));
	torture(buf_view(&out), again_status);
	buf_reset(&out);
	t_zero(wire_refused_encode(&refused, &out));
	torture(buf_view(&out), again_refused);
	t_zero(wire_refused_decode(buf_view(&out), &refused));
	t_eq(refused.error, CF_EEXPIRED);
	buf_reset(&out);
	t_zero(wire_settled_encode(&settled, &out));
	torture(buf_view(&out), again_settled);
	buf_reset(&out);
	t_zero(wire_share_ask_encode(&share.of, &out));
	torture(buf_view(&out), again_share_ask);
	buf_reset(&out);
	t_zero(wire_share_encode(&share, &out));
	torture(buf_view(&out), again_share);
	buf_reset(&out);
	t_zero(wire_destroyed_ask_encode(&(struct wire_destroyed_ask){{{5}}}, &out));
	torture(buf_view(&out), again_destroyed_ask);
	buf_reset(&out);
	t_zero(wire_destroyed_encode(&(struct wire_destroyed){{{5}}, 6, {7}}, &out));
	torture(buf_view(&out), again_destroyed);
	buf_release(&out);
}

/* A detail that is too long for its field is cut, not refused. */
T_TEST(long_detail)
{
	struct wire_refused m = {.error = CF_EIO};
	char text[600];
	struct buf out;

	buf_init(&out, 0);
	memset(text, 'x', sizeof(text));
	m.detail = VIEW(text, sizeof(text));
	t_zero(wire_refused_encode(&m, &out));
	t_zero(wire_refused_decode(buf_view(&out), &m));
	t_eq(m.detail.len, 255);
	buf_release(&out);
}

static void frame_torture(enum wire_kind kind, const struct crypto_key *key)
{
	struct wire_frame f;
	struct buf out;

	buf_init(&out, 0);
	t_zero(wire_frame_encode(kind, 77, &me, view_str("payload"), &network, key, &out));
	t_zero(wire_frame_decode(buf_view(&out), &network, &f));
	t_eq(f.kind, kind);
	t_eq(f.request, 77);
	t_bytes(f.payload.data, f.payload.len, "payload", 7);
	t_bytes(f.sender.b, IDENTITY_BYTES, me.b, IDENTITY_BYTES);
	t_eq(f.is_signed, wire_kind_enveloped(kind));
	if (f.is_signed)
		t_zero(crypto_verify(key, &f.digest, f.sig));
	for (size_t len = 0; len < out.len; len++) {
		uint8_t *cut = mem_dup(out.data, len);

		t_err(wire_frame_decode(VIEW(cut, len), &network, &f), CF_EDECODE);
		mem_free(cut);
	}
	for (size_t i = 0; i < out.len; i++) {
		out.data[i] ^= 1;
		/* Refused, another kind, or, when it is signed, a signature that does not verify. */
		if (wire_frame_decode(buf_view(&out), &network, &f) == 0 && f.is_signed)
			t_err(crypto_verify(key, &f.digest, f.sig), CF_ESIG);
		out.data[i] ^= 1;
	}
	t_zero(buf_append(&out, "", 1));
	t_err(wire_frame_decode(buf_view(&out), &network, &f), CF_EDECODE);
	buf_release(&out);
}

T_TEST(frames)
{
	const struct hash other = {{4}};
	struct crypto_key *key;
	struct wire_frame f;
	struct buf out;

	buf_init(&out, 0);
	t_zero(crypto_key_generate(&key));
	for (int kind = WIRE_PBFT; kind <= WIRE_SETTLED; kind++) {
		t_ok(strcmp(wire_kind_name((enum wire_kind)kind), "?") != 0);
		frame_torture((enum wire_kind)kind, key);
	}
	t_str(wire_kind_name((enum wire_kind)0), "?");
	/* Signed for one network, it is nothing in another. */
	t_zero(wire_frame_encode(WIRE_PUT, 1, &me, view_str("x"), &network, key, &out));
	t_zero(wire_frame_decode(buf_view(&out), &other, &f));
	t_err(crypto_verify(key, &f.digest, f.sig), CF_ESIG);
	buf_release(&out);
	crypto_key_free(key);
}

T_MAIN
