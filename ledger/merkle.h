/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merkle.h - Merkle trees of RFC 6962 section 2.1.
 *
 * Pure. A leaf is SHA-256(0x00 || data), a node SHA-256(0x01 || left || right). The root of an empty list is
 * SHA-256 of nothing, as the RFC says.
 */
#ifndef LEDGER_MERKLE_H
#define LEDGER_MERKLE_H

#include "ledger/crypto.h"

#define MERKLE_PATH_MAX 32 /* trees up to 2^32 leaves */

struct hash merkle_leaf(struct view data);
struct hash merkle_node(const struct hash *left, const struct hash *right);

/* Root over leaf hashes (already merkle_leaf()ed). */
struct hash merkle_root(const struct hash *leaves, size_t count);

/* Audit path of leaf `index` (RFC 6962 2.1.1), lowest sibling first; its length. index < count is asserted.
 */
size_t merkle_path(const struct hash *leaves, size_t count, size_t index,
		   struct hash ret_path[MERKLE_PATH_MAX]);

/* The root that leaf and path give. CF_EDECODE when the path's length does not fit index and count. */
int merkle_path_root(const struct hash *leaf, size_t index, size_t count, const struct hash *path,
		     size_t path_len, struct hash *ret_root) must_check;

#endif
