/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hashset.c - open addressing; a place of zeros is free.
 */
#include "ledger/hashset.h"

#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

#define PLACES_MIN 1024 /* a power of two */

struct hashset {
	struct hash *place;
	size_t places; /* a power of two, or 0; three quarters of them are used */
	size_t used;
	uint64_t secret[2];
};

int hashset_new(struct hashset **ret_s)
{
	struct hashset *s = mem_zalloc(sizeof(*s));

	if (!s)
		return CF_ENOMEM;
	random_bytes(s->secret, sizeof(s->secret));
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
	mem_free(s->place);
	s->place = NULL;
	s->places = s->used = 0;
}

/* Where it is, or the free place where it would be. */
static size_t find(const struct hashset *s, const struct hash *h)
{
	uint64_t start;
	size_t at;

	memcpy(&start, h->b, sizeof(start));
	start = (start ^ s->secret[0]) * (s->secret[1] | 1);
	at = (size_t)(start >> 32 ^ start) & (s->places - 1);
	while (!hash_is_zero(&s->place[at]) && !hash_equal(&s->place[at], h))
		at = (at + 1) & (s->places - 1);
	return at;
}

static int grow(struct hashset *s)
{
	struct hashset larger = *s;

	larger.places = s->places ? s->places * 2 : PLACES_MIN;
	larger.place = mem_zalloc(larger.places * sizeof(*larger.place));
	if (!larger.place)
		return CF_ENOMEM;
	for (size_t i = 0; i < s->places; i++) {
		if (!hash_is_zero(&s->place[i]))
			larger.place[find(&larger, &s->place[i])] = s->place[i];
	}
	mem_free(s->place);
	*s = larger;
	return 0;
}

int hashset_add(struct hashset *s, const struct hash *h, bool *ret_added)
{
	bool added = !hashset_has(s, h);
	int err = 0;

	assert(!hash_is_zero(h));
	if (added && s->used >= s->places / 4 * 3)
		err = grow(s);
	if (err)
		return err;
	if (added) {
		s->place[find(s, h)] = *h;
		s->used++;
	}
	if (ret_added)
		*ret_added = added;
	return 0;
}

void hashset_remember(struct hashset *s, const struct hash *h, size_t most)
{
	if (s->used >= most)
		hashset_clear(s);
	(void)!hashset_add(s, h, NULL);
}

bool hashset_has(const struct hashset *s, const struct hash *h)
{
	return s->places && !hash_is_zero(&s->place[find(s, h)]);
}
