/* SPDX-License-Identifier: Apache-2.0 */
/*
 * <dir>/.snapshots/<time>/: a directory as of then. Each .snapshots is a door to places of its own
 * (place.via): the kernel knows a directory under one name only, and at/ leads to the same one.
 */
#include "fs/tree_private.h"

#include "acl/rowread.h"
#include "fs/shadow.h"
#include "ledger/mem.h"

#include <string.h>

#define ENTRIES_MAX 4096 /* of a directory that are asked for their changes */

static struct node_id door_of(enum place_kind kind, const struct node_id *node)
{
	struct node_id via = *node;

	if (kind != PLACE_NODE)
		via.b[0] = (uint8_t)kind;
	return via;
}

static bool has_snapshots(const struct place *dir)
{
	return dir->height == 0 &&
	       (dir->kind == PLACE_ROOT || dir->kind == PLACE_PATIENTS || dir->kind == PLACE_PEOPLE ||
		(dir->kind == PLACE_NODE && dir->type == NODE_DIR));
}

/* A patient's directory shows its sections to everybody who knows of the patient, so do its snapshots. */
int tree_snapshots_enter(struct tree_look *l, const struct place *dir, struct place *ret_p)
{
	int err = has_snapshots(dir) ? 0 : CF_ENOTFOUND;

	if (!err && dir->kind == PLACE_NODE && dir->section != 0)
		err = tree_may(l, &dir->patient, dir->section, VERB_READ);
	if (err)
		return err;
	*ret_p = *dir;
	ret_p->kind = PLACE_SNAPSHOTS;
	ret_p->local = dir->kind;
	return 0;
}

static struct place place_of(const struct place *snapshots)
{
	struct place p = *snapshots;

	p.kind = (uint8_t)p.local;
	p.local = 0;
	return p;
}

bool tree_snapshots_parent(const struct place *p, struct place *ret_parent)
{
	struct node_id via = door_of(p->kind, &p->node);

	if (p->height == 0 || !node_equal(&via, &p->via))
		return false;
	*ret_parent = *p;
	ret_parent->kind = PLACE_SNAPSHOTS;
	ret_parent->local = p->kind;
	ret_parent->height = 0;
	memset(&ret_parent->via, 0, sizeof ret_parent->via);
	return true;
}

static int snapshot_at(struct tree_look *l, const struct place *snapshots, uint64_t seconds,
		       struct chart_attr *ret_attr)
{
	struct place p = place_of(snapshots);
	struct tree_look past = *l;
	uint64_t height;
	int err = tree_look_height_at(l, seconds * 1000 + 999, &height);

	if (err)
		return err;
	p.via = door_of(p.kind, &p.node);
	p.height = past.height = height;
	past.time_ms = tree_block_time(l, height);
	err = tree_attr(&past, &p, ret_attr);
	mem_wipe(&past.keys, sizeof past.keys);
	return err;
}

int tree_snapshots_lookup(struct tree_look *l, const struct place *p, const char *name,
			  struct chart_attr *ret_attr)
{
	uint64_t seconds;

	return shadow_parse(name, &seconds) ? CF_ENOTFOUND : snapshot_at(l, p, seconds, ret_attr);
}

/* Heights at which a row changed, newest first. */
static int add_changes(struct tree_look *l, const struct statekey *key, struct shadow_set *heights)
{
	uint64_t height = UINT64_MAX;
	struct history_row row;
	int err;

	do {
		err = history_at(l->txn, statekey_view(key), height, &row);
		if (err || !shadow_add(heights, row.version.height))
			break;
		height = row.version.height - 1;
	} while (row.version.height > 0);
	return err == CF_ENOTFOUND ? 0 : err;
}

/* What came, went and changed in this directory: names that are there now, and contents of their files. */
static int add_own(struct tree_look *l, const struct place *dir, struct shadow_set *heights)
{
	struct statekey prefix = statekey_entries(&dir->patient, &dir->node);
	struct state_cursor *c = NULL;
	struct state_item item;
	unsigned seen = 0;
	int err = state_cursor_new(l->txn, statekey_view(&prefix), &c);

	if (err)
		return err;
	err = state_cursor_seek(c, statekey_view(&prefix), &item);
	while (!err && seen++ < ENTRIES_MAX) {
		struct statekey_parts parts;
		struct entry_row entry;
		struct statekey key;

		err = statekey_parse(item.key, &parts);
		if (!err)
			err = entry_row_decode(item.value, &entry);
		if (err) {
			err = CF_ECORRUPT;
			break;
		}
		key = statekey_entry(&dir->patient, &dir->node, &parts.token);
		err = add_changes(l, &key, heights);
		if (!err && entry.type != NODE_DIR) {
			key = statekey_node(&dir->patient, SKP_CONTENT, &entry.node);
			err = add_changes(l, &key, heights);
		}
		if (!err)
			err = state_cursor_next(c, &item);
	}
	state_cursor_free(c);
	return err == CF_ENOTFOUND ? 0 : err;
}

/* Seconds to list, ascending. */
static int gather(struct tree_look *l, const struct place *dir, struct shadow_set *seconds)
{
	struct shadow_set heights = {.max = SHADOW_CHANGES};
	uint64_t mark[SHADOW_MARKS], height;
	size_t marks = shadow_marks(l->now_ms, mark);
	struct chain_head head;
	int err = 0;

	*seconds = (struct shadow_set){.max = SHADOW_TIMES_MAX};
	if (dir->kind == PLACE_NODE && (dir->section != 0 || tree_may(l, &dir->patient, 0, VERB_READ) == 0))
		err = add_own(l, dir, &heights);
	chain_head(l->tree->chain, &head);
	for (size_t i = 0; i < heights.count; i++) {
		if (heights.value[i] > 0)
			shadow_add(seconds, tree_block_time(l, heights.value[i]) / 1000);
	}
	for (uint64_t i = 0; i < SHADOW_BLOCKS && i < head.height; i++)
		shadow_add(seconds, tree_block_time(l, head.height - i) / 1000);
	for (size_t i = 0; i < marks; i++) {
		if (tree_look_height_at(l, mark[i], &height) == 0)
			shadow_add(seconds, tree_block_time(l, height) / 1000);
	}
	return err;
}

/* The cookie of a snapshot is its second. */
int tree_snapshots_list(struct tree_look *l, const struct place *p, uint64_t cookie, tree_entry_fn on_entry,
			void *ctx)
{
	struct place dir = place_of(p);
	struct shadow_set *seconds = mem_alloc(sizeof *seconds);
	int err = seconds ? gather(l, &dir, seconds) : CF_ENOMEM;

	for (size_t i = 0; !err && i < seconds->count; i++) {
		char name[NAME_BYTES_MAX + 1];
		struct chart_attr attr;
		int found;

		if (seconds->value[i] <= cookie)
			continue;
		found = snapshot_at(l, p, seconds->value[i], &attr);
		if (found == CF_ENOTFOUND || !tree_entry_shown(found, "a snapshot"))
			continue; /* the directory was not there yet */
		shadow_name(seconds->value[i], name);
		if (!on_entry(ctx, name, &attr, seconds->value[i]))
			break;
	}
	mem_free(seconds);
	return err;
}
