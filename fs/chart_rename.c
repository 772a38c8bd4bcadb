/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renames. Between scratch names they are this mount's own affair. Scratch to a real name is the save of what
 * the scratch file holds: the next version of the file that has the name. A real name to a scratch one hides
 * the record until its name comes back. Between real names: one operation.
 */
#include "fs/chart_private.h"

#include "ledger/mem.h"

#include <stdio.h>
#include <string.h>

#define NOREPLACE 1u

struct renaming {
	struct chart *c;
	const struct place *from_dir, *to_dir;
	const char *from_name, *to_name;
	unsigned flags;
	bool to_scratch;
	struct overlay_item *from; /* of the overlay, or NULL: committed */
	struct overlay_item *to;   /* what the overlay has under the new name */
	struct chart_attr from_attr;
	bool to_there; /* a committed entry has the new name, hidden or not */
	struct chart_attr to_attr;
};

static int rename_committed(struct renaming *r);

static int cookie_in(struct chart *c, const struct place *dir, const char *name, uint64_t *ret_cookie)
{
	struct name_token token;
	struct tree_look l;
	int err;

	*ret_cookie = 0;
	if (dir->kind == PLACE_LOCAL)
		return 0;
	err = tree_look_begin(c->tree, 0, &l);
	if (err)
		return err;
	err = tree_token(&l, dir, name, &token);
	if (!err)
		*ret_cookie = tree_cookie(token.b);
	tree_look_end(&l);
	return err;
}

/* The overlay's item under the new name goes, unless it is a directory with something in it. */
static int drop_local_target(struct renaming *r)
{
	struct place place;

	if (r->to == NULL || r->to->kind == OVERLAY_HIDDEN)
		return 0;
	place = overlay_place(r->to);
	if (r->to->kind == OVERLAY_DIR && overlay_has_children(r->c->overlay, &place))
		return CF_ENOTEMPTY;
	if (r->to->kind == OVERLAY_FILE) {
		pthread_mutex_lock(&r->to->stage->lock);
		r->to->stage->gone = true;
		pthread_mutex_unlock(&r->to->stage->lock);
	}
	overlay_unlink(r->c->overlay, r->to);
	return 0;
}

static int move_local(struct renaming *r, bool scratch)
{
	uint64_t cookie;
	int err = cookie_in(r->c, r->to_dir, r->to_name, &cookie);

	if (!err)
		err = drop_local_target(r);
	if (!err && !overlay_move(r->c->overlay, r->from, r->to_dir, r->to_name, cookie, scratch))
		err = CF_ENOTFOUND;
	return err;
}

/* The scratch file's bytes become the next version of what has the name, or a new file. */
static int commit_file(struct renaming *r, struct overlay_item *item)
{
	struct save_target to = {.dir = *r->to_dir};
	struct tree_look l;
	int err = tree_look_begin(r->c->tree, 0, &l);

	if (err)
		return err;
	snprintf(to.name, sizeof to.name, "%s", r->to_name);
	err = tree_may(&l, &r->to_dir->patient, r->to_dir->section, r->to_there ? VERB_MODIFY : VERB_ADD);
	if (!err)
		err = chart_type_of(&l, &to.dir, to.name, &to.type);
	tree_look_end(&l);
	if (!err && r->to_there && place_is_dir(&r->to_attr.place))
		err = CF_EISDIR;
	if (!err && r->to_there)
		err = tree_file_open(r->c->tree, &r->to_attr.place, &to.over);
	if (!err && to.over && to.over->node.type != to.type)
		err = err_set(CF_EXDEV, "a file of another kind has the name");
	if (!err)
		err = chart_save_stage(r->c, item->stage, item, &to, SAVE_FORCE);
	tree_file_release(to.over);
	if (!err)
		err = drop_local_target(r);
	if (!err && r->to && r->to->kind == OVERLAY_HIDDEN)
		overlay_unlink(r->c->overlay, r->to);
	return err;
}

