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

static uint64_t be64(const uint8_t *at)
{
	uint64_t x = 0;

	for (unsigned i = 0; i < 8; i++)
		x = x << 8 | at[i];
	return x;
}

struct message_place message_place(struct view message)
{
	struct message_place place = {0};
	enum msg_kind kind;
	const uint8_t *at = message.data + 5; /* behind magic and kind: a sender or not, and the epoch */

	if (msg_kind(message, &kind) != 0 || kind == MSG_REQUEST || message.len < 5 + 1 + 24)
		return place;
	place.kind = kind;
	if (kind != MSG_PRE_PREPARE && kind != MSG_CERTIFICATE && kind != MSG_BODY)
		at++;
	place.epoch = be64(at);
	if (kind == MSG_VIEW_CHANGE || kind == MSG_NEW_VIEW)
		place.view = be64(at + 8);
	else if (kind <= MSG_COMMIT)
		place.view = be64(at + 16);
	return place;
}

/*
 * The adversary of many proofs: in each view and for each kind of message it picks members who hear nothing
 * (or, of VIEW-CHANGEs, whom nobody hears), however often it is sent again. So one member alone may be
 * prepared in a view, or know that it is decided, and others must find out by the rules alone.
 */
static bool is_chosen(const struct sim *s, unsigned from, unsigned to, const struct packet *packet)
{
	const struct message_place place = message_place(VIEW(packet->data, packet->len));
	const unsigned who = place.kind == MSG_VIEW_CHANGE || place.kind == 0 ? from : to;
	struct rng dice;

	if (!s->net.choosy)
		return false;
	rng_seed(&dice, s->net.dice ^ (place.view * 64 + place.kind) * 0x9e3779b97f4a7c15u ^
				(uint64_t)who * 0xc2b2ae3d27d4eb4fu);
	return rng_chance(&dice, s->net.bar[place.kind]);
}

void net_send(struct sim *s, unsigned from, unsigned to, struct packet *packet)
{
	unsigned copies = rng_chance(&s->rng, s->net.dup) ? 2 : 1;

	if (is_chosen(s, from, to, packet))
		return;
	if (s->net.blocked[from][to] || rng_chance(&s->rng, s->net.loss))
		return;
	if (s->epochs && rng_chance(&s->plan_rng, 50)) {
		/* A letter from the past: it may come in another epoch. */
		packet->refs++;
		net_add(s, (struct agenda){.kind = AGENDA_PACKET, .node = to, .packet = packet},
			rng_below(&s->plan_rng, 8000));
	}
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

static void become_choosy(struct sim *s)
{
	static const unsigned most[MSG_KINDS] = {
		[0] = 1000,          [MSG_PRE_PREPARE] = 200,  [MSG_PREPARE] = 900,
		[MSG_COMMIT] = 900,  [MSG_VIEW_CHANGE] = 500,  [MSG_NEW_VIEW] = 200,
		[MSG_STATUS] = 1000, [MSG_CERTIFICATE] = 1000, [MSG_FETCH_BODY] = 0,
		[MSG_BODY] = 0,
	};

	memset(s->net.blocked, 0, sizeof(s->net.blocked));
	s->net.loss = 0;
	s->net.delay_ms = 5;
	s->net.choosy = true;
	s->net.dice = rng_next(&s->plan_rng);
	for (unsigned i = 0; i < MSG_KINDS; i++)
		s->net.bar[i] = (unsigned)rng_between(&s->plan_rng, most[i] / 2, most[i]);
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
	s->net.choosy = false;
	if (s->choosy && rng_chance(&s->plan_rng, 800))
		become_choosy(s);
}

void net_heal(struct sim *s)
{
	s->net.choosy = false;
	memset(s->net.blocked, 0, sizeof(s->net.blocked));
	s->net.loss = 0;
	s->net.dup = 0;
	s->net.delay_ms = 10;
}
