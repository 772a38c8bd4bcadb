/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim.c - plans a cluster from a seed, runs it through chaos and after, and reports.
 *
 *	sim --seeds 1000 --from 1        seeds 1 to 1000, after those of tests/sim/seeds.txt
 *	sim --seeds 1 --from 77 --verbose
 *	sim --seeds 1000 --stop		ends with the first failure
 *
 * A seed means a run only together with the form of the plan, which grows: plan 1 is what it was, plan 2 adds
 * to it out of random numbers of its own. tests/sim/seeds.txt names the plan of each seed.
 */
#include "tests/sim/sim.h"

#include "ledger/mem.h"
#include "tests/sim/simcheck.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS_FILE "tests/sim/seeds.txt"
#define LIVE_MS 60000      /* after the network heals */
#define EVENTS_MAX 3000000 /* a run of more has a storm of messages */
#define CLIENT_RESEND_MS 300
#define REAL_CRYPTO_EACH 50
#define PLAN_LATEST 2
#define PLAN_SALT 0x5851f42d4c957f2du
#define LINK_SALT 0x2545f4914f6cdd1du
#define RUMOURS 5 /* in a thousand events */

void sim_fail(struct sim *s, const char *invariant, const char *fmt, ...)
{
	va_list ap;
	int at;

	if (s->failure[0] != 0)
		return;
	at = snprintf(s->failure, sizeof(s->failure), "%s at %llu ms: ", invariant,
		      (unsigned long long)s->now);
	va_start(ap, fmt);
	vsnprintf(s->failure + at, sizeof(s->failure) - (size_t)at, fmt, ap);
	va_end(ap);
}

void sim_say(const struct sim *s, const struct node *n, const char *fmt, ...)
{
	va_list ap;

	if (!s->verbose)
		return;
	printf("%6llu ", (unsigned long long)s->now);
	if (n != NULL)
		printf("node %u: ", n->at);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

/* The stub: nobody in a simulation forges, so a keyed mix is as good as a signature, and far quicker. */
static void stub_sign(uint8_t member, const struct hash *digest, uint8_t ret_sig[SIG_BYTES])
{
	uint64_t x[4], mix = 0x9e3779b97f4a7c15u * (member + 1u);

	memcpy(x, digest->b, sizeof(x));
	memset(ret_sig, 0, SIG_BYTES);
	for (unsigned i = 0; i < 4; i++) {
		mix = (mix ^ x[i]) * 0xff51afd7ed558ccdu;
		mix ^= mix >> 32;
	}
	memcpy(ret_sig, &mix, sizeof(mix));
	ret_sig[SIG_BYTES - 1] = member;
}

void sim_sign(struct sim *s, uint8_t member, const struct hash *digest, uint8_t ret_sig[SIG_BYTES])
{
	int err = 0;

	if (s->real_crypto)
		err = crypto_sign(s->key[member], digest, ret_sig);
	else
		stub_sign(member, digest, ret_sig);
	assert(err == 0);
}

int sim_verify(struct sim *s, uint8_t member, const struct hash *digest, const uint8_t sig[SIG_BYTES])
{
	uint8_t want[SIG_BYTES];

	assert(member < s->n);
	if (s->real_crypto)
		return crypto_verify(s->key[member], digest, sig);
	stub_sign(member, digest, want);
	return memcmp(want, sig, SIG_BYTES) == 0 ? 0 : CF_ESIG;
}

static void plan_config(struct sim *s)
{
	static const unsigned rotate[] = {0, 0, 3, 10, 100};
	struct pbft_timers *t = &s->config.timers;
	struct rng *r = &s->rng;

	s->config.network = s->network;
	s->config.n = (uint8_t)s->n;
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
		s->node[at].member = (uint8_t)i;
		s->node[at].skew_ms = (int64_t)rng_below(&s->rng, CLOCK_DRIFT_MS / 2) - CLOCK_DRIFT_MS / 4;
	}
	for (unsigned i = 0; i < liars; i++) {
		unsigned who = (unsigned)rng_below(&s->rng, s->n);
		enum liar liar = (enum liar)rng_between(&s->rng, LIAR_MUTE, LIAR_TWINS);

		if (s->node[who].liar != HONEST)
			continue;
		s->node[who].liar = liar;
		if (liar == LIAR_TWINS) {
			s->node[at].member = (uint8_t)who;
			s->node[at++].liar = LIAR_TWINS;
		}
	}
	s->nodes = at;
	for (unsigned i = 0; i < s->nodes; i++) {
		s->node[i].sim = s;
		s->node[i].at = i;
		sim_say(s, &s->node[i], "member %u, kind %d", s->node[i].member, s->node[i].liar);
	}
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
	if (rng_chance(r, 250)) {
		struct node *n = &s->node[s->nodes];

		n->sim = s;
		n->at = s->nodes++;
		n->member = PBFT_LEARNER;
		sim_say(s, n, "learns");
	}
}

