/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blob_dir.c - blobs as files of a directory: xx/ and 62 more hex digits of the address.
 *
 * A blob appears under its name whole or not at all (written beside it, then renamed), so a reader never
 * sees half of one; that it lasts is what sync is for, once for many blobs.
 */
#include "ledger/blob.h"
#include "ledger/file.h"
#include "ledger/log.h"
#include "ledger/mem.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FAN 256
#define REST_DIGITS (2 * HASH_BYTES - 2)
#define NAME_BYTES 80
#define TEMP_PREFIX "tmp."

struct blob_dir {
	struct blob_store store;
	int dirfd; /* kept open: syncfs reports a write error once to each open descriptor */
	atomic_bool made[FAN];
	atomic_ulong temp_count;
};

static struct blob_dir *dir_of(struct blob_store *s)
{
	return (struct blob_dir *)((char *)s - offsetof(struct blob_dir, store));
}

static int fail(const char *what, const char *name, int saved_errno)
{
	return err_set(err_from_errno(saved_errno), "blob store: %s %s: %s", what, name,
		       strerror(saved_errno));
}

static void name_of(const struct hash *address, char ret_name[NAME_BYTES])
{
	hex_encode(address->b, 1, ret_name);
	ret_name[2] = '/';
	hex_encode(address->b + 1, HASH_BYTES - 1, ret_name + 3);
}

static uint64_t touched_ms(const struct stat *st)
{
	if (st->st_mtim.tv_sec < 0)
		return 0;
	return (uint64_t)st->st_mtim.tv_sec * 1000 + (uint64_t)st->st_mtim.tv_nsec / 1000000;
}

static int subdir_make(struct blob_dir *d, uint8_t first)
{
	char name[3];

	if (atomic_load_explicit(&d->made[first], memory_order_relaxed))
		return 0;
	hex_encode(&first, 1, name);
	if (mkdirat(d->dirfd, name, 0700) != 0 && errno != EEXIST)
		return fail("mkdir", name, errno);
	atomic_store_explicit(&d->made[first], true, memory_order_relaxed);
	return 0;
}

