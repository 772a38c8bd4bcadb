/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/mem.h"
#include "ledger/state.h"
#include "tests/lib/prng.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

#include <stdlib.h>

/* ---- the same state, kept in a sorted array ---- */

#define MODEL_MAX 1200

struct entry {
	uint8_t key[STATE_KEY_BYTES_MAX];
	size_t len;
	uint8_t value[24];
	size_t value_len;
	struct version version;
};

struct model {
	struct entry e[MODEL_MAX];
	size_t count;
};

static struct view key_of(const struct entry *e)
{
	return VIEW(e->key, e->len);
}

static size_t model_find(const struct model *m, struct view key)
{
	size_t at = 0;

	while (at < m->count && view_compare(key_of(&m->e[at]), key) < 0)
		at++;
	return at;
}

static void model_write(struct model *m, const struct rw_write *w, struct version version)
{
	size_t at = model_find(m, w->key);
	bool there = at < m->count && view_equal(key_of(&m->e[at]), w->key);
	struct entry *e = &m->e[at];

	if (w->deleted) {
		if (there)
			memmove(e, e + 1, (--m->count - at) * sizeof(*e));
		return;
	}
	if (!there) {
		t_ok(m->count < MODEL_MAX);
		memmove(e + 1, e, (m->count++ - at) * sizeof(*e));
	}
	memcpy(e->key, w->key.data, w->key.len);
	e->len = w->key.len;
	memcpy(e->value, w->value.data, w->value.len);
	e->value_len = w->value.len;
	e->version = version;
}

/* ---- the root by its definition, from nothing but the sorted keys ---- */

static unsigned nib(const struct entry *e, size_t n)
{
	return n % 2 ? e->key[n / 2] & 15 : e->key[n / 2] >> 4;
}

static struct hash def_leaf(const struct entry *e)
{
	struct hash value_hash = sha256(VIEW(e->value, e->value_len));
	struct buf b;
	struct enc enc;
	struct hash h;

	buf_init(&b, 0);
	enc_init(&enc, &b);
	enc_u8(&enc, 0);
	enc_u16(&enc, (uint16_t)e->len);
	enc_fixed(&enc, e->key, e->len);
	enc_u64(&enc, e->version.height);
	enc_u32(&enc, e->version.index);
	enc_fixed(&enc, value_hash.b, HASH_BYTES);
	t_zero(enc_done(&enc));
	h = sha256(buf_view(&b));
	buf_release(&b);
	return h;
}

static struct hash def_branch(const struct entry *e, size_t count, size_t depth, size_t *branches);

/* The subtree of entries that share a nibble at depth: its hash, and where it stands. */
static struct hash def_child(const struct entry *e, size_t count, size_t depth, size_t *ret_depth,
			     size_t *branches)
{
	size_t common = depth;

	if (count == 1) {
		*ret_depth = 2 * e->len;
		return def_leaf(e);
	}
	while (common < 2 * e[0].len && common < 2 * e[count - 1].len &&
	       nib(&e[0], common) == nib(&e[count - 1], common))
		common++;
	*ret_depth = common;
	return def_branch(e, count, common, branches);
}

static struct hash def_branch(const struct entry *e, size_t count, size_t depth, size_t *branches)
{
	struct hash own = {{0}}, h;
	size_t at = 0, children = 0, mark;
	struct buf b;
	struct enc enc;

	++*branches;
	buf_init(&b, 0);
	enc_init(&enc, &b);
	enc_u8(&enc, 1);
	mark = b.len;
	enc_u8(&enc, 0);
	if (2 * e[0].len == depth)
		own = def_leaf(&e[at++]);
	while (at < count) {
		size_t to = at + 1, end;

		while (to < count && nib(&e[to], depth) == nib(&e[at], depth))
			to++;
		h = def_child(e + at, to - at, depth, &end, branches);
		enc_u8(&enc, (uint8_t)nib(&e[at], depth));
		enc_u8(&enc, (uint8_t)(end - depth - 1));
		for (size_t i = depth + 1; i < end; i += 2)
			enc_u8(&enc, (uint8_t)(nib(&e[at], i) << 4 | (i + 1 < end ? nib(&e[at], i + 1) : 0)));
		enc_fixed(&enc, h.b, HASH_BYTES);
		children++;
		at = to;
	}
	enc_fixed(&enc, own.b, HASH_BYTES);
	t_zero(enc_done(&enc));
	b.data[mark] = (uint8_t)children;
	h = sha256(buf_view(&b));
	buf_release(&b);
	return h;
}

