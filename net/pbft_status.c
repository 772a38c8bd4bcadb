/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pbft_status.c - gossip and retransmission: what makes up for a network that loses messages.
 *
 * Each replica says now and then where it stands. Who is further ahead sends what the other lacks: the
 * certificate of one height, or the NEW-VIEW; a greater distance is closed by the driver with certified
 * blocks. Own votes of an open height are sent again, byte by byte the same.
 */
#include "net/pbft_core.h"

#include <string.h>

void status_send(struct pbft *p, uint8_t to)
{
	struct msg_status m = {
		.sender = p->cfg.self, .epoch = p->cfg.epoch, .view = p->view, .height = p->height};
	struct buf bytes;
	int err;

	m.active = p->state == PBFT_NORMAL;
	buf_init(&bytes, 0);
	err = msg_status_encode(&m, &bytes);
	if (err != 0)
		core_fail(p, err);
	core_sign_message(p, PBFT_SIGN_OTHER, 0, &bytes);
	out_send(p, to, &bytes);
}

static void send_base(struct pbft *p, uint8_t to)
{
	struct buf bytes;
	int err;

	buf_init(&bytes, 0);
	err = msg_certificate_encode(&p->base, &bytes);
	if (err != 0)
		core_fail(p, err);
	out_send(p, to, &bytes);
}

int on_status(struct pbft *p, struct view bytes)
{
	struct msg_status m;
	bool ahead, lacks_base, lacks_view, recently;
	int err = msg_status_decode(bytes, &m);

	if (err != 0)
		return err;
	if (m.epoch > p->cfg.epoch && m.sender < p->cfg.n && m.height > p->height) {
		/* A set that is not known here yet. A hint only: what the driver fetches proves itself. */
		err = core_verify_message(p, m.sender, bytes);
		if (err == 0)
			out_behind(p, m.height, m.sender);
		return err;
	}
	if (core_other_epoch(p, m.epoch) || m.sender >= p->cfg.n || m.sender == p->cfg.self)
		return CF_EINVAL;
	/* One height less is told by a CERTIFICATE, in answer to a STATUS. A learner sends none. */
	ahead = m.height > p->open || (p->learner && m.height == p->open);
	lacks_base = p->has_base && m.height + 2 == p->open;
	lacks_view = p->state == PBFT_NORMAL && p->new_view.len > 0 &&
		     (m.view < p->view || (m.view == p->view && !m.active));
	recently = p->answered_ms[m.sender] != 0 &&
		   p->now < p->answered_ms[m.sender] + p->cfg.timers.resend_ms / 2;
	if (!ahead && (recently || !(lacks_base || lacks_view)))
		return 0; /* nothing to do: not worth a verification */
	err = core_verify_message(p, m.sender, bytes);
	if (err != 0)
		return err;
	if (ahead)
		out_behind(p, m.height, m.sender);
	if (lacks_base)
		send_base(p, m.sender);
	if (lacks_view)
		out_send_copy(p, m.sender, buf_view(&p->new_view));
	if (lacks_base || lacks_view)
		p->answered_ms[m.sender] = p->now;
	return 0;
}

bool resend_needed(const struct pbft *p)
{
	return !p->learner && (p->state == PBFT_VIEW_CHANGE || p->proposal.voted || p->has_commit);
}

/* The leader's proposal goes without its body: who lacks it fetches it. */
void resend_own(struct pbft *p)
{
	const struct proposal *o = &p->proposal;
	const bool leads = core_leads(p);
	struct vote vote = {leads ? VOTE_PRE_PREPARE : VOTE_PREPARE, p->cfg.epoch, o->height, o->view,
			    o->digest};

	if (p->state == PBFT_VIEW_CHANGE && p->change[p->cfg.self].used)
		out_send_copy(p, PBFT_ALL, buf_view(&p->change[p->cfg.self].bytes));
	if (o->voted && leads) {
		struct msg_pre_prepare m = {.vote = vote};
		struct buf bytes;
		int err;

		memcpy(m.sig, o->sig, SIG_BYTES);
		buf_init(&bytes, 0);
		err = msg_pre_prepare_encode(&m, &bytes);
		if (err != 0)
			core_fail(p, err);
		out_send(p, PBFT_ALL, &bytes);
	} else if (o->voted) {
		struct msg_vote m = {.sender = p->cfg.self, .vote = vote};

		memcpy(m.sig, o->own_sig, SIG_BYTES);
		out_send_vote(p, PBFT_ALL, &m);
	}
	if (p->has_commit)
		out_send_vote(p, PBFT_ALL, &p->commit);
}
