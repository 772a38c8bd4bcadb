/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_restore.c - chartfs restore: a backup beside its manifest. A file is put in place under a name of its
 * own and gets its real one when its bytes are what the manifest says, so that nothing else ever has that
 * name; on a mount that is its save.
 */
#include "fs/cmd.h"
#include "fs/filehash.h"
#include "fs/manifest.h"
#include "fs/words.h"

#include "acl/genesis.h"
#include "acl/userfile.h"
#include "ledger/file.h"
#include "ledger/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define TEMPORARY_BYTES 24

/* A directory's mode is set when all is in it. */
struct later {
	struct later *next;
	struct manifest_entry entry;
};

struct restoring {
	int from_root, to_root; /* to_root: -1: compare only */
	int from, to;           /* the directories that the entry in hand lies in; to: -1 as above */
	const char *name;       /* in these */
	struct manifest m;
	struct manifest_entry e;
	struct later *dirs;
	uint64_t good, written, refused, unreadable;
	int err; /* the last that was no fault of the backup's */
};

static void refuse(struct restoring *r, const char *what)
{
	fprintf(stderr, "chartfs restore: %s: %s -> refused\n", r->e.path, what);
	r->refused++;
}

/* Of the system, at the target. */
static void failed(struct restoring *r, const char *what)
{
	r->err = err_from_errno(errno);
	fprintf(stderr, "chartfs restore: %s: %s: %s\n", r->e.path, what, strerror(errno));
}

