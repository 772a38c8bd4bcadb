/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follower_block.c - blocks in, in any order and from anybody; applied one after the other.
 *
 * Early blocks wait in a small window of places by height.
 */
#include "net/follower_core.h"

#include "ledger/log.h"
#include "net/ticks.h"

#include <stdatomic.h>

#define GAP_FETCH_MAX 8 /* a longer gap is subscribed to anew */
#define ASK_GAP_MS 100
#define TROUBLE_MS 1000 /* between attempts when the own disk or memory refuses */

static void set_revoked(struct follower *f)
{
	int err = links_set_revoked(f->config.links, apply_members_revoked(f->apply));

	if (err)
		log_error(FOLLOWER_LOG, "a revoked member cannot be noted: %s -> with the next block",
			  err_name(err));
}

/* The members may have changed with this block. */
static void refresh_members(struct follower *f, const struct roster *r)
{
	const struct members *m = apply_members(f->apply);
	int err;

	if (m->epoch == r->members.epoch) {
		if (r->revoked != apply_members_revoked(f->apply))
			set_revoked(f);
		return;
	}
	log_info(FOLLOWER_LOG, "members changed at height %llu: %u now", (unsigned long long)m->epoch,
		 m->count);
	err = links_set_members(f->config.links, m);
	if (err)
		log_error(FOLLOWER_LOG, "new members cannot be dialled: %s (%s)", err_name(err),
			  err_detail());
	else
		set_revoked(f);
	f->subscribed = FOLLOWER_NOBODY;
}

/* Bytes that do not verify: the sender's fault, or, when f+1 members sent them, the own stores'. */
static void note_bad(struct follower *f, const struct roster *r, unsigned member, uint64_t height, int err)
{
	log_warn(FOLLOWER_LOG, "block %llu of peer %u does not verify: %s (%s) -> asks another",
		 (unsigned long long)height, member, err_name(err), err_detail());
	if (err == CF_ECORRUPT) {
		if (f->bad_height != height)
			f->bad_members = 0;
		f->bad_height = height;
		f->bad_members |= 1u << member;
		if ((unsigned)__builtin_popcount(f->bad_members) > members_faults(r->members.count)) {
			log_error(FOLLOWER_LOG, "own stores do not lead to block %llu -> stops",
				  (unsigned long long)height);
			f->damaged = true;
			f->config.on_damaged(f->config.observer.ctx);
		}
	}
	atomic_fetch_or(&f->refused_by, 1u << member);
	atomic_store(&f->kicked, true);
}

/* Takes a block whose time has not come; false when there is no place for it. */
static bool keep(struct follower *f, struct message *m, uint64_t height)
{
	struct early *e = &f->early[height % FOLLOWER_EARLY_MAX];
	size_t bytes = m->len;

	for (unsigned i = 0; i < FOLLOWER_EARLY_MAX; i++)
		bytes += f->early[i].m && &f->early[i] != e ? f->early[i].m->len : 0;
	/* one is always kept: the next block may be as long as it likes */
	if (height - follower_height(f) > FOLLOWER_EARLY_MAX ||
	    (bytes > FOLLOWER_EARLY_BYTES_MAX && bytes > m->len))
		return false; /* asked for again */
	message_free(e->m);
	*e = (struct early){m, height};
	return true;
}

/* True when the own height grew; *ret_kept when m was kept for another attempt. */
static bool apply_next(struct follower *f, const struct roster *r, struct message *m,
		       const struct wire_block *b, bool *ret_kept)
{
	int err = apply_commit(f->apply, b->body, &b->certificate, true, b->verdicts, NULL, NULL);

	if (err == CF_ENOMEM || err == CF_EIO || err == CF_EFULL) {
		log_error(FOLLOWER_LOG, "block %llu cannot be stored: %s (%s) -> tries again",
			  (unsigned long long)b->height, err_name(err), err_detail());
		f->trouble_until_ms = ticks_ms() + TROUBLE_MS;
		*ret_kept = keep(f, m, b->height);
	} else if (err) {
		note_bad(f, r, (unsigned)m->number, b->height, err);
	} else {
		f->block_ms = ticks_ms();
		heard_height(f->config.heard, (unsigned)m->number, b->height);
		refresh_members(f, r);
		f->unconfirmed_bytes += m->len;
		if (b->height - f->confirmed >= FOLLOWER_CONFIRM_BLOCKS ||
		    f->unconfirmed_bytes >= FOLLOWER_CONFIRM_BYTES)
			follower_confirm(f);
	}
	return err == 0;
}

/* The lowest block that waits for its turn; 0: none. */
static uint64_t lowest_early(struct follower *f)
{
	uint64_t lowest = 0;

	for (unsigned i = 0; i < FOLLOWER_EARLY_MAX; i++) {
		const struct early *e = &f->early[i];

		if (e->m && e->height > follower_height(f) && (!lowest || e->height < lowest))
			lowest = e->height;
	}
	return lowest;
}

void follower_ask_gap(struct follower *f)
{
	uint64_t early = lowest_early(f), next = follower_height(f) + 1, now = ticks_ms();

	if (early <= next || f->subscribed == FOLLOWER_NOBODY)
		return;
	/* Each missing block is asked for once, and again when the answer does not come. */
	if (now - f->gap_asked_ms >= ASK_GAP_MS)
		f->gap_asked_to = 0;
	if (early <= f->gap_asked_to)
		return;
	next = f->gap_asked_to > next ? f->gap_asked_to : next;
	f->gap_asked_ms = now;
	f->gap_asked_to = early;
	if (early - next > GAP_FETCH_MAX) {
		follower_subscribe(f, f->subscribed, now);
		return;
	}
	for (; next < early; next++)
		follower_send(f, f->subscribed, WIRE_FETCH, links_next_request(f->config.links), next);
}

bool follower_take(struct follower *f, struct message *m)
{
	struct wire_block b;
	struct roster *r;
	bool grown = false, kept = false;

	if (wire_block_decode(message_view(m), &b)) {
		log_warn(FOLLOWER_LOG, "peer %u sends a malformed block -> dropped", (unsigned)m->number);
	} else if (b.height > follower_height(f) + 1) {
		kept = keep(f, m, b.height);
	} else if (b.height == follower_height(f) + 1) {
		r = links_roster(f->config.links);
		grown = apply_next(f, r, m, &b, &kept);
		roster_release(r);
	} else {
		kept = filler_take(f->filler, b.height, m);
	}
	if (!kept)
		message_free(m);
	return grown;
}

void follower_drain(struct follower *f)
{
	bool more = true;

	while (more && !f->damaged && ticks_ms() >= f->trouble_until_ms) {
		uint64_t next = follower_height(f) + 1;
		struct early *e = &f->early[next % FOLLOWER_EARLY_MAX];
		struct message *m = e->m;

		more = m && e->height == next;
		if (more) {
			e->m = NULL;
			more = follower_take(f, m);
		}
	}
}
