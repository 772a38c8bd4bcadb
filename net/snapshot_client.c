/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot_client.c - one question at a time, to one member at a time.
 */
#include "net/snapshot_client.h"

#include "acl/snapshot.h"
#include "ledger/file.h"
#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/learnt.h"
#include "net/replica.h"
#include "net/room.h"
#include "net/ticks.h"
#include "net/worker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define MODULE "snapshot"
#define QUEUE_BYTES_MAX ((size_t)64 << 20)
#define REQUESTS_FROM (UINT64_C(1) << 63) /* heights are below */
#define OFFER_MS 1000                     /* for an offer; then the next member is asked */
#define PIECE_MS 4000                     /* for a piece; then it is asked for again, */
#define PIECE_TRIES 3                     /* so often */
#define LINKS_MS 10000                    /* after the start links may still be coming up */
#define LINKS_AGAIN_MS 100
#define PAUSE_MS 60000 /* between two looks */

struct snapshot_client {
	struct snapshot_client_config config;
	struct worker *worker;
	bool looking;            /* for a member that offers one, or at taking it */
	struct snapshot_take *t; /* being taken, from member `from` */
	char dir[FILE_PATH_MAX]; /* SNAPSHOT_DIR_NEW */
	uint8_t from;
	uint32_t asked;       /* members that are done with in this look */
	uint64_t links_ms;    /* until then a link that is down is waited for */
	uint64_t look_ms;     /* the next look not before */
	uint64_t since;       /* own height when it began */
	bool forgot;          /* a vote of the peer's own that it cannot have given */
	uint64_t request;     /* the last one; REQUESTS_FROM and above */
	uint64_t deadline_ms; /* for its answer; 0: none is waited for */
	unsigned tries;
	atomic_ullong heard; /* of a height this far up */
};

static uint64_t client_handle(void *ctx, struct message *m);

int snapshot_client_new(const struct snapshot_client_config *config, struct snapshot_client **ret_c)
{
	struct worker_config worker = {config->name, QUEUE_BYTES_MAX, NULL, client_handle};
	struct snapshot_client *c = mem_zalloc(sizeof(*c));
	int err;

	if (!c)
		return CF_ENOMEM;
	c->config = *config;
	c->request = REQUESTS_FROM;
	c->links_ms = ticks_ms() + LINKS_MS;
	atomic_init(&c->heard, UINT64_MAX); /* the start is a reason to look */
	worker.ctx = c;
	err = file_path(config->data_dir, SNAPSHOT_DIR_NEW, c->dir);
	if (!err)
		err = worker_new(&worker, &c->worker);
	if (err) {
		mem_free(c);
		return err;
	}
	*ret_c = c;
	return 0;
}

int snapshot_client_start(struct snapshot_client *c)
{
	return worker_start(c->worker);
}

void snapshot_client_stop(struct snapshot_client *c)
{
	worker_stop(c->worker);
}

void snapshot_client_free(struct snapshot_client *c)
{
	if (!c)
		return;
	worker_free(c->worker);
	snapshot_take_free(c->t);
	mem_free(c);
}

void snapshot_client_take(struct snapshot_client *c, struct message *m)
{
	(void)!worker_push(c->worker, QUEUE_BULK, m); /* full: asked for again */
}

bool snapshot_client_asked(uint64_t request)
{
	return request >= REQUESTS_FROM;
}

void snapshot_client_behind(struct snapshot_client *c, uint64_t height)
{
	if (height <= atomic_load(&c->heard))
		return;
	atomic_store(&c->heard, height);
	worker_wake(c->worker);
}

static uint64_t own_height(struct snapshot_client *c)
{
	struct chain_head head;

	chain_head(c->config.chain, &head);
	return head.height;
}

/* --- asking --- */

static int send_ask(struct snapshot_client *c, const struct snapshot_ask *ask)
{
	struct buf bytes;
	int err;

	buf_init(&bytes, 0);
	err = snapshot_ask_encode(ask, &bytes);
	if (!err)
		err = mesh_ask(c->config.mesh, c->from, WIRE_SNAPSHOT_ASK, ++c->request, buf_view(&bytes));
	buf_release(&bytes);
	return err;
}

