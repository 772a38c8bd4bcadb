/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state_private.h - the branch of the authenticated tree, shared by the state*.c files.
 */
#ifndef LEDGER_STATE_PRIVATE_H
#define LEDGER_STATE_PRIVATE_H

#include "ledger/state.h"

#define STATE_NIBBLES_MAX (2 * STATE_KEY_BYTES_MAX)
#define STATE_FANOUT 16
#define STATE_ROW_HEAD_BYTES 12 /* u64 height, u32 index before the value */
#define STATE_BRANCH_BYTES_MAX (2 + STATE_FANOUT * (2 + STATE_KEY_BYTES_MAX + HASH_BYTES) + HASH_BYTES)

/* What a branch knows of one child. label: nibbles from the branch down to the child, its own slot first. */
struct state_edge {
	bool present;
	bool leaf;
	uint8_t len;
	uint8_t label[STATE_NIBBLES_MAX];
	struct hash hash;
};

struct state_branch {
	struct state_edge child[STATE_FANOUT];
	struct hash terminal; /* leaf whose key ends here; zeros: none */
};

/* One key to change: its leaf's hash afterwards, zeros when deleted. */
struct state_change {
	uint8_t key[STATE_KEY_BYTES_MAX];
	uint8_t key_len;
	uint32_t order; /* of writing: the last of a key counts */
	struct hash leaf;
};

/* The n-th nibble of a key. */
static inline uint8_t state_nibble(const uint8_t *key, size_t n)
{
	return n % 2 ? key[n / 2] & 15 : key[n / 2] >> 4;
}

struct hash state_leaf_hash(struct view key, struct version version, const struct hash *value_hash);

/* Bytes as hashed into ret_bytes; returns their number. The leaf marks are not in them. */
size_t state_branch_encode(const struct state_branch *b, uint8_t ret_bytes[STATE_BRANCH_BYTES_MAX]);
/* CF_EDECODE for anything state_branch_encode would not give. */
int state_branch_decode(struct view bytes, struct state_branch *ret_b) must_check;
/* The branch at a path of nibbles; ret_bytes (may be NULL) as hashed, a view of the transaction.
 * CF_ENOTFOUND. */
int state_branch_load(struct db_txn *txn, const uint8_t *path, size_t depth, struct state_branch *ret_b,
		      struct view *ret_bytes) must_check;

enum proof_end { END_ABSENT = 0, END_LEAF = 1, END_SHORTER_LEAF = 2 };

/* What lies behind a branch on the way to a key. */
struct state_step {
	enum { STEP_ABSENT, STEP_HERE, STEP_DOWN } kind;
	size_t depth;     /* STEP_DOWN: of the child */
	struct hash hash; /* STEP_HERE: of the own leaf; STEP_DOWN: of the child */
	bool leaf;        /* STEP_DOWN: as the branch's marks have it */
};

struct state_step state_step_from(const struct state_branch *b, struct view key, size_t depth);

/* Changes the tree, changes sorted by key with one for each, and gives the new root. */
int state_tree_apply(struct db_txn *txn, const struct state_change *changes, size_t count,
		     struct hash *ret_root) must_check;

#endif
