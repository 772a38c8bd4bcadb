/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pbft_restore.c - from the vote log back to the state before a crash.
 *
 * What comes back: the view and whether it is active, own votes of the open height, the lock, the exact bytes
 * of the VIEW-CHANGE; and the certificates of heights that the stores do not have yet, since the stores may
 * lag behind the log. Records are this replica's own, so their signatures are not verified again.
 */
#include "net/pbft_core.h"

#include "ledger/mem.h"

#include <string.h>

/* The certificate that a record shows for the height below it. */
static void restore_base(struct pbft *p, const struct certificate *base)
{
	if (base->height >= p->open)
		core_open_next(p, base);
}

static void restore_tally(struct pbft *p, enum vote_kind kind, uint64_t height, uint64_t view,
			  const struct hash *digest, const uint8_t sig[SIG_BYTES])
{
	struct cell cell = {.verified = true, .height = height, .view = view, .digest = *digest};
	int err;

	memcpy(cell.sig, sig, SIG_BYTES);
	err = tally_add(p, kind, p->cfg.self, &cell);
	if (err != 0)
		core_fail(p, err);
}

static int restore_vote(struct pbft *p, struct view record)
{
	struct record_vote r;
	struct proposal *o = &p->proposal;
	int err = record_vote_decode(record, &r);

	if (err != 0)
		return err;
	if (r.epoch != p->cfg.epoch || r.height <= p->height)
		return 0;
	if (r.has_base)
		restore_base(p, &r.base);
	if (r.height != p->open)
		return 0;
	if (r.view > p->view)
		return CF_EDECODE; /* a vote in a view that was never entered */
	if (r.has_body) {
		struct body *body = body_put(p, &r.digest, r.body);

		if (body != NULL)
			body->logged = body->checked = true;
	}
	if (r.view < p->view || p->state != PBFT_NORMAL)
		return 0;
	memset(o, 0, sizeof(*o));
	o->used = true;
	o->height = r.height;
	o->view = r.view;
	o->digest = r.digest;
	o->voted = true;
	memcpy(o->sig, r.leader_sig, SIG_BYTES);
	memcpy(o->own_sig, r.own_sig, SIG_BYTES);
	if (r.kind == VOTE_PREPARE)
		restore_tally(p, VOTE_PREPARE, r.height, r.view, &r.digest, r.own_sig);
	return 0;
}

static int restore_commit(struct pbft *p, struct view record)
{
	struct record_commit r;
	int err = record_commit_decode(record, &r);

	if (err != 0)
		return err;
	if (r.epoch != p->cfg.epoch || r.prepared.height != p->open)
		return 0;
	if (p->has_lock && p->lock.view >= r.prepared.view)
		return 0;
	p->has_lock = true;
	p->lock = r.prepared;
	p->has_commit = true;
	memset(&p->commit, 0, sizeof(p->commit));
	p->commit.sender = p->cfg.self;
	p->commit.vote =
		(struct vote){VOTE_COMMIT, r.epoch, r.prepared.height, r.prepared.view, r.prepared.digest};
	memcpy(p->commit.sig, r.own_sig, SIG_BYTES);
	restore_tally(p, VOTE_COMMIT, r.prepared.height, r.prepared.view, &r.prepared.digest, r.own_sig);
	if (p->proposal.used && p->proposal.view == r.prepared.view)
		p->proposal.committed = true;
	return 0;
}

static int restore_change(struct pbft *p, struct view record)
{
	struct msg_view_change m;
	struct view message;
	int err = record_wrap_decode(record, RECORD_CHANGE, &message);

	if (err == 0)
		err = msg_view_change_decode(message, &m);
	if (err != 0)
		return err;
	if (m.epoch != p->cfg.epoch || m.view <= p->view)
		return 0;
	if (m.has_base)
		restore_base(p, &m.base);
	p->view = m.view;
	p->state = PBFT_VIEW_CHANGE;
#ifdef BUG_RESTORE_ACTIVE
	p->state = PBFT_NORMAL;
#endif
	p->backoff = 1;
	memset(&p->proposal, 0, sizeof(p->proposal));
	buf_reset(&p->new_view);
	tally_shift(p);
	change_keep(p, p->cfg.self, message);
	return 0;
}

static int restore_new_view(struct pbft *p, struct view record)
{
	const struct msg_view_change *changes[MEMBERS_MAX];
	struct msg_view_change *list;
	struct msg_new_view m;
	struct choice choice;
	struct view message;
	int err = record_wrap_decode(record, RECORD_NEW_VIEW, &message);

	if (err == 0)
		err = msg_new_view_decode(message, &m);
	if (err != 0)
		return err;
	if (m.epoch != p->cfg.epoch || m.view < p->view || (m.view == p->view && p->state == PBFT_NORMAL))
		return 0;
	list = mem_array(NULL, MEMBERS_MAX, sizeof(*list));
	if (list == NULL)
		return CF_ENOMEM;
	err = new_view_decode_changes(&m, list, changes);
	if (err == 0) {
		choice = new_view_choose(changes, m.count);
		buf_reset(&p->new_view);
		err = buf_append_view(&p->new_view, message);
	}
	if (err == 0) {
		new_view_enter(p, m.view, choice.height + 1);
		if (choice.base != NULL)
			restore_base(p, choice.base);
		new_view_take_proposal(p, &m);
	}
	mem_free(list);
	return err;
}

