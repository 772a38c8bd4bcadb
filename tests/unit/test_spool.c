/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/spool.h"
#include "ledger/file.h"
#include "ledger/mem.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct crypto_key *kem(void)
{
	static struct crypto_key *key;

	if (key == NULL)
		t_zero(crypto_key_generate(&key));
	return key;
}

static int files_in(const char *dir, char ret_name[64])
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	t_ok(d != NULL);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] != '.') {
			n++;
			snprintf(ret_name, 64, "%.60s", e->d_name);
		}
	}
	closedir(d);
	return n;
}

/* A model in plain memory beside the file: random writes, truncations and reads agree. */
T_TEST(spool_agrees_with_a_model)
{
	enum { MAX = 700 * 1024 };
	uint8_t *model = mem_zalloc(MAX), *got = mem_alloc(MAX), *data = mem_alloc(MAX);
	struct spool *s;
	struct spool_file *f;
	uint64_t size = 0;
	unsigned seed = 7;

	t_zero(spool_open(tmpdir_new(), kem(), &s));
	t_zero(spool_file_new(s, &f));
	for (int round = 0; round < 400; round++) {
		uint64_t at = (uint64_t)rand_r(&seed) % (round < 200 ? 200 * 1024 : MAX - 70000);
		size_t n = (size_t)rand_r(&seed) % 66000;
		int what = rand_r(&seed) % 8;

		if (what == 0) {
			t_zero(spool_truncate(f, at));
			if (at < size)
				memset(model + at, 0, size - at);
			size = at;
		} else {
			for (size_t i = 0; i < n; i++)
				data[i] = (uint8_t)(seed >> (i % 13));
			t_zero(spool_write(f, at, VIEW(data, n)));
			memcpy(model + at, data, n);
			if (n && at + n > size)
				size = at + n;
		}
		t_eq(spool_file_size(f), size);
		at = size ? (uint64_t)rand_r(&seed) % size : 0;
		n = (size_t)(size - at) / 2;
		t_zero(spool_read(f, at, n, got));
		t_bytes(got, n, model + at, n);
	}
	t_zero(spool_read(f, 0, size, got));
	t_bytes(got, size, model, size);
	t_err(spool_read(f, size, 1, got), CF_EINVAL);
	spool_file_free(f);
	spool_close(s);
	mem_free(model);
	mem_free(got);
	mem_free(data);
}

T_TEST(spool_small_files_need_no_disk)
{
	const char *dir = tmpdir_new();
	struct spool *s;
	struct spool_file *f;
	char name[64];
	uint8_t b[3] = {9, 9, 9};

	t_zero(spool_open(dir, kem(), &s));
	t_zero(spool_file_new(s, &f));
	t_zero(spool_write(f, 100000, VIEW("abc", 3)));
	t_eq(files_in(dir, name), 0);
	t_zero(spool_truncate(f, 1 << 30));
	t_eq(files_in(dir, name), 1);
	t_zero(spool_read(f, 100000, 3, b));
	t_bytes(b, 3, "abc", 3);
	t_zero(spool_read(f, (1 << 30) - 3, 3, b));
	t_bytes(b, 3, "\0\0\0", 3);
	spool_file_free(f);
	t_eq(files_in(dir, name), 0);
	spool_close(s);
}

struct seen {
	int count;
	uint64_t size;
	char name[64], label[64];
};

static int see(void *ctx, const char *name, struct view label, uint64_t size)
{
	struct seen *s = ctx;

	s->count++;
	s->size = size;
	snprintf(s->name, sizeof s->name, "%s", name);
	snprintf(s->label, sizeof s->label, "%.*s", (int)label.len, (const char *)label.data);
	return 0;
}

