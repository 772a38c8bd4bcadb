/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops.h - libfuse's low-level operations over a chart: each calls the chart and replies exactly once.
 *
 * Saves block a worker thread until they are committed; the loop has enough of them (fs/mount.c). Nothing
 * here notifies the kernel: that is the notifier's thread (fs/notify.h).
 */
#ifndef FS_OPS_H
#define FS_OPS_H

#define FUSE_USE_VERSION 312

#include "fs/chart.h"
#include "fs/inode.h"
#include "fs/latch.h"
#include "fs/mount.h"

#include <fuse_lowlevel.h>

struct control;
struct events;
struct notify;

/* The session's user data. All borrowed. */
struct ops {
	struct chart *chart;
	struct inodes *inodes;
	struct notify *notify;
	struct events *events; /* NULL: none are made */
	struct control *control;
	struct latch *latch;
	uint64_t idle_ms; /* after so long without use the mount locks itself; 0: never */
	uid_t uid;        /* who mounted: owns what has no owner of its own */
	gid_t gid;
	uid_t user[MOUNT_USERS_MAX]; /* who else may act as this identity */
	size_t user_count;
};

extern const struct fuse_lowlevel_ops ops_table;

#endif
