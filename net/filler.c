/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filler.c - a window of blocks below the lowest one here, and a pause after each group.
 */
#include "net/filler.h"

#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/ticks.h"
#include "net/wire.h"

#include <assert.h>
#include <inttypes.h>

#define MODULE "backfill"
#define WINDOW 24 /* asked for ahead; a link takes 32 questions at a time */
#define WINDOW_BYTES ((size_t)8 << 20)
#define GROUP_MS 20 /* live blocks wait no longer behind old ones */
#define PATIENCE_MS 1000
#define TROUBLE_MS 1000
#define TELL_MS 10000

struct filler {
	struct chain *chain;
	struct links *links;
	struct past *past; /* NULL: the ledger is whole */
	uint32_t rate_kib;
	struct message *m[WINDOW]; /* by height % WINDOW */
	size_t bytes;              /* of them */
	uint64_t asked;            /* blocks from this height on were asked for; 0: none */
	unsigned member;           /* of whom; MEMBERS_MAX: nobody yet */
	uint64_t heard_ms;         /* when the last one came, or was asked for anew */
	uint64_t resume_ms;        /* a pause until then */
	uint64_t tell_ms;
};

int filler_new(struct chain *chain, struct links *links, struct view genesis, uint32_t rate_kib,
	       struct filler **ret_f)
{
	struct filler *f = mem_zalloc(sizeof(*f));
	struct buf note;
	int err = f ? 0 : CF_ENOMEM;

	assert(chain && links && rate_kib && ret_f);
	if (err)
		return err;
	*f = (struct filler){.chain = chain, .links = links, .rate_kib = rate_kib, .member = MEMBERS_MAX};
	buf_init(&note, 0);
	if (chain_past(chain) > 0) {
		err = chain_fill_note(chain, &note);
		if (!err)
			err = past_new(genesis, buf_view(&note), &f->past);
	}
	buf_release(&note);
	if (err) {
		filler_free(f);
		return err;
	}
	*ret_f = f;
	return 0;
}

static void forget(struct filler *f)
{
	for (unsigned i = 0; i < WINDOW; i++) {
		message_free(f->m[i]);
		f->m[i] = NULL;
	}
	f->bytes = 0;
	f->asked = 0;
}

void filler_free(struct filler *f)
{
	if (!f)
		return;
	forget(f);
	past_free(f->past);
	mem_free(f);
}

/* The block that comes next. */
static uint64_t next_height(const struct filler *f)
{
	return chain_first(f->chain) - 1;
}

bool filler_take(struct filler *f, uint64_t height, struct message *m)
{
	uint64_t next = next_height(f);

	if (!f->past || height == 0 || height > next || next - height >= WINDOW || f->m[height % WINDOW])
		return false;
	/* one is always kept: the next block may be as long as it likes */
	if (height != next && f->bytes + m->len > WINDOW_BYTES)
		return false;
	f->m[height % WINDOW] = m;
	f->bytes += m->len;
	f->heard_ms = ticks_ms();
	return true;
}

/* --- filling --- */

static void drop(struct filler *f, uint64_t height)
{
	struct message **m = &f->m[height % WINDOW];

	f->bytes -= (*m)->len;
	message_free(*m);
	*m = NULL;
}

/* The member after this one, so that each has its turn. */
static void leave_member(struct filler *f, uint64_t now)
{
	uint32_t up = links_up(f->links);
	unsigned from = f->member < MEMBERS_MAX ? f->member : MEMBERS_MAX - 1;

	f->member = MEMBERS_MAX;
	for (unsigned i = 1; i <= MEMBERS_MAX && f->member == MEMBERS_MAX; i++) {
		if (up >> ((from + i) % MEMBERS_MAX) & 1)
			f->member = (from + i) % MEMBERS_MAX;
	}
	f->asked = 0;
	f->heard_ms = now;
}

/* One block; CF_EINVAL: it was wrong, and its member is left. */
static int fill_one(struct filler *f, struct chain_fill *fill, const struct message *m)
{
	uint64_t height = chain_fill_height(fill);
	struct past_block b;
	struct wire_block block;
	bool own = false;
	int err = wire_block_decode(message_view(m), &block);

	if (!err) {
		b = (struct past_block){block.body, block.verdicts, &block.certificate};
		err = past_fill(f->past, fill, &b, &own);
	}
	if (!err || own || err == CF_ENOMEM)
		return err;
	log_warn(MODULE, "peer %u sends a wrong block %" PRIu64 ": %s (%s) -> asks another",
		 (unsigned)m->number, height, err_name(err), err_detail());
	return CF_EINVAL;
}

