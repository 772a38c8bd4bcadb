/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.h - (state key, version) to where that value is: a snapshot at a height is a seek, never a replay.
 *
 * Deletions are in it. Rows refer to the block store; history_read fetches and checks the value against
 * its SHA-256, which stands in the row. Values that no block holds (genesis) stand in the row itself.
 */
#ifndef LEDGER_HISTORY_H
#define LEDGER_HISTORY_H

#include "ledger/crypto.h"
#include "ledger/db.h"
#include "ledger/rwset.h"
#include "ledger/segment.h"

#define HISTORY_INLINE UINT32_MAX

struct history_row {
	struct version version;
	bool deleted;
	uint32_t file; /* place of the value in the block store; HISTORY_INLINE: the value is in inline_value
			*/
	uint64_t offset;
	uint32_t len;
	struct hash value_hash;   /* zeros when deleted */
	struct view inline_value; /* lives as long as the transaction that read the row */
};

int history_put(struct db_txn *txn, struct view key, const struct history_row *row) must_check;
/* The row in force at a height: the newest with version.height <= height. CF_ENOTFOUND when none was written
 * yet. */
int history_at(struct db_txn *txn, struct view key, uint64_t height, struct history_row *ret_row) must_check;
/* Rows of one key, oldest first. A non-zero answer of on_row ends the walk and is returned. */
int history_walk(struct db_txn *txn, struct view key, int (*on_row)(void *ctx, const struct history_row *row),
		 void *ctx) must_check;
/*
 * For every key with this prefix that was alive at the height, in key order, starting at keys >= from
 * (empty: all): its row. Deleted ones are left out. A non-zero answer of on_key ends the walk and is
 * returned.
 */
int history_walk_prefix(struct db_txn *txn, struct view prefix, struct view from, uint64_t height,
			int (*on_key)(void *ctx, struct view key, const struct history_row *row),
			void *ctx) must_check;
/* The same with keys that were deleted by then: their row says so. */
int history_walk_deleted(struct db_txn *txn, struct view prefix, struct view from, uint64_t height,
			 int (*on_key)(void *ctx, struct view key, const struct history_row *row),
			 void *ctx) must_check;
/* The value itself, appended to out; of a deletion nothing. Errors: CF_ECORRUPT, CF_EIO. */
int history_read(struct segments *blocks, const struct history_row *row, struct buf *out) must_check;

#endif
