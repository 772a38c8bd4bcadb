/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker.c - the loop of a worker's thread.
 */
#include "net/worker.h"

#include "ledger/log.h"
#include "ledger/mem.h"

#include <pthread.h>
#include <signal.h>

struct worker {
	struct worker_config config;
	struct queue *queue;
	pthread_t thread;
	bool started;
};

int worker_new(const struct worker_config *config, struct worker **ret_w)
{
	struct worker *w = mem_zalloc(sizeof(*w));
	int err;

	if (!w)
		return CF_ENOMEM;
	w->config = *config;
	err = queue_new(config->queue_bytes_max, &w->queue);
	if (err) {
		mem_free(w);
		return err;
	}
	*ret_w = w;
	return 0;
}

static void *run(void *arg)
{
	struct worker *w = arg;
	struct message *m = NULL;
	uint64_t until_ms;

	log_set_name(w->config.name);
	until_ms = w->config.handle(w->config.ctx, NULL);
	while (queue_pop(w->queue, until_ms, &m))
		until_ms = w->config.handle(w->config.ctx, m);
	return NULL;
}

int worker_start(struct worker *w)
{
	sigset_t all, before;
	int rc;

	/* Signals are for the program's main thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	w->started = rc == 0;
	return rc ? err_set(CF_ENOMEM, "no thread: error %d", rc) : 0;
}

void worker_stop(struct worker *w)
{
	queue_close(w->queue);
	if (w->started)
		pthread_join(w->thread, NULL);
	w->started = false;
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	queue_free(w->queue);
	mem_free(w);
}

int worker_push(struct worker *w, enum queue_lane lane, struct message *m)
{
	return queue_push(w->queue, lane, m);
}

void worker_wake(struct worker *w)
{
	queue_wake(w->queue);
}
