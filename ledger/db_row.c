/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db_row.c - rows behind their check, and cursors that survive writes.
 */
#include "ledger/crypto.h"
#include "ledger/db_private.h"
#include "ledger/log.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

#define CHECK_BYTES 16
#define ARENA_CHUNK_BYTES ((size_t)64 << 10)

struct db_cursor {
	struct db_txn *txn;
	enum db_table table;
	MDB_cursor *mdb;
	bool placed;
	size_t prefix_len, last_len;
	uint8_t prefix[DB_KEY_BYTES_MAX];
	uint8_t last[DB_KEY_BYTES_MAX]; /* where a write transaction's cursor stands */
};

static void check_make(enum db_table t, struct view key, struct view value, uint8_t ret_check[CHECK_BYTES])
{
	uint8_t head[3] = {(uint8_t)t, (uint8_t)(key.len >> 8), (uint8_t)key.len};
	struct view parts[3] = {VIEW(head, sizeof(head)), key, value};
	struct hash h = sha256_parts(parts, 3);

	memcpy(ret_check, h.b, CHECK_BYTES);
}

/* A copy that lives as long as the write transaction. */
static int arena_copy(struct db_txn *txn, struct view v, struct view *ret_copy)
{
	struct arena *a = txn->arena;

	if (!a || a->cap - a->used < v.len) {
		size_t cap = v.len > ARENA_CHUNK_BYTES ? v.len : ARENA_CHUNK_BYTES;

		a = mem_alloc(sizeof(*a) + cap);
		if (!a)
			return CF_ENOMEM;
		*a = (struct arena){.next = txn->arena, .cap = cap};
		txn->arena = a;
	}
	if (v.len)
		memcpy(a->bytes + a->used, v.data, v.len);
	*ret_copy = VIEW(a->bytes + a->used, v.len);
	a->used += v.len;
	return 0;
}

static int corrupt(enum db_table t, struct view key)
{
	char hex[2 * 48 + 1];

	hex_encode(key.data, key.len > 48 ? 48 : key.len, hex);
	log_error("db", "value of table %s key %s fails its check -> refused", db_table_name(t), hex);
	return err_set(CF_ECORRUPT, "database: table %s key %s does not verify", db_table_name(t), hex);
}

/* Checks what LMDB found and gives the value without its check. */
static int row_take(struct db_txn *txn, enum db_table t, struct view key, const MDB_val *found,
		    struct view *ret_value)
{
	struct view all = VIEW(found->mv_data, found->mv_size);
	uint8_t check[CHECK_BYTES];
	struct view value;
	int err = 0;

	if (all.len < CHECK_BYTES)
		return corrupt(t, key);
	value = VIEW(all.data + CHECK_BYTES, all.len - CHECK_BYTES);
	check_make(t, key, value, check);
	if (memcmp(check, all.data, CHECK_BYTES) != 0)
		return corrupt(t, key);
	if (txn->write)
		err = arena_copy(txn, value, &value);
	if (!err)
		*ret_value = value;
	return err;
}

static bool key_fits(struct view key)
{
	return key.len > 0 && key.len <= DB_KEY_BYTES_MAX;
}

static MDB_val mdb_key(struct view key)
{
	return (MDB_val){.mv_size = key.len, .mv_data = (void *)key.data};
}

int db_get(struct db_txn *txn, enum db_table t, struct view key, struct view *ret_value)
{
	MDB_val k = mdb_key(key), v;
	int rc;

	assert(txn && t < DB_TABLES && ret_value);
	if (!key_fits(key))
		return CF_ENOTFOUND;
	rc = mdb_get(txn->mdb, txn->db->dbi[t], &k, &v);
	if (rc)
		return db_from_mdb(rc, "get");
	return row_take(txn, t, key, &v, ret_value);
}

int db_put(struct db_txn *txn, enum db_table t, struct view key, struct view value)
{
	MDB_val k = mdb_key(key), v = {.mv_size = CHECK_BYTES + value.len};
	int rc;

	assert(txn && txn->write && t < DB_TABLES && key_fits(key));
	if (txn->err)
		return txn->err;
	rc = mdb_put(txn->mdb, txn->db->dbi[t], &k, &v, MDB_RESERVE);
	if (rc) {
		txn->err = db_from_mdb(rc, "put");
		return txn->err;
	}
	check_make(t, key, value, v.mv_data);
	if (value.len)
		memcpy((uint8_t *)v.mv_data + CHECK_BYTES, value.data, value.len);
	return 0;
}

int db_del(struct db_txn *txn, enum db_table t, struct view key)
{
	MDB_val k = mdb_key(key);
	int err;

	assert(txn && txn->write && t < DB_TABLES && key_fits(key));
	if (txn->err)
		return txn->err;
	err = db_from_mdb(mdb_del(txn->mdb, txn->db->dbi[t], &k, NULL), "delete");
	if (err && err != CF_ENOTFOUND)
		txn->err = err;
	return err;
}

int db_count(struct db_txn *txn, enum db_table t, uint64_t *ret_count)
{
	MDB_stat st;
	int rc;

	assert(txn && t < DB_TABLES && ret_count);
	rc = mdb_stat(txn->mdb, txn->db->dbi[t], &st);
	if (rc)
		return db_from_mdb(rc, "count");
	*ret_count = st.ms_entries;
	return 0;
}

/* ---- cursors ---- */

