/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.h - current value and version of each key, under an authenticated tree ordered by key.
 *
 * The tree is a radix tree of 16-way branches over the nibbles of the key (the high one of a byte first),
 * edges compressed, whose shape depends on the keys alone and not on the order of writing.
 *   leaf   = SHA-256(0x00 || u16 key length || key || u64 height || u32 index || SHA-256(value))
 *   branch = SHA-256(0x01 || u8 children || for each child, ascending: u8 nibble, u8 length of the rest of
 *            the label in nibbles, the rest packed two a byte with a zero nibble behind an odd one, child
 *            hash || hash of the leaf whose key ends here, or zeros)
 * The top branch stands at the empty path and is there whenever the state is not empty, also with one child;
 * its hash is the root. Every other branch has two or more of children and own leaf together. A leaf's edge
 * is labelled with all the rest of its key. The root of the empty state is 32 zeros.
 *
 * Table DB_TREE: 0x00 -> the root; 0x01 and a path, one nibble a byte -> u16 bits of the children that are
 * leaves, and the branch as it is hashed. Branches are updated in place. FORMAT.md section 7.
 */
#ifndef LEDGER_STATE_H
#define LEDGER_STATE_H

#include "ledger/crypto.h"
#include "ledger/db.h"
#include "ledger/rwset.h"

/* Keys are 1 to STATE_KEY_BYTES_MAX bytes. Errors: CF_ENOTFOUND, CF_ECORRUPT. The value is a view that lives
 * as long as the transaction. */
int state_get(struct db_txn *txn, struct view key, struct view *ret_value,
	      struct version *ret_version) must_check;

/* Ordered walk over a prefix; the same lifetime rules and errors as db_cursor. */
struct state_cursor;
int state_cursor_new(struct db_txn *txn, struct view prefix, struct state_cursor **ret_c) must_check;
void state_cursor_free(struct state_cursor *c);
struct state_item {
	struct view key;
	struct view value;
	struct version version;
};
int state_cursor_seek(struct state_cursor *c, struct view from, struct state_item *ret_item) must_check;
int state_cursor_next(struct state_cursor *c, struct state_item *ret_item) must_check;

/*
 * Writes of one block: rows change at once (later reads of the transaction see them), the tree when
 * state_stage_root is called.
 */
struct state_stage;
int state_stage_new(struct db_txn *txn, struct state_stage **ret_s) must_check;
void state_stage_free(struct state_stage *s); /* accepts NULL */
/* Deleting what is not there changes nothing. CF_EINVAL: key length; CF_ETOOBIG: value. */
int state_stage_write(struct state_stage *s, const struct rw_write *w, struct version version) must_check;
/* Brings the tree up to date and gives its root. */
int state_stage_root(struct state_stage *s, struct hash *ret_root) must_check;

int state_root(struct db_txn *txn, struct hash *ret_root) must_check;

/*
 * A proof that key has this value and version, or is absent, under a root: u8 count and the branches on the
 * way (u32 length, bytes as hashed), u8 end, and for an end of 1 or 2 version and value hash. End 0: absent,
 * as the last branch shows; 1: the leaf of the key; 2: absent, a leaf whose key is the part of the key up to
 * here stands in the way.
 * state_proof_verify: CF_ESIG when the proof does not lead to root, CF_EDECODE when malformed; on success
 * *ret_present tells which of the two it proves, and version and value hash are set when present.
 */
int state_prove(struct db_txn *txn, struct view key, struct buf *out) must_check;
int state_proof_verify(struct view proof, const struct hash *root, struct view key, bool *ret_present,
		       struct version *ret_version, struct hash *ret_value_hash) must_check;

#endif