static struct hash def_root(const struct model *m, size_t *ret_branches)
{
	struct hash zero = {{0}};

	*ret_branches = 0;
	return m->count ? def_branch(m->e, m->count, 0, ret_branches) : zero;
}

/* ---- random batches ---- */

static struct db *db_new(void)
{
	struct db *db = NULL;

	t_zero(db_open(tmpdir_path(tmpdir_new(), "db"), DB_NOSYNC, &db));
	return db;
}

/* Few letters and short keys: prefixes of each other, long shared ways; now and then the longest key. */
static size_t random_key(struct prng *p, uint8_t *key)
{
	static const uint8_t letters[] = {0x00, 0x01, 0x10, 0x11, 0xff};
	size_t len = prng_below(p, 40) == 0 ? STATE_KEY_BYTES_MAX : 1 + prng_below(p, 5);

	for (size_t i = 0; i < len; i++)
		key[i] = i < 90 ? letters[prng_below(p, 5)] : 0x22;
	return len;
}

static void random_batch(struct prng *p, struct state_stage *s, struct model *m, uint64_t height)
{
	uint32_t writes = 1 + prng_below(p, 40);

	for (uint32_t i = 0; i < writes; i++) {
		uint8_t key[STATE_KEY_BYTES_MAX], value[24];
		struct rw_write w = {.key = {key, random_key(p, key)}, .deleted = prng_below(p, 5) < 2};
		struct version version = {height, i};

		/* Half of the deletions hit something. */
		if (w.deleted && m->count && prng_below(p, 2)) {
			const struct entry *e = &m->e[prng_below(p, (uint32_t)m->count)];

			memcpy(key, e->key, e->len);
			w.key.len = e->len;
		}
		if (!w.deleted) {
			w.value = VIEW(value, prng_below(p, sizeof(value)));
			prng_bytes(p, value, sizeof(value));
		}
		t_zero(state_stage_write(s, &w, version));
		model_write(m, &w, version);
	}
}

static void check_root(struct db_txn *txn, const struct model *m, const struct hash *root)
{
	struct hash want, stored;
	uint64_t rows;
	size_t branches;

	want = def_root(m, &branches);
	t_bytes(root->b, HASH_BYTES, want.b, HASH_BYTES);
	t_zero(state_root(txn, &stored));
	t_bytes(stored.b, HASH_BYTES, want.b, HASH_BYTES);
	t_zero(db_count(txn, DB_TREE, &rows));
	t_eq(rows, branches + 1); /* the record of the root, and no branch that nothing leads to */
}

T_TEST(state_root_is_by_definition_after_every_batch)
{
	static struct model m;

	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct prng p = {seed};
		struct db *db = db_new();
		struct state_stage *s;
		struct db_txn *txn;
		struct hash root;

		m.count = 0;
		for (uint64_t height = 1; height <= 60; height++) {
			t_zero(db_begin_write(db, &txn));
			t_zero(state_stage_new(txn, &s));
			random_batch(&p, s, &m, height);
			t_zero(state_stage_root(s, &root));
			check_root(txn, &m, &root);
			if (prng_below(&p, 3) == 0) { /* more writes after a root was asked for */
				random_batch(&p, s, &m, height);
				t_zero(state_stage_root(s, &root));
				check_root(txn, &m, &root);
			}
			state_stage_free(s);
			t_zero(db_commit(txn));
		}
		db_close(db);
	}
}

