/* SPDX-License-Identifier: Apache-2.0 */
/* Looking: what is committed, under what this mount has staged, hidden or of its own. */
#include "fs/chart_private.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void attr_from(const struct op_attrs *a, struct chart_attr *attr)
{
	attr->mode = (attr->mode & S_IFMT) | (a->mode & 07777);
	attr->uid = a->uid;
	attr->gid = a->gid;
	attr->atime_ns = a->atime_ns;
	attr->mtime_ns = a->mtime_ns;
}

void chart_attr_of_stage(struct stage *s, struct chart_attr *attr)
{
	pthread_mutex_lock(&s->lock);
	if (s->handles) {
		attr->ino = s->shown_ino;
		attr->unsettled |= attr->ino != 0;
	}
	if (s->staged) {
		attr_from(&s->attrs, attr);
		attr->ctime_ns = s->ctime_ns;
		attr->size = s->size;
	} else if (attr->nlink == 0) {
		attr_from(&s->known, attr);
		attr->ctime_ns = s->known_ctime_ns;
		attr->size = s->known_size;
	}
	pthread_mutex_unlock(&s->lock);
}

static void attr_of_alias(const struct overlay_item *item, struct chart_attr *attr)
{
	const struct node_row *n = &item->pinned->node;

	attr->mode = (n->type == NODE_SYMLINK ? S_IFLNK : S_IFREG) | (n->mode & 07777);
	attr->uid = n->uid;
	attr->gid = n->gid;
	attr->size = n->size;
	attr->atime_ns = n->atime_ns;
	attr->mtime_ns = n->mtime_ns;
	attr->ctime_ns = item->since_ms * 1000000;
}

/* What was new when it was found may have been saved since: its stage says nothing of it any more. */
static bool was_saved(const struct overlay_item *item, struct place *ret_node)
{
	pthread_mutex_lock(&item->stage->lock);
	*ret_node = item->stage->place;
	pthread_mutex_unlock(&item->stage->lock);
	return ret_node->kind == PLACE_NODE;
}

int chart_attr_of_item(struct chart *c, struct overlay_item *item, struct chart_attr *ret_attr)
{
	struct chart_attr attr = {.place = overlay_place(item), .nlink = item->linked ? 1 : 0};
	struct place node;
	int err;

	attr.ctime_ns = item->since_ms * 1000000;
	switch (item->kind) {
	case OVERLAY_FILE:
		attr.mode = S_IFREG | 0600;
		attr.unsettled = item->linked && !item->scratch;
		chart_attr_of_stage(item->stage, &attr);
		if (was_saved(item, &node)) {
			err = chart_getattr(c, &node, ret_attr);
			if (!err)
				ret_attr->was = overlay_place(item);
			return err;
		}
		break;
	case OVERLAY_DIR:
		attr.mode = S_IFDIR;
		attr.nlink = 2;
		attr.size = 4096;
		attr_from(&item->attrs, &attr);
		break;
	case OVERLAY_SYMLINK:
		attr.mode = S_IFLNK;
		attr.size = strlen(item->target);
		attr_from(&item->attrs, &attr);
		break;
	case OVERLAY_ALIAS:
		attr_of_alias(item, &attr);
		break;
	case OVERLAY_HIDDEN:
		return CF_ENOTFOUND;
	}
	*ret_attr = attr;
	return 0;
}

static bool is_live_node(const struct place *p)
{
	return p->kind == PLACE_NODE && p->height == 0;
}

static void know(struct stage *s, const struct chart_attr *attr)
{
	struct op_attrs a = {attr->mode & 07777, attr->uid, attr->gid, attr->atime_ns, attr->mtime_ns};

	pthread_mutex_lock(&s->lock);
	stage_know(s, &a, attr->size, attr->ctime_ns);
	pthread_mutex_unlock(&s->lock);
}

/* What is staged of a committed file, and times that wait. */
static void show_staged(struct chart *c, struct chart_attr *attr)
{
	struct stage *s;

	if (!is_live_node(&attr->place))
		return;
	chart_times_show(c, attr);
	if (place_is_dir(&attr->place)) {
		uint64_t changed_ns = overlay_newest_ms(c->overlay, &attr->place) * 1000000;

		if (changed_ns > attr->ctime_ns)
			attr->mtime_ns = attr->ctime_ns = changed_ns;
		return;
	}
	s = chart_stage_find(c, &attr->place);
	if (s == NULL)
		return;
	know(s, attr);
	chart_attr_of_stage(s, attr);
	stage_unref(s);
}

