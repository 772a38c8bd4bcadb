/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Versions of a file. History hangs on the name (so it goes on when another file is renamed over it) and,
 * within the time a node has the name, on the node's contents. What a node was under another name before it
 * came to a name that had no file yet belongs to the name's history, too.
 */
#include "fs/tree_private.h"

#include "acl/rowread.h"
#include "ledger/log.h"
#include "ledger/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int tree_look_height_at(struct tree_look *l, uint64_t time_ms, uint64_t *ret_height)
{
	struct chain_head head;
	const uint64_t begin = l->past ? l->past : 1;
	uint64_t low = begin, high;

	chain_head(l->tree->chain, &head);
	high = head.height + 1;
	while (low < high) { /* the first block that is later */
		uint64_t mid = low + (high - low) / 2;

		if (tree_block_time(l, mid) <= time_ms)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == begin && l->past)
		return tree_past_check(l, 0);
	if (low == 1)
		return err_set(CF_ENOTFOUND, "the ledger begins later than that");
	*ret_height = low - 1;
	return 0;
}

int tree_height_at(struct tree *t, uint64_t time_ms, uint64_t *ret_height)
{
	struct tree_look l;
	int err = tree_look_begin(t, 0, &l);

	if (err)
		return err;
	err = tree_look_height_at(&l, time_ms, ret_height);
	tree_look_end(&l);
	return err;
}

static int tx_read(struct tree_look *l, struct version version, struct tree_tx *ret_tx)
{
	struct tx *tx = mem_alloc(sizeof *tx);
	struct block block = {.tx_count = 0};
	struct buf bytes;
	int err = tx ? 0 : CF_ENOMEM;

	buf_init(&bytes, 0);
	if (!err)
		err = chain_block_read(l->tree->chain, l->txn, version.height, &bytes);
	if (err == CF_ENOTFOUND)
		err = client_block(l->tree->client, version.height, &bytes);
	if (!err)
		err = block_decode(buf_view(&bytes), &block);
	if (!err && version.index >= block.tx_count)
		err = err_set(CF_ECORRUPT, "block %llu has no transaction %u",
			      (unsigned long long)version.height, version.index);
	if (!err)
		err = tx_decode(block.tx[version.index], tx);
	if (!err)
		*ret_tx = (struct tree_tx){tx->id, block.header.time_ms, tx->proposal.type,
					   tx->proposal.creator};
	block_release(&block);
	buf_release(&bytes);
	mem_free(tx);
	return err;
}

int tree_tx(struct tree_look *l, struct version version, struct tree_tx *ret_tx)
{
	struct tree *t = l->tree;
	size_t at = (size_t)(version.height * 31 + version.index) % TREE_TXS;
	struct tree_tx tx;
	bool found;
	int err;

	if (version.height == 0)
		return CF_ENOTFOUND;
	pthread_mutex_lock(&t->tx_lock);
	found = version_equal(t->tx[at].version, version);
	if (found)
		*ret_tx = t->tx[at].tx;
	pthread_mutex_unlock(&t->tx_lock);
	if (found)
		return 0;
	err = tx_read(l, version, &tx);
	if (err)
		return err;
	pthread_mutex_lock(&t->tx_lock);
	t->tx[at].version = version;
	t->tx[at].tx = tx;
	pthread_mutex_unlock(&t->tx_lock);
	*ret_tx = tx;
	return 0;
}

/* A change of the name: what it leads to from then on. */
struct turn {
	struct version version;
	bool deleted;
	struct node_id node;
	enum node_type type;
};

struct turns {
	struct turn *at;
	size_t count, cap;
	struct segments *blocks;
};

static int turn_add(struct turns *t, const struct turn *turn)
{
	if (t->count == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 32;
		struct turn *at = mem_array(t->at, cap, sizeof *at);

		if (at == NULL)
			return CF_ENOMEM;
		t->at = at;
		t->cap = cap;
	}
	t->at[t->count++] = *turn;
	return 0;
}

static int on_turn(void *ctx, const struct history_row *row)
{
	struct turns *t = ctx;
	struct turn turn = {.version = row->version, .deleted = row->deleted};
	struct entry_row entry;
	struct buf value;
	int err = 0;

	buf_init(&value, 0);
	if (!row->deleted) {
		err = history_read(t->blocks, row, &value);
		if (!err && entry_row_decode(buf_view(&value), &entry))
			err = err_set(CF_ECORRUPT, "a past entry does not decode");
	}
	if (!err && !row->deleted) {
		turn.node = entry.node;
		turn.type = entry.type;
	}
	buf_release(&value);
	return err ? err : turn_add(t, &turn);
}

/* A change of content. The same array serves: node and type are not set. */
static int on_content(void *ctx, const struct history_row *row)
{
	struct turn turn = {.version = row->version, .deleted = row->deleted};

	return turn_add(ctx, &turn);
}

static int compare(struct version a, struct version b)
{
	if (a.height != b.height)
		return a.height < b.height ? -1 : 1;
	return a.index == b.index ? 0 : a.index < b.index ? -1 : 1;
}

struct versions {
	struct tree_look *look;
	const struct place *dir;
	tree_version_fn on_version;
	void *ctx;
	unsigned number;
};

#define WALK_ENDED 1

static uint64_t size_at(struct versions *w, const struct node_id *n, uint64_t height)
{
	struct tree_look past = *w->look;
	struct node_row row;
	struct version version;

	past.height = height;
	return tree_node(&past, &w->dir->patient, n, &row, &version) ? 0 : row.size;
}

