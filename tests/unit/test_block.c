/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/block.h"
#include "ledger/mem.h"
#include "tests/lib/t.h"

#define TXS 3

static const struct view txs[TXS] = {
	{(const uint8_t *)"first", 5},
	{(const uint8_t *)"second", 6},
	{(const uint8_t *)"third", 5},
};

static struct hash hash_of(const char *s)
{
	return sha256(view_str(s));
}

static void sample_header(struct block_header *h)
{
	*h = (struct block_header){
		.network = hash_of("network"),
		.height = 12,
		.prev = hash_of("prev"),
		.size_bytes = block_size_bytes(txs, TXS),
		.tx_root = hash_of("tx root"),
		.tx_count = TXS,
		.time_ms = 1780000000000,
		.state_root = hash_of("state"),
		.verdict_root = hash_of("verdicts"),
		.members = hash_of("members"),
		.next_members = hash_of("next members"),
		.epoch = 5,
		.proposer_view = 6,
		.proposer = 3,
	};
	t_zero(block_body_root(txs, TXS, &h->body_root));
}

static void encode_header(const struct block_header *h, struct buf *out)
{
	buf_init(out, 0);
	t_zero(block_header_encode(h, out));
	t_eq(out->len, BLOCK_HEADER_BYTES);
}

static void sample_block(struct buf *out)
{
	struct block_header h;
	struct buf header;

	sample_header(&h);
	encode_header(&h, &header);
	buf_init(out, 0);
	t_zero(block_encode(buf_view(&header), txs, TXS, out));
	buf_release(&header);
}

T_TEST(block_verdict_names)
{
	t_str(verdict_name(VERDICT_VALID), "VALID");
	t_str(verdict_name(VERDICT_MVCC_CONFLICT), "MVCC_CONFLICT");
	t_str(verdict_name(200), "?");
}

T_TEST(block_header_round_trip)
{
	struct block_header h, got;
	struct buf bytes, again;
	struct hash hash, want;

	sample_header(&h);
	encode_header(&h, &bytes);
	t_zero(block_header_decode(buf_view(&bytes), &got));
	t_eq(got.height, 12);
	t_eq(got.size_bytes, 16);
	t_eq(got.tx_count, TXS);
	t_eq(got.time_ms, h.time_ms);
	t_eq(got.epoch, 5);
	t_eq(got.proposer_view, 6);
	t_eq(got.proposer, 3);
	t_ok(hash_equal(&got.next_members, &h.next_members) && hash_equal(&got.prev, &h.prev));
	encode_header(&got, &again);
	t_bytes(again.data, again.len, bytes.data, bytes.len);
	hash = block_hash(buf_view(&bytes));
	want = sha256(buf_view(&bytes));
	t_ok(hash_equal(&hash, &want));
	buf_release(&again);
	buf_release(&bytes);
}

