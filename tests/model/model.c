/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model.c - every state that one height of the protocol can come to: four members, one of them a liar, two
 * values, a few views. Asserts agreement; and that each of eight small mistakes breaks it.
 *
 *	model --views 3		TAP: the protocol, then each mistake
 *	model --views 3 --trace	shows the shortest way to each disagreement
 *
 * The abstraction. What was sent stays sent and may be heard at any time or never, so loss, delay, order and
 * doubling need no states: a state is the local memory of each correct member and the set of all it ever
 * sent. The liar's votes are always there, for both values; it cannot forge the votes of others, so it shows
 * only certificates that exist. Timers may fire at any time. A member passes all views one by one: skipping
 * one only means to have sent less. NEW-VIEW and the vote on what it carries are one step, since entering a
 * view alone changes nothing that others see. A certificate of COMMITs is a property of what was sent.
 * Safety only. The same rules in C: net/pbft_order.c, net/pbft_viewchange.c, net/pbft_newview.c.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N 4
#define QUORUM 3
#define VIEWS_MAX 4

#define COMMITTED 1 /* in the current view */
#define CRASHED 2

/* A value is a bit, 1 or 2. A lock is 0 or 1 + 2 * view + (value - 1). */
struct member {
	uint8_t view;
	uint8_t voted; /* value, in the current view; 0: not yet */
	uint8_t flags;
	uint8_t lock;
	/* sent: two bits a view; a leader's PRE-PREPARE stands for its vote */
	uint8_t prepares;
	uint8_t commits;
	/* sent: VIEW-CHANGEs, a bit for each lock that one may show; those for view v begin at bit v * v - 1
	 */
	uint16_t changes;
};

struct state {
	struct member m[N]; /* that of the liar stays empty */
};

enum mistake {
	NONE,
	COUNT_LEADER,
	LOWEST,
	BARE_CHANGE,
	CHANGE_QUORUM,
	FORGET_VOTES,
	FORGET_PREPARE,
	FORGET_CHANGE,
	FORGET_LOCK,
	MISTAKES
};

static const char *const mistake_name[MISTAKES] = {
	"the protocol as it is",
	"that the leader's own PREPARE counts",
	"that NEW-VIEW takes the lowest prepared certificate",
	"that VIEW-CHANGE shows no certificate",
	"that two VIEW-CHANGEs make a NEW-VIEW",
	"that a restart forgets votes",
	"that a restart forgets a PREPARE",
	"that a restart forgets a VIEW-CHANGE",
	"that a restart forgets the prepared certificate",
};

struct search {
	enum mistake mistake;
	unsigned liar;
	unsigned views;
	struct state *state; /* in order of discovery, so by distance: the queue of the search */
	uint32_t *parent;
	size_t count, cap;
	uint32_t *table; /* index + 1; 0: free */
	size_t table_cap;
	unsigned deciding; /* the views in which a certificate of COMMITs is possible, as a set */
};

static unsigned leader_of(unsigned view)
{
	return view % N;
}

static unsigned said(uint8_t sent, unsigned view)
{
	return (sent >> (2 * view)) & 3;
}

/* PRE-PREPARE, and PREPAREs of Q-1 that do not lead. */
static bool is_prepared(const struct search *x, const struct state *s, unsigned view, unsigned value)
{
	const unsigned leader = leader_of(view);
	unsigned count = 0;

	if (leader != x->liar && !(said(s->m[leader].prepares, view) & value))
		return false;
	for (unsigned i = 0; i < N; i++) {
		if (i == leader && x->mistake != COUNT_LEADER)
			continue;
		count += i == x->liar || (said(s->m[i].prepares, view) & value);
	}
	return count >= QUORUM - 1;
}

/* The locks that VIEW-CHANGEs of this member for this view show, as a set. */
static unsigned changes_of(const struct search *x, const struct state *s, unsigned i, unsigned view)
{
	unsigned set = 1;

	if (i != x->liar)
		return (s->m[i].changes >> (view * view - 1)) & ((1u << (2 * view + 1)) - 1);
	for (unsigned w = 0; w < view && x->mistake != BARE_CHANGE; w++) {
		for (unsigned value = 1; value <= 2; value++) {
			if (is_prepared(x, s, w, value))
				set |= 1u << (2 * w + value);
		}
	}
	return set;
}

/* Are there VIEW-CHANGEs of Q members with locks out of this set, one of them `must`? */
static bool has_changes(const struct search *x, const struct state *s, unsigned view, unsigned set,
			unsigned must)
{
	const unsigned leader = leader_of(view);
	unsigned count = 0, found = 0;

	for (unsigned i = 0; i < N; i++) {
		const unsigned changes = changes_of(x, s, i, view);

		count += (changes & set) != 0;
		found |= changes & must;
		if (i == leader && (changes & set) == 0)
			return false; /* its own one is always among them */
	}
	return found != 0 && count >= (x->mistake == CHANGE_QUORUM ? 2 : QUORUM);
}