static int commit_local_dir(struct renaming *r)
{
	struct place place = overlay_place(r->from);
	struct chart_attr attr;
	int err = 0;

	if (overlay_has_children(r->c->overlay, &place))
		return err_set(CF_EXDEV, "a scratch directory with files in it is copied, not renamed");
	if (!r->to_there)
		err = chart_make(r->c, r->to_dir, r->to_name, &r->from->attrs, NULL, &attr);
	else if (!place_is_dir(&r->to_attr.place))
		err = CF_ENOTDIR;
	else if (r->to_attr.nlink > 2 || overlay_has_children(r->c->overlay, &r->to_attr.place))
		err = CF_ENOTEMPTY;
	else
		err = chart_is_empty(r->c, &r->to_attr.place);
	if (!err && !r->to_there)
		overlay_commit(r->c->overlay, r->from, &attr.place);
	else if (!err)
		overlay_commit(r->c->overlay, r->from, &r->to_attr.place);
	return err;
}

static int commit_symlink(struct renaming *r)
{
	struct chart_attr attr;
	int err = 0;

	if (r->to_there)
		err = chart_remove(r->c, r->to_dir, r->to_name, &r->to_attr.place);
	if (!err)
		err = chart_make(r->c, r->to_dir, r->to_name, &r->from->attrs, r->from->target, &attr);
	if (!err)
		overlay_commit(r->c->overlay, r->from, &attr.place);
	return err;
}

static int commit_rename(struct renaming *r, const struct place *from_dir, const char *from_name,
			 const struct place *node)
{
	const struct place *to = r->to_dir;
	struct op_rename op = {.from_dir = from_dir->node, .to_dir = to->node, .node = node->node};
	struct client_result result;
	struct section_keys keys;
	struct buf sealed, body;
	struct tree_look l;
	struct commit m;
	int err = tree_look_begin(r->c->tree, 0, &l);

	if (err)
		return err;
	buf_init(&sealed, 0);
	buf_init(&body, 0);
	commit_init(&m, &to->patient);
	err = tree_token(&l, from_dir, from_name, &op.from_token);
	if (!err)
		err = tree_token(&l, to, r->to_name, &op.to_token);
	if (!err)
		err = tree_name_keys_current(&l, &to->patient, to->section, &keys);
	if (!err) {
		op.epoch = keys.epoch;
		op.window = keys.window;
		err = content_seal_name(&keys, &to->node, view_str(r->to_name), &sealed);
		mem_wipe(&keys, sizeof keys);
	}
	tree_look_end(&l);
	op.sealed_name = buf_view(&sealed);
	if (r->to_there)
		op.replaced = r->to_attr.place.node;
	if (!err)
		err = op_rename_encode(&op, &body);
	if (!err)
		err = commit_add(&m, OP_RENAME, &body);
	if (!err) {
		commit_writes_entry(&m, &op.from_token);
		commit_writes_entry(&m, &op.to_token);
		commit_writes_node(&m, &node->node);
		err = commit_run(r->c, &m, &result);
	}
	commit_release(&m);
	buf_release(&sealed);
	buf_release(&body);
	return err;
}

static int rename_op(struct renaming *r, const struct place *from_dir, const char *from_name,
		     const struct place *node)
{
	struct stage *held = r->to_there ? chart_hold_saves(r->c, &r->to_attr.place) : NULL;
	int err = commit_rename(r, from_dir, from_name, node);

	if (!err && r->to_there)
		chart_node_is_gone(r->c, &r->to_attr.place);
	chart_let_saves(held);
	return err;
}

/* An alias under a real name again. */
static int rename_alias(struct renaming *r)
{
	struct overlay_item *hidden = overlay_hidden_node(r->c->overlay, &r->from->node.node);
	int err = 0;

	if (hidden && hidden == r->to) {
		/* back where it was: nothing happened */
		overlay_unlink(r->c->overlay, hidden);
		overlay_commit(r->c->overlay, r->from, &hidden->node);
	} else if (hidden && r->to_dir->section == hidden->dir.section &&
		   memcmp(r->to_dir->patient.b, hidden->dir.patient.b, PATIENT_BYTES) == 0 &&
		   !chart_changes_type(r->c, &hidden->node, r->to_dir, r->to_name)) {
		err = rename_op(r, &hidden->dir, hidden->name, &hidden->node);
		if (!err)
			err = drop_local_target(r);
		if (!err && r->to && r->to->kind == OVERLAY_HIDDEN)
			overlay_unlink(r->c->overlay, r->to);
		if (!err) {
			overlay_unlink(r->c->overlay, hidden);
			overlay_commit(r->c->overlay, r->from, &hidden->node);
		}
	} else {
		err = chart_alias_to_file(r->c, r->from);
		if (!err)
			err = commit_file(r, r->from);
	}
	overlay_put(r->c->overlay, hidden);
	return err;
}

