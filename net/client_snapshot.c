/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_snapshot.c - the offer, the pieces, the keys.
 */
#include "net/client_snapshot.h"

#include "acl/snapshot.h"
#include "ledger/file.h"
#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/room.h"
#include "net/ticks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODULE "snapshot"
#define LINKS_MS 5000        /* for the first link, when there is nothing to show */
#define LINKS_BEHIND_MS 1500 /* and when there is */
#define LINKS_MORE_MS 1000   /* for others, once one has said no */
#define OFFER_MS 2000
#define PIECE_MS 4000
#define PIECE_TRIES 3
#define BUSY_MS 30000 /* as long is waited for a member that serves others */
#define AGAIN_MS 20
#define BUSY_AGAIN_MS 500

struct taking {
	const struct client_snapshot *s;
	struct snapshot_take *t;
	unsigned member;
	struct buf heights; /* u64 in the machine's order, of blocks with keys */
};

static int ask(const struct taking *g, unsigned member, const struct snapshot_ask *question,
	       unsigned timeout_ms, struct message **ret_m)
{
	struct buf bytes;
	int err;

	buf_init(&bytes, 0);
	err = snapshot_ask_encode(question, &bytes);
	if (!err)
		err = past_ask(g->s->ask, member, WIRE_SNAPSHOT_ASK, buf_view(&bytes), timeout_ms, ret_m);
	buf_release(&bytes);
	return err;
}

static int take_offer(struct taking *g)
{
	const struct client_snapshot *s = g->s;
	const struct snapshot_ask offer = {.part = SNAPSHOT_OFFER, .height = s->own_height + s->blocks};
	struct message *m = NULL;
	int err = ask(g, g->member, &offer, OFFER_MS, &m);

	if (err)
		return err;
	err = file_remove_tree(s->dir);
	if (!err)
		err = snapshot_take_new(s->dir, s->genesis, message_view(m), true, NULL, NULL, &g->t);
	message_free(m);
	if (!err && snapshot_take_height(g->t) < offer.height)
		err = err_set(CF_EINVAL, "block %" PRIu64 " is not far ahead", snapshot_take_height(g->t));
	if (!err)
		log_info(MODULE,
			 "own height %" PRIu64 ", member %u offers the state of block %" PRIu64
			 " -> takes it",
			 s->own_height, g->member, snapshot_take_height(g->t));
	return err;
}

static int take_pieces(struct taking *g)
{
	struct snapshot_ask question;
	unsigned tries = 0;
	int err = 0;

	while (!err && snapshot_take_next(g->t, &question)) {
		struct message *m = NULL;

		err = room_check(g->s->dir, "a snapshot");
		if (!err)
			err = ask(g, g->member, &question, PIECE_MS, &m);
		if (err == CF_ENETWORK && ++tries < PIECE_TRIES) {
			err = 0;
			continue;
		}
		tries = 0;
		if (!err)
			err = snapshot_take_piece(g->t, message_view(m));
		message_free(m);
	}
	return err;
}

/* --- keys --- */

static int add_heights(struct taking *g, struct snapshot_keys *keys)
{
	int err = 0;

	for (uint32_t i = 0; i < keys->count && !err; i++) {
		uint64_t height = snapshot_height_next(&keys->items);

		/* what is above it comes as any other block */
		if (height > 0 && height <= snapshot_take_height(g->t))
			err = buf_append(&g->heights, &height, sizeof(height));
	}
	return err;
}

static int hear_heights(struct taking *g, unsigned member)
{
	struct buf after;
	bool last = false;
	int err = 0;

	buf_init(&after, 0);
	while (!err && !last) {
		const struct snapshot_ask question = {.part = SNAPSHOT_KEYS, .after = buf_view(&after)};
		struct snapshot_keys keys;
		struct message *m = NULL;

		err = ask(g, member, &question, PIECE_MS, &m);
		if (!err)
			err = snapshot_keys_decode(message_view(m), &keys);
		if (!err)
			err = add_heights(g, &keys);
		last = err || keys.last;
		buf_reset(&after);
		if (!last)
			err = buf_append_view(&after, keys.after);
		message_free(m);
	}
	buf_release(&after);
	return err;
}