static struct hash root_of_order(const struct model *m, const size_t *order, struct prng *p, bool noise)
{
	struct db *db = db_new();
	struct state_stage *s;
	struct db_txn *txn;
	struct hash root;

	t_zero(db_begin_write(db, &txn));
	t_zero(state_stage_new(txn, &s));
	for (size_t i = 0; i < m->count; i++) {
		const struct entry *e = &m->e[order[i]];
		struct rw_write w = {.key = key_of(e), .value = VIEW(e->value, e->value_len)},
				gone = {.deleted = true};
		uint8_t other[STATE_KEY_BYTES_MAX];

		t_zero(state_stage_write(s, &w, e->version));
		if (prng_below(p, 4) == 0)
			t_zero(state_stage_root(s, &root));
		if (!noise)
			continue;
		/* A key that is not of the state comes and goes. */
		gone.key = VIEW(other, random_key(p, other));
		if (model_find(m, gone.key) < m->count &&
		    view_equal(key_of(&m->e[model_find(m, gone.key)]), gone.key))
			continue;
		w.key = gone.key;
		t_zero(state_stage_write(s, &w, (struct version){9, 9}));
		if (prng_below(p, 2))
			t_zero(state_stage_root(s, &root));
		t_zero(state_stage_write(s, &gone, (struct version){9, 9}));
	}
	t_zero(state_stage_root(s, &root));
	check_root(txn, m, &root);
	state_stage_free(s);
	db_abort(txn);
	db_close(db);
	return root;
}

T_TEST(state_root_does_not_know_the_order)
{
	static struct model m;
	static size_t order[MODEL_MAX];
	struct prng p = {77};
	struct hash first, root;

	m.count = 0;
	while (m.count < 300) {
		uint8_t key[STATE_KEY_BYTES_MAX];
		struct rw_write w = {.key = {key, random_key(&p, key)}, .value = VIEW("v", 1)};

		model_write(&m, &w, (struct version){1 + prng_below(&p, 5), prng_below(&p, 5)});
	}
	for (size_t i = 0; i < m.count; i++)
		order[i] = i;
	first = root_of_order(&m, order, &p, false);
	for (int round = 0; round < 6; round++) {
		for (size_t i = m.count - 1; i > 0; i--) {
			size_t j = prng_below(&p, (uint32_t)i + 1), t = order[i];

			order[i] = order[j];
			order[j] = t;
		}
		root = root_of_order(&m, order, &p, round % 2);
		t_bytes(root.b, HASH_BYTES, first.b, HASH_BYTES);
	}
}

/* ---- rows ---- */

T_TEST(state_rows_and_cursor)
{
	struct db *db = db_new();
	struct rw_write w = {.key = view_str("ab"), .value = view_str("one")};
	struct state_item item;
	struct state_cursor *c;
	struct state_stage *s;
	struct version version;
	struct db_txn *txn;
	struct view value;
	struct hash root;

	t_zero(db_begin_write(db, &txn));
	t_zero(state_root(txn, &root));
	t_ok(hash_is_zero(&root));
	t_zero(state_stage_new(txn, &s));
	t_zero(state_stage_root(s, &root));
	t_ok(hash_is_zero(&root));
	t_zero(state_stage_write(s, &w, (struct version){7, 3}));
	w.key = view_str("ac");
	t_zero(state_stage_write(s, &w, (struct version){7, 4}));
	w.key = view_str("b");
	t_zero(state_stage_write(s, &w, (struct version){8, 0}));
	t_zero(state_get(txn, view_str("ab"), &value, &version));
	t_bytes(value.data, value.len, "one", 3);
	t_eq(version.height, 7);
	t_eq(version.index, 3);
	t_err(state_get(txn, view_str("a"), &value, &version), CF_ENOTFOUND);

	t_zero(state_cursor_new(txn, view_str("a"), &c));
	t_zero(state_cursor_seek(c, VIEW_NONE, &item));
	t_bytes(item.key.data, item.key.len, "ab", 2);
	t_zero(state_cursor_next(c, &item));
	t_bytes(item.key.data, item.key.len, "ac", 2);
	t_eq(item.version.index, 4);
	t_err(state_cursor_next(c, &item), CF_ENOTFOUND);
	state_cursor_free(c);

	w.key = VIEW_NONE;
	t_err(state_stage_write(s, &w, version), CF_EINVAL);
	w.key = VIEW("", STATE_KEY_BYTES_MAX + 1);
	t_err(state_stage_write(s, &w, version), CF_EINVAL);
	state_stage_free(s);
	db_abort(txn);
	db_close(db);
}

