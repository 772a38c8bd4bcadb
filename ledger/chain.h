/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain.h - the ledger of one peer or mount: block store, index, state, history, annexes.
 *
 * Stores and never judges: acl/apply gives the verdicts and the derived rows. One LMDB transaction a block,
 * so that the stores cannot disagree after a crash. One writer thread stages and commits; readers open
 * their own transactions with chain_read_begin from any thread.
 *
 * A directory holds: genesis (the file's bytes), blocks/ (segments), db/ (LMDB), lock (one writing process at
 * a time) and, under CHAIN_NOSYNC, boot: the system's boot id and whether the stores were synced and closed.
 * A CHAIN_NOSYNC ledger that was not closed before the system went down cannot be trusted: chain_open removes
 * its contents, and they are fetched again. After the mere death of a process it is whole.
 */
#ifndef LEDGER_CHAIN_H
#define LEDGER_CHAIN_H

#include "ledger/block.h"
#include "ledger/history.h"
#include "ledger/state.h"

struct chain;

/* The network id and hash of block 0: SHA-256 of "chartfs genesis v1", a NUL and the bytes of the genesis
 * file. */
struct hash chain_genesis_hash(struct view genesis);

struct chain_head {
	uint64_t height; /* 0: genesis only */
	struct hash hash;
	struct hash state_root;
	uint64_t time_ms;
};

#define CHAIN_NOSYNC DB_NOSYNC
#define CHAIN_RDONLY DB_RDONLY

/*
 * Opens or creates. `genesis` are the bytes of the genesis file. A block that was appended but not indexed is
 * cut off. The genesis state is written by the caller through stage and commit at height 0 when
 * chain_head().height is 0 and chain_is_new(). Errors: CF_EFOREIGN (the directory is another genesis'),
 * CF_EBUSY (another process has it), CF_ENOTFOUND (CHAIN_RDONLY and nothing there), CF_ECORRUPT, CF_EIO.
 */
int chain_open(const char *dir, struct view genesis, unsigned flags, struct chain **ret_chain) must_check;
void chain_close(struct chain *c); /* accepts NULL */
bool chain_is_new(const struct chain *c);
/* The lowest height whose block it has: 1, or, where it began with a state (chain_import_begin), the one
 * after that state's, until it was filled (chain_fill_begin). Any thread. */
uint64_t chain_first(const struct chain *c);
/* The lowest height at which history is complete: 0, or that of the state it began with, until it has all
 * blocks. Any thread. */
uint64_t chain_past(const struct chain *c);
/* 0 when history is complete from this height on (0: all of it); CF_EAGAIN, with what is missing. */
int chain_past_check(const struct chain *c, uint64_t height) must_check;
const struct hash *chain_network(const struct chain *c);
/* Appends the bytes of the genesis file. CF_ECORRUPT: no longer those it was opened with. */
int chain_genesis(const struct chain *c, struct buf *out) must_check;
void chain_head(struct chain *c, struct chain_head *ret_head); /* any thread */
/* The head that a reader's transaction sees. CF_ENOTFOUND: a new ledger. */
int chain_head_at(struct db_txn *txn, struct chain_head *ret_head) must_check;
struct db *chain_db(struct chain *c);
struct segments *chain_blocks(struct chain *c);

/* A reader's view of the committed ledger. Short-lived. */
int chain_read_begin(struct chain *c, struct db_txn **ret_txn) must_check; /* end with db_abort */

/*
 * Staging: everything a block changes, in one open write transaction on the writer's thread. Reads through
 * chain_stage_txn see what is staged. At most one stage at a time.
 */
struct chain_stage;

/* CF_EINVAL: height is not the head's plus one (a new ledger: 0). CF_EIO: an earlier commit left the disk in
 * doubt. */
int chain_stage_begin(struct chain *c, uint64_t height, struct chain_stage **ret_stage) must_check;
struct db_txn *chain_stage_txn(struct chain_stage *s);
/*
 * The next transaction of the block with its verdict: id into the index, log rows, and, when valid, writes
 * into state and history and the annex into its table (an invalid transaction's annex is not kept). An id
 * that is in the index already (VERDICT_DUPLICATE) keeps its first entry and gets no second log row. tx is
 * only used during the call; rwset may be NULL unless the verdict is VERDICT_VALID. After a failure the stage
 * can only be discarded.
 */
