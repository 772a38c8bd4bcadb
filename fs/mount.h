/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount.h - a chart behind a mount point: options, session, signals, the loop.
 */
#ifndef FS_MOUNT_H
#define FS_MOUNT_H

#include "fs/chart.h"

#include <sys/types.h>

struct mount;

#define MOUNT_USERS_MAX 64

struct mount_options {
	bool read_only;
	bool debug; /* libfuse prints every request; only in the foreground */
	enum chart_when commit;
	bool no_events;   /* no inotify events of other mounts' saves (fs/events.h) */
	bool allow_other; /* wants users */
	uid_t user[MOUNT_USERS_MAX];
	size_t user_count;   /* local uids that act as this identity, beside the one that mounts */
	const char *purpose; /* a code of acl/purpose.h; NULL: the default */
	uint64_t lease_ms;   /* how long the leases last that it takes; 0: the default */
	uint64_t idle_ms;    /* locks itself after so long without use (fs/locker.h); 0: never */
};

/*
 * One -o argument: "ro,noatime". CF_EUSAGE names a word that is not known here: libfuse 3.14 would take any.
 * "users=0:1000" maps local uids to the mount's identity; "allow_other" is refused without such a map.
 * "commit=close", "commit=fsync", "commit=async": when a save is waited for (chart.h).
 * "idle-lock=300": after so many seconds without use the mount locks itself; 0: never.
 * "noinotify": no events of what others save.
 * mount(8)'s own words (nofail, _netdev, x-*, ...) are accepted.
 */
int mount_option_parse(const char *list, struct mount_options *o) must_check;
/* What only all options together tell. CF_EUSAGE. */
int mount_option_check(const struct mount_options *o) must_check;

/* For a process that is to mount: no core dumps, TERM, INT and HUP blocked until mount_run. Before any
 * thread. */
int mount_prepare(void) must_check;

/* Mounts; the tree answers once mount_run runs. chart is borrowed. keys NULL: they stay. Errors: CF_EIO,
 * CF_ENOTFOUND, CF_EBUSY. */
struct locker_keys;
int mount_open(struct chart *chart, const char *mountpoint, const struct mount_options *options,
	       const struct locker_keys *keys, struct mount **ret_m) must_check;
/* Serves until unmounted or signalled. */
int mount_run(struct mount *m) must_check;
/* Unmounts when it still is mounted. Accepts NULL. */
void mount_close(struct mount *m);

#endif
