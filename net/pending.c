/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pending.c - a hash table with chains. Ids are hashes: two bytes of one choose its chain.
 */
#include "net/pending.h"

#include "ledger/mem.h"

#define CHAINS 4096

struct entry {
	struct entry *next;
	struct hash id;
	uint64_t valid_until;
};

struct pending {
	struct entry *chain[CHAINS];
	size_t count;
	uint64_t soonest; /* not above any valid_until; what makes most calls of pending_expire cheap */
};

static struct entry **chain_of(struct pending *p, const struct hash *id)
{
	return &p->chain[((unsigned)id->b[0] << 8 | id->b[1]) % CHAINS];
}

int pending_new(struct pending **ret_p)
{
	struct pending *p = mem_zalloc(sizeof(*p));

	if (!p)
		return CF_ENOMEM;
	p->soonest = UINT64_MAX;
	*ret_p = p;
	return 0;
}

void pending_free(struct pending *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < CHAINS; i++) {
		while (p->chain[i]) {
			struct entry *e = p->chain[i];

			p->chain[i] = e->next;
			mem_free(e);
		}
	}
	mem_free(p);
}

static struct entry **find(struct pending *p, const struct hash *id)
{
	struct entry **at = chain_of(p, id);

	while (*at && !hash_equal(&(*at)->id, id))
		at = &(*at)->next;
	return at;
}

int pending_add(struct pending *p, const struct hash *id, uint64_t valid_until)
{
	struct entry **at = find(p, id), *e;

	if (*at)
		return 0;
	e = mem_alloc(sizeof(*e));
	if (!e)
		return CF_ENOMEM;
	*e = (struct entry){NULL, *id, valid_until};
	*at = e;
	p->count++;
	if (valid_until < p->soonest)
		p->soonest = valid_until;
	return 0;
}

static void take_out(struct pending *p, struct entry **at)
{
	struct entry *e = *at;

	*at = e->next;
	mem_free(e);
	p->count--;
}

void pending_remove(struct pending *p, const struct hash *id)
{
	struct entry **at = find(p, id);

	if (*at)
		take_out(p, at);
}

size_t pending_expire(struct pending *p, uint64_t height, struct hash *ret_ids, size_t max)
{
	uint64_t soonest = UINT64_MAX;
	size_t n = 0;

	if (p->soonest > height)
		return 0;
	for (unsigned i = 0; i < CHAINS; i++) {
		struct entry **at = &p->chain[i];

		while (*at) {
			if ((*at)->valid_until <= height && n < max) {
				ret_ids[n++] = (*at)->id;
				take_out(p, at);
				continue;
			}
			if ((*at)->valid_until < soonest)
				soonest = (*at)->valid_until;
			at = &(*at)->next;
		}
	}
	p->soonest = soonest;
	return n;
}

size_t pending_count(const struct pending *p)
{
	return p->count;
}
