/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tx_annex.c - the annex: erasable bytes that travel with a transaction, bound to it by their hash.
 */
#include "ledger/tx.h"

#include <assert.h>

#define ANNEX_TAG "chartfs annex v1"
#define ANNEX_VERSION 1

static bool kind_known(uint8_t kind)
{
	return kind == ANNEX_WRAP || kind == ANNEX_SECRET;
}

int annex_encode(const struct annex_item *items, size_t count, struct buf *out)
{
	struct enc e;
	size_t start;
	int err;

	assert(out && (items || count == 0));
	if (count == 0 || count > UINT16_MAX)
		return CF_EINVAL;
	start = out->len;
	enc_init(&e, out);
	enc_u16(&e, ANNEX_VERSION);
	enc_u16(&e, (uint16_t)count);
	for (size_t i = 0; i < count; i++) {
		assert(kind_known(items[i].kind));
		enc_u8(&e, items[i].kind);
		enc_bytes(&e, items[i].body);
	}
	err = enc_done(&e);
	if (err == 0 && out->len - start > TX_ANNEX_BYTES_MAX)
		err = CF_ETOOBIG;
	if (err)
		out->len = start;
	return err;
}

static int walk(struct view bytes, int (*on_item)(void *ctx, const struct annex_item *item), void *ctx)
{
	struct dec d;
	uint16_t count;

	dec_init(&d, bytes);
	if (dec_u16(&d) != ANNEX_VERSION)
		dec_fail(&d, CF_EDECODE);
	count = dec_u16(&d);
	if (count == 0)
		dec_fail(&d, CF_EDECODE); /* an annex of nothing is no annex */
	for (uint16_t i = 0; i < count && d.err == 0; i++) {
		struct annex_item item = {.kind = dec_u8(&d)};
		int err;

		item.body = dec_bytes(&d, TX_ANNEX_BYTES_MAX);
		if (!kind_known(item.kind))
			dec_fail(&d, CF_EDECODE);
		err = d.err == 0 && on_item ? on_item(ctx, &item) : 0;
		if (err)
			return err;
	}
	return dec_done(&d);
}

int annex_walk(struct view bytes, int (*on_item)(void *ctx, const struct annex_item *item), void *ctx)
{
	int err;

	if (bytes.len > TX_ANNEX_BYTES_MAX)
		return CF_EDECODE;
	err = walk(bytes, NULL, NULL); /* nobody sees an item of an annex that is malformed further on */
	if (err || !on_item)
		return err;
	return walk(bytes, on_item, ctx);
}

struct hash tx_annex_hash(const struct hash *network, struct view annex)
{
	const struct view parts[] = {VIEW(ANNEX_TAG, sizeof(ANNEX_TAG)), VIEW(network->b, HASH_BYTES), annex};

	assert(network);
	return sha256_parts(parts, sizeof(parts) / sizeof(parts[0]));
}