/* A file that was made under a real name and not saved yet is saved first: then it is one that can be
 * renamed. */
static int rename_unsaved(struct renaming *r)
{
	int err;

	if (r->to_scratch)
		return move_local(r, true);
	err = chart_save_item(r->c, r->from->stage, r->from, SAVE_FORCE);
	if (err)
		return err;
	overlay_put(r->c->overlay, r->from);
	r->from = NULL;
	err = tree_lookup(r->c->tree, r->from_dir, r->from_name, &r->from_attr);
	return err ? err : rename_committed(r);
}

static int rename_item(struct renaming *r)
{
	if (r->from->kind == OVERLAY_HIDDEN)
		return CF_ENOTFOUND;
	if (r->from->kind == OVERLAY_FILE && !r->from->scratch)
		return rename_unsaved(r);
	if (r->to_scratch)
		return move_local(r, true);
	switch (r->from->kind) {
	case OVERLAY_FILE:
		return commit_file(r, r->from);
	case OVERLAY_DIR:
		return commit_local_dir(r);
	case OVERLAY_SYMLINK:
		return commit_symlink(r);
	case OVERLAY_ALIAS:
		return rename_alias(r);
	case OVERLAY_HIDDEN:
		break;
	}
	return CF_ENOTFOUND;
}

static int add_pair(struct renaming *r, struct tree_file *pinned, uint64_t alias_cookie,
		    uint64_t hidden_cookie)
{
	struct overlay_item alias_model = {
		.kind = OVERLAY_ALIAS, .scratch = true, .node = r->from_attr.place};
	struct overlay_item hidden_model = {.kind = OVERLAY_HIDDEN, .node = r->from_attr.place};
	struct overlay_item *alias, *hidden;
	int err;

	alias_model.pinned = tree_file_ref(pinned);
	err = overlay_add(r->c->overlay, &alias_model, r->to_dir, r->to_name, alias_cookie, &alias);
	if (err) {
		tree_file_release(pinned);
		return err;
	}
	err = overlay_add(r->c->overlay, &hidden_model, r->from_dir, r->from_name, hidden_cookie, &hidden);
	if (err)
		overlay_unlink(r->c->overlay, alias);
	else
		overlay_put(r->c->overlay, hidden);
	overlay_put(r->c->overlay, alias);
	return err;
}

/* A record goes out of the way: hidden here, and what it showed stays to be seen under the scratch name. */
static int hide(struct renaming *r)
{
	const struct place *node = &r->from_attr.place;
	struct stage *s = chart_stage_find(r->c, node);
	struct tree_file *pinned = NULL;
	uint64_t alias_cookie = 0, hidden_cookie = 0;
	int err = 0;

	if (s)
		err = chart_save_stage(r->c, s, NULL, NULL, SAVE_FORCE);
	if (!err)
		err = tree_access(r->c->tree, node, 2 /* W_OK */);
	if (!err)
		err = tree_file_open(r->c->tree, node, &pinned);
	if (!err)
		err = cookie_in(r->c, r->to_dir, r->to_name, &alias_cookie);
	if (!err)
		err = cookie_in(r->c, r->from_dir, r->from_name, &hidden_cookie);
	if (!err)
		err = drop_local_target(r);
	if (!err)
		err = add_pair(r, pinned, alias_cookie, hidden_cookie);
	/* handles that are open on it go on with what they have; whoever makes the name anew begins with a
	 * fresh stage */
	if (!err && s)
		chart_stage_leave(r->c, s);
	tree_file_release(pinned);
	stage_unref(s);
	return err;
}

bool chart_changes_type(struct chart *c, const struct place *node, const struct place *dir, const char *name)
{
	enum node_type type = node->type;
	struct tree_look l;

	if (node->type != NODE_RECORD && node->type != NODE_ATTACHMENT)
		return false;
	if (tree_look_begin(c->tree, 0, &l))
		return false;
	if (chart_type_of(&l, dir, name, &type))
		type = node->type;
	tree_look_end(&l);
	return type != (enum node_type)node->type;
}

