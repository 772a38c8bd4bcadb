/* SPDX-License-Identifier: Apache-2.0 */
/*
 * userfile.c - reading and creating files a person names.
 */
#include "acl/userfile.h"
#include "ledger/mem.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES 4096

static int fail(const char *path)
{
	int saved = errno;

	return err_set(err_from_errno(saved), "%s: %s", path, strerror(saved));
}

int userfile_path(const char *dir, const char *name, char ret_path[USERFILE_PATH_MAX])
{
	int n;

	assert(dir && name && ret_path);
	n = snprintf(ret_path, USERFILE_PATH_MAX, "%s/%s", dir, name);
	if (n < 0 || n >= USERFILE_PATH_MAX)
		return err_set(CF_ENAMETOOLONG, "%s/%s: name too long", dir, name);
	return 0;
}

static int check_access(int fd, const char *path, bool is_secret)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return fail(path);
	if (S_ISDIR(st.st_mode))
		return err_set(CF_EISDIR, "%s: is a directory", path);
	if (is_secret && S_ISREG(st.st_mode) && (st.st_mode & 077) != 0)
		return err_set(CF_EPERM, "%s: mode %04o lets others access it; chmod 600 it", path,
			       (unsigned)st.st_mode & 07777);
	return 0;
}

static int read_all(int fd, const char *path, size_t max, struct buf *out)
{
	uint8_t chunk[READ_BYTES];
	size_t total = 0;
	int err = 0;

	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			err = fail(path);
		if (n <= 0 || err)
			break;
		total += (size_t)n;
		err = total > max ? err_set(CF_ETOOBIG, "%s: over %zu bytes", path, max)
				  : buf_append(out, chunk, (size_t)n);
		if (err)
			break;
	}
	mem_wipe(chunk, sizeof(chunk));
	return err;
}

int userfile_read(const char *path, size_t max, bool is_secret, struct buf *out)
{
	size_t before;
	int fd, err;

	assert(path && out);
	before = out->len;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return fail(path);
	err = check_access(fd, path, is_secret);
	if (!err)
		err = read_all(fd, path, max, out);
	if (err)
		out->len = before;
	close(fd);
	return err;
}

/* The name itself must last, too. */
static int sync_parent(const char *path)
{
	char copy[USERFILE_PATH_MAX];
	int fd, err = 0;

	if (strlen(path) >= sizeof(copy))
		return err_set(CF_ENAMETOOLONG, "%s: name too long", path);
	strcpy(copy, path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail(path);
	if (fsync(fd) != 0)
		err = fail(path);
	close(fd);
	return err;
}

static int write_all(int fd, struct view bytes)
{
	while (bytes.len > 0) {
		ssize_t n = write(fd, bytes.data, bytes.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		bytes.data += n;
		bytes.len -= (size_t)n;
	}
	return fsync(fd);
}

int userfile_create(const char *path, unsigned mode, struct view bytes)
{
	int fd, err = 0;

	assert(path && (mode & ~0777u) == 0);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, (mode_t)mode);
	if (fd < 0)
		return fail(path);
	if (write_all(fd, bytes) != 0)
		err = fail(path);
	if (close(fd) != 0 && !err)
		err = fail(path);
	if (!err)
		err = sync_parent(path);
	if (err)
		(void)unlink(path);
	return err;
}

static int check_empty(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int err = 0;

	if (!dir)
		return fail(path);
	while (!err && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			err = err_set(CF_ENOTEMPTY, "%s: holds %s already", path, entry->d_name);
	}
	closedir(dir);
	return err;
}

int userfile_dir_create(const char *path)
{
	assert(path);
	if (mkdir(path, 0700) == 0)
		return sync_parent(path);
	return errno == EEXIST ? check_empty(path) : fail(path);
}