T_TEST(spool_kept_files_come_back_to_the_same_identity_only)
{
	const char *dir = tmpdir_new(), marker[] = "MARKER-that-must-not-be-on-disk";
	struct spool *s, *died;
	struct spool_file *f, *left;
	struct crypto_key *other;
	struct seen seen = {0};
	struct buf raw;
	char name[64];
	uint8_t got[sizeof marker];

	t_zero(spool_open(dir, kem(), &s));
	t_zero(spool_file_new(s, &f));
	t_zero(spool_write(f, 5000, VIEW(marker, sizeof marker)));
	t_zero(spool_truncate(f, 9000));
	t_zero(spool_keep(f, view_str("conflict x.json")));
	spool_file_free(f);
	/* leftovers without a label go */
	died = s;
	t_zero(spool_file_new(died, &left));
	t_zero(spool_truncate(left, 1 << 20));
	t_eq(files_in(dir, name), 2);

	t_zero(spool_open(dir, kem(), &s));
	t_zero(spool_walk(s, see, &seen));
	t_eq(seen.count, 1);
	t_str(seen.label, "conflict x.json");
	t_eq(seen.size, 9000);
	t_eq(files_in(dir, name), 1);
	buf_init(&raw, 0);
	t_zero(file_read(tmpdir_path(dir, seen.name), 1 << 20, &raw));
	t_ok(memmem(raw.data, raw.len, "MARKER", 6) == NULL);
	t_zero(spool_file_open(s, seen.name, &f));
	t_zero(spool_read(f, 5000, sizeof marker, got));
	t_bytes(got, sizeof got, marker, sizeof marker);
	spool_file_free(f);
	spool_close(s);

	t_zero(crypto_key_generate(&other));
	t_zero(spool_open(dir, other, &s));
	t_err(spool_file_open(s, seen.name, &f), CF_ECORRUPT);
	spool_close(s);
	crypto_key_free(other);
	buf_release(&raw);
	t_eq(files_in(dir, name), 1);
	spool_file_free(left);
	spool_close(died);
}

/* A page of a file as it was, for what a machine leaves that fails while it writes. */
static void page_io(const char *path, off_t at, uint8_t page[4096], size_t bytes, bool writes)
{
	int fd = open(path, O_RDWR);

	t_eq(writes ? pwrite(fd, page, bytes, at) : pread(fd, page, bytes, at), (ssize_t)bytes);
	close(fd);
}

/* A label that was written in part is not there; the one before it is. */
T_TEST(spool_torn_head_leaves_the_one_before)
{
	const char *dir = tmpdir_new(), *path;
	uint8_t older[4096], newer[4096];
	struct spool *s;
	struct spool_file *f;
	struct seen seen = {0};
	char name[64];

	t_zero(spool_open(dir, kem(), &s));
	t_zero(spool_file_new(s, &f));
	t_zero(spool_write(f, 0, VIEW("abc", 3)));
	t_zero(spool_keep(f, view_str("one")));
	t_zero(spool_keep(f, view_str("two")));
	t_zero(spool_walk(s, see, &seen));
	t_str(seen.label, "two");
	t_eq(files_in(dir, name), 1);
	path = tmpdir_path(dir, name);
	page_io(path, 4096, older, sizeof older, false); /* head 1 */
	t_zero(spool_label(f, view_str("three")));       /* over it */
	page_io(path, 4096, newer, sizeof newer, false);
	for (size_t cut = 0; cut < 4096; cut += 512) {
		page_io(path, 4096, older, sizeof older, true);
		page_io(path, 4096, newer, cut, true);
		seen.count = 0;
		t_zero(spool_walk(s, see, &seen));
		t_eq(seen.count, 1);
		t_str(seen.label, "two");
		t_eq(seen.size, 3);
	}
	page_io(path, 4096, newer, sizeof newer, true);
	t_zero(spool_walk(s, see, &seen));
	t_str(seen.label, "three");
	/* whoever opens it goes on behind the newest, and a mount removes nothing that it cannot read */
	spool_file_free(f);
	t_zero(spool_file_open(s, name, &f));
	t_zero(spool_label(f, view_str("four")));
	spool_file_free(f);
	seen.count = 0;
	t_zero(spool_walk(s, see, &seen));
	t_str(seen.label, "four");
	for (off_t at = 0; at <= 4096; at += 4096) {
		page_io(path, at, newer, sizeof newer, false);
		newer[99] ^= 1;
		page_io(path, at, newer, sizeof newer, true);
	}
	t_err(spool_file_open(s, name, &f), CF_ECORRUPT);
	spool_close(s);
	t_zero(spool_open(dir, kem(), &s));
	t_eq(files_in(dir, name), 1);
	spool_close(s);
}