/* ---- proofs ---- */

static void check_proof(struct db_txn *txn, const struct model *m, const struct hash *root, struct view key)
{
	size_t at = model_find(m, key);
	const struct entry *e = at < m->count && view_equal(key_of(&m->e[at]), key) ? &m->e[at] : NULL;
	struct hash value_hash, want, other = *root;
	struct version version;
	struct buf proof;
	bool present;

	buf_init(&proof, 0);
	t_zero(state_prove(txn, key, &proof));
	t_zero(state_proof_verify(buf_view(&proof), root, key, &present, &version, &value_hash));
	t_eq(present, e != NULL);
	if (e) {
		want = sha256(VIEW(e->value, e->value_len));
		t_bytes(value_hash.b, HASH_BYTES, want.b, HASH_BYTES);
		t_eq(version.height, e->version.height);
		t_eq(version.index, e->version.index);
	}
	other.b[5] ^= 1;
	t_err(state_proof_verify(buf_view(&proof), &other, key, &present, &version, &value_hash), CF_ESIG);
	buf_release(&proof);
}

/* No flipped bit, no cut and no extra byte is taken for a proof. */
static void tamper(struct db_txn *txn, const struct hash *root, struct view key)
{
	struct hash value_hash;
	struct version version;
	struct buf proof;
	bool present;
	int err;

	buf_init(&proof, 0);
	t_zero(state_prove(txn, key, &proof));
	for (size_t i = 0; i < proof.len; i++) {
		for (int bit = 0; bit < 8; bit += 3) {
			proof.data[i] ^= (uint8_t)(1 << bit);
			err = state_proof_verify(buf_view(&proof), root, key, &present, &version,
						 &value_hash);
			t_ok(err == CF_ESIG || err == CF_EDECODE);
			proof.data[i] ^= (uint8_t)(1 << bit);
		}
		err = state_proof_verify(VIEW(proof.data, i), root, key, &present, &version, &value_hash);
		t_ok(err == CF_ESIG || err == CF_EDECODE);
	}
	t_zero(buf_append(&proof, "", 1));
	t_err(state_proof_verify(buf_view(&proof), root, key, &present, &version, &value_hash), CF_EDECODE);
	buf_release(&proof);
}

/* A proof made for one key says about another key only what is true. */
static void cross(struct db_txn *txn, const struct model *m, const struct hash *root, struct prng *p)
{
	struct view a = key_of(&m->e[prng_below(p, (uint32_t)m->count)]);
	uint8_t other[STATE_KEY_BYTES_MAX];
	struct view b = VIEW(other, random_key(p, other));
	size_t at = model_find(m, b);
	bool there = at < m->count && view_equal(key_of(&m->e[at]), b), present;
	struct hash value_hash;
	struct version version;
	struct buf proof;

	buf_init(&proof, 0);
	t_zero(state_prove(txn, a, &proof));
	if (state_proof_verify(buf_view(&proof), root, b, &present, &version, &value_hash) == 0)
		t_eq(present, there);
	buf_release(&proof);
}

