/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merkle.c - RFC 6962 section 2.1; paths are checked as RFC 9162 section 2.1.3.2 writes it down.
 */
#include "ledger/merkle.h"
#include "ledger/err.h"

#include <assert.h>

struct hash merkle_leaf(struct view data)
{
	static const uint8_t prefix = 0x00;
	const struct view parts[] = {VIEW(&prefix, 1), data};

	return sha256_parts(parts, 2);
}

struct hash merkle_node(const struct hash *left, const struct hash *right)
{
	uint8_t bytes[1 + 2 * HASH_BYTES];

	assert(left && right);
	bytes[0] = 0x01;
	for (size_t i = 0; i < HASH_BYTES; i++) {
		bytes[1 + i] = left->b[i];
		bytes[1 + HASH_BYTES + i] = right->b[i];
	}
	return sha256(VIEW(bytes, sizeof(bytes)));
}

struct hash merkle_root(const struct hash *leaves, size_t count)
{
	struct hash stack[MERKLE_PATH_MAX + 1]; /* roots of full subtrees, largest first */
	size_t depth = 0;

	assert(leaves || count == 0);
	assert(count <= (uint64_t)1 << MERKLE_PATH_MAX);
	if (count == 0)
		return sha256(VIEW_NONE);

	/* As a binary counter: leaf i closes one subtree for each trailing one bit of i. */
	for (size_t i = 0; i < count; i++) {
		stack[depth++] = leaves[i];
		for (size_t carry = i; carry & 1; carry >>= 1) {
			stack[depth - 2] = merkle_node(&stack[depth - 2], &stack[depth - 1]);
			depth--;
		}
	}
	for (; depth > 1; depth--)
		stack[depth - 2] = merkle_node(&stack[depth - 2], &stack[depth - 1]);
	return stack[0];
}

/* The largest power of two smaller than count: where the RFC splits a list. */
static size_t split(size_t count)
{
	size_t k = 1;

	assert(count > 1);
	while (k < count - k)
		k *= 2;
	return k;
}

size_t merkle_path(const struct hash *leaves, size_t count, size_t index,
		   struct hash ret_path[MERKLE_PATH_MAX])
{
	size_t len = 0;

	assert(leaves && ret_path && index < count);
	assert(count <= (uint64_t)1 << MERKLE_PATH_MAX);
	while (count > 1) { /* from the root down */
		size_t k = split(count);

		if (index < k) {
			ret_path[len++] = merkle_root(leaves + k, count - k);
			count = k;
		} else {
			ret_path[len++] = merkle_root(leaves, k);
			leaves += k;
			index -= k;
			count -= k;
		}
	}
	for (size_t i = 0; i < len / 2; i++) {
		struct hash swap = ret_path[i];

		ret_path[i] = ret_path[len - 1 - i];
		ret_path[len - 1 - i] = swap;
	}
	return len;
}

int merkle_path_root(const struct hash *leaf, size_t index, size_t count, const struct hash *path,
		     size_t path_len, struct hash *ret_root)
{
	struct hash root;
	size_t fn = index, sn;

	assert(leaf && (path || path_len == 0) && ret_root);
	if (index >= count)
		return CF_EDECODE;
	sn = count - 1;
	root = *leaf;
	for (size_t i = 0; i < path_len; i++) {
		if (sn == 0)
			return CF_EDECODE;
		if ((fn & 1) || fn == sn) {
			root = merkle_node(&path[i], &root);
			while (!(fn & 1) && fn != 0) { /* a last node without sibling rises unhashed */
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			root = merkle_node(&root, &path[i]);
		}
		fn >>= 1;
		sn >>= 1;
	}
	if (sn != 0)
		return CF_EDECODE;
	*ret_root = root;
	return 0;
}
