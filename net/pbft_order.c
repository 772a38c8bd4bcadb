/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pbft_order.c - the normal case: PRE-PREPARE, PREPARE, COMMIT (Castro & Liskov 4.2).
 *
 * Differences: one height at a time; a block is validated before PREPARE; a COMMIT quorum is the block's
 * certificate. Each own vote is logged in the update that sends it.
 */
#include "net/pbft_core.h"

#include <assert.h>
#include <string.h>

void early_drop(struct early *e)
{
	buf_release(&e->body);
	memset(e, 0, sizeof(*e));
	buf_init(&e->body, PBFT_BODY_BYTES_MAX);
}

/* Takes a proposal of the open height and the current view. The body follows, or is fetched. */
static void accept(struct pbft *p, const struct proposal *proposal, const struct view *body)
{
	assert(!p->proposal.used && p->state == PBFT_NORMAL);
	assert(proposal->height == p->open && proposal->view == p->view && proposal->height >= p->floor);
	p->proposal = *proposal;
	p->proposal.used = true;
	if (p->open_since_ms == 0)
		p->open_since_ms = p->now;
	if (body != NULL)
		(void)body_put(p, &proposal->digest, *body);
}

static void keep_early(struct pbft *p, struct early *e, const struct proposal *proposal,
		       const struct view *body)
{
	int err;

	early_drop(e);
	e->proposal = *proposal;
	e->proposal.used = true;
	if (body == NULL)
		return;
	e->has_body = true;
	err = buf_append_view(&e->body, *body);
	if (err != 0)
		core_fail(p, err);
}

/* Two PRE-PREPAREs for one height and view: proof against the leader, and reason enough to leave it. */
static void leader_lies(struct pbft *p, const struct proposal *a, const struct proposal *b)
{
	struct cell first = {.height = a->height, .view = a->view, .digest = a->digest};
	struct cell second = {.height = b->height, .view = b->view, .digest = b->digest};

	memcpy(first.sig, a->sig, SIG_BYTES);
	memcpy(second.sig, b->sig, SIG_BYTES);
	out_evidence(p, core_leader(p, a->view), VOTE_PRE_PREPARE, &first, &second);
	if (a->view == p->view && p->state == PBFT_NORMAL && !p->learner)
		view_change_start(p, p->view + 1, false);
}

/* Where a proposal of this height and view goes: the cell to compare with and, when it is free, to fill. */
static struct proposal *place_of(struct pbft *p, uint64_t height, uint64_t view, struct early **ret_early)
{
	*ret_early = NULL;
	if (view == p->view && p->state == PBFT_NORMAL) {
		if (height == p->open)
			return &p->proposal;
		*ret_early = &p->ahead;
		return &p->ahead.proposal;
	}
	*ret_early = &p->future;
	return &p->future.proposal;
}

int on_pre_prepare(struct pbft *p, struct view bytes)
{
	struct msg_pre_prepare m;
	struct proposal new, *have;
	struct early *early;
	struct hash digest;
	int err = msg_pre_prepare_decode(bytes, &m);

	if (err != 0)
		return err;
	if (core_other_epoch(p, m.vote.epoch) || core_leader(p, m.vote.view) == p->cfg.self)
		return CF_EINVAL;
	if (m.vote.view < p->view || m.vote.height < p->open || m.vote.height > p->open + 1 ||
	    (m.vote.view == p->view && m.vote.height < p->floor))
		return 0; /* late, or too early */
	memset(&new, 0, sizeof(new));
	new.height = m.vote.height;
	new.view = m.vote.view;
	new.digest = m.vote.digest;
	new.fresh = true;
	memcpy(new.sig, m.sig, SIG_BYTES);
	have = place_of(p, new.height, new.view, &early);
	if (have->used && have->height == new.height &&
	    have->view == new.view &&hash_equal(&have->digest, &new.digest) &&
	    (!m.has_body || early != NULL || body_find(p, &new.digest)))
		return 0;
	if (m.has_body) {
		err = p->cfg.keys.digest(p->cfg.keys.ctx, m.body, &digest);
		if (err != 0 || !hash_equal(&digest, &new.digest))
			return CF_EINVAL;
	}
	err = core_verify_vote(p, core_leader(p, new.view), &m.vote, m.sig);
	if (err != 0)
		return err;
	if (have->used && have->height == new.height && have->view == new.view) {
		if (!hash_equal(&have->digest, &new.digest))
			leader_lies(p, have, &new);
		else if (m.has_body)
			(void)body_put(p, &new.digest, m.body);
	} else if (early == NULL) {
		accept(p, &new, m.has_body ? &m.body : NULL);
	} else if (!have->used || new.view >= have->view) {
		keep_early(p, early, &new, m.has_body ? &m.body : NULL);
	}
	return 0;
}

static bool early_is_stale(const struct pbft *p, const struct early *e)
{
	return e->proposal.height < p->open || e->proposal.view < p->view ||
	       (e->proposal.view == p->view && e->proposal.height < p->floor);
}

