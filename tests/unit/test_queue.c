/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_queue.c - lanes, bounds, deadlines, closing; and the worker on top.
 */
#include "net/queue.h"
#include "net/ticks.h"
#include "net/worker.h"
#include "tests/lib/t.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static struct message *text(unsigned kind, const char *s)
{
	struct message *m = NULL;

	t_zero(message_new(kind, view_str(s), &m));
	return m;
}

T_TEST(urgent_goes_first)
{
	const unsigned want[] = {3, 4, 1, 2};
	struct message *m;
	struct queue *q;

	t_zero(queue_new(1000000, &q));
	t_zero(queue_push(q, QUEUE_BULK, text(1, "a")));
	t_zero(queue_push(q, QUEUE_BULK, text(2, "b")));
	t_zero(queue_push(q, QUEUE_URGENT, text(3, "c")));
	t_zero(queue_push(q, QUEUE_URGENT, text(4, "")));
	for (unsigned i = 0; i < 4; i++) {
		t_ok(queue_pop(q, 0, &m));
		t_eq(m->kind, want[i]);
		t_eq(m->len, want[i] == 4 ? 0 : 1);
		message_free(m);
	}
	queue_free(q);
}

T_TEST(lanes_are_bounded_apart)
{
	struct message *m;
	struct queue *q;
	int taken = 0;

	t_zero(queue_new(1000, &q));
	while (queue_push(q, QUEUE_BULK, text(1, "0123456789")) == 0)
		taken++;
	t_ok(taken > 1 && taken < 20);
	t_err(queue_push(q, QUEUE_BULK, text(1, "")), CF_EAGAIN);
	t_zero(queue_push(q, QUEUE_URGENT, text(2, "vote")));
	t_ok(queue_pop(q, 0, &m));
	t_eq(m->kind, 2);
	message_free(m);
	t_ok(queue_pop(q, 0, &m));
	message_free(m);
	t_zero(queue_push(q, QUEUE_BULK, text(1, "room again")));
	queue_free(q);
}

static struct message *from(uint64_t sender, const char *s)
{
	struct message *m = text((unsigned)sender, s);

	m->sender = sender;
	return m;
}

/* One sender fills a lane: the others still get in, and each has its turn. */
T_TEST(who_floods_displaces_itself)
{
	unsigned flood = 0, want[] = {7, 8, 9, 7, 8, 7};
	struct message *m;
	struct queue *q;

	t_zero(queue_new(10000, &q));
	while (queue_push(q, QUEUE_BULK, from(7, "0123456789")) == 0)
		flood++;
	t_ok(flood > 20);
	t_zero(queue_push(q, QUEUE_BULK, from(8, "a save")));
	t_zero(queue_push(q, QUEUE_BULK, from(8, "another")));
	t_zero(queue_push(q, QUEUE_BULK, from(9, "a save")));
	t_err(queue_push(q, QUEUE_BULK, from(7, "0123456789")), CF_EAGAIN);
	for (unsigned i = 0; i < 6; i++) {
		t_ok(queue_pop(q, 0, &m));
		t_eq(m->kind, want[i]);
		message_free(m);
	}
	queue_free(q);
}

/* What is urgent never keeps all else out. */
T_TEST(urgent_lets_others_pass)
{
	struct message *m;
	struct queue *q;
	unsigned at = 0;

	t_zero(queue_new(1000000, &q));
	for (unsigned i = 0; i < 100; i++)
		t_zero(queue_push(q, QUEUE_URGENT, from(7, "x")));
	t_zero(queue_push(q, QUEUE_BULK, from(8, "y")));
	for (bool found = false; !found; at++) {
		t_ok(queue_pop(q, 0, &m));
		found = m->kind == 8;
		message_free(m);
	}
	t_ok(at > 10 && at < 20);
	queue_free(q);
}

