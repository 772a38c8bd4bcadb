/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simplan.c - plans a cluster from a seed: its size and timers, who lies how, when what goes wrong.
 *
 * A seed means a run only together with the form of the plan, which grows: plan 1 is what it was, plans 2 and
 * 3 add to it out of random numbers of their own. tests/sim/seeds.txt names the plan of each seed.
 */
#include "ledger/mem.h"
#include "tests/sim/simcheck.h"

#include <assert.h>
#include <string.h>

#define REAL_CRYPTO_EACH 50
#define PLAN_SALT 0x5851f42d4c957f2du
#define SIZE_SALT 0x8cb92ba72f3d8dd7u
#define SET_SALT 0xda942042e4dd58b5u
#define LINK_SALT 0x2545f4914f6cdd1du

static void plan_config(struct sim *s)
{
	static const unsigned rotate[] = {0, 0, 3, 10, 100};
	struct pbft_timers *t = &s->config.timers;
	struct rng *r = &s->rng;

	s->config.network = s->network;
	s->config.batch_requests_max = (uint32_t)rng_between(r, 1, 40);
	s->config.batch_bytes_max = 1 << 20;
	t->request_forward_ms = 150;
	t->request_complain_ms = (uint32_t)rng_between(r, 300, 800);
	t->view_change_ms = (uint32_t)rng_between(r, 200, 600);
	t->view_change_max_ms = 4000;
	t->resend_ms = (uint32_t)rng_between(r, 50, 200);
	t->status_ms = (uint32_t)rng_between(r, 100, 400);
	t->heartbeat_ms = rng_chance(r, 300) ? (uint32_t)rng_between(r, 200, 1000) : 0;
	t->batch_wait_ms = rng_chance(r, 500) ? 0 : (uint32_t)rng_below(r, 30);
	t->rotate_blocks = rotate[rng_below(r, 5)];
}

/* Up to f members lie; twins stand behind the members. */
static void plan_nodes(struct sim *s)
{
	const unsigned liars =
		rng_chance(&s->rng, 300) ? 0 : (unsigned)rng_between(&s->rng, 0, members_faults(s->n));
	unsigned at = 0;

	s->node = mem_zalloc(NODES_MAX * sizeof(*s->node));
	assert(s->node != NULL);
	for (unsigned i = 0; i < s->n; i++, at++) {
		s->node[at].person = (uint8_t)i;
		s->node[at].skew_ms = (int64_t)rng_below(&s->rng, CLOCK_DRIFT_MS / 2) - CLOCK_DRIFT_MS / 4;
	}
	for (unsigned i = 0; i < liars; i++) {
		unsigned who = (unsigned)rng_below(&s->rng, s->n);
		enum liar liar = (enum liar)rng_between(&s->rng, LIAR_MUTE, LIAR_TWINS);

		if (s->node[who].liar != HONEST)
			continue;
		s->node[who].liar = liar;
		if (liar == LIAR_TWINS) {
			s->node[at].person = (uint8_t)who;
			s->node[at++].liar = LIAR_TWINS;
		}
	}
	s->nodes = at;
	for (unsigned i = 0; i < s->nodes; i++) {
		s->node[i].sim = s;
		s->node[i].at = i;
		sim_say(s, &s->node[i], "person %u, kind %d", s->node[i].person, s->node[i].liar);
	}
}

static void plan_learner(struct sim *s)
{
	struct node *n = &s->node[s->nodes];

	n->sim = s;
	n->at = s->nodes++;
	n->person = (uint8_t)n->at;
	sim_say(s, n, "learns");
}

/* What plan 2 adds: epochs, a network that chooses what it loses, two kinds of liars, a learner, full disks.
 */
