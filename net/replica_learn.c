/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replica_learn.c - fetched blocks: what a sender can be blamed for is checked as they come, and those that
 * come in a row are committed together, with one sync for all.
 *
 * A quorum has these blocks on disk. The core hears of them when they are durable here, so that no vote rests
 * on what a crash could take back.
 */
#include "net/replica_private.h"

#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/ticks.h"

#include <assert.h>
#include <string.h>

#define MODULE REPLICA_MODULE

/* Several, whose ids the event to the core shows. */
static int commit_group(struct replica *r, unsigned *count)
{
	replica_forget_ids(r);
	return learnt_commit(&r->learnt, r->config.apply, count, &r->ids, &r->id_count);
}

/* A single one: a full disk is waited out here. */
static int commit_single(struct replica *r)
{
	struct wire_block block;
	int err = wire_block_decode(message_view(r->learnt.m[0]), &block);

	if (!err)
		err = replica_commit(r, block.body, &block.certificate, block.verdicts);
	if (err)
		return err;
	r->learnt.certificate = block.certificate;
	replica_publish_stored(r, r->height);
	return 0;
}

bool replica_learn_now(struct replica *r, struct pbft_event *ret_event)
{
	struct learnt *l = &r->learnt;
	bool single = l->count == 1, refused = false;
	unsigned count;
	int err = CF_EFULL;

	learnt_skip(l, r->height);
	count = l->count;
	if (count == 0)
		return false;
	if (!single)
		err = commit_group(r, &count);
	if (err && !replica_is_trouble(err)) {
		/* An annex that is not the one signed, nothing a quorum vouches for: those before are good.
		 */
		assert(count < l->count);
		learnt_blame(MODULE, learnt_first(l) + count, l->m[count]->number, "is refused", err);
		refused = true;
		err = count > 0 ? commit_group(r, &count) : 0;
	}
	if (count > 0 && !err) {
		uint64_t height = l->certificate.height;

		replica_reached(r, height);
		feed_advance(r->config.feed, height);
	} else if (err == CF_EFULL) {
		err = commit_single(r);
		count = err == 0;
		refused = err && !replica_is_trouble(err);
		if (refused)
			learnt_blame(MODULE, learnt_first(l), l->m[0]->number, "is refused", err);
	}
	learnt_forget(l);
	if (replica_is_trouble(err)) {
		replica_fail(r, err, "certified block cannot be applied");
		return false;
	}
	if (refused) /* after what was reached: the next member is asked at once */
		catchup_refused(&r->catchup, ticks_ms());
	if (err || count == 0)
		return false;
	replica_executed_event(r, &l->certificate, true, ret_event);
	return true;
}

bool replica_learn(struct replica *r, struct message *m, struct pbft_event *ret_event)
{
	struct learnt *l = &r->learnt;
	struct wire_block block;
	bool last = false, learnt;
	int err = wire_block_decode(message_view(m), &block);

	if (!err && block.height != (l->count > 0 ? l->last : r->height) + 1) {
		message_free(m);
		return false; /* had already, or one before it was lost: asked for again */
	}
	if (!err)
		err = learnt_check(r->config.apply, mesh_network(r->config.mesh), &block, &last);
	if (err) {
		/* In a malformed one no height can be believed: the one that is waited for. */
		learnt_blame(MODULE, (l->count > 0 ? l->last : r->height) + 1, m->number, "does not verify",
			     err);
		message_free(m);
		learnt = l->count > 0 && replica_learn_now(r, ret_event);
		catchup_refused(&r->catchup, ticks_ms());
		return learnt;
	}
	learnt_add(l, m, block.height);
	catchup_size(&r->catchup, m->len);
	/* What it has forgotten it must not vote on while others wait. */
	r->forgot = r->forgot || !replica_remembers(r, &block.certificate);
	if (!last && !r->forgot && l->bytes < LEARNT_BYTES_MAX &&
	    catchup_more(&r->catchup, l->count, l->last))
		return false;
	return replica_learn_now(r, ret_event);
}
