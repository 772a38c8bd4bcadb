/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block.c - the bytes of headers, blocks and wire bodies, and the roots a header binds.
 */
#include "ledger/block.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

#define BLOCK_TAG "chartfs block v1"

const char *verdict_name(enum verdict v)
{
	switch (v) {
#define X(name, value, text) \
	case name:           \
		return text;
		VERDICT_LIST(X)
#undef X
	}
	return "?";
}

/* Height 0 is the genesis file and has no block. */
static bool header_well_formed(const struct block_header *h)
{
	return h->height > 0 && h->tx_count <= BLOCK_TXS_MAX && h->size_bytes <= BLOCK_BYTES_MAX &&
	       h->proposer < MEMBERS_MAX;
}

int block_header_encode(const struct block_header *h, struct buf *out)
{
	struct enc e;
	size_t start;
	int err;

	assert(h && out);
	if (!header_well_formed(h))
		return CF_EINVAL;
	start = out->len;
	enc_init(&e, out);
	enc_tag(&e, BLOCK_TAG);
	enc_fixed(&e, h->network.b, HASH_BYTES);
	enc_u16(&e, BLOCK_VERSION);
	enc_u64(&e, h->height);
	enc_fixed(&e, h->prev.b, HASH_BYTES);
	enc_u64(&e, h->size_bytes);
	enc_fixed(&e, h->tx_root.b, HASH_BYTES);
	enc_u32(&e, h->tx_count);
	enc_u64(&e, h->time_ms);
	enc_fixed(&e, h->body_root.b, HASH_BYTES);
	enc_fixed(&e, h->state_root.b, HASH_BYTES);
	enc_fixed(&e, h->verdict_root.b, HASH_BYTES);
	enc_fixed(&e, h->members.b, HASH_BYTES);
	enc_fixed(&e, h->next_members.b, HASH_BYTES);
	enc_u64(&e, h->epoch);
	enc_u64(&e, h->proposer_view);
	enc_u8(&e, h->proposer);
	err = enc_done(&e);
	if (err)
		out->len = start;
	else
		assert(out->len - start == BLOCK_HEADER_BYTES);
	return err;
}

int block_header_decode(struct view bytes, struct block_header *ret_h)
{
	struct block_header h;
	struct dec d;
	int err;

	assert(ret_h);
	dec_init(&d, bytes);
	dec_tag(&d, BLOCK_TAG);
	dec_fixed(&d, h.network.b, HASH_BYTES);
	if (dec_u16(&d) != BLOCK_VERSION)
		dec_fail(&d, CF_EDECODE);
	h.height = dec_u64(&d);
	dec_fixed(&d, h.prev.b, HASH_BYTES);
	h.size_bytes = dec_u64(&d);
	dec_fixed(&d, h.tx_root.b, HASH_BYTES);
	h.tx_count = dec_u32(&d);
	h.time_ms = dec_u64(&d);
	dec_fixed(&d, h.body_root.b, HASH_BYTES);
	dec_fixed(&d, h.state_root.b, HASH_BYTES);
	dec_fixed(&d, h.verdict_root.b, HASH_BYTES);
	dec_fixed(&d, h.members.b, HASH_BYTES);
	dec_fixed(&d, h.next_members.b, HASH_BYTES);
	h.epoch = dec_u64(&d);
	h.proposer_view = dec_u64(&d);
	h.proposer = dec_u8(&d);
	err = dec_done(&d);
	if (err)
		return err;
	if (!header_well_formed(&h))
		return CF_EDECODE;
	*ret_h = h;
	return 0;
}

struct hash block_hash(struct view header_bytes)
{
	return sha256(header_bytes);
}

uint64_t block_size_bytes(const struct view *txs, uint32_t count)
{
	uint64_t bytes = 0;

	assert(txs || count == 0);
	for (uint32_t i = 0; i < count; i++)
		bytes += txs[i].len;
	return bytes;
}

int block_encode(struct view header_bytes, const struct view *txs, uint32_t count, struct buf *out)
{
	struct block_header h;
	struct enc e;
	size_t start;
	int err;

	assert(out && (txs || count == 0));
	err = block_header_decode(header_bytes, &h);
	if (err || h.tx_count != count || h.size_bytes != block_size_bytes(txs, count))
		return CF_EINVAL;
	start = out->len;
	enc_init(&e, out);
	enc_fixed(&e, header_bytes.data, header_bytes.len);
	for (uint32_t i = 0; i < count; i++)
		enc_bytes(&e, txs[i]);
	err = enc_done(&e);
	if (err == 0 && out->len - start > BLOCK_BYTES_MAX)
		err = CF_ETOOBIG;
	if (err)
		out->len = start;
	return err;
}