bool try_early(struct pbft *p)
{
	struct early *const cells[] = {&p->ahead, &p->future};

	for (size_t i = 0; i < 2; i++) {
		struct early *e = cells[i];
		struct view body;

		if (e->proposal.used && early_is_stale(p, e))
			early_drop(e);
		if (!e->proposal.used || p->state != PBFT_NORMAL || e->proposal.view != p->view ||
		    e->proposal.height != p->open || p->proposal.used)
			continue;
		body = buf_view(&e->body);
		accept(p, &e->proposal, e->has_body ? &body : NULL);
		early_drop(e);
		return true;
	}
	return false;
}

int on_vote(struct pbft *p, struct view bytes)
{
	struct msg_vote m;
	struct cell cell;
	int err = msg_vote_decode(bytes, &m);

	if (err != 0)
		return err;
	if (core_other_epoch(p, m.vote.epoch) || m.sender >= p->cfg.n || m.sender == p->cfg.self)
		return CF_EINVAL;
	memset(&cell, 0, sizeof(cell));
	cell.height = m.vote.height;
	cell.view = m.vote.view;
	cell.digest = m.vote.digest;
	memcpy(cell.sig, m.sig, SIG_BYTES);
	return tally_add(p, m.vote.kind, m.sender, &cell);
}

/* The record of the own PRE-PREPARE or PREPARE: everything a restart needs, the certificate below included.
 */
void order_record_vote(struct pbft *p, enum vote_kind kind)
{
	struct body *body = body_find(p, &p->proposal.digest);
	struct record_vote r = {.epoch = p->cfg.epoch, .kind = kind};
	struct buf bytes;
	int err;

	assert(body != NULL);
	r.has_base = p->has_base;
	r.base = p->base;
	r.height = p->proposal.height;
	r.view = p->proposal.view;
	r.digest = p->proposal.digest;
	memcpy(r.leader_sig, p->proposal.sig, SIG_BYTES);
	memcpy(r.own_sig, p->proposal.own_sig, SIG_BYTES);
	r.has_body = !body->logged;
	r.body = buf_view(&body->bytes);
	buf_init(&bytes, 0);
	err = record_vote_encode(&r, &bytes);
	if (err != 0)
		core_fail(p, err);
#ifdef BUG_NO_SYNC_PREPARE
	out_record(p, &bytes, false);
#elif !defined(BUG_FORGET_PREPARE) && !defined(BUG_FORGET_VOTES)
	out_record(p, &bytes, true);
#endif
	body->logged = true;
	p->proposal.voted = true;
}

static struct vote own_vote(const struct pbft *p, enum vote_kind kind)
{
	return (struct vote){kind, p->cfg.epoch, p->proposal.height, p->proposal.view, p->proposal.digest};
}

static void count_own(struct pbft *p, const struct vote *vote, const uint8_t sig[SIG_BYTES])
{
	struct cell cell = {
		.verified = true, .height = vote->height, .view = vote->view, .digest = vote->digest};
	int err;

	memcpy(cell.sig, sig, SIG_BYTES);
	err = tally_add(p, vote->kind, p->cfg.self, &cell);
	assert(err == 0);
}

/* May this replica vote at all, and is its proposal here and found good? */
static bool may_vote(struct pbft *p)
{
	const struct body *body;

	if (p->learner || p->state != PBFT_NORMAL || !p->proposal.used || !core_synced(p))
		return false;
	body = body_find(p, &p->proposal.digest);
	return body != NULL && body->checked;
}

bool try_prepare(struct pbft *p)
{
	const struct vote vote = own_vote(p, VOTE_PREPARE);
	struct msg_vote m = {.sender = p->cfg.self, .vote = vote};

	if (!may_vote(p) || p->proposal.voted || core_leads(p))
		return false;
	core_sign_vote(p, &vote, m.sig);
	memcpy(p->proposal.own_sig, m.sig, SIG_BYTES);
	order_record_vote(p, VOTE_PREPARE);
	out_send_vote(p, PBFT_ALL, &m);
	count_own(p, &vote, m.sig);
	return true;
}

/* Prepared: PRE-PREPARE and Q-1 PREPAREs. The certificate is the lock that a VIEW-CHANGE will carry. */
bool try_commit(struct pbft *p)
{
	const struct vote vote = own_vote(p, VOTE_COMMIT);
	struct record_commit r = {.epoch = p->cfg.epoch};
	struct prepared *c = &r.prepared;
	struct buf bytes;
	int err;

	if (!may_vote(p) || !p->proposal.voted || p->proposal.committed ||
	    !tally_collect(p, VOTE_PREPARE, vote.view, &vote.digest, p->quorum - 1u, c->index, c->sig))
		return false;
	c->height = vote.height;
	c->view = vote.view;
	c->digest = vote.digest;
	c->count = (uint8_t)(p->quorum - 1);
	memcpy(c->leader_sig, p->proposal.sig, SIG_BYTES);
	core_sign_vote(p, &vote, r.own_sig);
	buf_init(&bytes, 0);
	err = record_commit_encode(&r, &bytes);
	if (err != 0)
		core_fail(p, err);
#ifdef BUG_NO_SYNC_COMMIT
	out_record(p, &bytes, false);
#elif !defined(BUG_FORGET_LOCK) && !defined(BUG_FORGET_VOTES)
	out_record(p, &bytes, true);
#endif
	p->lock = *c;
	p->has_lock = true;
	p->proposal.committed = true;
	p->has_commit = true;
	p->commit = (struct msg_vote){.sender = p->cfg.self, .vote = vote};
	memcpy(p->commit.sig, r.own_sig, SIG_BYTES);
	out_send_vote(p, PBFT_ALL, &p->commit);
	count_own(p, &vote, r.own_sig);
	return true;
}

