/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replica_chain.c - the replica's side of acl/apply: what the core asks for, done on the chain.
 */
#include "net/replica_private.h"

#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/body.h"
#include "net/ticks.h"
#include "net/verifier.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#define MODULE REPLICA_MODULE
#define DISK_FULL_RETRY_MS 500

bool replica_is_trouble(int err)
{
	return err == CF_ENOMEM || err == CF_EIO || err == CF_EFULL || err == CF_ECORRUPT;
}

void replica_forget_ids(struct replica *r)
{
	mem_free(r->ids);
	r->ids = NULL;
	r->id_count = 0;
}

bool replica_build(struct replica *r, const struct pbft_update *u, struct pbft_event *ret_event)
{
	size_t count = u->build.request_count;
	struct apply_request *requests = mem_array(NULL, count, sizeof(*requests));
	struct hash digest = {{0}};
	int err = requests ? 0 : CF_ENOMEM;

	replica_forget_ids(r);
	buf_reset(&r->body);
	/* Encoded by this replica's intake: they decode. */
	for (size_t i = 0; !err && i < count; i++)
		err = body_request_decode(u->build.requests[i].bytes, &requests[i].tx, &requests[i].annex);
	if (!err)
		err = apply_build(r->config.apply, requests, count, u->build.heartbeat, ticks_wall_ms(),
				  u->build.view, r->config.self, &r->body, &digest, &r->ids, &r->id_count);
	mem_free(requests);
	if (replica_is_trouble(err)) {
		replica_fail(r, err, "block cannot be built");
		return false;
	}
	if (err) {
		if (err != CF_ENOTFOUND)
			log_warn(MODULE, "no block of %zu requests: %s (%s) -> dropped", count, err_name(err),
				 err_detail());
		buf_reset(&r->body);
		replica_forget_ids(r);
	}
	*ret_event = (struct pbft_event){.kind = PBFT_BUILT};
	ret_event->u.built.body = buf_view(&r->body);
	ret_event->u.built.digest = digest;
	ret_event->u.built.ids = r->ids;
	ret_event->u.built.id_count = r->id_count;
	return true;
}

bool replica_check(struct replica *r, const struct pbft_update *u, struct pbft_event *ret_event)
{
	struct hash hash;
	int err = apply_check(r->config.apply, u->check.body, u->check.fresh, ticks_wall_ms(), &hash);

	if (replica_is_trouble(err)) {
		replica_fail(r, err, "proposal cannot be checked");
		return false;
	}
	if (err)
		log_warn(MODULE, "proposal at height %llu, view %llu is refused: %s (%s)",
			 (unsigned long long)u->check.height, (unsigned long long)u->check.view,
			 err_name(err), err_detail());
	*ret_event = (struct pbft_event){.kind = PBFT_CHECKED};
	ret_event->u.checked.digest = u->check.digest;
	ret_event->u.checked.ok = err == 0 && hash_equal(&hash, &u->check.digest);
	return true;
}

void replica_wait_for_room(struct replica *r, const char *what)
{
	if (!r->full)
		log_error(MODULE, "no space for %s above height %llu -> waits for space, does not vote", what,
			  (unsigned long long)r->height);
	r->full = true;
	replica_say(r, "disk full");
	usleep(DISK_FULL_RETRY_MS * 1000);
}

void replica_has_room(struct replica *r)
{
	if (!r->full)
		return;
	r->full = false;
	log_info(MODULE, "space again -> goes on");
	replica_say(r, "");
}

/* A full disk is waited out: nothing was changed, and the rest of the network goes on meanwhile. */
int replica_commit(struct replica *r, struct view body, const struct certificate *c, struct view verdicts)
{
	int err;

	replica_forget_ids(r);
	while ((err = apply_commit(r->config.apply, body, c, false, verdicts, &r->ids, &r->id_count)) ==
		       CF_EFULL &&
	       !atomic_load(&r->stopping))
		replica_wait_for_room(r, "a block");
	replica_has_room(r);
	if (!err)
		replica_reached(r, c->height);
	return err;
}