static void wait_for_close(struct chart *c, const struct place *p)
{
	struct stage *s = is_live_node(p) && !place_is_dir(p) ? chart_stage_find(c, p) : NULL;

	if (s)
		chart_wait_for_close(s);
	stage_unref(s);
}

int chart_lookup_committed(struct chart *c, const struct place *dir, const char *name,
			   struct chart_attr *ret_attr)
{
	uint64_t settled;
	int err;

	/* a save that settles between the two looks would be seen by neither */
	do {
		settled = c->settled;
		err = tree_lookup(c->tree, dir, name, ret_attr);
		if (!err) {
			wait_for_close(c, &ret_attr->place);
			show_staged(c, ret_attr);
		}
	} while (!err && settled != c->settled);
	return err;
}

int chart_lookup(struct chart *c, const struct place *dir, const char *name, struct chart_attr *ret_attr)
{
	struct place was = {.kind = 0};
	struct overlay_item *item = NULL;
	int err = name_check(name);

	if (err)
		return err;
	if (dir->kind == PLACE_LOCAL || is_live_node(dir))
		item = chart_settle_found(c, overlay_find(c->overlay, dir, name), &was);
	if (item) {
		err = chart_attr_of_item(c, item, ret_attr);
		overlay_put(c->overlay, item);
		return err;
	}
	if (dir->kind == PLACE_LOCAL)
		return dir->type == NODE_DIR ? CF_ENOTFOUND : CF_ENOTDIR;
	err = chart_lookup_committed(c, dir, name, ret_attr);
	if (!err)
		ret_attr->was = was;
	return err;
}

/* An open file whose name is gone still has attributes. */
static int attr_of_open(struct chart *c, const struct place *p, struct chart_attr *ret_attr)
{
	struct stage *s = is_live_node(p) ? chart_stage_find(c, p) : NULL;
	struct chart_attr attr = {.place = *p, .mode = S_IFREG, .nlink = 0};
	bool have;

	if (s == NULL)
		return CF_ENOTFOUND;
	pthread_mutex_lock(&s->lock);
	have = s->handles > 0;
	pthread_mutex_unlock(&s->lock);
	chart_attr_of_stage(s, &attr);
	stage_unref(s);
	if (have)
		*ret_attr = attr;
	return have ? 0 : CF_ENOTFOUND;
}

int chart_getattr(struct chart *c, const struct place *p, struct chart_attr *ret_attr)
{
	struct place node, was;
	uint64_t settled;
	int err;

	if (p->kind == PLACE_LOCAL) {
		struct overlay_item *item =
			chart_settle_found(c, overlay_find_number(c->overlay, p->local), &was);

		if (overlay_became(c->overlay, p->local, &node)) {
			overlay_put(c->overlay, item);
			return chart_getattr(c, &node, ret_attr);
		}
		err = item ? chart_attr_of_item(c, item, ret_attr) : CF_ENOTFOUND;
		overlay_put(c->overlay, item);
		return err;
	}
	wait_for_close(c, p);
	do {
		settled = c->settled;
		err = tree_getattr(c->tree, p, ret_attr);
		if (err == CF_ENOTFOUND)
			return attr_of_open(c, p, ret_attr);
		if (!err)
			show_staged(c, ret_attr);
	} while (!err && settled != c->settled);
	return err;
}

int chart_parent(struct chart *c, const struct place *p, struct place *ret_parent)
{
	struct overlay_item *item;
	struct place node;

	if (p->kind != PLACE_LOCAL)
		return tree_parent(c->tree, p, ret_parent);
	if (overlay_became(c->overlay, p->local, &node))
		return tree_parent(c->tree, &node, ret_parent);
	item = overlay_find_number(c->overlay, p->local);
	if (item == NULL)
		return CF_ENOTFOUND;
	*ret_parent = item->dir;
	overlay_put(c->overlay, item);
	return 0;
}

