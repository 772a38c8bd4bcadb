/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contract_private.h - one run of the contract, shared by contract*.c.
 */
#ifndef ACL_CONTRACT_PRIVATE_H
#define ACL_CONTRACT_PRIVATE_H

#include "acl/rowread.h"

struct run {
	struct db_txn *txn;
	const struct tx_proposal *p;
	const struct hash *id;
	struct view annex;
	uint64_t now_ms;
	struct rwset_builder *out;
	uint16_t op;                 /* index of the operation that runs */
	struct identity_row creator; /* not filled for a registration */
	struct policy_row policy;
};

/* ctime of what this proposal writes */
uint64_t run_time_ns(const struct run *r);

/* policy_check for the creator, reads noted. */
int run_check(struct run *r, unsigned section, unsigned verbs) must_check;
/*
 * What is sealed must be sealed under the section's current epoch: the section's row is in the read set, so
 * that a revocation ordered first invalidates. Errors: CF_ECONFLICT (seal again), CF_EINVAL (window).
 */
int run_epoch(struct run *r, unsigned section, uint32_t epoch, uint32_t window) must_check;
/* CF_EDENIED where a change of what is committed needs the patient's co-signature and the creator is not the
 * patient. */
int run_amend(struct run *r, unsigned section) must_check;
/* Is the creator the owner, in custody the custodian? Else CF_EDENIED: "only the patient erases". */
int run_holder(struct run *r, const struct patient_row *row, const char *does) must_check;
/* The rule of a section: does a change need the co-signature? */
int run_rule(struct run *r, unsigned section, bool *ret_amend) must_check;
/* Writes the bytes that an encoder left in value (its result: encoded) and empties value. */
int run_put(struct run *r, struct statekey key, int encoded, struct buf *value) must_check;
int run_put_node(struct run *r, const struct node_id *n, const struct node_row *row) must_check;
/* Deletes the row when there is one. */
int run_delete_if_there(struct run *r, struct statekey key) must_check;
/* CF_EISDIR, CF_ENOTDIR, ... are the callers'; a node that is not there is CF_ENOTFOUND. */
int run_node(struct run *r, const struct node_id *n, struct node_row *ret_row) must_check;
/* Deletes a node with its content, attributes and the change that waits. */
int run_delete_node(struct run *r, const struct node_id *n, const struct node_row *row) must_check;
/* Notes that the directory is empty but for what this run deletes; CF_ENOTEMPTY. */
int run_empty_dir(struct run *r, const struct node_id *dir) must_check;

/* What a save and a proposal of one share (contract_file.c): the node to be saved, and the right to; is the
 * version that is to be replaced the one the writer saw; is the content well-formed and sealed now. */
int run_saved(struct run *r, struct view body, struct op_save *ret_op, struct node_row *ret_node) must_check;
int run_check_base(struct run *r, const struct statekey *key, struct version base) must_check;
/* ret_row is left as it is when bytes is empty. */
int run_check_content(struct run *r, const struct node_row *node, uint64_t size, struct view bytes,
		      struct content_row *ret_row) must_check;
/* Writes the row, or deletes the one there was (row NULL), and fills the node's content hash. */
int run_put_content(struct run *r, const struct node_id *n, const struct content_row *row,
		    struct node_row *node) must_check;
void run_set_attrs(struct node_row *node, const struct op_attrs *a, uint64_t ctime_ns);

/*
 * Approvals (contract_members.c): each is of somebody of the role who is active now and has signed the digest
 * (what: that "a manager does not approve ..."), and they are of more than half of the organizations: of all,
 * or, of governors, of those that have one who is not revoked. An organization has one voice, however many it
 * names, and who is suspended still counts, or one could make oneself the majority. CF_EDENIED.
 */
int run_majority(struct run *r, const struct op_approval *approval, unsigned count, enum role role,
		 const char *what, const struct hash *digest) must_check;

/* contract.c dispatches to these. */
int contract_register(struct run *r, struct view body) must_check;
int contract_admit(struct run *r, struct view body) must_check;
int contract_create(struct run *r, struct view body) must_check;
int contract_save(struct run *r, struct view body) must_check;
int contract_setattr(struct run *r, struct view body) must_check;
int contract_unlink(struct run *r, struct view body) must_check;
int contract_rmdir(struct run *r, struct view body) must_check;
int contract_rename(struct run *r, struct view body) must_check;
int contract_grant(struct run *r, struct view body) must_check;
int contract_revoke(struct run *r, struct view body) must_check;
int contract_lease(struct run *r, struct view body) must_check;
int contract_xattr(struct run *r, struct view body) must_check;
int contract_suspend(struct run *r, struct view body) must_check;
int contract_reinstate(struct run *r, struct view body) must_check;
int contract_crl(struct run *r, struct view body) must_check;
int contract_renew(struct run *r, struct view body) must_check;
int contract_members(struct run *r, struct view body) must_check;
int contract_deal(struct run *r, struct view body) must_check;
int contract_take(struct run *r, struct view body) must_check;
int contract_accuse(struct run *r, struct view body) must_check;
int contract_claim(struct run *r, struct view body) must_check;
int contract_erase(struct run *r, struct view body) must_check;
int contract_evidence(struct run *r, struct view body) must_check;
int contract_propose(struct run *r, struct view body) must_check;
int contract_approve(struct run *r, struct view body) must_check;
int contract_rule(struct run *r, struct view body) must_check;
int contract_replace(struct run *r, struct view body) must_check;

#endif