static void ask_piece(struct snapshot_client *c, uint64_t now)
{
	struct snapshot_ask ask;

	if (snapshot_take_next(c->t, &ask))
		(void)!send_ask(c, &ask); /* lost: asked for again */
	c->deadline_ms = now + PIECE_MS;
}

/* The member after this one that may still have something to offer; false: none is left. */
static bool next_member(struct snapshot_client *c)
{
	unsigned n = mesh_count(c->config.mesh);

	for (unsigned i = 1; i <= n; i++) {
		uint8_t member = (uint8_t)((c->from + i) % n);

		if (member == mesh_self(c->config.mesh) || c->asked >> member & 1)
			continue;
		c->from = member;
		return true;
	}
	return false;
}

static void ask_offer(struct snapshot_client *c, uint64_t now)
{
	const struct snapshot_ask ask = {.part = SNAPSHOT_OFFER, .height = own_height(c) + c->config.blocks};

	c->tries = 0;
	if (!next_member(c)) {
		c->looking = false;
		c->deadline_ms = 0;
		c->look_ms = now + PAUSE_MS;
		return;
	}
	if (send_ask(c, &ask) == 0)
		c->deadline_ms = now + OFFER_MS;
	else if (now < c->links_ms)
		c->deadline_ms = now + LINKS_AGAIN_MS;
	else
		c->deadline_ms = now;
	if (c->deadline_ms == now)
		c->asked |= 1u << c->from;
}

/* Begins a look when there is a reason and no other one was just now. */
static void look(struct snapshot_client *c, uint64_t now)
{
	uint64_t heard = atomic_load(&c->heard);

	if (c->looking || now < c->look_ms || heard == 0)
		return;
	atomic_store(&c->heard, 0);
	if (heard < own_height(c) + c->config.blocks)
		return;
	c->looking = true;
	c->asked = 0;
	c->from = (uint8_t)(mesh_self(c->config.mesh) % mesh_count(c->config.mesh));
	ask_offer(c, now);
}

/* --- taking --- */

static void drop(struct snapshot_client *c)
{
	snapshot_take_free(c->t);
	c->t = NULL;
	if (file_remove_tree(c->dir))
		log_warn(MODULE, "%s cannot be removed: %s", c->dir, err_detail());
}

/* Done with this member, for this time. */
static void leave(struct snapshot_client *c, uint64_t now)
{
	if (c->t)
		drop(c);
	c->asked |= 1u << c->from;
	ask_offer(c, now);
}

/*
 * A vote of the peer's own in blocks that it skips: above the one block that it may have signed before it
 * went, it has given none that it knows of. Those of other epochs are met by the backfill.
 */
static void on_certificate(void *ctx, const struct certificate *cert)
{
	struct snapshot_client *c = ctx;
	const struct members *m = snapshot_take_members(c->t);

	if (c->forgot || cert->epoch != m->epoch || cert->height <= c->since + 1)
		return;
	c->forgot = learnt_own_vote(cert, mesh_network(c->config.mesh), m, c->config.identity,
				    c->config.verifier);
}

static int on_offer(struct snapshot_client *c, struct view bytes)
{
	int err = file_remove_tree(c->dir);

	c->since = own_height(c);
	c->forgot = false;
	if (!err)
		err = room_check(c->config.data_dir, "a snapshot");
	if (!err)
		err = snapshot_take_new(c->dir, c->config.genesis, bytes, false, on_certificate, c, &c->t);
	if (!err && snapshot_take_height(c->t) < c->since + c->config.blocks)
		err = err_set(CF_EINVAL, "block %" PRIu64 " is not far ahead", snapshot_take_height(c->t));
	if (!err)
		log_info(MODULE,
			 "own height %" PRIu64 ", member %u offers the state of block %" PRIu64
			 " -> takes it",
			 c->since, c->from, snapshot_take_height(c->t));
	return err;
}

