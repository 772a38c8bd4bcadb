/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state_prove.c - making proofs of presence and of absence.
 */
#include "ledger/mem.h"
#include "ledger/state_private.h"

#include <assert.h>

/* Collects the branches from the top towards key; ret_last is where the way ends. */
static int collect(struct db_txn *txn, struct view key, struct enc *e, uint8_t *ret_count,
		   struct state_step *ret_last)
{
	struct state_branch *b = mem_alloc(sizeof(*b));
	struct state_step step = {STEP_DOWN, 0, {{0}}, false};
	uint8_t path[STATE_NIBBLES_MAX];
	struct view bytes;
	uint8_t count = 0;
	int err = 0;

	if (!b)
		return CF_ENOMEM;
	for (size_t i = 0; i < 2 * key.len; i++)
		path[i] = state_nibble(key.data, i);
	while (!err && step.kind == STEP_DOWN && !step.leaf) {
		size_t depth = step.depth;

		err = state_branch_load(txn, path, depth, b, &bytes);
		if (err == CF_ENOTFOUND && count == 0) {
			step.kind = STEP_ABSENT; /* the empty state */
			err = 0;
			break;
		}
		if (err == CF_ENOTFOUND)
			err = err_set(CF_ECORRUPT, "state: a branch is missing");
		if (err)
			break;
		enc_bytes(e, bytes);
		count++;
		step = state_step_from(b, key, depth);
	}
	mem_free(b);
	*ret_count = count;
	*ret_last = step;
	return err;
}

static int end_write(struct db_txn *txn, struct view key, const struct state_step *last, struct enc *e)
{
	struct view leaf_key = last->kind == STEP_DOWN ? VIEW(key.data, last->depth / 2) : key;
	struct version version;
	struct hash value_hash;
	struct view value;
	int err;

	if (last->kind == STEP_ABSENT) {
		enc_u8(e, END_ABSENT);
		return 0;
	}
	err = state_get(txn, leaf_key, &value, &version);
	if (err)
		return err == CF_ENOTFOUND ? err_set(CF_ECORRUPT, "state: a row is missing") : err;
	value_hash = sha256(value);
	enc_u8(e, leaf_key.len == key.len ? END_LEAF : END_SHORTER_LEAF);
	enc_u64(e, version.height);
	enc_u32(e, version.index);
	enc_fixed(e, value_hash.b, HASH_BYTES);
	return 0;
}

int state_prove(struct db_txn *txn, struct view key, struct buf *out)
{
	size_t start = out->len;
	struct state_step last;
	uint8_t count;
	struct enc e;
	int err;

	assert(txn && out);
	if (key.len == 0 || key.len > STATE_KEY_BYTES_MAX)
		return CF_EINVAL;
	enc_init(&e, out);
	enc_u8(&e, 0);
	err = collect(txn, key, &e, &count, &last);
	if (!err)
		err = end_write(txn, key, &last, &e);
	if (!err)
		err = enc_done(&e);
	if (err)
		out->len = start;
	else
		out->data[start] = count;
	return err;
}