static int rename_committed(struct renaming *r)
{
	const struct chart_name from = {r->from_dir, r->from_name}, to = {r->to_dir, r->to_name};
	const struct place *node = &r->from_attr.place;
	int err = 0;

	if (node->kind != PLACE_NODE || (node->type == NODE_DIR && r->from_dir->section == 0))
		return err_set(CF_EPERM, "sections stay where they are");
	if (r->to_scratch && node->type != NODE_DIR)
		return hide(r);
	if (r->to_dir->kind != PLACE_NODE || r->to_dir->section != r->from_dir->section ||
	    memcmp(r->to_dir->patient.b, r->from_dir->patient.b, PATIENT_BYTES) != 0)
		return err_set(CF_EXDEV, "a file stays in its section");
	if (r->to && r->to->kind == OVERLAY_DIR && node->type != NODE_DIR)
		return CF_EISDIR;
	if (node->type == NODE_DIR && r->to_there && place_is_dir(&r->to_attr.place))
		err = chart_empty_local(r->c, &r->to_attr.place);
	if (err)
		return err;
	if (chart_changes_type(r->c, node, r->to_dir, r->to_name))
		err = chart_convert(r->c, &from, node, &to, r->to_there ? &r->to_attr.place : NULL);
	else
		err = rename_op(r, r->from_dir, r->from_name, node);
	if (!err)
		err = drop_local_target(r);
	if (!err && r->to && r->to->kind == OVERLAY_HIDDEN)
		overlay_unlink(r->c->overlay, r->to);
	return err;
}

static int check_dirs(const struct place *from, const struct place *to)
{
	const struct place *dirs[2] = {from, to};

	for (int i = 0; i < 2; i++) {
		if (place_is_past(dirs[i]))
			return CF_EROFS;
		if (dirs[i]->kind != PLACE_NODE && dirs[i]->kind != PLACE_LOCAL)
			return CF_EPERM;
	}
	return 0;
}

/* A new file that is in the way and perhaps about to be saved is saved: then it is replaced like any other.
 */
static bool save_target_first(struct renaming *r)
{
	if (chart_save_item(r->c, r->to->stage, r->to, SAVE_FORCE) || r->to->linked)
		return false; /* no JSON, say: it is dropped as it is */
	overlay_put(r->c->overlay, r->to);
	return true;
}

/* What has the names now. */
static int find_both(struct renaming *r)
{
	struct place was;
	int err = 0;

	r->from = chart_settle_found(r->c, overlay_find(r->c->overlay, r->from_dir, r->from_name), &was);
	r->to = chart_settle_found(r->c, overlay_find(r->c->overlay, r->to_dir, r->to_name), &was);
	if (r->from == NULL)
		err = r->from_dir->kind == PLACE_NODE
			      ? tree_lookup(r->c->tree, r->from_dir, r->from_name, &r->from_attr)
			      : CF_ENOTFOUND;
	if (err)
		return err;
	if (r->to && r->to->kind == OVERLAY_FILE && !r->to->scratch && save_target_first(r))
		r->to = NULL;
	if (r->to_dir->kind == PLACE_NODE) {
		err = tree_lookup(r->c->tree, r->to_dir, r->to_name, &r->to_attr);
		r->to_there = err == 0;
		if (err == CF_ENOTFOUND)
			err = 0;
	}
	if (!err && (r->flags & NOREPLACE) &&
	    ((r->to && r->to->kind != OVERLAY_HIDDEN) || (r->to_there && r->to == NULL)))
		err = CF_EEXIST;
	return err;
}

int chart_rename(struct chart *c, const struct place *from_dir, const char *from_name,
		 const struct place *to_dir, const char *to_name, unsigned flags)
{
	struct renaming r = {
		.c = c,
		.from_dir = from_dir,
		.to_dir = to_dir,
		.from_name = from_name,
		.to_name = to_name,
		.flags = flags,
		.to_scratch = to_dir->kind == PLACE_LOCAL || name_is_scratch(to_name),
	};
	int err = name_check(to_name);

	if (!err && (flags & ~NOREPLACE))
		err = CF_EINVAL;
	if (!err)
		err = check_dirs(from_dir, to_dir);
	if (!err && (name_is_reserved(to_name) || name_is_reserved(from_name)))
		err = CF_EPERM;
	if (err)
		return err;
	err = find_both(&r);
	if (!err && place_equal(from_dir, to_dir) && strcmp(from_name, to_name) == 0)
		err = 0;
	else if (!err && r.from)
		err = rename_item(&r);
	else if (!err)
		err = rename_committed(&r);
	overlay_put(c->overlay, r.from);
	overlay_put(c->overlay, r.to);
	return err;
}
