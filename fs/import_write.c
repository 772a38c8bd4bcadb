/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/import_write.h"

#include "ledger/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define COPY_BYTES ((size_t)256 << 10)
#define TRIES 6

/* What is to be written: memory, or a file from its start. */
struct source {
	int fd; /* negative: content */
	struct view content;
	uint64_t size;
};

static ssize_t read_at(int fd, uint8_t *to, size_t bytes, uint64_t offset)
{
	size_t got = 0;

	while (got < bytes) {
		ssize_t n = pread(fd, to + got, bytes - got, (off_t)(offset + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

/* A piece of the source; buffer of COPY_BYTES, unused for content. -errno. */
static int piece(const struct source *s, uint64_t offset, uint8_t *buffer, struct view *ret_piece)
{
	uint64_t left = s->size - offset;
	size_t bytes = left < COPY_BYTES ? (size_t)left : COPY_BYTES;
	ssize_t n;

	if (s->fd < 0) {
		*ret_piece = VIEW(s->content.data + offset, bytes);
		return 0;
	}
	n = read_at(s->fd, buffer, bytes, offset);
	if (n < 0)
		return (int)n;
	/* it shrank since it was looked at: a half copy must not pass for the whole */
	if ((size_t)n != bytes)
		return -ESTALE;
	*ret_piece = VIEW(buffer, bytes);
	return 0;
}

/* Does the file at path hold just this? Any trouble: no. */
static bool is_same(const char *path, const struct source *s, uint8_t *buffer, uint8_t *other)
{
	struct stat st;
	uint64_t at = 0;
	bool same = false;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return false;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != s->size)
		goto out;
	while (at < s->size) {
		struct view v = VIEW_NONE;

		if (piece(s, at, buffer, &v) != 0 || read_at(fd, other, v.len, at) != (ssize_t)v.len ||
		    memcmp(v.data, other, v.len) != 0)
			goto out;
		at += v.len;
	}
	same = true;
out:
	close(fd);
	return same;
}

static int write_all(int fd, struct view v)
{
	while (v.len) {
		ssize_t n = write(fd, v.data, v.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		v = VIEW(v.data + n, v.len - (size_t)n);
	}
	return 0;
}

static int write_once(const char *path, const struct source *s, uint8_t *buffer)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
	uint64_t at = 0;
	int err = 0;

	if (fd < 0)
		return -errno;
	while (!err && at < s->size) {
		struct view v = VIEW_NONE;

		err = piece(s, at, buffer, &v);
		if (!err)
			err = write_all(fd, v);
		at += v.len;
	}
	if (close(fd) != 0 && !err)
		err = -errno;
	return err;
}

static int write_source(const char *path, const struct source *s, uint64_t *ret_bytes)
{
	uint8_t *buffer = mem_alloc(2 * COPY_BYTES);
	int err = -EBUSY;

	if (!buffer)
		return -ENOMEM;
	if (is_same(path, s, buffer, buffer + COPY_BYTES)) {
		err = IMPORT_WRITE_UNCHANGED;
		goto out;
	}
	for (long i = 0; i < TRIES && (err == -EBUSY || err == -EINTR); i++) {
		struct timespec pause = {0, i * 20000000};

		nanosleep(&pause, NULL);
		err = write_once(path, s, buffer);
	}
	if (!err)
		err = IMPORT_WRITE_DONE;
out:
	if (err >= 0)
		*ret_bytes = s->size;
	mem_free(buffer);
	return err;
}

int import_write_file(const char *path, struct view content, uint64_t *ret_bytes)
{
	struct source s = {-1, content, content.len};

	return write_source(path, &s, ret_bytes);
}

int import_copy_file(const char *path, const char *source, uint64_t *ret_bytes)
{
	struct source s = {open(source, O_RDONLY | O_CLOEXEC), VIEW_NONE, 0};
	struct stat st;
	int err;

	if (s.fd < 0)
		return -errno;
	if (fstat(s.fd, &st) != 0) {
		err = -errno;
	} else {
		s.size = (uint64_t)st.st_size;
		err = write_source(path, &s, ret_bytes);
	}
	close(s.fd);
	return err;
}