static int write_temp(struct blob_dir *d, const char *temp, struct view bytes)
{
	int fd = openat(d->dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int err;

	if (fd < 0)
		return fail("create", temp, errno);
	err = file_write_all(fd, bytes);
	if (close(fd) != 0 && !err)
		err = err_from_errno(errno);
	if (err) {
		unlinkat(d->dirfd, temp, 0);
		return err_set(err, "blob store: write %s: %s", temp, err_text(err));
	}
	return 0;
}

static int read_fd(int fd, const char *name, struct buf *out)
{
	uint8_t *data;
	size_t done = 0;
	struct stat st;
	int err;

	if (fstat(fd, &st) != 0)
		return fail("stat", name, errno);
	if (st.st_size > (off_t)BLOB_BYTES_MAX)
		return CF_ECORRUPT;
	err = buf_extend(out, (size_t)st.st_size, &data);
	while (!err && done < (size_t)st.st_size) {
		ssize_t n = read(fd, data + done, (size_t)st.st_size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			err = n < 0 ? fail("read", name, errno) : CF_ECORRUPT;
		else
			done += (size_t)n;
	}
	return err;
}

/*
 * Whether these very bytes stand there. A power failure before sync can leave the name without its bytes;
 * a later put must then write them, not trust the name.
 */
static bool is_stored(struct blob_dir *d, const char *name, struct view bytes)
{
	int fd = openat(d->dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct buf stored;
	bool same;

	if (fd < 0)
		return false;
	buf_init(&stored, BLOB_BYTES_MAX);
	same = read_fd(fd, name, &stored) == 0 && view_equal(buf_view(&stored), bytes);
	buf_release(&stored);
	close(fd);
	return same;
}

/* A time that a file is marked with is never put back: what was told with the later one must hold. */
static int dir_touch(struct blob_store *s, const struct hash *address, uint64_t time_ms)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
				    {.tv_sec = (time_t)(time_ms / 1000),
				     .tv_nsec = time_ms % 1000 * 1000000}};
	struct blob_dir *d = dir_of(s);
	char name[NAME_BYTES];
	struct stat st;

	name_of(address, name);
	if (fstatat(d->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? CF_ENOTFOUND : fail("stat", name, errno);
	if (touched_ms(&st) >= time_ms)
		return 0;
	if (utimensat(d->dirfd, name, times, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? CF_ENOTFOUND : fail("set the time of", name, errno);
	return 0;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int dir_put(struct blob_store *s, const struct hash *address, struct view bytes)
{
	struct blob_dir *d = dir_of(s);
	char name[NAME_BYTES], temp[NAME_BYTES];
	struct hash real = blob_address(bytes);
	int err;

	if (!hash_equal(&real, address))
		return CF_ECORRUPT;
	name_of(address, name);
	if (is_stored(d, name, bytes) && dir_touch(s, address, now_ms()) == 0)
		return 0;
	err = subdir_make(d, address->b[0]);
	if (err)
		return err;
	snprintf(temp, sizeof(temp), "%.2s/" TEMP_PREFIX "%ld.%lu", name, (long)getpid(),
		 atomic_fetch_add(&d->temp_count, 1));
	err = write_temp(d, temp, bytes);
	if (!err && renameat(d->dirfd, temp, d->dirfd, name) != 0) {
		err = fail("rename", temp, errno);
		unlinkat(d->dirfd, temp, 0);
	}
	return err;
}

static int dir_get(struct blob_store *s, const struct hash *address, struct buf *out)
{
	struct blob_dir *d = dir_of(s);
	size_t start = out->len;
	char name[NAME_BYTES];
	struct hash real;
	int fd, err;

	name_of(address, name);
	fd = openat(d->dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? CF_ENOTFOUND : fail("open", name, errno);
	err = read_fd(fd, name, out);
	close(fd);
	if (!err) {
		real = blob_address(VIEW(out->data + start, out->len - start));
		if (!hash_equal(&real, address))
			err = CF_ECORRUPT;
	}
	if (err == CF_ECORRUPT) {
		log_warn("blob", "stored blob %s does not hash to its name -> refused", name);
		err_set(err, "blob %s does not verify", name);
	}
	if (err)
		out->len = start;
	return err;
}

static bool dir_has(struct blob_store *s, const struct hash *address)
{
	char name[NAME_BYTES];
	struct stat st;

	name_of(address, name);
	return fstatat(dir_of(s)->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool dir_is_node(struct blob_store *s, const struct hash *address)
{
	char name[NAME_BYTES];
	uint8_t first;
	bool is_node;
	int fd;

	name_of(address, name);
	fd = openat(dir_of(s)->dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	is_node = pread(fd, &first, 1, 0) == 1 && blob_is_node(VIEW(&first, 1));
	close(fd);
	return is_node;
}

static int dir_sync(struct blob_store *s)
{
	if (syncfs(dir_of(s)->dirfd) != 0) {
		fail("sync", "directory", errno);
		return CF_EIO; /* no space at this point is as bad as any other failure: bytes are lost */
	}
	return 0;
}

static int dir_remove(struct blob_store *s, const struct hash *address)
{
	char name[NAME_BYTES];

	name_of(address, name);
	if (unlinkat(dir_of(s)->dirfd, name, 0) != 0)
		return errno == ENOENT ? CF_ENOTFOUND : fail("remove", name, errno);
	return 0;
}

/* Calls on_name for each name of a subdirectory; a missing one has none. */
static int each_name(struct blob_dir *d, uint8_t first,
		     int (*on_name)(void *ctx, int fd, uint8_t first, const char *name), void *ctx)
{
	struct dirent *entry;
	char name[3];
	int fd, err = 0;
	DIR *dir;

	hex_encode(&first, 1, name);
	fd = openat(d->dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : fail("open", name, errno);
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return CF_ENOMEM;
	}
	while (!err && (entry = readdir(dir)))
		err = on_name(ctx, fd, first, entry->d_name);
	closedir(dir);
	return err;
}

struct walk {
	int (*on_blob)(void *ctx, const struct blob_info *blob);
	void *ctx;
};

static int walk_name(void *ctx, int fd, uint8_t first, const char *name)
{
	struct walk *w = ctx;
	struct blob_info blob;
	struct stat st;

	blob.address.b[0] = first;
	if (strlen(name) != REST_DIGITS || hex_decode(name, blob.address.b + 1, HASH_BYTES - 1) != 0)
		return 0;
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0 : fail("stat", name, errno);
	blob.bytes = (uint64_t)st.st_size;
	blob.touched_ms = touched_ms(&st);
	return w->on_blob(w->ctx, &blob);
}

static int dir_walk(struct blob_store *s, uint8_t first,
		    int (*on_blob)(void *ctx, const struct blob_info *blob), void *ctx)
{
	struct walk w = {on_blob, ctx};

	return each_name(dir_of(s), first, walk_name, &w);
}

static void dir_close(struct blob_store *s)
{
	struct blob_dir *d = dir_of(s);

	close(d->dirfd);
	mem_free(d);
}

static int stale_name(void *ctx, int fd, uint8_t first, const char *name)
{
	(void)ctx;
	(void)first;
	if (strncmp(name, TEMP_PREFIX, strlen(TEMP_PREFIX)) == 0 && unlinkat(fd, name, 0) != 0 &&
	    errno != ENOENT)
		return fail("remove", name, errno);
	return 0;
}

static const struct blob_ops dir_ops = {
	.put = dir_put,
	.get = dir_get,
	.has = dir_has,
	.is_node = dir_is_node,
	.touch = dir_touch,
	.sync = dir_sync,
	.remove = dir_remove,
	.walk = dir_walk,
	.close = dir_close,
};

int blob_dir_open(const char *dir, struct blob_store **ret_store)
{
	struct blob_dir *d;
	int err;

	assert(dir && ret_store);
	err = file_dir_make(dir);
	if (err)
		return err;
	d = mem_zalloc(sizeof(*d));
	if (!d)
		return CF_ENOMEM;
	d->store.ops = &dir_ops;
	d->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->dirfd < 0) {
		err = fail("open", dir, errno);
		mem_free(d);
		return err;
	}
	for (int i = 0; !err && i < FAN; i++)
		err = each_name(d, (uint8_t)i, stale_name, NULL);
	if (err) {
		blob_close(&d->store);
		return err;
	}
	*ret_store = &d->store;
	return 0;
}
