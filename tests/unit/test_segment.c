/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/t.h"
#include "ledger/file.h"
#include "ledger/log.h"
#include "ledger/segment.h"
#include "tests/lib/prng.h"
#include "tests/lib/smallfs.h"
#include "tests/lib/tmpdir.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define RECORDS 12

static uint8_t payload[RECORDS][300];
static size_t payload_len[RECORDS];
static struct segment_place place[RECORDS];

static void no_log(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

/* A store with RECORDS records in files of at most file_bytes; open. */
static struct segments *fill(const char *dir, uint64_t file_bytes)
{
	struct segments *s = NULL;
	struct prng p = {11};

	log_set_sink(no_log, NULL);
	t_zero(segments_open(dir, false, &s));
	segments_set_file_bytes(s, file_bytes);
	for (int i = 0; i < RECORDS; i++) {
		payload_len[i] = 1 + prng_below(&p, sizeof(payload[i]));
		prng_bytes(&p, payload[i], payload_len[i]);
		t_zero(segments_append(s, VIEW(payload[i], payload_len[i]), &place[i]));
	}
	t_zero(segments_sync(s));
	return s;
}

static void check_record(struct segments *s, int i)
{
	struct buf out;

	buf_init(&out, 0);
	t_zero(buf_append(&out, "before", 6));
	t_zero(segments_read(s, place[i], &out));
	t_bytes(out.data + 6, out.len - 6, payload[i], payload_len[i]);
	buf_release(&out);
}

struct walk {
	int count;
	int stop_at;
};

static int on_record(void *ctx, struct segment_place at, struct view bytes)
{
	struct walk *w = ctx;

	if (w->count == w->stop_at)
		return CF_EINTR;
	t_eq(at.file, place[w->count].file);
	t_eq(at.offset, place[w->count].offset);
	t_bytes(bytes.data, bytes.len, payload[w->count], payload_len[w->count]);
	w->count++;
	return 0;
}

static void check_walk(struct segments *s, int records)
{
	struct walk w = {0, -1};

	t_zero(segments_walk(s, on_record, &w));
	t_eq(w.count, records);
}

static const char *file_of(const char *dir, uint32_t file)
{
	char name[32];

	snprintf(name, sizeof(name), "%08u.seg", file);
	return tmpdir_path(dir, name);
}

static uint64_t size_of(const char *dir, uint32_t file)
{
	struct buf b;
	uint64_t len;

	buf_init(&b, 0);
	t_zero(file_read(file_of(dir, file), 1 << 20, &b));
	len = b.len;
	buf_release(&b);
	return len;
}

static void flip(const char *path, uint64_t at)
{
	int fd = open(path, O_RDWR);
	uint8_t b;

	t_ok(fd >= 0 && pread(fd, &b, 1, (off_t)at) == 1);
	b ^= 0x04;
	t_ok(pwrite(fd, &b, 1, (off_t)at) == 1);
	close(fd);
}

T_TEST(segment_append_read_walk_reopen)
{
	const char *dir = tmpdir_new();
	struct walk stop = {0, 3};
	struct segment_place wrong;
	struct segments *s;
	struct buf out;
	uint64_t bytes;

	s = fill(dir, 700);
	t_ok(place[RECORDS - 1].file > 1);
	check_walk(s, RECORDS);
	t_err(segments_walk(s, on_record, &stop), CF_EINTR);
	bytes = segments_bytes(s);
	segments_close(s);

	t_zero(segments_open(dir, false, &s));
	t_eq(segments_bytes(s), bytes);
	for (int i = 0; i < RECORDS; i++)
		check_record(s, i);
	check_walk(s, RECORDS);
	buf_init(&out, 0);
	t_zero(segments_read_part(s, place[4].file, place[4].offset + 1, (uint32_t)payload_len[4] - 1, &out));
	t_bytes(out.data, out.len, payload[4] + 1, payload_len[4] - 1);

	wrong = place[2];
	wrong.offset++;
	t_ok(segments_read(s, wrong, &out) != 0);
	wrong = place[2];
	wrong.len--;
	t_ok(segments_read(s, wrong, &out) != 0);
	wrong.file = 99;
	t_err(segments_read(s, wrong, &out), CF_ENOTFOUND);
	wrong = place[RECORDS - 1];
	wrong.offset += 1000;
	t_err(segments_read(s, wrong, &out), CF_ENOTFOUND);
	t_eq(out.len, payload_len[4] - 1);
	t_err(segments_append(s, VIEW_NONE, &wrong), CF_EINVAL);
	buf_release(&out);
	segments_close(s);
	t_err(segments_open(tmpdir_path(dir, "none"), true, &s), CF_ENOTFOUND);
}

/* Every length to which a crash can cut the last record: the others stay, and appending goes on. */
T_TEST(segment_torn_tail_is_cut)
{
	size_t last_bytes;

	segments_close(fill(tmpdir_new(), 1 << 20));
	last_bytes = SEGMENT_FRAME_BYTES + payload_len[RECORDS - 1];
	for (size_t cut = 1; cut <= last_bytes; cut++) {
		const char *dir = tmpdir_new();
		struct segments *s = fill(dir, 1 << 20);
		uint64_t size = size_of(dir, 0);
		struct segment_place at;

		segments_close(s);
		t_eq(truncate(file_of(dir, 0), (off_t)(size - cut)), 0);
		t_zero(segments_open(dir, true, &s));
		check_walk(s, RECORDS - 1);
		segments_close(s);
		t_eq(size_of(dir, 0), size - cut); /* a reader cuts nothing */
		t_zero(segments_open(dir, false, &s));
		check_walk(s, RECORDS - 1);
		t_eq(size_of(dir, 0), size - last_bytes);
		t_zero(segments_append(s, VIEW(payload[RECORDS - 1], payload_len[RECORDS - 1]), &at));
		t_eq(at.offset, place[RECORDS - 1].offset);
		check_walk(s, RECORDS);
		segments_close(s);
	}
}

/* A tail of zeros, or of noise, is what a file system may leave of bytes that never arrived. */
T_TEST(segment_tail_of_zeros_or_noise_is_cut)
{
	struct prng p = {12};

	for (int round = 0; round < 40; round++) {
		const char *dir = tmpdir_new();
		struct segments *s = fill(dir, 1 << 20);
		uint64_t size = size_of(dir, 0);
		uint8_t tail[5000] = {0};
		size_t len = 1 + prng_below(&p, sizeof(tail));
		int fd;

		segments_close(s);
		if (round % 2)
			prng_bytes(&p, tail, len);
		fd = open(file_of(dir, 0), O_WRONLY | O_APPEND);
		t_ok(fd >= 0 && write(fd, tail, len) == (ssize_t)len);
		close(fd);
		t_zero(segments_open(dir, false, &s));
		check_walk(s, RECORDS);
		t_eq(size_of(dir, 0), size);
		segments_close(s);
	}
}

/* Damage before the last good record is not a torn tail, whichever byte it hits: nothing is cut, nothing
 * wrong is read. */
T_TEST(segment_flipped_byte_is_found_and_kept)
{
	const char *dir = tmpdir_new();
	struct segments *s = fill(dir, 1 << 20);
	uint64_t size = size_of(dir, 0);
	const int hit = RECORDS - 2;
	uint64_t from = place[hit].offset - SEGMENT_FRAME_BYTES;
	struct walk w = {0, -1};
	struct buf out;

	buf_init(&out, 0);
	for (uint64_t at = from; at < place[hit].offset + payload_len[hit]; at++) {
		flip(file_of(dir, 0), at);
		t_err(segments_read(s, place[hit], &out), CF_ECORRUPT);
		t_eq(out.len, 0);
		w.count = 0;
		t_err(segments_walk(s, on_record, &w), CF_ECORRUPT);
		segments_close(s);
		s = NULL;
		t_err(segments_open(dir, false, &s), CF_ECORRUPT);
		t_eq(size_of(dir, 0), size);
		t_zero(segments_open_after(dir, false, place[RECORDS - 1], &s));
		t_err(segments_read(s, place[hit], &out), CF_ECORRUPT);
		flip(file_of(dir, 0), at);
	}
	check_walk(s, RECORDS);
	buf_release(&out);
	segments_close(s);
}

T_TEST(segment_open_after_the_index)
{
	const char *dir = tmpdir_new();
	struct segments *s = fill(dir, 700);
	struct segment_place beyond;
	int fd;

	segments_close(s);
	/* Records behind the indexed one go, in later files, too. */
	t_zero(segments_open_after(dir, true, place[RECORDS - 2], &s));
	segments_close(s);
	t_ok(file_exists(file_of(dir, place[RECORDS - 1].file)));
	t_zero(segments_open_after(dir, false, place[3], &s));
	check_walk(s, 4);
	t_ok(!file_exists(file_of(dir, place[3].file + 1)));
	segments_close(s);
	/* Any tail goes. */
	fd = open(file_of(dir, place[3].file), O_WRONLY | O_APPEND);
	t_ok(fd >= 0 && write(fd, payload[5], 40) == 40);
	close(fd);
	t_zero(segments_open_after(dir, false, place[3], &s));
	check_walk(s, 4);
	segments_close(s);
	/* What the index names must be there. */
	beyond = place[3];
	beyond.len++;
	t_err(segments_open_after(dir, false, beyond, &s), CF_ECORRUPT);
	t_eq(truncate(file_of(dir, place[3].file), (off_t)(place[3].offset + 1)), 0);
	t_err(segments_open_after(dir, false, place[3], &s), CF_ECORRUPT);
	t_err(segments_open_after(dir, false, place[RECORDS - 1], &s), CF_ECORRUPT);
}

T_TEST(segment_missing_file)
{
	const char *dir = tmpdir_new();
	struct segments *s = fill(dir, 700);

	segments_close(s);
	t_eq(unlink(file_of(dir, 1)), 0);
	t_err(segments_open(dir, false, &s), CF_ECORRUPT);
}

T_TEST(segment_truncate_and_reset)
{
	const char *dir = tmpdir_new();
	struct segments *s = fill(dir, 700);
	struct segment_place at;

	t_zero(segments_truncate_after(s, place[6]));
	check_walk(s, 7);
	for (int i = 7; i < RECORDS; i++) {
		t_zero(segments_append(s, VIEW(payload[i], payload_len[i]), &at));
		t_eq(at.file, place[i].file);
		t_eq(at.offset, place[i].offset);
	}
	t_zero(segments_sync(s));
	check_walk(s, RECORDS);
	t_zero(segments_reset(s));
	t_eq(segments_bytes(s), 0);
	check_walk(s, 0);
	for (int i = 0; i < RECORDS; i++)
		t_zero(segments_append(s, VIEW(payload[i], payload_len[i]), &at));
	check_walk(s, RECORDS);
	segments_close(s);
	t_zero(segments_open(dir, false, &s));
	check_walk(s, RECORDS);
	segments_close(s);
}

T_TEST(segment_full_disk)
{
	const char *dir = tmpdir_new(), *store;
	static uint8_t big[100000];
	struct segment_place at, last = {0};
	struct segments *s;
	uint64_t bytes;
	int err = 0, n = 0;

	if (!smallfs_mount(dir, 1 << 20)) {
		t_note("skipped: no right to mount a tmpfs");
		return;
	}
	store = tmpdir_path(dir, "s");
	t_zero(segments_open(store, false, &s));
	while (!err) {
		err = segments_append(s, VIEW(big, sizeof(big)), &at);
		if (!err)
			last = at;
		n += !err;
	}
	t_err(err, CF_EFULL);
	t_ok(n > 5);
	bytes = segments_bytes(s);
	t_eq(bytes, (uint64_t)n * (sizeof(big) + SEGMENT_FRAME_BYTES));
	t_eq(size_of(store, 0), bytes);
	t_zero(segments_append(s, VIEW("small", 5), &at));
	t_eq(at.offset, last.offset + last.len + SEGMENT_FRAME_BYTES);
	t_zero(segments_sync(s));
	segments_close(s);
	t_zero(segments_open(store, false, &s));
	t_eq(segments_bytes(s), bytes + 5 + SEGMENT_FRAME_BYTES);
	segments_close(s);
	smallfs_unmount(dir);
}

static void *read_loop(void *arg)
{
	struct segments *s = arg;
	struct buf out;
	long bad = 0;

	buf_init(&out, 0);
	for (int n = 0; n < 3000; n++) {
		int i = n % RECORDS;

		buf_reset(&out);
		if (segments_read(s, place[i], &out) ||
		    !view_equal(buf_view(&out), VIEW(payload[i], payload_len[i])))
			bad++;
	}
	buf_release(&out);
	return (void *)bad;
}

T_TEST(segment_readers_beside_the_writer)
{
	struct segments *s = fill(tmpdir_new(), 2000);
	pthread_t thread[3];
	struct segment_place at;
	void *bad;

	for (int t = 0; t < 3; t++)
		t_eq(pthread_create(&thread[t], NULL, read_loop, s), 0);
	for (int i = 0; i < 3000; i++)
		t_zero(segments_append(s, VIEW(payload[i % RECORDS], payload_len[i % RECORDS]), &at));
	for (int t = 0; t < 3; t++) {
		pthread_join(thread[t], &bad);
		t_eq((long)bad, 0);
	}
	t_ok(at.file > 256); /* more files than are kept open */
	t_zero(segments_sync(s));
	segments_close(s);
}

T_MAIN
