/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_dir.c - the directory of a ledger: who may write, whether its bytes can be trusted, whose genesis it
 * is.
 */
#include "ledger/chain_private.h"
#include "ledger/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_CHARS 36
#define MARKER "boot"
#define MARKER_BYTES_MAX 64

static const char *const contents[] = {"db", "db.new", "blocks", "genesis", "genesis.new"};

static int lock_take(const char *dir, int *ret_fd)
{
	char path[FILE_PATH_MAX];
	int fd, err = file_path(dir, "lock", path);

	if (err)
		return err;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set(err_from_errno(errno), "open %s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		err = errno == EWOULDBLOCK ? CF_EBUSY : err_from_errno(errno);
		close(fd);
		return err_set(err, "%s is in use by another process", dir);
	}
	*ret_fd = fd;
	return 0;
}

/* "?" where the system tells none: then no unclean marker is ever trusted. */
static void boot_id(char ret_id[BOOT_ID_CHARS + 1])
{
	int fd = open(BOOT_ID_FILE, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret_id, BOOT_ID_CHARS);

	if (fd >= 0)
		close(fd);
	if (n != BOOT_ID_CHARS) {
		memcpy(ret_id, "?", 2);
		return;
	}
	ret_id[BOOT_ID_CHARS] = '\0';
}

static int marker_write(const char *dir, const char *word)
{
	char path[FILE_PATH_MAX], id[BOOT_ID_CHARS + 1];
	struct buf text;
	int err = file_path(dir, MARKER, path);

	if (err)
		return err;
	boot_id(id);
	buf_init(&text, MARKER_BYTES_MAX);
	err = buf_printf(&text, "%s %s\n", id, word);
	if (!err)
		err = file_replace(path, buf_view(&text));
	buf_release(&text);
	return err;
}

enum marker { MARKER_NONE, MARKER_CLOSED, MARKER_OPEN_THIS_BOOT, MARKER_OPEN_OTHER_BOOT };

static int marker_read(const char *dir, enum marker *ret_marker)
{
	char path[FILE_PATH_MAX], id[BOOT_ID_CHARS + 1];
	struct buf text, open_here;
	int err = file_path(dir, MARKER, path);

	if (err)
		return err;
	boot_id(id);
	buf_init(&text, MARKER_BYTES_MAX);
	buf_init(&open_here, MARKER_BYTES_MAX);
	err = file_read(path, MARKER_BYTES_MAX, &text);
	if (!err)
		err = buf_printf(&open_here, "%s open\n", id);
	if (err == CF_ENOTFOUND) {
		*ret_marker = MARKER_NONE;
		err = 0;
	} else if (!err) {
		struct view closed = view_str(" closed\n");
		bool ends = text.len > closed.len &&
			    view_equal(VIEW(text.data + text.len - closed.len, closed.len), closed);

		*ret_marker = ends ? MARKER_CLOSED : MARKER_OPEN_OTHER_BOOT;
		if (id[0] != '?' && view_equal(buf_view(&text), buf_view(&open_here)))
			*ret_marker = MARKER_OPEN_THIS_BOOT;
	}
	buf_release(&text);
	buf_release(&open_here);
	return err;
}

/* The marker goes last: a crash in between wipes again. */
static int wipe(const char *dir)
{
	char path[FILE_PATH_MAX];
	int err = 0;

	log_warn("chain", "%s was not closed before the system went down -> its unsynced stores are removed",
		 dir);
	for (size_t i = 0; !err && i < sizeof(contents) / sizeof(contents[0]); i++) {
		err = file_path(dir, contents[i], path);
		if (!err)
			err = file_remove_tree(path);
	}
	if (!err)
		err = file_dir_sync(dir);
	return err ? err : chain_dir_settled(dir);
}

static int genesis_check(const char *dir, struct view genesis, bool read_only)
{
	char path[FILE_PATH_MAX];
	struct buf there;
	int err = file_path(dir, "genesis", path);

	if (err)
		return err;
	buf_init(&there, CHAIN_GENESIS_BYTES_MAX);
	err = file_read(path, CHAIN_GENESIS_BYTES_MAX, &there);
	if (err == CF_ENOTFOUND && !read_only)
		err = file_replace(path, genesis);
	else if (!err && !view_equal(buf_view(&there), genesis))
		err = err_set(CF_EFOREIGN, "%s belongs to another network", dir);
	buf_release(&there);
	return err;
}

int chain_genesis(const struct chain *c, struct buf *out)
{
	char path[FILE_PATH_MAX];
	size_t start = out->len;
	struct hash network;
	int err = file_path(c->dir, "genesis", path);

	if (!err)
		err = file_read(path, CHAIN_GENESIS_BYTES_MAX, out);
	if (err)
		return err;
	network = chain_genesis_hash(VIEW(out->data + start, out->len - start));
	return hash_equal(&network, &c->network) ? 0 : err_set(CF_ECORRUPT, "%s was changed", path);
}

static int open_writer(const char *dir, struct view genesis, unsigned flags, bool *ret_synced)
{
	enum marker marker;
	int err = marker_read(dir, &marker);

	if (!err && marker == MARKER_OPEN_OTHER_BOOT) {
		err = wipe(dir);
		marker = MARKER_NONE;
	}
	if (!err && flags & CHAIN_NOSYNC && marker != MARKER_OPEN_THIS_BOOT)
		err = marker_write(dir, "open");
	if (!err)
		err = genesis_check(dir, genesis, false);
	if (!err)
		*ret_synced = marker == MARKER_NONE;
	return err;
}

int chain_dir_open(const char *dir, struct view genesis, unsigned flags, int *ret_lock_fd, bool *ret_synced)
{
	enum marker marker;
	int fd, err;

	if (flags & CHAIN_RDONLY) {
		err = marker_read(dir, &marker);
		if (!err && marker == MARKER_OPEN_OTHER_BOOT)
			err = err_set(CF_ECORRUPT, "%s was not closed before the system went down", dir);
		if (!err)
			err = genesis_check(dir, genesis, true);
		if (!err) {
			*ret_lock_fd = -1;
			*ret_synced = true;
		}
		return err;
	}
	err = file_dir_make(dir);
	if (!err)
		err = lock_take(dir, &fd);
	if (err)
		return err;
	err = open_writer(dir, genesis, flags, ret_synced);
	if (err)
		close(fd);
	else
		*ret_lock_fd = fd;
	return err;
}

int chain_dir_settled(const char *dir)
{
	char path[FILE_PATH_MAX];
	int err = file_path(dir, MARKER, path);

	if (!err)
		err = file_remove_tree(path);
	return err ? err : file_dir_sync(dir);
}

int chain_dir_closed(const char *dir)
{
	return marker_write(dir, "closed");
}
