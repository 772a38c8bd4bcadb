/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.c - rows of the state, cursors over them, and the writes of one block.
 */
#include "ledger/mem.h"
#include "ledger/state_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct state_cursor {
	struct db_cursor *rows;
};

struct state_stage {
	struct db_txn *txn;
	struct state_change *changes; /* since the last root */
	size_t count, cap;
	struct buf row;
};

static int row_parse(struct view row, struct view *ret_value, struct version *ret_version)
{
	struct dec d;

	if (row.len < STATE_ROW_HEAD_BYTES)
		return err_set(CF_ECORRUPT, "state: a row is too short");
	dec_init(&d, row);
	ret_version->height = dec_u64(&d);
	ret_version->index = dec_u32(&d);
	*ret_value = dec_rest(&d);
	return 0;
}

int state_get(struct db_txn *txn, struct view key, struct view *ret_value, struct version *ret_version)
{
	struct view row;
	int err;

	assert(txn && ret_value && ret_version);
	err = db_get(txn, DB_STATE, key, &row);
	return err ? err : row_parse(row, ret_value, ret_version);
}

int state_cursor_new(struct db_txn *txn, struct view prefix, struct state_cursor **ret_c)
{
	struct state_cursor *c;
	int err;

	assert(txn && ret_c);
	c = mem_alloc(sizeof(*c));
	if (!c)
		return CF_ENOMEM;
	err = db_cursor_new(txn, DB_STATE, prefix, &c->rows);
	if (err) {
		mem_free(c);
		return err;
	}
	*ret_c = c;
	return 0;
}

void state_cursor_free(struct state_cursor *c)
{
	if (!c)
		return;
	db_cursor_free(c->rows);
	mem_free(c);
}

static int item(int err, struct view key, struct view row, struct state_item *ret_item)
{
	struct state_item found = {.key = key};

	if (!err)
		err = row_parse(row, &found.value, &found.version);
	if (!err)
		*ret_item = found;
	return err;
}

int state_cursor_seek(struct state_cursor *c, struct view from, struct state_item *ret_item)
{
	struct view key = VIEW_NONE, row = VIEW_NONE;
	int err = db_cursor_seek(c->rows, from, &key, &row);

	return item(err, key, row, ret_item);
}

int state_cursor_next(struct state_cursor *c, struct state_item *ret_item)
{
	struct view key = VIEW_NONE, row = VIEW_NONE;
	int err = db_cursor_next(c->rows, &key, &row);

	return item(err, key, row, ret_item);
}

/* ---- staging ---- */

int state_stage_new(struct db_txn *txn, struct state_stage **ret_s)
{
	struct state_stage *s;

	assert(txn && ret_s);
	s = mem_zalloc(sizeof(*s));
	if (!s)
		return CF_ENOMEM;
	s->txn = txn;
	buf_init(&s->row, 0);
	*ret_s = s;
	return 0;
}

void state_stage_free(struct state_stage *s)
{
	if (!s)
		return;
	buf_release(&s->row);
	mem_free(s->changes);
	mem_free(s);
}

static int change_new(struct state_stage *s, struct state_change **ret_change)
{
	if (s->count == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 64;
		struct state_change *grown = mem_array(s->changes, cap, sizeof(*grown));

		if (!grown)
			return CF_ENOMEM;
		s->changes = grown;
		s->cap = cap;
	}
	*ret_change = &s->changes[s->count];
	return 0;
}

static int row_write(struct state_stage *s, const struct rw_write *w, struct version version)
{
	struct enc e;
	int err;

	if (w->deleted) {
		err = db_del(s->txn, DB_STATE, w->key);
		return err == CF_ENOTFOUND ? 0 : err;
	}
	buf_reset(&s->row);
	enc_init(&e, &s->row);
	enc_u64(&e, version.height);
	enc_u32(&e, version.index);
	enc_fixed(&e, w->value.data, w->value.len);
	err = enc_done(&e);
	return err ? err : db_put(s->txn, DB_STATE, w->key, buf_view(&s->row));
}

int state_stage_write(struct state_stage *s, const struct rw_write *w, struct version version)
{
	struct state_change *change;
	int err;

	assert(s && w);
	if (w->key.len == 0 || w->key.len > STATE_KEY_BYTES_MAX)
		return CF_EINVAL;
	if (w->value.len > STATE_VALUE_BYTES_MAX)
		return CF_ETOOBIG;
	err = change_new(s, &change);
	if (!err)
		err = row_write(s, w, version);
	if (err)
		return err;
	memset(change, 0, sizeof(*change));
	memcpy(change->key, w->key.data, w->key.len);
	change->key_len = (uint8_t)w->key.len;
	change->order = (uint32_t)s->count;
	if (!w->deleted) {
		struct hash value_hash = sha256(w->value);

		change->leaf = state_leaf_hash(w->key, version, &value_hash);
	}
	s->count++;
	return 0;
}

static int change_order(const void *a, const void *b)
{
	const struct state_change *x = a, *y = b;
	int order = view_compare(VIEW(x->key, x->key_len), VIEW(y->key, y->key_len));

	if (order)
		return order;
	return x->order < y->order ? -1 : x->order > y->order;
}

int state_stage_root(struct state_stage *s, struct hash *ret_root)
{
	size_t kept = 0;
	int err;

	assert(s && ret_root);
	if (s->count == 0)
		return state_root(s->txn, ret_root);
	qsort(s->changes, s->count, sizeof(*s->changes), change_order);
	for (size_t i = 0; i < s->count; i++) {
		const struct state_change *c = &s->changes[i], *next = c + 1;

		if (i + 1 < s->count && view_equal(VIEW(c->key, c->key_len), VIEW(next->key, next->key_len)))
			continue;
		if (kept != i)
			s->changes[kept] = *c;
		kept++;
	}
	err = state_tree_apply(s->txn, s->changes, kept, ret_root);
	if (!err)
		s->count = 0;
	return err;
}
