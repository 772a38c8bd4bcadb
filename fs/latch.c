/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/latch.h"

#include "ledger/mem.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

struct latch {
	pthread_mutex_t lock;
	pthread_cond_t settled;
	unsigned inside;
	unsigned callers; /* of those */
	bool closed;
	bool alone;
	uint64_t used_ms;
	char reason[256];
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int latch_new(struct latch **ret_l)
{
	struct latch *l = mem_zalloc(sizeof(*l));

	if (!l)
		return CF_ENOMEM;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->settled, NULL);
	l->used_ms = now_ms();
	*ret_l = l;
	return 0;
}

void latch_free(struct latch *l)
{
	if (!l)
		return;
	pthread_cond_destroy(&l->settled);
	pthread_mutex_destroy(&l->lock);
	mem_free(l);
}

int latch_enter(struct latch *l, enum latch_who who)
{
	int err = 0;

	pthread_mutex_lock(&l->lock);
	while (l->alone)
		pthread_cond_wait(&l->settled, &l->lock);
	if (l->closed && who != LATCH_END) {
		err = err_set(CF_ELOCKED, "%s", l->reason);
	} else {
		l->inside++;
		l->callers += who == LATCH_CALLER;
	}
	pthread_mutex_unlock(&l->lock);
	return err;
}

void latch_leave(struct latch *l, enum latch_who who)
{
	pthread_mutex_lock(&l->lock);
	l->inside--;
	if (who == LATCH_CALLER) {
		l->callers--;
		l->used_ms = now_ms();
	}
	pthread_mutex_unlock(&l->lock);
}

void latch_close(struct latch *l, const char *reason)
{
	pthread_mutex_lock(&l->lock);
	l->closed = true;
	snprintf(l->reason, sizeof(l->reason), "%s", reason);
	pthread_mutex_unlock(&l->lock);
}

void latch_open(struct latch *l)
{
	pthread_mutex_lock(&l->lock);
	l->closed = false;
	l->used_ms = now_ms();
	pthread_mutex_unlock(&l->lock);
}

int latch_reason(struct latch *l, int err)
{
	pthread_mutex_lock(&l->lock);
	if (l->closed)
		err_set(err, "%s", l->reason);
	pthread_mutex_unlock(&l->lock);
	return err;
}

bool latch_used(struct latch *l)
{
	bool used;

	pthread_mutex_lock(&l->lock);
	used = l->callers;
	pthread_mutex_unlock(&l->lock);
	return used;
}

bool latch_empty(struct latch *l)
{
	bool empty;

	pthread_mutex_lock(&l->lock);
	empty = l->inside == 0;
	l->alone = l->alone || empty;
	pthread_mutex_unlock(&l->lock);
	return empty;
}

void latch_settle(struct latch *l)
{
	pthread_mutex_lock(&l->lock);
	l->alone = false;
	pthread_cond_broadcast(&l->settled);
	pthread_mutex_unlock(&l->lock);
}

uint64_t latch_idle_ms(struct latch *l)
{
	uint64_t idle;

	pthread_mutex_lock(&l->lock);
	idle = l->callers ? 0 : now_ms() - l->used_ms;
	pthread_mutex_unlock(&l->lock);
	return idle;
}
