/* SPDX-License-Identifier: Apache-2.0 */
/* Facts, versions, heights and paths: for virtual attributes and the tools. */
#include "fs/chart_private.h"

#include <string.h>

struct count {
	struct version until;
	unsigned number;
};

static bool count_version(void *ctx, const struct chart_version *v, const struct place *place)
{
	struct count *n = ctx;

	(void)place;
	if (v->height > n->until.height || (v->height == n->until.height && v->index > n->until.index))
		return false;
	n->number = v->number;
	return true;
}

/* The number along the history of the name that the node has. */
static void number_of(struct chart *c, struct tree_look *l, const struct place *p, struct chart_facts *f)
{
	struct place live = *p, dir;
	struct count n = {{f->height, f->index}, 0};
	char name[NAME_BYTES_MAX + 1];
	struct name_token token;

	live.local = 0;
	if (tree_parent(c->tree, &live, &dir) || chart_name_of(c, &live, name))
		return;
	dir.height = 0;
	if (tree_token(l, &dir, name, &token) || tree_versions(l, &dir, &token, count_version, &n))
		return;
	f->version = n.number;
}

int chart_facts(struct chart *c, const struct place *p, struct chart_facts *ret_facts)
{
	struct chart_facts f;
	struct version version;
	struct tree_look l;
	struct tree_tx tx;
	struct place node;
	struct buf hold;
	int err;

	if (p->kind == PLACE_LOCAL && overlay_became(c->overlay, p->local, &node))
		p = &node;
	if (p->kind != PLACE_NODE)
		return CF_ENOTFOUND;
	memset(&f, 0, sizeof f);
	err = tree_look_begin(c->tree, p->height, &l);
	if (err)
		return err;
	buf_init(&hold, 0);
	err = tree_may(&l, &p->patient, p->section, VERB_READ);
	if (!err)
		err = tree_node(&l, &p->patient, &p->node, &f.node, &version);
	if (!err && !hash_is_zero(&f.node.content_hash)) {
		err = tree_content(&l, &p->patient, &p->node, &hold, &f.content, &version);
		f.content.sealed = VIEW_NONE;
	}
	if (!err)
		err = tree_tx(&l, version, &tx);
	if (!err) {
		f.tx_id = tx.id;
		f.height = version.height;
		f.index = version.index;
		f.time_ms = tx.time_ms;
		tree_person_name(&l, &tx.creator, f.author, sizeof f.author);
		if (!place_is_dir(p))
			number_of(c, &l, p, &f);
		*ret_facts = f;
	}
	buf_release(&hold);
	tree_look_end(&l);
	return err;
}

struct version_walk {
	bool (*on_version)(void *ctx, const struct chart_version *v);
	void *ctx;
};

static bool pass_on(void *ctx, const struct chart_version *v, const struct place *place)
{
	struct version_walk *w = ctx;

	(void)place;
	return w->on_version(w->ctx, v);
}

int chart_versions(struct chart *c, const struct place *dir, const char *name,
		   bool (*on_version)(void *ctx, const struct chart_version *v), void *ctx)
{
	struct version_walk w = {on_version, ctx};
	struct name_token token;
	struct tree_look l;
	int err;

	if (dir->kind != PLACE_NODE || dir->type != NODE_DIR)
		return CF_ENOTFOUND;
	err = tree_look_begin(c->tree, 0, &l);
	if (err)
		return err;
	err = tree_may(&l, &dir->patient, dir->section, VERB_READ);
	if (!err)
		err = tree_token(&l, dir, name, &token);
	if (!err)
		err = tree_versions(&l, dir, &token, pass_on, &w);
	tree_look_end(&l);
	return err;
}

int chart_height_at(struct chart *c, uint64_t time_ms, uint64_t *ret_height)
{
	return tree_height_at(c->tree, time_ms, ret_height);
}

int chart_path(struct chart *c, const char *path, struct chart_attr *ret_attr)
{
	struct place root = place_root(0);
	struct chart_attr attr;
	int err = chart_getattr(c, &root, &attr);

	while (!err) {
		size_t len = strcspn(path, "/");
		char name[NAME_BYTES_MAX + 1];

		if (len == 0 && *path == 0)
			break;
		if (len > NAME_BYTES_MAX) {
			err = CF_ENAMETOOLONG;
		} else if (len > 0 && !(len == 1 && path[0] == '.')) {
			struct place dir = attr.place;

			memcpy(name, path, len);
			name[len] = 0;
			err = chart_lookup(c, &dir, name, &attr);
		}
		path += len + (path[len] == '/');
	}
	if (!err)
		*ret_attr = attr;
	return err;
}
