/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extent.h - which byte ranges of a file are staged: sorted, disjoint, joined where they touch.
 */
#ifndef FS_EXTENT_H
#define FS_EXTENT_H

#include "ledger/err.h"

#include <stdbool.h>
#include <stdint.h>

struct extent {
	uint64_t from;
	uint64_t to; /* one past the last byte */
};

/* All zeros is the empty set. */
struct extents {
	struct extent *at;
	size_t count;
	size_t cap;
};

void extents_release(struct extents *s);
/* Errors: CF_ENOMEM; the set is then unchanged. */
int extents_add(struct extents *s, uint64_t from, uint64_t to) must_check;
/* Forgets everything from `end` on. */
void extents_cut(struct extents *s, uint64_t end);
/* Any byte of the range; every byte of the range. */
bool extents_touch(const struct extents *s, uint64_t from, uint64_t to);
bool extents_cover(const struct extents *s, uint64_t from, uint64_t to);
/* Is the byte at offset in the set, and up to where does that hold? UINT64_MAX: for good. */
bool extents_run(const struct extents *s, uint64_t offset, uint64_t *ret_end);

#endif
