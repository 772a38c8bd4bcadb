/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue.c - two lists of senders, each with its list of messages, under one lock.
 */
#include "net/queue.h"

#include "ledger/mem.h"
#include "net/ticks.h"

#include <assert.h>
#include <string.h>

#define URGENT_RUN 16 /* urgent messages in a row while others wait */

/* Messages of one sender, oldest first; only while there are any. */
struct sender {
	struct sender *next;
	uint64_t key;
	struct message *first;
	struct message **last;
	size_t bytes;
};

/* Senders in the order in which they are served. */
struct lane {
	struct sender *first;
	struct sender **last;
	size_t bytes;
};

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct lane lane[QUEUE_LANES];
	size_t bytes_max;
	bool waiting; /* somebody is in queue_pop */
	unsigned urgent_run;
	bool woken;
	bool closed;
};

int message_new(unsigned kind, struct view bytes, struct message **ret_m)
{
	struct message *m = mem_alloc(sizeof(*m) + bytes.len);

	if (!m)
		return CF_ENOMEM;
	memset(m, 0, sizeof(*m));
	m->kind = kind;
	m->len = bytes.len;
	if (bytes.len > 0)
		memcpy(m->bytes, bytes.data, bytes.len);
	*ret_m = m;
	return 0;
}

void message_free(struct message *m)
{
	mem_free(m);
}

struct view message_view(const struct message *m)
{
	return VIEW(m->bytes, m->len);
}

int queue_new(size_t bytes_max, struct queue **ret_q)
{
	struct queue *q = mem_zalloc(sizeof(*q));

	if (!q)
		return CF_ENOMEM;
	if (ticks_cond_init(&q->cond)) {
		mem_free(q);
		return CF_ENOMEM;
	}
	pthread_mutex_init(&q->lock, NULL);
	for (int i = 0; i < QUEUE_LANES; i++)
		q->lane[i].last = &q->lane[i].first;
	q->bytes_max = bytes_max;
	*ret_q = q;
	return 0;
}

/* --- lanes; with the lock held --- */

static size_t size_of(const struct message *m)
{
	return sizeof(*m) + m->len;
}

static struct sender *sender_find(struct lane *l, uint64_t key)
{
	struct sender *s = l->first;

	while (s && s->key != key)
		s = s->next;
	return s;
}

static struct sender *sender_new(struct lane *l, uint64_t key)
{
	struct sender *s = mem_zalloc(sizeof(*s));

	if (!s)
		return NULL;
	s->key = key;
	s->last = &s->first;
	*l->last = s;
	l->last = &s->next;
	return s;
}

static void sender_unlink(struct lane *l, struct sender *s)
{
	struct sender **at = &l->first;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	if (!s->next)
		l->last = at;
	s->next = NULL;
}

/* The oldest one. The sender goes when it was the last. */
static struct message *sender_take(struct lane *l, struct sender *s)
{
	struct message *m = s->first;

	s->first = m->next;
	if (!s->first)
		s->last = &s->first;
	s->bytes -= size_of(m);
	l->bytes -= size_of(m);
	if (!s->first) {
		sender_unlink(l, s);
		mem_free(s);
	}
	return m;
}

/* Each has its turn. */
static struct message *lane_take(struct lane *l)
{
	struct sender *s = l->first;

	if (s && s->next) {
		sender_unlink(l, s);
		*l->last = s;
		l->last = &s->next;
	}
	return s ? sender_take(l, s) : NULL;
}

/*
 * Room for a message of this sender in a full lane: at the cost of the one that has the most in it, which is
 * whoever floods. False: that is this one. What the program sends itself (key 0) is never lost that way.
 */
static bool lane_make_room(struct lane *l, size_t bytes_max, uint64_t key, size_t bytes)
{
	while (l->bytes >= bytes_max) {
		const struct sender *own = sender_find(l, key);
		struct sender *most = l->first;

		for (struct sender *s = most; s; s = s->next)
			most = s->bytes > most->bytes ? s : most;
		if (most->key == 0 || most->bytes <= bytes + (own ? own->bytes : 0))
			return false;
		message_free(sender_take(l, most));
	}
	return true;
}

void queue_free(struct queue *q)
{
	if (!q)
		return;
	for (int i = 0; i < QUEUE_LANES; i++) {
		while (q->lane[i].first)
			message_free(sender_take(&q->lane[i], q->lane[i].first));
	}
	pthread_cond_destroy(&q->cond);
	pthread_mutex_destroy(&q->lock);
	mem_free(q);
}

int queue_push(struct queue *q, enum queue_lane lane, struct message *m)
{
	struct lane *l = &q->lane[lane];
	struct sender *s = NULL;
	bool wake;

	assert(lane < QUEUE_LANES && m);
	pthread_mutex_lock(&q->lock);
	if (!q->closed && lane_make_room(l, q->bytes_max, m->sender, size_of(m))) {
		s = sender_find(l, m->sender);
		if (!s)
			s = sender_new(l, m->sender);
	}
	if (s) {
		m->next = NULL;
		*s->last = m;
		s->last = &m->next;
		s->bytes += size_of(m);
		l->bytes += size_of(m);
	}
	wake = s && q->waiting;
	pthread_mutex_unlock(&q->lock);
	if (wake)
		pthread_cond_signal(&q->cond);
	if (s)
		return 0;
	message_free(m);
	return CF_EAGAIN;
}

/* Called with the lock held. */
static struct message *take(struct queue *q)
{
	struct lane *urgent = &q->lane[QUEUE_URGENT], *bulk = &q->lane[QUEUE_BULK];

	if (urgent->first && (!bulk->first || q->urgent_run < URGENT_RUN)) {
		q->urgent_run++;
		return lane_take(urgent);
	}
	q->urgent_run = 0;
	return lane_take(bulk);
}

bool queue_pop(struct queue *q, uint64_t until_ms, struct message **ret_m)
{
	struct message *m = NULL;
	bool open;

	pthread_mutex_lock(&q->lock);
	for (;;) {
		bool in_time = true;

		open = !q->closed;
		if (!open || q->woken)
			break;
		m = take(q);
		if (m)
			break;
		q->waiting = true;
		if (until_ms == 0)
			pthread_cond_wait(&q->cond, &q->lock);
		else
			in_time = ticks_ms() < until_ms && ticks_wait(&q->cond, &q->lock, until_ms);
		q->waiting = false;
		if (!in_time)
			break;
	}
	q->woken = false;
	pthread_mutex_unlock(&q->lock);
	*ret_m = m;
	return open;
}

void queue_wake(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->woken = true;
	pthread_cond_signal(&q->cond);
	pthread_mutex_unlock(&q->lock);
}

void queue_close(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->closed = true;
	pthread_cond_broadcast(&q->cond);
	pthread_mutex_unlock(&q->lock);
}
