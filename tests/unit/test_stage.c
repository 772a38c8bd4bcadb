/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/stage.h"
#include "fs/tree_private.h"
#include "ledger/mem.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

#include <stdlib.h>

#define MAX (300 * 1024)

static struct spool *new_spool(void)
{
	struct crypto_key *key;
	struct spool *s;

	t_zero(crypto_key_generate(&key));
	t_zero(spool_open(tmpdir_new(), key, &s));
	crypto_key_free(key);
	return s;
}

/* A committed version whose bytes are in memory. */
static struct tree_file *version_of(const uint8_t *data, size_t bytes)
{
	static struct tree tree = {.file_lock = PTHREAD_MUTEX_INITIALIZER};
	struct tree_file *f = mem_zalloc(sizeof *f);

	t_ok(f != NULL);
	f->tree = &tree;
	f->at = &tree.files;
	f->next = tree.files;
	if (f->next)
		f->next->at = &f->next;
	tree.files = f;
	f->refs = 1;
	f->size = bytes;
	f->version = (struct version){5, 1};
	f->node.mode = 0640;
	f->node.mtime_ns = 77;
	buf_init(&f->plain, 0);
	t_zero(buf_append(&f->plain, data, bytes));
	return f;
}

static void write_at_random(struct stage *s, unsigned *seed, uint8_t *model, uint64_t *size, uint8_t *data)
{
	uint64_t at = (uint64_t)rand_r(seed) % (MAX - 20000);
	size_t n = (size_t)rand_r(seed) % 20000;

	if (rand_r(seed) % 6 == 0) {
		t_zero(stage_truncate(s, at));
		if (at < *size)
			memset(model + at, 0, *size - at);
		*size = at;
		return;
	}
	for (size_t j = 0; j < n; j++)
		data[j] = (uint8_t)rand_r(seed);
	t_zero(stage_write(s, at, VIEW(data, n)));
	memcpy(model + at, data, n);
	if (n && at + n > *size)
		*size = at + n;
}

/* Random writes, truncations and reads over a base agree with a plain buffer. */
T_TEST(stage_agrees_with_a_model)
{
	uint8_t *model = mem_zalloc(MAX), *data = mem_alloc(MAX), *got = mem_alloc(MAX);
	struct place place = place_simple(PLACE_LOCAL, 0);
	struct spool *spool = new_spool();
	unsigned seed = 5;

	for (int turn = 0; turn < 6; turn++) {
		uint64_t size = 100000;
		struct tree_file *base;
		struct stage *s;

		for (size_t i = 0; i < MAX; i++)
			model[i] = i < size ? (uint8_t)(i * 13 + i / 257) : 0;
		base = version_of(model, size);
		t_zero(stage_new(NULL, spool, &place, false, &s));
		pthread_mutex_lock(&s->lock);
		stage_begin(s, base, turn == 5, NULL);
		if (turn == 5) {
			memset(model, 0, MAX);
			size = 0;
		}
		for (int i = 0; i < 60; i++) {
			write_at_random(s, &seed, model, &size, data);
			t_eq(s->size, size);
			t_zero(stage_read(s, 0, size, got));
			t_bytes(got, size, model, size);
		}
		pthread_mutex_unlock(&s->lock);
		stage_unref(s);
		tree_file_release(base);
	}
	spool_close(spool);
	mem_free(model);
	mem_free(data);
	mem_free(got);
}

/* What a save reads stays as it was, and what it need not read is what it was made of. */
T_TEST(stage_frozen_stays_while_it_is_written_to)
{
	uint8_t *model = mem_zalloc(MAX), *then = mem_alloc(MAX), *data = mem_alloc(MAX),
		*got = mem_alloc(MAX);
	struct place place = place_simple(PLACE_LOCAL, 0);
	struct spool *spool = new_spool();
	struct attachment_source source;
	unsigned seed = 11;

	for (int turn = 0; turn < 20; turn++) {
		uint64_t size = 100000, old_size;
		struct tree_file *base;
		struct stage *s;

		for (size_t i = 0; i < MAX; i++)
			model[i] = i < size ? (uint8_t)(i * 13 + i / 257) : 0;
		base = version_of(model, size);
		t_zero(stage_new(NULL, spool, &place, false, &s));
		pthread_mutex_lock(&s->lock);
		stage_begin(s, base, false, NULL);
		for (int i = 0; i < 5; i++)
			write_at_random(s, &seed, model, &size, data);
		t_zero(stage_freeze(s, &source));
		memcpy(then, model, MAX);
		old_size = size;
		for (int i = 0; i < 30; i++) {
			write_at_random(s, &seed, model, &size, data);
			t_zero(stage_read(s, 0, size, got));
			t_bytes(got, size, model, size);
			pthread_mutex_unlock(&s->lock);
			t_eq(source.size, old_size);
			t_zero(source.read(source.ctx, 0, old_size, got));
			t_bytes(got, old_size, then, old_size);
			for (uint64_t at = 0; at < source.base_limit; at += 1000) {
				uint64_t to = at + 1000 < source.base_limit ? at + 1000 : source.base_limit;

				if (!source.changed(source.ctx, at, to))
					t_bytes(then + at, to - at, base->plain.data + at, to - at);
			}
			pthread_mutex_lock(&s->lock);
		}
		stage_thaw(s);
		pthread_mutex_unlock(&s->lock);
		stage_unref(s);
		tree_file_release(base);
	}
	spool_close(spool);
	mem_free(model);
	mem_free(then);
	mem_free(data);
	mem_free(got);
}

T_TEST(stage_knows_when_a_save_left_nothing_behind)
{
	struct place place = place_simple(PLACE_LOCAL, 0);
	struct spool *spool = new_spool();
	struct tree_file *base = version_of((const uint8_t *)"0123456789", 10);
	struct stage *s;
	uint8_t got[12];
	uint64_t seq;

	t_zero(stage_new(NULL, spool, &place, true, &s));
	pthread_mutex_lock(&s->lock);
	stage_begin(s, base, false, NULL);
	t_ok(s->staged && !s->touched && s->attrs.mode == 0640 && s->attrs.mtime_ns == 77);
	t_ok(!stage_is_whole(s));
	t_zero(stage_write(s, 2, VIEW("ab", 2)));
	t_ok(s->touched && s->attrs.mtime_ns != 77);
	seq = s->seq;
	t_zero(stage_write(s, 8, VIEW("wxyz", 4)));
	/* the save was of the first write alone */
	stage_committed(s, seq, (struct version){6, 0});
	t_ok(s->staged && s->base_version.height == 6);
	t_zero(stage_read(s, 0, 12, got));
	t_bytes(got, 12, "01ab4567wxyz", 12);
	stage_committed(s, s->seq, (struct version){7, 0});
	t_ok(!s->staged && s->latest.height == 7);
	stage_begin(s, base, true, NULL);
	t_ok(s->size == 0 && !s->touched && stage_is_whole(s));
	pthread_mutex_unlock(&s->lock);
	stage_unref(s);
	tree_file_release(base);
	spool_close(spool);
}

T_MAIN
