/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment_scan.c - opening a store, telling a torn tail from a damaged record, walking all records.
 */
#include "ledger/crypto.h"
#include "ledger/file.h"
#include "ledger/log.h"
#include "ledger/mem.h"
#include "ledger/segment_private.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int file_size(struct segments *s, uint32_t file, uint64_t *ret_bytes)
{
	char name[SEGMENT_NAME_BYTES];
	struct stat st;

	segment_name(file, name);
	if (fstatat(s->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno == ENOENT)
			return err_set(CF_ECORRUPT, "segment %08u is missing", file);
		return segment_fail("stat", file, errno);
	}
	*ret_bytes = (uint64_t)st.st_size;
	return 0;
}

/* Names of another form are not ours and are left alone. */
static bool name_parse(const char *name, uint32_t *ret_file)
{
	uint32_t file = 0;

	if (strlen(name) != 12 || strcmp(name + 8, ".seg") != 0)
		return false;
	for (int i = 0; i < 8; i++) {
		if (name[i] < '0' || name[i] > '9')
			return false;
		file = file * 10 + (uint32_t)(name[i] - '0');
	}
	*ret_file = file;
	return true;
}

static int files_list(struct segments *s)
{
	int fd = dup(s->dirfd), err = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	uint32_t file, count = 0;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return CF_ENOMEM;
	}
	while ((entry = readdir(dir))) {
		if (name_parse(entry->d_name, &file) && file >= count)
			count = file + 1;
	}
	closedir(dir);
	while (!err && s->count < count) {
		uint64_t bytes;

		err = file_size(s, s->count, &bytes);
		if (!err)
			err = segment_file_add(s, -1);
		if (!err)
			s->bytes += bytes;
	}
	return err;
}

/*
 * The payload of the record at `at`, in `out` (reset). CF_ECORRUPT when there is none that is whole
 * before `end`.
 */
static int record_at(struct segments *s, uint32_t file, uint64_t at, uint64_t end, struct buf *out)
{
	uint8_t frame[SEGMENT_FRAME_BYTES], want[SEGMENT_FRAME_BYTES], *data;
	uint32_t len;
	int err;

	if (end - at < SEGMENT_FRAME_BYTES)
		return CF_ECORRUPT;
	err = segment_pread(s, file, at, frame, sizeof(frame));
	if (err)
		return err;
	len = segment_frame_len(frame);
	if (len == 0 || len > SEGMENT_RECORD_BYTES_MAX || len > end - at - SEGMENT_FRAME_BYTES)
		return CF_ECORRUPT;
	buf_reset(out);
	err = buf_extend(out, len, &data);
	if (!err)
		err = segment_pread(s, file, at + SEGMENT_FRAME_BYTES, data, len);
	if (err)
		return err;
	segment_frame(VIEW(data, len), want);
	return memcmp(want, frame, sizeof(want)) == 0 ? 0 : CF_ECORRUPT;
}

/* Whether whole records, one behind the other, fill data from `at` to its very end. */
static bool records_fill(struct view data, size_t at)
{
	size_t p = at;

	/* Lengths first: nearly every wrong start fails here, before anything is hashed. */
	while (data.len - p >= SEGMENT_FRAME_BYTES) {
		uint32_t len = segment_frame_len(data.data + p);

		if (len == 0 || len > SEGMENT_RECORD_BYTES_MAX || len > data.len - p - SEGMENT_FRAME_BYTES)
			return false;
		p += SEGMENT_FRAME_BYTES + len;
	}
	if (p != data.len)
		return false;
	for (p = at; p < data.len; p += SEGMENT_FRAME_BYTES + segment_frame_len(data.data + p)) {
		uint8_t want[SEGMENT_FRAME_BYTES];

		segment_frame(VIEW(data.data + p + SEGMENT_FRAME_BYTES, segment_frame_len(data.data + p)),
			      want);
		if (memcmp(want, data.data + p, sizeof(want)) != 0)
			return false;
	}
	return true;
}

/*
 * A crash in the middle of an append leaves a record that ends with the file. Whole records behind the
 * damage mean that something else happened: then nothing may be cut.
 */
static int damage_is_tail(struct segments *s, uint32_t file, uint64_t at, uint64_t end)
{
	struct buf rest;
	uint8_t *data;
	int err;

	buf_init(&rest, 0);
	err = buf_extend(&rest, (size_t)(end - at), &data);
	if (!err)
		err = segment_pread(s, file, at, data, (size_t)(end - at));
	for (size_t i = 1; !err && i + SEGMENT_FRAME_BYTES < rest.len; i++) {
		if (records_fill(buf_view(&rest), i))
			err = err_set(CF_ECORRUPT,
				      "segment %08u: record at %llu is damaged, whole ones follow it", file,
				      (unsigned long long)at);
	}
	buf_release(&rest);
	return err;
}

