/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tx_annex.c - the annex: erasable bytes that travel with a transaction, bound to it by their hash.
 */
#include "ledger/tx.h"

#include <assert.h>
#include <string.h>

#define ANNEX_TAG "chartfs annex v1"
#define ITEM_TAG "chartfs annex item v1"
#define ANNEX_VERSION 1
#define HEAD_BYTES 4 /* version and count */

static bool item_known(const struct annex_item *item)
{
	if (item->kind == ANNEX_ERASED)
		return item->body.len == HASH_BYTES;
	return item->kind >= ANNEX_WRAP && item->kind <= ANNEX_TRACE;
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
		assert(item_known(&items[i]));
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
		if (d.err == 0 && !item_known(&item))
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

static struct hash item_hash(const struct annex_item *item)
{
	const struct view parts[] = {VIEW(ITEM_TAG, sizeof(ITEM_TAG)), VIEW(&item->kind, 1), item->body};
	struct hash h;

	if (item->kind != ANNEX_ERASED)
		return sha256_parts(parts, sizeof(parts) / sizeof(parts[0]));
	memcpy(h.b, item->body.data, HASH_BYTES);
	return h;
}

static int hash_item(void *ctx, const struct annex_item *item)
{
	struct hash h = item_hash(item);

	sha256_update(ctx, VIEW(h.b, HASH_BYTES));
	return 0;
}

int tx_annex_hash(const struct hash *network, struct view annex, struct hash *ret_hash)
{
	struct sha256_ctx *ctx = NULL;
	int err = annex_walk(annex, NULL, NULL);

	assert(network && ret_hash);
	if (err == 0)
		err = sha256_new(&ctx);
	if (err)
		return err;
	sha256_update(ctx, VIEW(ANNEX_TAG, sizeof(ANNEX_TAG)));
	sha256_update(ctx, VIEW(network->b, HASH_BYTES));
	sha256_update(ctx, VIEW(annex.data, HEAD_BYTES));
	err = annex_walk(annex, hash_item, ctx);
	if (err) {
		sha256_free(ctx);
		return err;
	}
	*ret_hash = sha256_finish(ctx);
	return 0;
}

static int refuse_erased(void *ctx, const struct annex_item *item)
{
	(void)ctx;
	return item->kind == ANNEX_ERASED ? CF_ENOKEY : 0;
}

bool annex_is_whole(struct view annex)
{
	return annex_walk(annex, refuse_erased, NULL) == 0;
}

struct eraser {
	bool (*erases)(void *ctx, const struct annex_item *item);
	void *ctx;
	struct enc e;
	size_t erased;
};

static int copy_item(void *ctx, const struct annex_item *item)
{
	struct eraser *r = ctx;
	struct hash h;

	if (item->kind == ANNEX_ERASED || !r->erases(r->ctx, item)) {
		enc_u8(&r->e, item->kind);
		enc_bytes(&r->e, item->body);
		return 0;
	}
	h = item_hash(item);
	enc_u8(&r->e, ANNEX_ERASED);
	enc_bytes(&r->e, VIEW(h.b, HASH_BYTES));
	r->erased++;
	return 0;
}

int annex_erase(struct view annex, bool (*erases)(void *ctx, const struct annex_item *item), void *ctx,
		struct buf *out, size_t *ret_erased)
{
	struct eraser r = {.erases = erases, .ctx = ctx};
	size_t start = out->len;
	int err = annex_walk(annex, NULL, NULL);

	if (err)
		return err;
	enc_init(&r.e, out);
	enc_fixed(&r.e, annex.data, HEAD_BYTES);
	err = annex_walk(annex, copy_item, &r);
	if (err == 0)
		err = enc_done(&r.e);
	if (err) {
		out->len = start;
		return err;
	}
	*ret_erased = r.erased;
	return 0;
}
