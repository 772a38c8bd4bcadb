/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ticks.h - the two clocks, and waiting on a condition until a time of the monotonic one.
 */
#ifndef NET_TICKS_H
#define NET_TICKS_H

#include "ledger/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

uint64_t ticks_ms(void);      /* monotonic */
uint64_t ticks_wall_ms(void); /* since the Unix epoch */

/* A condition that ticks_wait can wait on. CF_ENOMEM. */
int ticks_cond_init(pthread_cond_t *cond) must_check;
/* As pthread_cond_wait, but false once the monotonic clock has passed until_ms. May wake for no reason. */
bool ticks_wait(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t until_ms);

#endif
