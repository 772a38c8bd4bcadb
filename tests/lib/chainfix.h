/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chainfix.h - a small network for tests: members with keys, a creator, signed transactions, certified
 * blocks.
 *
 * Keys come from fixed numbers, so every run has the same identities. Functions return a cf_err and assert
 * nothing of their own, so that a forked child can use them, too.
 */
#ifndef TESTS_LIB_CHAINFIX_H
#define TESTS_LIB_CHAINFIX_H

#include "ledger/chain.h"

#define CHAINFIX_GENESIS "chartfs test genesis"

struct chainfix {
	struct hash network;
	struct members members;
	struct crypto_key *sign[MEMBERS_MAX];    /* private; the points stand in members */
	struct crypto_key *endorse[MEMBERS_MAX]; /* private */
	struct crypto_key *creator;              /* signs the transactions */
	struct hash creator_key;                 /* its fingerprint */
	struct patient_id patient;
	struct hash patient_key;
	struct hash doctor_key;
	uint64_t nonce; /* of the last transaction */
};

int chainfix_init(struct chainfix *f, unsigned member_count) must_check;
void chainfix_release(struct chainfix *f);

/* Opens or makes the ledger of the fixture's network; a new one gets a genesis with one row, key 0x01
 * "genesis". */
int chainfix_open(const struct chainfix *f, const char *dir, unsigned flags,
		  struct chain **ret_chain) must_check;

/* A transaction of type medical that writes these rows (no reads), endorsed by a quorum; a fresh nonce each.
 */
int chainfix_tx(struct chainfix *f, const struct rw_write *writes, size_t count, struct view annex,
		struct buf *out) must_check;

/* A certificate over this block by the first quorum of members. */
int chainfix_certify(const struct chainfix *f, const struct block *block,
		     struct certificate *ret_cert) must_check;

/*
 * Stages the transactions with their verdicts (NULL: all valid) and annexes (NULL: none) as the next block,
 * makes its header and certificate, commits. ret_block (may be NULL) gets the block's bytes.
 */
int chainfix_commit(const struct chainfix *f, struct chain *chain, const struct view *txs,
		    const uint8_t *verdicts, const struct view *annexes, uint32_t count,
		    struct buf *ret_block) must_check;

/* A block of one valid transaction that writes one row. */
int chainfix_commit_row(struct chainfix *f, struct chain *chain, struct view key,
			struct view value) must_check;

#endif
