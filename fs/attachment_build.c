/* SPDX-License-Identifier: Apache-2.0 */
/* Building a version: copy on write over the base's tree. */
#include "fs/attachment_private.h"

#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

_Static_assert(BLOB_FANOUT == 1 << ATTACHMENT_FANOUT_BITS, "fan-out");

struct builder {
	struct attachments *a;
	const struct section_keys *keys;
	const struct attachment *base; /* NULL: none */
	const struct attachment_source *source;
	struct sha256_ctx *hash;
	uint64_t hashed;
	uint8_t *chunk; /* BLOB_CHUNK_BYTES */
};

static bool all_zero(const uint8_t *data, size_t bytes)
{
	return bytes == 0 || (data[0] == 0 && memcmp(data, data + 1, bytes - 1) == 0);
}

int attachment_put_chunk(struct attachments *a, const struct section_keys *keys, struct view plain,
			 struct content_ref *ret_ref)
{
	struct content_ref ref = {.epoch = 0};
	struct buf blob;
	int err = 0;

	buf_init(&blob, BLOB_BYTES_MAX);
	if (!all_zero(plain.data, plain.len)) {
		err = content_seal_chunk(keys, plain, &blob, &ref);
		if (!err)
			err = a->io.put(a->io.ctx, &ref.address, buf_view(&blob));
	}
	if (!err)
		*ret_ref = ref;
	buf_release(&blob);
	return err;
}

/* Unchanged, and what the base has there is either wholly visible or not at all. */
static bool is_clean(const struct builder *b, uint64_t from, uint64_t span)
{
	uint64_t limit = b->source->base_limit, base_end = from + span;

	if (b->source->changed(b->source->ctx, from, from + span))
		return false;
	if (b->base == NULL || from >= limit)
		return true;
	if (base_end > b->base->size)
		base_end = b->base->size;
	return base_end <= limit;
}

static int build_chunk(struct builder *b, uint64_t index, struct content_ref *ret_ref)
{
	const struct attachment_source *s = b->source;
	uint64_t from = index * BLOB_CHUNK_BYTES;
	size_t bytes = s->size - from < BLOB_CHUNK_BYTES ? (size_t)(s->size - from) : BLOB_CHUNK_BYTES;
	bool have = s->sealed && s->sealed(s->ctx, index, ret_ref);
	bool feed = b->hash && from >= b->hashed;
	int err = 0;

	if (!have && is_clean(b, from, BLOB_CHUNK_BYTES)) {
		memset(ret_ref, 0, sizeof *ret_ref);
		if (b->base && from < s->base_limit)
			err = attachment_ref(b->a, b->base, 0, index, ret_ref);
		have = true;
	}
	if (!err && (feed || !have))
		err = s->read(s->ctx, from, bytes, b->chunk);
	if (!err && feed)
		sha256_update(b->hash, VIEW(b->chunk, bytes));
	if (!err && !have)
		err = attachment_put_chunk(b->a, b->keys, VIEW(b->chunk, bytes), ret_ref);
	return err;
}

static int build(struct builder *b, uint8_t level, uint64_t index, struct content_ref *ret_ref);

static int build_node(struct builder *b, uint8_t level, uint64_t index, struct content_ref *ret_ref)
{
	uint64_t child_span = BLOB_CHUNK_BYTES << (ATTACHMENT_FANOUT_BITS * (level - 1));
	uint64_t from = index * (child_span << ATTACHMENT_FANOUT_BITS), left = b->source->size - from;
	uint64_t wanted = (left + child_span - 1) / child_span;
	uint32_t count = wanted < BLOB_FANOUT ? (uint32_t)wanted : BLOB_FANOUT;
	struct content_ref *children = mem_array(NULL, count, sizeof *children);
	struct buf blob;
	bool holes = true;
	int err = children ? 0 : CF_ENOMEM;

	assert(from < b->source->size);
	buf_init(&blob, BLOB_BYTES_MAX);
	for (uint32_t i = 0; i < count && !err; i++) {
		err = build(b, (uint8_t)(level - 1), (index << ATTACHMENT_FANOUT_BITS) + i, &children[i]);
		holes = holes && !err && content_ref_is_hole(&children[i]);
	}
	if (!err && holes)
		memset(ret_ref, 0, sizeof *ret_ref);
	else if (!err)
		err = content_seal_node(b->keys, level, children, count, &blob, ret_ref);
	if (!err && !holes)
		err = b->a->io.put(b->a->io.ctx, &ret_ref->address, buf_view(&blob));
	buf_release(&blob);
	mem_free(children);
	return err;
}