/* Finds where the whole records of the last file end. */
static int scan_last(struct segments *s)
{
	uint32_t file = s->count - 1;
	uint64_t at = 0, end;
	struct buf payload;
	int err;

	buf_init(&payload, SEGMENT_RECORD_BYTES_MAX);
	err = file_size(s, file, &end);
	while (!err && at < end) {
		err = record_at(s, file, at, end, &payload);
		if (!err)
			at += SEGMENT_FRAME_BYTES + payload.len;
	}
	buf_release(&payload);
	if (err == CF_ECORRUPT)
		err = damage_is_tail(s, file, at, end);
	if (err)
		return err;
	s->end = at;
	if (at == end || s->read_only)
		return s->read_only ? 0 : segment_write_to_last(s);
	log_warn("segment", "%08u.seg has a torn tail of %llu bytes -> cut", file,
		 (unsigned long long)(end - at));
	return segment_cut(s, s->count, at);
}

static int open_dir(const char *dir, bool read_only, struct segments **ret_s)
{
	struct segments *s;
	int err = read_only ? 0 : file_dir_make(dir);

	if (err)
		return err;
	s = mem_zalloc(sizeof(*s));
	if (!s)
		return CF_ENOMEM;
	s->read_only = read_only;
	s->file_bytes = SEGMENT_FILE_BYTES;
	s->write_fd = -1;
	pthread_rwlock_init(&s->lock, NULL);
	s->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dirfd < 0)
		err = err_set(err_from_errno(errno), "open %s: %s", dir, strerror(errno));
	else
		err = files_list(s);
	if (err) {
		segments_close(s);
		return err;
	}
	s->synced_file = s->count ? s->count - 1 : 0;
	*ret_s = s;
	return 0;
}

int segments_open(const char *dir, bool read_only, struct segments **ret_s)
{
	struct segments *s;
	int err;

	assert(dir && ret_s);
	err = open_dir(dir, read_only, &s);
	if (err)
		return err;
	if (s->count > 0)
		err = scan_last(s);
	if (err) {
		segments_close(s);
		return err;
	}
	*ret_s = s;
	return 0;
}

/* The last record that counts must be there by its length; its bytes are checked when it is read. */
static int check_last(struct segments *s, struct segment_place last, uint64_t *ret_size)
{
	uint8_t frame[SEGMENT_FRAME_BYTES];
	int err;

	if (last.file >= s->count)
		return err_set(CF_ECORRUPT, "segment %08u is missing", last.file);
	err = file_size(s, last.file, ret_size);
	if (err)
		return err;
	if (*ret_size < last.offset + last.len || last.offset < SEGMENT_FRAME_BYTES)
		return err_set(CF_ECORRUPT, "segment %08u has lost its end", last.file);
	err = segment_pread(s, last.file, last.offset - SEGMENT_FRAME_BYTES, frame, sizeof(frame));
	if (!err && segment_frame_len(frame) != last.len)
		err = err_set(CF_ECORRUPT, "segment %08u: no record of %u bytes at %llu", last.file, last.len,
			      (unsigned long long)last.offset);
	return err;
}

int segments_open_after(const char *dir, bool read_only, struct segment_place last, struct segments **ret_s)
{
	uint64_t size, end = last.offset + last.len;
	struct segments *s;
	int err;

	assert(dir && ret_s);
	err = open_dir(dir, read_only, &s);
	if (err)
		return err;
	err = check_last(s, last, &size);
	if (!err && !read_only) {
		if (size > end || s->count > last.file + 1) {
			log_warn("segment", "records behind the last indexed one -> cut");
			err = segment_cut(s, last.file + 1, end);
		} else {
			err = segment_write_to_last(s);
		}
	}
	if (err) {
		segments_close(s);
		return err;
	}
	s->end = end;
	*ret_s = s;
	return 0;
}

void segments_close(struct segments *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->count; i++) {
		if (s->fd[i] >= 0)
			close(s->fd[i]);
	}
	if (s->dirfd >= 0)
		close(s->dirfd);
	pthread_rwlock_destroy(&s->lock);
	mem_free(s->fd);
	mem_free(s);
}

void segments_set_file_bytes(struct segments *s, uint64_t bytes)
{
	assert(s && bytes > 0);
	s->file_bytes = bytes;
}

int segments_walk(struct segments *s,
		  int (*on_record)(void *ctx, struct segment_place place, struct view payload), void *ctx)
{
	struct buf payload;
	int err = 0;

	assert(s && on_record);
	buf_init(&payload, SEGMENT_RECORD_BYTES_MAX);
	for (uint32_t file = 0; !err && file < s->count; file++) {
		uint64_t at = 0, end = s->end;

		if (file + 1 < s->count)
			err = file_size(s, file, &end);
		while (!err && at < end) {
			struct segment_place place = {file, at + SEGMENT_FRAME_BYTES, 0};

			err = record_at(s, file, at, end, &payload);
			if (err == CF_ECORRUPT)
				err_set(err, "segment %08u: record at %llu does not verify", file,
					(unsigned long long)place.offset);
			if (err)
				break;
			place.len = (uint32_t)payload.len;
			at += SEGMENT_FRAME_BYTES + payload.len;
			err = on_record(ctx, place, buf_view(&payload));
		}
	}
	buf_release(&payload);
	return err;
}