static struct timespec time_of(uint64_t ns)
{
	return (struct timespec){(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
}

/* The extended attributes that stand behind an entry; fd -1: passed over. */
static int take_attrs(struct restoring *r, int fd)
{
	struct manifest_entry *x = mem_zalloc(sizeof *x);
	int err = x ? 0 : CF_ENOMEM;

	if (x)
		buf_init(&x->value, 0);
	while (!err && r->m.entries.len && r->m.entries.data[0] == 'x') {
		err = manifest_next(&r->m, x);
		if (!err && fd >= 0 && fsetxattr(fd, x->target, x->value.data, x->value.len, 0) != 0)
			failed(r, x->target);
	}
	if (x)
		buf_release(&x->value);
	mem_free(x);
	return err;
}

static void set_attrs(struct restoring *r, int fd, const struct manifest_entry *e)
{
	struct timespec times[2] = {{0, UTIME_OMIT}, time_of(e->mtime_ns)};
	struct stat st;

	if (fstat(fd, &st) != 0) {
		failed(r, "attributes");
		return;
	}
	/* whoever may not give files away keeps them */
	if ((st.st_uid != e->uid || st.st_gid != e->gid) && fchown(fd, e->uid, e->gid) != 0 && errno != EPERM)
		failed(r, "owner");
	if ((st.st_mode & 07777) != e->mode && fchmod(fd, e->mode) != 0)
		failed(r, "mode");
	/* a directory's in the past is that of the snapshot */
	if (e->kind != 'd' &&
	    (st.st_mtim.tv_sec != times[1].tv_sec || st.st_mtim.tv_nsec != times[1].tv_nsec) &&
	    futimens(fd, times) != 0)
		failed(r, "time");
}

/* A name that mounts keep to themselves until it is renamed. */
static void temporary_name(char ret_name[TEMPORARY_BYTES])
{
	uint8_t random[3];
	char hex[7];

	random_bytes(random, sizeof random);
	hex_encode(random, sizeof random, hex);
	snprintf(ret_name, TEMPORARY_BYTES, ".restore.%s", hex);
}

/*
 * A directory below root, by no symbolic link on the way: the manifest may name links, and whoever signed it
 * is not whoever restores. Negative: errno.
 */
static int open_beneath(int root, const char *path)
{
	const struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
				     .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};

	return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

static void leave_parents(struct restoring *r)
{
	if (r->from >= 0)
		close(r->from);
	if (r->to >= 0)
		close(r->to);
	r->from = r->to = -1;
}

/* False: there is no such directory, which was told. */
static bool enter_parents(struct restoring *r)
{
	const char *slash = strrchr(r->e.path, '/');
	char dir[MANIFEST_PATH_MAX] = ".";

	if (slash)
		snprintf(dir, sizeof dir, "%.*s", (int)(slash - r->e.path), r->e.path);
	r->name = slash ? slash + 1 : r->e.path;
	r->from = open_beneath(r->from_root, dir);
	if (r->from < 0) {
		refuse(r, errno == ELOOP ? "lies behind a symbolic link in the backup" : strerror(errno));
		return false;
	}
	if (r->to_root < 0)
		return true;
	r->to = open_beneath(r->to_root, dir);
	if (r->to < 0 && errno == ELOOP)
		refuse(r, "lies behind a symbolic link");
	else if (r->to < 0)
		failed(r, "cannot be written");
	return r->to >= 0;
}

/* What is there already is as the manifest says. */
static int open_same(struct restoring *r)
{
	int fd = openat(r->to, r->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct hash hash;

	if (fd >= 0 && (filehash_copy(fd, -1, &hash) || !hash_equal(&hash, &r->e.hash))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* from is the backup's file, at its beginning. */
static int bring_back(struct restoring *r, int from)
{
	char name[TEMPORARY_BYTES];
	struct hash hash;
	int to, err;

	temporary_name(name);
	to = openat(r->to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0) {
		failed(r, "cannot be written");
		return take_attrs(r, -1);
	}
	err = filehash_copy(from, to, &hash);
	if (err || !hash_equal(&hash, &r->e.hash)) {
		refuse(r, err ? err_text(err) : "its bytes are not those of the manifest");
		err = take_attrs(r, -1);
		close(to);
		(void)unlinkat(r->to, name, 0);
		return err;
	}
	set_attrs(r, to, &r->e);
	err = take_attrs(r, to);
	if (close(to) != 0 || renameat(r->to, name, r->to, r->name) != 0) {
		failed(r, "cannot be written");
		(void)unlinkat(r->to, name, 0);
		return err;
	}
	r->good++;
	r->written++;
	return err;
}

static int compare(struct restoring *r, int from)
{
	struct hash hash;
	int err = filehash_copy(from, -1, &hash);

	if (err)
		refuse(r, err_text(err));
	else if (!hash_equal(&hash, &r->e.hash))
		refuse(r, "its bytes are not those of the manifest");
	else
		r->good++;
	return take_attrs(r, -1);
}

static int do_file(struct restoring *r)
{
	int from = openat(r->from, r->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), there = -1, err;
	struct stat st;

	if (from < 0 || fstat(from, &st) != 0 || !S_ISREG(st.st_mode)) {
		refuse(r, from < 0 ? strerror(errno) : "no regular file in the backup");
		if (from >= 0)
			close(from);
		return take_attrs(r, -1);
	}
	if (r->to >= 0)
		there = open_same(r);
	if (r->to < 0) {
		err = compare(r, from);
	} else if (there >= 0) {
		set_attrs(r, there, &r->e);
		err = compare(r, from);
		close(there);
	} else {
		err = bring_back(r, from);
	}
	close(from);
	return err;
}

static bool link_is(int dir, const char *path, const char *target)
{
	char there[MANIFEST_PATH_MAX];
	ssize_t n = readlinkat(dir, path, there, sizeof there);

	return n >= 0 && (size_t)n == strlen(target) && memcmp(there, target, (size_t)n) == 0;
}

static void do_link(struct restoring *r)
{
	char name[TEMPORARY_BYTES];

	if (!link_is(r->from, r->name, r->e.target)) {
		refuse(r, "no such symbolic link in the backup");
		return;
	}
	r->good++;
	if (r->to < 0 || link_is(r->to, r->name, r->e.target))
		return;
	temporary_name(name);
	if (symlinkat(r->e.target, r->to, name) != 0 || renameat(r->to, name, r->to, r->name) != 0)
		failed(r, "cannot be made");
	else
		r->written++;
}

static int do_dir(struct restoring *r)
{
	struct later *later;
	struct stat st;
	int fd = -1, err;

	if (fstatat(r->from, r->name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode))
		refuse(r, "no such directory in the backup");
	if (r->to < 0 || strcmp(r->e.path, ".") == 0)
		return take_attrs(r, -1);
	if (mkdirat(r->to, r->name, 0700 | (r->e.mode & 0777)) != 0 && errno != EEXIST)
		failed(r, "cannot be made");
	else
		fd = openat(r->to, r->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	err = take_attrs(r, fd);
	if (fd < 0)
		return err;
	close(fd);
	later = mem_zalloc(sizeof *later);
	if (!later)
		return CF_ENOMEM;
	later->entry = r->e;
	later->next = r->dirs;
	r->dirs = later;
	return err;
}

/* The innermost first. */
static void finish_dirs(struct restoring *r)
{
	while (r->dirs) {
		struct later *d = r->dirs;
		int fd = open_beneath(r->to_root, d->entry.path);

		r->e = d->entry;
		if (fd >= 0) {
			set_attrs(r, fd, &d->entry);
			close(fd);
		}
		r->dirs = d->next;
		mem_free(d);
	}
}

static int do_entry(struct restoring *r)
{
	if (r->e.kind == 'f')
		return do_file(r);
	if (r->e.kind == 'd')
		return do_dir(r);
	do_link(r);
	return 0;
}

static int each_entry(struct restoring *r)
{
	int err = 0;

	while (!err) {
		err = manifest_next(&r->m, &r->e);
		if (err)
			break;
		if (r->e.kind == 'n')
			r->unreadable++;
		else if (r->e.kind == 'x')
			err = err_set(CF_EDECODE, "the manifest is malformed: attributes of nothing");
		else
			err = enter_parents(r) ? do_entry(r) : take_attrs(r, -1);
		leave_parents(r);
	}
	finish_dirs(r);
	return err == CF_ENOTFOUND ? 0 : err;
}

static int open_dirs(struct restoring *r, const char *backup, const char *to)
{
	r->from_root = open(backup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->from_root < 0)
		return err_set(err_from_errno(errno), "%s: %m", backup);
	r->to_root = to ? open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	return to && r->to_root < 0 ? err_set(err_from_errno(errno), "%s: %m", to) : 0;
}

static int restore(struct restoring *r, const char *manifest, const char *genesis, const char *backup,
		   const char *to)
{
	struct buf text, founded;
	int err;

	buf_init(&text, MANIFEST_BYTES_MAX);
	buf_init(&r->e.value, 0);
	r->from_root = r->to_root = r->from = r->to = -1;
	err = genesis_read(genesis, &founded);
	if (!err)
		err = userfile_read(manifest, MANIFEST_BYTES_MAX, false, &text);
	if (!err)
		err = manifest_open(buf_view(&text), buf_view(&founded), &r->m);
	if (!err)
		err = open_dirs(r, backup, to);
	if (!err) {
		printf("manifest of %s at height %" PRIu64 ", signed by %s\n", r->m.head.path,
		       r->m.head.height, r->m.signer);
		err = each_entry(r);
	}
	if (!err)
		printf("%" PRIu64 " as the manifest says, %" PRIu64 " brought back, %" PRIu64
		       " refused; %" PRIu64 " that the signer could not read\n",
		       r->good, r->written, r->refused, r->unreadable);
	if (r->from_root >= 0)
		close(r->from_root);
	if (r->to_root >= 0)
		close(r->to_root);
	buf_release(&text);
	buf_release(&founded);
	buf_release(&r->e.value);
	return err;
}

int cmd_restore(int argc, char **argv)
{
	const char *manifest, *genesis;
	const struct word table[] = {{"manifest", &manifest, NULL}, {"genesis", &genesis, NULL}};
	struct restoring *r;
	char **arg;
	int args, err, code = WORDS_PARSE(argc, argv, table, &arg, &args);

	if (code)
		return code;
	if (!manifest || !genesis || args < 1 || args > 2)
		return cmd_usage(argv[0], "--manifest, --genesis and a backup are needed");
	r = mem_zalloc(sizeof *r);
	if (!r)
		return cmd_fail(argv[0], CF_ENOMEM);
	err = restore(r, manifest, genesis, arg[0], arg[1]);
	if (!err && r->refused)
		err = err_set(CF_ECORRUPT, "the backup is not what the manifest says");
	else if (!err && r->err)
		err = err_set(r->err, "not all could be brought back");
	mem_free(r);
	return err ? cmd_fail(argv[0], err) : 0;
}