void ask_check(struct pbft *p)
{
	struct body *body;

	if (p->checking || p->learner || p->state != PBFT_NORMAL || !p->proposal.used || !core_synced(p))
		return;
	body = body_find(p, &p->proposal.digest);
	if (body == NULL || body->checked || (body->refused && body->refused_view == p->view))
		return;
	p->checking = true;
	p->check_height = p->open;
	p->check_view = p->view;
	p->check_digest = body->digest;
	p->out.asks.check.wanted = true;
	p->out.asks.check.height = p->open;
	p->out.asks.check.view = p->view;
	p->out.asks.check.fresh = p->proposal.fresh;
#ifdef BUG_TIME_ALWAYS
	p->out.asks.check.fresh = true;
#endif
	p->out.asks.check.digest = body->digest;
	p->out.asks.check.body = buf_view(&body->bytes);
}

int on_checked(struct pbft *p, const struct pbft_event *event)
{
	struct body *body;

	if (!p->checking || !hash_equal(&event->u.checked.digest, &p->check_digest))
		return 0;
	p->checking = false;
	body = body_find(p, &p->check_digest);
	if (body == NULL || p->check_height != p->open)
		return 0;
	if (event->u.checked.ok) {
		body->checked = true;
		return 0;
	}
	body->refused = true;
	body->refused_view = p->check_view;
	/* Of a re-proposal correct members have approved: the fault is here, and no reason to blame the
	 * leader. */
	if (p->state == PBFT_NORMAL && p->check_view == p->view && p->proposal.used && p->proposal.fresh &&
	    hash_equal(&p->proposal.digest, &p->check_digest))
		view_change_start(p, p->view + 1, false);
	return 0;
}

bool order_heartbeat_due(const struct pbft *p)
{
	return p->cfg.timers.heartbeat_ms > 0 && p->now >= p->progress_ms + p->cfg.timers.heartbeat_ms;
}

static bool may_propose(const struct pbft *p)
{
	return !p->learner && core_leads(p) && core_synced(p) && !p->proposal.used &&
	       !p->ahead.proposal.used && p->open >= p->floor;
}

void ask_build(struct pbft *p)
{
	uint64_t since;
	bool waiting = pool_oldest(p, &since);

	if (p->building || !may_propose(p))
		return;
	if (waiting && p->now < since + p->cfg.timers.batch_wait_ms && !pool_batch_full(p))
		waiting = false;
	if (!waiting && !order_heartbeat_due(p))
		return;
	p->building = true;
	p->build_height = p->open;
	p->build_view = p->view;
	p->build_heartbeat = !pool_batch(p);
	p->out.asks.build.wanted = true;
	p->out.asks.build.height = p->open;
	p->out.asks.build.view = p->view;
	p->out.asks.build.heartbeat = p->build_heartbeat;
	p->out.asks.build.requests = p->pool.batch;
	p->out.asks.build.request_count = p->pool.batch_count;
}

int on_built(struct pbft *p, const struct pbft_event *event)
{
	struct msg_pre_prepare m = {.has_body = true, .body = event->u.built.body};
	struct proposal new;
	struct body *body;
	struct buf bytes;
	int err;

	if (!p->building)
		return 0;
	p->building = false;
	if (event->u.built.id_count == 0 && !p->build_heartbeat) {
		pool_drop_batch(p);
		return 0;
	}
	if (p->build_height != p->open || p->build_view != p->view || !may_propose(p))
		return 0; /* the requests are still in the pool */
	if (m.body.len > PBFT_BODY_BYTES_MAX)
		return CF_EINVAL;
	memset(&new, 0, sizeof(new));
	new.height = p->open;
	new.view = p->view;
	new.digest = event->u.built.digest;
	new.fresh = true;
	m.vote = (struct vote){VOTE_PRE_PREPARE, p->cfg.epoch, new.height, new.view, new.digest};
	core_sign_vote(p, &m.vote, new.sig);
	memcpy(new.own_sig, new.sig, SIG_BYTES);
	memcpy(m.sig, new.sig, SIG_BYTES);
	accept(p, &new, &m.body);
	body = body_find(p, &new.digest);
	if (body == NULL)
		return 0; /* no memory: p->err says so */
	body->checked = true;
	order_record_vote(p, VOTE_PRE_PREPARE);
	buf_init(&bytes, 0);
	err = msg_pre_prepare_encode(&m, &bytes);
	if (err != 0)
		core_fail(p, err);
	out_send(p, PBFT_ALL, &bytes);
	return 0;
}
