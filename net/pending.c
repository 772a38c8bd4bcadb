/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pending.c - two hash tables with chains. Ids are hashes: their first bytes choose the chain.
 */
#include "net/pending.h"

#include "ledger/mem.h"

#include <string.h>

#define CHAINS 4096
#define OWNER_CHAINS 256

/* An identity with requests. */
struct owner {
	struct owner *next;
	struct identity_id id;
	size_t count;
	size_t bytes;
};

struct entry {
	struct entry *next;
	struct hash id;
	uint64_t valid_until;
	struct owner *owner;
	size_t bytes;
};

struct pending {
	struct entry *chain[CHAINS];
	struct owner *owner[OWNER_CHAINS];
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

static struct owner **owner_of(struct pending *p, const struct identity_id *id)
{
	struct owner **at = &p->owner[id->b[0] % OWNER_CHAINS];

	while (*at && memcmp((*at)->id.b, id->b, IDENTITY_BYTES) != 0)
		at = &(*at)->next;
	return at;
}

static void take_out(struct pending *p, struct entry **at)
{
	struct entry *e = *at;
	struct owner *o = e->owner;

	o->count--;
	o->bytes -= e->bytes;
	if (o->count == 0) {
		*owner_of(p, &o->id) = o->next;
		mem_free(o);
	}
	*at = e->next;
	mem_free(e);
	p->count--;
}

void pending_free(struct pending *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < CHAINS; i++) {
		while (p->chain[i])
			take_out(p, &p->chain[i]);
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

int pending_add(struct pending *p, const struct hash *id, uint64_t valid_until,
		const struct identity_id *creator, size_t bytes)
{
	struct entry **at = find(p, id), *e;
	struct owner **place = owner_of(p, creator), *o = *place;

	if (*at)
		return 0;
	if (o && (o->count >= PENDING_OF_ONE_MAX || o->bytes + bytes > PENDING_OF_ONE_BYTES_MAX))
		return CF_EAGAIN;
	e = mem_alloc(sizeof(*e));
	if (e && !o)
		o = mem_zalloc(sizeof(*o));
	if (!e || !o) {
		mem_free(e);
		return CF_ENOMEM;
	}
	o->id = *creator;
	o->count++;
	o->bytes += bytes;
	*place = o;
	*e = (struct entry){NULL, *id, valid_until, o, bytes};
	*at = e;
	p->count++;
	if (valid_until < p->soonest)
		p->soonest = valid_until;
	return 0;
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
