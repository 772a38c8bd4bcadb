/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contract_replace.c - another owner for a chart whose owner has lost their keys: governors decide, the new
 * owner consents, and somebody who may read all of it hands the keys over. Were they wrong, the same owner
 * asks somebody else.
 */
#include "acl/contract_private.h"
#include "acl/replacement.h"
#include "acl/wrap.h"

static int check_signature(const uint8_t point[POINT_BYTES], const struct hash *digest,
			   const uint8_t sig[SIG_BYTES])
{
	struct crypto_key *key = NULL;
	int err = crypto_key_from_point(point, &key);

	if (err == 0)
		err = crypto_verify(key, digest, sig);
	crypto_key_free(key);
	return err;
}

static int check_owners(struct run *r, const struct op_replace *op, const struct patient_row *row,
			const struct hash *digest)
{
	struct identity_row owner;
	int err;

	if (row->status != PATIENT_OWNED)
		return err_set(CF_EDENIED, "a chart that nobody owns is claimed, not replaced");
	if (!identity_equal(&row->owner, &op->old))
		return err_set(CF_ECONFLICT, "the chart has another owner by now");
	err = row_identity(r->txn, r->out, &op->owner, &owner);
	if (err == CF_ENOTFOUND)
		return err_set(CF_ENOTFOUND, "who is to own the chart is not registered");
	if (err)
		return err;
	if (owner.status != IDENTITY_ACTIVE)
		return err_set(CF_EREVOKED, "identity %s is not active", owner.name);
	if (owner.role != ROLE_PATIENT)
		return err_set(CF_EDENIED, "a %s owns no chart", role_name(owner.role));
	err = check_signature(owner.sign_point, digest, op->consent);
	return err == CF_ESIG ? err_set(CF_EDENIED, "%s has not consented to this", owner.name) : err;
}

/* From which epoch on the creator was given a section's keys. */
static int given_from(struct run *r, unsigned section, uint32_t *ret_epoch)
{
	struct grant_row grant = {.from_epoch = 0};
	int err = row_grant(r->txn, r->out, &r->p->patient, section, &r->p->creator, &grant);

	if (err == 0 || err == CF_ENOTFOUND)
		*ret_epoch = grant.from_epoch;
	return err == CF_ENOTFOUND ? 0 : err;
}

/* Who hands the keys over has them, and hands over all of them: nobody else could bring what is left out. */
static int check_keys(struct run *r, const struct op_replace *op, unsigned section)
{
	struct section_row current;
	uint32_t from = 0, lowest;
	int err = run_check(r, section, VERB_READ);

	if (err == 0)
		err = row_section(r->txn, r->out, &r->p->patient, section, &current);
	if (err == 0)
		err = given_from(r, section, &from);
	if (err)
		return err;
	err = wrap_find(r->annex, &op->owner, (uint8_t)section, current.epoch, &lowest);
	if (err == 0 && lowest > from)
		err = CF_ENOTFOUND;
	return err == CF_ENOTFOUND
		       ? err_set(CF_EINVAL, "the annex does not wrap the keys of %s to the new owner",
				 section_name(section))
		       : err;
}

int contract_replace(struct run *r, struct view body)
{
	const struct statekey key = statekey_patient(&r->p->patient);
	struct patient_row row;
	struct version since;
	struct view bytes;
	struct op_replace op;
	struct hash digest;
	struct buf value;
	int err = op_replace_decode(body, &op);

	if (err == 0)
		err = row_patient(r->txn, r->out, &r->p->patient, &row);
	if (err == 0)
		err = row_read(r->txn, r->out, &key, &bytes, &since);
	if (err)
		return err;
	digest = replacement_digest(&r->p->patient, &op, since, &r->p->network);
	err = check_owners(r, &op, &row, &digest);
	/* keys that did not open, once more and by somebody else: that is the owner's to decide */
	if (err == 0 && !identity_equal(&op.old, &op.owner))
		err = run_majority(r, op.approval, op.approval_count, ROLE_GOVERNOR, "a patient's new key",
				   &digest);
	for (unsigned s = 0; s <= SECTION_COUNT && err == 0; s++)
		err = check_keys(r, &op, s);
	if (err)
		return err;
	row.owner = op.owner;
	buf_init(&value, 0);
	err = run_put(r, key, patient_row_encode(&row, &value), &value);
	buf_release(&value);
	return err;
}
