/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment.c - appending, reading, cutting. Opening and scanning are in segment_scan.c.
 */
#include "ledger/crypto.h"
#include "ledger/mem.h"
#include "ledger/segment_private.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Files a store keeps open; older ones are opened for each read. */
#define OPEN_FILES_MAX 256

void segment_frame(struct view payload, uint8_t ret_frame[SEGMENT_FRAME_BYTES])
{
	struct hash h = sha256(payload);

	for (int i = 0; i < 4; i++)
		ret_frame[i] = (uint8_t)(payload.len >> (24 - 8 * i));
	memcpy(ret_frame + 4, h.b, 4);
}

uint32_t segment_frame_len(const uint8_t frame[SEGMENT_FRAME_BYTES])
{
	return (uint32_t)frame[0] << 24 | (uint32_t)frame[1] << 16 | (uint32_t)frame[2] << 8 | frame[3];
}

void segment_name(uint32_t file, char ret_name[SEGMENT_NAME_BYTES])
{
	snprintf(ret_name, SEGMENT_NAME_BYTES, "%08u.seg", file);
}

int segment_fail(const char *what, uint32_t file, int saved_errno)
{
	return err_set(err_from_errno(saved_errno), "segment %08u: %s: %s", file, what,
		       strerror(saved_errno));
}

