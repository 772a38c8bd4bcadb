/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_fill.c - the blocks that a ledger lacks which began with a state, the newest of them first.
 *
 * Their bytes go behind those of the newest block; so the place of the last one is kept, and what stands
 * behind it was not committed. A value of the past that stood in its history row, as no block was there, gets
 * its place in one.
 */
#include "ledger/chain_private.h"
#include "ledger/mem.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

struct chain_fill {
	struct chain *chain;
	struct db_txn *txn;
	uint64_t height; /* of the block that comes next; 0: there is none left */
	struct hash hash;
	struct segment_place place; /* of the last one */
	uint32_t index;             /* of its transaction that comes next */
	struct buf row;
};

/* What the block above it says its hash is; that of the state's block is in the index. */
static int read_hash(struct chain_fill *f)
{
	struct chain_block_info info;
	struct block_header header;
	struct buf bytes;
	int err = chain_block_info(f->txn, f->height, &info);

	if (!err)
		f->hash = info.hash;
	if (err != CF_ENOTFOUND)
		return err;
	buf_init(&bytes, 0);
	err = chain_block_read(f->chain, f->txn, f->height + 1, &bytes);
	if (!err)
		err = block_header_decode(VIEW(bytes.data, BLOCK_HEADER_BYTES), &header);
	if (!err)
		f->hash = header.prev;
	buf_release(&bytes);
	return err;
}

int chain_fill_begin(struct chain *c, struct chain_fill **ret_f)
{
	struct chain_fill *f;
	int err;

	assert(c && ret_f && !c->stage && !c->group.open && !(c->flags & CHAIN_RDONLY));
	if (c->failed)
		return err_set(CF_EIO, "%s: an earlier commit failed, the disk is in doubt", c->dir);
	if (chain_past(c) == 0)
		return CF_EINVAL;
	f = mem_zalloc(sizeof(*f));
	if (!f)
		return CF_ENOMEM;
	f->chain = c;
	f->height = chain_first(c) - 1;
	buf_init(&f->row, 0);
	err = db_begin_write(c->db, &f->txn);
	if (!err)
		err = read_hash(f);
	if (err) {
		chain_fill_discard(f);
		return err;
	}
	*ret_f = f;
	return 0;
}

int chain_fill_note(struct chain *c, struct buf *out)
{
	struct db_txn *txn;
	struct view note;
	int err = chain_read_begin(c, &txn);

	if (err)
		return err;
	err = db_get(txn, DB_META, view_str(CHAIN_META_NOTE), &note);
	if (!err)
		err = buf_append_view(out, note);
	db_abort(txn);
	return err;
}

int chain_fill_annex(struct db_txn *txn, const struct tx *tx, struct version version, struct view annex)
{
	int err = chain_log_rows(txn, tx, version);

	return err ? err : db_put(txn, DB_ANNEX, VIEW(tx->id.b, HASH_BYTES), annex);
}

struct db_txn *chain_fill_txn(struct chain_fill *f)
{
	return f->txn;
}

uint64_t chain_fill_height(const struct chain_fill *f)
{
	return f->height;
}

const struct hash *chain_fill_hash(const struct chain_fill *f)
{
	return &f->hash;
}

int chain_fill_block(struct chain_fill *f, const struct block *block, const uint8_t *verdicts,
		     const struct certificate *certificate)
{
	struct chain_height_key key = chain_height_key(f->height);
	struct chain_block_info info = {.hash = block->hash,
					.tx_count = block->tx_count,
					.time_ms = block->header.time_ms,
					.certificate = *certificate,
					.verdicts = VIEW(verdicts, block->tx_count)};
	int err;

	if (f->height == 0 || block->header.height != f->height || !hash_equal(&block->hash, &f->hash))
		return err_set(CF_EINVAL, "this is not block %llu", (unsigned long long)f->height);
	if (certificate->height != f->height || !hash_equal(&certificate->digest, &block->hash))
		return err_set(CF_EINVAL, "certificate is for another block than %llu",
			       (unsigned long long)f->height);
	err = segments_append(f->chain->blocks, block->bytes, &f->place);
	buf_reset(&f->row);
	info.place = f->place;
	if (!err)
		err = chain_block_row_encode(&info, &f->row);
	if (!err)
		err = db_put(f->txn, DB_BLOCK, VIEW(key.b, sizeof(key.b)), buf_view(&f->row));
	if (err)
		return err;
	f->index = 0;
	f->height--;
	f->hash = block->header.prev;
	return 0;
}

