/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot_make.c - pieces of the state and of the blocks before it, from own stores.
 */
#include "acl/derive.h"
#include "acl/snapshot.h"
#include "acl/succession.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

#define PAGE_ITEMS_MAX (UINT16_MAX - 1)

static int make_offer(struct chain *c, struct db_txn *txn, uint64_t height, struct buf *out)
{
	struct snapshot_offer offer = {.height = height};
	struct chain_block_info info;
	struct block_header header;
	struct buf block, succession;
	int err = chain_block_info(txn, height, &info);

	buf_init(&block, 0);
	buf_init(&succession, 0);
	if (!err)
		err = chain_block_read(c, txn, height, &block);
	if (!err)
		err = block_header_decode(VIEW(block.data, BLOCK_HEADER_BYTES), &header);
	if (!err)
		err = succession_make(c, txn, header.epoch, &succession);
	if (!err)
		err = db_count(txn, DB_STATE, &offer.rows);
	if (!err) {
		offer.certificate = info.certificate;
		offer.block = buf_view(&block);
		offer.succession = buf_view(&succession);
		err = snapshot_offer_encode(&offer, out);
	}
	buf_release(&block);
	buf_release(&succession);
	return err;
}

/* The items of a page, their number, and whether there are more. */
struct page {
	struct buf items;
	struct enc e;
	uint32_t count;
	bool more;
};

static void page_init(struct page *p)
{
	buf_init(&p->items, 0);
	enc_init(&p->e, &p->items);
	p->count = 0;
	p->more = false;
}

static bool page_full(const struct page *p)
{
	return p->items.len >= SNAPSHOT_PAGE_BYTES || p->count == PAGE_ITEMS_MAX;
}

static int fill_rows(struct db_txn *txn, struct view after, struct page *p)
{
	struct state_cursor *cursor;
	struct state_item row;
	int err = state_cursor_new(txn, VIEW_NONE, &cursor);

	if (err)
		return err;
	err = state_cursor_seek(cursor, after, &row);
	if (!err && view_equal(row.key, after))
		err = state_cursor_next(cursor, &row);
	while (!err) {
		p->more = page_full(p);
		if (p->more)
			break;
		snapshot_row_encode(&row, &p->e);
		p->count++;
		err = enc_done(&p->e);
		if (!err)
			err = state_cursor_next(cursor, &row);
	}
	state_cursor_free(cursor);
	return err == CF_ENOTFOUND ? 0 : err; /* the end of the rows */
}

static int make_rows(struct db_txn *txn, const struct snapshot_ask *ask, struct buf *out)
{
	struct page p;
	struct enc e;
	int err;

	page_init(&p);
	err = fill_rows(txn, ask->after, &p);
	enc_init(&e, out);
	enc_u8(&e, SNAPSHOT_ROWS);
	enc_u64(&e, ask->height);
	enc_bool(&e, !p.more);
	enc_u32(&e, p.count);
	enc_fixed(&e, p.items.data, p.items.len);
	if (!err)
		err = enc_done(&e);
	buf_release(&p.items);
	return err;
}

/* The ids of a block's transactions, one behind the other. */
static int ids_of(const struct block *block, struct buf *out)
{
	struct tx *tx = mem_alloc(sizeof(*tx));
	int err = tx ? 0 : CF_ENOMEM;

	for (uint32_t i = 0; i < block->tx_count && !err; i++) {
		err = tx_decode(block->tx[i], tx) ? CF_ECORRUPT : 0;
		if (!err)
			err = buf_append(out, tx->id.b, HASH_BYTES);
	}
	mem_free(tx);
	return err;
}

static int add_brief(struct chain *c, struct db_txn *txn, uint64_t height, struct page *p)
{
	struct block block = {.tx = NULL};
	struct snapshot_brief brief;
	struct chain_block_info info;
	struct buf bytes, ids;
	int err = chain_block_info(txn, height, &info);

	buf_init(&bytes, 0);
	buf_init(&ids, 0);
	if (!err)
		err = chain_block_read(c, txn, height, &bytes);
	if (!err)
		err = block_decode(buf_view(&bytes), &block);
	if (!err)
		err = ids_of(&block, &ids);
	if (!err) {
		brief.header_bytes = block.header_bytes;
		brief.certificate = info.certificate;
		brief.ids = buf_view(&ids);
		brief.verdicts = info.verdicts;
		snapshot_brief_encode(&brief, &p->e);
		p->count++;
		err = enc_done(&p->e);
	}
	block_release(&block);
	buf_release(&ids);
	buf_release(&bytes);
	return err;
}

