/* SPDX-License-Identifier: Apache-2.0 */
/* New files: in the overlay until their first save, scratch files for as long as they are named so. */
#include "fs/chart_private.h"

#include <string.h>

int chart_type_of(struct tree_look *l, const struct place *dir, const char *name, enum node_type *ret_type)
{
	bool below = true;
	int err = 0;

	if (name_is_record(name) && dir->kind == PLACE_NODE)
		err = tree_is_attachments(l, dir, &below);
	if (!err)
		*ret_type = below ? NODE_ATTACHMENT : NODE_RECORD;
	return err;
}

/* May a file of this name be made here? */
static int may_create(struct chart *c, const struct place *dir, const char *name, bool scratch,
		      uint64_t *ret_cookie)
{
	struct name_token token;
	enum node_type type;
	struct tree_look l;
	int err = tree_look_begin(c->tree, 0, &l);

	if (err)
		return err;
	err = tree_may(&l, &dir->patient, dir->section, VERB_ADD);
	if (!err)
		err = tree_token(&l, dir, name, &token);
	if (!err && !scratch && dir->section == 0) {
		err = chart_type_of(&l, dir, name, &type);
		if (!err && type != NODE_RECORD)
			err = err_set(
				CF_EDENIED,
				"beside the sections lies patient.json; everything else goes into a section");
	}
	if (!err)
		*ret_cookie = tree_cookie(token.b);
	tree_look_end(&l);
	return err;
}

/* A record that was renamed away comes back under its name: the next version of the same file. */
static int create_again(struct chart_file *f, struct overlay_item *hidden, const struct op_attrs *attrs)
{
	int err = chart_file_attach_node(f, &hidden->node);

	if (err)
		return err;
	f->place = hidden->node;
	err = tree_file_open(f->c->tree, &f->place, &f->seen);
	if (err)
		return err;
	pthread_mutex_lock(&f->s->lock);
	if (!f->s->staged)
		stage_begin(f->s, f->seen, true, attrs);
	f->s->attr_set |= CHART_SET_MODE | CHART_SET_UID | CHART_SET_GID;
	f->s->has_xattrs = true;
	pthread_mutex_unlock(&f->s->lock);
	return overlay_unlink(f->c->overlay, hidden) ? 0 : CF_EEXIST;
}

static int create_new(struct chart_file *f, const struct place *dir, const char *name, bool scratch,
		      uint64_t cookie, const struct op_attrs *attrs)
{
	struct overlay_item model = {.kind = OVERLAY_FILE, .scratch = scratch};
	struct place nowhere = place_simple(PLACE_LOCAL, 0);
	struct chart *c = f->c;
	int err = stage_new(c->tree, c->spool, &nowhere, false, &model.stage);

	if (err)
		return err;
	stage_begin(model.stage, NULL, false, attrs);
	err = overlay_add(c->overlay, &model, dir, name, cookie, &f->item);
	if (err) {
		stage_unref(model.stage);
		return err;
	}
	f->place = overlay_place(f->item);
	pthread_mutex_lock(&model.stage->lock);
	model.stage->place = f->place;
	pthread_mutex_unlock(&model.stage->lock);
	chart_file_attach(f, stage_ref(model.stage));
	return 0;
}

static int create_in(struct chart_file *f, const struct place *dir, const char *name,
		     const struct op_attrs *attrs)
{
	struct chart *c = f->c;
	bool local = dir->kind == PLACE_LOCAL, scratch = local || name_is_scratch(name);
	struct overlay_item *item;
	struct chart_attr there;
	uint64_t cookie = 0;
	int err = 0;

	if (!local)
		err = may_create(c, dir, name, scratch, &cookie);
	if (err)
		return err;
	item = overlay_find(c->overlay, dir, name);
	if (item && item->kind == OVERLAY_HIDDEN) {
		err = create_again(f, item, attrs);
	} else if (item) {
		err = CF_EEXIST;
	} else {
		err = local ? CF_ENOTFOUND : tree_lookup(c->tree, dir, name, &there);
		if (err == CF_ENOTFOUND)
			err = create_new(f, dir, name, scratch, cookie, attrs);
		else if (!err)
			err = CF_EEXIST;
	}
	overlay_put(c->overlay, item);
	return err;
}

int chart_create(struct chart *c, const struct place *dir, const char *name, uint32_t mode, uint32_t uid,
		 uint32_t gid, unsigned flags, struct chart_file **ret_file, struct chart_attr *ret_attr)
{
	struct op_attrs attrs = {.mode = mode & 07777, .uid = uid, .gid = gid};
	struct chart_file *f;
	int err = name_check(name);

	if (!err && dir->kind != PLACE_LOCAL && dir->kind != PLACE_NODE)
		err = place_is_past(dir) ? CF_EROFS : CF_EPERM;
	if (!err && dir->height)
		err = CF_EROFS;
	if (!err && name_is_reserved(name))
		err = err_set(CF_EPERM, "%s is a reserved name", name);
	if (err)
		return err;
	attrs.atime_ns = attrs.mtime_ns = tree_now_ms() * 1000000;
	f = chart_file_new(c, dir, flags | CHART_WRITE);
	if (f == NULL)
		return CF_ENOMEM;
	err = create_in(f, dir, name, &attrs);
	if (!err)
		err = chart_getattr(c, &f->place, ret_attr);
	if (err)
		chart_close(f);
	else
		*ret_file = f;
	return err;
}
