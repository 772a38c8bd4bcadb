/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot_server.c - sessions, and the pieces they are asked for.
 */
#include "net/snapshot_server.h"

#include "acl/rowread.h"
#include "acl/snapshot.h"
#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/sender.h"
#include "net/ticks.h"
#include "net/worker.h"

#include <string.h>
#include <unistd.h>

#define MODULE "snapshot"
#define QUEUE_BYTES_MAX ((size_t)1 << 20)

struct session {
	struct db_txn *txn; /* NULL: none */
	struct identity_id who;
	uint64_t height;
	uint64_t begun_ms;
	uint64_t asked_ms;
};

struct snapshot_server {
	struct chain *chain;
	struct mesh *mesh;
	struct verifier *verifier;
	struct worker *worker;
	struct session session[SNAPSHOT_SESSIONS_MAX];
};

static uint64_t server_handle(void *ctx, struct message *m);

int snapshot_server_new(struct chain *chain, struct mesh *mesh, struct verifier *verifier, const char *name,
			struct snapshot_server **ret_s)
{
	struct worker_config config = {name, QUEUE_BYTES_MAX, NULL, server_handle};
	struct snapshot_server *s = mem_zalloc(sizeof(*s));
	int err;

	if (!s)
		return CF_ENOMEM;
	s->chain = chain;
	s->mesh = mesh;
	s->verifier = verifier;
	config.ctx = s;
	err = worker_new(&config, &s->worker);
	if (err) {
		mem_free(s);
		return err;
	}
	*ret_s = s;
	return 0;
}

int snapshot_server_start(struct snapshot_server *s)
{
	return worker_start(s->worker);
}

void snapshot_server_stop(struct snapshot_server *s)
{
	worker_stop(s->worker);
}

static void session_end(struct session *s)
{
	db_abort(s->txn);
	s->txn = NULL;
}

void snapshot_server_free(struct snapshot_server *s)
{
	if (!s)
		return;
	worker_free(s->worker);
	for (unsigned i = 0; i < SNAPSHOT_SESSIONS_MAX; i++)
		session_end(&s->session[i]);
	mem_free(s);
}

void snapshot_server_take(struct snapshot_server *s, struct message *m)
{
	(void)!worker_push(s->worker, QUEUE_BULK, m); /* full: it is asked again */
}

static int only_peers(void *ctx, enum role role)
{
	(void)ctx;
	return role == ROLE_PEER ? 0 : err_set(CF_EDENIED, "the state is handed over to peers only");
}

static struct session *find(struct snapshot_server *s, const struct identity_id *who)
{
	for (unsigned i = 0; i < SNAPSHOT_SESSIONS_MAX; i++) {
		if (s->session[i].txn && identity_equal(&s->session[i].who, who))
			return &s->session[i];
	}
	return NULL;
}

/* At the head of now, when that is worth it for who asks. */
static int session_begin(struct snapshot_server *s, const struct identity_id *who, uint64_t least,
			 uint64_t now, struct session **ret_session)
{
	struct session *at = find(s, who);
	struct chain_head head;
	int err;

	for (unsigned i = 0; !at && i < SNAPSHOT_SESSIONS_MAX; i++) {
		if (!s->session[i].txn)
			at = &s->session[i];
	}
	if (!at)
		return err_set(CF_EAGAIN, "others are being served");
	session_end(at);
	err = chain_read_begin(s->chain, &at->txn);
	if (!err)
		err = chain_head_at(at->txn, &head);
	if (!err && head.height < least)
		err = err_set(CF_ENOTFOUND, "at height %llu only", (unsigned long long)head.height);
	if (err) {
		session_end(at);
		return err;
	}
	at->who = *who;
	at->height = head.height;
	at->begun_ms = now;
	*ret_session = at;
	return 0;
}

static int serve(struct snapshot_server *s, const struct message *m, const struct wire_frame *f)
{
	struct session *session = NULL;
	uint64_t now = ticks_ms();
	struct snapshot_ask ask;
	struct buf piece;
	int err = snapshot_ask_decode(f->payload, &ask);

	if (!err && ask.part == SNAPSHOT_OFFER) {
		err = session_begin(s, &f->sender, ask.height, now, &session);
	} else if (!err) {
		session = find(s, &f->sender);
		if (!session || session->height != ask.height)
			err = err_set(CF_ENOTFOUND, "the state of block %llu is no longer held",
				      (unsigned long long)ask.height);
	}
	if (err)
		return err;
	session->asked_ms = now;
	ask.height = session->height;
	buf_init(&piece, 0);
	err = snapshot_make(s->chain, session->txn, &ask, &piece);
	if (!err)
		mesh_answer(s->mesh, m->from, WIRE_SNAPSHOT, f->request, buf_view(&piece));
	else
		session_end(session);
	/* No faster: others are served meanwhile, and the disk is theirs, too. */
	usleep((useconds_t)(piece.len * 1000000 / SNAPSHOT_RATE_BYTES));
	buf_release(&piece);
	return err;
}

static void take(struct snapshot_server *s, const struct message *m)
{
	struct wire_frame f;
	int err = wire_frame_decode(message_view(m), mesh_network(s->mesh), &f);

	if (err)
		return; /* not even a request to answer to */
	err_clear();
	err = sender_check(s->chain, s->verifier, &f, only_peers, NULL);
	if (!err)
		err = serve(s, m, &f);
	if (!err)
		return;
	log_debug(MODULE, "a piece is refused: %s (%s)", err_name(err), err_detail());
	mesh_refuse(s->mesh, m->from, f.request, NULL, err, err_detail());
}

/* Ends those whose time is over; when the next one's is. */
static uint64_t expire(struct snapshot_server *s, uint64_t now)
{
	uint64_t next = 0;

	for (unsigned i = 0; i < SNAPSHOT_SESSIONS_MAX; i++) {
		struct session *at = &s->session[i];
		uint64_t idle = at->asked_ms + SNAPSHOT_IDLE_MS, life = at->begun_ms + SNAPSHOT_LIFE_MS;
		uint64_t end = idle < life ? idle : life;

		if (!at->txn)
			continue;
		if (now >= end)
			session_end(at);
		else if (next == 0 || end < next)
			next = end;
	}
	return next;
}

static uint64_t server_handle(void *ctx, struct message *m)
{
	struct snapshot_server *s = ctx;

	if (m)
		take(s, m);
	message_free(m);
	return expire(s, ticks_ms());
}
