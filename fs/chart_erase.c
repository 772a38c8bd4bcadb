/* SPDX-License-Identifier: Apache-2.0 */
/* Erasures: of all versions that stand under a name, and of a patient. */
#include "fs/chart_private.h"

#include "acl/rowread.h"

#include <string.h>

struct erase_walk {
	struct node_id node[COMMIT_OPS];
	size_t count;
	bool too_many;
};

/* A name may have led to several nodes: each save by temporary file and rename is another one. */
static bool note_node(void *ctx, const struct chart_version *v, const struct place *place)
{
	struct erase_walk *w = ctx;

	(void)v;
	for (size_t i = 0; i < w->count; i++) {
		if (node_equal(&w->node[i], &place->node))
			return true;
	}
	w->too_many = w->count == COMMIT_OPS;
	if (!w->too_many)
		w->node[w->count++] = place->node;
	return !w->too_many;
}

static int find_nodes(struct chart *c, const struct place *dir, const char *name, struct erase_walk *w)
{
	struct name_token token;
	struct tree_look l;
	int err;

	if (dir->kind != PLACE_NODE || dir->type != NODE_DIR)
		return CF_ENOTFOUND;
	err = tree_look_begin(c->tree, 0, &l);
	if (err)
		return err;
	err = tree_token(&l, dir, name, &token);
	if (!err)
		err = tree_versions(&l, dir, &token, note_node, w);
	tree_look_end(&l);
	if (err == CF_ENOTFOUND || (!err && w->count == 0))
		err = err_set(CF_ENOTFOUND, "%s: no version was ever committed", name);
	if (!err && w->too_many)
		err = err_set(CF_ETOOBIG, "%s was more than %d files: erase it part by part, by .history",
			      name, COMMIT_OPS);
	return err;
}

static int add_erase(struct commit *m, const struct node_id *n)
{
	struct op_erase op = {.node = *n};
	struct buf body;
	int err;

	buf_init(&body, 0);
	err = op_erase_encode(&op, &body);
	if (!err)
		err = commit_add(m, OP_ERASE, &body);
	buf_release(&body);
	return err;
}

static int commit_erase(struct chart *c, const struct patient_id *p, const struct node_id *nodes,
			size_t count, struct client_result *ret_result)
{
	struct commit m;
	int err = 0;

	commit_init(&m, p);
	for (size_t i = 0; i < count && !err; i++)
		err = add_erase(&m, &nodes[i]);
	if (!err)
		err = commit_run(c, &m, ret_result);
	commit_release(&m);
	return err;
}

int chart_erase(struct chart *c, const struct place *dir, const char *name, struct client_result *ret_result)
{
	struct erase_walk w = {.count = 0};
	int err = find_nodes(c, dir, name, &w);

	return err ? err : commit_erase(c, &dir->patient, w.node, w.count, ret_result);
}

int chart_erase_patient(struct chart *c, const struct patient_id *p, struct client_result *ret_result)
{
	const struct node_id all = {{0}};

	return commit_erase(c, p, &all, 1, ret_result);
}