static int by_height(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* A hint that leads nowhere is no reason to go without the state: what was not there is filled in. */
static int take_heights(struct taking *g)
{
	size_t count = g->heights.len / sizeof(uint64_t);
	uint64_t height, last = 0;
	int err = 0;

	if (count > 1)
		qsort(g->heights.data, count, sizeof(uint64_t), by_height);
	for (size_t i = 0; i < count && !err; i++) {
		struct past_answer answer = {.m = NULL};

		memcpy(&height, g->heights.data + i * sizeof(height), sizeof(height));
		if (height == last)
			continue;
		last = height;
		if (past_ask_block(g->s->ask, snapshot_take_past(g->t), g->member, height, &answer)) {
			log_warn(MODULE, "block %" PRIu64 ", which has keys, comes later: %s", height,
				 err_detail());
			continue;
		}
		err = snapshot_take_keys(g->t, &answer.body, answer.block.verdicts);
		past_answer_release(&answer);
	}
	return err;
}

/* One alone might leave some out; each tells, and blocks prove themselves. */
static int take_keys(struct taking *g)
{
	uint32_t done = 0;
	unsigned member, heard = 0;
	int err = 0;

	while (!err && (member = past_ask_member(g->s->ask, done)) < MEMBERS_MAX) {
		done |= 1u << member;
		err = hear_heights(g, member);
		heard += err == 0;
		if (err != CF_ENOMEM)
			err = 0;
	}
	if (!err && heard == 0)
		err = err_set(CF_ENETWORK, "no member tells where the keys are");
	return err ? err : take_heights(g);
}

/* --- members --- */

static void drop(struct taking *g)
{
	snapshot_take_free(g->t);
	g->t = NULL;
	if (file_remove_tree(g->s->dir))
		log_warn(MODULE, "%s cannot be removed: %s", g->s->dir, err_detail());
}

static int take_from(struct taking *g)
{
	uint64_t height, rows;
	int err = take_offer(g);

	if (!err)
		err = take_pieces(g);
	if (!err)
		err = take_keys(g);
	if (err)
		return err;
	height = snapshot_take_height(g->t);
	rows = snapshot_take_rows(g->t);
	err = snapshot_take_end(g->t);
	if (err)
		return err;
	g->t = NULL;
	log_info(MODULE,
		 "%" PRIu64 " rows of member %u are the state of block %" PRIu64 " -> goes on from there",
		 rows, g->member, height);
	return 0;
}

/* Whom to ask next; MEMBERS_MAX: nobody is left, or up in time. */
static unsigned next_member(const struct client_snapshot *s, uint32_t done, uint64_t links_ms)
{
	unsigned member;

	while ((member = past_ask_member(s->ask, done)) == MEMBERS_MAX && ticks_ms() < links_ms)
		usleep(AGAIN_MS * 1000);
	return member;
}

static void tell(const struct taking *g, int err)
{
	if (snapshot_is_lie(err))
		log_warn(MODULE, "member %u sends a wrong state: %s (%s) -> asks another", g->member,
			 err_name(err), err_detail());
	else
		log_warn(MODULE, "member %u gives no state: %s (%s)", g->member, err_name(err), err_detail());
}

int client_snapshot_take(const struct client_snapshot *s)
{
	uint64_t now = ticks_ms(), busy_ms = now + BUSY_MS;
	uint64_t links_ms = now + (s->own_height ? LINKS_BEHIND_MS : LINKS_MS);
	unsigned near = 0, enough = s->own_height ? 1 : s->faults + 1;
	struct taking g = {.s = s};
	uint32_t done = 0, busy = 0;
	int err = CF_ENOTFOUND;

	buf_init(&g.heights, 0);
	while (err && near < enough) {
		g.member = next_member(s, done | busy, busy ? 0 : links_ms);
		if (g.member == MEMBERS_MAX && busy && ticks_ms() < busy_ms) {
			usleep(BUSY_AGAIN_MS * 1000);
			busy = 0;
			continue;
		}
		if (g.member == MEMBERS_MAX)
			break;
		err_clear();
		buf_reset(&g.heights);
		err = take_from(&g);
		if (err == CF_EAGAIN) {
			busy |= 1u << g.member;
		} else if (err) {
			done |= 1u << g.member;
			now = ticks_ms();
			if (err != CF_ENOTFOUND)
				tell(&g, err);
			else if (now + LINKS_MORE_MS < links_ms)
				links_ms = now + LINKS_MORE_MS;
			near += err == CF_ENOTFOUND;
		}
		if (err)
			drop(&g);
	}
	buf_release(&g.heights);
	return err ? CF_ENOTFOUND : 0;
}
