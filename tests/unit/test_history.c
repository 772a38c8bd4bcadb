/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/history.h"
#include "tests/lib/prng.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

#define KEYS 60
#define HEIGHTS 40

struct written {
	bool any, deleted;
	uint32_t index;
};

/* What was written to each key at each height. */
static struct written written[KEYS][HEIGHTS + 1];
static uint8_t key[KEYS][STATE_KEY_BYTES_MAX];
static size_t key_len[KEYS];

static struct view key_view(int k)
{
	return VIEW(key[k], key_len[k]);
}

/* Sorted keys, many a prefix of another, with bytes that the row keys must escape. */
static void make_keys(struct prng *p)
{
	static const uint8_t letters[] = {0x00, 0x01, 0xfe, 0xff};
	int count = 0;

	while (count < KEYS) {
		uint8_t k[STATE_KEY_BYTES_MAX];
		size_t len = count == 7 ? STATE_KEY_BYTES_MAX : 1 + prng_below(p, 4);
		int at = 0;

		for (size_t i = 0; i < len; i++)
			k[i] = letters[prng_below(p, 4)];
		while (at < count && view_compare(key_view(at), VIEW(k, len)) < 0)
			at++;
		if (at < count && view_equal(key_view(at), VIEW(k, len)))
			continue;
		memmove(key[at + 1], key[at], (size_t)(count - at) * sizeof(key[0]));
		memmove(&key_len[at + 1], &key_len[at], (size_t)(count - at) * sizeof(key_len[0]));
		memcpy(key[at], k, len);
		key_len[at] = len;
		if (++count == KEYS - 1)
			break;
	}
	memset(key[KEYS - 1], 0xff, 8); /* the last of all */
	key_len[KEYS - 1] = 8;
}

static struct db_txn *fill(struct db **ret_db)
{
	struct prng p = {21};
	struct db_txn *txn;

	t_zero(db_open(tmpdir_path(tmpdir_new(), "db"), DB_NOSYNC, ret_db));
	t_zero(db_begin_write(*ret_db, &txn));
	memset(written, 0, sizeof(written));
	make_keys(&p);
	for (uint64_t height = 1; height <= HEIGHTS; height++) {
		for (int n = 0; n < 25; n++) {
			int k = (int)prng_below(&p, KEYS);
			struct written *w = &written[k][height];
			struct history_row row = {.version = {height, (uint32_t)n},
						  .file = 3,
						  .offset = height * 1000,
						  .len = 7};

			/* The last write of a height counts. */
			w->any = true;
			w->index = (uint32_t)n;
			w->deleted = row.deleted = prng_below(&p, 3) == 0;
			t_zero(history_put(txn, key_view(k), &row));
		}
	}
	t_zero(db_commit(txn));
	t_zero(db_begin_read(*ret_db, &txn));
	return txn;
}

/* The height of the write in force; 0: none. */
static uint64_t in_force(int k, uint64_t height)
{
	uint64_t h = height > HEIGHTS ? HEIGHTS : height;

	while (h > 0 && !written[k][h].any)
		h--;
	return h;
}

T_TEST(history_at_every_height)
{
	struct history_row row;
	struct db *db;
	struct db_txn *txn = fill(&db);

	for (int k = 0; k < KEYS; k++) {
		for (uint64_t height = 0; height <= HEIGHTS + 2; height++) {
			uint64_t h = in_force(k, height);

			if (!h) {
				t_err(history_at(txn, key_view(k), height, &row), CF_ENOTFOUND);
				continue;
			}
			t_zero(history_at(txn, key_view(k), height, &row));
			t_eq(row.version.height, h);
			t_eq(row.version.index, written[k][h].index);
			t_eq(row.deleted, written[k][h].deleted);
			t_eq(row.offset, h * 1000);
		}
	}
	t_err(history_at(txn, view_str("never written"), 9, &row), CF_ENOTFOUND);
	t_err(history_at(txn, VIEW_NONE, 9, &row), CF_ENOTFOUND);
	db_abort(txn);
	db_close(db);
}

struct seen {
	int k; /* the key expected next, or before it */
	uint64_t height;
	struct view prefix;
	struct version last;
	int rows;
	bool deleted_too;
};

static int on_row(void *ctx, const struct history_row *row)
{
	struct seen *s = ctx;

	t_ok(s->rows == 0 || row->version.height > s->last.height ||
	     (row->version.height == s->last.height && row->version.index > s->last.index));
	s->last = row->version;
	s->rows++;
	return 0;
}

