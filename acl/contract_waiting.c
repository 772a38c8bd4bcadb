/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contract_waiting.c - the patient's co-signature: which sections demand it, what is proposed, what becomes
 * of it.
 */
#include "acl/contract_private.h"
#include "acl/waiting.h"

static struct statekey waiting_key(const struct run *r, const struct node_id *n)
{
	return statekey_node(&r->p->patient, SKP_WAITING, n);
}

/* The change that waits, and its bytes; CF_ENOTFOUND is noted, too. */
static int read_waiting(struct run *r, const struct node_id *n, struct view *ret_value,
			struct waiting_row *ret_row)
{
	struct statekey key = waiting_key(r, n);
	struct version version;
	int err = row_read(r->txn, r->out, &key, ret_value, &version);

	if (err == 0 && waiting_row_decode(*ret_value, ret_row))
		err = err_set(CF_ECORRUPT, "a change that waits does not decode");
	return err;
}

/* One change of a file waits: its author may put a newer one in its place. */
static int check_turn(struct run *r, const struct node_id *n)
{
	struct waiting_row row;
	struct view value;
	int err = read_waiting(r, n, &value, &row);

	if (err == CF_ENOTFOUND)
		return 0;
	if (err == 0 && !identity_equal(&row.author, &r->p->creator))
		err = err_set(CF_EEXIST, "operation %u: somebody else's change of the file waits", r->op);
	return err;
}

static int put_waiting(struct run *r, const struct node_id *n, struct view save)
{
	struct waiting_row row = {
		.save = save, .author = r->p->creator, .tx = *r->id, .time_ms = r->p->time_ms};
	struct buf value;
	int err;

	buf_init(&value, STATE_VALUE_BYTES_MAX);
	err = run_put(r, waiting_key(r, n), waiting_row_encode(&row, &value), &value);
	buf_release(&value);
	return err;
}

int contract_propose(struct run *r, struct view body)
{
	struct content_row content;
	struct op_save op;
	struct node_row node;
	struct statekey key;
	bool amend = false;
	int err = run_saved(r, body, &op, &node);

	if (err == 0)
		err = run_rule(r, node.section, &amend);
	if (err == 0 && !amend)
		return err_set(CF_ECONFLICT, "operation %u: %s demands no co-signature", r->op,
			       section_name(node.section));
	key = statekey_node(&r->p->patient, SKP_CONTENT, &op.node);
	if (err == 0)
		err = run_check_base(r, &key, op.base);
	if (err == 0)
		err = run_check_content(r, &node, op.size, op.content, &content);
	if (err == 0)
		err = check_turn(r, &op.node);
	return err ? err : put_waiting(r, &op.node, body);
}

/* As the proposer's save would have been, of the very version that it was made from. */
static int carry_out(struct run *r, const struct waiting_row *row)
{
	struct content_row content;
	struct node_row node;
	struct statekey key;
	struct op_save save;
	int err = waiting_content(row, &save, &content);

	if (err == 0)
		err = run_node(r, &save.node, &node);
	key = statekey_node(&r->p->patient, SKP_CONTENT, &save.node);
	if (err == 0)
		err = run_check_base(r, &key, save.base);
	if (err)
		return err;
	run_set_attrs(&node, &save.attrs, run_time_ns(r));
	node.size = save.size;
	node.commitment = save.commitment;
	node.author = row->author;
	err = run_put_content(r, &save.node, save.content.len ? &content : NULL, &node);
	return err ? err : run_put_node(r, &save.node, &node);
}

int contract_approve(struct run *r, struct view body)
{
	struct patient_row patient;
	struct waiting_row row;
	struct op_approve op;
	struct statekey key;
	struct view value;
	struct hash change;
	int err = op_approve_decode(body, &op);

	if (err == 0)
		err = row_patient(r->txn, r->out, &r->p->patient, &patient);
	if (err == 0 && op.what != APPROVAL_WITHDRAW)
		err = run_holder(r, &patient, op.what == APPROVAL_GIVE ? "approves" : "refuses");
	if (err == 0)
		err = read_waiting(r, &op.node, &value, &row);
	if (err == CF_ENOTFOUND)
		return err_set(err, "operation %u: no change of the file waits", r->op);
	if (err)
		return err;
	change = sha256(value);
	if (!hash_equal(&change, &op.change))
		return err_set(CF_ECONFLICT, "operation %u: another change of the file waits by now", r->op);
	if (op.what == APPROVAL_WITHDRAW && !identity_equal(&row.author, &r->p->creator))
		return err_set(CF_EDENIED, "only who proposed a change withdraws it");
	if (op.what == APPROVAL_GIVE)
		err = carry_out(r, &row);
	key = waiting_key(r, &op.node);
	return err ? err : rwset_add_delete(r->out, statekey_view(&key));
}

int contract_rule(struct run *r, struct view body)
{
	struct patient_row patient;
	struct section_row row;
	struct op_rule op;
	struct buf value;
	int err = op_rule_decode(body, &op);

	if (err == 0)
		err = row_patient(r->txn, r->out, &r->p->patient, &patient);
	if (err == 0)
		err = run_holder(r, &patient, "says which changes need a co-signature");
	buf_init(&value, 0);
	for (unsigned s = 0; s <= SECTION_COUNT && err == 0; s++) {
		if (!(op.sections & (1u << s)))
			continue;
		err = row_section(r->txn, r->out, &r->p->patient, s, &row);
		row.amend = op.amend;
		if (err == 0)
			err = run_put(r, statekey_section(&r->p->patient, (uint8_t)s),
				      section_row_encode(&row, &value), &value);
	}
	buf_release(&value);
	return err;
}
