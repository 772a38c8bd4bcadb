/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.h - tells the kernel what its caches must forget, from a thread of its own.
 *
 * A notification may wait for a lock that a request holds which waits for a commit; so it is never sent by a
 * handler nor by the follower: they only leave a note here. Notes that say the same are joined; over a bound,
 * all is forgotten. Once the caches have forgotten, the events follow (fs/events.h).
 */
#ifndef FS_NOTIFY_H
#define FS_NOTIFY_H

#include "fs/chart.h"
#include "fs/events.h"
#include "fs/inode.h"

struct notify;
struct fuse_session;

/* All borrowed; the session is mounted; events may be NULL. Starts the thread. */
int notify_new(struct fuse_session *session, struct inodes *inodes, struct events *events,
	       struct notify **ret_n) must_check;
/* Drops what is not sent. Call before the session is destroyed. Accepts NULL. */
void notify_free(struct notify *n);

/* Never block. */
void notify_inode(struct notify *n, uint64_t id, bool content);
void notify_entry(struct notify *n, uint64_t parent, const char *name);
void notify_all(struct notify *n);
/* Returns when the kernel has forgotten everything, which may wait for calls under way to be answered. */
void notify_all_now(struct notify *n);
/* At once, by the caller's thread: attributes alone are forgotten without waiting for anything. For an open
 * before its reply. */
void notify_attr_now(struct notify *n, uint64_t id);

/* For chart_observe. */
struct chart_observer notify_observer(struct notify *n);

uint64_t notify_count(struct notify *n); /* sent so far */

#endif
