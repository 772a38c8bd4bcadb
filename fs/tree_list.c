/* SPDX-License-Identifier: Apache-2.0 */
/* Listings of directories: in the order of tokens, which stays what it is while entries come and go. */
#include "fs/tree_private.h"

#include "acl/rowread.h"

#include <string.h>

#define WALK_ENDED 1
#define TRAIL_COOKIE (SECTION_COUNT + 1) /* behind the sections; those of names are from 64 */

struct dir_walk {
	struct tree_look *look;
	const struct place *dir;
	uint64_t cookie;
	tree_entry_fn on_entry;
	void *ctx;
	bool of_versions; /* .history/: these names and those that are gone, each a directory of versions */
};

static int show_entry(struct dir_walk *w, struct view key, struct view value, struct version version)
{
	struct place dir = *w->dir, place;
	char name[NAME_BYTES_MAX + 1];
	struct statekey_parts parts;
	struct entry_row row;
	struct chart_attr attr;
	uint64_t cookie;
	int err = statekey_parse(key, &parts);

	if (err)
		return CF_ECORRUPT;
	cookie = tree_cookie(parts.token.b);
	if (cookie <= w->cookie)
		return 0;
	dir.kind = PLACE_NODE;
	err = entry_row_decode(value, &row);
	if (!err && w->of_versions && row.type == NODE_DIR)
		return 0;
	if (!err)
		err = tree_name(w->look, &dir, &parts.token, &row, version, name);
	if (!err) {
		place = place_node(&dir.patient, &row.node, row.type, dir.section, w->look->height);
		if (w->of_versions) {
			place = *w->dir;
			place.kind = PLACE_VERSIONS;
			place.token = parts.token;
		}
		err = tree_attr(w->look, &place, &attr);
	}
	if (!tree_entry_shown(err, "an entry"))
		return 0;
	return w->on_entry(w->ctx, name, &attr, cookie) ? 0 : WALK_ENDED;
}

static int show_past(void *ctx, struct view key, const struct history_row *row)
{
	struct dir_walk *w = ctx;
	struct buf value;
	int err;

	buf_init(&value, 0);
	err = history_read(chain_blocks(w->look->tree->chain), row, &value);
	if (!err)
		err = show_entry(w, key, buf_view(&value), row->version);
	buf_release(&value);
	return err;
}

/* A name that is gone, by the last entry it had. */
static int show_gone(struct dir_walk *w, struct view key, struct version gone)
{
	struct history_row row;
	int err = gone.height > 1 ? history_at(w->look->txn, key, gone.height - 1, &row) : CF_ENOTFOUND;

	/* made and removed in one block: it had no name at any height */
	if (err == CF_ENOTFOUND || (!err && row.deleted))
		return 0;
	return err ? err : show_past(w, key, &row);
}

static int show_ever(void *ctx, struct view key, const struct history_row *row)
{
	return row->deleted ? show_gone(ctx, key, row->version) : show_past(ctx, key, row);
}

/* The first key that can have a cookie behind this one. */
static struct statekey start_key(const struct dir_walk *w, const struct statekey *prefix)
{
	struct statekey from = *prefix;
	uint64_t first = w->cookie > 64 ? w->cookie << 2 : 0;

	for (int i = 0; i < 8; i++)
		from.b[from.len++] = (uint8_t)(first >> (56 - 8 * i));
	return from;
}

static int walk_live(struct dir_walk *w, const struct statekey *prefix, const struct statekey *from)
{
	struct state_cursor *c = NULL;
	struct state_item item;
	int err = state_cursor_new(w->look->txn, statekey_view(prefix), &c);

	if (err)
		return err;
	err = state_cursor_seek(c, statekey_view(from), &item);
	while (!err) {
		err = show_entry(w, item.key, item.value, item.version);
		if (!err)
			err = state_cursor_next(c, &item);
	}
	state_cursor_free(c);
	return err == CF_ENOTFOUND ? 0 : err;
}

static int list_entries(struct dir_walk *w)
{
	struct statekey prefix = statekey_entries(&w->dir->patient, &w->dir->node),
			from = start_key(w, &prefix);

	if (w->of_versions)
		return history_walk_deleted(w->look->txn, statekey_view(&prefix), statekey_view(&from),
					    w->look->height ? w->look->height : UINT64_MAX, show_ever, w);
	if (w->look->height == 0)
		return walk_live(w, &prefix, &from);
	return history_walk_prefix(w->look->txn, statekey_view(&prefix), statekey_view(&from),
				   w->look->height, show_past, w);
}

