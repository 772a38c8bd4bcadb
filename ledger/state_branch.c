/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state_branch.c - hashes and bytes of leaves and branches, and the step from a branch towards a key. Pure.
 */
#include "ledger/state_private.h"

#include <assert.h>
#include <string.h>

struct hash state_leaf_hash(struct view key, struct version version, const struct hash *value_hash)
{
	uint8_t head[3] = {0x00, (uint8_t)(key.len >> 8), (uint8_t)key.len};
	uint8_t at[STATE_ROW_HEAD_BYTES];
	struct view parts[4] = {VIEW(head, sizeof(head)), key, VIEW(at, sizeof(at)),
				VIEW(value_hash->b, HASH_BYTES)};

	for (int i = 0; i < 8; i++)
		at[i] = (uint8_t)(version.height >> (56 - 8 * i));
	for (int i = 0; i < 4; i++)
		at[8 + i] = (uint8_t)(version.index >> (24 - 8 * i));
	return sha256_parts(parts, 4);
}

size_t state_branch_encode(const struct state_branch *b, uint8_t ret_bytes[STATE_BRANCH_BYTES_MAX])
{
	size_t at = 2;
	uint8_t children = 0;

	for (unsigned n = 0; n < STATE_FANOUT; n++) {
		const struct state_edge *c = &b->child[n];

		if (!c->present)
			continue;
		assert(c->len >= 1 && c->label[0] == n);
		children++;
		ret_bytes[at++] = (uint8_t)n;
		ret_bytes[at++] = c->len - 1;
		for (size_t i = 1; i < c->len; i += 2)
			ret_bytes[at++] =
				(uint8_t)(c->label[i] << 4 | (i + 1 < c->len ? c->label[i + 1] : 0));
		memcpy(ret_bytes + at, c->hash.b, HASH_BYTES);
		at += HASH_BYTES;
	}
	ret_bytes[0] = 0x01;
	ret_bytes[1] = children;
	memcpy(ret_bytes + at, b->terminal.b, HASH_BYTES);
	return at + HASH_BYTES;
}

static void edge_decode(struct dec *d, int *last, struct state_branch *b)
{
	uint8_t nibble = dec_u8(d), rest = dec_u8(d);
	struct view packed = dec_take(d, (rest + 1u) / 2);
	struct state_edge *c;

	if (d->err || nibble >= STATE_FANOUT || nibble <= *last || rest >= STATE_NIBBLES_MAX ||
	    (rest % 2 && packed.data[packed.len - 1] & 15)) {
		dec_fail(d, CF_EDECODE);
		return;
	}
	*last = nibble;
	c = &b->child[nibble];
	c->present = true;
	c->len = rest + 1;
	c->label[0] = nibble;
	for (size_t i = 0; i < rest; i++)
		c->label[i + 1] = state_nibble(packed.data, i);
	dec_fixed(d, c->hash.b, HASH_BYTES);
	if (hash_is_zero(&c->hash))
		dec_fail(d, CF_EDECODE);
}

int state_branch_decode(struct view bytes, struct state_branch *ret_b)
{
	struct dec d;
	uint8_t count;
	int last = -1;

	memset(ret_b->terminal.b, 0, HASH_BYTES);
	for (unsigned i = 0; i < STATE_FANOUT; i++)
		ret_b->child[i].present = ret_b->child[i].leaf = false;
	dec_init(&d, bytes);
	if (dec_u8(&d) != 0x01)
		dec_fail(&d, CF_EDECODE);
	count = dec_u8(&d);
	if (count > STATE_FANOUT)
		dec_fail(&d, CF_EDECODE);
	for (unsigned i = 0; i < count && !d.err; i++)
		edge_decode(&d, &last, ret_b);
	dec_fixed(&d, ret_b->terminal.b, HASH_BYTES);
	return dec_done(&d);
}

/* How many nibbles of an edge's label the key follows from depth on. */
static size_t follows(const struct state_edge *edge, struct view key, size_t depth)
{
	size_t n = 0;

	while (n < edge->len && depth + n < 2 * key.len &&
	       state_nibble(key.data, depth + n) == edge->label[n])
		n++;
	return n;
}

struct state_step state_step_from(const struct state_branch *b, struct view key, size_t depth)
{
	const struct state_edge *edge;

	if (depth == 2 * key.len) {
		if (hash_is_zero(&b->terminal))
			return (struct state_step){.kind = STEP_ABSENT};
		return (struct state_step){.kind = STEP_HERE, .hash = b->terminal};
	}
	edge = &b->child[state_nibble(key.data, depth)];
	if (!edge->present || follows(edge, key, depth) < edge->len)
		return (struct state_step){.kind = STEP_ABSENT};
	return (struct state_step){STEP_DOWN, depth + edge->len, edge->hash, edge->leaf};
}
