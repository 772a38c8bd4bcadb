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

void replica_learn_forget(struct replica *r)
{
	for (unsigned i = 0; i < r->learnt.count; i++)
		message_free(r->learnt.m[i]);
	r->learnt.count = 0;
	r->learnt.bytes = 0;
}

static void blame(uint64_t height, uint64_t member, const char *what, int err)
{
	log_warn(MODULE, "block %llu of member %llu %s: %s (%s) -> asks another", (unsigned long long)height,
		 (unsigned long long)member, what, err_name(err), err_detail());
}

/*
 * Is this the block that the certificate is of, and is that a quorum's? All that a sender can be blamed for.
 * *ret_last: another set of members decides the next one.
 */
static int check_learnt(struct replica *r, const struct wire_block *block, bool *ret_last)
{
	struct block_body body;
	int err = block_body_decode(block->body, &body);

	if (err)
		return err_set(CF_EDECODE, "a body that is none");
	if (block->certificate.height != block->height || body.block.header.height != block->height ||
	    !hash_equal(&body.block.hash, &block->certificate.digest))
		err = err_set(CF_EINVAL, "block and certificate do not belong together");
	*ret_last = !hash_equal(&body.block.header.members, &body.block.header.next_members);
	block_body_release(&body);
	if (!err)
		err = certificate_verify(&block->certificate, mesh_network(r->config.mesh),
					 apply_members(r->config.apply), apply_member_keys(r->config.apply));
	return err;
}

/* The ids of one more block, behind those before. */
static int keep_ids(struct replica *r, struct hash *ids, uint32_t count)
{
	struct hash *all = mem_array(r->ids, (size_t)r->id_count + count, sizeof(*all));

	if (!all)
		return CF_ENOMEM;
	memcpy(all + r->id_count, ids, count * sizeof(*ids));
	r->ids = all;
	r->id_count += count;
	return 0;
}

/* One of them into the open group. */
static int commit_one(struct replica *r, const struct message *m)
{
	struct wire_block block;
	struct hash *ids = NULL;
	uint32_t count = 0;
	int err = wire_block_decode(message_view(m), &block);

	if (!err)
		err = apply_commit(r->config.apply, block.body, &block.certificate, false, block.verdicts,
				   &ids, &count);
	if (!err && count > 0)
		err = keep_ids(r, ids, count);
	mem_free(ids);
	if (!err)
		r->learnt.certificate = block.certificate;
	return err;
}

/* The first *count of them in one group, or none. *count: how many there are up to a change of the set of
 * members, or that come before one that is refused. */
static int commit_group(struct replica *r, unsigned *count)
{
	struct apply *a = r->config.apply;
	int err = 0, ended;

	replica_forget_ids(r);
	apply_group_begin(a);
	for (unsigned i = 0; i < *count; i++) {
		err = commit_one(r, r->learnt.m[i]);
		if (err)
			*count = i;
		else if (apply_members(a)->epoch != r->members.epoch)
			*count = i + 1; /* the next is of another set */
	}
	ended = apply_group_end(a, err == 0);
	return err ? err : ended;
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

static uint64_t first_learnt(const struct learnt *l)
{
	return l->last + 1 - l->count;
}

/* Had already: executed by the core meanwhile. */
static void skip_old(struct replica *r)
{
	struct learnt *l = &r->learnt;
	uint64_t first = first_learnt(l), gone = r->height + 1 > first ? r->height + 1 - first : 0;

	if (gone > l->count)
		gone = l->count;
	for (unsigned i = 0; i < gone; i++)
		message_free(l->m[i]);
	l->count -= (unsigned)gone;
	memmove(l->m, l->m + gone, l->count * sizeof(l->m[0]));
}

bool replica_learn_now(struct replica *r, struct pbft_event *ret_event)
{
	struct learnt *l = &r->learnt;
	bool single = l->count == 1, refused = false;
	unsigned count;
	int err = CF_EFULL;

	skip_old(r);
	count = l->count;
	if (count == 0)
		return false;
	if (!single)
		err = commit_group(r, &count);
	if (err && !replica_is_trouble(err)) {
		/* An annex that is not the one signed, nothing a quorum vouches for: those before are good.
		 */
		assert(count < l->count);
		blame(first_learnt(l) + count, l->m[count]->number, "is refused", err);
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
			blame(first_learnt(l), l->m[0]->number, "is refused", err);
	}
	replica_learn_forget(r);
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
		err = check_learnt(r, &block, &last);
	if (err) {
		/* In a malformed one no height can be believed: the one that is waited for. */
		blame((l->count > 0 ? l->last : r->height) + 1, m->number, "does not verify", err);
		message_free(m);
		learnt = l->count > 0 && replica_learn_now(r, ret_event);
		catchup_refused(&r->catchup, ticks_ms());
		return learnt;
	}
	assert(l->count < LEARNT_BLOCKS_MAX);
	l->m[l->count++] = m;
	l->bytes += m->len;
	l->last = block.height;
	catchup_size(&r->catchup, m->len);
	/* What it has forgotten it must not vote on while others wait. */
	r->forgot = r->forgot || !replica_remembers(r, &block.certificate);
	if (!last && !r->forgot && l->bytes < LEARNT_BYTES_MAX &&
	    catchup_more(&r->catchup, l->count, l->last))
		return false;
	return replica_learn_now(r, ret_event);
}