/* Reads count views of at most max bytes each. */
static int dec_views(struct dec *d, uint32_t count, size_t max, struct view **ret_views)
{
	struct view *views = mem_array(NULL, count, sizeof(*views));

	if (!views)
		return CF_ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		views[i] = dec_bytes(d, max);
	*ret_views = views;
	return 0;
}

int block_decode(struct view bytes, struct block *ret_b)
{
	struct block b = {.bytes = bytes};
	struct hash body_root;
	struct dec d;
	int err;

	assert(ret_b);
	if (bytes.len > BLOCK_BYTES_MAX)
		return CF_EDECODE;
	dec_init(&d, bytes);
	b.header_bytes = dec_take(&d, BLOCK_HEADER_BYTES);
	err = block_header_decode(b.header_bytes, &b.header);
	if (err)
		return err;
	b.hash = block_hash(b.header_bytes);
	b.tx_count = b.header.tx_count;
	err = dec_views(&d, b.tx_count, TX_BYTES_MAX, &b.tx);
	if (err)
		return err;
	err = dec_done(&d);
	if (err)
		goto out;
	if (b.header.size_bytes != block_size_bytes(b.tx, b.tx_count)) {
		err = CF_ECORRUPT;
		goto out;
	}
	err = block_body_root(b.tx, b.tx_count, &body_root);
	if (err == 0 && !hash_equal(&body_root, &b.header.body_root))
		err = CF_ECORRUPT;
out:
	if (err)
		block_release(&b);
	else
		*ret_b = b;
	return err;
}

void block_release(struct block *b)
{
	assert(b);
	mem_free(b->tx);
	*b = (struct block){0};
}

int block_body_encode(struct view block_bytes, const struct view *annexes, uint32_t count, struct buf *out)
{
	struct enc e;
	size_t start;
	int err;

	assert(out && (annexes || count == 0));
	start = out->len;
	enc_init(&e, out);
	enc_bytes(&e, block_bytes);
	for (uint32_t i = 0; i < count; i++)
		enc_bytes(&e, annexes[i]);
	err = enc_done(&e);
	if (err == 0 && out->len - start > BLOCK_BYTES_MAX)
		err = CF_ETOOBIG;
	if (err)
		out->len = start;
	return err;
}

int block_body_decode(struct view bytes, struct block_body *ret_b)
{
	struct block_body b = {.annex = NULL};
	struct view block_bytes;
	struct dec d;
	int err;

	assert(ret_b);
	if (bytes.len > BLOCK_BYTES_MAX)
		return CF_EDECODE;
	dec_init(&d, bytes);
	block_bytes = dec_bytes(&d, BLOCK_BYTES_MAX);
	err = block_decode(block_bytes, &b.block);
	if (err)
		return err;
	err = dec_views(&d, b.block.tx_count, TX_ANNEX_BYTES_MAX, &b.annex);
	if (err == 0)
		err = dec_done(&d);
	if (err)
		block_body_release(&b);
	else
		*ret_b = b;
	return err;
}

void block_body_release(struct block_body *b)
{
	assert(b);
	block_release(&b->block);
	mem_free(b->annex);
	b->annex = NULL;
}

int block_tx_root(const struct hash *ids, uint32_t count, struct hash *ret_root)
{
	struct hash *leaves = mem_array(NULL, count, sizeof(*leaves));

	assert(ret_root && (ids || count == 0));
	if (!leaves)
		return CF_ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		leaves[i] = merkle_leaf(VIEW(ids[i].b, HASH_BYTES));
	*ret_root = merkle_root(leaves, count);
	mem_free(leaves);
	return 0;
}

int block_body_root(const struct view *txs, uint32_t count, struct hash *ret_root)
{
	struct hash *leaves = mem_array(NULL, count, sizeof(*leaves));

	assert(ret_root && (txs || count == 0));
	if (!leaves)
		return CF_ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		leaves[i] = merkle_leaf(txs[i]);
	*ret_root = merkle_root(leaves, count);
	mem_free(leaves);
	return 0;
}

struct hash block_verdict_leaf(const struct hash *id, uint8_t verdict)
{
	uint8_t data[HASH_BYTES + 1];

	assert(id);
	memcpy(data, id->b, HASH_BYTES);
	data[HASH_BYTES] = verdict;
	return merkle_leaf(VIEW(data, sizeof(data)));
}

int block_verdict_root(const struct hash *ids, const uint8_t *verdicts, uint32_t count, struct hash *ret_root)
{
	struct hash *leaves = mem_array(NULL, count, sizeof(*leaves));

	assert(ret_root && ((ids && verdicts) || count == 0));
	if (!leaves)
		return CF_ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		leaves[i] = block_verdict_leaf(&ids[i], verdicts[i]);
	*ret_root = merkle_root(leaves, count);
	mem_free(leaves);
	return 0;
}
