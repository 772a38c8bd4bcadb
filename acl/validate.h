/* SPDX-License-Identifier: Apache-2.0 */
/*
 * validate.h - what makes a transaction unacceptable, and the verdict on one that was ordered.
 *
 * A pure function of state, block and bytes: no clock, no certificate parsing (CORRECTNESS section 2, V1).
 * Static failures (malformed, wrong signature, unknown creator, expired, in the ledger already) make a whole
 * proposal unacceptable, else a faulty leader could fill the ledger with garbage (V7); what only the order
 * decides becomes a verdict and stays in the block.
 */
#ifndef ACL_VALIDATE_H
#define ACL_VALIDATE_H

#include "acl/contract.h"
#include "ledger/block.h"

struct validator;

int validate_new(const struct hash *network, struct validator **ret_v) must_check;
void validate_free(struct validator *v); /* accepts NULL */

/* An error that is about the transaction, not about this machine (V8). */
bool validate_is_refusal(int err);

/*
 * A proposal before it is endorsed: decoding, network, operations, type table, size, creator known, its
 * signature, annex, lifetime when it is to be in the block at `height`, not in the ledger yet. Any thread
 * with its own txn. Errors: CF_EDECODE, CF_ETOOBIG, CF_EINVAL, CF_EFOREIGN (unknown creator), CF_ESIG,
 * CF_EEXPIRED, CF_EEXIST; CF_ENOMEM, CF_EIO, CF_ECORRUPT.
 */
int validate_proposal(struct validator *v, struct db_txn *txn, struct view proposal_bytes,
		      const struct sigpath *signature, struct view annex, uint64_t height,
		      struct tx_proposal *ret_p, struct hash *ret_id) must_check;

/*
 * The same for a transaction, and that its read-write set decodes. ret_rwset is released by the caller. The
 * creator of a registration is not in the state yet: its key is that of the identity row it writes.
 * annex_kept false: the annex may be missing (a block that was ordered long ago).
 */
int validate_static(struct validator *v, struct db_txn *txn, struct view tx_bytes, struct view annex,
		    bool annex_kept, uint64_t height, struct tx *ret_tx, struct rwset *ret_rwset) must_check;

/*
 * Enough endorsements and receipts, as the policy wants them? They are not under the creator's signature: a
 * transaction that lacks them may be a copy of a good one, and must not take its id into the ledger.
 * CF_EDENIED.
 */
int validate_signers(struct validator *v, struct db_txn *txn, const struct tx *tx) must_check;

/* An endorsement that this process made: it is not verified again. */
void validate_endorsed(struct validator *v, const struct hash *digest, const struct sigpath *s,
		       const uint8_t point[POINT_BYTES]);

/* The part of it that a follower of certified blocks still does: decoding and the annex's hash. */
int validate_decode(struct validator *v, struct view tx_bytes, struct view annex, struct tx *ret_tx,
		    struct rwset *ret_rwset) must_check;

/*
 * The verdict on a statically good transaction at its place in the block: txn shows the state with all valid
 * ones before it. Checked in this order: contract, identity, role, time, read-write set's namespace and rows,
 * endorsement policy, receipts, versions read, prefixes empty. Errors: CF_ENOMEM, CF_EIO, CF_ECORRUPT.
 */
int validate_verdict(struct validator *v, struct db_txn *txn, const struct tx *tx, const struct rwset *rwset,
		     uint64_t block_time_ms, enum verdict *ret_verdict) must_check;

/* Does every write lie where the proposal may write, and is every row one of its kind? (validate_rwset.c) */
bool validate_writes(const struct tx_proposal *p, const struct rwset *rwset);
/* VERDICT_VALID, VERDICT_MVCC_CONFLICT or VERDICT_PHANTOM. */
int validate_reads(struct db_txn *txn, const struct rwset *rwset, enum verdict *ret_verdict) must_check;

#endif