static void plan(struct sim *s)
{
	static const unsigned sizes[] = {4, 4, 4, 5, 6, 7, 7, 10};
	uint64_t chaos_ms;

	rng_seed(&s->rng, s->seed);
	rng_seed(&s->plan_rng, s->seed ^ PLAN_SALT);
	rng_seed(&s->link_rng, s->seed ^ LINK_SALT);
	if (rng_chance(&s->link_rng, 700))
		s->config.timers.leader_lost_ms = (uint32_t)rng_between(&s->link_rng, 10, 300);
	s->real_crypto = s->seed % REAL_CRYPTO_EACH == 0;
	s->n = sizes[rng_below(&s->rng, 8)];
	memset(s->network.b, 7, HASH_BYTES);
	for (unsigned i = 0; i < s->n && s->real_crypto; i++) {
		uint8_t scalar[SCALAR_BYTES] = {0};
		int err;

		scalar[0] = 1;
		scalar[SCALAR_BYTES - 1] = (uint8_t)(i + 1);
		err = crypto_key_from_scalar(scalar, &s->key[i]);
		assert(err == 0);
	}
	plan_config(s);
	plan_nodes(s);
	s->age_ms = 3000;
	if (s->plan >= 2)
		plan_more(s);
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

static void client(struct sim *s, unsigned number)
{
	if (number == s->issued || number > s->issued)
		s->issued = number + 1;
	if (check_is_acked(s, number) && !s->healed)
		return;
	for (unsigned i = 0; i < s->nodes; i++) {
		if (s->node[i].up && !rng_chance(&s->rng, s->net.loss))
			node_request(&s->node[i], number, false);
	}
	if (!check_is_acked(s, number))
		net_add(s, (struct agenda){.kind = AGENDA_CLIENT, .number = number}, CLIENT_RESEND_MS);
}

static void mishap(struct sim *s)
{
	const bool all = rng_chance(&s->rng, 150);
	const unsigned victim = (unsigned)rng_below(&s->rng, s->nodes);

	if (s->healed)
		return;
	for (unsigned i = 0; i < s->nodes; i++) {
		struct node *n = &s->node[i];

		if (!n->up || (!all && i != victim))
			continue;
		if (!all && s->plan >= 2 && rng_chance(&s->plan_rng, 200)) {
			n->full_until_ms = s->now + rng_below(&s->plan_rng, 4000);
			continue;
		}
		if (!all && rng_chance(&s->rng, 800)) {
			n->crash_in = (unsigned)rng_between(&s->rng, 1, 12);
			continue;
		}
		node_crash(n);
		net_add(s, (struct agenda){.kind = AGENDA_RESTART, .node = i}, rng_below(&s->rng, 3000));
	}
	sim_say(s, NULL, all ? "power loss" : "a crash is near");
}

static void weather(struct sim *s, bool last)
{
	if (s->healed)
		return;
	if (!last) {
		net_weather(s);
		return;
	}
	s->healed = true;
	net_heal(s);
	sim_say(s, NULL, "healed");
	for (unsigned i = 0; i < s->nodes; i++) {
		s->node[i].crash_in = 0;
		s->node[i].full_until_ms = 0;
		node_start(&s->node[i]);
	}
}

/* Some node is told of a link: what is true, late, or false. Once healed, the truth. */
static void rumour(struct sim *s)
{
	struct node *n = &s->node[rng_below(&s->link_rng, s->nodes)];
	const uint8_t member = (uint8_t)rng_below(&s->link_rng, s->n);
	const bool lie = !s->healed && rng_chance(&s->link_rng, 200);

	if (n->up)
		node_link(n, member, s->node[member].up != lie);
}

static void dispatch(struct sim *s, const struct agenda *a)
{
	struct node *n = &s->node[a->node];
	const bool alive = n->up && n->life == a->life;

	switch (a->kind) {
	case AGENDA_PACKET:
		if (n->up)
			node_packet(n, a->packet);
		packet_drop(a->packet);
		break;
	case AGENDA_WAKE:
		if (alive)
			node_wake(n);
		break;
	case AGENDA_ANSWER:
		if (alive)
			node_answer(n, a->number);
		break;
	case AGENDA_STORE:
		if (alive)
			node_store(n);
		break;
	case AGENDA_RESTART:
		node_start(n);
		break;
	case AGENDA_CLIENT:
		client(s, a->number);
		break;
	case AGENDA_WEATHER:
		weather(s, a->number == 1);
		break;
	case AGENDA_MISHAP:
		mishap(s);
		break;
	}
}

/* All f leaders that may lie had their turn, at the longest patience, and a correct one. */
static void check_fair(struct sim *s, uint64_t healed_at)
{
	const uint64_t turn_ms = 2 * s->config.timers.view_change_max_ms;
	bool censored = false;

	for (unsigned i = 0; i < s->n; i++)
		censored = censored || s->node[i].liar == LIAR_CENSOR;
	if (!censored || s->now < healed_at + (members_faults(s->n) + 1) * turn_ms + 10000)
		return;
	for (unsigned i = 0; i < s->requests; i++) {
		if (app_is_censored(i) && !check_is_acked(s, i))
			sim_fail(s, "FAIR", "request %u is left out, height %llu", i,
				 (unsigned long long)check_height(s));
	}
}

static void run(struct sim *s)
{
	uint64_t healed_at = 0, events = 0;
	struct agenda a;

	for (unsigned i = 0; i < s->nodes; i++)
		node_start(&s->node[i]);
	while (s->failure[0] == 0 && net_next(s, &a)) {
		s->now = a.at_ms;
		dispatch(s, &a);
		if (rng_chance(&s->link_rng, RUMOURS))
			rumour(s);
		if (s->healed && healed_at == 0)
			healed_at = s->now;
		if (s->healed && check_converged(s))
			break;
		if (s->healed)
			check_fair(s, healed_at);
		if (s->healed && s->now > healed_at + LIVE_MS)
			sim_fail(s, "LIVE", "height %llu, not all is committed",
				 (unsigned long long)check_height(s));
		if (++events > EVENTS_MAX)
			sim_fail(s, "BOUND", "too many events");
	}
	check_final(s);
	sim_say(s, NULL, "height %llu after %llu events", (unsigned long long)check_height(s),
		(unsigned long long)events);
}

static void say_state(const struct sim *s)
{
	for (unsigned i = 0; i < s->nodes; i++) {
		const struct node *n = &s->node[i];

		if (n->up)
			sim_say(s, n, "kind %d height %llu core %llu view %llu state %d pool %zu", n->liar,
				(unsigned long long)n->height, (unsigned long long)pbft_height(n->core),
				(unsigned long long)pbft_view(n->core), pbft_state(n->core),
				pbft_pool_count(n->core));
	}
}

static bool run_seed(uint64_t seed, unsigned form, bool verbose)
{
	struct sim *s = mem_zalloc(sizeof(*s));
	bool passed;

	assert(s != NULL);
	s->seed = seed;
	s->plan = form;
	s->verbose = verbose;
	plan(s);
	run(s);
	say_state(s);
	passed = s->failure[0] == 0;
	if (!passed)
		printf("seed %llu: %s\n  replay: sim --seeds 1 --from %llu --plan %u --verbose\n",
		       (unsigned long long)seed, s->failure, (unsigned long long)seed, form);
	fflush(stdout);
	net_release(s);
	for (unsigned i = 0; i < s->nodes; i++)
		node_free(&s->node[i]);
	for (unsigned i = 0; i < s->n; i++)
		crypto_key_free(s->key[i]);
	mem_free(s->node);
	check_free(s->checker);
	mem_free(s);
	return passed;
}

/* Seeds that failed once come first: "seed plan what it was". */
static void run_old_seeds(unsigned long *passed, unsigned long *failed)
{
	FILE *f = fopen(SEEDS_FILE, "r");
	char line[128];

	if (f == NULL)
		return;
	while (fgets(line, sizeof(line), f) != NULL) {
		unsigned long long seed;
		unsigned form;

		if (sscanf(line, "%llu %u", &seed, &form) != 2)
			continue;
		if (run_seed(seed, form, false))
			++*passed;
		else
			++*failed;
	}
	fclose(f);
}

static int usage(void)
{
	fputs("usage: sim [--seeds N] [--from K] [--plan 1|2] [--stop] [--verbose]\n", stderr);
	return 1;
}

int main(int argc, char **argv)
{
	unsigned long long from = 1, seeds = 100;
	unsigned long passed = 0, failed = 0;
	unsigned form = PLAN_LATEST;
	bool verbose = false, stop = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--verbose") == 0)
			verbose = true;
		else if (strcmp(argv[i], "--stop") == 0)
			stop = true;
		else if (strcmp(argv[i], "--plan") == 0 && i + 1 < argc)
			form = (unsigned)strtoul(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc)
			seeds = strtoull(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--from") == 0 && i + 1 < argc)
			from = strtoull(argv[++i], NULL, 10);
		else
			return usage();
	}
	if (!verbose)
		run_old_seeds(&passed, &failed);
	for (unsigned long long seed = from; seed < from + seeds && !(stop && failed > 0); seed++) {
		if (run_seed(seed, form, verbose))
			passed++;
		else
			failed++;
	}
	printf("%lu passed, %lu failed\n", passed, failed);
	return failed == 0 ? 0 : 1;
}