void replica_reached(struct replica *r, uint64_t height)
{
	r->height = height;
	for (uint32_t i = 0; i < r->id_count; i++)
		pending_remove(r->pending, &r->ids[i]);
	if (r->config.keeper)
		keeper_height(r->config.keeper, r->height);
	if (r->config.endorser)
		endorser_wake(r->config.endorser);
	catchup_progress(&r->catchup, r->height, ticks_ms());
}

/* The verdicts of a block that is not stored yet, if they are all VALID: those of the stage, or told by
 * sight. */
static int verdicts_if_valid(struct replica *r, struct view body, const struct hash *block, struct buf *out)
{
	int err = apply_staged_verdicts(r->config.apply, block, out);

	if (err == CF_ENOTFOUND)
		return body_verdicts_if_valid(body, out);
	for (size_t i = 0; !err && i < out->len; i++)
		err = out->data[i] == VERDICT_VALID ? 0 : CF_ENOTFOUND;
	return err;
}

/* Before it is stored, when its verdicts can be told. True when that was done. */
static bool publish_early(struct replica *r, struct view body, const struct certificate *c)
{
	struct wire_block block = {.height = c->height, .body = body, .certificate = *c};
	struct buf verdicts, payload;
	bool done = false;

	buf_init(&verdicts, 0);
	buf_init(&payload, 0);
	if (verdicts_if_valid(r, body, &c->digest, &verdicts) == 0) {
		block.verdicts = buf_view(&verdicts);
		done = wire_block_encode(&block, &payload) == 0;
	}
	if (done)
		feed_publish(r->config.feed, c->height, buf_view(&payload));
	buf_release(&verdicts);
	buf_release(&payload);
	return done;
}

void replica_publish_stored(struct replica *r, uint64_t height)
{
	struct buf payload;
	int err;

	buf_init(&payload, 0);
	err = feed_block(r->config.chain, height, &payload);
	if (err)
		log_error(MODULE, "block %llu cannot be read back: %s (%s)", (unsigned long long)height,
			  err_name(err), err_detail());
	else
		feed_publish(r->config.feed, height, buf_view(&payload));
	buf_release(&payload);
}

void replica_executed_event(struct replica *r, const struct certificate *c, bool learnt,
			    struct pbft_event *ret_event)
{
	*ret_event = (struct pbft_event){.kind = PBFT_EXECUTED};
	ret_event->u.executed.height = c->height;
	ret_event->u.executed.digest = c->digest;
	ret_event->u.executed.certificate = learnt ? c : NULL;
	ret_event->u.executed.ids = r->ids;
	ret_event->u.executed.id_count = r->id_count;
}

bool replica_remembers(struct replica *r, const struct certificate *c)
{
	const struct pbft_slot slot = {PBFT_SIGN_COMMIT, c->epoch, c->height, c->view};
	const struct vote vote = {VOTE_COMMIT, c->epoch, c->height, c->view, c->digest};
	const struct hash digest = vote_digest(mesh_network(r->config.mesh), &vote);

	return r->config.self == PBFT_LEARNER || gate_may_have_signed(r->gate, &slot, &digest) ||
	       !learnt_own_vote(c, mesh_network(r->config.mesh), &r->members, r->config.identity,
				r->config.verifier);
}

bool replica_execute(struct replica *r, const struct pbft_update *u, struct pbft_event *ret_event)
{
	const struct certificate *c = &u->execute.certificate;
	bool published;
	int err;

	assert(c->height == r->height + 1);
	r->forgot = r->forgot || !replica_remembers(r, c);
	published = publish_early(r, u->execute.body, c);
	err = replica_commit(r, u->execute.body, c, VIEW_NONE);
	if (err) {
		replica_fail(r, err, "certified block cannot be applied");
		return false;
	}
	if (!published)
		replica_publish_stored(r, c->height);
	replica_executed_event(r, c, false, ret_event);
	return true;
}
