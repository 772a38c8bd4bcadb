/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.c - the one decision: may this identity do this to that section now?
 */
#include "acl/rowread.h"

#include <assert.h>

/* An identity that is no (longer a) valid one does nothing, whatever was granted to it. */
static int check_identity(struct db_txn *txn, const struct identity_id *who, uint64_t now_ms,
			  struct rwset_builder *out, struct identity_row *ret_row)
{
	int err = row_identity(txn, out, who, ret_row);

	if (err == CF_ENOTFOUND)
		return err_set(CF_EDENIED, "the identity is not registered");
	if (err)
		return err;
	if (ret_row->status != IDENTITY_ACTIVE)
		return err_set(CF_EREVOKED, "identity %s is %s", ret_row->name,
			       ret_row->status == IDENTITY_REVOKED ? "revoked" : "suspended");
	if (now_ms < ret_row->not_before_ms || now_ms > ret_row->not_after_ms)
		return err_set(CF_EEXPIRED, "the certificate of %s is not valid now", ret_row->name);
	return 0;
}

static int check_grant(struct db_txn *txn, const struct patient_id *patient, unsigned section,
		       const struct identity_id *who, const struct identity_row *identity, unsigned verb,
		       uint64_t now_ms, struct rwset_builder *out)
{
	struct grant_row grant;
	char words[64];
	int err;

	verbs_format(verb, words, sizeof(words));
	if ((role_verbs(identity->role) & verb) != verb)
		return err_set(CF_EDENIED, "a %s may not %s", role_name(identity->role), words);
	err = row_grant(txn, out, patient, section, who, &grant);
	if (err == CF_ENOTFOUND)
		return err_set(CF_EDENIED, "%s has no grant on %s", identity->name, section_name(section));
	if (err)
		return err;
	if ((grant.verbs & verb) != verb)
		return err_set(CF_EDENIED, "the grant of %s on %s does not say %s", identity->name,
			       section_name(section), words);
	if (grant.until_ms && now_ms > grant.until_ms)
		return err_set(CF_EDENIED, "the grant of %s on %s has ended", identity->name,
			       section_name(section));
	return 0;
}

int policy_check(struct db_txn *txn, const struct patient_id *patient, unsigned section,
		 const struct identity_id *who, unsigned verb, uint64_t now_ms, struct rwset_builder *out)
{
	struct identity_row identity;
	struct patient_row row;
	int err;

	assert(txn && patient && who && verb);
	if (section > SECTION_COUNT)
		return err_set(CF_EDENIED, "there is no section %u", section);
	err = check_identity(txn, who, now_ms, out, &identity);
	if (err)
		return err;
	err = row_patient(txn, out, patient, &row);
	if (err == CF_ENOTFOUND)
		return err_set(CF_EDENIED, "there is no such patient");
	if (err)
		return err;
	if (row.status == PATIENT_ERASED)
		return err_set(CF_ENOKEY, "the patient was erased");
	if (row.status == PATIENT_OWNED && identity_equal(who, &row.owner))
		return 0;
	if (row.status == PATIENT_CUSTODY && identity_equal(who, &row.custodian))
		return 0;
	/* the staff that admitted a patient grants on for as long as there is nobody else to do it */
	if ((verb & VERB_GRANT) && row.status != PATIENT_CUSTODY)
		return err_set(CF_EDENIED, "only the patient grants");
	return check_grant(txn, patient, section, who, &identity, verb, now_ms, out);
}