static int build(struct builder *b, uint8_t level, uint64_t index, struct content_ref *ret_ref)
{
	uint64_t span = BLOB_CHUNK_BYTES << (ATTACHMENT_FANOUT_BITS * level), from = index * span;

	if (level == 0)
		return build_chunk(b, index, ret_ref);
	if (b->hash == NULL && is_clean(b, from, span)) {
		if (b->base == NULL || from >= b->source->base_limit) {
			memset(ret_ref, 0, sizeof *ret_ref);
			return 0;
		}
		if (level <= b->base->level)
			return attachment_ref(b->a, b->base, level, index, ret_ref);
	}
	return build_node(b, level, index, ret_ref);
}

/* A row of the chain names a root for every file that is not empty: one of zeros gets a real chunk or node,
 * too. */
static int put_zero_root(struct builder *b, struct attachment *f)
{
	uint64_t span = BLOB_CHUNK_BYTES << (ATTACHMENT_FANOUT_BITS * (f->level ? f->level - 1 : 0));
	struct content_ref *children = mem_zalloc(BLOB_FANOUT * sizeof *children);
	struct buf blob;
	int err;

	buf_init(&blob, BLOB_BYTES_MAX);
	memset(b->chunk, 0, BLOB_CHUNK_BYTES);
	if (children == NULL)
		err = CF_ENOMEM;
	else if (f->level == 0)
		err = content_seal_chunk(b->keys, VIEW(b->chunk, f->size), &blob, &f->root);
	else
		err = content_seal_node(b->keys, f->level, children, (uint32_t)((f->size + span - 1) / span),
					&blob, &f->root);
	if (!err)
		err = b->a->io.put(b->a->io.ctx, &f->root.address, buf_view(&blob));
	buf_release(&blob);
	mem_free(children);
	return err;
}

int attachment_build(struct attachments *a, const struct section_keys *keys, const struct attachment *base,
		     const struct attachment_source *source, struct sha256_ctx *hash, uint64_t hashed,
		     struct attachment *ret_f)
{
	struct builder b = {a, keys, base, source, hash, hashed, NULL};
	struct attachment f = {.patient = keys->patient, .section = keys->section, .size = source->size};
	int err = 0;

	assert(source->base_limit <= source->size && hashed % BLOB_CHUNK_BYTES == 0);
	assert(source->base_limit <= (base ? base->size : 0));
	if (source->size > ATTACHMENT_BYTES_MAX)
		return err_set(CF_ETOOBIG, "an attachment of %llu bytes; at most 1 TiB",
			       (unsigned long long)source->size);
	f.level = attachment_level(source->size);
	if (source->size) {
		b.chunk = mem_alloc(BLOB_CHUNK_BYTES);
		err = b.chunk ? build(&b, f.level, 0, &f.root) : CF_ENOMEM;
		if (!err && content_ref_is_hole(&f.root))
			err = put_zero_root(&b, &f);
		if (b.chunk)
			mem_wipe(b.chunk, BLOB_CHUNK_BYTES);
		mem_free(b.chunk);
	}
	if (!err)
		*ret_f = f;
	return err;
}

struct hash attachment_tree_hash(const struct attachment *f)
{
	uint8_t fixed[9];
	struct view parts[3] = {view_str("chartfs attachment v1"), VIEW(fixed, sizeof fixed),
				VIEW(f->root.id.b, HASH_BYTES)};

	for (int i = 0; i < 8; i++)
		fixed[i] = (uint8_t)(f->size >> (56 - 8 * i));
	fixed[8] = f->level;
	return sha256_parts(parts, 3);
}
