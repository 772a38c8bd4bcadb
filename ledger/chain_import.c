/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_import.c - a ledger that begins with the state after a block.
 *
 * Rows come in the order of their keys, a page at a time: each page is one LMDB transaction, whose changes go
 * down the tree together. After a flush none is open, as LMDB wants one to end on the thread that began it.
 * Nothing is synced here: the directory becomes a ledger only when it was closed.
 */
#include "ledger/chain_private.h"
#include "ledger/mem.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

struct chain_import {
	struct chain *chain;
	bool past; /* rows go into the history, too */
	struct db_txn *txn;
	struct state_stage *state;
	uint8_t last[STATE_KEY_BYTES_MAX]; /* the greatest key so far */
	size_t last_len;
};

/* With the first that is imported after a flush; a stage that could not be made is made by the next call. */
static int open_txn(struct chain_import *i)
{
	int err = 0;

	if (!i->txn)
		err = db_begin_write(i->chain->db, &i->txn);
	if (!err && !i->state)
		err = state_stage_new(i->txn, &i->state);
	return err;
}

static void close_txn(struct chain_import *i)
{
	state_stage_free(i->state);
	db_abort(i->txn);
	i->state = NULL;
	i->txn = NULL;
}

int chain_import_begin(struct chain *c, bool past, struct chain_import **ret_i)
{
	struct chain_import *i;

	assert(c && ret_i && !c->stage && c->flags & CHAIN_NOSYNC);
	if (!c->is_new)
		return CF_EINVAL;
	i = mem_zalloc(sizeof(*i));
	if (!i)
		return CF_ENOMEM;
	i->chain = c;
	i->past = past;
	*ret_i = i;
	return 0;
}

int chain_import_row(struct chain_import *i, const struct state_item *row)
{
	const struct rw_write w = {.key = row->key, .value = row->value};
	int err = open_txn(i);

	if (err)
		return err;
	if (row->key.len > STATE_KEY_BYTES_MAX || view_compare(row->key, VIEW(i->last, i->last_len)) <= 0)
		return CF_EINVAL;
	memcpy(i->last, row->key.data, row->key.len);
	i->last_len = row->key.len;
	err = i->past ? chain_history_inline(i->txn, &w, row->version) : 0;
	return err ? err : state_stage_write(i->state, &w, row->version);
}

int chain_import_note(struct chain_import *i, struct view note)
{
	int err = open_txn(i);

	return err ? err : db_put(i->txn, DB_META, view_str(CHAIN_META_NOTE), note);
}

int chain_import_tx(struct chain_import *i, const struct hash *id, uint64_t height, uint32_t index,
		    uint8_t verdict)
{
	const struct chain_tx_info info = {.height = height, .index = index, .verdict = verdict};
	struct view there;
	struct buf row;
	int err = open_txn(i);

	if (!err)
		err = db_get(i->txn, DB_TX, VIEW(id->b, HASH_BYTES), &there);
	if (err != CF_ENOTFOUND)
		return err;
	buf_init(&row, 0);
	err = chain_tx_row_encode(&info, &row);
	if (!err)
		err = db_put(i->txn, DB_TX, VIEW(id->b, HASH_BYTES), buf_view(&row));
	buf_release(&row);
	return err;
}

int chain_import_flush(struct chain_import *i)
{
	struct db_txn *txn;
	struct hash root;
	int err;

	if (!i->txn)
		return 0;
	err = state_stage_root(i->state, &root);
	if (err)
		return err;
	txn = i->txn;
	i->txn = NULL;
	err = db_commit(txn);
	close_txn(i);
	return err;
}

static int put_meta(struct chain_import *i, const char *name, struct view value)
{
	return db_put(i->txn, DB_META, view_str(name), value);
}

/* The rows of the block and of the head; what chain_open reads. */
static int put_rows(struct chain_import *i, const struct chain_block_info *info,
		    const struct chain_head *head)
{
	struct chain_height_key key = chain_height_key(head->height);
	struct chain_height_key first = chain_height_key(head->height + 1);
	struct chain_height_key past = chain_height_key(head->height);
	struct buf row;
	int err;

	buf_init(&row, 0);
	err = chain_block_row_encode(info, &row);
	if (!err)
		err = db_put(i->txn, DB_BLOCK, VIEW(key.b, sizeof(key.b)), buf_view(&row));
	buf_reset(&row);
	if (!err)
		err = chain_head_encode(head, &row);
	if (!err)
		err = put_meta(i, CHAIN_META_HEAD, buf_view(&row));
	if (!err)
		err = put_meta(i, CHAIN_META_NETWORK, VIEW(i->chain->network.b, HASH_BYTES));
	if (!err)
		err = put_meta(i, CHAIN_META_FIRST, VIEW(first.b, sizeof(first.b)));
	if (!err && i->past)
		err = put_meta(i, CHAIN_META_PAST, VIEW(past.b, sizeof(past.b)));
	buf_release(&row);
	return err;
}

static int check(struct chain_import *i, const struct block *block, const struct certificate *certificate)
{
	unsigned long long height = block->header.height;
	struct hash root;
	int err = open_txn(i);

	if (!err)
		err = state_stage_root(i->state, &root);
	if (err)
		return err;
	if (!hash_equal(&root, &block->header.state_root))
		return err_set(CF_EINVAL, "the rows are not the state after block %llu", height);
	if (certificate->height != block->header.height || !hash_equal(&certificate->digest, &block->hash))
		return err_set(CF_EINVAL, "certificate is for another block than %llu", height);
	return 0;
}

int chain_import_end(struct chain_import *i, const struct block *block, const uint8_t *verdicts,
		     const struct certificate *certificate)
{
	struct chain *c = i->chain;
	struct chain_head head = {.height = block->header.height,
				  .hash = block->hash,
				  .state_root = block->header.state_root,
				  .time_ms = block->header.time_ms};
	struct chain_block_info info = {.hash = block->hash,
					.tx_count = block->tx_count,
					.time_ms = block->header.time_ms,
					.certificate = *certificate,
					.verdicts = VIEW(verdicts, block->tx_count)};
	const bool past = i->past;
	struct db_txn *txn;
	int err = check(i, block, certificate);

	if (!err)
		err = segments_append(c->blocks, block->bytes, &info.place);
	if (!err)
		err = put_rows(i, &info, &head);
	if (!err) {
		txn = i->txn;
		i->txn = NULL;
		err = db_commit(txn);
	}
	if (err) {
		chain_import_discard(i);
		return err;
	}
	close_txn(i);
	mem_free(i);
	c->has_last = true;
	c->last = info.place;
	atomic_store(&c->first, head.height + 1);
	if (past)
		atomic_store(&c->past, head.height);
	c->tip = head;
	chain_publish(c);
	return 0;
}

void chain_import_discard(struct chain_import *i)
{
	if (!i)
		return;
	i->chain->failed = true; /* nothing goes on from here, and nothing needs to be synced */
	close_txn(i);
	mem_free(i);
}
