/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pbft_body.c - the bodies known at the open height, and the search for one that is missing.
 *
 * Votes name a body by its digest, so a body may come from anybody: it is kept when its digest is the one
 * wanted. A few bodies of earlier views stay: a certificate for one of them may still turn up in a
 * VIEW-CHANGE, and then somebody must have it.
 */
#include "net/pbft_core.h"

#include <assert.h>
#include <string.h>

struct body *body_find(struct pbft *p, const struct hash *digest)
{
	for (size_t i = 0; i < BODY_MAX; i++) {
		if (p->bodies[i].used && hash_equal(&p->bodies[i].digest, digest))
			return &p->bodies[i];
	}
	return NULL;
}

static bool is_needed(const struct pbft *p, const struct body *b)
{
	return (p->proposal.used && hash_equal(&p->proposal.digest, &b->digest)) ||
	       (p->has_lock && hash_equal(&p->lock.digest, &b->digest));
}

static void body_release(struct body *b)
{
	buf_release(&b->bytes);
	memset(b, 0, sizeof(*b));
}

struct body *body_put(struct pbft *p, const struct hash *digest, struct view bytes)
{
	struct body *b = body_find(p, digest), *free_one = NULL;
	int err;

	if (b != NULL)
		return b;
	for (size_t i = 0; i < BODY_MAX; i++) {
		b = &p->bodies[i];
		if (b->used && is_needed(p, b))
			continue;
		if (free_one == NULL || (free_one->used && (!b->used || b->stamp < free_one->stamp)))
			free_one = b;
	}
	assert(free_one != NULL); /* at most two are needed */
	body_release(free_one);
	buf_init(&free_one->bytes, 0);
	err = buf_append_view(&free_one->bytes, bytes);
	if (err != 0) {
		core_fail(p, err);
		return NULL;
	}
	free_one->used = true;
	free_one->digest = *digest;
	free_one->stamp = ++p->body_stamp;
	return free_one;
}

void body_forget_all(struct pbft *p)
{
	for (size_t i = 0; i < BODY_MAX; i++)
		body_release(&p->bodies[i]);
}

static bool body_lookup(struct pbft *p, const struct hash *digest, struct view *ret_body)
{
	const struct body *b = body_find(p, digest);

	if (b != NULL) {
		*ret_body = buf_view(&b->bytes);
		return true;
	}
	for (size_t i = 0; i < p->queue_count; i++) {
		const struct queued *q = &p->queue[i];

		if (q->has_body && hash_equal(&q->certificate.digest, digest)) {
			*ret_body = buf_view(&q->body);
			return true;
		}
	}
	if (p->has_head_body && hash_equal(&p->head, digest)) {
		*ret_body = buf_view(&p->head_body);
		return true;
	}
	return false;
}

/* A small question has a large answer: signed by a member, and not answered twice in a row. */
int on_fetch(struct pbft *p, struct view bytes)
{
	struct msg_fetch m;
	struct msg_body answer;
	struct buf out;
	int err = msg_fetch_decode(bytes, &m);

	if (err != 0)
		return err;
	if (core_other_epoch(p, m.epoch) || m.sender >= p->cfg.n || m.sender == p->cfg.self)
		return CF_EINVAL;
	if (hash_equal(&p->answered_fetch[m.sender], &m.digest) &&
	    p->now < p->answered_fetch_ms[m.sender] + p->cfg.timers.resend_ms / 2)
		return 0;
	if (!body_lookup(p, &m.digest, &answer.body))
		return 0;
	err = core_verify_message(p, m.sender, bytes);
	if (err != 0)
		return err;
	p->answered_fetch[m.sender] = m.digest;
	p->answered_fetch_ms[m.sender] = p->now;
	answer.epoch = p->cfg.epoch;
	answer.height = m.height;
	answer.digest = m.digest;
	buf_init(&out, 0);
	err = msg_body_encode(&answer, &out);
	if (err != 0)
		core_fail(p, err);
	out_send(p, m.sender, &out);
	return 0;
}