static void plan_more(struct sim *s)
{
	struct rng *r = &s->plan_rng;
	const unsigned f = members_faults(s->n);
	unsigned liars = 0;

	s->age_ms = 300;
	s->choosy = rng_chance(r, 500);
	s->epochs = rng_chance(r, 300);
	for (unsigned i = 0; i < s->n; i++)
		liars += s->node[i].liar != HONEST;
	for (unsigned i = 0; i < s->n; i++) {
		struct node *n = &s->node[i];
		const bool new = n->liar == HONEST &&liars < f &&rng_chance(r, 100);

		if (!new && (n->liar == HONEST || n->liar == LIAR_TWINS || !rng_chance(r, 400)))
			continue;
		liars += new;
		n->liar = rng_chance(r, 700) ? LIAR_HOLD : LIAR_CENSOR;
		/* Blocks go by while one request waits. */
		if (n->liar == LIAR_CENSOR && rng_chance(r, 700))
			s->config.timers.heartbeat_ms = (uint32_t)rng_between(r, 50, 250);
		sim_say(s, n, "is of kind %d", n->liar);
	}
	if (rng_chance(r, 250))
		plan_learner(s);
}

/*
 * What plan 3 adds: in some runs the epochs change the members. Learners wait to become some, members that
 * are removed go on as learners, keys are replaced.
 */
static void plan_changes(struct sim *s)
{
	struct rng *r = &s->set_rng;

	if (!rng_chance(r, 400))
		return;
	s->epochs = true;
	s->changes = (unsigned)rng_between(r, 1, 4);
	for (uint64_t spare = rng_below(r, 4); spare > 0 && s->nodes < NODES_MAX; spare--)
		plan_learner(s);
}

/* From plan 3 on a few clusters are large. */
static unsigned plan_size(struct sim *s)
{
	static const unsigned sizes[] = {4, 4, 4, 5, 6, 7, 7, 10};
	const unsigned usual = sizes[rng_below(&s->rng, 8)];
	struct rng r;

	rng_seed(&r, s->seed ^ SIZE_SALT);
	return s->plan >= 3 && rng_chance(&r, 50) ? (unsigned)rng_between(&r, 8, MEMBERS_MAX) : usual;
}

void sim_plan(struct sim *s)
{
	uint64_t chaos_ms;

	rng_seed(&s->rng, s->seed);
	rng_seed(&s->plan_rng, s->seed ^ PLAN_SALT);
	rng_seed(&s->link_rng, s->seed ^ LINK_SALT);
	rng_seed(&s->set_rng, s->seed ^ SET_SALT);
	if (rng_chance(&s->link_rng, 700))
		s->config.timers.leader_lost_ms = (uint32_t)rng_between(&s->link_rng, 10, 300);
	s->real_crypto = s->seed % REAL_CRYPTO_EACH == 0;
	s->n = plan_size(s);
	memset(s->network.b, 7, HASH_BYTES);
	plan_config(s);
	plan_nodes(s);
	s->age_ms = 3000;
	if (s->plan >= 2)
		plan_more(s);
	if (s->plan >= 3)
		plan_changes(s);
	s->checker = check_new();
	net_heal(s);
	chaos_ms = rng_between(&s->rng, 3000, 15000);
	s->requests = (unsigned)rng_between(&s->rng, 5, 60);
	for (unsigned i = 0; i < s->requests; i++)
		net_add(s, (struct agenda){.kind = AGENDA_CLIENT, .number = i}, rng_below(&s->rng, chaos_ms));
	for (uint64_t at = 0; at < chaos_ms; at += rng_between(&s->rng, 100, 2500))
		net_add(s, (struct agenda){.kind = AGENDA_WEATHER}, at);
	for (uint64_t at = rng_below(&s->rng, 2000); at < chaos_ms; at += rng_between(&s->rng, 100, 4000))
		net_add(s, (struct agenda){.kind = AGENDA_MISHAP}, at);
	net_add(s, (struct agenda){.kind = AGENDA_WEATHER, .number = 1}, chaos_ms);
	sim_say(s, NULL, "n %u, %u nodes, %u requests, %llu ms of chaos", s->n, s->nodes, s->requests,
		(unsigned long long)chaos_ms);
}
