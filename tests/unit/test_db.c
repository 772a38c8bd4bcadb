/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/crypto.h"
#include "ledger/db.h"
#include "ledger/file.h"
#include "ledger/log.h"
#include "ledger/mem.h"
#include "tests/lib/prng.h"
#include "tests/lib/smallfs.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static const char *db_path;

static struct db *open_new(unsigned flags)
{
	struct db *db = NULL;

	db_path = tmpdir_path(tmpdir_new(), "db");
	t_zero(db_open(db_path, flags, &db));
	return db;
}

static void put(struct db_txn *txn, const char *key, const char *value)
{
	t_zero(db_put(txn, DB_STATE, view_str(key), view_str(value)));
}

static void expect(struct db_txn *txn, const char *key, const char *value)
{
	struct view v;

	if (!value) {
		t_err(db_get(txn, DB_STATE, view_str(key), &v), CF_ENOTFOUND);
		return;
	}
	t_zero(db_get(txn, DB_STATE, view_str(key), &v));
	t_bytes(v.data, v.len, value, strlen(value));
}

T_TEST(db_keeps_rows)
{
	struct db *db = open_new(0);
	struct db_txn *w, *r, *old;
	struct view v;
	uint64_t n;

	t_zero(db_begin_read(db, &old));
	t_zero(db_begin_write(db, &w));
	put(w, "a", "1");
	put(w, "b", "");
	put(w, "a", "22");
	expect(w, "a", "22");
	expect(old, "a", NULL);
	t_zero(db_commit(w));
	expect(old, "a", NULL);
	t_zero(db_begin_read(db, &r));
	expect(r, "a", "22");
	expect(r, "b", "");
	t_err(db_get(r, DB_TREE, view_str("a"), &v), CF_ENOTFOUND);
	t_err(db_get(r, DB_STATE, VIEW_NONE, &v), CF_ENOTFOUND);
	t_zero(db_count(r, DB_STATE, &n));
	t_eq(n, 2);
	db_abort(r);
	db_abort(old);

	t_zero(db_begin_write(db, &w));
	t_zero(db_del(w, DB_STATE, view_str("a")));
	t_err(db_del(w, DB_STATE, view_str("a")), CF_ENOTFOUND);
	db_abort(w);
	db_close(db);

	t_zero(db_open(db_path, DB_RDONLY, &db));
	t_zero(db_begin_read(db, &r));
	expect(r, "a", "22");
	db_abort(r);
	db_close(db);
	t_err(db_open(tmpdir_new(), DB_RDONLY, &db), CF_ENOTFOUND);
}

T_TEST(db_first_creation_starts_over)
{
	const char *dir = tmpdir_new(), *path = tmpdir_path(dir, "db"), *temp = tmpdir_path(dir, "db.new");
	struct db *db;

	/* What a crash in the middle leaves: half an environment beside the place, a lock file in it. */
	t_zero(file_dir_make(temp));
	t_zero(file_replace(tmpdir_path(temp, "data.mdb"), view_str("half")));
	t_zero(file_dir_make(path));
	t_zero(file_replace(tmpdir_path(path, "lock.mdb"), view_str("x")));
	t_zero(db_open(path, 0, &db));
	db_close(db);
	t_ok(!file_exists(temp));

	t_zero(file_replace(tmpdir_path(path, "data.mdb"), view_str("this is not a database at all")));
	t_ok(db_open(path, 0, &db) != 0);
}

T_TEST(db_refuses_another_format)
{
	struct db *db = open_new(DB_NOSYNC);
	struct db_txn *w;

	t_zero(db_begin_write(db, &w));
	t_zero(db_put(w, DB_META, view_str("format"), view_str("\1\2\3\4")));
	t_zero(db_commit(w));
	db_close(db);
	t_err(db_open(db_path, 0, &db), CF_EVERSION);
}

