/* SPDX-License-Identifier: Apache-2.0 */
/* Removals: of what is this mount's alone at once, of what is committed by a transaction. */
#include "fs/chart_private.h"

#include <string.h>

/* A node whose name was removed: what is staged of it goes nowhere, open handles go on without a name. */
void chart_node_is_gone(struct chart *c, const struct place *node)
{
	struct stage *s = chart_stage_find(c, node);
	struct times t;

	(void)chart_times_take(c, node, &t);
	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	s->gone = true;
	pthread_mutex_unlock(&s->lock);
	stage_unref(s);
}

struct stage *chart_hold_saves(struct chart *c, const struct place *node)
{
	struct stage *s = chart_stage_find(c, node);

	if (s)
		pthread_mutex_lock(&s->save);
	return s;
}

void chart_let_saves(struct stage *s)
{
	if (s)
		pthread_mutex_unlock(&s->save);
	stage_unref(s);
}

int chart_add_remove(struct commit *m, const struct place *dir, const struct name_token *t,
		     const struct place *node)
{
	struct op_remove op = {.dir = dir->node, .token = *t, .node = node->node};
	struct buf body;
	int err;

	buf_init(&body, 0);
	err = op_remove_encode(&op, &body);
	if (!err)
		err = commit_add(m, node->type == NODE_DIR ? OP_RMDIR : OP_UNLINK, &body);
	if (!err) {
		commit_writes_entry(m, t);
		commit_writes_node(m, &node->node);
	}
	buf_release(&body);
	return err;
}

static int remove_node(struct chart *c, const struct place *dir, const char *name, const struct place *node)
{
	struct client_result result;
	struct name_token token;
	struct tree_look l;
	struct commit m;
	int err = tree_look_begin(c->tree, 0, &l);

	if (err)
		return err;
	err = tree_may(&l, &dir->patient, dir->section, VERB_DELETE);
	if (!err)
		err = tree_token(&l, dir, name, &token);
	tree_look_end(&l);
	if (err)
		return err;
	commit_init(&m, &dir->patient);
	err = chart_add_remove(&m, dir, &token, node);
	if (!err)
		err = commit_run(c, &m, &result);
	commit_release(&m);
	if (!err)
		chart_node_is_gone(c, node);
	return err;
}

int chart_remove(struct chart *c, const struct place *dir, const char *name, const struct place *node)
{
	struct stage *held = chart_hold_saves(c, node);
	int err = remove_node(c, dir, name, node);

	chart_let_saves(held);
	return err;
}

int chart_remove_of(struct chart *c, struct stage *s, const struct place *dir, const char *name)
{
	struct place node = s->place;

	return remove_node(c, dir, name, &node);
}

int chart_remove_hidden(struct chart *c, struct overlay_item *hidden)
{
	int err = chart_remove(c, &hidden->dir, hidden->name, &hidden->node);

	if (err == CF_ENOTFOUND) /* somebody else removed it */
		err = 0;
	if (!err)
		overlay_unlink(c->overlay, hidden);
	return err;
}

/* The alias was all that was left of a record: `mv x x~; rm x~` removes x. */
static int unlink_alias(struct chart *c, struct overlay_item *alias)
{
	struct overlay_item *hidden = overlay_hidden_node(c->overlay, &alias->node.node);
	int err = hidden ? chart_remove_hidden(c, hidden) : 0;

	overlay_put(c->overlay, hidden);
	if (!err)
		overlay_unlink(c->overlay, alias);
	return err;
}

/* A save that is on its way is waited for: then the file is one to be removed like any other (CF_EAGAIN). */
static int unlink_file(struct chart *c, struct overlay_item *item)
{
	struct stage *s = item->stage;
	int err = 0;

	pthread_mutex_lock(&s->save);
	if (s->pending) {
		pthread_mutex_unlock(&s->save);
		err = chart_save_wait(c, s, c->timeout_ms);
		return err ? err : CF_EAGAIN;
	}
	if (!item->linked) {
		err = CF_EAGAIN;
	} else if (overlay_unlink(c->overlay, item)) {
		pthread_mutex_lock(&s->lock);
		s->gone = true;
		pthread_mutex_unlock(&s->lock);
	}
	pthread_mutex_unlock(&s->save);
	return err;
}

static int unlink_item(struct chart *c, struct overlay_item *item)
{
	switch (item->kind) {
	case OVERLAY_DIR:
		return CF_EISDIR;
	case OVERLAY_HIDDEN:
		return CF_ENOTFOUND;
	case OVERLAY_ALIAS:
		return unlink_alias(c, item);
	case OVERLAY_FILE:
		return unlink_file(c, item);
	case OVERLAY_SYMLINK:
		break;
	}
	return overlay_unlink(c->overlay, item) ? 0 : CF_ENOTFOUND;
}