static int make_briefs(struct chain *c, struct db_txn *txn, const struct snapshot_ask *ask, struct buf *out)
{
	struct page p;
	struct enc e;
	int err = 0;

	if (ask->from == 0 || ask->from > ask->height)
		return err_set(CF_EINVAL, "no blocks from %llu to %llu", (unsigned long long)ask->from,
			       (unsigned long long)ask->height);
	page_init(&p);
	for (uint64_t h = ask->from; h <= ask->height && !page_full(&p) && !err; h++)
		err = add_brief(c, txn, h, &p);
	enc_init(&e, out);
	enc_u8(&e, SNAPSHOT_BRIEFS);
	enc_u64(&e, ask->height);
	enc_u64(&e, ask->from);
	enc_u16(&e, (uint16_t)p.count);
	enc_fixed(&e, p.items.data, p.items.len);
	if (!err)
		err = enc_done(&e);
	buf_release(&p.items);
	return err;
}

int snapshot_make(struct chain *c, struct db_txn *txn, const struct snapshot_ask *ask, struct buf *out)
{
	size_t start = out->len;
	int err = CF_EINVAL;

	assert(c && txn && ask);
	if (chain_first(c) > 1)
		return err_set(CF_ENOTFOUND, "this ledger is not whole itself");
	switch (ask->part) {
	case SNAPSHOT_OFFER:
		err = make_offer(c, txn, ask->height, out);
		break;
	case SNAPSHOT_ROWS:
		err = make_rows(txn, ask, out);
		break;
	case SNAPSHOT_BRIEFS:
		err = make_briefs(c, txn, ask, out);
		break;
	case SNAPSHOT_KEYS:
	case SNAPSHOT_PLACE:
		break; /* snapshot_hint */
	}
	if (err)
		out->len = start;
	return err;
}

/* --- hints --- */

static int add_height(void *ctx, uint64_t height)
{
	struct page *p = ctx;

	enc_u64(&p->e, height);
	p->count++;
	return p->e.err;
}

static int make_keys(struct db_txn *txn, const struct identity_id *who, const struct snapshot_ask *ask,
		     struct buf *out)
{
	struct buf from;
	struct page p;
	struct enc e;
	bool last;
	int err;

	buf_init(&from, 0);
	page_init(&p);
	err = buf_append_view(&from, ask->after);
	if (!err)
		err = derived_key_heights(txn, who, &from, SNAPSHOT_HEIGHTS_MAX, add_height, &p);
	last = err == CF_ENOTFOUND;
	if (last)
		err = 0;
	enc_init(&e, out);
	enc_u8(&e, SNAPSHOT_KEYS);
	enc_u64(&e, 0);
	enc_bool(&e, last);
	enc_short(&e, buf_view(&from));
	enc_u16(&e, (uint16_t)p.count);
	enc_fixed(&e, p.items.data, p.items.len);
	if (!err)
		err = enc_done(&e);
	buf_release(&from);
	buf_release(&p.items);
	return err;
}

int snapshot_hint(struct chain *c, struct db_txn *txn, const struct identity_id *who,
		  const struct snapshot_ask *ask, struct buf *out)
{
	struct chain_tx_info info = {.height = 0};
	size_t start = out->len;
	struct enc e;
	int err;

	assert(ask->part == SNAPSHOT_KEYS || ask->part == SNAPSHOT_PLACE);
	if (chain_first(c) > 1)
		return err_set(CF_ENOTFOUND, "this ledger is not whole itself");
	if (ask->part == SNAPSHOT_KEYS) {
		err = make_keys(txn, who, ask, out);
	} else {
		err = chain_tx_info(txn, &ask->tx, &info);
		enc_init(&e, out);
		enc_u8(&e, SNAPSHOT_PLACE);
		enc_u64(&e, 0);
		enc_u64(&e, info.height);
		if (!err)
			err = enc_done(&e);
	}
	if (err)
		out->len = start;
	return err;
}
