/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state_tree.c - the radix tree over the rows: branches by path, changed once a block.
 *
 * All changes of a block go down the tree together, sorted, so that each branch on their ways is read,
 * written and hashed once. The shape is normal by construction: a branch that is left with one child or
 * with its own leaf alone gives way to an edge, whatever the order in which the keys came and went.
 */
#include "ledger/mem.h"
#include "ledger/state_private.h"

#include <assert.h>
#include <string.h>

#define TREE_ROOT 0x00
#define TREE_BRANCH 0x01
#define ROW_MARK_BYTES 2

struct tree {
	struct db_txn *txn;
	const struct state_change *changes;
	uint8_t row_key[1 + STATE_NIBBLES_MAX];
	uint8_t row[ROW_MARK_BYTES + STATE_BRANCH_BYTES_MAX];
};

/* A run of the sorted changes. */
struct span {
	size_t from, to;
};

static struct view row_key(const uint8_t *path, size_t depth, uint8_t ret_key[1 + STATE_NIBBLES_MAX])
{
	assert(depth <= STATE_NIBBLES_MAX);
	ret_key[0] = TREE_BRANCH;
	memcpy(ret_key + 1, path, depth);
	return VIEW(ret_key, 1 + depth);
}

int state_branch_load(struct db_txn *txn, const uint8_t *path, size_t depth, struct state_branch *ret_b,
		      struct view *ret_bytes)
{
	uint8_t key[1 + STATE_NIBBLES_MAX];
	struct view row, bytes;
	unsigned marks;
	int err;

	err = db_get(txn, DB_TREE, row_key(path, depth, key), &row);
	if (err)
		return err;
	if (row.len < ROW_MARK_BYTES)
		return err_set(CF_ECORRUPT, "state: a branch is too short");
	bytes = VIEW(row.data + ROW_MARK_BYTES, row.len - ROW_MARK_BYTES);
	if (state_branch_decode(bytes, ret_b) != 0)
		return err_set(CF_ECORRUPT, "state: a branch is malformed");
	marks = (unsigned)row.data[0] << 8 | row.data[1];
	for (unsigned n = 0; n < STATE_FANOUT; n++)
		ret_b->child[n].leaf = marks >> n & 1;
	if (ret_bytes)
		*ret_bytes = bytes;
	return 0;
}

static int branch_store(struct tree *t, const uint8_t *path, size_t depth, const struct state_branch *b,
			struct hash *ret_hash)
{
	unsigned marks = 0;
	size_t len;
	int err;

	for (unsigned n = 0; n < STATE_FANOUT; n++)
		marks |= (unsigned)(b->child[n].present && b->child[n].leaf) << n;
	t->row[0] = (uint8_t)(marks >> 8);
	t->row[1] = (uint8_t)marks;
	len = state_branch_encode(b, t->row + ROW_MARK_BYTES);
	err = db_put(t->txn, DB_TREE, row_key(path, depth, t->row_key), VIEW(t->row, ROW_MARK_BYTES + len));
	if (!err)
		*ret_hash = sha256(VIEW(t->row + ROW_MARK_BYTES, len));
	return err;
}

static int branch_drop(struct tree *t, const uint8_t *path, size_t depth)
{
	int err = db_del(t->txn, DB_TREE, row_key(path, depth, t->row_key));

	return err == CF_ENOTFOUND ? err_set(CF_ECORRUPT, "state: a branch is missing") : err;
}

static size_t change_nibbles(const struct state_change *c)
{
	return 2u * c->key_len;
}

/* How far the changes of a span agree with label, from depth on; all agree up to depth. */
static size_t common_with(const struct tree *t, struct span span, size_t depth, const uint8_t *label,
			  size_t len)
{
	size_t common = len;

	/* The keys are sorted: what first and last share, all share. */
	for (int end = 0; end < 2; end++) {
		const struct state_change *c = &t->changes[end ? span.to - 1 : span.from];
		size_t n = 0;

		while (n < common && depth + n < change_nibbles(c) &&
		       state_nibble(c->key, depth + n) == label[n])
			n++;
		common = n;
	}
	return common;
}

static int edge_apply(struct tree *t, uint8_t *path, size_t depth, struct span span, struct state_edge *edge);

/* Sends the changes that arrive at a branch to its own leaf and to its children. */
static int branch_apply(struct tree *t, uint8_t *path, size_t depth, struct span span, struct state_branch *b)
{
	int err = 0;

	if (span.from < span.to && change_nibbles(&t->changes[span.from]) == depth)
		b->terminal = t->changes[span.from++].leaf;
	while (!err && span.from < span.to) {
		uint8_t nibble = state_nibble(t->changes[span.from].key, depth);
		struct span part = {span.from, span.from + 1};

		while (part.to < span.to && state_nibble(t->changes[part.to].key, depth) == nibble)
			part.to++;
		err = edge_apply(t, path, depth, part, &b->child[nibble]);
		span.from = part.to;
	}
	return err;
}

/*
 * The branch at which the changes of a span arrive first, `*ret_len` nibbles down the edge: a stored one
 * at its end, or one that the changes call for in the middle of it, or the first one where there is no
 * edge yet. path gets the nibbles on the way.
 */
