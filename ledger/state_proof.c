/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state_proof.c - verifying proofs under a state root. Pure: an offline verifier has no database.
 */
#include "ledger/mem.h"
#include "ledger/state_private.h"

#include <assert.h>

/* Follows the branches of a proof. Leaves in ret_last where they end. */
static int follow(struct dec *d, const struct hash *root, struct view key, struct state_step *ret_last)
{
	struct state_branch *b = mem_alloc(sizeof(*b));
	struct state_step step = {STEP_DOWN, 0, *root, false};
	unsigned count = dec_u8(d);
	int err = 0;

	if (!b)
		return CF_ENOMEM;
	for (unsigned i = 0; !err && i < count; i++) {
		struct view bytes = dec_bytes(d, STATE_BRANCH_BYTES_MAX);
		struct hash real = sha256(bytes);
		size_t depth = step.depth;

		if (d->err || step.kind != STEP_DOWN)
			err = CF_EDECODE; /* cut short, or branches behind the end */
		else if (!hash_equal(&real, &step.hash))
			err = CF_ESIG;
		else
			err = state_branch_decode(bytes, b);
		if (!err)
			step = state_step_from(b, key, depth);
	}
	mem_free(b);
	if (!err && count == 0 && hash_is_zero(root))
		step.kind = STEP_ABSENT;
	*ret_last = step;
	return err;
}

int state_proof_verify(struct view proof, const struct hash *root, struct view key, bool *ret_present,
		       struct version *ret_version, struct hash *ret_value_hash)
{
	struct version version = {0};
	struct hash value_hash = {{0}}, leaf;
	struct state_step last;
	struct dec d;
	uint8_t end;
	int err;

	assert(root && ret_present && ret_version && ret_value_hash);
	if (key.len == 0 || key.len > STATE_KEY_BYTES_MAX)
		return CF_EINVAL;
	dec_init(&d, proof);
	err = follow(&d, root, key, &last);
	if (err)
		return err;
	end = dec_u8(&d);
	if (end == END_LEAF || end == END_SHORTER_LEAF) {
		version.height = dec_u64(&d);
		version.index = dec_u32(&d);
		dec_fixed(&d, value_hash.b, HASH_BYTES);
	} else if (end != END_ABSENT) {
		dec_fail(&d, CF_EDECODE);
	}
	err = dec_done(&d);
	if (err)
		return err;
	if (end == END_ABSENT) {
		if (last.kind != STEP_ABSENT)
			return CF_ESIG;
		*ret_present = false;
		return 0;
	}
	/* A leaf's depth in nibbles is twice its key's length; a shorter one's key is the start of ours. */
	if (last.kind == STEP_HERE)
		last.depth = 2 * key.len;
	if (last.kind == STEP_ABSENT || last.depth % 2 || last.depth == 0 ||
	    (last.depth == 2 * key.len) != (end == END_LEAF))
		return CF_ESIG;
	leaf = state_leaf_hash(VIEW(key.data, last.depth / 2), version, &value_hash);
	if (!hash_equal(&leaf, &last.hash))
		return CF_ESIG;
	*ret_present = end == END_LEAF;
	if (*ret_present) {
		*ret_version = version;
		*ret_value_hash = value_hash;
	}
	return 0;
}
