/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contract.h - the contract "emr": runs a proposal's operations against a state and collects the read-write
 * set.
 *
 * Run by endorsers on their committed state. What is written follows from the proposal and from what is in
 * the read set, and from nothing else: two endorsers that read the same write the same, and who differs lies
 * (ledger/evidence.h). The clock only refuses. All or nothing: the first operation that fails fails the
 * proposal. Reads through GetState, writes through PutState of the
 * paper's section 4.2 (rwset_builder). Only directory entries, nodes, directory rights and grants, patients,
 * sections and identities enter the read set; derived rows never do.
 */
#ifndef ACL_CONTRACT_H
#define ACL_CONTRACT_H

#include "acl/op.h"
#include "ledger/db.h"
#include "ledger/state.h"

#define CONTRACT_NAME "emr"
#define CONTRACT_VERSION 1
#define CONTRACT_WINDOW_MS ((uint64_t)90 * 24 * 3600 * 1000) /* a key window: time_ms / this */

#define CONTRACT_POLICY 1 /* the one endorsement policy there is: proposal.policy */

uint32_t contract_window(uint64_t time_ms);

/*
 * Fills type, patient_key and doctor_key of a proposal as the contract demands them (staff may leave
 * doctor_key zero where its type does not demand it); ops, creator, creator_key and patient are set. Errors:
 * CF_ENOTFOUND (creator or patient unknown), CF_EINVAL (an operation does not decode).
 */
int contract_fill(struct db_txn *txn, struct tx_proposal *p) must_check;

/*
 * Errors (err_detail says which operation and why): CF_EDENIED (no grant, wrong role), CF_ECONFLICT (base
 * version is not the current one), CF_ENOTFOUND, CF_EEXIST, CF_ENOTEMPTY, CF_ENOTDIR, CF_EISDIR, CF_EXDEV,
 * CF_EINVAL, CF_ETOOBIG, CF_EEXPIRED, CF_EREVOKED, CF_EFOREIGN (certificate chain), CF_ENOMEM, CF_EIO,
 * CF_ECORRUPT.
 */
int contract_run(struct db_txn *txn, const struct tx_proposal *p, const struct hash *id, struct view annex,
		 uint64_t now_ms, struct rwset_builder *out) must_check;

/* May this identity use the keys of a section now, as a lease says? The contract asks, and each peer again
 * before it answers. As policy_check. */
int policy_check_lease(struct db_txn *txn, const struct patient_id *patient, const struct op_lease *op,
		       const struct identity_id *who, uint64_t now_ms, struct rwset_builder *out) must_check;

/*
 * May this identity do verb on section of patient now? The one decision used by the contract, the mount and
 * access(2). 0 or CF_EDENIED, CF_EREVOKED (also suspended) or CF_EEXPIRED with the reason in err_detail.
 * Grant rows read are added to out when it is not NULL.
 */
int policy_check(struct db_txn *txn, const struct patient_id *patient, unsigned section,
		 const struct identity_id *who, unsigned verb, uint64_t now_ms,
		 struct rwset_builder *out) must_check;

/* Rows of the state, decoded; views live as long as txn. CF_ENOTFOUND, CF_ECORRUPT. */
int state_identity(struct db_txn *txn, const struct identity_id *id, struct identity_row *ret_row) must_check;
int state_policy(struct db_txn *txn, struct policy_row *ret_row) must_check;
int state_members(struct db_txn *txn, struct members *ret_members) must_check;
/* Bits of the members whose identity is REVOKED: they still vote until they are removed, but what they
 * endorse, receipt or answer counts for nothing. */
int state_members_revoked(struct db_txn *txn, const struct members *m, uint32_t *ret_mask) must_check;
int state_org(struct db_txn *txn, uint16_t number, struct org_row *ret_row) must_check;
int state_patient(struct db_txn *txn, const struct patient_id *p, struct patient_row *ret_row) must_check;
int state_section(struct db_txn *txn, const struct patient_id *p, unsigned section,
		  struct section_row *ret_row) must_check;
int state_grant(struct db_txn *txn, const struct patient_id *p, unsigned section,
		const struct identity_id *to, struct grant_row *ret_row) must_check;
/* Also fills row->content with the version of the content row, when there is one. */
int state_node(struct db_txn *txn, const struct patient_id *p, const struct node_id *n,
	       struct node_row *ret_row, struct version *ret_version) must_check;
int state_content(struct db_txn *txn, const struct patient_id *p, const struct node_id *n,
		  struct content_row *ret_row, struct version *ret_version) must_check;
int state_entry(struct db_txn *txn, const struct patient_id *p, const struct node_id *dir,
		const struct name_token *t, struct entry_row *ret_row,
		struct version *ret_version) must_check;

#endif
