/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simnet.c - the agenda (a heap of what will happen) and the network on top of it.
 */
#include "ledger/mem.h"
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void rng_seed(struct rng *r, uint64_t seed)
{
	uint64_t z = seed + 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	r->s = (z ^ (z >> 31)) | 1;
}

uint64_t rng_next(struct rng *r)
{
	r->s ^= r->s >> 12;
	r->s ^= r->s << 25;
	r->s ^= r->s >> 27;
	return r->s * 0x2545f4914f6cdd1du;
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
	return n == 0 ? 0 : (rng_next(r) >> 11) % n;
}

uint64_t rng_between(struct rng *r, uint64_t low, uint64_t high)
{
	return low + rng_below(r, high - low + 1);
}

bool rng_chance(struct rng *r, unsigned per_mille)
{
	return rng_below(r, 1000) < per_mille;
}

static bool before(const struct agenda *a, const struct agenda *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

void net_add(struct sim *s, struct agenda a, uint64_t delay_ms)
{
	struct simnet *net = &s->net;
	size_t at = net->count++;

	a.at_ms = s->now + delay_ms;
	a.order = net->order++;
	if (net->count > net->cap) {
		net->cap = net->cap ? net->cap * 2 : 256;
		net->heap = mem_array(net->heap, net->cap, sizeof(*net->heap));
		assert(net->heap != NULL);
	}
	while (at > 0 && before(&a, &net->heap[(at - 1) / 2])) {
		net->heap[at] = net->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	net->heap[at] = a;
}

bool net_next(struct sim *s, struct agenda *ret_a)
{
	struct simnet *net = &s->net;
	struct agenda last;
	size_t at = 0;

	if (net->count == 0)
		return false;
	*ret_a = net->heap[0];
	last = net->heap[--net->count];
	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= net->count)
			break;
		if (child + 1 < net->count && before(&net->heap[child + 1], &net->heap[child]))
			child++;
		if (!before(&net->heap[child], &last))
			break;
		net->heap[at] = net->heap[child];
		at = child;
	}
	net->heap[at] = last;
	return true;
}

void net_release(struct sim *s)
{
	for (size_t i = 0; i < s->net.count; i++)
		packet_drop(s->net.heap[i].packet);
	mem_free(s->net.heap);
}

struct packet *packet_new(struct view bytes, bool honest)
{
	struct packet *p = mem_alloc(sizeof(*p) + bytes.len);

	assert(p != NULL);
	p->refs = 1;
	p->honest = honest;
	p->len = bytes.len;
	if (bytes.len > 0)
		memcpy(p->data, bytes.data, bytes.len);
	return p;
}

void packet_drop(struct packet *p)
{
	if (p != NULL && --p->refs == 0)
		mem_free(p);
}

void net_send(struct sim *s, unsigned from, unsigned to, struct packet *packet)
{
	unsigned copies = rng_chance(&s->rng, s->net.dup) ? 2 : 1;

	if (s->net.blocked[from][to] || rng_chance(&s->rng, s->net.loss))
		return;
	while (copies-- > 0) {
		/* Mostly quick, sometimes late: messages overtake each other. */
		uint64_t delay = rng_chance(&s->rng, 100) ? rng_below(&s->rng, s->net.delay_ms + 1)
							  : rng_between(&s->rng, 1, 3);

		packet->refs++;
		net_add(s,
			(struct agenda){.kind = AGENDA_PACKET, .node = to, .number = from, .packet = packet},
			delay);
	}
}

static void cut(struct sim *s, bool asymmetric)
{
	unsigned side[NODES_MAX];

	for (unsigned i = 0; i < s->nodes; i++)
		side[i] = (unsigned)rng_below(&s->rng, 2);
	for (unsigned i = 0; i < s->nodes; i++) {
		for (unsigned k = 0; k < s->nodes; k++)
			s->net.blocked[i][k] = side[i] != side[k] && (!asymmetric || side[i] == 0);
	}
}

void net_weather(struct sim *s)
{
	unsigned victim = (unsigned)rng_below(&s->rng, s->nodes);

	memset(s->net.blocked, 0, sizeof(s->net.blocked));
	s->net.loss = (unsigned)(rng_chance(&s->rng, 500) ? 0 : rng_below(&s->rng, 300));
	s->net.dup = (unsigned)(rng_chance(&s->rng, 500) ? 0 : rng_below(&s->rng, 200));
	s->net.delay_ms = rng_between(&s->rng, 2, rng_chance(&s->rng, 300) ? 1500 : 60);
	switch (rng_below(&s->rng, 6)) {
	case 0:
		cut(s, false);
		break;
	case 1:
		cut(s, true);
		break;
	case 2: /* one node hears or speaks nothing */
		for (unsigned i = 0; i < s->nodes; i++)
			s->net.blocked[rng_chance(&s->rng, 500) ? victim : i][victim] = true;
		for (unsigned i = 0; i < s->nodes; i++)
			s->net.blocked[victim][i] = true;
		break;
	case 3: /* random pairs */
		for (unsigned i = 0; i < s->nodes; i++)
			s->net.blocked[rng_below(&s->rng, s->nodes)][rng_below(&s->rng, s->nodes)] = true;
		break;
	default:
		break;
	}
}

void net_heal(struct sim *s)
{
	memset(s->net.blocked, 0, sizeof(s->net.blocked));
	s->net.loss = 0;
	s->net.dup = 0;
	s->net.delay_ms = 10;
}