int chain_stage_tx(struct chain_stage *s, const struct tx *tx, uint8_t verdict, const struct rwset *rwset,
		   struct view annex) must_check;
/* The annex that a transaction of an earlier call or block has from now on: without what was erased in it. */
int chain_stage_annex(struct chain_stage *s, const struct hash *id, struct view annex) must_check;
/* Genesis rows only (height 0): no transaction behind them; history says genesis. */
int chain_stage_genesis_row(struct chain_stage *s, struct view key, struct view value) must_check;
/* The state root after what is staged. */
int chain_stage_root(struct chain_stage *s, struct hash *ret_root) must_check;
/* Drops everything staged; accepts NULL. */
void chain_stage_discard(struct chain_stage *s);
/*
 * Appends the block to the block store, writes index, verdicts and certificate, commits. Frees the stage in
 * any case. block->header must be the one staged for; transactions staged == block->tx_count asserted.
 * Durability: the block's bytes are synced before the index is committed. Errors: CF_EFULL (nothing changed),
 * CF_EINVAL (block, certificate and stage do not belong together; nothing changed), others final. certificate
 * may be NULL only at height 0 (block NULL too).
 */
int chain_stage_commit(struct chain_stage *s, const struct block *block, const uint8_t *verdicts,
		       const struct certificate *certificate) must_check;

/*
 * A group: blocks staged and committed one after the other that become durable, and visible to readers, all
 * together at its end, with one sync of each store. For blocks that others vouch for: until its end a crash
 * takes it back whole. Writer's thread. A stage that is discarded, or fails to commit, takes back the
 * whole group: it is as after chain_group_begin.
 */
void chain_group_begin(struct chain *c); /* no stage is open, and not a new ledger */
/* CF_EFULL: nothing was changed. Any other failure leaves the disk in doubt, as of a commit. Ends the group
 * in any case. */
int chain_group_end(struct chain *c) must_check;
void chain_group_discard(struct chain *c);
/* What the blocks of the open group have come to; NULL outside of one. */
struct db_txn *chain_group_txn(struct chain *c);
/* The block the next one follows: the head, or the last of the open group. Writer's thread. */
void chain_tip(const struct chain *c, struct chain_head *ret_tip);

/*
 * A ledger that begins with the state after a certified block instead of with the genesis: enough to execute,
 * check and certify what follows. It has no history, annexes, logs and derived rows of before, and of the
 * blocks up to there only the last, without annexes, and which transactions were in the window of those that
 * could come again (their rows have no place: chain_tx_read says CF_ENOTFOUND). For a new ledger opened with
 * CHAIN_NOSYNC, in a directory that nobody takes for a ledger until chain_import_end and chain_close are
 * done.
 */
struct chain_import;
/* past: each row is the first of its key's history, too, so that the ledger can show itself at every height
 * from there on; it may be filled later. CF_EINVAL: not new. */
int chain_import_begin(struct chain *c, bool past, struct chain_import **ret_i) must_check;
/* Errors: CF_EINVAL (key length, or not greater than the one before), CF_ETOOBIG, CF_EFULL, CF_EIO. */
int chain_import_row(struct chain_import *i, const struct state_item *row) must_check;
/* An id that is there already keeps its first entry. */
int chain_import_tx(struct chain_import *i, const struct hash *id, uint64_t height, uint32_t index,
		    uint8_t verdict) must_check;
/* Something that a later chain_fill needs: kept until the ledger is whole. */
int chain_import_note(struct chain_import *i, struct view note) must_check;
/*
 * Brings the tree up to date and commits: what was imported so far takes no memory any more, and can be read.
 * Calls between two of these are of one thread.
 */
int chain_import_flush(struct chain_import *i) must_check;
/* The block whose state it is. CF_EINVAL: another state root, or another block's certificate. Frees i in any
 * case. */
