/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pbft_core.c - small things all files of the PBFT core need: leader, signing, verifying.
 */
#include "net/pbft_core.h"

#include <assert.h>
#include <string.h>

void core_fail(struct pbft *p, int err)
{
	assert(err < 0);
	if (p->err == 0)
		p->err = err;
}

uint8_t core_leader(const struct pbft *p, uint64_t view)
{
	return (uint8_t)(view % p->cfg.n);
}

bool core_synced(const struct pbft *p)
{
	return p->open == p->height + 1;
}

bool core_leads(const struct pbft *p)
{
	return p->state == PBFT_NORMAL && core_leader(p, p->view) == p->cfg.self;
}

bool core_other_epoch(const struct pbft *p, uint64_t epoch)
{
#ifdef BUG_ANY_EPOCH
	return false;
#endif
	return epoch != p->cfg.epoch;
}

unsigned core_commits_needed(const struct pbft *p)
{
#ifdef BUG_COMMITS_SHORT
	return p->quorum - 1u;
#endif
#ifdef BUG_COMMITS_F
	return p->faults;
#endif
	return p->quorum;
}

uint64_t core_backed_off(const struct pbft *p, uint64_t base_ms)
{
	uint64_t ms = base_ms << p->backoff;

	if (ms > p->cfg.timers.view_change_max_ms)
		ms = p->cfg.timers.view_change_max_ms;
	return ms < base_ms ? base_ms : ms;
}

void core_sign_vote(struct pbft *p, const struct vote *vote, uint8_t ret_sig[SIG_BYTES])
{
	const struct pbft_slot slot = {(enum pbft_sign_kind)vote->kind, vote->epoch, vote->height,
				       vote->view};
	const struct hash digest = vote_digest(&p->cfg.network, vote);
	int err;

	assert(!p->learner);
	memset(ret_sig, 0, SIG_BYTES);
	err = p->cfg.keys.sign(p->cfg.keys.ctx, &slot, &digest, ret_sig);
	if (err != 0)
		core_fail(p, err);
}

void core_sign_message(struct pbft *p, enum pbft_sign_kind kind, uint64_t view, struct buf *message)
{
	const struct pbft_slot slot = {kind, p->cfg.epoch, 0, view};
	struct hash digest;
	int err;

	assert(!p->learner);
	if (p->err != 0)
		return; /* the message may be incomplete */
	digest = viewmsg_digest(&p->cfg.network, buf_view(message));
	err = p->cfg.keys.sign(p->cfg.keys.ctx, &slot, &digest, message->data + message->len - SIG_BYTES);
	if (err != 0)
		core_fail(p, err);
}

int core_verify_vote(struct pbft *p, uint8_t member, const struct vote *vote, const uint8_t sig[SIG_BYTES])
{
	const struct hash digest = vote_digest(&p->cfg.network, vote);

	return p->cfg.keys.verify(p->cfg.keys.ctx, member, &digest, sig);
}

bool core_same_message(const struct pbft *p, struct view a, struct view b)
{
	const struct hash first = viewmsg_digest(&p->cfg.network, a);
	const struct hash second = viewmsg_digest(&p->cfg.network, b);

	return hash_equal(&first, &second);
}

int core_verify_message(struct pbft *p, uint8_t member, struct view message)
{
	const struct hash digest = viewmsg_digest(&p->cfg.network, message);

	return p->cfg.keys.verify(p->cfg.keys.ctx, member, &digest, message.data + message.len - SIG_BYTES);
}