/* Committed entries and those of the overlay, merged by cookie. */
struct merge {
	struct chart *c;
	struct overlay_item **items;
	size_t count, at;
	uint64_t cookie;
	uint64_t settled; /* when the list began */
	tree_entry_fn on_entry;
	void *ctx;
	bool ended;
};

static bool show_items(struct merge *m, uint64_t before)
{
	for (; m->at < m->count && m->items[m->at]->cookie < before; m->at++) {
		struct overlay_item *i = m->items[m->at];
		struct chart_attr attr;

		if (i->cookie <= m->cookie || chart_attr_of_item(m->c, i, &attr))
			continue;
		if (!m->on_entry(m->ctx, i->name, &attr, i->cookie))
			return false;
	}
	return true;
}

static bool is_covered(const struct merge *m, const char *name)
{
	for (size_t i = 0; i < m->count; i++) {
		if (strcmp(m->items[i]->name, name) == 0)
			return true;
	}
	return false;
}

static bool on_committed(void *ctx, const char *name, const struct chart_attr *attr, uint64_t cookie)
{
	struct merge *m = ctx;
	struct chart_attr shown = *attr;

	if (!show_items(m, cookie)) {
		m->ended = true;
		return false;
	}
	if (is_covered(m, name))
		return true;
	show_staged(m->c, &shown);
	/* perhaps it was that: neither staged any more, nor in what the list began with */
	if (m->settled != m->c->settled && chart_getattr(m->c, &attr->place, &shown))
		shown = *attr;
	m->ended = !m->on_entry(m->ctx, name, &shown, cookie);
	return !m->ended;
}

int chart_list(struct chart *c, const struct place *dir, uint64_t cookie,
	       bool (*on_entry)(void *ctx, const char *name, const struct chart_attr *attr, uint64_t cookie),
	       void *ctx)
{
	struct merge m = {.c = c, .cookie = cookie, .settled = c->settled, .on_entry = on_entry, .ctx = ctx};
	int err = 0;

	if (!place_is_dir(dir))
		return CF_ENOTDIR;
	if (dir->kind == PLACE_LOCAL || is_live_node(dir))
		err = overlay_list(c->overlay, dir, &m.items, &m.count);
	if (!err && dir->kind != PLACE_LOCAL)
		err = tree_list(c->tree, dir, cookie, on_committed, &m);
	if (!err && !m.ended)
		show_items(&m, UINT64_MAX);
	for (size_t i = 0; i < m.count; i++)
		overlay_put(c->overlay, m.items[i]);
	overlay_list_free(m.items);
	return err;
}

int chart_access(struct chart *c, const struct place *p, int mask)
{
	return p->kind == PLACE_LOCAL ? 0 : tree_access(c->tree, p, mask);
}

int chart_statfs(struct chart *c, struct chart_stat *ret_stat)
{
	struct chart_stat s;
	struct tree_look l;
	int err = spool_space(c->spool, &s.free_bytes, &s.total_bytes, &s.free_files);

	if (!err)
		err = tree_look_begin(c->tree, 0, &l);
	if (err)
		return err;
	/* state rows: about two a file; nothing better is as cheap */
	err = db_count(l.txn, DB_STATE, &s.files);
	s.files /= 2;
	tree_look_end(&l);
	if (!err)
		*ret_stat = s;
	return err;
}

struct name_search {
	const struct place *node;
	char *ret_name;
	bool found;
};

static bool on_name(void *ctx, const char *name, const struct chart_attr *attr, uint64_t cookie)
{
	struct name_search *w = ctx;

	(void)cookie;
	if (memcmp(attr->place.node.b, w->node->node.b, NODE_BYTES) != 0)
		return true;
	strcpy(w->ret_name, name);
	w->found = true;
	return false;
}

int chart_name_of(struct chart *c, const struct place *node, char ret_name[NAME_BYTES_MAX + 1])
{
	struct name_search w = {node, ret_name, false};
	struct place dir;
	int err = tree_parent(c->tree, node, &dir);

	if (!err)
		err = tree_list(c->tree, &dir, 0, on_name, &w);
	return err ? err : w.found ? 0 : CF_ENOTFOUND;
}
