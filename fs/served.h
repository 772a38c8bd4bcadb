/* SPDX-License-Identifier: Apache-2.0 */
/*
 * served.h - one identity's mount from configuration to the end of the loop, in a process of its own.
 *
 * Used by `chartfs mount` and `chartfs solo`. Those start everything after the fork and say through a pipe
 * when the tree is usable or why it is not.
 */
#ifndef FS_SERVED_H
#define FS_SERVED_H

#include "fs/cmd.h"
#include "fs/locker.h"
#include "fs/mount.h"

struct served {
	struct chart_feed *feed;
	struct chart *chart;
	struct mount *mount;
	char notice[256]; /* what the user should know though all went well; or empty */
};

/*
 * The observer to open the client with; then, with the client open: catch up, register, open the chart,
 * mount. Without a quorum it mounts what the own stores have and says how old that is. spool_dir is made when
 * missing. keys (but for feed): who can take them away and bring them back; NULL: they stay.
 */
int served_begin(struct served *s, struct client_observer *ret_observer) must_check;
int served_mount(struct served *s, struct client *client, const char *data_dir, unsigned timeout_ms,
		 const char *mountpoint, const struct mount_options *options,
		 const struct locker_keys *keys) must_check;
/* Before the client is closed. */
void served_end(struct served *s);
/* After the client is closed. */
void served_release(struct served *s);

/*
 * Forks, before any thread. In the parent: waits for the child's word, prints it, and answers true with the
 * exit code. In the child: answers false with the end of the pipe. foreground: no fork, answers false.
 */
bool served_fork(const char *verb, bool foreground, int *ret_pipe, int *ret_code);
/*
 * The child's word: err 0: usable, and the process leaves its terminal (log: where its stderr goes; NULL:
 * nowhere). Else err_detail is told. Does nothing with pipe < 0 but print.
 */
void served_tell(const char *verb, int pipe, int err, const char *notice, bool has_log);

/* A path that stays valid whatever the working directory. */
int served_absolute(const char *path, char ret_path[CONF_PATH_MAX]) must_check;
/*
 * The directory to mount at. What a killed mount left there is taken away first. Errors: CF_ENOTDIR,
 * CF_ENOTFOUND, CF_EBUSY (a mount is there).
 */
int served_mountpoint(const char *path, char ret_path[CONF_PATH_MAX]) must_check;
/* Makes fd 2 this file, for the log. */
int served_log(const char *path) must_check;

#endif
