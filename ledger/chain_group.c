/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_group.c - several blocks in one LMDB transaction.
 *
 * Their bytes are appended unsynced and the index transaction stays open; the end syncs the block store and
 * commits the index, in that order, as for a single block. A crash before that leaves blocks behind the last
 * that the index names: they are cut off when the ledger is opened.
 */
#include "ledger/chain_private.h"
#include "ledger/log.h"

#include <assert.h>

void chain_append_undo(struct chain *c)
{
	int err = c->has_last ? segments_truncate_after(c->blocks, c->last) : segments_reset(c->blocks);

	if (err) {
		log_error("chain", "an appended block cannot be cut off again (%s) -> no more blocks",
			  err_name(err));
		c->failed = true;
	}
}

void chain_publish(struct chain *c)
{
	pthread_mutex_lock(&c->lock);
	c->head = c->tip;
	c->is_new = false;
	pthread_mutex_unlock(&c->lock);
}

void chain_tip(const struct chain *c, struct chain_head *ret_tip)
{
	*ret_tip = c->tip;
}

struct db_txn *chain_group_txn(struct chain *c)
{
	return c->group.txn;
}

void chain_group_begin(struct chain *c)
{
	assert(!c->stage && !c->group.open && !c->is_new && !(c->flags & CHAIN_RDONLY));
	c->group = (struct chain_group){.open = true, .had_last = c->has_last, .last = c->last};
}

int chain_group_stage(struct chain *c, struct db_txn **ret_txn)
{
	int err = 0;

	if (!c->group.txn)
		err = db_begin_write(c->db, ret_txn);
	else
		*ret_txn = c->group.txn;
	if (!err && c->group.open)
		c->group.txn = *ret_txn;
	return err;
}

void chain_group_drop(struct chain *c)
{
	struct chain_group *g = &c->group;

	db_abort(g->txn);
	g->txn = NULL;
	c->has_last = g->had_last;
	c->last = g->last;
	c->tip = c->head; /* only the writer's thread moves the head */
	if (!c->failed)
		chain_append_undo(c);
}

void chain_group_discard(struct chain *c)
{
	assert(c->group.open && !c->stage);
	chain_group_drop(c);
	c->group.open = false;
}

int chain_group_end(struct chain *c)
{
	struct chain_group *g = &c->group;
	bool clean = true;
	int err = 0;

	assert(g->open && !c->stage);
	if (g->txn && !(c->flags & CHAIN_NOSYNC)) {
		err = segments_sync(c->blocks);
		clean = err == 0;
	}
	if (!err && g->txn) {
		err = db_commit(g->txn);
		g->txn = NULL;
		clean = err == 0 || err == CF_EFULL;
	}
	if (err) {
		c->failed = c->failed || !clean;
		chain_group_drop(c);
	}
	g->open = false;
	if (!err)
		chain_publish(c);
	return err;
}
