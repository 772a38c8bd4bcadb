/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follower.c - the follower's thread, and whom it follows.
 *
 * All decisions are the thread's; the transport's threads only put frames on its queue.
 */
#include "net/follower_core.h"

#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/ticks.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#define QUEUE_BYTES_MAX ((size_t)64 << 20)
#define POLL_MS 1000
#define RENEW_MS 5000 /* after so much silence: the transport may have dropped the subscription */
#define TICK_MS 250
#define UNSUBSCRIBED_TICK_MS 20

static uint64_t handle(void *ctx, struct message *m);

static void on_tx(void *ctx, uint64_t height, uint32_t index, const struct tx *tx, uint8_t verdict,
		  const struct rwset *rwset)
{
	const struct apply_observer *o = &((struct follower *)ctx)->config.observer;

	o->on_tx(o->ctx, height, index, tx, verdict, rwset);
}

static void on_block(void *ctx, const struct block *block)
{
	struct follower *f = ctx;
	const struct apply_observer *o = &f->config.observer;

	o->on_block(o->ctx, block);
	pthread_mutex_lock(&f->lock);
	atomic_store(&f->height, block->header.height);
	pthread_cond_broadcast(&f->grown);
	pthread_mutex_unlock(&f->lock);
	f->config.on_applied(o->ctx);
}

int follower_new(const struct follower_config *config, struct follower **ret_f)
{
	struct worker_config wc = {.queue_bytes_max = QUEUE_BYTES_MAX, .handle = handle};
	struct apply_observer observer = {.on_tx = on_tx, .on_block = on_block};
	struct chain_head head;
	struct follower *f;
	int err;

	assert(config && config->chain && config->links && config->heard && ret_f);
	assert(config->observer.on_tx && config->observer.on_block && config->on_applied &&
	       config->on_damaged);
	f = mem_zalloc(sizeof(*f));
	if (!f)
		return CF_ENOMEM;
	f->config = *config;
	f->subscribed = FOLLOWER_NOBODY;
	chain_head(config->chain, &head);
	atomic_init(&f->height, head.height);
	pthread_mutex_init(&f->lock, NULL);
	wc.ctx = observer.ctx = f;
	err = ticks_cond_init(&f->grown);
	if (!err)
		err = worker_new(&wc, &f->worker);
	if (!err)
		err = apply_new(config->chain, true, &observer, &f->apply);
	if (!err)
		err = filler_new(config->chain, config->links, config->genesis, config->fill_rate_kib,
				 &f->filler);
	if (err) {
		worker_free(f->worker);
		apply_free(f->apply);
		mem_free(f);
		return err;
	}
	*ret_f = f;
	return 0;
}

int follower_start(struct follower *f)
{
	assert(f);
	return worker_start(f->worker);
}

void follower_stop(struct follower *f)
{
	assert(f);
	pthread_mutex_lock(&f->lock);
	f->stopping = true;
	pthread_cond_broadcast(&f->grown);
	pthread_mutex_unlock(&f->lock);
	worker_stop(f->worker);
}

void follower_free(struct follower *f)
{
	if (!f)
		return;
	for (unsigned i = 0; i < FOLLOWER_EARLY_MAX; i++)
		message_free(f->early[i].m);
	worker_free(f->worker);
	filler_free(f->filler);
	apply_free(f->apply);
	pthread_cond_destroy(&f->grown);
	pthread_mutex_destroy(&f->lock);
	mem_free(f);
}

void follower_on_block(struct follower *f, unsigned member, struct view payload)
{
	struct message *m;

	if (message_new(WIRE_BLOCK, payload, &m))
		return; /* as lost on the way */
	m->number = member;
	if (worker_push(f->worker, QUEUE_URGENT, m))
		log_debug(FOLLOWER_LOG, "queue full -> a block of peer %u is dropped", member);
}

void follower_kick(struct follower *f)
{
	atomic_store(&f->kicked, true);
	worker_wake(f->worker);
}

void follower_on_refused(struct follower *f, unsigned member, uint64_t request)
{
	if (request != atomic_load(&f->subscribe_request))
		return;
	atomic_fetch_or(&f->refused_by, 1u << member);
	follower_kick(f);
}

uint64_t follower_height(struct follower *f)
{
	return atomic_load(&f->height);
}

bool follower_wait(struct follower *f, uint64_t height, uint64_t until_ms)
{
	bool reached, in_time = true;

	pthread_mutex_lock(&f->lock);
	while (!(reached = atomic_load(&f->height) >= height) && in_time && !f->stopping)
		in_time = ticks_wait(&f->grown, &f->lock, until_ms);
	pthread_mutex_unlock(&f->lock);
	return reached;
}

void follower_send(struct follower *f, unsigned member, enum wire_kind kind, uint64_t request,
		   uint64_t height)
{
	uint8_t be[8];

	for (unsigned i = 0; i < sizeof(be); i++)
		be[i] = (uint8_t)(height >> (8 * (7 - i)));
	(void)links_send(f->config.links, 1u << member, kind, request, VIEW(be, sizeof(be)));
}