T_TEST(history_walk_of_one_key)
{
	struct db *db;
	struct db_txn *txn = fill(&db);
	int rows = 0;

	for (int k = 0; k < KEYS; k++) {
		struct seen s = {.k = k};

		t_zero(history_walk(txn, key_view(k), on_row, &s));
		rows += s.rows;
		if (in_force(k, HEIGHTS))
			t_eq(s.last.height, in_force(k, HEIGHTS));
	}
	t_eq(rows, 25 * HEIGHTS);
	db_abort(txn);
	db_close(db);
}

static bool expected(const struct seen *s, int k)
{
	struct view v = key_view(k);
	uint64_t h = in_force(k, s->height);

	return h && (s->deleted_too || !written[k][h].deleted) && v.len >= s->prefix.len &&
	       view_equal(VIEW(v.data, s->prefix.len), s->prefix);
}

static int on_key(void *ctx, struct view found, const struct history_row *row)
{
	struct seen *s = ctx;

	while (s->k < KEYS && !expected(s, s->k))
		s->k++;
	t_ok(s->k < KEYS);
	t_bytes(found.data, found.len, key[s->k], key_len[s->k]);
	t_eq(row->version.height, in_force(s->k, s->height));
	s->k++;
	if (++s->rows == 1000)
		return CF_EINTR;
	return 0;
}

T_TEST(history_walk_of_a_prefix_at_every_height)
{
	struct prng p = {22};
	struct db *db;
	struct db_txn *txn = fill(&db);

	for (int round = 0; round < 400; round++) {
		struct seen s = {.height = prng_below(&p, HEIGHTS + 2)};
		int k = (int)prng_below(&p, KEYS), from = (int)prng_below(&p, KEYS);
		bool all = prng_below(&p, 4) == 0;

		s.prefix = VIEW(key[k], prng_below(&p, (uint32_t)(key_len[k] < 4 ? key_len[k] : 3) + 1));
		s.k = all ? 0 : from;
		s.deleted_too = prng_below(&p, 2);
		t_zero((s.deleted_too ? history_walk_deleted : history_walk_prefix)(
			txn, s.prefix, all ? VIEW_NONE : key_view(from), s.height, on_key, &s));
		while (s.k < KEYS && !expected(&s, s.k))
			s.k++;
		t_eq(s.k, KEYS); /* nothing was left out */
	}
	db_abort(txn);
	db_close(db);
}

static int stop(void *ctx, struct view found, const struct history_row *row)
{
	(void)found;
	(void)row;
	++*(int *)ctx;
	return CF_ENOTFOUND;
}

T_TEST(history_walk_ends_when_told)
{
	struct db *db;
	struct db_txn *txn = fill(&db);
	int calls = 0;

	/* Also with the answer that the walk itself uses for its end. */
	t_err(history_walk_prefix(txn, VIEW_NONE, VIEW_NONE, HEIGHTS, stop, &calls), CF_ENOTFOUND);
	t_eq(calls, 1);
	db_abort(txn);
	db_close(db);
}

T_TEST(history_reads_values)
{
	const char *dir = tmpdir_new();
	struct history_row row = {.version = {1, 0}},
			   inline_row = {.version = {0, 0}, .file = HISTORY_INLINE}, found;
	struct segment_place place;
	struct segments *blocks;
	struct db_txn *txn;
	struct buf out;
	struct db *db;

	t_zero(db_open(tmpdir_path(dir, "db"), DB_NOSYNC, &db));
	t_zero(segments_open(tmpdir_path(dir, "blocks"), false, &blocks));
	t_zero(segments_append(blocks, view_str("...the value..."), &place));
	row.offset = place.offset + 3;
	row.len = 9;
	row.value_hash = sha256(view_str("the value"));
	inline_row.len = 5;
	inline_row.inline_value = view_str("first");
	inline_row.value_hash = sha256(view_str("first"));
	t_zero(db_begin_write(db, &txn));
	t_zero(history_put(txn, view_str("k"), &row));
	t_zero(history_put(txn, view_str("k"), &inline_row));
	t_zero(db_commit(txn));

	t_zero(db_begin_read(db, &txn));
	buf_init(&out, 0);
	t_zero(history_at(txn, view_str("k"), 0, &found));
	t_zero(history_read(blocks, &found, &out));
	t_bytes(out.data, out.len, "first", 5);
	t_zero(history_at(txn, view_str("k"), 1, &found));
	t_zero(history_read(blocks, &found, &out));
	t_bytes(out.data, out.len, "firstthe value", 14);
	found.offset++;
	t_err(history_read(blocks, &found, &out), CF_ECORRUPT);
	found.offset = 5000;
	t_err(history_read(blocks, &found, &out), CF_ECORRUPT);
	t_eq(out.len, 14);
	found.deleted = true;
	t_zero(history_read(blocks, &found, &out));
	t_eq(out.len, 14);
	buf_release(&out);
	db_abort(txn);
	segments_close(blocks);
	db_close(db);
}

T_MAIN