T_TEST(block_header_truncated_and_tampered)
{
	struct block_header h, got;
	struct buf bytes, again;

	sample_header(&h);
	encode_header(&h, &bytes);
	for (size_t n = 0; n < bytes.len; n++)
		t_err(block_header_decode(VIEW(bytes.data, n), &got), CF_EDECODE);
	for (size_t i = 0; i < 8 * bytes.len; i++) {
		bytes.data[i / 8] ^= (uint8_t)(1u << i % 8);
		if (block_header_decode(buf_view(&bytes), &got) == 0) {
			encode_header(&got, &again);
			t_bytes(again.data, again.len, bytes.data, bytes.len);
			buf_release(&again);
		}
		bytes.data[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	t_zero(buf_append(&bytes, "", 1));
	t_err(block_header_decode(buf_view(&bytes), &got), CF_EDECODE);
	buf_release(&bytes);
}

T_TEST(block_header_not_well_formed)
{
	struct block_header h;
	struct buf bytes;

	buf_init(&bytes, 0);
#define REFUSED(change)                                            \
	do {                                                       \
		sample_header(&h);                                 \
		change;                                            \
		t_err(block_header_encode(&h, &bytes), CF_EINVAL); \
		t_eq(bytes.len, 0);                                \
	} while (0)
	REFUSED(h.height = 0);
	REFUSED(h.tx_count = BLOCK_TXS_MAX + 1);
	REFUSED(h.size_bytes = BLOCK_BYTES_MAX + 1);
	REFUSED(h.proposer = MEMBERS_MAX);
	buf_release(&bytes);
}

T_TEST(block_round_trip)
{
	struct block b;
	struct buf bytes, again;
	struct hash hash;

	sample_block(&bytes);
	t_zero(block_decode(buf_view(&bytes), &b));
	t_eq(b.tx_count, TXS);
	for (size_t i = 0; i < TXS; i++)
		t_ok(view_equal(b.tx[i], txs[i]));
	hash = sha256(VIEW(bytes.data, BLOCK_HEADER_BYTES));
	t_ok(hash_equal(&b.hash, &hash));
	buf_init(&again, 0);
	t_zero(block_encode(b.header_bytes, b.tx, b.tx_count, &again));
	t_bytes(again.data, again.len, bytes.data, bytes.len);
	block_release(&b);
	buf_release(&again);
	buf_release(&bytes);
}

/* Behind the header no bit can change: lengths by the layout, contents by the body root. */
T_TEST(block_truncated_and_tampered)
{
	struct block b;
	struct buf bytes;
	struct hash hash;

	sample_block(&bytes);
	hash = block_hash(VIEW(bytes.data, BLOCK_HEADER_BYTES));
	for (size_t n = 0; n < bytes.len; n++)
		t_err(block_decode(VIEW(bytes.data, n), &b), CF_EDECODE);
	for (size_t i = 0; i < 8 * bytes.len; i++) {
		bytes.data[i / 8] ^= (uint8_t)(1u << i % 8);
		if (block_decode(buf_view(&bytes), &b) == 0) {
			t_ok(i / 8 < BLOCK_HEADER_BYTES);
			t_ok(!hash_equal(&b.hash, &hash));
			block_release(&b);
		}
		bytes.data[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	t_zero(buf_append(&bytes, "", 1));
	t_err(block_decode(buf_view(&bytes), &b), CF_EDECODE);
	buf_release(&bytes);
}

T_TEST(block_header_binds_count_size_and_order)
{
	static const struct view swapped[TXS] = {
		{(const uint8_t *)"third", 5},
		{(const uint8_t *)"second", 6},
		{(const uint8_t *)"first", 5},
	};
	struct block_header h;
	struct buf header, bytes;
	struct block b;

	buf_init(&bytes, 0);
	sample_header(&h);
	encode_header(&h, &header);
	t_err(block_encode(buf_view(&header), txs, TXS - 1, &bytes), CF_EINVAL);
	t_err(block_encode(VIEW(header.data, header.len - 1), txs, TXS, &bytes), CF_EINVAL);
	t_eq(bytes.len, 0);
	t_zero(block_encode(buf_view(&header), swapped, TXS, &bytes));
	t_err(block_decode(buf_view(&bytes), &b), CF_ECORRUPT);

	buf_release(&bytes);
	buf_release(&header);
	h.size_bytes++;
	encode_header(&h, &header);
	t_err(block_encode(buf_view(&header), txs, TXS, &bytes), CF_EINVAL);
	sample_block(&bytes);
	memcpy(bytes.data, header.data, header.len);
	t_err(block_decode(buf_view(&bytes), &b), CF_ECORRUPT);
	buf_release(&header);
	buf_release(&bytes);
}

T_TEST(block_of_no_transaction)
{
	struct block_header h;
	struct buf header, bytes;
	struct block b;

	sample_header(&h);
	h.tx_count = 0;
	h.size_bytes = 0;
	t_zero(block_body_root(NULL, 0, &h.body_root));
	encode_header(&h, &header);
	buf_init(&bytes, 0);
	t_zero(block_encode(buf_view(&header), NULL, 0, &bytes));
	t_bytes(bytes.data, bytes.len, header.data, header.len);
	t_zero(block_decode(buf_view(&bytes), &b));
	t_eq(b.tx_count, 0);
	block_release(&b);
	buf_release(&header);
	buf_release(&bytes);
}

T_TEST(block_body_round_trip)
{
	static const struct view annexes[TXS] = {{NULL, 0}, {(const uint8_t *)"annex", 5}, {NULL, 0}};
	struct buf block, bytes, again;
	struct block_body body;

	sample_block(&block);
	buf_init(&bytes, 0);
	buf_init(&again, 0);
	t_zero(block_body_encode(buf_view(&block), annexes, TXS, &bytes));
	t_zero(block_body_decode(buf_view(&bytes), &body));
	t_ok(view_equal(body.block.bytes, buf_view(&block)));
	for (size_t i = 0; i < TXS; i++)
		t_ok(view_equal(body.annex[i], annexes[i]));
	t_zero(block_body_encode(body.block.bytes, body.annex, body.block.tx_count, &again));
	t_bytes(again.data, again.len, bytes.data, bytes.len);
	block_body_release(&body);
	for (size_t n = 0; n < bytes.len; n++)
		t_err(block_body_decode(VIEW(bytes.data, n), &body), CF_EDECODE);
	t_zero(buf_append(&bytes, "", 1));
	t_err(block_body_decode(buf_view(&bytes), &body), CF_EDECODE);
	buf_release(&again);
	buf_release(&bytes);
	buf_release(&block);
}

T_TEST(block_roots_by_hand)
{
	struct hash ids[TXS] = {hash_of("a"), hash_of("b"), hash_of("c")}, leaf[TXS], want, got;
	const uint8_t verdicts[TXS] = {0, 5, 1};

	for (size_t i = 0; i < TXS; i++)
		leaf[i] = merkle_leaf(VIEW(ids[i].b, HASH_BYTES));
	want = merkle_node(&leaf[0], &leaf[1]);
	want = merkle_node(&want, &leaf[2]);
	t_zero(block_tx_root(ids, TXS, &got));
	t_ok(hash_equal(&got, &want));
	for (size_t i = 0; i < TXS; i++) {
		uint8_t data[HASH_BYTES + 1];

		memcpy(data, ids[i].b, HASH_BYTES);
		data[HASH_BYTES] = verdicts[i];
		leaf[i] = merkle_leaf(VIEW(data, sizeof(data)));
	}
	want = merkle_node(&leaf[0], &leaf[1]);
	want = merkle_node(&want, &leaf[2]);
	t_zero(block_verdict_root(ids, verdicts, TXS, &got));
	t_ok(hash_equal(&got, &want));
	want = sha256(VIEW_NONE);
	t_zero(block_tx_root(NULL, 0, &got));
	t_ok(hash_equal(&got, &want));
}

T_TEST(block_out_of_memory)
{
	struct buf block, bytes;
	struct block_body body;
	struct block b;
	const struct view none[TXS] = {{NULL, 0}};

	sample_block(&block);
	buf_init(&bytes, 0);
	t_zero(block_body_encode(buf_view(&block), none, TXS, &bytes));
	for (long n = 0; n < 2; n++) { /* the list, the leaves of the root */
		mem_fail_after(n);
		t_err(block_decode(buf_view(&block), &b), CF_ENOMEM);
	}
	for (long n = 0; n < 3; n++) {
		mem_fail_after(n);
		t_err(block_body_decode(buf_view(&bytes), &body), CF_ENOMEM);
	}
	mem_fail_after(-1);
	buf_release(&bytes);
	buf_release(&block);
}

T_MAIN
