/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.c - whole reads, durable replacement of files, removal of trees.
 */
#include "ledger/file.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define REMOVE_DEPTH_MAX 16

static int fail(const char *what, const char *path)
{
	int saved = errno;

	return err_set(err_from_errno(saved), "%s %s: %s", what, path, strerror(saved));
}

int file_path(const char *dir, const char *name, char ret_path[FILE_PATH_MAX])
{
	int n;

	assert(dir && name && ret_path);
	n = snprintf(ret_path, FILE_PATH_MAX, "%s/%s", dir, name);
	return n < 0 || n >= FILE_PATH_MAX ? CF_ENAMETOOLONG : 0;
}

static int read_rest(int fd, size_t bytes, struct buf *out)
{
	uint8_t *at;
	size_t done = 0, start = out->len;
	int err = buf_extend(out, bytes, &at);

	while (!err && done < bytes) {
		ssize_t n = read(fd, at + done, bytes - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			err = err_from_errno(errno);
		if (n == 0)
			break; /* it shrank: what is left is the file */
		done += n > 0 ? (size_t)n : 0;
	}
	if (err)
		done = 0;
	if (out->len > start)
		out->len = start + done;
	return err;
}

int file_read(const char *path, size_t max, struct buf *out)
{
	struct stat st;
	int fd, err;

	assert(path && out);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return fail("open", path);
	if (fstat(fd, &st) != 0)
		err = fail("stat", path);
	else if (!S_ISREG(st.st_mode))
		err = err_set(CF_EINVAL, "%s is not a regular file", path);
	else if ((uint64_t)st.st_size > max)
		err = err_set(CF_ETOOBIG, "%s is over %zu bytes", path, max);
	else
		err = read_rest(fd, (size_t)st.st_size, out);
	close(fd);
	return err;
}

int file_write_all(int fd, struct view bytes)
{
	size_t done = 0;

	while (done < bytes.len) {
		ssize_t n = write(fd, bytes.data + done, bytes.len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_from_errno(errno);
		done += (size_t)n;
	}
	return 0;
}

int file_replace(const char *path, struct view bytes)
{
	char temp[FILE_PATH_MAX];
	int n = snprintf(temp, sizeof(temp), "%s.new", path);
	int fd, err;

	if (n < 0 || n >= (int)sizeof(temp))
		return CF_ENAMETOOLONG;
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fail("create", temp);
	err = file_write_all(fd, bytes);
	if (!err && fsync(fd) != 0)
		err = fail("fsync", temp);
	if (close(fd) != 0 && !err)
		err = fail("close", temp);
	if (!err && rename(temp, path) != 0)
		err = fail("rename", temp);
	if (err) {
		unlink(temp);
		return err;
	}
	return file_parent_sync(path);
}

int file_room(const char *path, uint64_t *ret_free, uint64_t *ret_all)
{
	struct statvfs v;

	if (statvfs(path, &v) != 0)
		return err_set(CF_EIO, "%s: %m", path);
	*ret_free = (uint64_t)v.f_bavail * v.f_frsize;
	*ret_all = (uint64_t)v.f_blocks * v.f_frsize;
	return 0;
}

bool file_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

int file_dir_make(const char *path)
{
	struct stat st;

	if (mkdir(path, 0700) == 0)
		return 0;
	if (errno != EEXIST)
		return fail("mkdir", path);
	if (stat(path, &st) != 0)
		return fail("stat", path);
	return S_ISDIR(st.st_mode) ? 0 : err_set(CF_ENOTDIR, "%s is not a directory", path);
}

int file_dir_sync(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return fail("open", path);
	if (fsync(fd) != 0)
		err = fail("fsync", path);
	close(fd);
	return err;
}

int file_parent_sync(const char *path)
{
	char parent[FILE_PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(parent))
		return CF_ENAMETOOLONG;
	memcpy(parent, path, len + 1);
	while (len > 1 && parent[len - 1] == '/')
		parent[--len] = '\0';
	while (len > 0 && parent[len - 1] != '/')
		len--;
	if (len == 0)
		return file_dir_sync(".");
	parent[len] = '\0';
	return file_dir_sync(parent);
}

static int remove_at(int dirfd_parent, const char *name, int depth)
{
	struct dirent *entry;
	int err = 0, fd;
	DIR *dir;

	if (unlinkat(dirfd_parent, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return fail("unlink", name);
	if (depth >= REMOVE_DEPTH_MAX)
		return err_set(CF_EINVAL, "%s lies too deep to be of a store", name);
	fd = openat(dirfd_parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail("open", name);
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return CF_ENOMEM;
	}
	while (!err && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			err = remove_at(fd, entry->d_name, depth + 1);
	}
	closedir(dir);
	if (!err && unlinkat(dirfd_parent, name, AT_REMOVEDIR) != 0)
		err = fail("rmdir", name);
	return err;
}

int file_remove_tree(const char *path)
{
	assert(path && path[0]);
	return remove_at(AT_FDCWD, path, 0);
}
