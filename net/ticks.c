/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ticks.c - clock_gettime and timed waits that a step of the wall clock does not disturb.
 */
#include "net/ticks.h"

#include <assert.h>
#include <errno.h>
#include <time.h>

static uint64_t read_clock(clockid_t clock)
{
	struct timespec ts;
	int rc = clock_gettime(clock, &ts);

	assert(rc == 0);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t ticks_ms(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t ticks_wall_ms(void)
{
	return read_clock(CLOCK_REALTIME);
}

int ticks_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;
	int rc;

	assert(cond);
	if (pthread_condattr_init(&attr))
		return CF_ENOMEM;
	rc = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (rc == 0)
		rc = pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
	return rc ? CF_ENOMEM : 0;
}

bool ticks_wait(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t until_ms)
{
	struct timespec ts = {
		.tv_sec = (time_t)(until_ms / 1000),
		.tv_nsec = (long)(until_ms % 1000) * 1000000,
	};

	return pthread_cond_timedwait(cond, lock, &ts) != ETIMEDOUT;
}
