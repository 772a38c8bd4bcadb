/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pbft_chain.c - from a certificate to an executed block, and to the next open height.
 *
 * A certificate is a proof: it opens the next height in any view, also in the midst of a view change, and
 * whoever sent it. That is what lets a replica that fell behind take part again.
 */
#include "net/pbft_core.h"

#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

static void queued_release(struct queued *q)
{
	buf_release(&q->body);
	q->has_body = false;
}

static uint64_t queue_next(const struct pbft *p)
{
	return p->height + 1 + p->queue_count;
}

/* Takes the block of `open` into the queue, with its body when it is here. */
static void queue_push(struct pbft *p, const struct certificate *c)
{
	struct body *body = body_find(p, &c->digest);
	struct queued *q;

	if (p->queue_count == p->queue_cap) {
		const size_t cap = p->queue_cap ? p->queue_cap * 2 : QUEUE_MAX;
		struct queued *larger = mem_array(p->queue, cap, sizeof(*larger));

		if (larger == NULL) {
			core_fail(p, CF_ENOMEM);
			return;
		}
		p->queue = larger;
		p->queue_cap = cap;
	}
	q = &p->queue[p->queue_count++];
	memset(q, 0, sizeof(*q));
	q->certificate = *c;
	buf_init(&q->body, 0);
	if (body != NULL) {
		q->has_body = true;
		q->body = body->bytes;
		body->used = false;
		buf_init(&body->bytes, 0);
	}
}

void core_open_next(struct pbft *p, const struct certificate *base)
{
	assert(base->height >= p->open);
	if (base->height == p->open && queue_next(p) == p->open)
		queue_push(p, base);
	body_forget_all(p);
	p->open = base->height + 1;
	p->base = *base;
	p->has_base = true;
	memset(&p->proposal, 0, sizeof(p->proposal));
	p->has_lock = false;
	p->has_commit = false;
	p->open_since_ms = 0;
	tally_shift(p);
}

void core_certified(struct pbft *p, const struct certificate *c, uint8_t from)
{
	if (c->height > p->open || (c->height == p->open && p->queue_count >= QUEUE_MAX)) {
		out_behind(p, c->height, from);
		return;
	}
	if (c->height == p->open)
		core_open_next(p, c);
	else if (c->height == p->open - 1 && p->has_base && !hash_equal(&c->digest, &p->base.digest))
		core_fail(p, CF_ECORRUPT); /* two quorums at one height: more than f lie. Halt. */
}

int on_certificate(struct pbft *p, struct view bytes)
{
	struct certificate c;
	int err = msg_certificate_decode(bytes, &c);

	if (err != 0)
		return err;
	if (c.height + 1 < p->open ||
	    (c.height + 1 == p->open && p->has_base && hash_equal(&c.digest, &p->base.digest)))
		return 0;
	err = quorum_check_certificate(p, &c);
	if (err == 0)
		core_certified(p, &c, c.index[0]);
	return err;
}

/* Q COMMITs of one view. Counted also while inactive and for other views. */
bool try_decide(struct pbft *p)
{
	struct certificate c;

	if (p->queue_count >= QUEUE_MAX)
		return false;
	memset(&c, 0, sizeof(c));
	c.epoch = p->cfg.epoch;
	c.height = p->open;
	c.count = (uint8_t)core_commits_needed(p);
	/* A candidate that fails had forged votes; they are gone, so this ends. */
	while (tally_commit_candidate(p, &c.view, &c.digest)) {
		if (tally_collect(p, VOTE_COMMIT, c.view, &c.digest, c.count, c.index, c.sig)) {
			core_open_next(p, &c);
			return true;
		}
	}
	return false;
}

void ask_execute(struct pbft *p)
{
	const struct queued *q = p->queue;

	if (p->executing || p->queue_count == 0 || !q->has_body)
		return;
	p->executing = true;
	p->out.asks.execute.wanted = true;
	p->out.asks.execute.certificate = q->certificate;
	p->out.asks.execute.body = buf_view(&q->body);
}

/* Does what the driver executed agree with what is known to be certified? */
static int check_executed(const struct pbft *p, uint64_t height, const struct hash *digest,
			  const struct certificate *c)
{
	if (c != NULL && (c->height != height || c->epoch != p->cfg.epoch || !hash_equal(&c->digest, digest)))
		return CF_EINVAL;
	if (height >= p->open)
		return c == NULL ? CF_EINVAL : 0;
	if (height == p->open - 1)
		return hash_equal(digest, &p->base.digest) ? 0 : CF_EINVAL;
	if (height - p->height <= p->queue_count) {
		const struct queued *q = &p->queue[height - p->height - 1];

		return hash_equal(digest, &q->certificate.digest) ? 0 : CF_EINVAL;
	}
	return 0;
}

/* Drops what is executed; the newest body stays, for those who ask for it. */
static void queue_pop_to(struct pbft *p, uint64_t height)
{
	size_t gone = 0;

	p->has_head_body = false;
	buf_release(&p->head_body);
	while (gone < p->queue_count && p->queue[gone].certificate.height <= height) {
		struct queued *q = &p->queue[gone++];

		if (q->certificate.height == height && q->has_body) {
			p->has_head_body = true;
			p->head_body = q->body;
			buf_init(&q->body, 0);
		}
		queued_release(q);
	}
	p->queue_count -= gone;
	if (gone > 0)
		memmove(p->queue, p->queue + gone, p->queue_count * sizeof(*p->queue));
}

int on_executed(struct pbft *p, const struct pbft_event *event)
{
	const uint64_t height = event->u.executed.height;
	const struct hash digest = event->u.executed.digest;
	const struct certificate *c = event->u.executed.certificate;
	int err = height > p->height ? check_executed(p, height, &digest, c) : 0;

	if (err != 0)
		return err;
	pool_settle(p, event->u.executed.ids, event->u.executed.id_count);
	if (height <= p->height)
		return 0;
	if (height >= p->open) {
		/* Learnt: what the queue still holds lies below. */
		queue_pop_to(p, height);
		p->height = height;
		core_open_next(p, c);
	} else {
		queue_pop_to(p, height);
		p->height = height;
	}
	p->head = digest;
	p->executing = false;
	p->progress_ms = p->now;
#ifdef BUG_RESET_TIMER
	pool_restart_timers(p);
#endif
	if (p->backoff > 0 && p->state == PBFT_NORMAL)
		p->backoff--; /* gradually, not at once: no oscillation (CORRECTNESS 1.7) */
	return 0;
}
