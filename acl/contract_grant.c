/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contract_grant.c - grant, revoke.
 */
#include "acl/contract_private.h"
#include "acl/wrap.h"

#include <assert.h>

/* Who is granted to: a registered identity other than the owner, within what its role may ever be granted. */
static int check_grantee(struct run *r, const struct op_grant *op)
{
	struct identity_row row;
	struct patient_row patient;
	char words[64];
	int err = row_identity(r->txn, r->out, &op->to, &row);

	if (err == CF_ENOTFOUND)
		return err_set(CF_ENOTFOUND, "whom to grant to is not registered");
	if (err)
		return err;
	if (row.status != IDENTITY_ACTIVE)
		return err_set(CF_EREVOKED, "identity %s is not active", row.name);
	if (op->verbs & ~role_verbs(row.role)) {
		verbs_format(op->verbs & ~role_verbs(row.role), words, sizeof(words));
		return err_set(CF_EDENIED, "a %s is never granted %s", role_name(row.role), words);
	}
	err = row_patient(r->txn, r->out, &r->p->patient, &patient);
	if (err == 0 && patient.status == PATIENT_OWNED && identity_equal(&patient.owner, &op->to))
		return err_set(CF_EINVAL, "the owner needs no grant");
	return err;
}

/* Staff that grants on in custody gives nothing that it has not. */
static int check_granter(struct run *r, unsigned section, unsigned verbs)
{
	int err = run_check(r, section, VERB_GRANT);

	return err ? err : run_check(r, section, verbs);
}

/*
 * A grant rewrites the section's row as it is: a revocation, whose annex wraps the next keys to all who had a
 * grant when it was made, then conflicts with a grant that it has not seen.
 */
static int touch_section(struct run *r, unsigned section, struct section_row *ret_row)
{
	struct buf value;
	int err = row_section(r->txn, r->out, &r->p->patient, section, ret_row);

	if (err)
		return err;
	buf_init(&value, 0);
	err = run_put(r, statekey_section(&r->p->patient, (uint8_t)section),
		      section_row_encode(ret_row, &value), &value);
	buf_release(&value);
	return err;
}

static int put_grant(struct run *r, unsigned section, const struct identity_id *to,
		     const struct grant_row *row)
{
	struct buf value;
	int err;

	buf_init(&value, 0);
	err = run_put(r, statekey_grant(&r->p->patient, (uint8_t)section, to), grant_row_encode(row, &value),
		      &value);
	buf_release(&value);
	return err;
}

static int grant_section(struct run *r, const struct op_grant *op, unsigned section, unsigned verbs,
			 uint64_t until_ms, uint16_t purpose)
{
	struct grant_row row = {
		.verbs = (uint8_t)verbs,
		.until_ms = until_ms,
		.purpose = purpose,
		.grant_tx = *r->id,
		.granted_by = r->p->creator,
	};
	struct section_row current;
	int err = check_granter(r, section, verbs & ~VERB_GRANT);

	if (err == 0)
		err = touch_section(r, section, &current);
	if (err)
		return err;
	err = wrap_find(r->annex, &op->to, (uint8_t)section, current.epoch, &row.from_epoch);
	if (err == CF_ENOTFOUND)
		return err_set(CF_EINVAL, "the annex does not wrap the keys of %s to the grantee",
			       section_name(section));
	return err ? err : put_grant(r, section, &op->to, &row);
}

static uint64_t later_end(uint64_t a, uint64_t b)
{
	if (a == 0 || b == 0)
		return 0; /* no end */
	return a > b ? a : b;
}

/*
 * Whoever may see a section may see whose it is: the patient's own directory, to read, for as long. A grant
 * on it that has ended counts for nothing; by the proposal's time, since what is written must not depend on
 * when an endorser looks.
 */
static int grant_directory(struct run *r, const struct op_grant *op)
{
	bool named = op->sections & 1;
	unsigned verbs = named ? op->verbs | VERB_READ : VERB_READ;
	uint64_t until_ms = op->until_ms;
	uint16_t purpose = named ? op->purpose : 0;
	struct grant_row old;
	int err = row_grant(r->txn, r->out, &r->p->patient, 0, &op->to, &old);

	if (err && err != CF_ENOTFOUND)
		return err;
	if (err == 0 && old.verbs && !named && (old.until_ms == 0 || r->p->time_ms <= old.until_ms)) {
		/* what is there may say more, and last longer; what says more is not prolonged on the way */
		verbs |= old.verbs;
		purpose = old.purpose;
		until_ms = later_end(old.until_ms, until_ms);
		if (verbs == old.verbs && until_ms == old.until_ms)
			return 0;
		if (verbs != VERB_READ && until_ms != old.until_ms)
			return err_set(CF_EINVAL,
				       "the grant on %s says more and ends earlier: name it as well",
				       section_name(0));
	}
	return grant_section(r, op, 0, verbs, until_ms, purpose);
}