static int arrive(struct tree *t, uint8_t *path, size_t depth, struct span span,
		  const struct state_edge *edge, struct state_branch *ret_b, size_t *ret_len,
		  bool *ret_stored)
{
	const struct state_change *first = &t->changes[span.from];
	uint8_t label[STATE_NIBBLES_MAX];
	size_t len;

	memset(ret_b, 0, sizeof(*ret_b));
	*ret_stored = false;
	if (edge->present) {
		len = common_with(t, span, depth, edge->label, edge->len);
		memcpy(path + depth, edge->label, len);
	} else {
		size_t rest = change_nibbles(first) - depth;

		for (size_t i = 0; i < rest; i++)
			label[i] = state_nibble(first->key, depth + i);
		len = common_with(t, span, depth, label, rest);
		memcpy(path + depth, label, len);
	}
	assert(len >= 1);
	*ret_len = len;
	if (edge->present && len < edge->len) {
		struct state_edge *below = &ret_b->child[edge->label[len]];

		*below = *edge;
		below->len = (uint8_t)(edge->len - len);
		memcpy(below->label, edge->label + len, below->len);
		return 0;
	}
	if (edge->present && edge->leaf) {
		ret_b->terminal = edge->hash;
		return 0;
	}
	if (!edge->present)
		return 0;
	*ret_stored = true;
	return state_branch_load(t->txn, path, depth + len, ret_b, NULL);
}

/* Brings an edge up to date: the changes of the span all begin with path up to depth and its first nibble. */
static int edge_apply(struct tree *t, uint8_t *path, size_t depth, struct span span, struct state_edge *edge)
{
	struct state_branch *b = mem_alloc(sizeof(*b));
	const struct state_edge *only = NULL;
	unsigned children = 0;
	bool stored, own;
	size_t len;
	int err;

	if (!b)
		return CF_ENOMEM;
	err = arrive(t, path, depth, span, edge, b, &len, &stored);
	if (err == CF_ENOTFOUND)
		err = err_set(CF_ECORRUPT, "state: a branch is missing");
	if (!err)
		err = branch_apply(t, path, depth + len, span, b);
	if (err)
		goto out;
	for (unsigned n = 0; n < STATE_FANOUT; n++) {
		if (b->child[n].present) {
			children++;
			only = &b->child[n];
		}
	}
	own = !hash_is_zero(&b->terminal);
	edge->present = children > 0 || own;
	edge->len = (uint8_t)len;
	memcpy(edge->label, path + depth, len);
	if (children + own >= 2) {
		edge->leaf = false;
		err = branch_store(t, path, depth + len, b, &edge->hash);
		goto out;
	}
	if (own) {
		edge->leaf = true;
		edge->hash = b->terminal;
	} else if (only) {
		edge->leaf = only->leaf;
		edge->hash = only->hash;
		memcpy(edge->label + len, only->label, only->len);
		edge->len = (uint8_t)(len + only->len);
	}
	if (stored)
		err = branch_drop(t, path, depth + len);
out:
	mem_free(b);
	return err;
}

int state_root(struct db_txn *txn, struct hash *ret_root)
{
	static const uint8_t key[1] = {TREE_ROOT};
	struct view row;
	int err;

	assert(txn && ret_root);
	err = db_get(txn, DB_TREE, VIEW(key, 1), &row);
	if (err == CF_ENOTFOUND) {
		memset(ret_root->b, 0, HASH_BYTES);
		return 0;
	}
	if (!err && row.len != HASH_BYTES)
		err = err_set(CF_ECORRUPT, "state: the root is malformed");
	if (!err)
		memcpy(ret_root->b, row.data, HASH_BYTES);
	return err;
}

int state_tree_apply(struct db_txn *txn, const struct state_change *changes, size_t count,
		     struct hash *ret_root)
{
	static const uint8_t root_key[1] = {TREE_ROOT};
	uint8_t path[STATE_NIBBLES_MAX];
	struct state_branch *b = mem_zalloc(sizeof(*b));
	struct tree *t = mem_alloc(sizeof(*t));
	struct hash root = {{0}};
	bool any = false, stored;
	int err = CF_ENOMEM;

	assert(count > 0);
	if (!b || !t)
		goto out;
	t->txn = txn;
	t->changes = changes;
	err = state_branch_load(txn, path, 0, b, NULL);
	stored = err == 0;
	if (!err || err == CF_ENOTFOUND)
		err = branch_apply(t, path, 0, (struct span){0, count}, b);
	if (err)
		goto out;
	for (unsigned n = 0; n < STATE_FANOUT; n++)
		any = any || b->child[n].present;
	if (any)
		err = branch_store(t, path, 0, b, &root);
	else if (stored)
		err = branch_drop(t, path, 0);
	if (!err)
		err = db_put(txn, DB_TREE, VIEW(root_key, 1), VIEW(root.b, HASH_BYTES));
	if (!err)
		*ret_root = root;
out:
	mem_free(b);
	mem_free(t);
	return err;
}
