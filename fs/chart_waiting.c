/* SPDX-License-Identifier: Apache-2.0 */
/* The patient's co-signature: the rule of sections, and what becomes of changes that wait. */
#include "fs/chart_private.h"

static int commit_one(struct chart *c, const struct patient_id *p, enum op_code code, struct buf *body,
		      struct client_result *ret_result)
{
	struct commit m;
	int err;

	commit_init(&m, p);
	err = commit_add(&m, code, body);
	if (!err)
		err = commit_run(c, &m, ret_result);
	commit_release(&m);
	return err;
}

int chart_decide(struct chart *c, const struct place *waiting, enum approval what,
		 struct client_result *ret_result)
{
	struct op_approve op = {.node = waiting->node, .what = what};
	struct waiting_row row;
	struct version version;
	struct tree_look l;
	struct buf body;
	int err = tree_look_begin(c->tree, 0, &l);

	if (err)
		return err;
	err = tree_waiting_row(&l, waiting, &row, &op.change, &version);
	tree_look_end(&l);
	if (err)
		return err;
	buf_init(&body, 0);
	err = op_approve_encode(&op, &body);
	if (!err)
		err = commit_one(c, &waiting->patient, OP_APPROVE, &body, ret_result);
	buf_release(&body);
	return err;
}

int chart_rule(struct chart *c, const struct patient_id *p, uint32_t sections, bool amend)
{
	const struct op_rule op = {.sections = sections, .amend = amend};
	struct client_result result;
	struct buf body;
	int err;

	buf_init(&body, 0);
	err = op_rule_encode(&op, &body);
	if (!err)
		err = commit_one(c, p, OP_RULE, &body, &result);
	buf_release(&body);
	return err;
}

bool chart_waits(struct chart *c, const struct place *node)
{
	struct waiting_row row;
	struct version version;
	struct tree_look l;
	struct hash change;
	bool must = false;

	if (node->kind != PLACE_NODE || node->height || tree_look_begin(c->tree, 0, &l))
		return false;
	must = tree_must_propose(&l, &node->patient, node->section, &must) == 0 && must &&
	       tree_waiting_row(&l, node, &row, &change, &version) == 0;
	tree_look_end(&l);
	return must;
}

struct waiting_walk {
	struct tree_look *look;
	bool (*on_change)(void *ctx, const struct tree_waiting *w, const char *author);
	void *ctx;
};

static bool with_author(void *ctx, const struct tree_waiting *w)
{
	const struct waiting_walk *walk = ctx;
	char author[2 * ROW_NAME_MAX + 2];

	tree_person_name(walk->look, &w->row.author, author, sizeof author);
	return walk->on_change(walk->ctx, w, author);
}

int chart_waiting(struct chart *c, const struct patient_id *p,
		  bool (*on_change)(void *ctx, const struct tree_waiting *w, const char *author), void *ctx)
{
	struct tree_look l;
	struct waiting_walk walk = {&l, on_change, ctx};
	int err = tree_look_begin(c->tree, 0, &l);

	if (err)
		return err;
	err = tree_waiting_walk(&l, p, with_author, &walk);
	tree_look_end(&l);
	return err;
}
