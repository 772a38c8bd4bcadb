/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contract_claim.c - a patient takes over the chart that an organization kept in custody.
 */
#include "acl/claim.h"
#include "acl/contract_private.h"
#include "acl/wrap.h"

#include <string.h>

/* The custodian hands over, a patient takes: both have signed. */
static int check_sides(struct run *r, const struct op_claim *op, const struct patient_row *row)
{
	struct claim claim = {.patient = r->p->patient, .custodian = r->p->creator, .owner = op->owner};
	struct identity_row owner;
	int err;

	if (row->status != PATIENT_CUSTODY)
		return err_set(CF_EDENIED, "the patient is in nobody's custody");
	if (!identity_equal(&row->custodian, &r->p->creator))
		return err_set(CF_EDENIED, "only the custodian hands a chart over");
	err = row_identity(r->txn, r->out, &op->owner, &owner);
	if (err == CF_ENOTFOUND)
		return err_set(CF_ENOTFOUND, "who is to own the chart is not registered");
	if (err)
		return err;
	if (owner.status != IDENTITY_ACTIVE)
		return err_set(CF_EREVOKED, "identity %s is not active", owner.name);
	if (owner.role != ROLE_PATIENT)
		return err_set(CF_EDENIED, "a %s owns no chart", role_name(owner.role));
	memcpy(claim.sig, op->consent, SIG_BYTES);
	err = claim_verify(&claim, &r->p->network, owner.sign_point);
	return err == CF_ESIG ? err_set(CF_EDENIED, "%s has not consented to this", owner.name) : err;
}

/* The owner holds the current keys of all sections from now on. */
static int check_keys_pass(struct run *r, const struct op_claim *op, unsigned section)
{
	struct section_row current;
	uint32_t lowest;
	int err = row_section(r->txn, r->out, &r->p->patient, section, &current);

	if (err)
		return err;
	err = wrap_find(r->annex, &op->owner, (uint8_t)section, current.epoch, &lowest);
	return err == CF_ENOTFOUND ? err_set(CF_EINVAL, "the annex does not wrap the keys of %s to the owner",
					     section_name(section))
				   : err;
}

/* What the custodian keeps is a grant like any other: without the right to grant, and for the owner to
 * revoke. */
static int put_custodian_grant(struct run *r, unsigned section, struct buf *value)
{
	struct grant_row grant = {
		.verbs = (uint8_t)(role_verbs(r->creator.role) & ~VERB_GRANT),
		.grant_tx = *r->id,
		.granted_by = r->p->creator,
	};

	return run_put(r, statekey_grant(&r->p->patient, (uint8_t)section, &r->p->creator),
		       grant_row_encode(&grant, value), value);
}

int contract_claim(struct run *r, struct view body)
{
	struct patient_row row;
	struct op_claim op;
	struct buf value;
	int err = op_claim_decode(body, &op);

	if (err == 0)
		err = row_patient(r->txn, r->out, &r->p->patient, &row);
	if (err == 0)
		err = check_sides(r, &op, &row);
	for (unsigned s = 0; s <= SECTION_COUNT && err == 0; s++)
		err = check_keys_pass(r, &op, s);
	if (err)
		return err;
	row.status = PATIENT_OWNED;
	row.owner = op.owner;
	buf_init(&value, 0);
	err = run_put(r, statekey_patient(&r->p->patient), patient_row_encode(&row, &value), &value);
	for (unsigned s = 0; s <= SECTION_COUNT && err == 0; s++)
		err = put_custodian_grant(r, s, &value);
	buf_release(&value);
	return err;
}
