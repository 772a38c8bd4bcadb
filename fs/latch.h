/* SPDX-License-Identifier: Apache-2.0 */
/*
 * latch.h - who is inside a mount: calls are counted in and out, turned away while it is closed, and kept out
 * for the moments in which keys come and go. Any thread.
 */
#ifndef FS_LATCH_H
#define FS_LATCH_H

#include "ledger/err.h"

#include <stdbool.h>
#include <stdint.h>

struct latch;

enum latch_who {
	LATCH_CALLER, /* somebody uses the mount; turned away while it is closed */
	LATCH_OWN,    /* the mount's own threads: turned away too, but no use */
	LATCH_END,    /* ends what was begun before: always let in, no use */
};

int latch_new(struct latch **ret_l) must_check;
void latch_free(struct latch *l); /* accepts NULL */

/* CF_ELOCKED, with the reason that latch_close was given; nothing is to be left then. Nested only in
 * LATCH_END. */
int latch_enter(struct latch *l, enum latch_who who) must_check;
void latch_leave(struct latch *l, enum latch_who who);

/* Turns callers away from now on; those inside go on. */
void latch_close(struct latch *l, const char *reason);
void latch_open(struct latch *l);
/* While it is closed the reason becomes err's detail. Answers err. */
int latch_reason(struct latch *l, int err);
bool latch_used(struct latch *l); /* is a caller inside? */
/* True when nobody is inside: then nobody comes in, whoever it is, until latch_settle. */
bool latch_empty(struct latch *l);
void latch_settle(struct latch *l);
/* For how long nobody has used the mount; 0 while somebody does. */
uint64_t latch_idle_ms(struct latch *l);

#endif
