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
	bytes.data[4] = 4; /* kind */
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
	t_zero(tx_annex_hash(&network, buf_view(&bytes), &want));
	t_zero(tx_annex_hash(&other, buf_view(&bytes), &got));
	t_ok(!hash_equal(&want, &got));
	for (size_t i = 0; i < bytes.len; i++) {
		int err;

		bytes.data[i] ^= 0x10;
		err = tx_annex_hash(&network, buf_view(&bytes), &got);
		if (err)
			t_err(err, CF_EDECODE);
		else
			t_ok(!hash_equal(&want, &got));
		bytes.data[i] ^= 0x10;
	}
	buf_release(&bytes);
}

static bool is_kind(void *ctx, const struct annex_item *item)
{
	return item->kind == *(const uint8_t *)ctx;
}

static int not_kind(void *ctx, const struct annex_item *item)
{
	if (is_kind(ctx, item))
		t_fail("an item of kind %u is left", item->kind);
	return 0;
}

T_TEST(annex_items_are_erased_one_by_one)
{
	struct hash network = {"network"}, want, got;
	uint8_t kind = ANNEX_SECRET, other = ANNEX_WRAP;
	struct buf bytes, left, none;
	size_t erased;

	sample(&bytes);
	buf_init(&left, 0);
	buf_init(&none, 0);
	t_zero(tx_annex_hash(&network, buf_view(&bytes), &want));
	t_zero(annex_erase(buf_view(&bytes), is_kind, &kind, &left, &erased));
	t_ok(erased > 0 && annex_is_whole(buf_view(&bytes)) && !annex_is_whole(buf_view(&left)));
	t_zero(annex_walk(buf_view(&left), not_kind, &kind));
	t_zero(tx_annex_hash(&network, buf_view(&left), &got));
	t_ok(hash_equal(&want, &got)); /* still the annex that was signed */
	t_zero(annex_erase(buf_view(&left), is_kind, &other, &none, &erased));
	t_ok(erased > 0);
	t_zero(tx_annex_hash(&network, buf_view(&none), &got));
	t_ok(hash_equal(&want, &got));
	left.data[left.len - 1] ^= 1; /* nobody puts another item in an erased one's place */
	t_zero(tx_annex_hash(&network, buf_view(&left), &got));
	t_ok(!hash_equal(&want, &got));
	buf_reset(&none);
	t_err(annex_erase(VIEW(bytes.data, bytes.len - 1), is_kind, &kind, &none, &erased), CF_EDECODE);
	t_eq(none.len, 0);
	buf_release(&bytes);
	buf_release(&left);
	buf_release(&none);
}

T_MAIN
