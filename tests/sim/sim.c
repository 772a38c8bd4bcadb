/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim.c - runs a cluster through chaos and after, and reports.
 *
 *	sim --seeds 1000 --from 1        seeds 1 to 1000, after those of tests/sim/seeds.txt
 *	sim --seeds 1 --from 77 --verbose
 *	sim --seeds 1000 --stop		ends with the first failure
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
#define PLAN_LATEST 3
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
static void stub_sign(unsigned key, const struct hash *digest, uint8_t ret_sig[SIG_BYTES])
{
	uint64_t x[4], mix = 0x9e3779b97f4a7c15u * (key + 1u);

	memcpy(x, digest->b, sizeof(x));
	memset(ret_sig, 0, SIG_BYTES);
	for (unsigned i = 0; i < 4; i++) {
		mix = (mix ^ x[i]) * 0xff51afd7ed558ccdu;
		mix ^= mix >> 32;
	}
	memcpy(ret_sig, &mix, sizeof(mix));
	ret_sig[SIG_BYTES - 1] = (uint8_t)key;
}

/* Of no secret: the scalar is the number of the key. */
static struct crypto_key *real_key(struct sim *s, unsigned person, unsigned number)
{
	struct crypto_key **key = &s->key[person][number];
	uint8_t scalar[SCALAR_BYTES] = {0};
	int err;

	if (*key != NULL)
		return *key;
	scalar[0] = 1;
	scalar[SCALAR_BYTES - 2] = (uint8_t)number;
	scalar[SCALAR_BYTES - 1] = (uint8_t)(person + 1);
	err = crypto_key_from_scalar(scalar, key);
	assert(err == 0);
	return *key;
}

void sim_sign(struct sim *s, const struct simset *set, uint8_t member, const struct hash *digest,
	      uint8_t ret_sig[SIG_BYTES])
{
	int err = 0;

	assert(member < set->n);
	if (s->real_crypto)
		err = crypto_sign(real_key(s, set->who[member], set->key[member]), digest, ret_sig);
	else
		stub_sign(set->who[member] + NODES_MAX * set->key[member], digest, ret_sig);
	assert(err == 0);
}

int sim_verify(struct sim *s, const struct simset *set, uint8_t member, const struct hash *digest,
	       const uint8_t sig[SIG_BYTES])
{
	uint8_t want[SIG_BYTES];

	assert(member < set->n);
	if (s->real_crypto)
		return crypto_verify(real_key(s, set->who[member], set->key[member]), digest, sig);
	stub_sign(set->who[member] + NODES_MAX * set->key[member], digest, want);
	return memcmp(want, sig, SIG_BYTES) == 0 ? 0 : CF_ESIG;
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
	const uint8_t member = (uint8_t)rng_below(&s->link_rng, n->set.n);
	const bool lie = !s->healed && rng_chance(&s->link_rng, 200);

	if (n->up)
		node_link(n, member, s->node[n->set.who[member]].up != lie);
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
	case AGENDA_POLL:
		catch_poll(n);
		break;
	}
}

/* All f leaders that may lie had their turn, at the longest patience, and a correct one. */
static void check_fair(struct sim *s, uint64_t healed_at)
{
	const uint64_t turn_ms = 2 * s->config.timers.view_change_max_ms;
	bool censored = false;

	for (unsigned i = 0; i < s->nodes; i++)
		censored = censored || s->node[i].liar == LIAR_CENSOR;
	if (!censored || s->now < healed_at + (members_faults(s->nodes) + 1) * turn_ms + 10000)
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

	for (unsigned i = 0; i < s->nodes; i++) {
		node_start(&s->node[i]);
		if (s->changes > 0)
			catch_poll(&s->node[i]);
	}
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
			sim_say(s, n,
				"member %u of %u, kind %d height %llu core %llu view %llu state %d pool %zu",
				n->member, n->set.n, n->liar, (unsigned long long)n->height,
				(unsigned long long)pbft_height(n->core),
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
	sim_plan(s);
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
	for (unsigned i = 0; i < NODES_MAX * KEYS_MAX; i++)
		crypto_key_free(s->key[i / KEYS_MAX][i % KEYS_MAX]);
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
	fputs("usage: sim [--seeds N] [--from K] [--plan 1|2|3] [--stop] [--verbose]\n", stderr);
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
