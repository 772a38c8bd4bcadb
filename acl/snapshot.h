/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot.h - the state after a certified block, handed over in pieces and checked against that block alone.
 *
 * Three kinds of pieces, all asked for by the height h of the block; net/PROTOCOL.md, "A snapshot":
 *   offer   the block, its certificate, and how its members follow from the genesis: whose word h is
 *   rows    of the state, ascending by key, from behind a key on: together they must give h's state root
 *   briefs  of the blocks h - W + 1 to h: header, certificate, verdicts and ids of the transactions, so that
 *           none of these is taken a second time. W is the policy's valid_blocks_max: what is older cannot
 *           come again. They lead, hash by hash, to h.
 * Whoever has the genesis file needs to trust nobody for this. Pieces are encoded from a read transaction at
 * h by snapshot_make, taken apart and put into a ledger that begins with a state (ledger/chain.h) by
 * snapshot_take. Pure but for the stores.
 */
#ifndef ACL_SNAPSHOT_H
#define ACL_SNAPSHOT_H

#include "acl/past.h"
#include "ledger/chain.h"

#define SNAPSHOT_PAGE_BYTES ((size_t)1 << 20) /* of rows and briefs; one more item may go over it */

/*
 * The last two parts are hints where in the past something is, asked for with height 0: nobody need believe
 * them, as blocks prove themselves (acl/past.h).
 */
enum snapshot_part {
	SNAPSHOT_OFFER = 1,
	SNAPSHOT_ROWS = 2,
	SNAPSHOT_BRIEFS = 3,
	SNAPSHOT_KEYS = 4, /* which blocks wrap keys to the asker */
	SNAPSHOT_PLACE = 5 /* which block has a transaction */
};

#define SNAPSHOT_AFTER_BYTES_MAX 255
#define SNAPSHOT_HEIGHTS_MAX 4096 /* of one answer */

/* What is asked for. u8 part, u64 height, then: rows and keys short after; briefs u64 from; place [32]. */
struct snapshot_ask {
	enum snapshot_part part;
	uint64_t height; /* offer: wanted only when the block is at that height or above */
	struct view
		after;  /* rows: behind this key; keys: what the last answer said; empty: from the first on */
	uint64_t from;  /* briefs: the first */
	struct hash tx; /* place */
};

int snapshot_ask_encode(const struct snapshot_ask *a, struct buf *out) must_check;
int snapshot_ask_decode(struct view bytes, struct snapshot_ask *ret_a) must_check;

/* The pieces. u8 part, u64 height, then what follows in each. */
struct snapshot_offer {
	uint64_t height;
	uint64_t rows; /* of the state */
	struct certificate certificate;
	struct view block;
	struct view succession; /* acl/succession.h */
};

/* bool last, count32 {short key, u64 height, u32 index, bytes value}; ascending, none only in the last. */
struct snapshot_rows {
	uint64_t height;
	bool last;
	uint32_t count;
	struct view items; /* snapshot_rows_next takes them apart */
};

/* u64 from, count16 {header [320], certificate, ids and verdicts}; the first is of the block `from`. */
struct snapshot_briefs {
	uint64_t height;
	uint64_t from;
	uint32_t count;
	struct view items;
};

/* bool last, short after, count16 {u64 height} */
struct snapshot_keys {
	bool last;
	struct view after; /* to ask on with */
	uint32_t count;
	struct view items; /* snapshot_height_next takes them apart */
};

/* u64 height */
struct snapshot_place {
	uint64_t height;
};

struct snapshot_brief {
	struct view header_bytes;
	struct block_header header;
	struct certificate certificate;
	struct view ids;      /* header.tx_count times [32] */
	struct view verdicts; /* as many bytes */
};

/* All check what they can without knowing the rest: encoding, order, counts. CF_EDECODE. */
int snapshot_offer_encode(const struct snapshot_offer *o, struct buf *out) must_check;
int snapshot_offer_decode(struct view bytes, struct snapshot_offer *ret_o) must_check;
int snapshot_rows_decode(struct view bytes, struct snapshot_rows *ret_r) must_check;
int snapshot_briefs_decode(struct view bytes, struct snapshot_briefs *ret_b) must_check;
int snapshot_keys_decode(struct view bytes, struct snapshot_keys *ret_k) must_check;
int snapshot_place_decode(struct view bytes, struct snapshot_place *ret_p) must_check;
uint64_t snapshot_height_next(struct view *items);
/* Of what was decoded before: the next of the items, which are shortened by it. */
struct state_item snapshot_rows_next(struct view *items);
void snapshot_briefs_next(struct view *items, struct snapshot_brief *ret_b);
void snapshot_row_encode(const struct state_item *row, struct enc *e);
void snapshot_brief_encode(const struct snapshot_brief *b, struct enc *e);

/*
 * Making. txn is a reader's whose head is at the height asked for; appended to out. Errors: CF_ENOTFOUND (the
 * ledger does not have the blocks that are needed, or txn is at another height), CF_EINVAL (the ask makes no
 * sense), CF_ECORRUPT, CF_EIO.
 */
int snapshot_make(struct chain *c, struct db_txn *txn, const struct snapshot_ask *ask,
		  struct buf *out) must_check;
/* A hint, for which any head will do. who: the asker. CF_ENOTFOUND: no such transaction. */
int snapshot_hint(struct chain *c, struct db_txn *txn, const struct identity_id *who,
		  const struct snapshot_ask *ask, struct buf *out) must_check;

/*
 * Taking. A wrong piece ends it: CF_ESIG, CF_EFOREIGN, CF_EINVAL, CF_EDECODE, CF_ECORRUPT and what is wrong
 * in err_detail; others are own trouble. What was made so far is of no use then: free it and remove the
 * directory.
 */
struct snapshot_take;
/* What a piece says wrongly, not what goes wrong here. */
bool snapshot_is_lie(int err);

/* genesis: the bytes of the file. dir: where the ledger is made. past: it shall be filled afterwards
 * (ledger/chain.h), and meanwhile show everything that is of now. on_certificate (may be NULL) sees those of
 * all blocks that the snapshot spans W of; whether it is of that block is checked, its votes are not. */
int snapshot_take_new(const char *dir, struct view genesis, struct view offer, bool past,
		      void (*on_certificate)(void *ctx, const struct certificate *c), void *ctx,
		      struct snapshot_take **ret_t) must_check;
void snapshot_take_free(struct snapshot_take *t); /* accepts NULL */
/* What to ask for next; false when there is nothing left to ask for. Its views live until the next piece. */
bool snapshot_take_next(const struct snapshot_take *t, struct snapshot_ask *ret_ask);
/* The answer to that. No transaction stays open, but after an error: free it on the same thread then. */
int snapshot_take_piece(struct snapshot_take *t, struct view piece) must_check;
/* With a past: what checks old blocks, and, once nothing is left to ask for, a checked one (past_check) that
 * wraps keys to whoever will use the ledger. Own trouble alone. */
struct past *snapshot_take_past(struct snapshot_take *t);
int snapshot_take_keys(struct snapshot_take *t, const struct block_body *body,
		       struct view verdicts) must_check;
/* Nothing is left to ask for: the ledger is complete, synced and closed. Frees t on success. */
int snapshot_take_end(struct snapshot_take *t) must_check;
uint64_t snapshot_take_height(const struct snapshot_take *t);
uint64_t snapshot_take_rows(const struct snapshot_take *t); /* so far */
/* The set that decides the block after it. Valid once all rows are there. */
const struct members *snapshot_take_members(const struct snapshot_take *t);

#endif
