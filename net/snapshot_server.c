/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot_server.c - sessions, and the pieces they are asked for.
 */
#include "net/snapshot_server.h"

#include "acl/rowread.h"
#include "acl/snapshot.h"
#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/gateway.h"
#include "net/sender.h"
#include "net/ticks.h"
#include "net/worker.h"

#include <string.h>
#include <unistd.h>

#define MODULE "snapshot"
#define QUEUE_BYTES_MAX ((size_t)1 << 20)
#define SESSIONS (SNAPSHOT_SESSIONS_MAX + SNAPSHOT_MOUNTS_MAX)

/* Who asks. */
struct asker {
	struct identity_id who;
	bool peer;
	bool known; /* its signature was checked: it is in the ledger */
	enum gateway gateway;
};

struct session {
	struct db_txn *txn; /* NULL: none */
	struct asker asker;
	uint64_t height;
	uint64_t begun_ms;
	uint64_t asked_ms;
};

struct snapshot_server {
	struct chain *chain;
	struct mesh *mesh;
	struct verifier *verifier;
	struct worker *worker;
	struct session session[SESSIONS]; /* the first are for peers */
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
	for (unsigned i = 0; i < SESSIONS; i++)
		session_end(&s->session[i]);
	mem_free(s);
}

void snapshot_server_take(struct snapshot_server *s, struct message *m)
{
	(void)!worker_push(s->worker, QUEUE_BULK, m); /* full: it is asked again */
}

static int on_role(void *ctx, enum role role)
{
	struct asker *a = ctx;

	a->peer = role == ROLE_PEER;
	return gateway_check_role(a->gateway, role);
}

/*
 * Who is not in the ledger yet is about to register. What is handed over, blocks have, which anybody may
 * fetch who got past TLS; who asks decides about places and turns only.
 */
static int check_asker(struct snapshot_server *s, const struct message *m, const struct wire_frame *f,
		       struct asker *ret_asker)
{
	struct asker a = {.who = f->sender, .gateway = (enum gateway)m->gateway};
	int err = sender_check(s->chain, s->verifier, f, on_role, &a);

	a.known = err == 0;
	if (err && err != CF_EFOREIGN)
		return err;
	*ret_asker = a;
	return 0;
}

static bool same_asker(const struct asker *a, const struct asker *b)
{
	return identity_equal(&a->who, &b->who) && a->known == b->known;
}

static struct session *find(struct snapshot_server *s, const struct asker *who)
{
	for (unsigned i = 0; i < SESSIONS; i++) {
		if (s->session[i].txn && same_asker(&s->session[i].asker, who))
			return &s->session[i];
	}
	return NULL;
}

/* A free place among those for peers, or for others; of these, strangers get one only. */
static struct session *find_free(struct snapshot_server *s, const struct asker *who)
{
	unsigned from = who->peer ? 0 : SNAPSHOT_SESSIONS_MAX;
	unsigned to = who->peer ? SNAPSHOT_SESSIONS_MAX : SESSIONS;
	struct session *free = NULL;

	for (unsigned i = from; i < to; i++) {
		struct session *at = &s->session[i];

		if (!at->txn)
			free = at;
		else if (!who->known && !at->asker.known)
			return NULL;
	}
	return free;
}

/* At the head of now, when that is worth it for who asks. */
static int session_begin(struct snapshot_server *s, const struct asker *who, uint64_t least, uint64_t now,
			 struct session **ret_session)
{
	struct session *at = find(s, who);
	struct chain_head head;
	int err;

	if (!at)
		at = find_free(s, who);
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
	at->asker = *who;
	at->height = head.height;
	at->begun_ms = now;
	*ret_session = at;
	return 0;
}

/* A piece of the state that is held for the asker. */
static int serve_piece(struct snapshot_server *s, const struct asker *who, struct snapshot_ask *ask,
		       struct buf *piece)
{
	struct session *session = NULL;
	uint64_t now = ticks_ms();
	int err = 0;

	if (ask->part == SNAPSHOT_OFFER) {
		err = session_begin(s, who, ask->height, now, &session);
	} else {
		session = find(s, who);
		if (!session || session->height != ask->height)
			err = err_set(CF_ENOTFOUND, "the state of block %llu is no longer held",
				      (unsigned long long)ask->height);
	}
	if (err)
		return err;
	session->asked_ms = now;
	ask->height = session->height;
	err = snapshot_make(s->chain, session->txn, ask, piece);
	if (err)
		session_end(session);
	return err;
}

/* A hint, from the newest state. */
static int serve_hint(struct snapshot_server *s, const struct asker *who, const struct snapshot_ask *ask,
		      struct buf *piece)
{
	const struct identity_id nobody = {{0}};
	struct db_txn *txn = NULL;
	int err = chain_read_begin(s->chain, &txn);

	if (!err)
		err = snapshot_hint(s->chain, txn, who->known ? &who->who : &nobody, ask, piece);
	db_abort(txn);
	return err;
}

static int serve(struct snapshot_server *s, const struct message *m, const struct wire_frame *f)
{
	struct snapshot_ask ask;
	struct asker who;
	struct buf piece;
	int err = snapshot_ask_decode(f->payload, &ask);

	if (!err)
		err = check_asker(s, m, f, &who);
	if (err)
		return err;
	buf_init(&piece, 0);
	if (ask.part == SNAPSHOT_KEYS || ask.part == SNAPSHOT_PLACE)
		err = serve_hint(s, &who, &ask, &piece);
	else
		err = serve_piece(s, &who, &ask, &piece);
	if (!err)
		mesh_answer(s->mesh, m->from, WIRE_SNAPSHOT, f->request, buf_view(&piece));
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

	for (unsigned i = 0; i < SESSIONS; i++) {
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
