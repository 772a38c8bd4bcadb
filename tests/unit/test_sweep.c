/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sweep.c - what is removed from a store, and what never is.
 */
#include "net/sweep.h"
#include "tests/lib/prng.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

#include <string.h>
#include <time.h>

#define AGE_MS 60000
#define ROOTS_MAX 600

struct root {
	struct hash address;
	uint8_t level;
};

struct fix {
	struct blob_store *store;
	struct sweep *sweep;
	struct prng prng;
	uint64_t now_ms;  /* monotonic, */
	uint64_t time_ms; /* of the ledger */
	struct root root[ROOTS_MAX];
	unsigned roots;
	unsigned bad;
	uint64_t removed, bytes;
	int named_err;
	struct hash keep; /* not zeros: held when the trees that are named have been marked */
};

static int get_time(void *ctx, uint64_t *ret_ms)
{
	*ret_ms = ((struct fix *)ctx)->time_ms;
	return 0;
}

static int named(void *ctx, struct buf *from, unsigned most,
		 int (*on_root)(void *arg, const struct hash *root, uint8_t level), void *arg)
{
	struct fix *f = ctx;
	unsigned at = 0;

	if (f->named_err)
		return f->named_err;
	if (from->len)
		memcpy(&at, from->data, sizeof(at));
	for (unsigned i = 0; i < most && at < f->roots; i++, at++)
		t_zero(on_root(arg, &f->root[at].address, f->root[at].level));
	buf_reset(from);
	t_zero(buf_append(from, &at, sizeof(at)));
	if (at < f->roots)
		return 0;
	if (!hash_is_zero(&f->keep))
		sweep_keep_tree(f->sweep, &f->keep);
	return CF_ENOTFOUND;
}

static void on_bad(void *ctx, const struct hash *address)
{
	(void)address;
	((struct fix *)ctx)->bad++;
}

static void on_removed(void *ctx, uint64_t blobs, uint64_t bytes)
{
	struct fix *f = ctx;

	f->removed += blobs;
	f->bytes += bytes;
}

static void fix_new(struct fix *f)
{
	struct sweep_config config = {.age_ms = AGE_MS,
				      .bytes_per_s = 100000000,
				      .ctx = f,
				      .time = get_time,
				      .named = named,
				      .on_bad = on_bad,
				      .on_removed = on_removed};
	struct timespec now;

	memset(f, 0, sizeof(*f));
	f->prng = (struct prng){7};
	f->now_ms = 1;
	clock_gettime(CLOCK_REALTIME, &now);
	f->time_ms = (uint64_t)now.tv_sec * 1000;
	t_zero(blob_dir_open(tmpdir_path(tmpdir_new(), "blobs"), &f->store));
	config.store = f->store;
	t_zero(sweep_new(&config, &f->sweep));
}

static void fix_free(struct fix *f)
{
	sweep_free(f->sweep);
	blob_close(f->store);
}

static struct hash put_chunk(struct fix *f)
{
	uint8_t sealed[500];
	struct hash address;
	struct buf bytes;

	prng_bytes(&f->prng, sealed, sizeof(sealed));
	buf_init(&bytes, 0);
	t_zero(blob_chunk_encode(VIEW(sealed, sizeof(sealed)), &bytes));
	address = blob_address(buf_view(&bytes));
	t_zero(blob_put(f->store, &address, buf_view(&bytes)));
	buf_release(&bytes);
	return address;
}

static struct hash put_node(struct fix *f, uint8_t level, const struct hash *children, uint32_t count)
{
	uint8_t sealed[100];
	struct hash address;
	struct buf bytes;

	prng_bytes(&f->prng, sealed, sizeof(sealed));
	buf_init(&bytes, 0);
	t_zero(blob_node_encode(level, children, count, VIEW(sealed, sizeof(sealed)), &bytes));
	address = blob_address(buf_view(&bytes));
	t_zero(blob_put(f->store, &address, buf_view(&bytes)));
	buf_release(&bytes);
	return address;
}

