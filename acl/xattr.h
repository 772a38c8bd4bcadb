/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xattr.h - the list of a node's extended attributes, as it is sealed into an xattr_row: u16 count; count
 * times (short name, bytes value), strictly ascending by name. ACCESS.md section 3.
 *
 * A list is nothing but its bytes; none at all stands for no attributes, and a list with none is refused.
 * Pure. CF_EDECODE where a list is no list.
 */
#ifndef ACL_XATTR_H
#define ACL_XATTR_H

#include "ledger/codec.h"

#define XATTR_BYTES_MAX ((size_t)64 << 10) /* of a list; names and values of one file together */

int xattr_check(struct view list) must_check;
/* In order; a non-zero answer of on_attr ends the walk and is returned. */
int xattr_walk(struct view list, int (*on_attr)(void *ctx, struct view name, struct view value),
	       void *ctx) must_check;
/* CF_ENOTFOUND; ret_value points into list. */
int xattr_get(struct view list, struct view name, struct view *ret_value) must_check;
/*
 * Appends the list with name set to value (or without it) to out, which is empty when none is left. CF_EFULL
 * when it would be larger than XATTR_BYTES_MAX; without: CF_ENOTFOUND. CF_EINVAL: no name of 1 to 255 bytes.
 */
int xattr_with(struct view list, struct view name, struct view value, struct buf *out) must_check;
int xattr_without(struct view list, struct view name, struct buf *out) must_check;

#endif
