/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block.h - the block (the paper's Fig. 2): header, ordered transactions, verdicts, roots.
 *
 * The header's SHA-256 is the block's hash and what COMMIT votes sign. A body on the wire carries the block
 * and the annexes of its transactions; a block in a segment file carries no annex. FORMAT.md section 4.
 */
#ifndef LEDGER_BLOCK_H
#define LEDGER_BLOCK_H

#include "ledger/tx.h"

#define BLOCK_VERSION 1
#define BLOCK_TXS_MAX 4096
#define BLOCK_BYTES_MAX ((size_t)32 << 20) /* of a block, and of a wire body with its annexes */
#define BLOCK_HEADER_BYTES 320

/* What a transaction of an ordered block came to. Kept in the block index, bound by the verdict root. */
#define VERDICT_LIST(X)                                                \
	X(VERDICT_VALID, 0, "VALID")                                   \
	X(VERDICT_MVCC_CONFLICT, 1, "MVCC_CONFLICT")                   \
	X(VERDICT_PHANTOM, 2, "PHANTOM_CONFLICT")                      \
	X(VERDICT_ENDORSEMENT_POLICY, 3, "ENDORSEMENT_POLICY_FAILURE") \
	X(VERDICT_DUPLICATE, 4, "DUPLICATE_TXID")                      \
	X(VERDICT_NOT_PERMITTED, 5, "NOT_PERMITTED")                   \
	X(VERDICT_RECEIPTS, 6, "BLOB_RECEIPTS_MISSING")                \
	X(VERDICT_BAD_RWSET, 7, "BAD_RWSET")                           \
	X(VERDICT_IDENTITY, 8, "IDENTITY_NOT_VALID")                   \
	X(VERDICT_EXPIRED, 9, "EXPIRED")                               \
	X(VERDICT_TIME, 10, "TIMESTAMP_OUTSIDE_WINDOW")                \
	X(VERDICT_CONTRACT, 11, "CONTRACT_NOT_RUNNING")

enum verdict {
#define X(name, value, text) name = value,
	VERDICT_LIST(X)
#undef X
};

const char *verdict_name(enum verdict v);

struct block_header {
	struct hash network;
	uint64_t height;
	struct hash prev;
	uint64_t size_bytes; /* of the encoded transactions: block_size_bytes() */
	struct hash tx_root; /* Merkle over transaction ids */
	uint32_t tx_count;
	uint64_t time_ms;
	struct hash body_root;    /* Merkle over full transaction bytes */
	struct hash state_root;   /* after this block */
	struct hash verdict_root; /* Merkle over (id, verdict) */
	struct hash members;      /* members_hash of the set that decides this block */
	struct hash next_members; /* of the set that decides the next */
	uint64_t epoch;
	uint64_t proposer_view; /* of the original proposer only: a re-proposal keeps its hash */
	uint8_t proposer;
};

/* The header has no lists: always BLOCK_HEADER_BYTES. Encode: CF_EINVAL for a height of 0 or a count, size or
 * proposer over its maximum. */
int block_header_encode(const struct block_header *h, struct buf *out) must_check;
int block_header_decode(struct view bytes, struct block_header *ret_h) must_check;
struct hash block_hash(struct view header_bytes);

/* Decoded block: views into the bytes. */
struct block {
	struct view bytes;
	struct view header_bytes;
	struct block_header header;
	struct hash hash;
	uint32_t tx_count;
	struct view *tx; /* encoded transactions; array owned by the block */
};

/* The lengths of all, without what the block puts between them. */
uint64_t block_size_bytes(const struct view *txs, uint32_t count);

/* Errors: CF_EINVAL (count or size is not the header's), CF_ETOOBIG, CF_ENOMEM. */
int block_encode(struct view header_bytes, const struct view *txs, uint32_t count,
		 struct buf *out) must_check;
/*
 * Checks size, count and body root against the header; the other roots need the transactions decoded and are
 * the caller's. Errors: CF_EDECODE (count, too), CF_ECORRUPT (size, body root), CF_ENOMEM.
 */
int block_decode(struct view bytes, struct block *ret_b) must_check;
void block_release(struct block *b);

/* Wire body: the block and one annex a transaction (an empty view: none). */
struct block_body {
	struct block block;
	struct view *annex; /* tx_count views; array owned by the body */
};

int block_body_encode(struct view block_bytes, const struct view *annexes, uint32_t count,
		      struct buf *out) must_check;
int block_body_decode(struct view bytes, struct block_body *ret_b) must_check;
void block_body_release(struct block_body *b);

/* Roots over lists. ids, verdicts and txs have count items. Errors: CF_ENOMEM. */
int block_tx_root(const struct hash *ids, uint32_t count, struct hash *ret_root) must_check;
int block_body_root(const struct view *txs, uint32_t count, struct hash *ret_root) must_check;
int block_verdict_root(const struct hash *ids, const uint8_t *verdicts, uint32_t count,
		       struct hash *ret_root) must_check;
struct hash block_verdict_leaf(const struct hash *id, uint8_t verdict);

#endif
