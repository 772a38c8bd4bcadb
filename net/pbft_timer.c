/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pbft_timer.c - what falls due, and when to wake next. Castro & Liskov 4.5.2.
 *
 * A replica leaves an active view when its oldest request or the open proposal has waited too long. It leaves
 * a view change for the next view only when Q members have left their views too: else it would run ahead
 * alone. Both waits double with each failed view.
 */
#include "net/pbft_core.h"

int on_link(struct pbft *p, const struct pbft_event *event)
{
	const uint8_t member = event->u.link.member;

	if (member >= p->cfg.n)
		return CF_EINVAL;
	/* Where this replica stands: who was away learns it now and not with the next STATUS to all. */
	if (event->u.link.up && !p->learner && member != p->cfg.self)
		status_send(p, member);
	if (event->u.link.up)
		p->down_ms[member] = 0;
	else if (p->down_ms[member] == 0)
		p->down_ms[member] = p->now == 0 ? 1 : p->now;
	return 0;
}

/*
 * Until when a leader may keep this replica waiting that waits since then. One that cannot be reached gets
 * less: its process is gone, most likely, and will not come back within the ordinary patience.
 */
static uint64_t patience_ends(const struct pbft *p, uint64_t since_ms, uint32_t patience_ms)
{
	const uint64_t down_ms = p->down_ms[core_leader(p, p->view)];
	const uint64_t lost_ms = p->cfg.timers.leader_lost_ms;
	const uint64_t due = since_ms + core_backed_off(p, patience_ms);
	uint64_t hurried;

	if (down_ms == 0 || lost_ms == 0)
		return due;
	hurried = (since_ms > down_ms ? since_ms : down_ms) + core_backed_off(p, lost_ms);
	return hurried < due ? hurried : due;
}

void timer_start(struct pbft *p)
{
	p->progress_ms = p->now;
	p->resend_ms = p->now;
	p->status_ms = p->now;
	if (p->proposal.used || p->has_lock)
		p->open_since_ms = p->now;
}

/* Members that stand in this view's change or beyond it, this one included. */
static unsigned changing(const struct pbft *p)
{
	unsigned count = 0;

	for (uint8_t i = 0; i < p->cfg.n; i++)
		count += p->change[i].used && p->change[i].msg.view >= p->view;
	return count;
}

static void sooner(uint64_t *due, uint64_t candidate)
{
	if (candidate != 0 && (*due == 0 || candidate < *due))
		*due = candidate;
}

/* When this replica gives up the active view; 0: no reason to. */
static uint64_t complain_ms(const struct pbft *p)
{
	const uint32_t patience = p->cfg.timers.request_complain_ms;
	uint64_t since, due = 0;

	/* One that lags waits for what is decided already: its complaint would say nothing of the leader. */
	if (p->learner || p->state != PBFT_NORMAL || !core_synced(p))
		return 0;
	if (pool_oldest(p, &since))
		sooner(&due, patience_ends(p, since, patience));
	if (p->open_since_ms != 0)
		sooner(&due, patience_ends(p, p->open_since_ms, patience));
	if (p->cfg.timers.heartbeat_ms != 0)
		sooner(&due, patience_ends(p, p->progress_ms + p->cfg.timers.heartbeat_ms, patience));
	return due;
}

/* When it gives up a view change that Q members are in; 0: fewer are. */
static uint64_t change_ends(const struct pbft *p)
{
	return p->change_since_ms == 0 ? 0
				       : patience_ends(p, p->change_since_ms, p->cfg.timers.view_change_ms);
}

static void run_view(struct pbft *p)
{
	const uint64_t due = complain_ms(p);

	if (due != 0 && p->now >= due)
		view_change_start(p, p->view + 1, false);
	if (p->state != PBFT_VIEW_CHANGE || p->learner)
		return;
	if (p->change_since_ms == 0 && changing(p) >= p->quorum)
		p->change_since_ms = p->now == 0 ? 1 : p->now;
	else if (p->change_since_ms != 0 && p->now >= change_ends(p))
		view_change_start(p, p->view + 1, false);
}

/*
 * The log of a restart can name a certified height whose blocks it does not have. The driver must fetch them;
 * the voters of that certificate are asked in turn.
 */
static void run_gap(struct pbft *p)
{
	const uint64_t turn = p->now / (p->cfg.timers.status_ms + 1u);

	if (!core_synced(p) && p->queue_count == 0)
		out_behind(p, p->open - 1, p->base.index[turn % p->base.count]);
}

void timer_run(struct pbft *p)
{
	if (p->state == PBFT_NORMAL && !p->learner)
		pool_forward_due(p);
	run_view(p);
	if (p->now >= p->status_ms)
		run_gap(p);
	if (p->learner) {
		if (p->now >= p->status_ms)
			p->status_ms = p->now + p->cfg.timers.status_ms;
		return;
	}
	if (p->now >= p->resend_ms && resend_needed(p)) {
		resend_own(p);
		p->resend_ms = p->now + p->cfg.timers.resend_ms;
	}
	if (p->now >= p->status_ms) {
		status_send(p, PBFT_ALL);
		p->status_ms = p->now + p->cfg.timers.status_ms;
	}
}

uint64_t timer_next(const struct pbft *p)
{
	const struct pbft_timers *t = &p->cfg.timers;
	uint64_t due = 0, since;

	sooner(&due, p->status_ms);
	if (!p->learner) {
		sooner(&due, complain_ms(p));
		sooner(&due, change_ends(p));
		if (resend_needed(p))
			sooner(&due, p->resend_ms);
		if (p->state == PBFT_NORMAL && pool_next_forward(p, &since))
			sooner(&due, since + t->request_forward_ms);
		if (core_leads(p) && core_synced(p) && !p->building && !p->proposal.used) {
			if (pool_oldest(p, &since))
				sooner(&due, since + t->batch_wait_ms);
			if (t->heartbeat_ms != 0)
				sooner(&due, p->progress_ms + t->heartbeat_ms);
		}
	}
	if (p->want.used)
		sooner(&due, p->want.next_ms);
	if (due != 0 && due <= p->now)
		due = p->now + 1;
	return due;
}