/* Those that are here in a row. */
static int fill_row(struct filler *f, struct chain_fill *fill, uint64_t until_ms, size_t *ret_bytes)
{
	uint64_t height;
	int err = 0;

	while (!err && (height = chain_fill_height(fill)) > 0 && f->m[height % WINDOW] &&
	       ticks_ms() < until_ms) {
		const struct message *m = f->m[height % WINDOW];

		err = fill_one(f, fill, m);
		*ret_bytes += m->len;
		if (!err || err == CF_EINVAL)
			drop(f, height);
	}
	return err;
}

static void tell(struct filler *f, uint64_t now)
{
	if (chain_past(f->chain) == 0) {
		log_info(MODULE, "has all blocks -> the ledger is whole");
		forget(f);
		past_free(f->past);
		f->past = NULL;
	} else if (now >= f->tell_ms) {
		f->tell_ms = now + TELL_MS;
		log_info(MODULE, "blocks 1 to %" PRIu64 " are still to come", next_height(f));
	}
}

/* A group. What was wrong has changed nothing: those that came before it stay. */
static void fill_group(struct filler *f, uint64_t now)
{
	struct chain_fill *fill = NULL;
	size_t bytes = 0;
	int err, kept;

	err_clear();
	err = chain_fill_begin(f->chain, &fill);
	if (!err)
		err = fill_row(f, fill, now + GROUP_MS, &bytes);
	if (!err || err == CF_EINVAL) {
		kept = chain_fill_commit(fill);
		err = kept ? kept : err;
	} else {
		chain_fill_discard(fill);
	}
	now = ticks_ms();
	if (err == CF_EINVAL) {
		forget(f);
		leave_member(f, now);
	} else if (err) {
		log_error(MODULE, "block %" PRIu64 " cannot be stored: %s (%s) -> tries again",
			  next_height(f), err_name(err), err_detail());
		forget(f);
		f->resume_ms = now + TROUBLE_MS;
		return;
	}
	f->resume_ms = now + bytes * 1000 / ((uint64_t)f->rate_kib * 1024);
	tell(f, now);
}

/* --- asking --- */

static void ask_one(struct filler *f, uint64_t height)
{
	uint8_t be[8];

	for (unsigned i = 0; i < sizeof(be); i++)
		be[i] = (uint8_t)(height >> (8 * (7 - i)));
	(void)links_send(f->links, 1u << f->member, WIRE_FETCH, links_next_request(f->links),
			 VIEW(be, sizeof(be)));
}

/* Half a window at a time, so that the rest is under way while it is filled in. */
static void ask(struct filler *f, uint64_t now)
{
	uint64_t next = next_height(f), low = next >= WINDOW ? next - WINDOW + 1 : 1;
	uint64_t from = f->asked && f->asked <= next ? f->asked - 1 : next;

	if (f->member == MEMBERS_MAX || now - f->heard_ms >= PATIENCE_MS) {
		forget(f);
		leave_member(f, now);
		from = next;
	}
	if (f->member == MEMBERS_MAX || (from - low < WINDOW / 2 && low > 1 && f->asked))
		return;
	for (uint64_t height = from; height >= low && height > 0; height--) {
		if (!f->m[height % WINDOW])
			ask_one(f, height);
		f->asked = height;
	}
}

uint64_t filler_step(struct filler *f, uint64_t now_ms)
{
	if (!f->past)
		return 0;
	if (now_ms < f->resume_ms) {
		f->heard_ms = now_ms; /* nothing is expected meanwhile */
		return f->resume_ms;
	}
	if (f->m[next_height(f) % WINDOW])
		fill_group(f, now_ms);
	if (!f->past)
		return 0;
	now_ms = ticks_ms();
	if (now_ms < f->resume_ms)
		return f->resume_ms;
	ask(f, now_ms);
	return f->m[next_height(f) % WINDOW] ? now_ms : now_ms + PATIENCE_MS / 4;
}
