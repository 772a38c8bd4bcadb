/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/tx.h"
#include "tests/lib/t.h"

static const struct annex_item items[] = {
	{ANNEX_SECRET, {(const uint8_t *)"\0\0secret", 8}},
	{ANNEX_WRAP, {NULL, 0}},
	{ANNEX_WRAP, {(const uint8_t *)"wrapped", 7}},
};

struct seen {
	size_t count;
	int answer;
};

static int on_item(void *ctx, const struct annex_item *item)
{
	struct seen *seen = ctx;

	t_ok(seen->count < 3);
	t_eq(item->kind, items[seen->count].kind);
	t_ok(view_equal(item->body, items[seen->count].body));
	seen->count++;
	return seen->answer;
}

static int on_item_never(void *ctx, const struct annex_item *item)
{
	(void)ctx;
	(void)item;
	t_fail("an item of a malformed annex was handed out");
}

static void sample(struct buf *out)
{
	buf_init(out, 0);
	t_zero(annex_encode(items, 3, out));
}

T_TEST(annex_round_trip)
{
	struct seen seen = {0};
	struct buf bytes;

	sample(&bytes);
	t_zero(annex_walk(buf_view(&bytes), on_item, &seen));
	t_eq(seen.count, 3);
	t_zero(annex_walk(buf_view(&bytes), NULL, NULL));
	seen = (struct seen){.answer = CF_EDENIED};
	t_err(annex_walk(buf_view(&bytes), on_item, &seen), CF_EDENIED);
	t_eq(seen.count, 1);
	buf_release(&bytes);
}

T_TEST(annex_malformed)
{
	struct buf bytes;

	sample(&bytes);
	for (size_t n = 0; n < bytes.len; n++)
		t_err(annex_walk(VIEW(bytes.data, n), on_item_never, NULL), CF_EDECODE);
	t_zero(buf_append(&bytes, "", 1));
	t_err(annex_walk(buf_view(&bytes), on_item_never, NULL), CF_EDECODE);
	bytes.len--;
	bytes.data[1] = 2; /* version */
	t_err(annex_walk(buf_view(&bytes), on_item_never, NULL), CF_EDECODE);
	bytes.data[1] = 1;
	bytes.data[4] = 3; /* kind */
	t_err(annex_walk(buf_view(&bytes), on_item_never, NULL), CF_EDECODE);
	t_err(annex_walk(VIEW("\0\1\0\0", 4), on_item_never, NULL), CF_EDECODE); /* of nothing */
	buf_release(&bytes);
}

T_TEST(annex_limits)
{
	static uint8_t big[TX_ANNEX_BYTES_MAX];
	struct annex_item item = {ANNEX_WRAP, VIEW(big, sizeof(big) - 9)};
	struct buf bytes;

	buf_init(&bytes, 0);
	t_err(annex_encode(NULL, 0, &bytes), CF_EINVAL);
	t_zero(annex_encode(&item, 1, &bytes));
	t_eq(bytes.len, TX_ANNEX_BYTES_MAX);
	t_zero(annex_walk(buf_view(&bytes), NULL, NULL));
	buf_reset(&bytes);
	item.body.len++;
	t_err(annex_encode(&item, 1, &bytes), CF_ETOOBIG);
	t_eq(bytes.len, 0);
	buf_release(&bytes);
}

T_TEST(annex_hash_binds_network_and_every_byte)
{
	struct hash network = {"network"}, other = {"other"}, want, got;
	struct buf bytes;

	sample(&bytes);
	want = tx_annex_hash(&network, buf_view(&bytes));
	got = tx_annex_hash(&other, buf_view(&bytes));
	t_ok(!hash_equal(&want, &got));
	for (size_t i = 0; i < bytes.len; i++) {
		bytes.data[i] ^= 0x10;
		got = tx_annex_hash(&network, buf_view(&bytes));
		t_ok(!hash_equal(&want, &got));
		bytes.data[i] ^= 0x10;
	}
	buf_release(&bytes);
}

T_MAIN
