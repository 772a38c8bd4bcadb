/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hashset.c - open addressing; a place of zeros is free.
 */
#include "ledger/hashset.h"

#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

struct hashset {
	struct hash *place;
	size_t places;
	size_t used;
};

int hashset_new(size_t places, struct hashset **ret_s)
{
	struct hashset *s = mem_zalloc(sizeof(*s));

	assert(places > 0 && (places & (places - 1)) == 0);
	if (!s)
		return CF_ENOMEM;
	s->places = places;
	s->place = mem_zalloc(places * sizeof(*s->place));
	if (!s->place) {
		mem_free(s);
		return CF_ENOMEM;
	}
	*ret_s = s;
	return 0;
}

void hashset_free(struct hashset *s)
{
	if (!s)
		return;
	mem_free(s->place);
	mem_free(s);
}

void hashset_clear(struct hashset *s)
{
	if (s->used == 0)
		return;
	memset(s->place, 0, s->places * sizeof(*s->place));
	s->used = 0;
}

/* Where it is, or the free place where it would be. */
static size_t find(const struct hashset *s, const struct hash *h)
{
	uint64_t start;
	size_t at;

	memcpy(&start, h->b, sizeof(start));
	at = (size_t)start & (s->places - 1);
	while (!hash_is_zero(&s->place[at]) && !hash_equal(&s->place[at], h))
		at = (at + 1) & (s->places - 1);
	return at;
}

void hashset_add(struct hashset *s, const struct hash *h)
{
	assert(!hash_is_zero(h));
	if (hashset_has(s, h))
		return;
	if (s->used >= s->places / 4 * 3)
		hashset_clear(s);
	s->place[find(s, h)] = *h;
	s->used++;
}

bool hashset_has(const struct hashset *s, const struct hash *h)
{
	return !hash_is_zero(&s->place[find(s, h)]);
}
