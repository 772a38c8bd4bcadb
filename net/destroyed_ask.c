/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destroyed_ask.c - one question to all members, again and again until enough have answered.
 */
#include "net/destroyed_ask.h"

#include "ledger/mem.h"
#include "net/ticks.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define ASK_AGAIN_MS 300
#define LATE_MS 1000 /* for the others, once a quorum has answered */

struct asking {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct hash network;
	struct hash tx;
	uint32_t answered;
	struct destroyed said[MEMBERS_MAX];
	char detail[200]; /* of a refusal */
};

static void take(struct asking *a, const struct member *m, unsigned number, struct view payload)
{
	struct destroyed said = {.member = (uint8_t)number};
	struct wire_destroyed w;

	if (wire_destroyed_decode(payload, &w) || !hash_equal(&w.tx, &a->tx))
		return;
	said.height = w.height;
	memcpy(said.sig, w.sig, SIG_BYTES);
	if (destroyed_check(&a->network, &a->tx, m, &said))
		return;
	pthread_mutex_lock(&a->lock);
	a->said[number] = said;
	a->answered |= 1u << number;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

static void on_frame(void *ctx, const struct roster *r, unsigned member, const struct wire_frame *f)
{
	struct asking *a = ctx;
	struct wire_refused refused;

	if (f->kind == WIRE_DESTROYED)
		take(a, &r->members.member[member], member, f->payload);
	if (f->kind != WIRE_REFUSED || wire_refused_decode(f->payload, &refused))
		return;
	pthread_mutex_lock(&a->lock);
	snprintf(a->detail, sizeof(a->detail), "; member %u: %.*s", member, (int)refused.detail.len,
		 (const char *)refused.detail.data);
	pthread_mutex_unlock(&a->lock);
}

static void on_up(void *ctx, unsigned member)
{
	(void)ctx;
	(void)member;
}

static void send_ask(struct asking *a, struct links *l, uint32_t mask)
{
	const struct wire_destroyed_ask ask = {a->tx};
	struct buf payload;

	buf_init(&payload, 0);
	if (wire_destroyed_ask_encode(&ask, &payload) == 0)
		(void)links_send(l, mask, WIRE_DESTROYED_ASK, links_next_request(l), buf_view(&payload));
	buf_release(&payload);
}

/* Those who answered in time. */
static uint32_t wait_for(struct asking *a, struct links *l, const struct members *m, uint64_t until)
{
	const uint32_t all = (1u << m->count) - 1;
	uint64_t again = 0, now;
	bool enough = false;
	uint32_t answered;

	pthread_mutex_lock(&a->lock);
	while (a->answered != all && (now = ticks_ms()) < until) {
		answered = a->answered;
		if (!enough && (unsigned)__builtin_popcount(answered) >= members_quorum(m->count)) {
			enough = true;
			until = now + LATE_MS < until ? now + LATE_MS : until;
		}
		if (now >= again) {
			again = now + ASK_AGAIN_MS;
			pthread_mutex_unlock(&a->lock);
			send_ask(a, l, all & ~answered);
			pthread_mutex_lock(&a->lock);
		} else {
			(void)ticks_wait(&a->changed, &a->lock, again < until ? again : until);
		}
	}
	answered = a->answered;
	pthread_mutex_unlock(&a->lock);
	return answered;
}

int destroyed_ask(const struct destroyed_ask_config *config, const struct members *m, const struct hash *tx,
		  unsigned timeout_ms, struct destruction *ret_d)
{
	struct asking a = {.network = config->network, .tx = *tx};
	const struct links_config lc = {.tls = config->tls,
					.network = config->network,
					.identity = config->identity,
					.ctx = &a,
					.on_frame = on_frame,
					.on_up = on_up};
	struct links *links = NULL;
	uint32_t answered = 0;
	int err = ticks_cond_init(&a.changed);

	if (err)
		return err;
	pthread_mutex_init(&a.lock, NULL);
	err = links_new(&lc, &links);
	if (!err)
		err = links_set_members(links, m);
	if (!err)
		answered = wait_for(&a, links, m, ticks_ms() + timeout_ms);
	links_free(links);
	if (!err && (unsigned)__builtin_popcount(answered) < members_quorum(m->count))
		err = err_set(CF_ENOQUORUM, "%d of %u members say that it is destroyed: %u are needed%s",
			      __builtin_popcount(answered), m->count, members_quorum(m->count), a.detail);
	ret_d->count = 0;
	for (unsigned i = 0; i < m->count && !err; i++) {
		if (answered >> i & 1)
			ret_d->said[ret_d->count++] = a.said[i];
	}
	pthread_cond_destroy(&a.changed);
	pthread_mutex_destroy(&a.lock);
	return err;
}
