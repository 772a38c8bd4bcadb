/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lie.c - makes evidence, and asks the ledger whether it has it.
 */
#include "net/lie.h"

#include "acl/rowread.h"
#include "ledger/mem.h"
#include "net/pbft_msg.h"

#include <string.h>

/* A vote as one side; its place goes into e. */
static int take_vote(struct view message, struct evidence *e, struct evidence_side *ret_side)
{
	struct msg_pre_prepare pre;
	struct msg_vote m;
	struct vote vote;

	if (msg_pre_prepare_decode(message, &pre) == 0) {
		vote = pre.vote;
		memcpy(ret_side->sig, pre.sig, SIG_BYTES);
	} else if (msg_vote_decode(message, &m) == 0) {
		vote = m.vote;
		memcpy(ret_side->sig, m.sig, SIG_BYTES);
	} else {
		return CF_EINVAL;
	}
	e->kind = (enum evidence_kind)vote.kind;
	e->epoch = vote.epoch;
	e->height = vote.height;
	e->view = vote.view;
	ret_side->digest = vote.digest;
	return 0;
}

static int take_message(struct view message, struct evidence *e, struct evidence_side *ret_side)
{
	struct viewmsg_head head;

	if (viewmsg_head(message, &head))
		return take_vote(message, e, ret_side);
	e->kind = head.kind == VIEWMSG_CHANGE ? EVIDENCE_VIEW_CHANGE : EVIDENCE_NEW_VIEW;
	e->epoch = head.epoch;
	e->view = head.view;
	ret_side->bytes = message;
	return 0;
}

int lie_of_messages(const struct hash *network, uint8_t member, struct view first, struct view second,
		    struct buf *out)
{
	struct evidence *e = mem_zalloc(sizeof(*e));
	int err = e ? take_message(first, e, &e->side[0]) : CF_ENOMEM;

	if (err == 0)
		err = take_message(second, e, &e->side[1]);
	if (err == 0) {
		e->member = member;
		err = evidence_encode(e, network, out);
	}
	mem_free(e);
	return err;
}

static int read_offender(struct db_txn *txn, const struct identity_id *who, uint64_t epoch,
			 struct offender_row *ret_row)
{
	struct statekey key = statekey_offender(who, epoch);
	struct version version;
	struct view value;
	int err = row_read(txn, NULL, &key, &value, &version);

	*ret_row = (struct offender_row){0};
	if (err)
		return err == CF_ENOTFOUND ? 0 : err;
	return offender_row_decode(value, ret_row) ? CF_ECORRUPT : 0;
}

static int check_new(struct db_txn *txn, const struct evidence *e, const struct identity_id *offender)
{
	struct hash slot = evidence_slot(e);
	struct offender_row row;
	int err = read_offender(txn, offender, e->epoch, &row);

	for (unsigned i = 0; i < row.count && err == 0; i++) {
		if (hash_equal(&row.slot[i], &slot))
			err = CF_EEXIST;
	}
	if (err == 0 && row.count == EVIDENCE_OFFENDER_MAX)
		err = CF_EEXIST;
	return err;
}

int lie_is_news(struct db_txn *txn, const struct hash *network, struct view evidence, uint8_t *ret_member)
{
	struct members *m = mem_alloc(sizeof(*m));
	struct evidence *e = mem_alloc(sizeof(*e));
	int err = m && e ? evidence_decode(evidence, network, e) : CF_ENOMEM;

	if (err == 0)
		err = state_members(txn, m);
	if (err == 0)
		err = evidence_check(e, network, m);
	if (err == 0)
		*ret_member = e->member;
	if (err == 0)
		err = check_new(txn, e, &m->member[e->member].id);
	mem_free(m);
	mem_free(e);
	return err;
}
