/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/mount.h"

#include "acl/purpose.h"

#include "fs/control.h"
#include "fs/events.h"
#include "fs/inode.h"
#include "fs/locker.h"
#include "fs/notify.h"
#include "fs/ops.h"
#include "ledger/mem.h"

#include <assert.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Every save that waits for its commit holds a thread; reads must not wait behind them. */
#define THREADS_MAX 64
#define THREADS_IDLE_MAX 16
#define ARGS_MAX 8
#define IDLE_S_MAX (7u * 86400)

struct mount {
	struct ops ops;
	struct fuse_session *session;
	struct locker *locker;
	bool mounted;
	bool signals;
};

static const struct {
	const char *word;
	bool read_only; /* what it sets; false: nothing to do */
} words[] = {
	{"ro", true},
	{"rw", false},
	{"noatime", false},
	{"relatime", false},
	{"nodiratime", false},
	{"defaults", false},
	{"nofail", false},
	{"_netdev", false},
	{"auto", false},
	{"noauto", false},
	{"nosuid", false},
	{"nodev", false},
	{"default_permissions", false},
};

/* "0:1000:1001" */
static int take_users(const char *list, size_t len, struct mount_options *o)
{
	const char *at = list, *end = list + len;

	while (at < end) {
		unsigned long uid = 0;
		const char *digit = at;

		while (digit < end && *digit >= '0' && *digit <= '9' && uid < UINT32_MAX)
			uid = uid * 10 + (unsigned long)(*digit++ - '0');
		if (digit == at || uid >= UINT32_MAX || (digit < end && (*digit != ':' || digit + 1 == end)))
			return err_set(CF_EUSAGE, "users=%.*s: user numbers with colons between them",
				       (int)len, list);
		if (o->user_count == MOUNT_USERS_MAX)
			return err_set(CF_EUSAGE, "users=: more than %d", MOUNT_USERS_MAX);
		o->user[o->user_count++] = (uid_t)uid;
		at = digit + 1;
	}
	return 0;
}

static int take_commit(const char *word, size_t len, struct mount_options *o)
{
	static const char *const names[] = {
		[CHART_COMMIT_CLOSE] = "close",
		[CHART_COMMIT_FSYNC] = "fsync",
		[CHART_COMMIT_ASYNC] = "async",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i]) == len && strncmp(names[i], word, len) == 0) {
			o->commit = (enum chart_when)i;
			return 0;
		}
	}
	return err_set(CF_EUSAGE, "commit=%.*s: close, fsync or async", (int)len, word);
}

/* Seconds. */
static int take_lease(const char *word, struct mount_options *o)
{
	char *end;
	unsigned long s = strtoul(word, &end, 10);

	if (*word < '0' || *word > '9' || *end || s == 0 || s * 1000 > LEASE_MS_MAX)
		return err_set(CF_EUSAGE, "a lease lasts 1 to %u seconds, not '%s'",
			       (unsigned)(LEASE_MS_MAX / 1000), word);
	o->lease_ms = s * 1000;
	return 0;
}

/* Seconds. */
static int take_idle(const char *word, struct mount_options *o)
{
	char *end;
	unsigned long s = strtoul(word, &end, 10);

	if (*word < '0' || *word > '9' || *end || s > IDLE_S_MAX)
		return err_set(CF_EUSAGE, "idle-lock=%s: 1 to %u seconds, or 0 for never", word, IDLE_S_MAX);
	o->idle_ms = s * 1000;
	return 0;
}

static int take_word(const char *word, size_t len, struct mount_options *o)
{
	if (len == 0 || (len > 2 && strncmp(word, "x-", 2) == 0))
		return 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i].word) == len && strncmp(words[i].word, word, len) == 0) {
			o->read_only |= words[i].read_only;
			return 0;
		}
	}
	if (len == 9 && strncmp(word, "noinotify", 9) == 0) {
		o->no_events = true;
		return 0;
	}
	if (len == 11 && strncmp(word, "allow_other", 11) == 0) {
		o->allow_other = true;
		return 0;
	}
	if (len > 7 && strncmp(word, "commit=", 7) == 0)
		return take_commit(word + 7, len - 7, o);
	if (len > 6 && strncmp(word, "users=", 6) == 0)
		return take_users(word + 6, len - 6, o);
	if (len > 8 && strncmp(word, "purpose=", 8) == 0)
		return purpose_parse(strndupa(word + 8, len - 8), &o->purpose);
	if (len > 6 && strncmp(word, "lease=", 6) == 0)
		return take_lease(strndupa(word + 6, len - 6), o);
	if (len > 10 && strncmp(word, "idle-lock=", 10) == 0)
		return take_idle(strndupa(word + 10, len - 10), o);
	return err_set(CF_EUSAGE, "unknown mount option '%.*s'", (int)len, word);
}

int mount_option_parse(const char *list, struct mount_options *o)
{
	int err = 0;

	while (*list && !err) {
		size_t len = strcspn(list, ",");

		err = take_word(list, len, o);
		list += len + (list[len] == ',');
	}
	return err;
}

int mount_option_check(const struct mount_options *o)
{
	if (o->allow_other && o->user_count == 0)
		return err_set(CF_EUSAGE, "allow_other: a mount acts as one identity; users=UID:UID says "
					  "who may act as it");
	return 0;
}

static void stop_signals(sigset_t *ret_set)
{
	sigemptyset(ret_set);
	sigaddset(ret_set, SIGTERM);
	sigaddset(ret_set, SIGINT);
	sigaddset(ret_set, SIGHUP);
}

/*
 * Threads inherit the mask: the signals then reach the main thread alone, which waits for them in the loop.
 */