/* A write transaction hands out copies: they stay as they are while pages move under them. */
T_TEST(db_values_outlive_later_writes)
{
	struct db *db = open_new(DB_NOSYNC);
	struct view key, value, first;
	struct db_cursor *c;
	struct db_txn *w;
	char name[16];

	t_zero(db_begin_write(db, &w));
	put(w, "key", "the first value");
	t_zero(db_get(w, DB_STATE, view_str("key"), &first));
	t_zero(db_cursor_new(w, DB_STATE, VIEW_NONE, &c));
	t_zero(db_cursor_seek(c, VIEW_NONE, &key, &value));
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "a%d", i);
		put(w, name, "a value that fills pages, a value that fills pages");
	}
	put(w, "key", "another value, longer than the one before it");
	t_bytes(first.data, first.len, "the first value", 15);
	t_bytes(value.data, value.len, "the first value", 15);
	t_bytes(key.data, key.len, "key", 3);
	db_cursor_free(c);
	db_abort(w);
	db_close(db);
}

#define MODEL_KEYS 400
struct model {
	uint8_t key[MODEL_KEYS][8];
	size_t len[MODEL_KEYS];
	size_t count;
};

static struct view model_key(const struct model *m, size_t i)
{
	return VIEW(m->key[i], m->len[i]);
}

/* Sorted, distinct keys over bytes that provoke borders: 0x00, 0x01, 0xff. */
static void model_fill(struct model *m, struct prng *p)
{
	static const uint8_t letters[] = {0x00, 0x01, 0x7f, 0xff};

	m->count = 0;
	while (m->count < MODEL_KEYS) {
		uint8_t key[8];
		size_t len = 1 + prng_below(p, 7), at = 0;

		for (size_t i = 0; i < len; i++)
			key[i] = letters[prng_below(p, 4)];
		while (at < m->count && view_compare(model_key(m, at), VIEW(key, len)) < 0)
			at++;
		if (at < m->count && view_equal(model_key(m, at), VIEW(key, len)))
			continue;
		memmove(m->key[at + 1], m->key[at], (m->count - at) * sizeof(m->key[0]));
		memmove(&m->len[at + 1], &m->len[at], (m->count - at) * sizeof(m->len[0]));
		memcpy(m->key[at], key, 8);
		m->len[at] = len;
		m->count++;
		if (m->count == MODEL_KEYS - 1)
			break;
	}
}

static bool begins(struct view v, struct view prefix)
{
	return v.len >= prefix.len && view_equal(VIEW(v.data, prefix.len), prefix);
}

static void check_cursor(struct db_txn *txn, const struct model *m, struct view prefix, struct view from)
{
	struct view key, value;
	struct db_cursor *c;
	size_t i = 0, n = m->count;
	int err;

	t_zero(db_cursor_new(txn, DB_STATE, prefix, &c));
	while (i < n && (view_compare(model_key(m, i), from) < 0 || !begins(model_key(m, i), prefix)))
		i++;
	err = db_cursor_seek(c, from, &key, &value);
	for (; i < n && begins(model_key(m, i), prefix); i++) {
		t_zero(err);
		t_bytes(key.data, key.len, m->key[i], m->len[i]);
		t_bytes(value.data, value.len, m->key[i], m->len[i]);
		err = db_cursor_next(c, &key, &value);
	}
	t_err(err, CF_ENOTFOUND);
	t_err(db_cursor_next(c, &key, &value), CF_ENOTFOUND);

	i = n;
	while (i > 0 && ((from.len && view_compare(model_key(m, i - 1), from) > 0) ||
			 !begins(model_key(m, i - 1), prefix)))
		i--;
	err = db_cursor_seek_back(c, from, &key, &value);
	for (; i > 0 && begins(model_key(m, i - 1), prefix); i--) {
		t_zero(err);
		t_bytes(key.data, key.len, m->key[i - 1], m->len[i - 1]);
		err = db_cursor_prev(c, &key, &value);
	}
	t_err(err, CF_ENOTFOUND);
	t_err(db_cursor_prev(c, &key, &value), CF_ENOTFOUND);
	db_cursor_free(c);
}