T_TEST(state_proofs_of_presence_and_absence)
{
	static struct model m;
	struct prng p = {5};
	struct db *db = db_new();
	struct state_stage *s;
	struct db_txn *txn;
	struct hash root;

	t_zero(db_begin_write(db, &txn));
	t_zero(state_stage_new(txn, &s));
	m.count = 0;
	memset(&root, 0, sizeof(root));
	for (int i = 0; i < 3; i++) { /* of the empty state, too */
		uint8_t key[STATE_KEY_BYTES_MAX];
		struct buf none;

		buf_init(&none, 0);
		t_zero(state_prove(txn, VIEW(key, random_key(&p, key)), &none));
		t_eq(none.len, 2);
		buf_release(&none);
		if (m.count)
			t_fail("the state is empty");
	}
	for (uint64_t height = 1; height <= 20; height++)
		random_batch(&p, s, &m, height);
	t_zero(state_stage_root(s, &root));
	for (size_t i = 0; i < m.count; i++)
		check_proof(txn, &m, &root, key_of(&m.e[i]));
	for (int i = 0; i < 600; i++) {
		uint8_t key[STATE_KEY_BYTES_MAX];

		check_proof(txn, &m, &root, VIEW(key, random_key(&p, key)));
		cross(txn, &m, &root, &p);
	}
	for (size_t i = 0; i < m.count;
	     i += m.count / 4) { /* prefixes and extensions of keys that are there */
		struct entry e = m.e[i];

		for (size_t len = 1; len <= e.len; len++)
			check_proof(txn, &m, &root, VIEW(e.key, len));
		for (int x = 0; x < 256 && e.len < STATE_KEY_BYTES_MAX; x += 15) {
			e.key[e.len] = (uint8_t)x;
			check_proof(txn, &m, &root, VIEW(e.key, e.len + 1));
		}
		tamper(txn, &root, key_of(&m.e[i]));
	}
	tamper(txn, &root, view_str("no such key"));
	state_stage_free(s);
	db_abort(txn);
	db_close(db);
}

/* A leaf of a shorter key stands where the way to a longer one ends. */
T_TEST(state_proof_behind_a_shorter_leaf)
{
	struct db *db = db_new();
	struct rw_write w = {.key = view_str("ab"), .value = view_str("one")};
	struct hash root, value_hash;
	struct state_stage *s;
	struct version version;
	struct db_txn *txn;
	struct buf proof;
	bool present;

	t_zero(db_begin_write(db, &txn));
	t_zero(state_stage_new(txn, &s));
	t_zero(state_stage_write(s, &w, (struct version){7, 3}));
	t_zero(state_stage_root(s, &root));
	buf_init(&proof, 0);
	t_zero(state_prove(txn, view_str("abc"), &proof));
	t_zero(state_proof_verify(buf_view(&proof), &root, view_str("abc"), &present, &version, &value_hash));
	t_ok(!present);
	t_err(state_proof_verify(buf_view(&proof), &root, view_str("ab"), &present, &version, &value_hash),
	      CF_ESIG);
	tamper(txn, &root, view_str("abc"));
	tamper(txn, &root, view_str("ab"));
	tamper(txn, &root, view_str("a"));
	buf_release(&proof);
	state_stage_free(s);
	db_abort(txn);
	db_close(db);
}

T_TEST(state_out_of_memory)
{
	static struct model m;
	struct db *db = db_new();
	int err = CF_ENOMEM;

	for (int n = 0; err == CF_ENOMEM; n++) {
		struct prng p = {9};
		struct state_stage *s = NULL;
		struct db_txn *txn;
		struct hash root;

		m.count = 0;
		t_zero(db_begin_write(db, &txn));
		mem_fail_after(n);
		err = state_stage_new(txn, &s);
		for (int i = 0; !err && i < 40; i++) {
			uint8_t key[STATE_KEY_BYTES_MAX];
			struct rw_write w = {.key = {key, random_key(&p, key)}, .value = VIEW("v", 1)};

			err = state_stage_write(s, &w, (struct version){1, 1});
			if (!err)
				model_write(&m, &w, (struct version){1, 1});
		}
		if (!err)
			err = state_stage_root(s, &root);
		mem_fail_after(-1);
		if (!err)
			check_root(txn, &m, &root);
		state_stage_free(s);
		db_abort(txn);
	}
	t_zero(err);
	db_close(db);
}

T_MAIN
