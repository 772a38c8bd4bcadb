/* SPDX-License-Identifier: Apache-2.0 */
#define FUSE_USE_VERSION 312

#include "fs/events.h"

#include "ledger/file.h"
#include "ledger/log.h"
#include "ledger/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MODULE "events"
#define EVENTS_MAX 4096
#define DEPTH_MAX 256

struct item {
	struct item *next;
	struct event event;
};

struct events {
	struct fuse_session *session;
	struct inodes *inodes;
	char mountpoint[FILE_PATH_MAX];
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct item *first, **last;
	unsigned count;
	bool dropped; /* since the queue was last empty */
	bool stop;
	_Atomic pid_t tid;   /* 0: not at it */
	struct event doing;  /* written by the thread while no call is under way */
	atomic_bool reached; /* a request of the thread's came here: the path leads to this mount */
};

const struct event *events_doing(struct events *e, pid_t thread)
{
	if (!e || thread == 0 || thread != atomic_load(&e->tid))
		return NULL;
	atomic_store(&e->reached, true);
	return &e->doing;
}

/* Below the mount point, from the names under which the kernel looked the directories up. CF_ENOTFOUND. */
static int path_of(struct inodes *inodes, uint64_t id, char ret_path[FILE_PATH_MAX])
{
	char path[FILE_PATH_MAX], name[NAME_BYTES_MAX + 1];
	size_t at = sizeof(path) - 1;

	path[at] = '\0';
	for (unsigned depth = 0; id != INODE_ROOT; depth++) {
		size_t len;
		int err = inode_name(inodes, id, &id, name);

		if (err)
			return err;
		len = strlen(name);
		if (len + 1 > at || depth == DEPTH_MAX)
			return CF_ENAMETOOLONG;
		if (path[at])
			path[--at] = '/';
		at -= len;
		memcpy(path + at, name, len);
	}
	memcpy(ret_path, path[at] ? path + at : ".", path[at] ? sizeof(path) - at : sizeof("."));
	return 0;
}

/*
 * The directory, or -1. What lies below the mount point when nothing is mounted there, or something else, is
 * never touched: the mount itself has to have heard of this call.
 */
static int open_dir(struct events *e, const struct event *event)
{
	const struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
				     .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV};
	char path[FILE_PATH_MAX];
	struct statx st;
	int root, dir = -1;

	if (path_of(e->inodes, event->parent, path))
		return -1;
	root = open(e->mountpoint, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -1;
	atomic_store(&e->reached, false);
	if (statx(root, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &st) == 0 &&
	    atomic_load(&e->reached))
		dir = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	close(root);
	return dir;
}

static void change(int dir, const char *name)
{
	const struct timespec now[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
	int fd = openat(dir, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0) {
		(void)utimensat(dir, name, now, AT_SYMLINK_NOFOLLOW);
		return;
	}
	if (fstat(fd, &st) == 0 && ftruncate(fd, st.st_size) != 0)
		log_debug(MODULE, "%s: %s", name, strerror(errno));
	close(fd);
}

static void forget_name(struct events *e, const struct event *event)
{
	(void)fuse_lowlevel_notify_inval_entry(e->session, event->parent, event->name, strlen(event->name));
}

static void make(struct events *e, int dir, const struct event *event)
{
	int fd;

	/* a name that somebody has looked up meanwhile could not be made any more */
	forget_name(e, event);
	if (event->type == NODE_DIR) {
		(void)!mkdirat(dir, event->name, 0700);
	} else if (event->type == NODE_SYMLINK) {
		(void)!symlinkat("-", dir, event->name);
	} else {
		fd = openat(dir, event->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0)
			close(fd);
		else if (errno == EEXIST)
			change(dir, event->name);
	}
}

static void perform(struct events *e)
{
	const struct event *event = &e->doing;
	int dir;

	atomic_store(&e->tid, gettid());
	dir = open_dir(e, event);
	if (dir >= 0) {
		switch (event->kind) {
		case EVENT_MADE:
			make(e, dir, event);
			break;
		case EVENT_CHANGED:
			change(dir, event->name);
			break;
		case EVENT_GONE:
			/* a name that was found to be gone meanwhile could not be removed any more */
			forget_name(e, event);
			(void)!unlinkat(dir, event->name, event->type == NODE_DIR ? AT_REMOVEDIR : 0);
			break;
		}
		close(dir);
	}
	atomic_store(&e->tid, 0);
}

static void *run(void *ctx)
{
	struct events *e = ctx;
	struct item *item;

	pthread_mutex_lock(&e->lock);
	while (!e->stop) {
		item = e->first;
		if (!item) {
			e->dropped = false;
			pthread_cond_wait(&e->wake, &e->lock);
			continue;
		}
		e->first = item->next;
		if (!e->first)
			e->last = &e->first;
		e->count--;
		pthread_mutex_unlock(&e->lock);
		e->doing = item->event;
		mem_free(item);
		perform(e);
		pthread_mutex_lock(&e->lock);
	}
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

int events_new(struct fuse_session *session, struct inodes *inodes, const char *mountpoint,
	       struct events **ret_e)
{
	struct events *e;

	assert(session && inodes && mountpoint && ret_e);
	if (mountpoint[0] != '/' || strlen(mountpoint) >= FILE_PATH_MAX)
		return CF_EINVAL;
	e = mem_zalloc(sizeof(*e));
	if (!e)
		return CF_ENOMEM;
	e->session = session;
	e->inodes = inodes;
	memcpy(e->mountpoint, mountpoint, strlen(mountpoint) + 1);
	e->last = &e->first;
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->wake, NULL);
	if (pthread_create(&e->thread, NULL, run, e) != 0) {
		mem_free(e);
		return CF_ENOMEM;
	}
	*ret_e = e;
	return 0;
}

void events_free(struct events *e)
{
	if (!e)
		return;
	pthread_mutex_lock(&e->lock);
	e->stop = true;
	pthread_cond_signal(&e->wake);
	pthread_mutex_unlock(&e->lock);
	pthread_join(e->thread, NULL);
	while (e->first) {
		struct item *item = e->first;

		e->first = item->next;
		mem_free(item);
	}
	pthread_cond_destroy(&e->wake);
	pthread_mutex_destroy(&e->lock);
	mem_free(e);
}

void events_post(struct events *e, const struct event *event)
{
	struct item *item;

	if (!e)
		return;
	item = mem_alloc(sizeof(*item));
	pthread_mutex_lock(&e->lock);
	if (item && e->count < EVENTS_MAX) {
		*item = (struct item){NULL, *event};
		*e->last = item;
		e->last = &item->next;
		e->count++;
		item = NULL;
		pthread_cond_signal(&e->wake);
	} else if (!e->dropped) {
		e->dropped = true;
		log_info(MODULE, "more changes than can be told of -> inotify misses some");
	}
	pthread_mutex_unlock(&e->lock);
	mem_free(item);
}
