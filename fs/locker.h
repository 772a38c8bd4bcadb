/* SPDX-License-Identifier: Apache-2.0 */
/*
 * locker.h - a mount that locks itself: the keys of its identity, and all that they opened, are in memory
 * only while somebody uses it.
 *
 * To lock: callers are turned away (CF_ELOCKED), those inside come to their end, what is on its way is
 * settled, the kernel forgets what it has cached; then the stages go to the spool, and contents, names, keys
 * of sections and private keys are wiped, and the connections to the peers end. A thread does so when nobody
 * has used the mount for idle_ms, and does not begin before everything is settled. What is a use: LAYOUT.md.
 */
#ifndef FS_LOCKER_H
#define FS_LOCKER_H

#include "fs/chart.h"
#include "fs/json.h"
#include "fs/latch.h"

struct locker;
struct notify;
struct control;

/* Whoever has the identity of the client. Passphrases: as typed; err: those of identity_unlock. */
struct locker_keys {
	void *ctx;
	struct chart_feed *feed;
	int (*check)(void *ctx, const char *passphrase); /* is it the right one? */
	void (*lock)(void *ctx);
	int (*unlock)(void *ctx, const char *passphrase);
};

/* All borrowed but keys, which is copied. */
struct locker_config {
	struct chart *chart;
	struct latch *latch;
	struct notify *notify;
	struct control *control;
	const struct locker_keys *keys;
	const char *mountpoint;
	uint64_t idle_ms; /* 0: only when asked to */
};

int locker_new(const struct locker_config *config, struct locker **ret_k) must_check;
/* Once the file system is unmounted. Accepts NULL. */
void locker_free(struct locker *k);

/* Locks now and waits for it. CF_EBUSY: it is not done after timeout_ms; callers are turned away, and the
 * keys go once everything is settled. CF_EFULL, CF_EIO: what is staged cannot be put aside; nothing is
 * locked. */
int locker_lock(struct locker *k, unsigned timeout_ms) must_check;
/* CF_EPASS, CF_EPERM and others of the key files. Nothing to do for one that is not locked. Comes abreast. */
int locker_unlock(struct locker *k, const char *passphrase) must_check;
/* "lock": open, locking or locked; "locked_since", "idle_lock_s" where they are. */
void locker_describe(struct locker *k, struct json *j);
bool locker_is_locked(struct locker *k);

#endif