/* May a NEW-VIEW for this view carry this value, seen by whoever computes it again? */
static bool is_choice(const struct search *x, const struct state *s, unsigned view, unsigned value)
{
	const unsigned all = (1u << (2 * view + 1)) - 1;

	if (has_changes(x, s, view, 1, 1))
		return true; /* nothing is locked: the leader is free */
	for (unsigned w = 0; w < view; w++) {
		unsigned not_above = (1u << (2 * w + 3)) - 1;

		if (x->mistake == LOWEST)
			not_above = (all & ~((1u << (2 * w + 1)) - 1)) | 1;
		if (has_changes(x, s, view, not_above, 1u << (2 * w + value)))
			return true;
	}
	return false;
}

/* May this member vote for it, or propose it if it leads? */
static bool may_vote(const struct search *x, const struct state *s, unsigned i, unsigned value)
{
	const unsigned view = s->m[i].view;
	const unsigned leader = leader_of(view);

	if (s->m[i].voted != 0)
		return false;
	if (leader != i && leader != x->liar)
		return said(s->m[leader].prepares, view) & value;
	return view == 0 || is_choice(x, s, view, value);
}

static bool disagree(struct search *x, const struct state *s)
{
	unsigned decided = 0;

	for (unsigned view = 0; view < x->views; view++) {
		for (unsigned value = 1; value <= 2; value++) {
			unsigned count = 1; /* the liar */

			for (unsigned i = 0; i < N; i++)
				count += (said(s->m[i].commits, view) & value) != 0;
			if (count < QUORUM)
				continue;
			decided |= value;
			x->deciding |= 1u << view;
		}
	}
	return decided == 3;
}

/* --- the set of states --- */

