/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pbft_timer.c - what falls due, and when to wake next. Castro & Liskov 4.5.2.
 *
 * A replica leaves an active view when its oldest request or the open proposal has waited too long. It leaves
 * a view change for the next view only when Q members have left their views too: else it would run ahead
 * alone. Both waits double with each failed view.
 */
#include "net/pbft_core.h"

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

/* When this replica gives up the active view; 0: no reason to. */
static uint64_t complain_ms(const struct pbft *p)
{
	const uint64_t patience = core_backed_off(p, p->cfg.timers.request_complain_ms);
	uint64_t since, due = 0;

	/* One that lags waits for what is decided already: its complaint would say nothing of the leader. */
	if (p->learner || p->state != PBFT_NORMAL || !core_synced(p))
		return 0;
	if (pool_oldest(p, &since))
		due = since + patience;
	if (p->open_since_ms != 0 && (due == 0 || p->open_since_ms + patience < due))
		due = p->open_since_ms + patience;
	if (p->cfg.timers.heartbeat_ms != 0 &&
	    (due == 0 || p->progress_ms + p->cfg.timers.heartbeat_ms + patience < due))
		due = p->progress_ms + p->cfg.timers.heartbeat_ms + patience;
	return due;
}

static void run_view(struct pbft *p)
{
	const uint64_t due = complain_ms(p);

	if (due != 0 && p->now >= due)
		view_change_start(p, p->view + 1, false);
	if (p->state != PBFT_VIEW_CHANGE || p->learner)
		return;
	if (p->change_deadline_ms == 0 && changing(p) >= p->quorum)
		p->change_deadline_ms = p->now + core_backed_off(p, p->cfg.timers.view_change_ms);
	else if (p->change_deadline_ms != 0 && p->now >= p->change_deadline_ms)
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
		status_send(p);
		p->status_ms = p->now + p->cfg.timers.status_ms;
	}
}

static void sooner(uint64_t *due, uint64_t candidate)
{
	if (candidate != 0 && (*due == 0 || candidate < *due))
		*due = candidate;
}

uint64_t timer_next(const struct pbft *p)
{
	const struct pbft_timers *t = &p->cfg.timers;
	uint64_t due = 0, since;

	sooner(&due, p->status_ms);
	if (!p->learner) {
		sooner(&due, complain_ms(p));
		sooner(&due, p->change_deadline_ms);
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
