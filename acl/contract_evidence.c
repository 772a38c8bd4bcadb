/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contract_evidence.c - a member's lie is written down: proved again here, once for each thing it lied about,
 * and not without end.
 */
#include "acl/contract_private.h"

#include "ledger/mem.h"

static int check_new(struct run *r, const struct hash *id)
{
	struct statekey key = statekey_evidence(id);
	struct version version;
	struct view value;
	int err = row_read(r->txn, r->out, &key, &value, &version);

	if (err == 0)
		return err_set(CF_EEXIST, "this evidence is on the ledger");
	return err == CF_ENOTFOUND ? 0 : err;
}

/* One piece a slot, and so many an offender. */
static int add_slot(struct run *r, const struct statekey *key, const struct hash *slot,
		    struct offender_row *ret_row)
{
	struct version version;
	struct view value;
	int err = row_read(r->txn, r->out, key, &value, &version);

	*ret_row = (struct offender_row){0};
	if (err == 0)
		err = offender_row_decode(value, ret_row) ? CF_ECORRUPT : 0;
	if (err && err != CF_ENOTFOUND)
		return err;
	for (unsigned i = 0; i < ret_row->count; i++) {
		if (hash_equal(&ret_row->slot[i], slot))
			return err_set(CF_EEXIST, "there is evidence of this lie on the ledger");
	}
	if (ret_row->count == EVIDENCE_OFFENDER_MAX)
		return err_set(CF_EEXIST,
			       "there is as much evidence against this member as the ledger takes");
	ret_row->slot[ret_row->count++] = *slot;
	return 0;
}

static int write_rows(struct run *r, const struct evidence *e, const struct identity_id *offender,
		      const struct hash *id)
{
	struct statekey key = statekey_offender(offender, e->epoch);
	struct hash slot = evidence_slot(e);
	struct evidence_row row = {
		.kind = e->kind,
		.offender = *offender,
		.epoch = e->epoch,
		.height = e->height,
		.view = e->view,
		.reporter = r->p->creator,
		.tx = *r->id,
		.time_ms = r->p->time_ms,
	};
	struct offender_row slots;
	struct buf value;
	int err = add_slot(r, &key, &slot, &slots);

	if (err)
		return err;
	buf_init(&value, 0);
	err = run_put(r, key, offender_row_encode(&slots, &value), &value);
	if (err == 0)
		err = run_put(r, statekey_evidence(id), evidence_row_encode(&row, &value), &value);
	buf_release(&value);
	return err;
}

int contract_evidence(struct run *r, struct view body)
{
	struct members *members = mem_alloc(sizeof(*members));
	struct evidence *e = mem_alloc(sizeof(*e));
	struct op_evidence op;
	struct hash id;
	int err = members && e ? op_evidence_decode(body, &op) : CF_ENOMEM;

	if (err == 0 && !role_may_report(r->creator.role))
		err = err_set(CF_EDENIED, "a %s brings no evidence", role_name(r->creator.role));
	if (err)
		goto out;
	id = evidence_id(op.evidence);
	err = check_new(r, &id);
	if (err == 0)
		err = row_members(r->txn, r->out,
				  members); /* in the read set: against others it proves nothing */
	if (err == 0)
		err = evidence_decode(op.evidence, &r->p->network, e);
	if (err == CF_EDECODE || err == CF_EFOREIGN || err == CF_ETOOBIG)
		err = err_set(CF_EINVAL, "%s", err_detail());
	if (err == 0)
		err = evidence_check(e, &r->p->network, members);
	if (err == CF_ESIG)
		err = err_set(CF_EINVAL, "no evidence: %s", err_detail());
	if (err == 0)
		err = write_rows(r, e, &members->member[e->member].id, &id);
out:
	mem_free(members);
	mem_free(e);
	return err;
}
