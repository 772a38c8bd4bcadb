/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contract_erase.c - erasing a file's contents, or all of a patient.
 */
#include "acl/contract_private.h"

static int erase_patient(struct run *r, struct patient_row *row)
{
	struct buf value;
	int err;

	if (r->p->op_count != 1)
		return err_set(CF_EINVAL, "the erasure of a patient stands alone in its transaction");
	row->status = PATIENT_ERASED;
	buf_init(&value, 0);
	err = run_put(r, statekey_patient(&r->p->patient), patient_row_encode(row, &value), &value);
	buf_release(&value);
	return err;
}

/*
 * The node is read, whether it is there or not: a version that is saved meanwhile conflicts, so that nothing
 * is erased that was not seen.
 */
static int erase_node(struct run *r, const struct node_id *n)
{
	struct erasure_row row = {.time_ms = r->p->time_ms, .by = r->p->creator};
	struct version version;
	struct node_row node;
	struct buf value;
	int err = row_node(r->txn, r->out, &r->p->patient, n, &node, &version);

	if (err && err != CF_ENOTFOUND)
		return err;
	if (err == 0 && node.type == NODE_DIR)
		return err_set(CF_EISDIR, "operation %u: a directory has no contents to erase", r->op);
	buf_init(&value, 0);
	err = run_put(r, statekey_node(&r->p->patient, SKP_ERASURE, n), erasure_row_encode(&row, &value),
		      &value);
	buf_release(&value);
	/* nobody approves what cannot be opened any more */
	return err ? err : run_delete_if_there(r, statekey_node(&r->p->patient, SKP_WAITING, n));
}

int contract_erase(struct run *r, struct view body)
{
	struct patient_row row;
	struct op_erase op;
	int err = op_erase_decode(body, &op);

	if (err == 0)
		err = row_patient(r->txn, r->out, &r->p->patient, &row);
	if (err == 0)
		err = run_holder(r, &row, "erases"); /* nobody is granted to */
	if (err)
		return err;
	return node_is_zero(&op.node) ? erase_patient(r, &row) : erase_node(r, &op.node);
}