T_TEST(db_cursors_match_a_model)
{
	static struct model m;
	struct prng p = {1};
	struct db *db = open_new(DB_NOSYNC);
	struct db_txn *w, *r;

	model_fill(&m, &p);
	t_zero(db_begin_write(db, &w));
	for (size_t i = 0; i < m.count; i++)
		t_zero(db_put(w, DB_STATE, model_key(&m, i), model_key(&m, i)));
	for (int i = 0; i < 60; i++)
		check_cursor(w, &m, VIEW(m.key[prng_below(&p, 300)], prng_below(&p, 3)),
			     model_key(&m, prng_below(&p, 300)));
	t_zero(db_commit(w));
	t_zero(db_begin_read(db, &r));
	for (int i = 0; i < 300; i++)
		check_cursor(r, &m, VIEW(m.key[prng_below(&p, 300)], prng_below(&p, 4)),
			     model_key(&m, prng_below(&p, 300)));
	check_cursor(r, &m, VIEW_NONE, VIEW_NONE);
	check_cursor(r, &m, VIEW("\xff", 1), VIEW_NONE);
	check_cursor(r, &m, VIEW("\xff\xff", 2), VIEW("\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9));
	db_abort(r);
	db_close(db);
}

T_TEST(db_cursor_survives_deletion_under_it)
{
	static struct model m;
	struct prng p = {2};
	struct db *db = open_new(DB_NOSYNC);
	struct view key, value;
	struct db_cursor *c;
	struct db_txn *w;
	uint64_t left;
	int err;

	model_fill(&m, &p);
	t_zero(db_begin_write(db, &w));
	for (size_t i = 0; i < m.count; i++)
		t_zero(db_put(w, DB_STATE, model_key(&m, i), model_key(&m, i)));
	t_zero(db_cursor_new(w, DB_STATE, VIEW_NONE, &c));
	err = db_cursor_seek(c, VIEW_NONE, &key, &value);
	for (size_t i = 0; i < m.count; i++) {
		t_zero(err);
		t_bytes(key.data, key.len, m.key[i], m.len[i]);
		t_zero(db_del(w, DB_STATE, key));
		err = db_cursor_next(c, &key, &value);
	}
	t_err(err, CF_ENOTFOUND);
	db_cursor_free(c);
	t_zero(db_count(w, DB_STATE, &left));
	t_eq(left, 0);
	t_zero(db_commit(w));
	db_close(db);
}

/* The place of some bytes in the data file; -1 past the last. */
static off_t find_bytes(const char *file, struct view want, off_t from)
{
	struct buf all;
	off_t found = -1;

	buf_init(&all, 0);
	t_zero(file_read(file, (size_t)64 << 20, &all));
	for (size_t i = (size_t)from; found < 0 && i + want.len <= all.len; i++) {
		if (memcmp(all.data + i, want.data, want.len) == 0)
			found = (off_t)i;
	}
	buf_release(&all);
	return found;
}

static void flip(const char *file, off_t at)
{
	int fd = open(file, O_RDWR);
	uint8_t b;

	t_ok(fd >= 0 && pread(fd, &b, 1, at) == 1);
	b ^= 0x10;
	t_ok(pwrite(fd, &b, 1, at) == 1);
	close(fd);
}

static void no_log(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

T_TEST(db_flipped_byte_is_never_served)
{
	struct db *db = open_new(DB_NOSYNC);
	const char *data = tmpdir_path(db_path, "data.mdb");
	uint8_t value[200];
	struct prng p = {3};
	struct view key, v;
	struct db_cursor *c;
	struct db_txn *txn;
	off_t at;

	log_set_sink(no_log, NULL);
	prng_bytes(&p, value, sizeof(value));
	t_zero(db_begin_write(db, &txn));
	t_zero(db_put(txn, DB_STATE, view_str("some key"), VIEW(value, sizeof(value))));
	t_zero(db_commit(txn));
	at = find_bytes(data, VIEW(value, sizeof(value)), 0);
	t_ok(at > 16);
	/* The 16 bytes of the check stand before the value. */
	for (off_t i = at - 16; i < at + (off_t)sizeof(value); i++) {
		flip(data, i);
		t_zero(db_begin_read(db, &txn));
		t_err(db_get(txn, DB_STATE, view_str("some key"), &v), CF_ECORRUPT);
		t_zero(db_cursor_new(txn, DB_STATE, VIEW_NONE, &c));
		t_err(db_cursor_seek(c, VIEW_NONE, &key, &v), CF_ECORRUPT);
		db_cursor_free(c);
		db_abort(txn);
		flip(data, i);
	}
	t_zero(db_begin_read(db, &txn));
	t_zero(db_get(txn, DB_STATE, view_str("some key"), &v));
	t_bytes(v.data, v.len, value, sizeof(value));
	log_set_sink(NULL, NULL);
	db_abort(txn);
	db_close(db);
}

T_TEST(db_readers_are_pooled_and_bounded)
{
	struct db *db = open_new(DB_NOSYNC);
	static struct db_txn *txn[1100];
	int n = 0;

	while (n < 1100 && db_begin_read(db, &txn[n]) == 0)
		n++;
	t_eq(n, 1022);
	t_err(db_begin_read(db, &txn[n]), CF_EAGAIN);
	while (n > 0)
		db_abort(txn[--n]);
	for (int i = 0; i < 3000; i++) {
		t_zero(db_begin_read(db, &txn[0]));
		db_abort(txn[0]);
	}
	db_close(db);
}

static void *read_loop(void *arg)
{
	struct db *db = arg;
	long bad = 0;

	for (int i = 0; i < 2000; i++) {
		struct db_txn *r;
		struct view a, b;

		if (db_begin_read(db, &r) != 0) {
			bad++;
			continue;
		}
		if (db_get(r, DB_STATE, view_str("a"), &a) || db_get(r, DB_STATE, view_str("b"), &b) ||
		    !view_equal(a, b))
			bad++;
		db_abort(r);
	}
	return (void *)bad;
}

T_TEST(db_readers_see_whole_transactions)
{
	struct db *db = open_new(DB_NOSYNC);
	pthread_t thread[3];
	struct db_txn *w;
	char text[16];
	void *bad;

	for (int i = 0; i < 500; i++) {
		snprintf(text, sizeof(text), "%d", i);
		t_zero(db_begin_write(db, &w));
		put(w, "a", text);
		put(w, "b", text);
		t_zero(db_commit(w));
		for (int t = 0; i == 0 && t < 3; t++)
			t_eq(pthread_create(&thread[t], NULL, read_loop, db), 0);
	}
	for (int t = 0; t < 3; t++) {
		pthread_join(thread[t], &bad);
		t_eq((long)bad, 0);
	}
	db_close(db);
}

static int put_big(struct db *db, int number, const char *kept)
{
	static uint8_t big[300000];
	struct db_txn *w;
	int err;

	t_zero(db_begin_write(db, &w));
	put(w, "kept", kept);
	err = db_put(w, DB_BLOB, VIEW(&number, sizeof(number)), VIEW(big, sizeof(big)));
	t_zero(err);
	return db_commit(w);
}

T_TEST(db_full_disk_changes_nothing)
{
	const char *dir = tmpdir_new();
	char kept[16] = "";
	struct db_txn *txn;
	struct db *db;
	int n = 0, err = 0;

	if (!smallfs_mount(dir, 2 << 20)) {
		t_note("skipped: no right to mount a tmpfs");
		return;
	}
	t_zero(db_open(tmpdir_path(dir, "db"), 0, &db));
	while (!err && n < 20) {
		char text[16];

		snprintf(text, sizeof(text), "%d", n);
		err = put_big(db, n++, text);
		if (!err)
			memcpy(kept, text, sizeof(kept));
	}
	t_err(err, CF_EFULL);
	t_ok(n > 2);
	for (int i = 0; i < 3; i++)
		t_err(put_big(db, n, "another"), CF_EFULL);
	t_zero(db_begin_read(db, &txn));
	expect(txn, "kept", kept);
	db_abort(txn);
	t_zero(db_begin_write(db, &txn));
	put(txn, "small", "still fits");
	t_zero(db_commit(txn));
	db_close(db);
	smallfs_unmount(dir);
}

T_TEST(db_out_of_memory)
{
	struct db *db = open_new(DB_NOSYNC);
	struct db_txn *w;
	struct view v;
	int err = CF_ENOMEM;

	for (int n = 0; err == CF_ENOMEM; n++) {
		mem_fail_after(n);
		err = db_begin_write(db, &w);
		if (!err) {
			err = db_put(w, DB_STATE, view_str("k"), view_str("v"));
			if (!err)
				err = db_get(w, DB_STATE, view_str("k"), &v);
			db_abort(w);
		}
		mem_fail_after(-1);
	}
	t_zero(err);
	db_close(db);
}

T_MAIN