T_TEST(deadline_and_wake)
{
	struct message *m = NULL;
	struct queue *q;
	uint64_t start = ticks_ms();

	t_zero(queue_new(1000, &q));
	t_ok(queue_pop(q, start + 30, &m));
	t_ok(m == NULL);
	t_ok(ticks_ms() >= start + 30);
	t_ok(queue_pop(q, 1, &m)); /* long past */
	t_ok(m == NULL);
	queue_wake(q);
	t_zero(queue_push(q, QUEUE_BULK, text(1, "x")));
	t_ok(queue_pop(q, 0, &m)); /* the wake first */
	t_ok(m == NULL);
	t_ok(queue_pop(q, 0, &m));
	t_ok(m != NULL);
	message_free(m);
	queue_close(q);
	t_ok(!queue_pop(q, 0, &m));
	t_err(queue_push(q, QUEUE_BULK, text(1, "y")), CF_EAGAIN);
	queue_free(q);
}

#define SENDERS 4
#define EACH 2000

struct flood {
	struct queue *q;
	unsigned number;
};

static void *send_many(void *arg)
{
	struct flood *f = arg;

	for (uint64_t i = 0; i < EACH; i++) {
		struct message *m = text(f->number, "x");

		m->number = i;
		t_zero(queue_push(f->q, f->number & 1 ? QUEUE_URGENT : QUEUE_BULK, m));
	}
	return NULL;
}

/* Nothing is lost, and what one sends stays in order. */
T_TEST(many_senders)
{
	pthread_t thread[SENDERS];
	struct flood flood[SENDERS];
	uint64_t next[SENDERS] = {0};
	struct message *m;
	struct queue *q;

	t_zero(queue_new(100000000, &q));
	for (unsigned i = 0; i < SENDERS; i++) {
		flood[i] = (struct flood){q, i};
		t_eq(pthread_create(&thread[i], NULL, send_many, &flood[i]), 0);
	}
	for (unsigned i = 0; i < SENDERS * EACH; i++) {
		t_ok(queue_pop(q, ticks_ms() + 5000, &m));
		t_ok(m != NULL);
		t_eq(m->number, next[m->kind]++);
		message_free(m);
	}
	for (unsigned i = 0; i < SENDERS; i++)
		pthread_join(thread[i], NULL);
	queue_free(q);
}

struct count {
	atomic_uint calls;
	atomic_uint messages;
	uint64_t every_ms;
};

static uint64_t count_handle(void *ctx, struct message *m)
{
	struct count *c = ctx;

	atomic_fetch_add(&c->calls, 1);
	if (m)
		atomic_fetch_add(&c->messages, 1);
	message_free(m);
	return c->every_ms ? ticks_ms() + c->every_ms : 0;
}

static void wait_for(atomic_uint *counter, unsigned at_least)
{
	for (int i = 0; i < 5000 && atomic_load(counter) < at_least; i++)
		usleep(1000);
	t_ok(atomic_load(counter) >= at_least);
}

T_TEST(worker_runs_and_stops)
{
	struct count c = {0};
	const struct worker_config config = {"test", 100000, &c, count_handle};
	struct worker *w;

	t_zero(worker_new(&config, &w));
	t_zero(worker_push(w, QUEUE_BULK, text(1, "before the start")));
	t_zero(worker_start(w));
	wait_for(&c.messages, 1);
	t_eq(c.calls, 2); /* once without a message, at the start */
	worker_wake(w);
	wait_for(&c.calls, 3);
	worker_stop(w);
	t_err(worker_push(w, QUEUE_BULK, text(1, "after the end")), CF_EAGAIN);
	worker_free(w);

	t_zero(worker_new(&config, &w)); /* never started */
	worker_stop(w);
	worker_free(w);

	c.every_ms = 5;
	t_zero(worker_new(&config, &w));
	t_zero(worker_start(w));
	wait_for(&c.calls, 8);
	worker_stop(w);
	worker_free(w);
}

T_MAIN
