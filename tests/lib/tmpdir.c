/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tmpdir.c - keeps a list of the texts it gave out; the directories among them are removed at exit.
 */
#include "tests/lib/tmpdir.h"

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct entry {
	struct entry *next;
	bool is_dir;
	char *path;
};

static struct entry *entries;
static pid_t owner;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if (type == FTW_DP || type == FTW_DNR)
		return rmdir(path);
	return unlink(path);
}

/* A test may have taken away the rights that removal needs. */
static int open_up(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)ftw;
	if (type == FTW_D || type == FTW_DNR)
		(void)chmod(path, st->st_mode | 0700);
	return 0;
}

static void cleanup(void)
{
	bool mine = getpid() == owner; /* a forked child that calls exit() is not */

	while (entries) {
		struct entry *e = entries;

		entries = e->next;
		if (mine && e->is_dir) {
			(void)nftw(e->path, open_up, 16, FTW_PHYS);
			(void)nftw(e->path, remove_one, 16, FTW_PHYS | FTW_DEPTH);
		}
		free(e->path);
		free(e);
	}
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static const char *keep(char *path, bool is_dir)
{
	struct entry *e = malloc(sizeof(*e));

	if (!e)
		die("malloc");
	if (!owner) {
		owner = getpid();
		atexit(cleanup);
	}
	*e = (struct entry){.next = entries, .is_dir = is_dir, .path = path};
	entries = e;
	return path;
}

const char *tmpdir_new(void)
{
	const char *base = getenv("TMPDIR");
	char *path;

	if (asprintf(&path, "%s/chartfs-test.XXXXXX", base && base[0] ? base : "/tmp") < 0)
		die("asprintf");
	if (!mkdtemp(path))
		die(path);
	return keep(path, true);
}

const char *tmpdir_path(const char *dir, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		die("asprintf");
	return keep(path, false);
}
