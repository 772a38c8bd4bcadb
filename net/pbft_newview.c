/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pbft_newview.c - entering a view (Castro & Liskov 4.4).
 *
 * NEW-VIEW shows exactly Q VIEW-CHANGEs. h_max is the greatest certified height among them. What must be
 * proposed at h_max + 1 follows from them alone: the digest of the prepared certificate with the highest
 * view, among those who stand at h_max; without one the leader is free. Everybody computes it again.
 */
#include "net/pbft_core.h"

#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

static bool is_better(const struct prepared *a, const struct prepared *b)
{
#ifdef BUG_LOWEST_CERT
	return a->view < b->view;
#endif
	return a->view > b->view;
}

/* VIEW-CHANGEs in a NEW-VIEW: one of them is of a correct member that has seen what was decided. */
static unsigned changes_needed(const struct pbft *p)
{
#ifdef BUG_CHANGE_QUORUM
	return p->quorum - 1u;
#endif
	return p->quorum;
}

struct choice new_view_choose(const struct msg_view_change *const *changes, unsigned count)
{
	struct choice c;

	memset(&c, 0, sizeof(c));
	for (unsigned i = 0; i < count; i++) {
		if (changes[i]->height >= c.height) {
			c.height = changes[i]->height;
			c.base = changes[i]->has_base ? &changes[i]->base : NULL;
		}
	}
	/* Certificates of lower heights are decided already. */
	for (unsigned i = 0; i < count; i++) {
		if (changes[i]->height == c.height && changes[i]->has_prepared &&
		    (c.best == NULL || is_better(&changes[i]->prepared, c.best)))
			c.best = &changes[i]->prepared;
	}
	return c;
}

void new_view_enter(struct pbft *p, uint64_t view, uint64_t floor)
{
	p->view = view;
	p->state = PBFT_NORMAL;
	p->floor = floor;
	p->change_since_ms = 0;
	p->progress_ms = p->now;
	p->open_since_ms = p->has_lock ? p->now : 0;
	memset(&p->proposal, 0, sizeof(p->proposal));
	tally_shift(p);
	pool_restart_timers(p);
	for (uint8_t i = 0; i < p->cfg.n; i++) {
		if (p->change[i].used && p->change[i].msg.view <= view)
			change_forget(&p->change[i]);
	}
}

/* A learner signs nothing that a restart would have to remember, and has no log. */
static void record_new_view(struct pbft *p, bool sync)
{
	struct buf record;
	int err;

	if (p->learner)
		return;
	buf_init(&record, 0);
	err = record_wrap_encode(RECORD_NEW_VIEW, buf_view(&p->new_view), &record);
	if (err != 0)
		core_fail(p, err);
	out_record(p, &record, sync);
}

/* The leader can carry it over: it knows the height below, and has the body if one must be proposed again. */
static bool is_usable(struct pbft *p, const struct change *c)
{
	if (!c->used || c->msg.view != p->view || c->msg.height >= p->open)
		return false;
	return !c->msg.has_prepared || c->msg.prepared.height < p->open ||
	       body_find(p, &c->msg.prepared.digest) != NULL;
}

/*
 * Own one and Q-1 others. A member that shows a certificate whose body nobody sends is passed over when
 * there are enough without it: any Q of them are as good.
 */
static bool gather(struct pbft *p, const struct msg_view_change *ret_list[MEMBERS_MAX])
{
	unsigned others = 0, count = 0;

	if (!is_usable(p, &p->change[p->cfg.self]))
		return false;
	for (uint8_t i = 0; i < p->cfg.n; i++) {
		if (i != p->cfg.self && (others == changes_needed(p) - 1 || !is_usable(p, &p->change[i])))
			continue;
		others += i != p->cfg.self;
		ret_list[count++] = &p->change[i].msg;
	}
	return count == changes_needed(p);
}

/* The re-proposal that the NEW-VIEW carries, signed. */
static void repropose(struct pbft *p, const struct prepared *best, struct msg_new_view *m)
{
	const struct vote vote = {VOTE_PRE_PREPARE, p->cfg.epoch, best->height, p->view, best->digest};

	m->has_proposal = true;
	m->height = best->height;
	m->digest = best->digest;
	core_sign_vote(p, &vote, m->proposal_sig);
}

void new_view_take_proposal(struct pbft *p, const struct msg_new_view *m)
{
	struct proposal r;

	if (!m->has_proposal || m->height < p->open)
		return;
	memset(&r, 0, sizeof(r));
	r.used = true;
	r.height = m->height;
	r.view = m->view;
	r.digest = m->digest;
	memcpy(r.sig, m->proposal_sig, SIG_BYTES);
	early_drop(&p->ahead);
	p->ahead.proposal = r;
}