/* A root over two nodes of three chunks each, the last of both the same; ret_blob[8] gets all but the root.
 */
static struct hash put_tree(struct fix *f, struct hash ret_blob[8])
{
	struct hash all[8], three[3];

	for (int i = 0; i < 5; i++)
		all[i] = put_chunk(f);
	for (int i = 0; i < 2; i++) {
		three[0] = all[2 * i];
		three[1] = all[2 * i + 1];
		three[2] = all[4];
		all[5 + i] = put_node(f, 1, three, 3);
	}
	memset(&all[7], 0, sizeof(all[7])); /* a hole */
	if (ret_blob)
		memcpy(ret_blob, all, sizeof(all));
	return put_node(f, 2, all + 5, 3);
}

static void name(struct fix *f, const struct hash *root, uint8_t level)
{
	f->root[f->roots++] = (struct root){*root, level};
}

/* One pass, at a ledger's time that is so much later. */
static void pass(struct fix *f, uint64_t later_ms)
{
	uint64_t next;

	f->time_ms += later_ms;
	f->removed = f->bytes = f->bad = 0;
	do {
		next = sweep_run(f->sweep, f->now_ms);
		t_ok(next > f->now_ms && next < f->now_ms + AGE_MS);
		if (next >= f->now_ms + AGE_MS / SWEEP_PASSES / 2)
			break;
		f->now_ms = next;
	} while (true);
	f->now_ms = next;
}

static bool has_all(struct fix *f, const struct hash *blobs, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (!hash_is_zero(&blobs[i]) && !blob_has(f->store, &blobs[i]))
			return false;
	}
	return true;
}

T_TEST(what_nothing_names_goes_after_its_age)
{
	struct hash blob[8], root, kept[8], kept_root, alone, chunk;
	struct fix f;

	fix_new(&f);
	root = put_tree(&f, blob);
	kept_root = put_tree(&f, kept);
	alone = put_chunk(&f);
	chunk = put_chunk(&f);
	name(&f, &kept_root, 2);
	name(&f, &chunk, 0);
	name(&f, &chunk, 0); /* by two files */
	pass(&f, AGE_MS / 2);
	t_eq(f.removed, 0);
	t_ok(has_all(&f, blob, 8) && blob_has(f.store, &alone));
	pass(&f, AGE_MS);
	t_eq(f.removed, 9); /* five chunks, two nodes, the root, and one alone */
	t_eq(f.bad, 0);
	t_ok(f.bytes >= 6 * 500);
	t_ok(!blob_has(f.store, &root) && !blob_has(f.store, &alone));
	t_ok(blob_has(f.store, &kept_root) && has_all(&f, kept, 8) && blob_has(f.store, &chunk));
	/* Named no more: its versions are erased. */
	f.roots = 0;
	pass(&f, 1);
	t_eq(f.removed, 9);
	t_ok(!blob_has(f.store, &kept_root));
	fix_free(&f);
}

T_TEST(what_is_touched_stays_with_all_below_it)
{
	struct hash blob[8], root, other;
	struct fix f;

	fix_new(&f);
	root = put_tree(&f, blob);
	other = put_chunk(&f);
	/* As for a receipt: until then a transaction may name it. */
	t_zero(blob_touch(f.store, &root, f.time_ms + 10 * AGE_MS));
	t_zero(blob_touch(f.store, &root, f.time_ms + 5 * AGE_MS)); /* takes nothing back */
	t_err(blob_touch(f.store, &(struct hash){{1}}, 1), CF_ENOTFOUND);
	pass(&f, 2 * AGE_MS);
	t_eq(f.removed, 1);
	t_ok(!blob_has(f.store, &other));
	pass(&f, 8 * AGE_MS + AGE_MS / 2);
	t_eq(f.removed, 0);
	t_ok(has_all(&f, blob, 8));
	pass(&f, AGE_MS);
	t_eq(f.removed, 8);
	fix_free(&f);
}