int contract_grant(struct run *r, struct view body)
{
	struct op_grant op;
	int err = op_grant_decode(body, &op);

	if (err)
		return err;
	if (op.until_ms && op.until_ms <= r->now_ms)
		return err_set(CF_EINVAL, "the grant ends before it begins");
	err = check_grantee(r, &op);
	for (unsigned s = 1; s <= SECTION_COUNT && err == 0; s++) {
		if (op.sections & (1u << s))
			err = grant_section(r, &op, s, op.verbs, op.until_ms, op.purpose);
	}
	return err ? err : grant_directory(r, &op);
}

struct keepers {
	struct run *r;
	const struct identity_id *from;
	unsigned section;
	uint32_t epoch; /* the next */
};

/* Everybody who keeps the section gets its next key. */
static int check_keeper(void *ctx, const struct identity_id *to, const struct grant_row *row)
{
	const struct keepers *k = ctx;
	uint32_t lowest;
	int err;

	if (identity_equal(to, k->from) || (row->until_ms && k->r->now_ms > row->until_ms))
		return 0;
	err = wrap_find(k->r->annex, to, (uint8_t)k->section, k->epoch, &lowest);
	if (err == CF_ENOTFOUND)
		return err_set(CF_ECONFLICT, "the annex leaves out somebody who keeps a grant on %s",
			       section_name(k->section));
	return err;
}

/* Whose identity is revoked keeps nothing. */
static int check_grantee_keeps(void *ctx, const struct identity_id *to, const struct grant_row *row)
{
	const struct keepers *k = ctx;
	struct identity_row identity;
	uint32_t lowest;
	int err = row_identity(k->r->txn, k->r->out, to, &identity);

	if (err)
		return err == CF_ENOTFOUND ? CF_ECORRUPT : err;
	if (identity.status != IDENTITY_REVOKED)
		return check_keeper(ctx, to, row);
	err = wrap_find(k->r->annex, to, (uint8_t)k->section, k->epoch, &lowest);
	if (err == 0)
		return err_set(CF_ECONFLICT, "the annex wraps the next keys of %s to %s, who is revoked",
			       section_name(k->section), identity.name);
	return err == CF_ENOTFOUND ? 0 : err;
}

static int check_next_keys(struct run *r, const struct op_revoke *op, unsigned section, uint32_t epoch)
{
	struct keepers keepers = {.r = r, .from = &op->from, .section = section, .epoch = epoch};
	struct grant_row holder = {0};
	struct patient_row patient;
	uint32_t lowest;
	int err = row_patient(r->txn, r->out, &r->p->patient, &patient);

	if (err)
		return err;
	err = wrap_find(r->annex, &op->from, (uint8_t)section, epoch, &lowest);
	if (err != CF_ENOTFOUND)
		return err ? err
			   : err_set(CF_EINVAL, "the annex wraps the next keys to whom they are kept from");
	err = check_keeper(&keepers, patient.status == PATIENT_CUSTODY ? &patient.custodian : &patient.owner,
			   &holder);
	return err ? err : state_grants(r->txn, &r->p->patient, section, check_grantee_keeps, &keepers);
}

static int revoke_section(struct run *r, const struct op_revoke *op, unsigned section)
{
	struct section_row row;
	struct grant_row grant;
	struct buf value;
	int err = run_check(r, section, VERB_GRANT);

	if (err == 0)
		err = row_grant(r->txn, r->out, &r->p->patient, section, &op->from, &grant);
	if (err == CF_ENOTFOUND || (err == 0 && grant.verbs == 0))
		return err_set(CF_ENOTFOUND, "there is no grant on %s to revoke", section_name(section));
	if (err == 0)
		err = row_section(r->txn, r->out, &r->p->patient, section, &row);
	if (err)
		return err;
	if (row.epoch == UINT32_MAX)
		return err_set(CF_ETOOBIG, "%s has no further epoch", section_name(section));
	row.epoch++;
	row.epoch_tx = *r->id;
	err = check_next_keys(r, op, section, row.epoch);
	if (err)
		return err;
	grant = (struct grant_row){.grant_tx = *r->id, .granted_by = r->p->creator};
	err = put_grant(r, section, &op->from, &grant);
	if (err)
		return err;
	buf_init(&value, 0);
	err = run_put(r, statekey_section(&r->p->patient, (uint8_t)section), section_row_encode(&row, &value),
		      &value);
	buf_release(&value);
	return err;
}

int contract_revoke(struct run *r, struct view body)
{
	struct op_revoke op;
	int err = op_revoke_decode(body, &op);

	for (unsigned s = 0; s <= SECTION_COUNT && err == 0; s++) {
		if (op.sections & (1u << s))
			err = revoke_section(r, &op, s);
	}
	return err;
}