int mount_prepare(void)
{
	const struct rlimit none = {0, 0};
	sigset_t set;

	stop_signals(&set);
	if (setrlimit(RLIMIT_CORE, &none) != 0 || pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return err_set(CF_EIO, "cannot switch off core dumps: %m");
	/* without a core limit's help too, where core_pattern is a pipe */
	if (prctl(PR_SET_DUMPABLE, 0) != 0)
		return err_set(CF_EIO, "cannot switch off core dumps: %m");
	return 0;
}

static int new_session(struct mount *m, const struct mount_options *options)
{
	static char *const common[] = {"chartfs", "-o",
				       "fsname=chartfs,subtype=chartfs,default_permissions,nosuid,nodev"};
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	int err = 0;

	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]) && !err; i++)
		err = fuse_opt_add_arg(&args, common[i]);
	if (!err && options->read_only)
		err = fuse_opt_add_arg(&args, "-oro");
	if (!err && options->user_count)
		err = fuse_opt_add_arg(&args, "-oallow_other");
	if (!err && options->debug)
		err = fuse_opt_add_arg(&args, "-odebug");
	if (!err)
		m->session = fuse_session_new(&args, &ops_table, sizeof(ops_table), &m->ops);
	fuse_opt_free_args(&args);
	return m->session ? 0 : err_set(CF_EIO, "libfuse refuses a session");
}

static int lockable(struct mount *m, const char *path, const struct locker_keys *keys)
{
	const struct locker_config config = {.chart = m->ops.chart,
					     .latch = m->ops.latch,
					     .notify = m->ops.notify,
					     .control = m->ops.control,
					     .keys = keys,
					     .mountpoint = path,
					     .idle_ms = m->ops.idle_ms};
	int err = keys ? locker_new(&config, &m->locker) : 0;

	if (!err)
		control_set_locker(m->ops.control, m->locker);
	return err;
}

int mount_open(struct chart *chart, const char *mountpoint, const struct mount_options *options,
	       const struct locker_keys *keys, struct mount **ret_m)
{
	struct mount *m = mem_zalloc(sizeof(*m));
	struct chart_observer observer;
	char path[PATH_MAX];
	int err;

	assert(chart && mountpoint && options && ret_m);
	if (!m)
		return CF_ENOMEM;
	/* before it is mounted: nobody would answer yet */
	if (!realpath(mountpoint, path))
		path[0] = '\0';
	m->ops.chart = chart;
	m->ops.uid = getuid();
	m->ops.gid = getgid();
	memcpy(m->ops.user, options->user, sizeof(m->ops.user));
	m->ops.user_count = options->user_count;
	m->ops.idle_ms = keys ? options->idle_ms : 0;
	err = inodes_new(&m->ops.inodes);
	if (!err)
		err = latch_new(&m->ops.latch);
	if (!err)
		err = control_new(chart, m->ops.inodes, m->ops.latch, options->read_only, &m->ops.control);
	if (!err)
		err = new_session(m, options);
	if (err)
		goto out;
	m->signals = fuse_set_signal_handlers(m->session) == 0;
	if (fuse_session_mount(m->session, mountpoint) != 0) {
		err = err_set(CF_EIO, "%s: cannot be mounted (is /dev/fuse there, may you mount?)",
			      mountpoint);
		goto out;
	}
	m->mounted = true;
	if (!options->no_events && !options->read_only && path[0])
		err = events_new(m->session, m->ops.inodes, path, &m->ops.events);
	if (!err)
		err = notify_new(m->session, m->ops.inodes, m->ops.events, &m->ops.notify);
	if (!err)
		err = lockable(m, path[0] ? path : mountpoint, keys);
	if (err)
		goto out;
	observer = notify_observer(m->ops.notify);
	chart_observe(chart, &observer);
out:
	if (err)
		mount_close(m);
	else
		*ret_m = m;
	return err;
}

int mount_run(struct mount *m)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	sigset_t set;
	int rc;

	if (!config)
		return CF_ENOMEM;
	fuse_loop_cfg_set_max_threads(config, THREADS_MAX);
	fuse_loop_cfg_set_idle_threads(config, THREADS_IDLE_MAX);
	stop_signals(&set);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	rc = fuse_session_loop_mt(m->session, config);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	fuse_loop_cfg_destroy(config);
	/* positive: the signal that ended it */
	return rc < 0 ? err_set(CF_EIO, "the FUSE loop ended with error %d", -rc) : 0;
}

static void ignore_node(void *ctx, const struct place *node, bool content)
{
	(void)ctx;
	(void)node;
	(void)content;
}

static void ignore_entry(void *ctx, const struct place *dir, const char *name, const struct place *child,
			 bool gone)
{
	(void)gone;
	(void)ctx;
	(void)dir;
	(void)name;
	(void)child;
}

static void ignore_patients(void *ctx)
{
	(void)ctx;
}

void mount_close(struct mount *m)
{
	const struct chart_observer nobody = {NULL, ignore_node, ignore_entry, ignore_patients};

	if (!m)
		return;
	if (m->ops.notify)
		chart_observe(m->ops.chart, &nobody);
	/* a notification under way waits for the kernel, which answers once the file system is gone */
	if (m->mounted)
		fuse_session_unmount(m->session);
	locker_free(m->locker);
	notify_free(m->ops.notify);
	events_free(m->ops.events);
	if (m->signals)
		fuse_remove_signal_handlers(m->session);
	if (m->session)
		fuse_session_destroy(m->session);
	control_free(m->ops.control);
	latch_free(m->ops.latch);
	inodes_free(m->ops.inodes);
	mem_free(m);
}
