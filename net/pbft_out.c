/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pbft_out.c - builds the update of one step.
 *
 * Persist before send: records and sends of one step travel in one update, whose driver makes the records
 * durable first. So a rule that signs something appends its record and its message together, and several
 * rules that act in one step cost one sync.
 */
#include "net/pbft_core.h"

#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

/* Makes room for one more element. */
static bool grow(struct pbft *p, void **list, size_t count, size_t *cap, size_t bytes_each)
{
	void *larger;

	if (count < *cap)
		return true;
	larger = mem_array(*list, *cap ? *cap * 2 : 8, bytes_each);
	if (larger == NULL) {
		core_fail(p, CF_ENOMEM);
		return false;
	}
	*list = larger;
	*cap = *cap ? *cap * 2 : 8;
	return true;
}

void out_reset(struct pbft *p)
{
	struct out *o = &p->out;

	for (size_t i = 0; i < o->block_count; i++)
		mem_free(o->blocks[i]);
	o->block_count = 0;
	o->record_count = 0;
	o->send_count = 0;
	o->sync = false;
	memset(&o->asks, 0, sizeof(o->asks));
}

void out_release(struct pbft *p)
{
	out_reset(p);
	mem_free(p->out.blocks);
	mem_free(p->out.records);
	mem_free(p->out.sends);
	memset(&p->out, 0, sizeof(p->out));
}

struct view out_keep(struct pbft *p, struct buf *bytes)
{
	struct out *o = &p->out;
	struct view v = VIEW_NONE;

	if (p->err == 0 && grow(p, (void **)&o->blocks, o->block_count, &o->block_cap, sizeof(*o->blocks))) {
		v.data = buf_steal(bytes, &v.len);
		o->blocks[o->block_count++] = (uint8_t *)v.data;
	}
	buf_release(bytes);
	return v;
}

void out_record(struct pbft *p, struct buf *record, bool sync)
{
	struct out *o = &p->out;
	struct view bytes = out_keep(p, record);

	if (p->err != 0 ||
	    !grow(p, (void **)&o->records, o->record_count, &o->record_cap, sizeof(*o->records)))
		return;
	o->records[o->record_count++].bytes = bytes;
	o->sync = o->sync || sync;
}

void out_send(struct pbft *p, uint8_t to, struct buf *message)
{
	struct out *o = &p->out;
	struct view bytes = out_keep(p, message);

	if (p->err != 0 || !grow(p, (void **)&o->sends, o->send_count, &o->send_cap, sizeof(*o->sends)))
		return;
	o->sends[o->send_count++] = (struct pbft_send){to, bytes};
}

void out_send_copy(struct pbft *p, uint8_t to, struct view message)
{
	struct buf copy;
	int err;

	buf_init(&copy, 0);
	err = buf_append_view(&copy, message);
	if (err != 0)
		core_fail(p, err);
	out_send(p, to, &copy);
}

void out_send_vote(struct pbft *p, uint8_t to, const struct msg_vote *vote)
{
	struct buf bytes;
	int err;

	buf_init(&bytes, 0);
	err = msg_vote_encode(vote, &bytes);
	if (err != 0)
		core_fail(p, err);
	out_send(p, to, &bytes);
}

void out_behind(struct pbft *p, uint64_t height, uint8_t from)
{
	if (p->out.asks.behind.wanted && p->out.asks.behind.height >= height)
		return;
	p->out.asks.behind.wanted = true;
	p->out.asks.behind.height = height;
	p->out.asks.behind.from = from;
}

static struct view encode_evidence(struct pbft *p, uint8_t member, enum vote_kind kind,
				   const struct cell *cell)
{
	const struct vote vote = {kind, p->cfg.epoch, cell->height, cell->view, cell->digest};
	struct buf bytes;
	int err;

	buf_init(&bytes, 0);
	if (kind == VOTE_PRE_PREPARE) {
		struct msg_pre_prepare m = {.vote = vote};

		memcpy(m.sig, cell->sig, SIG_BYTES);
		err = msg_pre_prepare_encode(&m, &bytes);
	} else {
		struct msg_vote m = {.sender = member, .vote = vote};

		memcpy(m.sig, cell->sig, SIG_BYTES);
		err = msg_vote_encode(&m, &bytes);
	}
	if (err != 0)
		core_fail(p, err);
	return out_keep(p, &bytes);
}

void out_evidence(struct pbft *p, uint8_t member, enum vote_kind kind, const struct cell *a,
		  const struct cell *b)
{
	assert(a->height == b->height && a->view == b->view);
	p->out.asks.evidence.found = true;
	p->out.asks.evidence.member = member;
	p->out.asks.evidence.first = encode_evidence(p, member, kind, a);
	p->out.asks.evidence.second = encode_evidence(p, member, kind, b);
}

void out_evidence_messages(struct pbft *p, uint8_t member, struct view a, struct view b)
{
	struct buf copy[2];
	int err = 0;

	for (unsigned i = 0; i < 2; i++) {
		buf_init(&copy[i], 0);
		if (err == 0)
			err = buf_append_view(&copy[i], i ? b : a);
	}
	if (err != 0)
		core_fail(p, err);
	p->out.asks.evidence.found = true;
	p->out.asks.evidence.member = member;
	p->out.asks.evidence.first = out_keep(p, &copy[0]);
	p->out.asks.evidence.second = out_keep(p, &copy[1]);
}

/* After a failure nothing leaves: what was signed in this step is perhaps not logged. */
void out_update(struct pbft *p, struct pbft_update *ret_update)
{
	struct out *o = &p->out;

	if (p->err != 0) {
		memset(ret_update, 0, sizeof(*ret_update));
		return;
	}
	*ret_update = o->asks;
	ret_update->records = o->records;
	ret_update->record_count = o->record_count;
	ret_update->sync = o->sync;
	ret_update->sends = o->sends;
	ret_update->send_count = o->send_count;
}
