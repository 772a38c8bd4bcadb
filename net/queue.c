/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue.c - two linked lists under one lock.
 */
#include "net/queue.h"

#include "ledger/mem.h"
#include "net/ticks.h"

#include <assert.h>
#include <string.h>

struct lane {
	struct message *first;
	struct message **last;
	size_t bytes;
};

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct lane lane[QUEUE_LANES];
	size_t bytes_max;
	bool waiting; /* somebody is in queue_pop */
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

void queue_free(struct queue *q)
{
	if (!q)
		return;
	for (int i = 0; i < QUEUE_LANES; i++) {
		while (q->lane[i].first) {
			struct message *m = q->lane[i].first;

			q->lane[i].first = m->next;
			message_free(m);
		}
	}
	pthread_cond_destroy(&q->cond);
	pthread_mutex_destroy(&q->lock);
	mem_free(q);
}

int queue_push(struct queue *q, enum queue_lane lane, struct message *m)
{
	struct lane *l = &q->lane[lane];
	bool taken, wake;

	assert(lane < QUEUE_LANES && m);
	pthread_mutex_lock(&q->lock);
	taken = !q->closed && l->bytes < q->bytes_max;
	if (taken) {
		m->next = NULL;
		*l->last = m;
		l->last = &m->next;
		l->bytes += sizeof(*m) + m->len;
	}
	wake = taken && q->waiting;
	pthread_mutex_unlock(&q->lock);
	if (wake)
		pthread_cond_signal(&q->cond);
	if (taken)
		return 0;
	message_free(m);
	return CF_EAGAIN;
}

/* Called with the lock held. */
static struct message *take(struct queue *q)
{
	for (int i = 0; i < QUEUE_LANES; i++) {
		struct lane *l = &q->lane[i];
		struct message *m = l->first;

		if (!m)
			continue;
		l->first = m->next;
		if (!l->first)
			l->last = &l->first;
		l->bytes -= sizeof(*m) + m->len;
		return m;
	}
	return NULL;
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