int db_cursor_new(struct db_txn *txn, enum db_table t, struct view prefix, struct db_cursor **ret_cursor)
{
	struct db_cursor *c;
	int rc;

	assert(txn && t < DB_TABLES && ret_cursor && prefix.len <= DB_KEY_BYTES_MAX);
	c = mem_alloc(sizeof(*c));
	if (!c)
		return CF_ENOMEM;
	c->txn = txn;
	c->table = t;
	c->placed = false;
	c->prefix_len = prefix.len;
	if (prefix.len)
		memcpy(c->prefix, prefix.data, prefix.len);
	rc = mdb_cursor_open(txn->mdb, txn->db->dbi[t], &c->mdb);
	if (rc) {
		mem_free(c);
		return db_from_mdb(rc, "cursor");
	}
	*ret_cursor = c;
	return 0;
}

void db_cursor_free(struct db_cursor *c)
{
	if (!c)
		return;
	mdb_cursor_close(c->mdb);
	mem_free(c);
}

static int order(const MDB_val *k, struct view v)
{
	return view_compare(VIEW(k->mv_data, k->mv_size), v);
}

/* Answers with where LMDB's cursor stands, unless that is nowhere or outside the prefix. */
static int arrive(struct db_cursor *c, int rc, MDB_val *k, const MDB_val *v, struct view *ret_key,
		  struct view *ret_value)
{
	struct view key, value;
	int err;

	c->placed = false;
	if (rc)
		return db_from_mdb(rc, "cursor");
	key = VIEW(k->mv_data, k->mv_size);
	if (key.len < c->prefix_len || key.len > DB_KEY_BYTES_MAX ||
	    (c->prefix_len && memcmp(key.data, c->prefix, c->prefix_len) != 0))
		return CF_ENOTFOUND;
	err = row_take(c->txn, c->table, key, v, &value);
	if (!err && c->txn->write) {
		memcpy(c->last, key.data, key.len);
		c->last_len = key.len;
		err = arena_copy(c->txn, key, &key);
	}
	if (err)
		return err;
	c->placed = true;
	*ret_key = key;
	*ret_value = value;
	return 0;
}

int db_cursor_seek(struct db_cursor *c, struct view from, struct view *ret_key, struct view *ret_value)
{
	struct view prefix = VIEW(c->prefix, c->prefix_len);
	MDB_val k, v;
	int rc;

	assert(ret_key && ret_value);
	k = mdb_key(view_compare(from, prefix) < 0 ? prefix : from);
	rc = mdb_cursor_get(c->mdb, &k, &v, k.mv_size ? MDB_SET_RANGE : MDB_FIRST);
	return arrive(c, rc, &k, &v, ret_key, ret_value);
}

/* The last key < bound (<= with inclusive); an empty bound is beyond all keys. */
static int step_before(struct db_cursor *c, struct view bound, bool inclusive, MDB_val *k, MDB_val *v)
{
	int rc = MDB_NOTFOUND;

	*k = mdb_key(bound);
	if (bound.len)
		rc = mdb_cursor_get(c->mdb, k, v, MDB_SET_RANGE);
	if (rc == MDB_NOTFOUND)
		return mdb_cursor_get(c->mdb, k, v, MDB_LAST);
	if (rc || (inclusive && order(k, bound) == 0))
		return rc;
	return mdb_cursor_get(c->mdb, k, v, MDB_PREV);
}

int db_cursor_seek_back(struct db_cursor *c, struct view from, struct view *ret_key, struct view *ret_value)
{
	struct view prefix = VIEW(c->prefix, c->prefix_len);
	bool inside = from.len >= prefix.len && view_equal(VIEW(from.data, prefix.len), prefix);
	uint8_t end[DB_KEY_BYTES_MAX];
	size_t len = prefix.len;
	MDB_val k, v;
	int rc;

	assert(ret_key && ret_value);
	if (from.len && inside) {
		rc = step_before(c, from, true, &k, &v);
		return arrive(c, rc, &k, &v, ret_key, ret_value);
	}
	c->placed = false;
	if (from.len && view_compare(from, prefix) < 0)
		return CF_ENOTFOUND;
	/* From the first key behind the prefix: the prefix with its last byte that can be, raised by one. */
	if (len)
		memcpy(end, prefix.data, len);
	while (len && end[len - 1] == 0xff)
		len--;
	if (len)
		end[len - 1]++;
	rc = step_before(c, VIEW(end, len), false, &k, &v);
	return arrive(c, rc, &k, &v, ret_key, ret_value);
}

/*
 * LMDB moves the cursors of a write transaction along with deletions, but not in a way that a following
 * step can rely on; such a cursor looks its place up again.
 */
int db_cursor_next(struct db_cursor *c, struct view *ret_key, struct view *ret_value)
{
	struct view last = VIEW(c->last, c->last_len);
	MDB_val k, v;
	int rc;

	assert(ret_key && ret_value);
	if (!c->placed)
		return CF_ENOTFOUND;
	if (!c->txn->write) {
		rc = mdb_cursor_get(c->mdb, &k, &v, MDB_NEXT);
		return arrive(c, rc, &k, &v, ret_key, ret_value);
	}
	k = mdb_key(last);
	rc = mdb_cursor_get(c->mdb, &k, &v, MDB_SET_RANGE);
	if (!rc && order(&k, last) == 0)
		rc = mdb_cursor_get(c->mdb, &k, &v, MDB_NEXT);
	return arrive(c, rc, &k, &v, ret_key, ret_value);
}

int db_cursor_prev(struct db_cursor *c, struct view *ret_key, struct view *ret_value)
{
	MDB_val k, v;
	int rc;

	assert(ret_key && ret_value);
	if (!c->placed)
		return CF_ENOTFOUND;
	if (c->txn->write)
		rc = step_before(c, VIEW(c->last, c->last_len), false, &k, &v);
	else
		rc = mdb_cursor_get(c->mdb, &k, &v, MDB_PREV);
	return arrive(c, rc, &k, &v, ret_key, ret_value);
}
