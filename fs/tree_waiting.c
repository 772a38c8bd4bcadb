/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_waiting.c - patients/<patient>/pending/: changes that wait for the patient's co-signature, as files
 * with the content that is proposed.
 */
#include "fs/tree_private.h"

#include "acl/rowread.h"
#include "acl/waiting.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define NAME_TAIL_BYTES 200 /* of the file's own name */
#define WALK_ENDED 1

static uint64_t change_number(const struct hash *change)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | change->b[i];
	return v;
}

struct entry_search {
	const struct node_id *node;
	struct name_token token;
	struct entry_row row;
	struct version version;
};

static int find_entry(struct tree_look *l, const struct place *dir, struct entry_search *s)
{
	struct statekey prefix = statekey_entries(&dir->patient, &dir->node);
	struct state_cursor *c = NULL;
	struct statekey_parts parts;
	struct state_item item;
	int err = state_cursor_new(l->txn, statekey_view(&prefix), &c);

	if (err)
		return err;
	for (err = state_cursor_seek(c, statekey_view(&prefix), &item); !err;
	     err = state_cursor_next(c, &item)) {
		if (statekey_parse(item.key, &parts) || entry_row_decode(item.value, &s->row)) {
			err = CF_ECORRUPT;
			break;
		}
		if (!node_equal(&s->row.node, s->node))
			continue;
		s->token = parts.token;
		s->version = item.version;
		break;
	}
	state_cursor_free(c);
	return err;
}

/* The end of a name, which has the extension; not in the middle of a character. */
static const char *tail_of(const char *name)
{
	size_t len = strlen(name);

	if (len <= NAME_TAIL_BYTES)
		return name;
	name += len - NAME_TAIL_BYTES;
	while (((unsigned char)*name & 0xc0) == 0x80)
		name++;
	return name;
}

static int fill(struct tree_look *l, const struct patient_id *p, const struct node_id *n, struct view value,
		struct version version, struct tree_waiting *w)
{
	struct entry_search search = {.node = n};
	struct version node_version;
	struct node_row node;
	struct place dir;
	char hex[9];
	int err = waiting_row_decode(value, &w->row) ? CF_ECORRUPT : 0;

	if (!err)
		err = waiting_content(&w->row, &w->save, &w->content);
	if (!err)
		err = tree_node(l, p, n, &node, &node_version);
	if (!err)
		err = tree_may(l, p, node.section, VERB_READ);
	if (err)
		return err;
	dir = place_node(p, &node.parent, NODE_DIR, node.section, 0);
	err = find_entry(l, &dir, &search);
	if (!err)
		err = tree_name(l, &dir, &search.token, &search.row, search.version, w->file);
	if (err)
		return err;
	w->change = sha256(value);
	w->version = version;
	w->is_void = !version_equal(node.content, w->save.base);
	w->place = place_node(p, n, node.type, node.section, 0);
	w->place.kind = PLACE_WAITING;
	w->place.local = change_number(&w->change);
	hex_encode(w->change.b, 4, hex);
	snprintf(w->name, sizeof w->name, "%s-%s-%.*s", section_name(node.section), hex, NAME_TAIL_BYTES,
		 tail_of(w->file));
	return 0;
}

int tree_waiting_walk(struct tree_look *l, const struct patient_id *p, tree_waiting_fn on_change, void *ctx)
{
	struct statekey prefix = statekey_patient_kind_prefix(p, SKP_WAITING);
	struct state_cursor *c = NULL;
	struct statekey_parts parts;
	struct tree_waiting w;
	struct state_item item;
	int err = state_cursor_new(l->txn, statekey_view(&prefix), &c), got;

	if (err)
		return err;
	for (err = state_cursor_seek(c, statekey_view(&prefix), &item); !err;
	     err = state_cursor_next(c, &item)) {
		if (statekey_parse(item.key, &parts)) {
			err = CF_ECORRUPT;
			break;
		}
		got = fill(l, p, &parts.node, item.value, item.version, &w);
		if (got == CF_EDENIED)
			continue; /* of a section that is not this identity's to read */
		if (tree_entry_shown(got, "a change that waits") && !on_change(ctx, &w))
			break;
	}
	state_cursor_free(c);
	return err == CF_ENOTFOUND ? 0 : err;
}

