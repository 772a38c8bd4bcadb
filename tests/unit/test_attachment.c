/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/t.h"
#include "fs/attachment.h"
#include "fs/extent.h"
#include "ledger/mem.h"

#include <stdlib.h>

#define CHUNK BLOB_CHUNK_BYTES

/* Blobs in memory, counted. */
struct shelf {
	struct {
		struct hash address;
		struct buf bytes;
	} blob[4096];
	size_t count;
	size_t puts; /* new ones */
};

static struct shelf shelf;

static int put(void *ctx, const struct hash *address, struct view bytes)
{
	struct shelf *s = ctx;

	for (size_t i = 0; i < s->count; i++) {
		if (hash_equal(&s->blob[i].address, address))
			return 0;
	}
	t_ok(s->count < 4096);
	s->blob[s->count].address = *address;
	buf_init(&s->blob[s->count].bytes, 0);
	s->puts++;
	return buf_append_view(&s->blob[s->count++].bytes, bytes);
}

static int get(void *ctx, const struct hash *address, struct buf *out)
{
	struct shelf *s = ctx;

	for (size_t i = 0; i < s->count; i++) {
		if (hash_equal(&s->blob[i].address, address))
			return buf_append_view(out, buf_view(&s->blob[i].bytes));
	}
	return CF_ENOTFOUND;
}

static int keys(void *ctx, const struct patient_id *p, unsigned section, uint32_t epoch, uint32_t window,
		struct section_keys *ret_keys)
{
	struct section_keys k = {
		.patient = *p, .section = (uint8_t)section, .epoch = epoch, .window = window};

	(void)ctx;
	memset(k.content, (int)(1 + epoch), sizeof k.content);
	memset(k.dedup, (int)(2 + window), sizeof k.dedup);
	*ret_keys = k;
	return 0;
}

static struct attachments *new_reader(void)
{
	struct attachment_io io = {&shelf, put, get, keys};
	struct attachments *a;

	t_zero(attachments_new(&io, &a));
	return a;
}

static void empty_shelf(void)
{
	for (size_t i = 0; i < shelf.count; i++)
		buf_release(&shelf.blob[i].bytes);
	shelf.count = 0;
	shelf.puts = 0;
}

static struct section_keys some_keys(uint32_t epoch)
{
	struct patient_id p = {{7}};
	struct section_keys k;

	t_zero(keys(NULL, &p, 4, epoch, 9, &k));
	return k;
}

/* A new version: the whole new plaintext, and which of it changed. */
struct edit {
	const uint8_t *data;
	struct extents changed;
};

static bool edit_changed(void *ctx, uint64_t from, uint64_t to)
{
	return extents_touch(&((struct edit *)ctx)->changed, from, to);
}

static int edit_read(void *ctx, uint64_t offset, size_t bytes, uint8_t *ret_data)
{
	memcpy(ret_data, ((struct edit *)ctx)->data + offset, bytes);
	return 0;
}

static struct attachment_source source_of(struct edit *e, uint64_t size, uint64_t base_limit)
{
	return (struct attachment_source){e, size, base_limit, edit_changed, edit_read, NULL};
}

static void check_all(struct attachments *a, const struct attachment *f, const uint8_t *model, uint64_t size)
{
	uint8_t *got = mem_alloc(size + 1);

	t_eq(f->size, size);
	t_zero(attachment_read(a, f, 0, size, got));
	t_bytes(got, size, model, size);
	mem_free(got);
}

T_TEST(attachment_levels_follow_size)
{
	t_eq(attachment_level(0), 0);
	t_eq(attachment_level(CHUNK), 0);
	t_eq(attachment_level(CHUNK + 1), 1);
	t_eq(attachment_level(CHUNK * 1024), 1);
	t_eq(attachment_level(CHUNK * 1024 + 1), 2);
	t_eq(attachment_level(ATTACHMENT_BYTES_MAX), 3);
}

/* Random edits, truncations and growth, each read back by a reader with an empty cache; old versions stay. */
T_TEST(attachment_agrees_with_a_model)
{
	enum { MAX = 12 * 128 * 1024, VERSIONS = 40 };
	uint8_t *model = mem_zalloc(MAX), *first = mem_alloc(MAX);
	struct attachment now = {.size = 0}, old = {.size = 0};
	unsigned seed = 11;

	for (int v = 0; v < VERSIONS; v++) {
		struct section_keys k = some_keys((uint32_t)v / 8);
		struct attachments *a = new_reader();
		struct edit e = {.data = model};
		uint64_t size = now.size, limit = now.size;
		struct attachment_source s;

		if (v % 5 == 4) {
			size = (uint64_t)rand_r(&seed) % MAX;
			if (size < limit) {
				memset(model + size, 0, limit - size);
				limit = size;
			}
		}
		for (int i = 0; i < 3 && v % 5 != 3; i++) {
			uint64_t at = (uint64_t)rand_r(&seed) % (MAX - 300000),
				 n = (uint64_t)rand_r(&seed) % 300000;

			for (uint64_t j = 0; j < n; j++)
				model[at + j] = (uint8_t)rand_r(&seed);
			t_zero(extents_add(&e.changed, at, at + n));
			if (n && at + n > size)
				size = at + n;
		}
		s = source_of(&e, size, limit);
		t_zero(attachment_build(a, &k, v ? &now : NULL, &s, NULL, 0, &now));
		attachments_free(a);
		a = new_reader();
		check_all(a, &now, model, size);
		if (v == 20) {
			old = now;
			memcpy(first, model, size);
		}
		if (v > 20)
			check_all(a, &old, first, old.size);
		attachments_free(a);
		extents_release(&e.changed);
	}
	mem_free(model);
	mem_free(first);
	empty_shelf();
}

