/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pbft_viewchange.c - leaving a view (Castro & Liskov 4.4).
 *
 * A VIEW-CHANGE shows the last certified height with its certificate and the highest prepared certificate of
 * the height above. It is logged with the new view and the fact that the view is not active, and its bytes
 * are sent again unchanged: a second VIEW-CHANGE for one view with less in it would break agreement.
 */
#include "net/pbft_core.h"

#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

void change_forget(struct change *c)
{
	buf_release(&c->bytes);
	memset(c, 0, sizeof(*c));
	buf_init(&c->bytes, VIEW_CHANGE_BYTES_MAX);
}

/* Keeps the bytes and the decoded form. The bytes are known to decode. */
void change_keep(struct pbft *p, uint8_t sender, struct view bytes)
{
	struct change *c = &p->change[sender];
	int err;

	buf_reset(&c->bytes);
	err = buf_append_view(&c->bytes, bytes);
	if (err == 0)
		err = msg_view_change_decode(buf_view(&c->bytes), &c->msg);
	if (err != 0)
		core_fail(p, err);
	c->used = err == 0;
}

static void record_change(struct pbft *p, struct view bytes)
{
	struct buf record;
	int err;

	buf_init(&record, 0);
	err = record_wrap_encode(RECORD_CHANGE, bytes, &record);
	if (err != 0)
		core_fail(p, err);
#ifdef BUG_NO_SYNC_CHANGE
	out_record(p, &record, false);
#elif !defined(BUG_FORGET_CHANGE)
	out_record(p, &record, true);
#endif
}

void view_change_start(struct pbft *p, uint64_t view, bool regular)
{
	struct msg_view_change m;
	struct buf bytes;
	int err;

	assert(!p->learner && view > p->view);
	p->view = view;
	p->state = PBFT_VIEW_CHANGE;
	p->change_since_ms = 0;
	if (!regular && p->backoff < BACKOFF_MAX)
		p->backoff++;
	memset(&p->proposal, 0, sizeof(p->proposal));
	buf_reset(&p->new_view);
	tally_shift(p);
	memset(&m, 0, sizeof(m));
	m.sender = p->cfg.self;
	m.epoch = p->cfg.epoch;
	m.view = view;
	m.height = p->open - 1;
	m.has_base = p->has_base;
	m.base = p->base;
	m.has_prepared = p->has_lock;
	m.prepared = p->lock;
#ifdef BUG_BARE_CHANGE
	m.has_prepared = false;
#endif
	buf_init(&bytes, 0);
	err = msg_view_change_encode(&m, &bytes);
	if (err != 0)
		core_fail(p, err);
	core_sign_message(p, PBFT_SIGN_VIEW_CHANGE, view, &bytes);
	if (p->err == 0) {
		change_keep(p, p->cfg.self, buf_view(&bytes));
		record_change(p, buf_view(&bytes));
		p->resend_ms = p->now + p->cfg.timers.resend_ms;
	}
	out_send(p, PBFT_ALL, &bytes);
}

int view_change_check(struct pbft *p, const struct msg_view_change *m)
{
	int err;

	if (core_other_epoch(p, m->epoch) || m->sender >= p->cfg.n || m->view == 0 ||
	    m->height < p->cfg.epoch || m->has_base != (m->height > p->cfg.epoch) ||
	    (m->has_base && m->base.height != m->height))
		return CF_EINVAL;
	err = core_verify_message(p, m->sender, m->bytes);
	if (err == 0 && m->has_base)
		err = quorum_check_certificate(p, &m->base);
	if (err == 0 && m->has_prepared)
		err = quorum_check_prepared(p, &m->prepared, m->height + 1, m->view);
	return err;
}

/* A second VIEW-CHANGE for a view, verified by the caller: it tells another story to somebody else. */
void view_change_compare(struct pbft *p, const struct msg_view_change *m)
{
	const struct change *have = &p->change[m->sender];

	if (have->used && have->msg.view == m->view && m->sender != p->cfg.self &&
	    !core_same_message(p, buf_view(&have->bytes), m->bytes))
		out_evidence_messages(p, m->sender, buf_view(&have->bytes), m->bytes);
}

int on_view_change(struct pbft *p, struct view bytes)
{
	struct msg_view_change m;
	int err = msg_view_change_decode(bytes, &m);

	if (err != 0)
		return err;
	if (core_other_epoch(p, m.epoch) || m.sender >= p->cfg.n || m.sender == p->cfg.self)
		return CF_EINVAL;
	if (m.view < p->view || (m.view == p->view && p->state == PBFT_NORMAL))
		return 0; /* its STATUS will bring it the NEW-VIEW */
	if (p->change[m.sender].used && p->change[m.sender].msg.view > m.view)
		return 0;
	if (p->change[m.sender].used && p->change[m.sender].msg.view == m.view) {
		if (!core_same_message(p, buf_view(&p->change[m.sender].bytes), bytes) &&
		    core_verify_message(p, m.sender, bytes) == 0)
			view_change_compare(p, &m);
		return 0;
	}
	err = view_change_check(p, &m);
	if (err != 0)
		return err;
	change_keep(p, m.sender, bytes);
	if (m.has_base)
		core_certified(p, &m.base, m.sender);
	return 0;
}

/*
 * f+1 members have left for later views, so a correct one has: follow to the smallest of these views, even
 * before an own timer expires (4.5.2).
 */
bool try_join(struct pbft *p)
{
	uint64_t smallest = UINT64_MAX;
	unsigned count = 0;

	for (uint8_t i = 0; i < p->cfg.n; i++) {
		if (!p->change[i].used || p->change[i].msg.view <= p->view)
			continue;
		count++;
		if (p->change[i].msg.view < smallest)
			smallest = p->change[i].msg.view;
	}
	if (p->learner || count < p->faults + 1u)
		return false;
	view_change_start(p, smallest, false);
	return true;
}

/* A regular change: no leader stays for ever, and this code runs every day (CORRECTNESS 1.7). */
bool try_rotate(struct pbft *p)
{
	if (p->learner || p->cfg.timers.rotate_blocks == 0 || p->state != PBFT_NORMAL || !core_synced(p) ||
	    p->open < p->floor + p->cfg.timers.rotate_blocks)
		return false;
	view_change_start(p, p->view + 1, true);
	return true;
}
