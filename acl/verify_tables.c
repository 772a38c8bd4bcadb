/* SPDX-License-Identifier: Apache-2.0 */
/* verify_tables.c - the replay of the whole chain and the comparison of every table. */
#include "acl/verify_private.h"

#include "acl/apply.h"
#include "acl/genesis.h"
#include "ledger/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define KEY_TEXT_BYTES 128

static const char *why(int err)
{
	return err_detail()[0] ? err_detail() : err_text(err);
}

static int apply_block(struct verify *v, struct apply *a, struct chain *from, struct db_txn *txn,
		       uint64_t height)
{
	struct chain_block_info info;
	struct buf body;
	int err;

	buf_init(&body, 0);
	err_clear();
	err = chain_block_info(txn, height, &info);
	if (!err)
		err = chain_block_body(from, txn, height, &body);
	if (!err)
		err = apply_commit(a, buf_view(&body), &info.certificate, true, info.verdicts, NULL, NULL);
	if (err)
		verify_problem(v, "block %" PRIu64 ": cannot be replayed: %s", height, why(err));
	buf_release(&body);
	return err;
}

static int replay(struct verify *v, struct chain *from, struct db_txn *txn, struct view genesis,
		  struct chain *to)
{
	struct genesis *g = mem_alloc(sizeof(*g));
	struct apply *a = NULL;
	int err = g ? genesis_decode(genesis, g) : CF_ENOMEM;

	if (!err)
		err = genesis_apply(to, g);
	if (!err)
		err = apply_new(to, false, NULL, &a);
	for (uint64_t height = 1; height <= v->result.height && !err; height++)
		err = apply_block(v, a, from, txn, height);
	apply_free(a);
	mem_free(g);
	return err;
}

static void key_text(struct view key, char ret_text[KEY_TEXT_BYTES])
{
	size_t shown = key.len < KEY_TEXT_BYTES / 2 - 2 ? key.len : KEY_TEXT_BYTES / 2 - 2;

	hex_encode(key.data, shown, ret_text);
	if (shown < key.len)
		memcpy(ret_text + 2 * shown, "..", 3);
}

struct side {
	struct db_cursor *cursor;
	struct view key;
	struct view value;
	bool end;
};

/* A row that does not verify ends its side: what is behind it cannot be told apart from what is missing. */
static int step(struct verify *v, enum db_table t, struct side *s, bool first)
{
	int err;

	err_clear();
	err = first ? db_cursor_seek(s->cursor, VIEW_NONE, &s->key, &s->value)
		    : db_cursor_next(s->cursor, &s->key, &s->value);
	if (err == CF_ENOTFOUND) {
		s->end = true;
		return 0;
	}
	if (err)
		verify_problem(v, "table %s: %s", db_table_name(t), why(err));
	return err;
}

static int compare_rows(struct verify *v, enum db_table t, struct side *stored, struct side *replayed)
{
	char key[KEY_TEXT_BYTES];
	int order, err = step(v, t, stored, true);

	if (!err)
		err = step(v, t, replayed, true);
	while (!err && !(stored->end && replayed->end)) {
		order = stored->end ? 1 : replayed->end ? -1 : view_compare(stored->key, replayed->key);
		key_text(order > 0 ? replayed->key : stored->key, key);
		if (order < 0)
			verify_problem(v, "table %s, key %s: the chain has no such row", db_table_name(t),
				       key);
		else if (order > 0)
			verify_problem(v, "table %s, key %s: missing", db_table_name(t), key);
		else if (!view_equal(stored->value, replayed->value))
			verify_problem(v, "table %s, key %s: not what the chain says", db_table_name(t), key);
		v->result.rows += order <= 0;
		if (order <= 0)
			err = step(v, t, stored, false);
		if (!err && order >= 0)
			err = step(v, t, replayed, false);
	}
	/* told already */
	return err == CF_ECORRUPT ? 0 : err;
}

static int compare_table(struct verify *v, enum db_table t, struct db_txn *stored, struct db_txn *replayed)
{
	struct side a = {NULL, VIEW_NONE, VIEW_NONE, false}, b = {NULL, VIEW_NONE, VIEW_NONE, false};
	int err = db_cursor_new(stored, t, VIEW_NONE, &a.cursor);

	if (!err)
		err = db_cursor_new(replayed, t, VIEW_NONE, &b.cursor);
	if (!err)
		err = compare_rows(v, t, &a, &b);
	db_cursor_free(a.cursor);
	db_cursor_free(b.cursor);
	return err;
}

int verify_run_tables(struct verify *v, struct chain *c, struct db_txn *txn, struct view genesis,
		      const char *dir)
{
	/* DB_META is of the directory, DB_BLOB of what this peer holds */
	static const enum db_table tables[] = {DB_STATE, DB_TREE,  DB_HISTORY, DB_BLOCK,
					       DB_TX,    DB_ANNEX, DB_DERIVED, DB_LOG};
	struct chain *again = NULL;
	struct db_txn *other = NULL;
	int err;

	err = chain_open(dir, genesis, CHAIN_NOSYNC, &again);
	if (err)
		return err;
	err = replay(v, c, txn, genesis, again);
	/* rows behind a block that cannot be replayed would all differ */
	if (err == 0)
		err = chain_read_begin(again, &other);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !err; i++)
		err = compare_table(v, tables[i], txn, other);
	db_abort(other);
	chain_close(again);
	return v->result.problems ? 0 : err;
}
