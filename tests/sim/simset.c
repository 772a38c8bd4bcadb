/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simset.c - who the members are: a pure function of the genesis and the requests that changed them.
 */
#include "tests/sim/sim.h"

#include <assert.h>

#define CHANGE_SALT 0x9fb21c651e98df25u

enum change { CHANGE_ADD, CHANGE_REMOVE, CHANGE_KEY };

void set_genesis(const struct sim *s, struct simset *ret_set)
{
	*ret_set = (struct simset){.n = s->n};
	for (unsigned i = 0; i < s->n; i++)
		ret_set->who[i] = (uint8_t)i;
}

uint8_t set_index(const struct simset *set, unsigned person)
{
	for (unsigned i = 0; i < set->n; i++) {
		if (set->who[i] == person)
			return (uint8_t)i;
	}
	return PBFT_LEARNER;
}

unsigned set_liars(const struct sim *s, const struct simset *set)
{
	unsigned count = 0;

	for (unsigned i = 0; i < set->n; i++)
		count += s->node[set->who[i]].liar != HONEST;
	return count;
}

static bool is_borne(const struct sim *s, const struct simset *set)
{
	return set->n >= MEMBERS_MIN && set_liars(s, set) <= members_faults(set->n);
}

static void add(const struct sim *s, struct rng *r, struct simset *set)
{
	const unsigned person = s->node[rng_below(r, s->nodes)].person;

	if (set->n == MEMBERS_MAX || set_index(set, person) != PBFT_LEARNER)
		return;
	set->who[set->n] = (uint8_t)person;
	set->key[set->n++] = 0;
}

static void drop(struct rng *r, struct simset *set)
{
	const unsigned at = (unsigned)rng_below(r, set->n--);

	for (unsigned i = at; i < set->n; i++) {
		set->who[i] = set->who[i + 1];
		set->key[i] = set->key[i + 1];
	}
}

void set_change(const struct sim *s, unsigned number, struct simset *set)
{
	struct simset next = *set;
	struct rng r;
	unsigned at;

	if (s->changes == 0)
		return;
	rng_seed(&r, s->seed ^ (number + 1) * CHANGE_SALT);
	switch ((enum change)rng_below(&r, 3)) {
	case CHANGE_ADD:
		add(s, &r, &next);
		break;
	case CHANGE_REMOVE:
		drop(&r, &next);
		break;
	case CHANGE_KEY:
		at = (unsigned)rng_below(&r, next.n);
		next.key[at] = (uint8_t)((next.key[at] + 1) % KEYS_MAX);
		break;
	}
	if (is_borne(s, &next))
		*set = next;
}
