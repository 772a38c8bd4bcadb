/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contract_admit.c - admit a patient.
 */
#include "acl/contract_private.h"
#include "acl/wrap.h"

#include <assert.h>
#include <string.h>

/* Who may admit, and in whose custody: a patient themself, or staff under their own organization's custodian.
 */
static int check_admit(struct run *r, const struct op_admit *op)
{
	const struct identity_id *me = &r->p->creator;
	struct patient_row there;
	struct identity_row custodian;
	struct org_row org;
	int err = row_patient(r->txn, r->out, &r->p->patient, &there);

	if (err == 0)
		return err_set(CF_EEXIST, "the patient is admitted already");
	if (err != CF_ENOTFOUND)
		return err;
	if (identity_is_zero(&op->owner) == identity_is_zero(&op->custodian))
		return err_set(CF_EINVAL, "a patient has either an owner or a custodian");
	if (identity_is_zero(&op->custodian)) {
		if (r->creator.role == ROLE_PATIENT && identity_equal(&op->owner, me))
			return 0;
		return err_set(CF_EDENIED, "a patient with a key admits themself");
	}
	if (!role_may_admit(r->creator.role))
		return err_set(CF_EDENIED, "a %s admits no patients", role_name(r->creator.role));
	err = row_org(r->txn, r->out, r->creator.org, &org);
	if (err)
		return err;
	if (!identity_equal(&op->custodian, &org.custodian))
		return err_set(CF_EDENIED, "the custodian is not the one of '%s'", org.name);
	err = row_identity(r->txn, r->out, &op->custodian, &custodian);
	if (err == 0 && custodian.status != IDENTITY_ACTIVE)
		return err_set(CF_EDENIED, "the custodian of '%s' is not active", org.name);
	return err;
}

static int check_wraps(const struct run *r, const struct identity_id *to)
{
	for (unsigned s = 0; s <= SECTION_COUNT; s++) {
		uint32_t lowest;
		int err = wrap_find(r->annex, to, (uint8_t)s, 0, &lowest);

		if (err == CF_ENOTFOUND)
			return err_set(CF_EINVAL,
				       "the annex does not wrap the keys of %s to all who hold them",
				       section_name(s));
		if (err)
			return err;
	}
	return 0;
}

static int put_directory(struct run *r, const struct op_admit *op, unsigned section)
{
	struct node_id id = op_section_node(&r->p->patient, section);
	struct node_row node = {
		.type = NODE_DIR,
		.section = (uint8_t)section,
		.mode = op->mode,
		.uid = op->uid,
		.gid = op->gid,
		.atime_ns = run_time_ns(r),
		.mtime_ns = run_time_ns(r),
		.ctime_ns = run_time_ns(r),
		.crtime_ns = run_time_ns(r),
		.author = r->p->creator,
	};

	if (section > 0)
		node.parent = op_section_node(&r->p->patient, 0);
	return run_put_node(r, &id, &node);
}

static int put_section(struct run *r, const struct op_admit *op, unsigned section, bool grant,
		       struct buf *value)
{
	const struct patient_id *p = &r->p->patient;
	struct section_row row = {.epoch_tx = *r->id};
	struct grant_row staff = {
		.verbs = (uint8_t)(role_verbs(r->creator.role) | VERB_GRANT),
		.grant_tx = *r->id,
		.granted_by = r->p->creator,
	};
	int err = run_put(r, statekey_section(p, (uint8_t)section), section_row_encode(&row, value), value);

	if (err == 0)
		err = put_directory(r, op, section);
	if (err || !grant)
		return err;
	return run_put(r, statekey_grant(p, (uint8_t)section, &r->p->creator),
		       grant_row_encode(&staff, value), value);
}

int contract_admit(struct run *r, struct view body)
{
	struct op_admit op;
	struct patient_row row;
	bool custody, grant;
	struct buf value;
	int err = op_admit_decode(body, &op);

	if (err == 0)
		err = check_admit(r, &op);
	if (err)
		return err;
	custody = identity_is_zero(&op.owner);
	grant = custody && !identity_equal(&op.custodian, &r->p->creator);
	err = check_wraps(r, custody ? &op.custodian : &op.owner);
	if (err == 0 && grant)
		err = check_wraps(r, &r->p->creator);
	if (err)
		return err;
	row = (struct patient_row){
		.status = custody ? PATIENT_CUSTODY : PATIENT_OWNED,
		.owner = op.owner,
		.custodian = op.custodian,
		.admitted_by = r->p->creator,
		.window = op.window,
		.sealed_name = op.sealed_name,
	};
	buf_init(&value, 0);
	err = run_put(r, statekey_patient(&r->p->patient), patient_row_encode(&row, &value), &value);
	for (unsigned s = 0; s <= SECTION_COUNT && err == 0; s++)
		err = put_section(r, &op, s, grant, &value);
	buf_release(&value);
	return err;
}