bool try_new_view(struct pbft *p)
{
	const struct msg_view_change *list[MEMBERS_MAX];
	struct msg_new_view m;
	struct choice choice;
	int err;

	if (p->learner || p->state != PBFT_VIEW_CHANGE || core_leader(p, p->view) != p->cfg.self ||
	    !gather(p, list))
		return false;
	memset(&m, 0, sizeof(m));
	choice = new_view_choose(list, changes_needed(p));
	m.sender = p->cfg.self;
	m.epoch = p->cfg.epoch;
	m.view = p->view;
	m.count = (uint8_t)changes_needed(p);
	for (unsigned i = 0; i < m.count; i++)
		m.change[i] = list[i]->bytes;
	if (choice.best != NULL)
		repropose(p, choice.best, &m);
	buf_reset(&p->new_view);
	err = msg_new_view_encode(&m, &p->new_view);
	if (err != 0)
		core_fail(p, err);
	core_sign_message(p, PBFT_SIGN_NEW_VIEW, p->view, &p->new_view);
	if (p->err != 0)
		return true;
	record_new_view(p, true);
	new_view_enter(p, p->view, choice.height + 1);
	new_view_take_proposal(p, &m);
	if (m.has_proposal && m.height == p->open) {
		/* The NEW-VIEW is the leader's vote for it, so the body is logged with it. */
		p->proposal = p->ahead.proposal;
		early_drop(&p->ahead);
		memcpy(p->proposal.own_sig, p->proposal.sig, SIG_BYTES);
		p->open_since_ms = p->now;
		order_record_vote(p, VOTE_PRE_PREPARE);
	}
	out_send_copy(p, PBFT_ALL, buf_view(&p->new_view));
	return true;
}

int new_view_decode_changes(const struct msg_new_view *m, struct msg_view_change *list,
			    const struct msg_view_change **ret_list)
{
	for (unsigned i = 0; i < m->count; i++) {
		int err = msg_view_change_decode(m->change[i], &list[i]);

		if (err != 0)
			return err;
		if (list[i].view != m->view || (i > 0 && list[i].sender <= list[i - 1].sender))
			return CF_EINVAL;
		ret_list[i] = &list[i];
	}
	return 0;
}

/* Each VIEW-CHANGE inside must be as good as one received by itself. */
static int check_changes(struct pbft *p, const struct msg_new_view *m, const struct msg_view_change *list)
{
	int err = 0;

	for (unsigned i = 0; i < m->count && err == 0; i++) {
		const struct change *have;

		if (list[i].sender >= p->cfg.n)
			return CF_EINVAL;
		have = &p->change[list[i].sender];
		if (!have->used || !view_equal(buf_view(&have->bytes), m->change[i]))
			err = view_change_check(p, &list[i]);
		if (err == 0)
			view_change_compare(p, &list[i]);
	}
	return err;
}

static int check_new_view(struct pbft *p, const struct msg_new_view *m, struct msg_view_change *list,
			  struct choice *ret_choice)
{
	const struct msg_view_change *changes[MEMBERS_MAX];
	struct vote vote = {VOTE_PRE_PREPARE, p->cfg.epoch, m->height, m->view, m->digest};
	struct choice choice;
	int err = m->count == changes_needed(p) ? new_view_decode_changes(m, list, changes) : CF_EINVAL;

	if (err == 0)
		err = check_changes(p, m, list);
	if (err != 0)
		return err;
	choice = new_view_choose(changes, m->count);
#ifdef BUG_TRUST_NEW_VIEW
	*ret_choice = choice;
	return 0;
#endif
	if (m->has_proposal != (choice.best != NULL) ||
	    (m->has_proposal &&
	     (m->height != choice.best->height || !hash_equal(&m->digest, &choice.best->digest))))
		return CF_EINVAL;
	if (m->has_proposal)
		err = core_verify_vote(p, m->sender, &vote, m->proposal_sig);
	if (err == 0)
		*ret_choice = choice;
	return err;
}

static void enter_by(struct pbft *p, const struct msg_new_view *m, const struct choice *choice,
		     struct view bytes)
{
	int err;

	buf_reset(&p->new_view);
	err = buf_append_view(&p->new_view, bytes);
	if (err != 0) {
		core_fail(p, err);
		return;
	}
	/* No sync of its own: the first vote in this view makes it durable, and nothing else depends on it.
	 */
	record_new_view(p, false);
	new_view_enter(p, m->view, choice->height + 1);
	if (choice->base != NULL)
		core_certified(p, choice->base, m->sender);
	new_view_take_proposal(p, m);
}

/* Another NEW-VIEW than the one by which this view was entered: its leader tells two stories. */
static void compare_entered(struct pbft *p, const struct msg_new_view *m, struct view bytes)
{
	const struct view have = buf_view(&p->new_view);

	if (have.len > 0 && m->sender != p->cfg.self && !core_same_message(p, have, bytes) &&
	    core_verify_message(p, m->sender, bytes) == 0)
		out_evidence_messages(p, m->sender, have, bytes);
}

int on_new_view(struct pbft *p, struct view bytes)
{
	struct msg_new_view m;
	struct msg_view_change *list;
	struct choice choice;
	int err = msg_new_view_decode(bytes, &m);

	if (err != 0)
		return err;
	if (core_other_epoch(p, m.epoch) || m.view == 0 || m.sender != core_leader(p, m.view))
		return CF_EINVAL;
	if (m.view == p->view && p->state == PBFT_NORMAL)
		compare_entered(p, &m, bytes);
	if (m.view < p->view || (m.view == p->view && p->state == PBFT_NORMAL))
		return 0;
	if (m.sender == p->cfg.self)
		return CF_EINVAL; /* this replica has not sent it: its key is used by somebody else */
	err = core_verify_message(p, m.sender, bytes);
	if (err != 0)
		return err;
	list = mem_array(NULL, MEMBERS_MAX, sizeof(*list));
	if (list == NULL) {
		core_fail(p, CF_ENOMEM);
		return 0;
	}
	err = check_new_view(p, &m, list, &choice);
	if (err == 0) {
		enter_by(p, &m, &choice, bytes);
	} else if (m.view == p->view && !p->learner) {
		/* Signed by the leader, and wrong: it lies. */
		view_change_start(p, m.view + 1, false);
		err = 0;
	}
	mem_free(list);
	return err;
}