T_TEST(attachment_rewrite_costs_a_chunk_and_a_path)
{
	const uint64_t size = CHUNK * 1500;
	uint8_t *data = mem_alloc(size);
	struct section_keys k = some_keys(0);
	struct attachments *a = new_reader();
	struct edit e = {.data = data};
	struct attachment_source s = source_of(&e, size, 0);
	struct attachment v1, v2;
	struct sha256_ctx *ctx;
	struct hash h, want;
	uint8_t got[4096];

	for (uint64_t i = 0; i < size; i += 4)
		memcpy(data + i, &(uint32_t){(uint32_t)(i * 2654435761u) | 1}, 4);
	want = sha256(VIEW(data, size));
	t_zero(extents_add(&e.changed, 0, size));
	t_zero(sha256_new(&ctx));
	t_zero(attachment_build(a, &k, NULL, &s, ctx, 0, &v1));
	h = sha256_finish(ctx);
	t_bytes(h.b, 32, want.b, 32);
	t_eq(shelf.puts, 1500 + 2 + 1);
	shelf.puts = 0;
	extents_cut(&e.changed, 0);
	t_zero(extents_add(&e.changed, CHUNK * 1200 + 5000, CHUNK * 1200 + 9096));
	memset(data + CHUNK * 1200 + 5000, 1, 4096);
	s.base_limit = size;
	t_zero(attachment_build(a, &k, &v1, &s, NULL, 0, &v2));
	t_eq(shelf.puts, 3);
	t_zero(attachment_read(a, &v2, CHUNK * 1200 + 5000, 4096, got));
	t_bytes(got, 4096, data + CHUNK * 1200 + 5000, 4096);
	t_zero(attachment_read(a, &v2, size - 4096, 4096, got));
	t_bytes(got, 4096, data + size - 4096, 4096);
	/* the same content again has the same root */
	shelf.puts = 0;
	t_zero(attachment_build(a, &k, &v1, &s, NULL, 0, &v1));
	t_eq(shelf.puts, 0);
	t_ok(hash_equal(&v1.root.address, &v2.root.address));
	extents_release(&e.changed);
	attachments_free(a);
	mem_free(data);
	empty_shelf();
}

static int read_tail(void *ctx, uint64_t offset, size_t bytes, uint8_t *ret_data)
{
	(void)ctx;
	memset(ret_data, offset + bytes == ATTACHMENT_BYTES_MAX ? 'x' : 0, bytes);
	return 0;
}

T_TEST(attachment_sparse_terabyte)
{
	struct section_keys k = some_keys(0);
	struct attachments *a = new_reader();
	struct edit e = {.data = NULL};
	struct attachment_source s = source_of(&e, ATTACHMENT_BYTES_MAX, 0);
	struct attachment f;
	uint8_t got[2];

	s.read = read_tail;
	t_zero(extents_add(&e.changed, ATTACHMENT_BYTES_MAX - 10, ATTACHMENT_BYTES_MAX));
	t_zero(attachment_build(a, &k, NULL, &s, NULL, 0, &f));
	t_eq(f.level, 3);
	t_eq(shelf.puts, 4);
	t_zero(attachment_read(a, &f, ATTACHMENT_BYTES_MAX - 2, 2, got));
	t_bytes(got, 2, "xx", 2);
	t_zero(attachment_read(a, &f, ATTACHMENT_BYTES_MAX / 2, 2, got));
	t_bytes(got, 2, "\0\0", 2);
	t_err(attachment_read(a, &f, ATTACHMENT_BYTES_MAX - 1, 2, got), CF_EINVAL);
	s.size++;
	t_err(attachment_build(a, &k, NULL, &s, NULL, 0, &f), CF_ETOOBIG);
	/* zeros alone have a root, too, of each level */
	extents_cut(&e.changed, 0);
	for (s.size = 5; s.size < ATTACHMENT_BYTES_MAX; s.size *= 3000) {
		t_zero(attachment_build(a, &k, NULL, &s, NULL, 0, &f));
		t_ok(!content_ref_is_hole(&f.root));
		t_zero(attachment_read(a, &f, s.size - 2, 2, got));
		t_bytes(got, 2, "\0\0", 2);
	}
	extents_release(&e.changed);
	attachments_free(a);
	empty_shelf();
}

T_TEST(attachment_never_hands_out_a_changed_byte)
{
	const uint64_t size = CHUNK * 3;
	uint8_t *data = mem_alloc(size), *got = mem_alloc(size);
	struct section_keys k = some_keys(0);
	struct attachments *a = new_reader();
	struct edit e = {.data = data};
	struct attachment_source s = source_of(&e, size, 0);
	struct attachment f;

	for (uint64_t i = 0; i < size; i++)
		data[i] = (uint8_t)(i / 1000 + i / CHUNK);
	t_zero(extents_add(&e.changed, 0, size));
	t_zero(attachment_build(a, &k, NULL, &s, NULL, 0, &f));
	attachments_free(a);
	for (size_t b = 0; b < shelf.count; b++) {
		for (size_t at = 0; at < shelf.blob[b].bytes.len; at += 9973) {
			shelf.blob[b].bytes.data[at] ^= 4;
			a = new_reader();
			t_err(attachment_read(a, &f, 0, size, got), CF_ECORRUPT);
			attachments_free(a);
			shelf.blob[b].bytes.data[at] ^= 4;
		}
	}
	extents_release(&e.changed);
	mem_free(data);
	mem_free(got);
	empty_shelf();
}

T_MAIN