T_TEST(what_is_brought_again_is_as_new)
{
	struct hash blob[8], root, again;
	struct prng before;
	struct fix f;

	fix_new(&f);
	before = f.prng;
	root = put_tree(&f, blob);
	for (int i = 0; i < 8; i++) {
		if (!hash_is_zero(&blob[i]))
			t_zero(blob_touch(f.store, &blob[i], f.time_ms + 3 * AGE_MS));
	}
	pass(&f, 3 * AGE_MS);
	t_eq(f.removed, 1); /* the root */
	f.prng = before;
	again = put_tree(&f, NULL); /* at a wall clock that is behind */
	t_ok(hash_equal(&again, &root) && has_all(&f, blob, 8));
	fix_free(&f);
}

T_TEST(a_tree_that_is_held_while_a_pass_is_under_way_stays)
{
	struct hash blob[8], root;
	struct fix f;

	fix_new(&f);
	root = put_tree(&f, blob);
	f.keep = root;
	pass(&f, 2 * AGE_MS);
	t_eq(f.removed, 0);
	t_ok(has_all(&f, blob, 8));
	memset(&f.keep, 0, sizeof(f.keep));
	pass(&f, 1);
	t_eq(f.removed, 8);
	fix_free(&f);
}

T_TEST(where_a_node_is_lost_nothing_goes)
{
	struct hash blob[8], root, alone, young[8], young_root;
	struct fix f;

	fix_new(&f);
	root = put_tree(&f, blob);
	alone = put_chunk(&f);
	name(&f, &root, 2);
	t_zero(blob_remove(f.store, &blob[5]));
	pass(&f, 2 * AGE_MS);
	t_ok(f.removed == 0 && f.bad == 1);
	t_ok(blob_has(f.store, &alone) && has_all(&f, blob, 5));
	t_zero(blob_remove(f.store, &root));
	pass(&f, 1);
	t_ok(f.removed == 0 && f.bad == 1);
	f.roots = 0;
	f.named_err = CF_EIO;
	pass(&f, 1);
	t_eq(f.removed, 0);
	f.named_err = 0;
	/* Of what somebody brought only today nobody said that it is whole: it puts nothing off. */
	young_root = put_tree(&f, young);
	t_zero(blob_touch(f.store, &young_root, f.time_ms));
	t_zero(blob_remove(f.store, &young[5]));
	pass(&f, 1);
	t_ok(!blob_has(f.store, &alone) && f.bad == 0);
	t_ok(blob_has(f.store, &young_root) && blob_has(f.store, &young[6]));
	fix_free(&f);
}

T_TEST(a_ledger_that_stands_still_ages_nothing)
{
	struct hash alone;
	struct fix f;

	fix_new(&f);
	alone = put_chunk(&f);
	for (int i = 0; i < 20; i++)
		pass(&f, 0);
	t_ok(blob_has(f.store, &alone));
	f.time_ms += 2 * AGE_MS;
	pass(&f, 0);
	t_ok(!blob_has(f.store, &alone));
	fix_free(&f);
}

T_TEST(many_roots_are_asked_for_in_parts)
{
	struct hash chunk[ROOTS_MAX];
	struct fix f;

	fix_new(&f);
	for (unsigned i = 0; i < ROOTS_MAX; i++) {
		chunk[i] = put_chunk(&f);
		if (i % 2 == 0)
			name(&f, &chunk[i], 0);
	}
	for (unsigned i = 0; i < ROOTS_MAX / 2; i++)
		name(&f, &chunk[0], 0);
	pass(&f, 2 * AGE_MS);
	t_eq(f.removed, ROOTS_MAX / 2);
	for (unsigned i = 0; i < ROOTS_MAX; i++)
		t_ok(blob_has(f.store, &chunk[i]) == (i % 2 == 0));
	fix_free(&f);
}

T_MAIN