/* Complete: it becomes what the peer votes by, unless the blocks were faster. */
static int install(struct snapshot_client *c)
{
	uint64_t height = snapshot_take_height(c->t), rows = snapshot_take_rows(c->t);
	char path[FILE_PATH_MAX];
	int err = file_path(c->config.data_dir, SNAPSHOT_DIR, path);

	if (!err)
		err = snapshot_take_end(c->t);
	if (err)
		return err;
	c->t = NULL;
	if (own_height(c) >= height) {
		log_info(MODULE, "the state of block %" PRIu64 " is here -> not needed any more", height);
		return CF_EEXIST;
	}
	if (c->forgot) {
		log_error(MODULE,
			  "blocks up to %" PRIu64 " have votes of this peer that are not in its log "
			  "-> follows without voting",
			  height);
		err = replica_forget(c->config.data_dir);
	}
	if (!err && rename(c->dir, path) != 0)
		err = err_set(err_from_errno(errno), "rename %s: %s", c->dir, strerror(errno));
	if (!err)
		err = file_dir_sync(c->config.data_dir);
	if (err)
		return err;
	log_info(MODULE,
		 "%" PRIu64 " rows of member %u are the state of block %" PRIu64 " -> goes on from there",
		 rows, c->from, height);
	c->config.on_ready(c->config.ctx);
	return 0;
}

/* One step further with the piece that was asked for. */
static int on_piece(struct snapshot_client *c, struct view bytes)
{
	struct snapshot_ask ask;
	int err = room_check(c->config.data_dir, "a snapshot");

	if (!err)
		err = snapshot_take_piece(c->t, bytes);
	if (!err && !snapshot_take_next(c->t, &ask))
		err = install(c);
	return err;
}

static void on_answer(struct snapshot_client *c, const struct message *m, uint64_t now)
{
	int err;

	if (m->kind == WIRE_REFUSED) {
		if (c->t)
			log_warn(MODULE, "member %u does not go on with its state -> asks another", c->from);
		leave(c, now);
		return;
	}
	err_clear();
	c->tries = 0;
	err = c->t ? on_piece(c, message_view(m)) : on_offer(c, message_view(m));
	if (!err && c->t) {
		ask_piece(c, now);
		return;
	}
	if (!err || err == CF_EEXIST) { /* done */
		c->looking = false;
		c->deadline_ms = 0;
		c->look_ms = now + PAUSE_MS;
		if (err)
			drop(c);
		return;
	}
	if (snapshot_is_lie(err))
		log_warn(MODULE, "member %u sends a wrong state: %s (%s) -> asks another", c->from,
			 err_name(err), err_detail());
	else
		log_error(MODULE, "the state of member %u cannot be kept: %s (%s)", c->from, err_name(err),
			  err_detail());
	leave(c, now);
}

static void overdue(struct snapshot_client *c, uint64_t now)
{
	if (c->t && ++c->tries < PIECE_TRIES) {
		ask_piece(c, now);
		return;
	}
	if (c->t)
		log_warn(MODULE, "member %u falls silent -> asks another", c->from);
	/* A link that is still coming up is tried again, in its turn. */
	if (c->t || now >= c->links_ms)
		leave(c, now);
	else
		ask_offer(c, now);
}

static uint64_t client_handle(void *ctx, struct message *m)
{
	struct snapshot_client *c = ctx;
	uint64_t now = ticks_ms();

	/* The answer to the last question, from who was asked it. */
	if (m && c->deadline_ms != 0 && m->request == c->request && m->number == c->from)
		on_answer(c, m, now);
	message_free(m);
	now = ticks_ms();
	if (c->deadline_ms != 0 && now >= c->deadline_ms)
		overdue(c, now);
	look(c, now);
	if (c->deadline_ms != 0)
		return c->deadline_ms;
	return atomic_load(&c->heard) ? c->look_ms : 0;
}