static uint64_t mix(const struct state *s)
{
	uint64_t word[N], h = 0;

	memcpy(word, s, sizeof(word));
	for (unsigned i = 0; i < N; i++) {
		h = (h ^ word[i]) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	return h;
}

static void *must_realloc(void *p, size_t bytes)
{
	p = realloc(p, bytes);
	if (p == NULL) {
		fputs("model: out of memory\n", stderr);
		exit(2);
	}
	return p;
}

static uint32_t *find(const struct search *x, const struct state *s)
{
	size_t at = mix(s) & (x->table_cap - 1);

	while (x->table[at] != 0 && memcmp(&x->state[x->table[at] - 1], s, sizeof(*s)) != 0)
		at = (at + 1) & (x->table_cap - 1);
	return &x->table[at];
}

static void grow(struct search *x)
{
	x->cap = x->cap == 0 ? 1 << 16 : x->cap * 2;
	x->table_cap = x->cap * 2;
	x->state = must_realloc(x->state, x->cap * sizeof(*x->state));
	x->parent = must_realloc(x->parent, x->cap * sizeof(*x->parent));
	x->table = must_realloc(x->table, x->table_cap * sizeof(*x->table));
	memset(x->table, 0, x->table_cap * sizeof(*x->table));
	for (size_t i = 0; i < x->count; i++)
		*find(x, &x->state[i]) = (uint32_t)i + 1;
}

static void add(struct search *x, const struct state *s, size_t parent)
{
	uint32_t *slot;

	if (x->count == x->cap)
		grow(x);
	slot = find(x, s);
	if (*slot != 0)
		return;
	x->state[x->count] = *s;
	x->parent[x->count] = (uint32_t)parent;
	*slot = (uint32_t)++x->count;
}

/* --- the steps --- */

/* After it this member never votes below its new view: what it shows as its lock stays the highest. */
static void leave_view(struct search *x, struct state s, unsigned i, size_t parent)
{
	struct member *m = &s.m[i];
	const unsigned shown = x->mistake == BARE_CHANGE ? 0 : m->lock;

	if (m->view + 1u >= x->views)
		return;
	m->view++;
	m->voted = 0;
	m->flags &= CRASHED;
	m->changes |= (uint16_t)(1u << (m->view * m->view - 1 + shown));
	add(x, &s, parent);
}

static void vote(struct search *x, struct state s, unsigned i, unsigned value, size_t parent)
{
	struct member *m = &s.m[i];

	if (!may_vote(x, &s, i, value))
		return;
	m->voted = (uint8_t)value;
	m->prepares |= (uint8_t)(value << (2 * m->view));
	add(x, &s, parent);
}

static void commit(struct search *x, struct state s, unsigned i, size_t parent)
{
	struct member *m = &s.m[i];

	if (m->voted == 0 || (m->flags & COMMITTED) || !is_prepared(x, &s, m->view, m->voted))
		return;
	m->flags |= COMMITTED;
	m->lock = (uint8_t)(2 * m->view + m->voted);
	m->commits |= (uint8_t)(m->voted << (2 * m->view));
	add(x, &s, parent);
}

/* Back to the last view it voted in, as if it had not left that. */
static void forget_change(struct member *m)
{
	unsigned view = m->view;

	while (view > 0 && said(m->prepares, view) == 0)
		view--;
	m->view = (uint8_t)view;
	m->voted = (uint8_t)said(m->prepares, view);
	if (m->lock != 0 && (m->lock - 1u) / 2 == view)
		m->flags |= COMMITTED;
}

/* Once, one member. A restart that forgets nothing is no step at all. */
static void crash(struct search *x, struct state s, unsigned i, size_t parent)
{
	struct member *m = &s.m[i];

	for (unsigned k = 0; k < N; k++) {
		if (s.m[k].flags & CRASHED)
			return;
	}
	if (x->mistake == FORGET_VOTES) {
		m->voted = 0;
		m->flags = 0;
		m->lock = 0;
	} else if (x->mistake == FORGET_PREPARE && !(m->flags & COMMITTED)) {
		m->voted = 0;
	} else if (x->mistake == FORGET_CHANGE) {
		forget_change(m);
	} else if (x->mistake == FORGET_LOCK) {
		m->lock = 0;
	} else {
		return;
	}
	m->flags |= CRASHED;
	add(x, &s, parent);
}

/* All states from the first one on; true: agreement holds in each. The last state found breaks it else. */
static bool explore(struct search *x)
{
	const struct state first = {0};

	x->count = 0;
	memset(x->table, 0, x->table_cap * sizeof(*x->table));
	add(x, &first, 0);
	for (size_t at = 0; at < x->count; at++) {
		const struct state s = x->state[at];
		size_t seen = x->count;

		for (unsigned i = 0; i < N; i++) {
			if (i == x->liar)
				continue;
			leave_view(x, s, i, at);
			vote(x, s, i, 1, at);
			vote(x, s, i, 2, at);
			commit(x, s, i, at);
			crash(x, s, i, at);
		}
		for (; seen < x->count; seen++) {
			if (disagree(x, &x->state[seen])) {
				x->count = seen + 1;
				return false;
			}
		}
	}
	return true;
}

/* --- the report --- */

static void print_sent(const char *what, uint8_t sent)
{
	for (unsigned view = 0; view < VIEWS_MAX; view++) {
		for (unsigned value = 1; value <= 2; value++) {
			if (said(sent, view) & value)
				printf(" %s%u%c", what, view, "AB"[value - 1]);
		}
	}
}

static void print_trace(const struct search *x, size_t at)
{
	const struct state *s = &x->state[at];

	if (at != 0)
		print_trace(x, x->parent[at]);
	for (unsigned i = 0; i < N; i++) {
		const struct member *m = &s->m[i];

		if (i == x->liar || memcmp(m, &x->state[x->parent[at]].m[i], sizeof(*m)) == 0)
			continue;
		printf("#   member %u: view %u%s, lock %u, sent", i, m->view,
		       m->flags & CRASHED ? ", restarted" : "", m->lock);
		print_sent("p", m->prepares);
		print_sent("c", m->commits);
		printf("\n");
	}
}

/* With each member as the liar. A mistake needs one liar only that finds it. */
static bool check(struct search *x, bool trace)
{
	size_t states = 0;
	bool holds = true;

	for (x->liar = 0; x->liar < N && holds; x->liar++) {
		x->deciding = 0;
		holds = explore(x);
		/* A model in which nothing happens would agree, too. */
		assert(!holds || x->deciding == (1u << x->views) - 1);
		states += x->count;
		if (!holds) {
			printf("# member %u lies: disagreement after %zu states\n", x->liar, states);
			if (trace)
				print_trace(x, x->count - 1);
		}
	}
	if (holds)
		printf("# %zu states, whoever lies: agreement\n", states);
	return holds;
}

int main(int argc, char **argv)
{
	struct search x = {.views = 3};
	bool trace = false, good = true;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--trace") == 0) {
			trace = true;
		} else if (strcmp(argv[i], "--views") == 0 && i + 1 < argc) {
			x.views = (unsigned)strtoul(argv[++i], NULL, 10);
		} else {
			fputs("usage: model [--views 1..4] [--trace]\n", stderr);
			return 2;
		}
	}
	if (x.views < 1 || x.views > VIEWS_MAX)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	grow(&x);
	printf("1..%d\n", MISTAKES);
	for (x.mistake = NONE; x.mistake < MISTAKES; x.mistake++) {
		const bool as_wanted = check(&x, trace) == (x.mistake == NONE);

		printf("%s %d - %u views: %s%s\n", as_wanted ? "ok" : "not ok", x.mistake + 1, x.views,
		       mistake_name[x.mistake], x.mistake == NONE ? "" : " is found out");
		good = good && as_wanted;
	}
	free(x.state);
	free(x.parent);
	free(x.table);
	return good ? 0 : 1;
}
