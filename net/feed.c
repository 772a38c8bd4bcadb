/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed.c - subscribers and how far each has been served.
 *
 * The newest block is kept as it was published until the next one: it may not be in the stores yet.
 */
#include "net/feed.h"

#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/ticks.h"
#include "net/worker.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#define MODULE "feed"
#define QUEUE_BYTES_MAX ((size_t)16 << 20)
#define BURST_MS 4
#define BURST_MAX 48 /* blocks; inproc drops the 65th frame that waits for one client */
#define BURST_BYTES_MAX ((size_t)8 << 20)
#define AHEAD_BYTES_MAX ((size_t)16 << 20) /* stored blocks sent and not confirmed */

struct subscriber {
	bool used;
	struct transport_from from;
	uint64_t request;
	uint64_t next;  /* the height it gets next */
	uint64_t until; /* stored blocks above it wait until it confirms */
	size_t ahead;   /* bytes of stored blocks since it last confirmed */
	unsigned burst;
};

struct feed {
	struct chain *chain;
	struct chain *whole; /* has the blocks below the chain's first */
	struct mesh *mesh;
	struct worker *worker;
	pthread_mutex_t lock; /* all below */
	struct subscriber subscriber[FEED_SUBSCRIBERS_MAX];
	unsigned places;   /* used ones lie below */
	uint64_t newest;   /* height published or stored */
	struct buf latest; /* payload of the newest one; empty before the first */
};

static uint64_t feed_handle(void *ctx, struct message *m);

int feed_new(struct chain *chain, struct chain *whole, struct mesh *mesh, const char *name,
	     struct feed **ret_f)
{
	struct worker_config config = {name, QUEUE_BYTES_MAX, NULL, feed_handle};
	struct chain_head head;
	struct feed *f = mem_zalloc(sizeof(*f));
	int err;

	if (!f)
		return CF_ENOMEM;
	chain_head(chain, &head);
	f->chain = chain;
	f->whole = whole;
	f->mesh = mesh;
	f->newest = head.height;
	buf_init(&f->latest, 0);
	pthread_mutex_init(&f->lock, NULL);
	config.ctx = f;
	err = worker_new(&config, &f->worker);
	if (err) {
		mem_free(f);
		return err;
	}
	*ret_f = f;
	return 0;
}

int feed_start(struct feed *f)
{
	return worker_start(f->worker);
}

void feed_stop(struct feed *f)
{
	worker_stop(f->worker);
}

void feed_free(struct feed *f)
{
	if (!f)
		return;
	worker_free(f->worker);
	buf_release(&f->latest);
	pthread_mutex_destroy(&f->lock);
	mem_free(f);
}

void feed_take(struct feed *f, struct message *m)
{
	(void)!worker_push(f->worker, QUEUE_BULK, m); /* full: the client asks again */
}

int feed_block(struct chain *chain, uint64_t height, struct buf *out)
{
	struct chain_block_info info;
	struct wire_block block;
	struct db_txn *txn = NULL;
	struct buf body;
	int err;

	if (height < chain_first(chain))
		return CF_ENOTFOUND; /* the one it began with has no annexes */
	buf_init(&body, 0);
	err = chain_read_begin(chain, &txn);
	if (!err)
		err = chain_block_info(txn, height, &info);
	if (!err)
		err = chain_block_body(chain, txn, height, &body);
	if (!err) {
		block = (struct wire_block){height, buf_view(&body), info.verdicts, info.certificate};
		err = wire_block_encode(&block, out);
	}
	db_abort(txn);
	buf_release(&body);
	return err;
}

/* --- subscribers --- */

static struct subscriber *find(struct feed *f, uint32_t listener, uint32_t pipe)
{
	for (unsigned i = 0; i < f->places; i++) {
		struct subscriber *s = &f->subscriber[i];

		if (s->used && s->from.listener == listener && s->from.pipe == pipe)
			return s;
	}
	return NULL;
}

static struct subscriber *place_for(struct feed *f, const struct transport_from *from)
{
	struct subscriber *s = find(f, from->listener, from->pipe);

	for (unsigned i = 0; !s && i < FEED_SUBSCRIBERS_MAX; i++) {
		if (f->subscriber[i].used)
			continue;
		s = &f->subscriber[i];
		*s = (struct subscriber){.burst = BURST_MAX};
		if (i >= f->places)
			f->places = i + 1;
	}
	return s;
}

void feed_gone(struct feed *f, uint32_t listener, uint32_t pipe)
{
	struct subscriber *s;

	pthread_mutex_lock(&f->lock);
	s = find(f, listener, pipe);
	if (s)
		s->used = false;
	pthread_mutex_unlock(&f->lock);
}

