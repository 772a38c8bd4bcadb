/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backfill.c - groups of old blocks, and a pause after each.
 */
#include "net/backfill.h"

#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/catchup.h"
#include "net/feed.h"
#include "net/learnt.h"
#include "net/replica.h"
#include "net/ticks.h"
#include "net/worker.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <unistd.h>

#define MODULE "backfill"
#define QUEUE_BYTES_MAX ((size_t)64 << 20)
#define GROUP_MS 250 /* as long may a group take at the rate given */
#define SLICE_MS 20  /* of a pause */
#define FULL_MS 1000 /* until a full disk is tried again */
#define TELL_MS 10000

struct backfill {
	struct backfill_config config;
	struct worker *worker;
	struct apply *apply;
	struct catchup catchup;
	struct learnt learnt;
	uint64_t height;   /* of the whole ledger */
	uint64_t base;     /* the block that the young one began with */
	uint64_t own_from; /* above it the peer knows of no vote of its own up to the base */
	uint64_t tell_ms;
	bool begun;
	bool ended;
	atomic_bool stopping;
};

static uint64_t backfill_handle(void *ctx, struct message *m);

static void on_tx(void *ctx, uint64_t height, uint32_t index, const struct tx *tx, uint8_t verdict,
		  const struct rwset *rwset)
{
	struct backfill *b = ctx;

	(void)height;
	(void)index;
	(void)rwset;
	if (verdict == VERDICT_VALID)
		keeper_committed(b->config.keeper, tx);
}

int backfill_new(const struct backfill_config *config, struct backfill **ret_b)
{
	struct worker_config worker = {config->name, QUEUE_BYTES_MAX, NULL, backfill_handle};
	struct backfill *b = mem_zalloc(sizeof(*b));
	const struct apply_observer observer = {.ctx = b, .on_tx = on_tx};
	struct chain_head head;
	int err;

	if (!b)
		return CF_ENOMEM;
	b->config = *config;
	chain_head(config->whole, &head);
	b->height = head.height;
	b->base = chain_first(config->young) - 1;
	b->own_from = head.height + 1;
	catchup_init(&b->catchup, config->mesh);
	worker.ctx = b;
	err = apply_new(config->whole, false, &observer, &b->apply);
	if (!err)
		err = worker_new(&worker, &b->worker);
	if (err) {
		backfill_free(b);
		return err;
	}
	*ret_b = b;
	return 0;
}

int backfill_start(struct backfill *b)
{
	return worker_start(b->worker);
}

void backfill_stop(struct backfill *b)
{
	atomic_store(&b->stopping, true);
	worker_stop(b->worker);
}

void backfill_free(struct backfill *b)
{
	if (!b)
		return;
	worker_free(b->worker);
	learnt_forget(&b->learnt);
	apply_free(b->apply);
	mem_free(b);
}

void backfill_take(struct backfill *b, struct message *m)
{
	(void)!worker_push(b->worker, QUEUE_BULK, m); /* full: asked for again */
}

bool backfill_asks(const struct backfill *b, uint64_t height)
{
	return height <= b->base;
}

/* --- ending --- */

static void end(struct backfill *b, void (*how)(void *ctx))
{
	b->ended = true;
	how(b->config.ctx);
}

static void fail(struct backfill *b, int err)
{
	log_error(MODULE, "block %" PRIu64 " cannot be stored: %s (%s) -> stops for good", b->height + 1,
		  err_name(err), err_detail());
	end(b, b->config.on_failed);
}

/* --- blocks --- */

static void wait_ms(struct backfill *b, uint64_t ms)
{
	for (uint64_t at = 0; at < ms && !atomic_load(&b->stopping); at += SLICE_MS)
		usleep(SLICE_MS * 1000);
}

static size_t group_bytes(const struct backfill *b)
{
	uint64_t bytes = (uint64_t)b->config.rate_kib * 1024 * GROUP_MS / 1000;

	return bytes < LEARNT_BYTES_MAX ? (size_t)bytes : LEARNT_BYTES_MAX;
}

static void tell(struct backfill *b)
{
	uint64_t now = ticks_ms();

	if (now < b->tell_ms)
		return;
	b->tell_ms = now + TELL_MS;
	log_info(MODULE, "has blocks 1 to %" PRIu64 "; the state is from block %" PRIu64, b->height, b->base);
}

/*
 * Those that wait, and a pause after them. What a member can be blamed for (an annex that is not the one
 * signed) is never the first of a group twice: another one is asked.
 */
static void commit(struct backfill *b)
{
	struct learnt *l = &b->learnt;
	size_t bytes = l->bytes;
	unsigned count = l->count;
	bool refused = false;
	int err;

	if (count == 0)
		return;
	while ((err = learnt_commit(l, b->apply, &count, NULL, NULL)) == CF_EFULL &&
	       !atomic_load(&b->stopping)) {
		wait_ms(b, FULL_MS);
		count = l->count;
	}
	if (err && !replica_is_trouble(err)) {
		learnt_blame(MODULE, learnt_first(l) + count, l->m[count]->number, "is refused", err);
		refused = true;
		err = count > 0 ? learnt_commit(l, b->apply, &count, NULL, NULL) : 0;
	}
	if (!err)
		b->height = learnt_first(l) + count - 1;
	learnt_forget(l);
	if (err && err != CF_EFULL) {
		fail(b, err);
		return;
	}
	keeper_height(b->config.keeper, b->height);
	tell(b);
	wait_ms(b, bytes * 1000 / ((uint64_t)b->config.rate_kib * 1024));
	if (b->height >= b->base)
		return;
	if (refused)
		catchup_refused(&b->catchup, ticks_ms());
	else
		catchup_progress(&b->catchup, b->height, ticks_ms());
}