void follower_subscribe(struct follower *f, unsigned member, uint64_t now_ms)
{
	uint64_t request = links_next_request(f->config.links);

	if (member != f->subscribed)
		log_info(FOLLOWER_LOG, "follows peer %u from height %llu", member,
			 (unsigned long long)follower_height(f) + 1);
	f->subscribed = member;
	f->subscribed_ms = now_ms;
	f->confirmed = follower_height(f);
	f->unconfirmed_bytes = 0;
	atomic_store(&f->subscribe_request, request);
	follower_send(f, member, WIRE_SUBSCRIBE, request, follower_height(f) + 1);
}

void follower_confirm(struct follower *f)
{
	if (f->subscribed == FOLLOWER_NOBODY)
		return;
	f->confirmed = follower_height(f);
	f->unconfirmed_bytes = 0;
	follower_send(f, f->subscribed, WIRE_SUBSCRIBE, atomic_load(&f->subscribe_request), f->confirmed + 1);
}

/* The next member after `after` whose link is up, those of the own organization first when there is no
 * `after`. */
static unsigned choose(struct follower *f, const struct roster *r, uint32_t up, unsigned after)
{
	unsigned n = r->members.count;

	for (unsigned i = 0; i < n && after == FOLLOWER_NOBODY; i++) {
		if (((up >> i) & 1) && f->config.org && r->members.member[i].org == f->config.org)
			return i;
	}
	for (unsigned i = 1; i <= n; i++) {
		unsigned member = (after == FOLLOWER_NOBODY ? i - 1 : after + i) % n;

		if ((up >> member) & 1)
			return member;
	}
	return FOLLOWER_NOBODY;
}

/* For how long blocks that honest members told of have been missing. */
static uint64_t behind_ms(struct follower *f, const struct roster *r, uint64_t now)
{
	if (heard_sure(f->config.heard, r->members.count) <= follower_height(f)) {
		f->behind_since_ms = 0;
		return 0;
	}
	if (f->behind_since_ms == 0 || f->block_ms > f->behind_since_ms)
		f->behind_since_ms = now;
	return now - f->behind_since_ms;
}

static void keep_subscribed(struct follower *f, const struct roster *r, uint64_t now)
{
	uint32_t up = links_up(f->config.links), refused = atomic_exchange(&f->refused_by, 0);
	uint64_t behind = behind_ms(f, r, now);
	unsigned next = f->subscribed;
	uint64_t last = f->block_ms > f->subscribed_ms ? f->block_ms : f->subscribed_ms;

	if (f->subscribed == FOLLOWER_NOBODY || f->subscribed >= r->members.count) {
		next = choose(f, r, up, FOLLOWER_NOBODY);
	} else if (!((up >> f->subscribed) & 1)) {
		next = choose(f, r, up, f->subscribed);
	} else if ((refused >> f->subscribed) & 1) {
		next = choose(f, r, up, f->subscribed);
	} else if (behind > FOLLOWER_SILENT_MS) {
		log_warn(FOLLOWER_LOG, "peer %u does not send block %llu -> asks another", f->subscribed,
			 (unsigned long long)follower_height(f) + 1);
		f->behind_since_ms = now;
		next = choose(f, r, up, f->subscribed);
	} else if (now - last < RENEW_MS) {
		/* The last one sent may be lost: no later one shows the gap. Or what confirmed those before
		 * it. */
		if (behind >= TICK_MS / 2) {
			follower_send(f, f->subscribed, WIRE_FETCH, links_next_request(f->config.links),
				      follower_height(f) + 1);
			follower_confirm(f);
		}
		return;
	}
	if (next == FOLLOWER_NOBODY)
		f->subscribed = FOLLOWER_NOBODY;
	else
		follower_subscribe(f, next, now);
}

static void tick(struct follower *f)
{
	struct roster *r = links_roster(f->config.links);
	uint64_t now = ticks_ms();

	if (!r)
		return;
	if (now - f->polled_ms >= POLL_MS) {
		f->polled_ms = now;
		(void)heard_poll(f->config.heard, f->config.links);
	}
	keep_subscribed(f, r, now);
	roster_release(r);
}

static uint64_t handle(void *ctx, struct message *m)
{
	struct follower *f = ctx;
	uint64_t fill_ms;

	if (f->damaged) {
		message_free(m);
		return 0;
	}
	if (!m || follower_take(f, m))
		follower_drain(f);
	follower_ask_gap(f);
	if (atomic_exchange(&f->kicked, false) || ticks_ms() >= f->tick_ms) {
		tick(f);
		f->tick_ms = ticks_ms() + (f->subscribed == FOLLOWER_NOBODY ? UNSUBSCRIBED_TICK_MS : TICK_MS);
	}
	fill_ms = filler_step(f->filler, ticks_ms());
	return fill_ms && fill_ms < f->tick_ms ? fill_ms : f->tick_ms;
}
