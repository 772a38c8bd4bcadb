/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stage as it was when a save of it began, for as long as the save reads it. Writes go on meanwhile: before
 * one of them takes the place of staged bytes, those are put aside. What lies below them does not change.
 */
#include "fs/stage.h"

#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

struct stage_frozen {
	uint64_t size;
	uint64_t base_limit;
	struct extents changed;
	struct content_ref *sealed;
	uint64_t sealed_count;
	struct extents aside;   /* of changed: what was written again since, or cut off */
	struct spool_file *old; /* the bytes there; NULL: none */
};

static int copy_lists(const struct stage *s, struct stage_frozen *z)
{
	int err = 0;

	for (size_t i = 0; i < s->changed.count && !err; i++)
		err = extents_add(&z->changed, s->changed.at[i].from, s->changed.at[i].to);
	if (err || s->sealed_count == 0)
		return err;
	z->sealed = mem_array(NULL, s->sealed_count, sizeof *z->sealed);
	if (z->sealed == NULL)
		return CF_ENOMEM;
	memcpy(z->sealed, s->sealed, s->sealed_count * sizeof *z->sealed);
	z->sealed_count = s->sealed_count;
	return 0;
}

static void frozen_free(struct stage_frozen *z)
{
	extents_release(&z->changed);
	extents_release(&z->aside);
	spool_file_free(z->old);
	mem_free(z->sealed);
	mem_free(z);
}

static int freeze(struct stage *s)
{
	struct stage_frozen *z = mem_zalloc(sizeof *z);
	int err = z ? copy_lists(s, z) : CF_ENOMEM;

	assert(s->staged && s->frozen == NULL);
	if (err && z)
		frozen_free(z);
	if (err)
		return err;
	z->size = s->size;
	z->base_limit = s->base_limit;
	s->frozen = z;
	return 0;
}

void stage_thaw(struct stage *s)
{
	if (s->frozen)
		frozen_free(s->frozen);
	s->frozen = NULL;
}

static int read_frozen(struct stage *s, uint64_t offset, size_t bytes, uint8_t *ret_data)
{
	const struct stage_frozen *z = s->frozen;

	while (bytes > 0) {
		uint64_t changed_end, aside_end, end;
		bool changed = extents_run(&z->changed, offset, &changed_end);
		bool aside = extents_run(&z->aside, offset, &aside_end);
		size_t n;
		int err = 0;

		end = aside_end < changed_end ? aside_end : changed_end;
		n = end - offset < bytes ? (size_t)(end - offset) : bytes;
		if (aside) {
			err = spool_read(z->old, offset, n, ret_data);
		} else if (changed) {
			err = spool_read(s->bytes, offset, n, ret_data);
		} else if (offset < z->base_limit) {
			if (n > z->base_limit - offset)
				n = (size_t)(z->base_limit - offset);
			err = tree_file_read(s->tree, s->base, offset, n, ret_data);
		} else {
			memset(ret_data, 0, n);
		}
		if (err)
			return err;
		offset += n;
		bytes -= n;
		ret_data += n;
	}
	return 0;
}

static int put_aside(struct stage *s, uint64_t from, uint64_t to, uint8_t *piece)
{
	struct stage_frozen *z = s->frozen;
	int err = spool_read(s->bytes, from, to - from, piece);

	if (!err && z->old == NULL)
		err = spool_file_new(s->spool, &z->old);
	if (!err)
		err = spool_write(z->old, from, VIEW(piece, to - from));
	return err ? err : extents_add(&z->aside, from, to);
}

int stage_before_change(struct stage *s, uint64_t from, uint64_t to)
{
	struct stage_frozen *z = s->frozen;
	uint8_t *piece = NULL;
	int err = 0;

	if (z == NULL)
		return 0;
	while (from < to && !err) {
		uint64_t end, aside_end;
		bool mine = extents_run(&z->changed, from, &end);
		bool aside = extents_run(&z->aside, from, &aside_end);

		if (end > aside_end)
			end = aside_end;
		if (end > to)
			end = to;
		if (mine && !aside) {
			if (end - from > BLOB_CHUNK_BYTES)
				end = from + BLOB_CHUNK_BYTES;
			if (piece == NULL)
				piece = mem_alloc(BLOB_CHUNK_BYTES);
			err = piece ? put_aside(s, from, end, piece) : CF_ENOMEM;
		}
		from = end;
	}
	if (piece)
		mem_wipe(piece, BLOB_CHUNK_BYTES);
	mem_free(piece);
	return err;
}

static bool source_changed(void *ctx, uint64_t from, uint64_t to)
{
	struct stage *s = ctx;
	bool touched;

	pthread_mutex_lock(&s->lock);
	touched = extents_touch(&s->frozen->changed, from, to);
	pthread_mutex_unlock(&s->lock);
	return touched;
}

static int source_read(void *ctx, uint64_t offset, size_t bytes, uint8_t *ret_data)
{
	struct stage *s = ctx;
	int err;

	pthread_mutex_lock(&s->lock);
	err = read_frozen(s, offset, bytes, ret_data);
	pthread_mutex_unlock(&s->lock);
	return err;
}

static bool source_sealed(void *ctx, uint64_t chunk, struct content_ref *ret_ref)
{
	struct stage *s = ctx;
	const struct stage_frozen *z = s->frozen;

	if (chunk >= z->sealed_count)
		return false;
	*ret_ref = z->sealed[chunk];
	return true;
}

int stage_freeze(struct stage *s, struct attachment_source *ret_source)
{
	int err = freeze(s);

	if (err)
		return err;
	*ret_source = (struct attachment_source){
		.ctx = s,
		.size = s->frozen->size,
		.base_limit = s->frozen->base_limit,
		.changed = source_changed,
		.read = source_read,
		.sealed = source_sealed,
	};
	return 0;
}
