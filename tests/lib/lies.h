/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lies.h - evidence made with the keys of a member that lies, for tests. Each call lies anew: other digests.
 */
#ifndef TESTS_LIB_LIES_H
#define TESTS_LIB_LIES_H

#include "ledger/evidence.h"

struct liar {
	struct hash network;
	uint8_t member;
	uint64_t epoch;
	const struct crypto_key *sign;
	const struct crypto_key *endorse;
};

/* Appends the canonical bytes. kind: EVIDENCE_PRE_PREPARE, EVIDENCE_PREPARE or EVIDENCE_COMMIT. */
int lie_votes(const struct liar *l, enum evidence_kind kind, uint64_t height, uint64_t view,
	      struct buf *out) must_check;
/* kind: EVIDENCE_VIEW_CHANGE or EVIDENCE_NEW_VIEW. What follows their heads is of no message's form. */
int lie_messages(const struct liar *l, enum evidence_kind kind, uint64_t view, struct buf *out) must_check;
/* A head of a message, `filler`, and the signature. */
int lie_message(const struct liar *l, enum evidence_kind kind, uint64_t view, uint64_t filler,
		struct buf *out) must_check;
/* A small read-write set: one key read at this version, one key written with this value. */
int lie_rwset(uint64_t version, const char *value, struct buf *out) must_check;
/* Signs the endorsement. */
int lie_endorse(const struct liar *l, const struct hash *tx, struct view rwset,
		struct sigpath *ret_path) must_check;
int lie_endorsed_twice(const struct liar *l, const struct hash *tx, struct buf *out) must_check;
/* Witnesses: members, ascending. */
int lie_endorsed_wrong(const struct liar *l, const struct liar *witness, unsigned count,
		       const struct hash *tx, struct buf *out) must_check;

#endif
