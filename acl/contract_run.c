/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contract_run.c - the steps that several operations of the contract share.
 */
#include "acl/contract_private.h"

#include <assert.h>

#define NS_PER_MS UINT64_C(1000000)

uint64_t run_time_ns(const struct run *r)
{
	return r->p->time_ms * NS_PER_MS;
}

int run_check(struct run *r, unsigned section, unsigned verbs)
{
	return policy_check(r->txn, &r->p->patient, section, &r->p->creator, verbs, r->now_ms, r->out);
}

int run_epoch(struct run *r, unsigned section, uint32_t epoch, uint32_t window)
{
	uint32_t current = contract_window(r->p->time_ms);
	struct section_row row;
	int err = row_section(r->txn, r->out, &r->p->patient, section, &row);

	if (err)
		return err;
	if (epoch != row.epoch)
		return err_set(CF_ECONFLICT,
			       "operation %u: sealed under epoch %u of %s, the current one is %u", r->op,
			       epoch, section_name(section), row.epoch);
	/* what was sealed just before a window ended may arrive in the next one */
	if (window > current || window + 1 < current)
		return err_set(CF_EINVAL, "operation %u: sealed in window %u, now is %u", r->op, window,
			       current);
	return 0;
}

int run_holder(struct run *r, const struct patient_row *row, const char *does)
{
	const struct identity_id *holder = row->status == PATIENT_CUSTODY ? &row->custodian : &row->owner;

	if (row->status == PATIENT_ERASED)
		return err_set(CF_ENOKEY, "the patient was erased");
	if (!identity_equal(holder, &r->p->creator))
		return err_set(CF_EDENIED, "only %s %s",
			       row->status == PATIENT_CUSTODY ? "the custodian" : "the patient", does);
	return 0;
}

int run_rule(struct run *r, unsigned section, bool *ret_amend)
{
	struct section_row row;
	int err = row_section(r->txn, r->out, &r->p->patient, section, &row);

	if (err == 0)
		*ret_amend = row.amend;
	return err;
}

int run_amend(struct run *r, unsigned section)
{
	struct patient_row patient;
	bool amend;
	int err = run_rule(r, section, &amend);

	if (err || !amend)
		return err;
	err = row_patient(r->txn, r->out, &r->p->patient, &patient);
	if (err == 0 && run_holder(r, &patient, "changes it"))
		err = err_set(CF_EDENIED, "%s demands the patient's co-signature", section_name(section));
	return err;
}

int run_put(struct run *r, struct statekey key, int encoded, struct buf *value)
{
	int err = encoded;

	if (err == 0)
		err = rwset_add_write(r->out, statekey_view(&key), buf_view(value));
	buf_reset(value);
	return err;
}

int run_put_node(struct run *r, const struct node_id *n, const struct node_row *row)
{
	struct buf value;
	int err;

	buf_init(&value, 0);
	err = run_put(r, statekey_node(&r->p->patient, SKP_NODE, n), node_row_encode(row, &value), &value);
	buf_release(&value);
	return err;
}

int run_delete_if_there(struct run *r, struct statekey key)
{
	struct version version;
	struct view value;
	int err = row_read(r->txn, r->out, &key, &value, &version);

	if (err == CF_ENOTFOUND)
		return 0;
	return err ? err : rwset_add_delete(r->out, statekey_view(&key));
}

int run_node(struct run *r, const struct node_id *n, struct node_row *ret_row)
{
	struct version version;
	int err = row_node(r->txn, r->out, &r->p->patient, n, ret_row, &version);

	return err == CF_ENOTFOUND ? err_set(CF_ENOTFOUND, "operation %u: there is no such node", r->op)
				   : err;
}

int run_delete_node(struct run *r, const struct node_id *n, const struct node_row *row)
{
	const struct patient_id *p = &r->p->patient;
	struct statekey node = statekey_node(p, SKP_NODE, n);
	int err = rwset_add_delete(r->out, statekey_view(&node));

	if (err == 0 && !hash_is_zero(&row->content_hash))
		err = run_delete_if_there(r, statekey_node(p, SKP_CONTENT, n));
	if (err == 0)
		err = run_delete_if_there(r, statekey_node(p, SKP_XATTR, n));
	if (err == 0 && row->type != NODE_DIR)
		err = run_delete_if_there(r, statekey_node(p, SKP_WAITING, n));
	return err;
}

static bool has_prefix(struct view key, const struct statekey *prefix)
{
	return key.len > prefix->len && view_equal(VIEW(key.data, prefix->len), statekey_view(prefix));
}

static bool own_delete(const struct run *r, struct view key)
{
	struct rw_write own;

	return rwset_written(r->out, key, &own) && own.deleted;
}

int run_empty_dir(struct run *r, const struct node_id *dir)
{
	struct statekey prefix = statekey_entries(&r->p->patient, dir);
	struct state_cursor *cursor = NULL;
	struct state_item item;
	struct rw_write own;
	int err;

	for (size_t i = 0; rwset_write_at(r->out, i, &own); i++) {
		if (!own.deleted && has_prefix(own.key, &prefix))
			return err_set(CF_ENOTEMPTY, "operation %u: the directory is not empty", r->op);
	}
	err = state_cursor_new(r->txn, statekey_view(&prefix), &cursor);
	if (err)
		return err;
	err = state_cursor_seek(cursor, statekey_view(&prefix), &item);
	while (err == 0 && own_delete(r, item.key))
		err = state_cursor_next(cursor, &item);
	state_cursor_free(cursor);
	if (err == 0)
		return err_set(CF_ENOTEMPTY, "operation %u: the directory is not empty", r->op);
	return err == CF_ENOTFOUND ? rwset_add_empty(r->out, statekey_view(&prefix)) : err;
}
