/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contract_dir.c - unlink, rmdir, rename.
 */
#include "acl/contract_private.h"

#include <assert.h>

#define DEPTH_MAX                                                                                       \
	1024 /* of directories; more than a path of PATH_MAX bytes would ever name, save for one-letter \
		names */

/* The entry must (still) lead to the node that the caller means. */
static int read_entry(struct run *r, const struct node_id *dir, const struct name_token *token,
		      const struct node_id *node, struct entry_row *ret_entry)
{
	struct version version;
	int err = row_entry(r->txn, r->out, &r->p->patient, dir, token, ret_entry, &version);

	if (err == CF_ENOTFOUND)
		return err_set(CF_ENOTFOUND, "operation %u: there is no such entry", r->op);
	if (err)
		return err;
	if (!node_equal(&ret_entry->node, node))
		return err_set(CF_ECONFLICT, "operation %u: the name leads to another file by now", r->op);
	return 0;
}

static int delete_entry(struct run *r, const struct node_id *dir, const struct name_token *token)
{
	struct statekey key = statekey_entry(&r->p->patient, dir, token);

	return rwset_add_delete(r->out, statekey_view(&key));
}

static int remove_entry(struct run *r, struct view body, bool is_dir)
{
	struct op_remove op;
	struct entry_row entry;
	struct node_row node;
	int err = op_remove_decode(body, &op);

	if (err == 0)
		err = read_entry(r, &op.dir, &op.token, &op.node, &entry);
	if (err == 0)
		err = run_node(r, &op.node, &node);
	if (err)
		return err;
	if (!is_dir && node.type == NODE_DIR)
		return err_set(CF_EISDIR, "operation %u: a directory is removed by rmdir", r->op);
	if (is_dir && node.type != NODE_DIR)
		return err_set(CF_ENOTDIR, "operation %u: not a directory", r->op);
	err = run_check(r, node.section, VERB_DELETE);
	if (err == 0 && is_dir)
		err = run_empty_dir(r, &op.node);
	else if (err == 0)
		err = run_amend(r, node.section);
	if (err == 0)
		err = delete_entry(r, &op.dir, &op.token);
	return err ? err : run_delete_node(r, &op.node, &node);
}

int contract_unlink(struct run *r, struct view body)
{
	return remove_entry(r, body, false);
}

int contract_rmdir(struct run *r, struct view body)
{
	return remove_entry(r, body, true);
}

/*
 * No directory moves below itself: from the target directory upwards the node must not be met. Every step is
 * in the read set, so that two renames cannot make a cycle of each other.
 */
static int check_above(struct run *r, const struct node_id *node, const struct node_id *dir)
{
	struct node_id at = *dir;
	struct node_row row;
	int err;

	for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
		if (node_equal(&at, node))
			return err_set(CF_EINVAL, "operation %u: a directory cannot lie within itself",
				       r->op);
		err = run_node(r, &at, &row);
		if (err)
			return err;
		if (node_is_zero(&row.parent))
			return 0;
		at = row.parent;
	}
	return err_set(CF_EINVAL, "operation %u: directories deeper than %d", r->op, DEPTH_MAX);
}

/* rename(2): what may stand in whose place. */
static int check_replaced_type(const struct run *r, const struct node_row *node,
			       const struct node_row *replaced)
{
	if (node->type == NODE_DIR && replaced->type != NODE_DIR)
		return err_set(CF_ENOTDIR, "operation %u: a directory replaces only a directory", r->op);
	if (node->type != NODE_DIR && replaced->type == NODE_DIR)
		return err_set(CF_EISDIR, "operation %u: a file does not replace a directory", r->op);
	return 0;
}

/* What had the target name goes: that is a deletion, and under that name a change of what was committed. */
static int replace(struct run *r, const struct op_rename *op, const struct node_row *node)
{
	struct entry_row entry;
	struct node_row replaced;
	int err = read_entry(r, &op->to_dir, &op->to_token, &op->replaced, &entry);

	if (err == CF_ENOTFOUND)
		return err_set(CF_ECONFLICT, "operation %u: the file to be replaced is gone", r->op);
	if (err == 0)
		err = run_node(r, &op->replaced, &replaced);
	if (err == 0)
		err = check_replaced_type(r, node, &replaced);
	if (err == 0)
		err = run_check(r, replaced.section, VERB_MODIFY | VERB_DELETE);
	if (err == 0 && replaced.type == NODE_DIR)
		err = run_empty_dir(r, &op->replaced);
	else if (err == 0)
		err = run_amend(r, replaced.section);
	return err ? err : run_delete_node(r, &op->replaced, &replaced);
}

static int check_free(struct run *r, const struct op_rename *op)
{
	struct entry_row entry;
	struct version version;
	int err = row_entry(r->txn, r->out, &r->p->patient, &op->to_dir, &op->to_token, &entry, &version);

	if (err == 0)
		return err_set(CF_ECONFLICT, "operation %u: the new name is taken by now", r->op);
	return err == CF_ENOTFOUND ? 0 : err;
}

static int put_moved(struct run *r, const struct op_rename *op, struct node_row *node)
{
	struct entry_row entry = {
		.node = op->node,
		.type = node->type,
		.epoch = op->epoch,
		.window = op->window,
		.sealed_name = op->sealed_name,
	};
	struct buf value;
	int err = delete_entry(r, &op->from_dir, &op->from_token);

	buf_init(&value, 0);
	if (err == 0)
		err = run_put(r, statekey_entry(&r->p->patient, &op->to_dir, &op->to_token),
			      entry_row_encode(&entry, &value), &value);
	buf_release(&value);
	node->parent = op->to_dir;
	node->ctime_ns = run_time_ns(r);
	return err ? err : run_put_node(r, &op->node, node);
}

static int check_target_dir(struct run *r, const struct op_rename *op, const struct node_row *node)
{
	struct node_row dir;
	int err = run_node(r, &op->to_dir, &dir);

	if (err)
		return err;
	if (dir.type != NODE_DIR)
		return err_set(CF_ENOTDIR, "operation %u: the new parent is no directory", r->op);
	if (dir.section != node->section)
		return err_set(CF_EXDEV, "operation %u: a file stays in its section", r->op);
	if (node->type == NODE_DIR && !node_equal(&op->from_dir, &op->to_dir))
		return check_above(r, &op->node, &op->to_dir);
	return 0;
}

int contract_rename(struct run *r, struct view body)
{
	struct op_rename op;
	struct entry_row from;
	struct node_row node;
	int err = op_rename_decode(body, &op);

	if (err == 0)
		err = read_entry(r, &op.from_dir, &op.from_token, &op.node, &from);
	if (err == 0)
		err = run_node(r, &op.node, &node);
	if (err)
		return err;
	if (node_equal(&op.from_dir, &op.to_dir) &&
	    view_equal(VIEW(op.from_token.b, TOKEN_BYTES), VIEW(op.to_token.b, TOKEN_BYTES)))
		return err_set(CF_EINVAL, "operation %u: the old name is the new one", r->op);
	err = run_check(r, node.section, VERB_MODIFY);
	if (err == 0)
		err = run_amend(r, node.section); /* a name that does not open hides what is committed */
	if (err == 0)
		err = run_epoch(r, node.section, op.epoch, op.window);
	if (err == 0)
		err = check_target_dir(r, &op, &node);
	if (err == 0)
		err = node_is_zero(&op.replaced) ? check_free(r, &op) : replace(r, &op, &node);
	return err ? err : put_moved(r, &op, &node);
}