static int put_write(struct chain_fill *f, const struct block *block, const struct tx *tx,
		     const struct rw_write *w, struct version version)
{
	struct history_row row = {.version = version, .deleted = w->deleted};

	if (!w->deleted && !chain_lies_in(w->value, tx->bytes))
		return chain_history_inline(f->txn, w, version);
	if (!w->deleted) {
		row.file = f->place.file;
		row.offset = f->place.offset + (size_t)(w->value.data - block->bytes.data);
		row.len = (uint32_t)w->value.len;
		row.value_hash = sha256(w->value);
	}
	return history_put(f->txn, w->key, &row);
}

/* Blocks come newest first: an id that is there already from further down does not exist. */
static int put_tx(struct chain_fill *f, const struct block *block, const struct tx *tx, uint8_t verdict,
		  struct version version)
{
	struct chain_tx_info info = {
		.height = version.height,
		.index = version.index,
		.verdict = verdict,
		.file = f->place.file,
		.offset = f->place.offset + (size_t)(tx->bytes.data - block->bytes.data),
		.len = (uint32_t)tx->bytes.len,
		.bytes_hash = sha256(tx->bytes),
	};
	int err;

	buf_reset(&f->row);
	err = chain_tx_row_encode(&info, &f->row);
	if (!err)
		err = db_put(f->txn, DB_TX, VIEW(tx->id.b, HASH_BYTES), buf_view(&f->row));
	return err ? err : chain_log_rows(f->txn, tx, version);
}

int chain_fill_tx(struct chain_fill *f, const struct block *block, const struct tx *tx, uint8_t verdict,
		  const struct rwset *rwset, struct view annex)
{
	struct version version = {f->height + 1, f->index};
	int err;

	assert(f->index < block->tx_count && tx->bytes.data == block->tx[f->index].data);
	assert(rwset || verdict != VERDICT_VALID);
	err = put_tx(f, block, tx, verdict, version);
	for (size_t i = 0; verdict == VERDICT_VALID && i < rwset->write_count && !err; i++)
		err = put_write(f, block, tx, &rwset->writes[i], version);
	if (!err && verdict == VERDICT_VALID && annex.len > 0)
		err = db_put(f->txn, DB_ANNEX, VIEW(tx->id.b, HASH_BYTES), annex);
	f->index++;
	return err;
}

int chain_fill_genesis_row(struct chain_fill *f, struct view key, struct view value)
{
	const struct rw_write w = {.key = key, .value = value};

	assert(f->height == 0);
	return chain_history_inline(f->txn, &w, (struct version){0, 0});
}

static int del_meta(struct chain_fill *f, const char *name)
{
	int err = db_del(f->txn, DB_META, view_str(name));

	return err == CF_ENOTFOUND ? 0 : err;
}

/* With block 1 the ledger is as any other. */
static int put_whole(struct chain_fill *f)
{
	struct chain_block_info info = {.hash = f->chain->network};
	struct chain_height_key key = chain_height_key(0);
	int err;

	buf_reset(&f->row);
	err = chain_block_row_encode(&info, &f->row);
	if (!err)
		err = db_put(f->txn, DB_BLOCK, VIEW(key.b, sizeof(key.b)), buf_view(&f->row));
	if (!err)
		err = del_meta(f, CHAIN_META_PAST);
	return err ? err : del_meta(f, CHAIN_META_NOTE);
}

static int put_meta(struct chain_fill *f)
{
	struct chain_height_key first = chain_height_key(f->height + 1);
	int err = f->height == 0 ? put_whole(f) : 0;

	buf_reset(&f->row);
	if (!err)
		err = chain_place_encode(f->place, &f->row);
	if (!err)
		err = db_put(f->txn, DB_META, view_str(CHAIN_META_LAST), buf_view(&f->row));
	return err ? err
		   : db_put(f->txn, DB_META, view_str(CHAIN_META_FIRST), VIEW(first.b, sizeof(first.b)));
}

int chain_fill_commit(struct chain_fill *f)
{
	struct chain *c = f->chain;
	struct db_txn *txn;
	int err = 0;

	if (f->place.len == 0) {
		chain_fill_discard(f);
		return 0;
	}
	err = put_meta(f);
	if (!err && !(c->flags & CHAIN_NOSYNC))
		err = segments_sync(c->blocks);
	if (err) {
		chain_fill_discard(f);
		return err;
	}
	txn = f->txn;
	f->txn = NULL;
	err = db_commit(txn);
	if (err) {
		c->failed = c->failed || err != CF_EFULL;
		chain_fill_discard(f);
		return err;
	}
	c->has_last = true;
	c->last = f->place;
	atomic_store(&c->first, f->height + 1);
	if (f->height == 0)
		atomic_store(&c->past, 0);
	buf_release(&f->row);
	mem_free(f);
	return 0;
}

void chain_fill_discard(struct chain_fill *f)
{
	if (!f)
		return;
	db_abort(f->txn);
	if (f->place.len > 0 && !f->chain->failed)
		chain_append_undo(f->chain);
	buf_release(&f->row);
	mem_free(f);
}