/*
 * A good vote of the peer's own that it cannot remember (CORRECTNESS 1.5, amnesia): its vote log began later.
 * One block above where the ledger stood it may have signed.
 */
static bool remembers(struct backfill *b, const struct certificate *c)
{
	return !b->config.votes || c->height <= b->own_from ||
	       !learnt_own_vote(c, mesh_network(b->config.mesh), apply_members(b->apply), b->config.identity,
				b->config.verifier);
}

static void forget(struct backfill *b, uint64_t height)
{
	int err;

	log_error(MODULE,
		  "block %" PRIu64
		  " was signed by this peer and not in its vote log -> follows without voting",
		  height);
	err = replica_forget(b->config.data_dir);
	if (err)
		fail(b, err);
	else
		end(b, b->config.on_done);
}

static void on_block(struct backfill *b, struct message *m)
{
	struct learnt *l = &b->learnt;
	struct wire_block block;
	bool last = false;
	int err = wire_block_decode(message_view(m), &block);
	uint64_t want = (l->count > 0 ? l->last : b->height) + 1;

	if (!err && block.height != want) {
		message_free(m);
		return; /* had already, or one before it was lost: asked for again */
	}
	if (!err)
		err = learnt_check(b->apply, mesh_network(b->config.mesh), &block, &last);
	if (err) {
		learnt_blame(MODULE, want, m->number, "does not verify", err);
		message_free(m);
		commit(b);
		catchup_refused(&b->catchup, ticks_ms());
		return;
	}
	learnt_add(l, m, want);
	catchup_size(&b->catchup, m->len);
	if (!remembers(b, &block.certificate))
		forget(b, want);
	if (!b->ended && (last || want == b->base || l->bytes >= group_bytes(b) ||
			  !catchup_more(&b->catchup, l->count, l->last)))
		commit(b);
}

/* The blocks that the young ledger has, a group of them. */
static int read_own(struct backfill *b, uint64_t to)
{
	struct learnt *l = &b->learnt;
	struct message *m = NULL;
	struct buf payload;
	int err = 0;

	buf_init(&payload, 0);
	for (uint64_t h = b->height + 1; !err && h <= to; h++) {
		struct wire_block block;
		bool last = false;

		buf_reset(&payload);
		err = feed_block(b->config.young, h, &payload);
		if (!err)
			err = wire_block_decode(buf_view(&payload), &block);
		if (!err)
			err = message_new(WIRE_BLOCK, buf_view(&payload), &m);
		if (!err)
			learnt_add(l, m, h);
		if (!err)
			err = learnt_check(b->apply, mesh_network(b->config.mesh), &block, &last);
		if (last || l->bytes >= group_bytes(b) || l->count == LEARNT_BLOCKS_MAX)
			break;
	}
	buf_release(&payload);
	return err;
}

/* True: there is more to do at once. */
static bool from_own(struct backfill *b)
{
	struct chain_head head;
	int err;

	chain_head(b->config.young, &head);
	if (head.height - b->height <= BACKFILL_REST / 4) {
		log_info(MODULE, "has all blocks up to %" PRIu64 " -> the ledger is whole", b->height);
		end(b, b->config.on_done);
		return false;
	}
	err = read_own(b, head.height);
	if (err)
		fail(b, err);
	else
		commit(b);
	return !b->ended;
}

static uint64_t backfill_handle(void *ctx, struct message *m)
{
	struct backfill *b = ctx;
	uint64_t now = ticks_ms();

	if (!b->begun) {
		b->begun = true;
		tell(b);
		catchup_want(&b->catchup, b->base, MESH_ALL, b->height, now);
	}
	if (!m || b->ended || b->height >= b->base) {
		message_free(m);
	} else if (m->kind == WIRE_BLOCK) {
		on_block(b, m);
	} else {
		message_free(m);
		commit(b);
		catchup_refused(&b->catchup, now);
	}
	if (b->ended)
		return 0;
	if (b->height >= b->base)
		return from_own(b) ? ticks_ms() : 0;
	now = ticks_ms();
	if (b->catchup.deadline_ms != 0 && now >= b->catchup.deadline_ms && b->learnt.count > 0)
		commit(b);
	else if (b->catchup.deadline_ms != 0 && now >= b->catchup.deadline_ms)
		catchup_due(&b->catchup, b->height, now);
	if (b->catchup.deadline_ms == 0) /* nobody had it: begins again */
		catchup_want(&b->catchup, b->base, MESH_ALL, b->height, now);
	return b->ended ? 0 : b->catchup.deadline_ms;
}

/* --- at the start --- */

int backfill_finish(struct chain *whole, struct chain *young)
{
	struct chain_head have, want;
	struct apply *a = NULL;
	struct buf payload;
	int err;

	chain_head(whole, &have);
	chain_head(young, &want);
	if (have.height + 1 < chain_first(young) || have.height + BACKFILL_REST < want.height)
		return CF_EAGAIN;
	buf_init(&payload, 0);
	err = apply_new(whole, false, NULL, &a);
	for (uint64_t h = have.height + 1; !err && h <= want.height; h++) {
		struct wire_block block;

		buf_reset(&payload);
		err = feed_block(young, h, &payload);
		if (!err)
			err = wire_block_decode(buf_view(&payload), &block);
		if (!err)
			err = apply_commit(a, block.body, &block.certificate, true, block.verdicts, NULL,
					   NULL);
	}
	chain_head(whole, &have);
	if (!err && have.height == want.height && !hash_equal(&have.hash, &want.hash))
		err = err_set(CF_ECORRUPT, "two ledgers with another block %" PRIu64, have.height);
	apply_free(a);
	buf_release(&payload);
	return err;
}
