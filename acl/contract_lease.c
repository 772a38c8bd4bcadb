/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contract_lease.c - a lease: what has to stand in the ledger before the peers give their half of a key.
 */
#include "acl/contract_private.h"
#include "acl/purpose.h"

/* Owner and custodian have no grant, and need none. */
static int check_purpose(struct db_txn *txn, const struct patient_id *patient, const struct op_lease *op,
			 const struct identity_id *who, struct rwset_builder *out)
{
	struct grant_row grant;
	int err = row_grant(txn, out, patient, op->section, who, &grant);

	if (err || grant.verbs == 0 || grant.purpose == 0)
		return err == CF_ENOTFOUND ? 0 : err;
	if (grant.purpose != purpose_number(op->purpose))
		return err_set(CF_EDENIED, "the grant on %s is for %s alone", section_name(op->section),
			       purpose_code(grant.purpose));
	return 0;
}

int policy_check_lease(struct db_txn *txn, const struct patient_id *patient, const struct op_lease *op,
		       const struct identity_id *who, uint64_t now_ms, struct rwset_builder *out)
{
	int err;

	err = policy_check(txn, patient, op->section, who, op->use == LEASE_READ ? VERB_READ : VERB_ADD,
			   now_ms, out);
	if (err == CF_EDENIED && op->use == LEASE_WRITE)
		err = policy_check(txn, patient, op->section, who, VERB_MODIFY, now_ms, out);
	return err ? err : check_purpose(txn, patient, op, who, out);
}

/* It writes no row: the transaction itself is the trace. */
int contract_lease(struct run *r, struct view body)
{
	struct op_lease op;
	int err = op_lease_decode(body, &op);

	if (err)
		return err;
	if (op.until_ms <= r->now_ms)
		return err_set(CF_EINVAL, "the lease ends before it begins");
	if (op.until_ms - r->now_ms > LEASE_MS_MAX + r->policy.time_window_ms)
		return err_set(CF_EINVAL, "a lease lasts a day at the most");
	/* else who leases now would read then, when no grant and no lease holds any more */
	if (op.last_window > contract_window(op.until_ms + r->policy.time_window_ms))
		return err_set(CF_EINVAL, "a lease of windows that begin after it has ended");
	if (op.use == LEASE_WRITE && op.first_window + 1 < contract_window(r->now_ms))
		return err_set(CF_EINVAL, "a lease to write in windows that are over");
	return policy_check_lease(r->txn, &r->p->patient, &op, &r->p->creator, r->now_ms, r->out);
}