int chain_import_end(struct chain_import *i, const struct block *block, const uint8_t *verdicts,
		     const struct certificate *certificate) must_check;
void chain_import_discard(struct chain_import *i); /* the ledger is of no use then; accepts NULL */

/*
 * Filling such a ledger with the blocks that it lacks, from the newest of them down to block 1: index,
 * history, annexes and logs, whose rows come to the same in any order; the state is there. Writer's thread,
 * no stage or group is open. What is filled counts, and can be read, after chain_fill_commit. (chain_fill.c)
 */
struct chain_fill;
/* The annex of a transaction of before, ahead of its block, and where an erasure looks for it. */
int chain_fill_annex(struct db_txn *txn, const struct tx *tx, struct version version,
		     struct view annex) must_check;
/* What chain_import_note kept, appended; CF_ENOTFOUND: nothing was. */
int chain_fill_note(struct chain *c, struct buf *out) must_check;
/* CF_EINVAL: the ledger lacks nothing, or began without a past. */
int chain_fill_begin(struct chain *c, struct chain_fill **ret_f) must_check;
struct db_txn *chain_fill_txn(struct chain_fill *f);
/* The block that comes next, which the one above it names. */
uint64_t chain_fill_height(const struct chain_fill *f);
const struct hash *chain_fill_hash(const struct chain_fill *f);
/* Begins it. CF_EINVAL: another block, or another one's certificate. */
int chain_fill_block(struct chain_fill *f, const struct block *block, const uint8_t *verdicts,
		     const struct certificate *certificate) must_check;
/* Each of its transactions, in order; as chain_stage_tx. tx->bytes must be those of the block. */
int chain_fill_tx(struct chain_fill *f, const struct block *block, const struct tx *tx, uint8_t verdict,
		  const struct rwset *rwset, struct view annex) must_check;
/* After block 1: a row of the genesis. */
int chain_fill_genesis_row(struct chain_fill *f, struct view key, struct view value) must_check;
/* Both free f. CF_EFULL: nothing has changed. */
int chain_fill_commit(struct chain_fill *f) must_check;
void chain_fill_discard(struct chain_fill *f); /* accepts NULL */

/* Blocks. Errors: CF_ENOTFOUND, CF_ECORRUPT. */
struct chain_block_info {
	struct hash hash;
	struct segment_place place;
	uint32_t tx_count;
	uint64_t time_ms;
	struct certificate certificate;
	struct view verdicts; /* lives as long as the transaction */
};
int chain_block_info(struct db_txn *txn, uint64_t height, struct chain_block_info *ret_info) must_check;
/* Block bytes (no annexes), appended to out; hash checked against the index. */
int chain_block_read(struct chain *c, struct db_txn *txn, uint64_t height, struct buf *out) must_check;
/* Appends the wire body with the annexes, without what was erased in them. */
int chain_block_body(struct chain *c, struct db_txn *txn, uint64_t height, struct buf *out) must_check;

struct chain_tx_info {
	uint64_t height;
	uint32_t index;
	uint8_t verdict;
	uint32_t file; /* place of the transaction's bytes in the block store */
	uint64_t offset;
	uint32_t len;
	struct hash bytes_hash; /* of those bytes, which the id covers only in part */
};
/* Inside a stage the place of what is staged is not known yet: zeros. So it is for good where only the id is
 * known (chain_import_tx). */
int chain_tx_info(struct db_txn *txn, const struct hash *id, struct chain_tx_info *ret_info) must_check;
int chain_tx_read(struct chain *c, struct db_txn *txn, const struct hash *id, struct buf *out) must_check;
int chain_annex(struct db_txn *txn, const struct hash *id, struct view *ret_annex) must_check;

/* Transactions of a creator key, a patient key or a doctor key (its fingerprint), or of a patient id padded
 * with zeros to 32 bytes; oldest first. */
int chain_log_walk(struct db_txn *txn, const struct hash *who,
		   int (*on_tx)(void *ctx, struct version version, const struct hash *id),
		   void *ctx) must_check;

#endif