static bool subscribe(struct feed *f, const struct message *m, uint64_t height)
{
	struct subscriber *s;

	pthread_mutex_lock(&f->lock);
	s = place_for(f, &m->from);
	if (s) {
		s->until = height + FEED_AHEAD_BLOCKS;
		s->ahead = 0;
	}
	if (s && s->used && s->request == m->request && height <= s->next) {
		/* It has what is below: the subscription goes on. */
		if (s->burst < BURST_MAX)
			s->burst++;
	} else if (s) {
		/* It lost what was sent: less at a time. */
		if (s->used && height < s->next)
			s->burst = s->burst > 1 ? s->burst / 2 : 1;
		s->used = true;
		s->from = m->from;
		s->request = m->request;
		s->next = height > 0 ? height : 1;
	}
	pthread_mutex_unlock(&f->lock);
	return s != NULL;
}

void feed_publish(struct feed *f, uint64_t height, struct view payload)
{
	pthread_mutex_lock(&f->lock);
	for (unsigned i = 0; i < f->places; i++) {
		struct subscriber *s = &f->subscriber[i];

		if (!s->used || s->next != height)
			continue;
		mesh_answer(f->mesh, s->from, WIRE_BLOCK, s->request, payload);
		s->next++;
	}
	f->newest = height;
	buf_reset(&f->latest);
	if (buf_append_view(&f->latest, payload))
		buf_reset(&f->latest); /* no memory: those who come late get it from the stores */
	pthread_mutex_unlock(&f->lock);
}

void feed_advance(struct feed *f, uint64_t height)
{
	pthread_mutex_lock(&f->lock);
	f->newest = height;
	buf_reset(&f->latest);
	pthread_mutex_unlock(&f->lock);
	worker_wake(f->worker);
}

/* --- the thread --- */

/* A block as it was published, or from the stores. */
static int block_payload(struct feed *f, uint64_t height, struct buf *out)
{
	int err = CF_ENOTFOUND;

	pthread_mutex_lock(&f->lock);
	if (height == f->newest && f->latest.len > 0)
		err = buf_append_view(out, buf_view(&f->latest));
	pthread_mutex_unlock(&f->lock);
	if (err != CF_ENOTFOUND)
		return err;
	return feed_block(height < chain_first(f->chain) ? f->whole : f->chain, height, out);
}

/* The blocks a subscriber lacks, up to its burst. True when more are left. */
static bool serve_burst(struct feed *f, unsigned at)
{
	struct subscriber *s = &f->subscriber[at];
	size_t bytes = 0;
	unsigned sent = 0;
	bool more = true;
	struct buf payload;

	buf_init(&payload, 0);
	while (more) {
		struct subscriber now;
		int err;

		pthread_mutex_lock(&f->lock);
		now = *s;
		more = now.used && now.next <= f->newest && now.next < now.until &&
		       now.ahead < AHEAD_BYTES_MAX;
		pthread_mutex_unlock(&f->lock);
		if (!more || sent >= now.burst || bytes >= BURST_BYTES_MAX)
			break;
		buf_reset(&payload);
		err = block_payload(f, now.next, &payload);
		if (err) {
			log_at(err == CF_ENOTFOUND ? LOG_DEBUG : LOG_WARN, MODULE,
			       "block %llu cannot be served: %s (%s)", (unsigned long long)now.next,
			       err_name(err), err_detail());
			mesh_refuse(f->mesh, now.from, now.request, NULL, err, err_detail());
			feed_gone(f, now.from.listener, now.from.pipe);
			more = false;
			break;
		}
		mesh_answer(f->mesh, now.from, WIRE_BLOCK, now.request, buf_view(&payload));
		pthread_mutex_lock(&f->lock);
		/* Unless it subscribed anew meanwhile. */
		if (s->used && s->request == now.request && s->next == now.next) {
			s->next++;
			s->ahead += payload.len;
		}
		pthread_mutex_unlock(&f->lock);
		bytes += payload.len;
		sent++;
	}
	buf_release(&payload);
	return more;
}

static void fetch(struct feed *f, const struct message *m, uint64_t height)
{
	struct buf payload;
	int err;

	buf_init(&payload, 0);
	err = block_payload(f, height, &payload);
	if (err)
		mesh_refuse(f->mesh, m->from, m->request, NULL, err, err == CF_ENOTFOUND ? "" : err_detail());
	else
		mesh_answer(f->mesh, m->from, WIRE_BLOCK, m->request, buf_view(&payload));
	buf_release(&payload);
}

static void take(struct feed *f, const struct message *m)
{
	struct dec d;
	uint64_t height;

	dec_init(&d, message_view(m));
	height = dec_u64(&d);
	if (dec_done(&d))
		mesh_refuse(f->mesh, m->from, m->request, NULL, CF_EDECODE, "");
	else if (m->kind == WIRE_FETCH)
		fetch(f, m, height);
	else if (!subscribe(f, m, height))
		mesh_refuse(f->mesh, m->from, m->request, NULL, CF_EAGAIN, "too many subscribers");
}

static uint64_t feed_handle(void *ctx, struct message *m)
{
	struct feed *f = ctx;
	bool more = false;
	unsigned places;

	if (m)
		take(f, m);
	message_free(m);
	pthread_mutex_lock(&f->lock);
	places = f->places;
	pthread_mutex_unlock(&f->lock);
	for (unsigned i = 0; i < places; i++)
		more = serve_burst(f, i) || more;
	return more ? ticks_ms() + BURST_MS : 0;
}