static int emit(struct versions *w, const struct turn *turn, struct version version, bool deleted)
{
	struct chart_version v = {
		.number = ++w->number,
		.deleted = deleted,
		.height = version.height,
		.index = version.index,
		.node = turn->node,
	};
	struct place place =
		place_node(&w->dir->patient, &turn->node, turn->type, w->dir->section, version.height);
	struct tree_tx tx;
	int err = tree_tx(w->look, version, &tx);

	if (err)
		return err;
	v.time_ms = tx.time_ms;
	v.tx_id = tx.id;
	v.type = tx.type;
	tree_person_name(w->look, &tx.creator, v.author, sizeof v.author);
	place.local = deleted ? TREE_DELETED_VIEW : TREE_VERSION_VIEW;
	if (!deleted)
		v.size = size_at(w, &turn->node, version.height);
	return w->on_version(w->ctx, &v, &place) ? 0 : WALK_ENDED;
}

/* The contents a node had while it had the name: from turn i up to the next. */
static int emit_contents(struct versions *w, const struct turns *t, size_t i)
{
	const struct turn *turn = &t->at[i];
	struct statekey key = statekey_node(&w->dir->patient, SKP_CONTENT, &turn->node);
	bool same = i > 0 && !t->at[i - 1].deleted && node_equal(&t->at[i - 1].node, &turn->node),
	     shown = same;
	struct turns contents = {NULL, 0, 0, NULL};
	int err = history_walk(w->look->txn, statekey_view(&key), on_content, &contents);

	for (size_t j = 0; j < contents.count && !err; j++) {
		struct version v = contents.at[j].version;
		int order = compare(v, turn->version);

		if (i + 1 < t->count && compare(v, t->at[i + 1].version) >= 0)
			break;
		if (order > 0 && !shown)
			err = emit(w, turn, turn->version, false);
		shown = shown || order >= 0;
		if (!err && (order >= 0 || i == 0))
			err = emit(w, turn, v, false);
		/* a file that came from another name: its last content there is what this name began with */
		shown = shown || i == 0;
	}
	if (!err && !shown)
		err = emit(w, turn, turn->version, false);
	mem_free(contents.at);
	return err;
}

int tree_versions(struct tree_look *l, const struct place *dir, const struct name_token *token,
		  tree_version_fn on_version, void *ctx)
{
	struct versions w = {l, dir, on_version, ctx, 0};
	struct turns t = {NULL, 0, 0, chain_blocks(l->tree->chain)};
	struct statekey key = statekey_entry(&dir->patient, &dir->node, token);
	int err = tree_may(l, &dir->patient, dir->section, VERB_READ);

	if (!err)
		err = tree_past_check(l, 0);
	if (!err)
		err = history_walk(l->txn, statekey_view(&key), on_turn, &t);
	if (!err && t.count == 0)
		err = CF_ENOTFOUND;
	for (size_t i = 0; i < t.count && !err; i++) {
		if (!t.at[i].deleted && t.at[i].type != NODE_DIR)
			err = emit_contents(&w, &t, i);
		else if (t.at[i].deleted && i > 0 && t.at[i - 1].type != NODE_DIR)
			err = emit(&w, &t.at[i - 1], t.at[i].version, true);
	}
	mem_free(t.at);
	return err == WALK_ENDED ? 0 : err;
}

/* The name behind a token, from any version of the entry that was alive. */
static int file_name(struct tree_look *l, const struct place *p, char ret_name[NAME_BYTES_MAX + 1])
{
	struct place dir = place_node(&p->patient, &p->node, NODE_DIR, p->section, 0);
	struct statekey key = statekey_entry(&p->patient, &p->node, &p->token);
	struct history_row row;
	int err = history_at(l->txn, statekey_view(&key), UINT64_MAX, &row);

	if (err)
		return err;
	return tree_name_before(l, &dir, &p->token, row.deleted ? row.version.height : row.version.height + 1,
				ret_name, NULL);
}

struct version_list {
	struct tree_look *look;
	char file[NAME_BYTES_MAX + 1];
	const char *wanted; /* lookup: this name */
	uint64_t cookie;
	tree_entry_fn on_entry;
	void *ctx;
	struct chart_attr *ret_attr;
	int err;
};

static bool on_listed(void *ctx, const struct chart_version *v, const struct place *place)
{
	struct version_list *w = ctx;
	char name[NAME_BYTES_MAX + 1];
	struct chart_attr attr;
	struct tree_look past = *w->look;
	int err;

	if (w->wanted == NULL && v->number <= w->cookie)
		return true;
	name_of_version(v->number, v->time_ms, &v->tx_id, v->deleted, w->file, name);
	if (w->wanted && strcmp(w->wanted, name) != 0)
		return true;
	past.height = v->height;
	past.time_ms = v->time_ms;
	err = tree_attr(&past, place, &attr);
	if (w->wanted) {
		w->err = err;
		if (!err)
			*w->ret_attr = attr;
		return false;
	}
	return !tree_entry_shown(err, "a version") || w->on_entry(w->ctx, name, &attr, v->number);
}

int tree_versions_lookup(struct tree_look *l, const struct place *p, const char *name,
			 struct chart_attr *ret_attr)
{
	struct version_list w = {.look = l, .wanted = name, .ret_attr = ret_attr, .err = CF_ENOTFOUND};
	int err = file_name(l, p, w.file);

	if (!err)
		err = tree_versions(l, p, &p->token, on_listed, &w);
	return err ? err : w.err;
}

int tree_versions_list(struct tree_look *l, const struct place *p, uint64_t cookie, tree_entry_fn on_entry,
		       void *ctx)
{
	struct version_list w = {.look = l, .cookie = cookie, .on_entry = on_entry, .ctx = ctx};
	int err = file_name(l, p, w.file);

	return err ? err : tree_versions(l, p, &p->token, on_listed, &w);
}
