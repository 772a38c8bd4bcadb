/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply.h - one ordered batch becomes one block, the same on every peer: verdicts, state, derived rows,
 * roots.
 *
 * The one place where blocks are built, checked and applied; used by the leader (build), the backups
 * (check), catch-up and mounts (commit of a certified body), and by `chartfs verify`. Single-threaded: one
 * struct apply per chain, on the chain's writer thread. What was built or checked stays staged, so that its
 * commit costs no second execution.
 */
#ifndef ACL_APPLY_H
#define ACL_APPLY_H

#include "acl/contract.h"
#include "ledger/block.h"
#include "ledger/chain.h"

struct apply;

/* What a block changed, for followers: called in apply_commit after the commit, in order. */
struct apply_observer {
	void *ctx;
	/* A transaction and its verdict. tx is valid during the call; rwset is NULL unless valid. */
	void (*on_tx)(void *ctx, uint64_t height, uint32_t index, const struct tx *tx, uint8_t verdict,
		      const struct rwset *rwset);
	void (*on_block)(void *ctx, const struct block *block);
};

/* The chain is borrowed and must have its genesis state. trusted: verdicts and signatures inside certified
 * blocks are not verified again (a mount); roots still are. */
int apply_new(struct chain *c, bool trusted, const struct apply_observer *observer,
	      struct apply **ret_a) must_check;
void apply_free(struct apply *a); /* accepts NULL */

/*
 * Checks a transaction by itself, as a peer does before it pools it: decoding, type table, creator's
 * signature (cached), identity active, limits, annex hash, not committed yet, not expired. Any thread with
 * its own txn. Errors: CF_EDECODE, CF_ESIG, CF_EFOREIGN, CF_EREVOKED, CF_EEXPIRED, CF_EEXIST (committed
 * already), CF_ETOOBIG, CF_EINVAL. *ret_tx is filled also when it is refused, if it decodes.
 */
int apply_precheck(struct apply *a, struct db_txn *txn, struct view tx_bytes, struct view annex,
		   uint64_t now_ms, struct tx *ret_tx) must_check;

/* The same for a proposal that is to be endorsed; errors as validate_proposal (acl/validate.h). Any thread.
 */
int apply_check_proposal(struct apply *a, struct db_txn *txn, struct view proposal_bytes,
			 const struct sigpath *signature, struct view annex, struct tx_proposal *ret_p,
			 struct hash *ret_id) must_check;

/* Remembers an endorsement that this peer made, over digest, with the key of this point. Any thread. */
void apply_endorsed(struct apply *a, const struct hash *digest, const struct sigpath *s,
		    const uint8_t point[POINT_BYTES]);

struct apply_request {
	struct view tx;
	struct view annex;
};

/*
 * The leader: drops requests that fail static checks, stages the rest in order, makes header and body.
 * ret_ids gets the ids inside (caller frees with mem_free). With no request left and !heartbeat:
 * CF_ENOTFOUND.
 */
int apply_build(struct apply *a, const struct apply_request *requests, size_t count, bool heartbeat,
		uint64_t now_ms, uint64_t view, uint8_t proposer, struct buf *ret_body, struct hash *ret_hash,
		struct hash **ret_ids, uint32_t *ret_id_count) must_check;

/*
 * A backup: everything recomputed and compared; fresh also checks the block's time against now_ms. What
 * differs is in err_detail. Errors: CF_EDECODE, CF_EINVAL (refuse the proposal); CF_ENOMEM, CF_EIO,
 * CF_ECORRUPT (own trouble: stop, never call it invalid).
 */
int apply_check(struct apply *a, struct view body, bool fresh, uint64_t now_ms,
		struct hash *ret_hash) must_check;

/*
 * The verdicts of the block that was built or checked last, one byte each, appended. CF_ENOTFOUND: it was
 * another one; CF_ENOMEM.
 */
int apply_staged_verdicts(const struct apply *a, const struct hash *block, struct buf *out) must_check;

/*
 * Commits a certified body (certificate verified by the caller or verified here: verify true). Uses the stage
 * when it is of this block, else checks first. ids as in apply_build, may be NULL. verdicts: for a trusted
 * apply, and inside a group, those sent with the block, bound by the verdict root; ignored else.
 * Errors as apply_check, CF_ESIG, CF_EFULL; CF_EXDEV never. CF_ECORRUPT when own roots differ from certified
 * ones.
 */
int apply_commit(struct apply *a, struct view body, const struct certificate *certificate, bool verify,
		 struct view verdicts, struct hash **ret_ids, uint32_t *ret_id_count) must_check;

/*
 * Between these, apply_commit makes nothing durable or visible (ledger/chain.h, a group), and takes the
 * verdicts that came with a block as a trusted apply does: for certified blocks of the past, whose signatures
 * a quorum has verified. All roots are compared. A failed apply_commit has taken back all since
 * apply_group_begin; end the group with keep false then. With keep: errors as apply_commit's; nothing of the
 * group is kept then.
 */
void apply_group_begin(struct apply *a);
int apply_group_end(struct apply *a, bool keep) must_check;

/* Forgets what is staged. */
void apply_discard(struct apply *a);

/* The set that decides the next block. Borrowed until the next commit; writer's thread. */
const struct members *apply_members(const struct apply *a);
/* Bits of those of them that are revoked (state_members_revoked). */
uint32_t apply_members_revoked(const struct apply *a);
const struct member_keys *apply_member_keys(const struct apply *a);

/*
 * Derived rows (DB_DERIVED), kept while blocks are applied and never part of a read set.
 */
struct derived_dir {
	uint64_t entries;
	uint64_t subdirs;
	uint64_t mtime_ns; /* of the last change of an entry: the transaction's time */
};
int derived_dir(struct db_txn *txn, const struct patient_id *p, const struct node_id *dir,
		struct derived_dir *ret) must_check;
struct derived_patient {
	uint64_t records;
	uint64_t attachments;
	uint64_t directories;
};
int derived_patient(struct db_txn *txn, const struct patient_id *p, struct derived_patient *ret) must_check;
/* Patients an identity may know of: owner, custodian, or a grant on section 0 not revoked. */
int derived_patients_of(struct db_txn *txn, const struct identity_id *who,
			int (*on_patient)(void *ctx, const struct patient_id *p), void *ctx) must_check;

#endif