int pbft_restore(struct pbft *p, struct view record)
{
	enum record_kind kind;
	int err = p->started ? CF_EINVAL : record_kind(record, &kind);

	if (err != 0)
		return err;
	switch (kind) {
	case RECORD_VOTE:
		err = restore_vote(p, record);
		break;
	case RECORD_COMMIT:
		err = restore_commit(p, record);
		break;
	case RECORD_CHANGE:
		err = restore_change(p, record);
		break;
	case RECORD_NEW_VIEW:
		err = restore_new_view(p, record);
		break;
	}
	return err != 0 ? err : p->err;
}

static void slot_of_vote(const struct hash *network, const struct vote *vote, struct pbft_slot *ret_slot,
			 struct hash *ret_digest)
{
	*ret_slot =
		(struct pbft_slot){(enum pbft_sign_kind)vote->kind, vote->epoch, vote->height, vote->view};
	*ret_digest = vote_digest(network, vote);
}

static int slots_of_new_view(struct view record, const struct hash *network, struct pbft_slot *ret_slots,
			     struct hash *ret_digests, size_t *ret_count)
{
	struct msg_new_view m;
	struct view message;
	int err = record_wrap_decode(record, RECORD_NEW_VIEW, &message);

	if (err == 0)
		err = msg_new_view_decode(message, &m);
	if (err != 0)
		return err;
	*ret_count = 1;
	ret_slots[0] = (struct pbft_slot){PBFT_SIGN_NEW_VIEW, m.epoch, 0, m.view};
	ret_digests[0] = viewmsg_digest(network, message);
	if (m.has_proposal) {
		const struct vote vote = {VOTE_PRE_PREPARE, m.epoch, m.height, m.view, m.digest};

		*ret_count = 2;
		slot_of_vote(network, &vote, &ret_slots[1], &ret_digests[1]);
	}
	return 0;
}

int pbft_record_slots(struct view record, const struct hash *network,
		      struct pbft_slot ret_slots[PBFT_RECORD_SLOTS_MAX],
		      struct hash ret_digests[PBFT_RECORD_SLOTS_MAX], size_t *ret_count)
{
	struct record_vote v;
	struct record_commit c;
	struct msg_view_change m;
	struct view message;
	struct vote vote;
	enum record_kind kind;
	int err = record_kind(record, &kind);

	if (err != 0)
		return err;
	if (kind == RECORD_NEW_VIEW)
		return slots_of_new_view(record, network, ret_slots, ret_digests, ret_count);
	if (kind == RECORD_CHANGE) {
		err = record_wrap_decode(record, kind, &message);
		if (err == 0)
			err = msg_view_change_decode(message, &m);
		if (err != 0)
			return err;
		*ret_count = 1;
		ret_slots[0] = (struct pbft_slot){PBFT_SIGN_VIEW_CHANGE, m.epoch, 0, m.view};
		ret_digests[0] = viewmsg_digest(network, message);
		return 0;
	}
	if (kind == RECORD_VOTE) {
		err = record_vote_decode(record, &v);
		if (err == 0)
			vote = (struct vote){v.kind, v.epoch, v.height, v.view, v.digest};
	} else {
		err = record_commit_decode(record, &c);
		if (err == 0)
			vote = (struct vote){VOTE_COMMIT, c.epoch, c.prepared.height, c.prepared.view,
					     c.prepared.digest};
	}
	if (err != 0)
		return err;
	*ret_count = 1;
	slot_of_vote(network, &vote, &ret_slots[0], &ret_digests[0]);
	return 0;
}

/* Between two heights nothing but the view is worth keeping. */
int pbft_compact(struct pbft *p, struct pbft_update *ret_update)
{
	struct view message = buf_view(&p->new_view);
	enum record_kind kind = RECORD_NEW_VIEW;
	struct buf record;
	int err;

	if (p->err != 0)
		return p->err;
	if (!core_synced(p) || p->proposal.voted || p->has_lock || p->has_commit)
		return CF_EAGAIN;
	for (size_t i = 0; i < BODY_MAX; i++) {
		if (p->bodies[i].used && p->bodies[i].logged)
			return CF_EAGAIN;
	}
	out_reset(p);
	if (p->state == PBFT_VIEW_CHANGE) {
		message = buf_view(&p->change[p->cfg.self].bytes);
		kind = RECORD_CHANGE;
	}
	if (message.len > 0) {
		buf_init(&record, 0);
		err = record_wrap_encode(kind, message, &record);
		if (err != 0)
			core_fail(p, err);
		out_record(p, &record, true);
	}
	p->out.sync = true;
	out_update(p, ret_update);
	ret_update->wake_ms = timer_next(p);
	return p->err;
}
