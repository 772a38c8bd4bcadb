/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/blob.h"
#include "ledger/file.h"
#include "ledger/log.h"
#include "tests/lib/prng.h"
#include "tests/lib/smallfs.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const char *store_dir;

static void no_log(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

static struct blob_store *store_new(void)
{
	struct blob_store *s = NULL;

	log_set_sink(no_log, NULL);
	store_dir = tmpdir_path(tmpdir_new(), "blobs");
	t_zero(blob_dir_open(store_dir, &s));
	return s;
}

static const char *file_of(const struct hash *address)
{
	char hex[2 * HASH_BYTES + 1], name[80];

	hex_encode(address->b, HASH_BYTES, hex);
	snprintf(name, sizeof(name), "%.2s/%s", hex, hex + 2);
	return tmpdir_path(store_dir, name);
}

static struct hash put_text(struct blob_store *s, const char *text)
{
	struct hash address = blob_address(view_str(text));

	t_zero(blob_put(s, &address, view_str(text)));
	return address;
}

static void expect(struct blob_store *s, const struct hash *address, const char *text)
{
	struct buf out;

	buf_init(&out, 0);
	t_zero(blob_get(s, address, &out));
	t_bytes(out.data, out.len, text, strlen(text));
	buf_release(&out);
}

static void flip(const char *path, off_t at)
{
	int fd = open(path, O_RDWR);
	uint8_t b;

	t_ok(fd >= 0 && pread(fd, &b, 1, at) == 1);
	b ^= 0x20;
	t_ok(pwrite(fd, &b, 1, at) == 1);
	close(fd);
}

T_TEST(blob_dir_keeps_by_address)
{
	struct blob_store *s = store_new();
	struct hash a = put_text(s, "some bytes"), b = put_text(s, "other bytes"),
		    none = blob_address(view_str("none"));
	struct buf out;

	t_zero(blob_put(s, &a, view_str("some bytes")));
	t_err(blob_put(s, &none, view_str("some bytes")), CF_ECORRUPT);
	t_ok(blob_has(s, &a) && blob_has(s, &b) && !blob_has(s, &none));
	expect(s, &a, "some bytes");
	t_zero(blob_sync(s));
	t_zero(blob_remove(s, &b));
	t_err(blob_remove(s, &b), CF_ENOTFOUND);
	buf_init(&out, 0);
	t_err(blob_get(s, &b, &out), CF_ENOTFOUND);
	blob_close(s);
	t_zero(blob_dir_open(store_dir, &s));
	expect(s, &a, "some bytes");
	blob_close(s);
	blob_close(NULL);
}

T_TEST(blob_dir_never_hands_out_damage_and_put_repairs)
{
	struct blob_store *s = store_new();
	const char *text = "bytes that will not stay as they are";
	struct hash a = put_text(s, text);
	struct buf out;

	buf_init(&out, 0);
	t_zero(buf_append(&out, "x", 1));
	for (size_t i = 0; i < strlen(text); i++) {
		flip(file_of(&a), (off_t)i);
		t_err(blob_get(s, &a, &out), CF_ECORRUPT);
		t_eq(out.len, 1);
		t_zero(blob_put(s, &a, view_str(text)));
		expect(s, &a, text);
		t_eq(truncate(file_of(&a), (off_t)i), 0);
		t_err(blob_get(s, &a, &out), CF_ECORRUPT);
		t_zero(blob_put(s, &a, view_str(text)));
		expect(s, &a, text);
	}
	t_eq(truncate(file_of(&a), BLOB_BYTES_MAX + 1), 0);
	t_err(blob_get(s, &a, &out), CF_ECORRUPT);
	buf_release(&out);
	blob_close(s);
}

T_TEST(blob_dir_forgets_half_written_ones)
{
	struct blob_store *s = store_new();
	struct hash a = put_text(s, "whole");
	char dir[8];
	const char *temp;

	blob_close(s);
	hex_encode(a.b, 1, dir);
	temp = tmpdir_path(tmpdir_path(store_dir, dir), "tmp.1.2");
	t_zero(file_replace(temp, view_str("half")));
	t_zero(blob_dir_open(store_dir, &s));
	t_ok(!file_exists(temp));
	expect(s, &a, "whole");
	blob_close(s);
}

static int count_one(void *ctx, const struct blob_info *blob)
{
	uint8_t *seen = ctx;

	t_eq(blob->bytes, 4);
	for (uint32_t i = 0; i < 100; i++) {
		struct hash h = blob_address(VIEW(&i, 4));

		if (hash_equal(&h, &blob->address))
			seen[i]++;
	}
	return 0;
}

T_TEST(blob_dir_walks_all)
{
	struct blob_store *s = store_new();
	uint8_t seen[100] = {0};

	for (uint32_t i = 0; i < 100; i++) {
		struct hash h = blob_address(VIEW(&i, 4));

		t_zero(blob_put(s, &h, VIEW(&i, 4)));
	}
	t_zero(blob_walk(s, count_one, seen));
	for (int i = 0; i < 100; i++)
		t_eq(seen[i], 1);
	blob_close(s);
}

T_TEST(blob_dir_full_disk)
{
	const char *dir = tmpdir_new();
	static uint8_t big[100000];
	struct blob_store *s;
	int err = 0, n = 0;

	if (!smallfs_mount(dir, 1 << 20)) {
		t_note("skipped: no right to mount a tmpfs");
		return;
	}
	store_dir = tmpdir_path(dir, "b");
	t_zero(blob_dir_open(store_dir, &s));
	for (; !err && n < 30; n++) {
		struct hash h;

		memcpy(big, &n, sizeof(n));
		h = blob_address(VIEW(big, sizeof(big)));
		err = blob_put(s, &h, VIEW(big, sizeof(big)));
		t_eq(blob_has(s, &h), err == 0);
	}
	t_err(err, CF_EFULL);
	t_ok(n > 5);
	put_text(s, "still fits");
	blob_close(s);
	smallfs_unmount(dir);
}

/* ---- nodes and chunks ---- */

T_TEST(blob_node_and_chunk_codec)
{
	struct hash child[3] = {{{1}}, {{0}}, {{3}}};
	struct blob_node node;
	struct view sealed;
	struct buf b, again;

	buf_init(&b, 0);
	buf_init(&again, 0);
	t_zero(blob_node_encode(2, child, 3, view_str("sealed part"), &b));
	t_eq(b.data[0], 0x4d);
	t_ok(blob_is_node(buf_view(&b)));
	t_zero(blob_node_decode(buf_view(&b), &node));
	t_eq(node.level, 2);
	t_eq(node.count, 3);
	t_bytes(node.child, 3 * HASH_BYTES, child, sizeof(child));
	t_bytes(node.sealed.data, node.sealed.len, "sealed part", 11);
	for (size_t len = 0; len < b.len; len++)
		t_err(blob_node_decode(VIEW(b.data, len), &node), CF_EDECODE);
	/* What still decodes after a flip encodes to just those bytes: there is one encoding a node. */
	for (size_t i = 0; i < b.len; i++) {
		b.data[i] ^= 0x01;
		if (blob_node_decode(buf_view(&b), &node) == 0) {
			struct hash children[3];

			t_eq(node.count, 3);
			memcpy(children, node.child, sizeof(children));
			buf_reset(&again);
			t_zero(blob_node_encode(node.level, children, 3, node.sealed, &again));
			t_bytes(again.data, again.len, b.data, b.len);
		}
		b.data[i] ^= 0x01;
	}
	t_zero(buf_append(&b, "", 1));
	t_err(blob_node_decode(buf_view(&b), &node), CF_EDECODE);

	buf_reset(&b);
	t_zero(blob_chunk_encode(view_str("sealed"), &b));
	t_eq(b.data[0], 0x43);
	t_ok(!blob_is_node(buf_view(&b)));
	t_zero(blob_chunk_decode(buf_view(&b), &sealed));
	t_bytes(sealed.data, sealed.len, "sealed", 6);
	t_err(blob_chunk_decode(VIEW("M", 1), &sealed), CF_EDECODE);
	t_err(blob_chunk_decode(VIEW_NONE, &sealed), CF_EDECODE);
	t_err(blob_chunk_encode(VIEW("", BLOB_BYTES_MAX), &b), CF_ETOOBIG);
	buf_release(&b);
	buf_release(&again);
}

/* ---- trees ---- */

#define LEAVES 30
#define FAN 4

struct tree {
	struct hash chunk[LEAVES];
	struct hash root;
	int nodes;
};

static struct hash put_buf(struct blob_store *s, const struct buf *b)
{
	struct hash h = blob_address(buf_view(b));

	t_zero(blob_put(s, &h, buf_view(b)));
	return h;
}

/* A tree of three levels; every seventh chunk is a hole. */
static void tree_put(struct blob_store *s, struct tree *t)
{
	struct hash level[LEAVES];
	size_t count = LEAVES;
	struct buf b;

	buf_init(&b, 0);
	t->nodes = 0;
	for (size_t i = 0; i < LEAVES; i++) {
		char text[16];

		memset(&t->chunk[i], 0, sizeof(t->chunk[i]));
		if (i % 7 != 3) {
			snprintf(text, sizeof(text), "chunk %zu", i);
			buf_reset(&b);
			t_zero(blob_chunk_encode(view_str(text), &b));
			t->chunk[i] = put_buf(s, &b);
		}
		level[i] = t->chunk[i];
	}
	for (uint8_t l = 1; count > 1; l++) {
		size_t up = 0;

		for (size_t i = 0; i < count; i += FAN, up++) {
			buf_reset(&b);
			t_zero(blob_node_encode(l, level + i, (uint32_t)(count - i < FAN ? count - i : FAN),
						view_str("s"), &b));
			level[up] = put_buf(s, &b);
			t->nodes++;
		}
		count = up;
	}
	t->root = level[0];
	buf_release(&b);
}

struct visit {
	struct hash missing[8], complete[64];
	int missing_count, complete_count, asked;
};

static bool is_complete(void *ctx, const struct hash *address)
{
	struct visit *v = ctx;

	v->asked++;
	for (int i = 0; i < v->complete_count; i++) {
		if (hash_equal(&v->complete[i], address))
			return true;
	}
	return false;
}

static int on_complete(void *ctx, const struct hash *address)
{
	struct visit *v = ctx;

	v->complete[v->complete_count++] = *address;
	return 0;
}

static int on_missing(void *ctx, const struct hash *address)
{
	struct visit *v = ctx;

	t_ok(v->missing_count < 8);
	v->missing[v->missing_count++] = *address;
	return 0;
}

T_TEST(blob_tree_finds_what_is_missing)
{
	struct blob_store *s = store_new();
	struct blob_tree_visit visit = {
		.is_complete = is_complete, .on_complete = on_complete, .on_missing = on_missing};
	struct blob_tree_visit plain = {.ctx = NULL};
	struct visit v = {.missing_count = 0};
	struct tree t;

	visit.ctx = &v;
	tree_put(s, &t);
	t_zero(blob_tree_check(s, &t.root, &plain));
	t_zero(blob_remove(s, &t.chunk[5]));
	flip(file_of(&t.chunk[20]), 2);
	t_err(blob_tree_check(s, &t.root, &plain), CF_ENOTFOUND);
	t_err(blob_tree_check(s, &t.root, &visit), CF_ENOTFOUND);
	t_eq(v.missing_count, 2);
	t_ok(hash_equal(&v.missing[0], &t.chunk[5]));
	t_ok(hash_equal(&v.missing[1], &t.chunk[20]));

	/* Repaired, only what was not found whole is looked at again. */
	tree_put(s, &t);
	v.missing_count = v.asked = 0;
	t_zero(blob_tree_check(s, &t.root, &visit));
	t_eq(v.missing_count, 0);
	t_eq(v.complete_count, t.nodes + LEAVES - 4);
	v.asked = 0;
	t_zero(blob_tree_check(s, &t.root, &visit));
	t_eq(v.asked, 1);

	/* A tree of one chunk. */
	t_zero(blob_tree_check(s, &t.chunk[0], &plain));
	t_zero(blob_remove(s, &t.root));
	t_err(blob_tree_check(s, &t.root, &plain), CF_ENOTFOUND);
	blob_close(s);
}

/* A root that names two trees in turn: what the visitor forgets of one while it is in the other counts for
 * nothing. */
static void put_turns(struct blob_store *s, unsigned width, struct hash *ret_root, struct hash *ret_last)
{
	struct hash leaf[64], part[64], tree[2];
	struct buf b;

	buf_init(&b, 0);
	for (unsigned t = 0; t < 2; t++) {
		for (unsigned i = 0; i < width; i++) {
			for (unsigned k = 0; k < width; k++) {
				char text[32];

				snprintf(text, sizeof(text), "%u.%u.%u", t, i, k);
				buf_reset(&b);
				t_zero(blob_chunk_encode(view_str(text), &b));
				*ret_last = leaf[k] = put_buf(s, &b);
			}
			buf_reset(&b);
			t_zero(blob_node_encode(1, leaf, width, VIEW_NONE, &b));
			part[i] = put_buf(s, &b);
		}
		buf_reset(&b);
		t_zero(blob_node_encode(2, part, width, VIEW_NONE, &b));
		tree[t] = put_buf(s, &b);
	}
	for (unsigned i = 0; i < width; i++)
		part[i] = tree[i & 1];
	buf_reset(&b);
	t_zero(blob_node_encode(3, part, width, VIEW_NONE, &b));
	*ret_root = put_buf(s, &b);
	buf_release(&b);
}

struct forgetful {
	struct hashset *known;
	unsigned asked, good, missing;
};

static bool forgetful_is_complete(void *ctx, const struct hash *address)
{
	struct forgetful *f = ctx;

	f->asked++;
	return hashset_has(f->known, address);
}

static int forgetful_on_complete(void *ctx, const struct hash *address)
{
	struct forgetful *f = ctx;

	f->good++;
	hashset_remember(f->known, address, 16);
	return 0;
}

static int forgetful_on_missing(void *ctx, const struct hash *address)
{
	(void)address;
	((struct forgetful *)ctx)->missing++;
	return 0;
}

T_TEST(blob_tree_walks_each_node_once)
{
	enum { WIDTH = 64, CHUNKS = 2 * WIDTH * WIDTH, NODES = 2 * WIDTH + 3 };
	struct blob_store *s = store_new();
	struct forgetful f = {.asked = 0};
	struct blob_tree_visit visit = {.ctx = &f,
					.is_complete = forgetful_is_complete,
					.on_complete = forgetful_on_complete,
					.on_missing = forgetful_on_missing};
	struct hash root, last;

	t_zero(hashset_new(&f.known));
	t_zero(hashset_new(&visit.whole));
	t_zero(hashset_new(&visit.lacking));
	put_turns(s, WIDTH, &root, &last);
	t_zero(blob_tree_check(s, &root, &visit));
	t_eq(f.good, CHUNKS + NODES);

	/* One chunk of the second tree is gone: both are remembered as what they are. */
	t_zero(blob_remove(s, &last));
	hashset_clear(visit.whole);
	hashset_clear(f.known);
	f.asked = f.good = 0;
	t_err(blob_tree_check(s, &root, &visit), CF_ENOTFOUND);
	t_eq(f.missing, 1);
	t_eq(f.good, CHUNKS - 1 + NODES - 3);
	t_ok(hashset_has(visit.lacking, &root));

	/* A second walk of the same visit asks for nothing. */
	f.asked = 0;
	t_err(blob_tree_check(s, &root, &visit), CF_ENOTFOUND);
	t_eq(f.asked, 0);
	hashset_free(f.known);
	hashset_free(visit.whole);
	hashset_free(visit.lacking);
	blob_close(s);
}

static struct hash hash_of(unsigned i)
{
	struct hash h = sha256(VIEW((const uint8_t *)&i, sizeof(i)));

	/* chosen so that a table laid out by the low bits alone would be one heap */
	memset(h.b, 0, 4);
	return h;
}

T_TEST(hashset_is_exact_and_grows)
{
	enum { COUNT = 100000 };
	struct hashset *set;
	bool added;

	t_zero(hashset_new(&set));
	for (unsigned i = 0; i < COUNT; i++) {
		struct hash h = hash_of(i);

		t_ok(!hashset_has(set, &h));
		t_zero(hashset_add(set, &h, &added));
		t_ok(added);
	}
	for (unsigned i = 0; i < COUNT; i++) {
		struct hash h = hash_of(i);

		t_ok(hashset_has(set, &h));
		t_zero(hashset_add(set, &h, &added));
		t_ok(!added);
	}
	hashset_clear(set);
	for (unsigned i = 0; i < COUNT; i += 100) {
		struct hash h = hash_of(i);

		t_ok(!hashset_has(set, &h));
	}
	hashset_free(set);
}

T_TEST(blob_tree_refuses_a_wrong_shape)
{
	struct blob_store *s = store_new();
	struct blob_tree_visit plain = {.ctx = NULL};
	struct hash chunk, node, other, root, odd;
	struct buf b;

	buf_init(&b, 0);
	t_zero(blob_chunk_encode(view_str("c"), &b));
	chunk = put_buf(s, &b);
	buf_reset(&b);
	t_zero(blob_node_encode(1, &chunk, 1, VIEW_NONE, &b));
	node = put_buf(s, &b);
	buf_reset(&b);
	t_zero(blob_node_encode(3, &node, 1, VIEW_NONE, &b)); /* a child of level 1 where 2 belongs */
	other = put_buf(s, &b);
	t_err(blob_tree_check(s, &other, &plain), CF_EDECODE);
	buf_reset(&b);
	t_zero(blob_node_encode(2, &chunk, 1, VIEW_NONE, &b)); /* a chunk where a node belongs */
	root = put_buf(s, &b);
	t_err(blob_tree_check(s, &root, &plain), CF_EDECODE);
	odd = put_text(s, "neither chunk nor node");
	t_err(blob_tree_check(s, &odd, &plain), CF_EDECODE);
	buf_release(&b);
	blob_close(s);
}

T_MAIN
