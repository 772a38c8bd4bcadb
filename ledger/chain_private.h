/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_private.h - what the chain*.c files share.
 */
#ifndef LEDGER_CHAIN_PRIVATE_H
#define LEDGER_CHAIN_PRIVATE_H

#include "ledger/chain.h"
#include "ledger/file.h"

#include <pthread.h>

#define CHAIN_META_HEAD "head"
#define CHAIN_META_NETWORK "network"
#define CHAIN_META_FIRST "first" /* u64, of a ledger that began with a state */
#define CHAIN_META_PAST "past"   /* u64, where its history begins, until it is whole */
#define CHAIN_META_LAST "last"   /* place of the last block that was filled in */
#define CHAIN_META_NOTE "note"   /* chain_import_note */
#define CHAIN_GENESIS_BYTES_MAX ((size_t)16 << 20)

struct chain {
	char dir[FILE_PATH_MAX];
	unsigned flags;
	int lock_fd;
	struct hash network;
	struct db *db;
	struct segments *blocks;
	_Atomic uint64_t first;    /* lowest height whose block is here */
	_Atomic uint64_t past;     /* lowest height whose history is complete */
	struct chain_stage *stage; /* the one that is open */
	bool failed;               /* a commit left the disk in doubt */
	bool has_last;
	struct segment_place last; /* of the tip's block, when has_last */
	struct chain_head tip;     /* the writer's: the head, and above it the blocks of an open group */
	struct chain_group {
		bool open;
		struct db_txn *txn; /* NULL until the first block is staged, and after a discard */
		bool had_last;      /* to fall back to */
		struct segment_place last;
	} group;
	pthread_mutex_t lock; /* of the two below */
	bool is_new;
	struct chain_head head;
};

/*
 * The transaction of the next stage: the group's, or one of its own. A stage of a group that is given up
 * takes the whole group with it.
 */
int chain_group_stage(struct chain *c, struct db_txn **ret_txn) must_check;
void chain_group_drop(struct chain *c);
/* Cuts off what was appended behind the last block that counts. */
void chain_append_undo(struct chain *c);
/* The tip becomes what readers see. */
void chain_publish(struct chain *c);

/* Rows of the index. Encoded and decoded in chain_row.c. */
struct chain_height_key {
	uint8_t b[8];
};
struct chain_height_key chain_height_key(uint64_t height);
int chain_head_encode(const struct chain_head *head, struct buf *out) must_check;
int chain_head_decode(struct view row, struct chain_head *ret_head) must_check;
int chain_block_row_encode(const struct chain_block_info *info, struct buf *out) must_check;
int chain_block_row_decode(struct view row, uint64_t height, struct chain_block_info *ret_info) must_check;
int chain_tx_row_encode(const struct chain_tx_info *info, struct buf *out) must_check;
int chain_tx_row_decode(struct view row, struct chain_tx_info *ret_info) must_check;
int chain_place_encode(struct segment_place place, struct buf *out) must_check;
int chain_place_decode(struct view row, struct segment_place *ret_place) must_check;

/* The rows of the logs that this transaction is in, and of a value that no block holds. */
int chain_log_rows(struct db_txn *txn, const struct tx *tx, struct version version) must_check;
int chain_history_inline(struct db_txn *txn, const struct rw_write *w, struct version version) must_check;
/* Does a value lie in these bytes? */
bool chain_lies_in(struct view part, struct view whole);

#define CHAIN_LOG_KEY_BYTES (HASH_BYTES + 8 + 4)
void chain_log_key(const struct hash *who, struct version version, uint8_t ret_key[CHAIN_LOG_KEY_BYTES]);

/*
 * The directory, before its stores are opened: lock, boot marker, genesis file. *ret_synced: false when an
 * earlier opening left bytes that were never synced and are now to be.
 */
int chain_dir_open(const char *dir, struct view genesis, unsigned flags, int *ret_lock_fd,
		   bool *ret_synced) must_check;
/* A marker is no longer needed: everything in the directory is durable. */
int chain_dir_settled(const char *dir) must_check;
/* CHAIN_NOSYNC: everything was synced and closed. */
int chain_dir_closed(const char *dir) must_check;

#endif