struct place tree_pending_place(const struct patient_id *p)
{
	struct place place = place_simple(PLACE_PENDING, 0);

	place.patient = *p;
	return place;
}

static void set_attr(const struct tree_waiting *w, struct chart_attr *ret_attr)
{
	struct chart_attr attr = {.place = w->place,
				  .mode = S_IFREG | 0440,
				  .nlink = 1,
				  .size = w->save.size,
				  .version = w->version};

	attr.atime_ns = attr.mtime_ns = attr.ctime_ns = w->row.time_ms * 1000000;
	*ret_attr = attr;
}

struct waiting_search {
	const char *name;          /* or */
	const struct place *place; /* the node and the change */
	struct chart_attr attr;
	bool found;
	uint64_t cookie; /* of a listing: places in the walk */
	uint64_t after;
	tree_entry_fn on_entry;
	void *ctx;
};

static bool match(void *ctx, const struct tree_waiting *w)
{
	struct waiting_search *s = ctx;

	if (s->name ? strcmp(w->name, s->name) != 0 : !place_equal(&w->place, s->place))
		return true;
	set_attr(w, &s->attr);
	s->found = true;
	return false;
}

static int search(struct tree_look *l, const struct patient_id *p, struct waiting_search *s,
		  struct chart_attr *ret_attr)
{
	int err = tree_waiting_walk(l, p, match, s);

	if (!err && !s->found)
		err = CF_ENOTFOUND;
	if (!err)
		*ret_attr = s->attr;
	return err;
}

int tree_waiting_lookup(struct tree_look *l, const struct place *dir, const char *name,
			struct chart_attr *ret_attr)
{
	struct waiting_search s = {.name = name};

	return search(l, &dir->patient, &s, ret_attr);
}

int tree_waiting_attr(struct tree_look *l, const struct place *p, struct chart_attr *ret_attr)
{
	struct waiting_search s = {.place = p};

	return search(l, &p->patient, &s, ret_attr);
}

static bool list_one(void *ctx, const struct tree_waiting *w)
{
	struct waiting_search *s = ctx;
	struct chart_attr attr;

	if (++s->cookie <= s->after)
		return true;
	set_attr(w, &attr);
	return s->on_entry(s->ctx, w->name, &attr, s->cookie);
}

int tree_waiting_list(struct tree_look *l, const struct place *dir, uint64_t cookie, tree_entry_fn on_entry,
		      void *ctx)
{
	struct waiting_search s = {.after = cookie, .on_entry = on_entry, .ctx = ctx};

	return tree_waiting_walk(l, &dir->patient, list_one, &s);
}

int tree_waiting_row(struct tree_look *l, const struct place *p, struct waiting_row *ret_row,
		     struct hash *ret_change, struct version *ret_version)
{
	struct statekey key = statekey_node(&p->patient, SKP_WAITING, &p->node);
	struct view value;
	struct hash change;
	int err = state_get(l->txn, statekey_view(&key), &value, ret_version);

	if (err)
		return err;
	change = sha256(value);
	if (p->kind == PLACE_WAITING && change_number(&change) != p->local)
		return CF_ENOTFOUND; /* another one waits by now */
	*ret_change = change;
	return waiting_row_decode(value, ret_row) ? CF_ECORRUPT : 0;
}

int tree_holds(struct tree_look *l, const struct patient_id *p, bool *ret_holds)
{
	struct patient_row row;
	int err = state_patient(l->txn, p, &row);

	if (!err)
		*ret_holds = identity_equal(&l->tree->me,
					    row.status == PATIENT_CUSTODY ? &row.custodian : &row.owner);
	return err;
}

int tree_must_propose(struct tree_look *l, const struct patient_id *p, unsigned section, bool *ret_must)
{
	struct section_row row;
	bool holds = true;
	int err = state_section(l->txn, p, section, &row);

	if (!err && row.amend)
		err = tree_holds(l, p, &holds);
	if (!err)
		*ret_must = row.amend && !holds;
	return err;
}
