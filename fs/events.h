/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events.h - lets inotify tell of what other mounts saved.
 *
 * The kernel makes such events of calls alone, and has none that a file system could send. So one thread
 * makes the calls that somebody here would have made: it creates, opens and closes, or removes the name
 * through the mount itself. The operations know its requests by the thread they come from and answer them
 * with what is there already (fs/ops_events.c): nothing is saved, no peer hears of it. Events are of names in
 * directories that the kernel knows; a changed file is told of when its name was looked up on this mount.
 *
 * Only that thread waits for the mount, with no lock held; over a bound events are dropped.
 */
#ifndef FS_EVENTS_H
#define FS_EVENTS_H

#include "fs/chart.h"
#include "fs/inode.h"

#include <sys/types.h>

struct events;
struct fuse_session;

enum event_kind {
	EVENT_MADE,    /* IN_CREATE, and IN_CLOSE_WRITE of a file */
	EVENT_CHANGED, /* IN_MODIFY, IN_CLOSE_WRITE; without the right to open for writing IN_ATTRIB */
	EVENT_GONE,    /* IN_DELETE */
};

struct event {
	enum event_kind kind;
	enum node_type type;
	uint64_t parent; /* node id of the directory */
	char name[NAME_BYTES_MAX + 1];
};

/* session and inodes borrowed, the session is mounted at mountpoint (absolute). Starts the thread. CF_ENOMEM.
 */
int events_new(struct fuse_session *session, struct inodes *inodes, const char *mountpoint,
	       struct events **ret_e) must_check;
/* Once the file system is unmounted: a call under way ends then. Accepts NULL. */
void events_free(struct events *e);

/* Never blocks. e NULL: nothing is told. */
void events_post(struct events *e, const struct event *event);
/* What the thread is doing, if this is the thread; else NULL. e may be NULL. */
const struct event *events_doing(struct events *e, pid_t thread);

#endif
