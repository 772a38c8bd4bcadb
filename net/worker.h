/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker.h - a thread behind a queue: one handler, called with one message after the other.
 */
#ifndef NET_WORKER_H
#define NET_WORKER_H

#include "net/queue.h"

struct worker;

struct worker_config {
	const char *name; /* in the log lines of the thread; borrowed for good, may be NULL */
	size_t queue_bytes_max;
	void *ctx;
	/*
	 * Takes ownership of m, which is NULL at the start, at the time asked for, and after worker_wake.
	 * Returns the monotonic time in ms at which it wants to be called without a message; 0: never.
	 */
	uint64_t (*handle)(void *ctx, struct message *m);
};

int worker_new(const struct worker_config *config, struct worker **ret_w) must_check;
int worker_start(struct worker *w) must_check;
/* Ends the thread after the message in hand; the rest is dropped. Also of one that never started. */
void worker_stop(struct worker *w);
void worker_free(struct worker *w); /* after worker_stop; accepts NULL */

/* As queue_push and queue_wake. Any thread. */
int worker_push(struct worker *w, enum queue_lane lane, struct message *m) must_check;
void worker_wake(struct worker *w);

#endif