int on_body(struct pbft *p, struct view bytes)
{
	struct msg_body m;
	struct hash digest;
	int err = msg_body_decode(bytes, &m);

	if (err != 0)
		return err;
	if (!p->want.used || core_other_epoch(p, m.epoch) || !hash_equal(&m.digest, &p->want.digest))
		return 0; /* late */
	err = p->cfg.keys.digest(p->cfg.keys.ctx, m.body, &digest);
	if (err != 0 || !hash_equal(&digest, &m.digest))
		return CF_EINVAL;
	for (size_t i = 0; i < p->queue_count; i++) {
		struct queued *q = &p->queue[i];

		if (q->has_body || !hash_equal(&q->certificate.digest, &digest))
			continue;
		err = buf_append_view(&q->body, m.body);
		if (err != 0)
			core_fail(p, err);
		q->has_body = true;
		return 0;
	}
	if (p->want.height == p->open)
		(void)body_put(p, &digest, m.body);
	return 0;
}

/* What is missing first of all: a certified block, then the proposal, then what a NEW-VIEW must carry over.
 */
static bool find_want(struct pbft *p, struct want *ret_want)
{
	struct want w = {.used = true, .mask = (1u << p->cfg.n) - 1};

	for (size_t i = 0; i < p->queue_count; i++) {
		const struct certificate *c = &p->queue[i].certificate;

		if (p->queue[i].has_body)
			continue;
		w.certified = true;
		w.height = c->height;
		w.digest = c->digest;
		w.mask = 0;
		for (unsigned k = 0; k < c->count; k++)
			w.mask |= 1u << c->index[k];
		w.first = c->index[p->cfg.self % c->count];
		*ret_want = w;
		return true;
	}
	w.height = p->open;
	if (p->proposal.used && body_find(p, &p->proposal.digest) == NULL) {
		w.digest = p->proposal.digest;
		w.first = core_leader(p, p->view);
		*ret_want = w;
		return true;
	}
	if (p->state != PBFT_VIEW_CHANGE || core_leader(p, p->view) != p->cfg.self)
		return false;
	for (uint8_t i = 0; i < p->cfg.n; i++) {
		const struct change *c = &p->change[i];

		if (!c->used || c->msg.view != p->view || !c->msg.has_prepared ||
		    c->msg.prepared.height != p->open || body_find(p, &c->msg.prepared.digest) != NULL)
			continue;
		w.digest = c->msg.prepared.digest;
		w.first = i; /* who shows a certificate has locked it, and so has the body */
		*ret_want = w;
		return true;
	}
	return false;
}

static void send_fetch(struct pbft *p)
{
	struct msg_fetch m = {.sender = p->cfg.self, .epoch = p->cfg.epoch};
	struct buf bytes;
	int err;

	m.height = p->want.height;
	m.digest = p->want.digest;
	buf_init(&bytes, 0);
	err = msg_fetch_encode(&m, &bytes);
	if (err != 0)
		core_fail(p, err);
	core_sign_message(p, PBFT_SIGN_OTHER, 0, &bytes);
	out_send(p, p->want.target, &bytes);
}

/* The next member that may have it; false: nobody but this replica. */
static bool next_target(struct pbft *p)
{
	const uint8_t start = p->want.tries == 0 ? p->want.first : (uint8_t)(p->want.target + 1);

	for (uint8_t i = 0; i < p->cfg.n; i++) {
		const uint8_t member = (uint8_t)((start + i) % p->cfg.n);

		if (member != p->cfg.self && (p->want.mask & (1u << member)) != 0) {
			p->want.target = member;
			return true;
		}
	}
	return false;
}

/* One member at a time; a certified block that nobody sends is left to the driver's catch-up. */
void body_fetch_due(struct pbft *p)
{
	struct want w;

	if (!find_want(p, &w)) {
		p->want.used = false;
		return;
	}
	if (!p->want.used || p->want.certified != w.certified || !hash_equal(&p->want.digest, &w.digest))
		p->want = w;
	if (p->now < p->want.next_ms)
		return;
	p->want.next_ms = p->now + p->cfg.timers.resend_ms;
	if (p->learner) {
		out_behind(p, w.height, w.first);
		return;
	}
	if (!next_target(p))
		return;
	p->want.tries++;
	if (p->want.certified && p->want.tries > 2)
		out_behind(p, p->want.height, p->want.target);
#ifndef BUG_NO_FETCH
	send_fetch(p);
#endif
}
