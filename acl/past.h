/* SPDX-License-Identifier: Apache-2.0 */
/*
 * past.h - certified blocks from before the state that a ledger began with (acl/snapshot.h).
 *
 * Each proves itself: its certificate is of the set of its epoch, which follows from the genesis by the
 * succession that came with the state; header, verdicts, transactions and annexes hang on its hash. So they
 * may come from anybody, one by one and in any order. One thread.
 */
#ifndef ACL_PAST_H
#define ACL_PAST_H

#include "ledger/block.h"
#include "ledger/chain.h"

struct past;

int past_new(struct view genesis, struct view succession, struct past **ret_p) must_check;
void past_free(struct past *p); /* accepts NULL */

/* A block as it comes from a peer: wire body, verdicts, certificate. */
struct past_block {
	struct view body;
	struct view verdicts;
	const struct certificate *certificate;
};

/*
 * Is it the certified block of this height? Its body decoded, released by the caller. Errors: CF_EDECODE,
 * CF_EINVAL, CF_EFOREIGN, CF_ESIG, CF_ECORRUPT: it is not, err_detail says why; CF_ENOMEM.
 */
int past_check(struct past *p, uint64_t height, const struct past_block *b,
	       struct block_body *ret_body) must_check;

/* The transaction of this id in a checked body, and its annex; views into the body. CF_ENOTFOUND: it is not
 * there, or was not valid. */
int past_annex(const struct block_body *body, struct view verdicts, const struct hash *id,
	       struct view *ret_annex) must_check;

/*
 * Fills it in where it comes next, and after block 1 what the genesis says. Errors: of past_check; CF_EFULL,
 * CF_EIO, CF_ECORRUPT of the own stores set *ret_own. After one the filling can only be discarded.
 */
int past_fill(struct past *p, struct chain_fill *f, const struct past_block *b, bool *ret_own) must_check;

/* What of a checked block's valid transactions wraps keys: annexes and derived rows, written with a
 * writer's transaction. */
int past_keys(struct past *p, const struct block_body *body, struct view verdicts,
	      struct db_txn *txn) must_check;

#endif