static int file_open(struct segments *s, uint32_t file, int *ret_fd)
{
	char name[SEGMENT_NAME_BYTES];
	int fd;

	segment_name(file, name);
	fd = openat(s->dirfd, name, (s->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return segment_fail("open", file, errno);
	*ret_fd = fd;
	return 0;
}

/*
 * A descriptor of a file; *ret_keep tells whether the store keeps it or the caller closes it. A reader
 * beside a writer of another process may be asked for files that were made since it opened.
 */
static int file_fd(struct segments *s, uint32_t file, int *ret_fd, bool *ret_keep)
{
	int fd, err, none = -1;

	if (file >= s->count && !s->read_only)
		return err_set(CF_ENOTFOUND, "segment %08u is not there", file);
	fd = file < s->count ? __atomic_load_n(&s->fd[file], __ATOMIC_ACQUIRE) : -1;
	*ret_keep = fd >= 0;
	if (fd < 0) {
		err = file_open(s, file, &fd);
		if (err)
			return err;
		if (file < s->count &&
		    __atomic_add_fetch(&s->open_files, 1, __ATOMIC_RELAXED) <= OPEN_FILES_MAX)
			*ret_keep = __atomic_compare_exchange_n(&s->fd[file], &none, fd, false,
								__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
		if (file < s->count && !*ret_keep)
			__atomic_sub_fetch(&s->open_files, 1, __ATOMIC_RELAXED);
	}
	*ret_fd = fd;
	return 0;
}

int segment_pread(struct segments *s, uint32_t file, uint64_t offset, uint8_t *data, size_t bytes)
{
	size_t done = 0;
	bool keep;
	int fd, err = file_fd(s, file, &fd, &keep);

	if (err)
		return err;
	while (!err && done < bytes) {
		ssize_t n = pread(fd, data + done, bytes - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			err = segment_fail("read", file, errno);
		else if (n == 0)
			err = err_set(CF_ENOTFOUND, "segment %08u ends before %llu", file,
				      (unsigned long long)(offset + bytes));
		else
			done += (size_t)n;
	}
	if (!keep)
		close(fd);
	return err;
}

int segment_file_add(struct segments *s, int fd)
{
	int *fds = mem_array(s->fd, s->count + 1, sizeof(*fds));

	if (!fds)
		return CF_ENOMEM;
	s->fd = fds;
	s->fd[s->count++] = fd;
	return 0;
}

int segment_roll(struct segments *s)
{
	char name[SEGMENT_NAME_BYTES];
	int fd, err;

	segment_name(s->count, name);
	fd = openat(s->dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return segment_fail("create", s->count, errno);
	pthread_rwlock_wrlock(&s->lock);
	if (s->open_files >= OPEN_FILES_MAX && s->write_fd >= 0) {
		close(s->write_fd); /* what it has not written yet is synced through another descriptor */
		s->fd[s->count - 1] = -1;
		s->write_fd = -1;
		s->open_files--;
	}
	err = segment_file_add(s, fd);
	pthread_rwlock_unlock(&s->lock);
	if (err) {
		close(fd);
		unlinkat(s->dirfd, name, 0);
		return err;
	}
	__atomic_add_fetch(&s->open_files, 1, __ATOMIC_RELAXED);
	s->write_fd = fd;
	s->end = 0;
	s->dir_dirty = true;
	return 0;
}

/* One pwritev for a whole record; more only when the kernel stops in the middle. */
static int write_record(struct segments *s, struct view payload)
{
	uint8_t frame[SEGMENT_FRAME_BYTES];
	struct iovec iov[2] = {{frame, sizeof(frame)}, {(void *)payload.data, payload.len}};
	size_t total = sizeof(frame) + payload.len, done = 0;

	segment_frame(payload, frame);
	while (done < total) {
		struct iovec rest[2];
		int count = 0;
		size_t skip = done;
		ssize_t n;

		for (int i = 0; i < 2; i++) {
			size_t drop = skip < iov[i].iov_len ? skip : iov[i].iov_len;

			skip -= drop;
			if (drop < iov[i].iov_len)
				rest[count++] = (struct iovec){(uint8_t *)iov[i].iov_base + drop,
							       iov[i].iov_len - drop};
		}
		n = pwritev(s->write_fd, rest, count, (off_t)(s->end + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return segment_fail("append", s->count - 1, errno);
		done += (size_t)n;
	}
	return 0;
}

int segments_append(struct segments *s, struct view payload, struct segment_place *ret_place)
{
	uint64_t total = SEGMENT_FRAME_BYTES + payload.len;
	int err = 0;

	assert(s && !s->read_only && ret_place);
	if (s->broken)
		return err_set(CF_EIO, "segments: an earlier failure could not be undone");
	if (payload.len == 0)
		return CF_EINVAL;
	if (payload.len > SEGMENT_RECORD_BYTES_MAX)
		return CF_ETOOBIG;
	if (s->count == 0 || (s->end > 0 && s->end + total > s->file_bytes))
		err = segment_roll(s);
	if (err)
		return err;
	err = write_record(s, payload);
	if (err) {
		if (ftruncate(s->write_fd, (off_t)s->end) != 0)
			s->broken = true;
		return err == CF_EFULL ? CF_EFULL : CF_EIO;
	}
	*ret_place =
		(struct segment_place){s->count - 1, s->end + SEGMENT_FRAME_BYTES, (uint32_t)payload.len};
	s->end += total;
	__atomic_add_fetch(&s->bytes, total, __ATOMIC_RELAXED);
	return 0;
}

static int sync_file(struct segments *s, uint32_t file)
{
	bool keep;
	int fd, err = file_fd(s, file, &fd, &keep);

	if (err)
		return err;
	if (fdatasync(fd) != 0)
		err = segment_fail("sync", file, errno);
	if (!keep)
		close(fd);
	return err ? CF_EIO : 0;
}

int segments_sync(struct segments *s)
{
	int err = 0;

	assert(s && !s->read_only);
	while (!err && s->synced_file < s->count) {
		err = sync_file(s, s->synced_file);
		if (s->synced_file + 1 == s->count)
			break; /* the last one is synced each time */
		s->synced_file++;
	}
	if (!err && s->dir_dirty && fsync(s->dirfd) != 0) {
		segment_fail("sync directory of", s->count, errno);
		err = CF_EIO;
	}
	if (err) {
		s->broken = true;
		return err;
	}
	s->dir_dirty = false;
	return 0;
}

int segments_read(struct segments *s, struct segment_place place, struct buf *out)
{
	uint8_t want[SEGMENT_FRAME_BYTES], *data;
	size_t start = out->len;
	int err;

	assert(s && out);
	if (place.offset < SEGMENT_FRAME_BYTES || place.len == 0 || place.len > SEGMENT_RECORD_BYTES_MAX)
		return CF_ENOTFOUND;
	/* The frame is read along with the payload and moved away when both agree. */
	err = buf_extend(out, SEGMENT_FRAME_BYTES + place.len, &data);
	if (err)
		return err;
	pthread_rwlock_rdlock(&s->lock);
	err = segment_pread(s, place.file, place.offset - SEGMENT_FRAME_BYTES, data,
			    SEGMENT_FRAME_BYTES + place.len);
	pthread_rwlock_unlock(&s->lock);
	if (!err) {
		segment_frame(VIEW(data + SEGMENT_FRAME_BYTES, place.len), want);
		if (memcmp(want, data, sizeof(want)) != 0)
			err = err_set(CF_ECORRUPT, "segment %08u: record at %llu does not verify", place.file,
				      (unsigned long long)place.offset);
	}
	if (err) {
		out->len = start;
		return err;
	}
	memmove(data, data + SEGMENT_FRAME_BYTES, place.len);
	out->len = start + place.len;
	return 0;
}

int segments_read_part(struct segments *s, uint32_t file, uint64_t offset, uint32_t len, struct buf *out)
{
	size_t start = out->len;
	uint8_t *data;
	int err;

	assert(s && out);
	err = buf_extend(out, len, &data);
	if (err)
		return err;
	pthread_rwlock_rdlock(&s->lock);
	err = segment_pread(s, file, offset, data, len);
	pthread_rwlock_unlock(&s->lock);
	if (err)
		out->len = start;
	return err;
}

static int drop_last(struct segments *s)
{
	uint32_t file = s->count - 1;
	char name[SEGMENT_NAME_BYTES];
	struct stat st;

	segment_name(file, name);
	if (fstatat(s->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return segment_fail("stat", file, errno);
	if (unlinkat(s->dirfd, name, 0) != 0)
		return segment_fail("remove", file, errno);
	__atomic_sub_fetch(&s->bytes, (uint64_t)st.st_size, __ATOMIC_RELAXED);
	if (s->fd[file] >= 0) {
		close(s->fd[file]);
		__atomic_sub_fetch(&s->open_files, 1, __ATOMIC_RELAXED);
	}
	s->count--;
	s->write_fd = -1;
	s->dir_dirty = true;
	return 0;
}

static int cut_last(struct segments *s, uint64_t end)
{
	uint32_t file = s->count - 1;
	struct stat st;

	if (fstat(s->write_fd, &st) != 0)
		return segment_fail("stat", file, errno);
	if ((uint64_t)st.st_size < end)
		return err_set(CF_ECORRUPT, "segment %08u ends before %llu", file, (unsigned long long)end);
	if (ftruncate(s->write_fd, (off_t)end) != 0)
		return segment_fail("cut", file, errno);
	__atomic_sub_fetch(&s->bytes, (uint64_t)st.st_size - end, __ATOMIC_RELAXED);
	s->end = end;
	return 0;
}

int segment_write_to_last(struct segments *s)
{
	uint32_t file = s->count - 1;
	int err;

	assert(s->count > 0);
	if (s->fd[file] < 0) {
		err = file_open(s, file, &s->fd[file]);
		if (err)
			return err;
		__atomic_add_fetch(&s->open_files, 1, __ATOMIC_RELAXED);
	}
	s->write_fd = s->fd[file];
	return 0;
}

int segment_cut(struct segments *s, uint32_t keep_count, uint64_t end)
{
	int err = 0;

	while (!err && s->count > keep_count)
		err = drop_last(s);
	if (!err && keep_count > 0)
		err = segment_write_to_last(s);
	if (!err && keep_count > 0)
		err = cut_last(s, end);
	if (s->synced_file >= s->count)
		s->synced_file = s->count ? s->count - 1 : 0;
	return err ? err : segments_sync(s);
}

int segments_truncate_after(struct segments *s, struct segment_place last)
{
	int err;

	assert(s && !s->read_only && last.file < s->count);
	pthread_rwlock_wrlock(&s->lock);
	err = segment_cut(s, last.file + 1, last.offset + last.len);
	pthread_rwlock_unlock(&s->lock);
	return err;
}

int segments_reset(struct segments *s)
{
	int err;

	assert(s && !s->read_only);
	pthread_rwlock_wrlock(&s->lock);
	/* One file is kept and emptied: making a new one would cost a directory sync each time. */
	err = segment_cut(s, s->count ? 1 : 0, 0);
	pthread_rwlock_unlock(&s->lock);
	return err;
}

uint64_t segments_bytes(struct segments *s)
{
	return __atomic_load_n(&s->bytes, __ATOMIC_RELAXED);
}