static int check_dir(const struct place *dir, const char *name)
{
	int err = name_check(name);

	if (!err && place_is_past(dir))
		err = CF_EROFS;
	if (!err && dir->kind != PLACE_NODE && dir->kind != PLACE_LOCAL)
		err = CF_EPERM;
	return err;
}

static bool is_section_dir(const struct place *p)
{
	struct node_id n = op_section_node(&p->patient, p->section);

	return memcmp(n.b, p->node.b, NODE_BYTES) == 0;
}

/* rm in pending/: the owner refuses, the proposer withdraws. */
static int unlink_waiting(struct chart *c, const struct place *dir, const char *name)
{
	struct client_result result;
	struct chart_attr attr;
	struct tree_look l;
	bool holds = false;
	int err = tree_lookup(c->tree, dir, name, &attr);

	if (!err)
		err = tree_look_begin(c->tree, 0, &l);
	if (err)
		return err;
	err = tree_holds(&l, &dir->patient, &holds);
	tree_look_end(&l);
	return err ? err : chart_decide(c, &attr.place, holds ? APPROVAL_REFUSE : APPROVAL_WITHDRAW, &result);
}

int chart_unlink(struct chart *c, const struct place *dir, const char *name)
{
	struct overlay_item *item;
	struct chart_attr attr;
	int err;

	if (dir->kind == PLACE_PENDING)
		return unlink_waiting(c, dir, name);
	if (dir->kind == PLACE_GRANTS)
		return chart_grants_remove(c, dir, name);
	err = check_dir(dir, name);

	while (!err && (item = overlay_find(c->overlay, dir, name)) != NULL) {
		err = unlink_item(c, item);
		overlay_put(c->overlay, item);
		if (err != CF_EAGAIN)
			return err;
		err = 0;
	}
	if (err)
		return err;
	if (dir->kind == PLACE_LOCAL)
		return CF_ENOTFOUND;
	err = tree_lookup(c->tree, dir, name, &attr);
	if (err)
		return err;
	if (attr.place.kind != PLACE_NODE || place_is_dir(&attr.place))
		return CF_EISDIR;
	return chart_remove(c, dir, name, &attr.place);
}

int chart_empty_local(struct chart *c, const struct place *dir)
{
	struct overlay_item **items;
	size_t count;
	int err;

	if (overlay_has_children(c->overlay, dir))
		return CF_ENOTEMPTY;
	err = overlay_list(c->overlay, dir, &items, &count);
	if (err)
		return err;
	for (size_t i = 0; i < count; i++) {
		if (!err && items[i]->kind == OVERLAY_HIDDEN)
			err = chart_remove_hidden(c, items[i]);
		overlay_put(c->overlay, items[i]);
	}
	overlay_list_free(items);
	return err;
}

static int rmdir_item(struct chart *c, struct overlay_item *item)
{
	struct place place = overlay_place(item);

	if (item->kind == OVERLAY_HIDDEN)
		return CF_ENOTFOUND;
	if (item->kind != OVERLAY_DIR)
		return CF_ENOTDIR;
	if (overlay_has_children(c->overlay, &place))
		return CF_ENOTEMPTY;
	return overlay_unlink(c->overlay, item) ? 0 : CF_ENOTFOUND;
}

int chart_rmdir(struct chart *c, const struct place *dir, const char *name)
{
	struct overlay_item *item;
	struct chart_attr attr;
	int err;

	if (dir->kind == PLACE_PATIENTS && dir->height == 0)
		return err_set(CF_EPERM, "a patient is not removed like a directory");
	err = check_dir(dir, name);
	if (err)
		return err;
	item = overlay_find(c->overlay, dir, name);
	if (item) {
		err = rmdir_item(c, item);
		overlay_put(c->overlay, item);
		return err;
	}
	if (dir->kind == PLACE_LOCAL)
		return CF_ENOTFOUND;
	err = tree_lookup(c->tree, dir, name, &attr);
	if (err)
		return err;
	if (!place_is_dir(&attr.place))
		return CF_ENOTDIR;
	if (attr.place.kind != PLACE_NODE || is_section_dir(&attr.place))
		return err_set(CF_EPERM, "sections stay");
	err = chart_empty_local(c, &attr.place);
	return err ? err : chart_remove(c, dir, name, &attr.place);
}

static bool on_any(void *ctx, const char *name, const struct chart_attr *attr, uint64_t cookie)
{
	(void)name;
	(void)attr;
	(void)cookie;
	*(bool *)ctx = true;
	return false;
}

int chart_is_empty(struct chart *c, const struct place *dir)
{
	bool any = false;
	int err = tree_list(c->tree, dir, 0, on_any, &any);

	return err ? err : any ? CF_ENOTEMPTY : 0;
}
