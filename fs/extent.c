/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/extent.h"

#include "ledger/mem.h"

#include <string.h>

void extents_release(struct extents *s)
{
	mem_free(s->at);
	*s = (struct extents){0};
}

/* The first extent that ends at or behind offset. */
static size_t find(const struct extents *s, uint64_t offset)
{
	size_t low = 0, high = s->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->at[mid].to < offset)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

int extents_add(struct extents *s, uint64_t from, uint64_t to)
{
	size_t first = find(s, from), last = first;

	if (from >= to)
		return 0;
	while (last < s->count && s->at[last].from <= to)
		last++;
	if (first == last) {
		if (s->count == s->cap) {
			size_t cap = s->cap ? 2 * s->cap : 16;
			struct extent *at = mem_array(s->at, cap, sizeof *at);

			if (at == NULL)
				return CF_ENOMEM;
			s->at = at;
			s->cap = cap;
		}
		memmove(s->at + first + 1, s->at + first, (s->count - first) * sizeof *s->at);
		s->at[first] = (struct extent){from, to};
		s->count++;
		return 0;
	}
	if (s->at[first].from < from)
		from = s->at[first].from;
	if (s->at[last - 1].to > to)
		to = s->at[last - 1].to;
	s->at[first] = (struct extent){from, to};
	memmove(s->at + first + 1, s->at + last, (s->count - last) * sizeof *s->at);
	s->count -= last - first - 1;
	return 0;
}

void extents_cut(struct extents *s, uint64_t end)
{
	while (s->count && s->at[s->count - 1].from >= end)
		s->count--;
	if (s->count && s->at[s->count - 1].to > end)
		s->at[s->count - 1].to = end;
}

bool extents_touch(const struct extents *s, uint64_t from, uint64_t to)
{
	size_t i = find(s, from);

	if (i < s->count && s->at[i].to == from)
		i++;
	return from < to && i < s->count && s->at[i].from < to;
}

bool extents_cover(const struct extents *s, uint64_t from, uint64_t to)
{
	size_t i = find(s, to);

	return from >= to || (i < s->count && s->at[i].from <= from);
}

bool extents_run(const struct extents *s, uint64_t offset, uint64_t *ret_end)
{
	size_t i = find(s, offset);

	if (i < s->count && s->at[i].to == offset)
		i++;
	if (i == s->count) {
		*ret_end = UINT64_MAX;
		return false;
	}
	if (offset < s->at[i].from) {
		*ret_end = s->at[i].from;
		return false;
	}
	*ret_end = s->at[i].to;
	return true;
}