T_TEST(spool_locked_has_nothing_in_memory)
{
	const char *dir = tmpdir_new();
	struct spool_file *small, *large, *kept;
	uint8_t *data = mem_zalloc(400000), got[8];
	struct crypto_key *other;
	struct spool *s;

	t_zero(spool_open(dir, kem(), &s));
	t_zero(spool_file_new(s, &small));
	t_zero(spool_write(small, 3, view_str("small")));
	t_zero(spool_file_new(s, &large));
	memcpy(data + 399990, "large", 5);
	t_zero(spool_write(large, 0, VIEW(data, 400000)));
	t_zero(spool_file_new(s, &kept));
	t_zero(spool_write(kept, 0, view_str("kept")));
	t_zero(spool_keep(kept, view_str("label")));
	t_zero(spool_lock(s));
	t_err(spool_read(small, 3, 5, got), CF_ELOCKED);
	t_err(spool_read(large, 399990, 5, got), CF_ELOCKED);
	t_err(spool_write(small, 0, view_str("x")), CF_ELOCKED);
	t_err(spool_write(large, 0, view_str("x")), CF_ELOCKED);
	t_eq(spool_file_size(small), 8);
	spool_file_free(kept); /* goes on lying there */
	t_zero(spool_unlock(s, kem()));
	t_zero(spool_read(small, 3, 5, got));
	t_bytes(got, 5, "small", 5);
	t_zero(spool_read(large, 399990, 5, got));
	t_bytes(got, 5, "large", 5);
	t_zero(spool_write(small, 3, view_str("SMALL")));
	t_zero(spool_read(small, 3, 5, got));
	t_bytes(got, 5, "SMALL", 5);
	/* another key opens nothing */
	t_zero(spool_lock(s));
	t_zero(crypto_key_generate(&other));
	t_zero(spool_unlock(s, other));
	t_err(spool_read(small, 3, 5, got), CF_ECORRUPT);
	crypto_key_free(other);
	spool_file_free(small);
	spool_file_free(large);
	spool_close(s);
	mem_free(data);
}

T_TEST(spool_never_hands_out_a_changed_byte)
{
	const char *dir = tmpdir_new();
	struct spool *s;
	struct spool_file *f;
	char name[64];
	uint8_t *data = mem_zalloc(300 * 1024), got[4096];

	t_zero(spool_open(dir, kem(), &s));
	t_zero(spool_file_new(s, &f));
	t_zero(spool_write(f, 0, VIEW(data, 300 * 1024)));
	t_eq(files_in(dir, name), 1);
	for (int i = 0; i < 40; i++) {
		int fd = open(tmpdir_path(dir, name), O_RDWR);
		off_t at = 8192 + i * 103; /* of the first block's slot */
		uint8_t b;

		t_eq(pread(fd, &b, 1, at), 1);
		b ^= 1;
		t_eq(pwrite(fd, &b, 1, at), 1);
		t_err(spool_read(f, 0, 4096, got), CF_ECORRUPT);
		b ^= 1;
		t_eq(pwrite(fd, &b, 1, at), 1);
		close(fd);
	}
	t_zero(spool_read(f, 0, 4096, got));
	spool_file_free(f);
	spool_close(s);
	mem_free(data);
}

T_MAIN