/* The sixteen sections always stand in a patient's directory, whoever may open them. */
static int list_sections(struct dir_walk *w)
{
	for (unsigned s = 1; s <= SECTION_COUNT; s++) {
		struct place place = tree_dir_place(&w->dir->patient, s, w->look->height);
		struct chart_attr attr;
		int err;

		if (s <= w->cookie)
			continue;
		err = tree_attr(w->look, &place, &attr);
		if (tree_entry_shown(err, "a section") && !w->on_entry(w->ctx, section_name(s), &attr, s))
			return WALK_ENDED;
	}
	return 0;
}

/* Whom it concerns sees that there is a trail. */
static int list_trail(struct dir_walk *w)
{
	struct place place = tree_trail_place(&w->dir->patient);
	struct chart_attr attr;
	int err;

	if (w->look->height || w->cookie >= TRAIL_COOKIE || tree_trail_may(w->look, &place.patient))
		return 0;
	err = tree_attr(w->look, &place, &attr);
	return err || w->on_entry(w->ctx, TRAIL_DIR_NAME, &attr, TRAIL_COOKIE) ? err : WALK_ENDED;
}

static int list_node(struct dir_walk *w)
{
	bool patient_dir = w->dir->section == 0 && !w->of_versions;
	int err = 0;

	if (patient_dir)
		err = list_sections(w);
	if (patient_dir && !err)
		err = list_trail(w);
	if (!err)
		err = tree_may(w->look, &w->dir->patient, w->dir->section, VERB_READ);
	if (!err)
		err = list_entries(w);
	return err == WALK_ENDED ? 0 : err;
}

/* patients/ and people/; at/, .history/ and .chartfs/ answer by name only. */
static int list_root(struct dir_walk *w)
{
	static const struct {
		const char *name;
		enum place_kind kind;
	} entry[] = {{"patients", PLACE_PATIENTS}, {"people", PLACE_PEOPLE}};

	for (uint64_t i = w->cookie; i < sizeof entry / sizeof entry[0]; i++) {
		struct place place = place_simple(entry[i].kind, w->look->height);
		struct chart_attr attr;
		int err = tree_attr(w->look, &place, &attr);

		if (err)
			return err;
		if (!w->on_entry(w->ctx, entry[i].name, &attr, i + 1))
			break;
	}
	return 0;
}

/* What stands in a snapshot was reached through the same .snapshots. */
struct through {
	struct node_id via;
	tree_entry_fn on_entry;
	void *ctx;
};

static bool through_snapshots(void *ctx, const char *name, const struct chart_attr *attr, uint64_t cookie)
{
	struct through *w = ctx;
	struct chart_attr a = *attr;

	a.place.via = w->via;
	return w->on_entry(w->ctx, name, &a, cookie);
}

int tree_list(struct tree *t, const struct place *dir, uint64_t cookie, tree_entry_fn on_entry, void *ctx)
{
	struct dir_walk w = {NULL, dir, cookie, on_entry, ctx, dir->kind == PLACE_HISTORY};
	struct through through = {dir->via, on_entry, ctx};
	struct tree_look l;
	int err;

	if (!place_is_dir(dir))
		return CF_ENOTDIR;
	if (!node_is_zero(&dir->via)) {
		w.on_entry = on_entry = through_snapshots;
		w.ctx = ctx = &through;
	}
	err = tree_look_begin(t, dir->height, &l);
	if (err)
		return err;
	w.look = &l;
	err = tree_is_past(&l, dir);
	if (!err && dir->kind == PLACE_SNAPSHOTS)
		err = tree_past_check(&l, 0);
	if (err) {
		tree_look_end(&l);
		return err;
	}
	switch ((enum place_kind)dir->kind) {
	case PLACE_ROOT:
		err = list_root(&w);
		break;
	case PLACE_PATIENTS:
		err = tree_patient_list(&l, cookie, on_entry, ctx);
		break;
	case PLACE_PEOPLE:
		err = tree_people_list(&l, cookie, on_entry, ctx);
		break;
	case PLACE_NODE:
	case PLACE_HISTORY:
		err = list_node(&w);
		break;
	case PLACE_VERSIONS:
		err = tree_versions_list(&l, dir, cookie, on_entry, ctx);
		break;
	case PLACE_PENDING:
		err = tree_waiting_list(&l, dir, cookie, on_entry, ctx);
		break;
	case PLACE_GRANTS:
		err = tree_grants_list(&l, dir, cookie, on_entry, ctx);
		break;
	case PLACE_SNAPSHOTS:
		err = tree_snapshots_list(&l, dir, cookie, on_entry, ctx);
		break;
	case PLACE_ACCESS:
		err = tree_trail_list(&l, dir, cookie, on_entry, ctx);
		break;
	default:
		break;
	}
	tree_look_end(&l);
	return err;
}
