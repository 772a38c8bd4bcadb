/* SPDX-License-Identifier: Apache-2.0 */
/* Reading: from root to chunk, each opened under its parent's reference, through a cache. */
#include "fs/attachment_private.h"

#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

/* An opened blob: a chunk's plaintext, or a node's children. Found by address and id together. */
struct opened {
	struct hash address;
	struct hash id;
	uint64_t used; /* 0: free */
	uint8_t *data;
	size_t len;
};

int attachments_new(const struct attachment_io *io, struct attachments **ret_a)
{
	struct attachments *a = mem_zalloc(sizeof *a);

	if (a == NULL)
		return CF_ENOMEM;
	a->io = *io;
	a->chunks = mem_zalloc(ATTACHMENT_CACHE_CHUNKS * sizeof *a->chunks);
	a->nodes = mem_zalloc(ATTACHMENT_CACHE_NODES * sizeof *a->nodes);
	pthread_mutex_init(&a->lock, NULL);
	if (a->chunks == NULL || a->nodes == NULL) {
		attachments_free(a);
		return CF_ENOMEM;
	}
	*ret_a = a;
	return 0;
}

static void drop(struct opened *o)
{
	if (o->data)
		mem_wipe(o->data, o->len);
	mem_free(o->data);
	*o = (struct opened){.used = 0};
}

static void drop_all(struct opened *set, size_t count)
{
	for (size_t i = 0; set && i < count; i++)
		drop(&set[i]);
	mem_free(set);
}

void attachments_forget(struct attachments *a)
{
	pthread_mutex_lock(&a->lock);
	for (size_t i = 0; i < ATTACHMENT_CACHE_CHUNKS; i++)
		drop(&a->chunks[i]);
	for (size_t i = 0; i < ATTACHMENT_CACHE_NODES; i++)
		drop(&a->nodes[i]);
	pthread_mutex_unlock(&a->lock);
}

void attachments_free(struct attachments *a)
{
	if (a == NULL)
		return;
	drop_all(a->chunks, ATTACHMENT_CACHE_CHUNKS);
	drop_all(a->nodes, ATTACHMENT_CACHE_NODES);
	pthread_mutex_destroy(&a->lock);
	mem_free(a);
}

/* Under the lock. */
static struct opened *find(struct attachments *a, struct opened *set, size_t count,
			   const struct content_ref *ref)
{
	for (size_t i = 0; i < count; i++) {
		if (set[i].used && hash_equal(&set[i].address, &ref->address) &&
		    hash_equal(&set[i].id, &ref->id)) {
			set[i].used = ++a->clock;
			return &set[i];
		}
	}
	return NULL;
}

/* Keeps the bytes in place of the one used longest ago; takes ownership. */
static void keep(struct attachments *a, struct opened *set, size_t count, const struct content_ref *ref,
		 uint8_t *data, size_t len)
{
	struct opened *oldest = &set[0];

	for (size_t i = 0; i < count; i++) {
		if (set[i].used < oldest->used)
			oldest = &set[i];
	}
	drop(oldest);
	*oldest = (struct opened){ref->address, ref->id, ++a->clock, data, len};
}

static int keys_of(struct attachments *a, const struct attachment *f, const struct content_ref *ref,
		   struct section_keys *ret_keys)
{
	return a->io.keys(a->io.ctx, &f->patient, f->section, ref->epoch, ref->window, ret_keys);
}

/* Fetches and opens a node into *ret_children (BLOB_FANOUT of them, zeroed behind count). Caller frees. */
static int node_open(struct attachments *a, const struct attachment *f, const struct content_ref *ref,
		     uint8_t level, struct content_ref **ret_children)
{
	struct content_ref *children = mem_zalloc(BLOB_FANOUT * sizeof *children);
	struct section_keys keys;
	uint32_t count = 0;
	struct buf blob;
	int err = children ? 0 : CF_ENOMEM;

	buf_init(&blob, BLOB_BYTES_MAX);
	if (!err)
		err = a->io.get(a->io.ctx, &ref->address, &blob);
	if (!err)
		err = keys_of(a, f, ref, &keys);
	if (!err) {
		err = content_open_node(&keys, ref, buf_view(&blob), level, children, &count);
		mem_wipe(&keys, sizeof keys);
	}
	buf_release(&blob);
	if (err) {
		mem_free(children);
		return err;
	}
	*ret_children = children;
	return 0;
}

static int child_of(struct attachments *a, const struct attachment *f, const struct content_ref *ref,
		    uint8_t level, unsigned index, struct content_ref *ret_child)
{
	struct content_ref *children = NULL;
	struct opened *o;
	int err;

	pthread_mutex_lock(&a->lock);
	o = find(a, a->nodes, ATTACHMENT_CACHE_NODES, ref);
	if (o)
		*ret_child = ((struct content_ref *)(void *)o->data)[index];
	pthread_mutex_unlock(&a->lock);
	if (o)
		return 0;
	err = node_open(a, f, ref, level, &children);
	if (err)
		return err;
	*ret_child = children[index];
	pthread_mutex_lock(&a->lock);
	keep(a, a->nodes, ATTACHMENT_CACHE_NODES, ref, (uint8_t *)children, BLOB_FANOUT * sizeof *children);
	pthread_mutex_unlock(&a->lock);
	return 0;
}

int attachment_ref(struct attachments *a, const struct attachment *f, uint8_t level, uint64_t index,
		   struct content_ref *ret_ref)
{
	struct content_ref ref = f->root;

	assert(level <= f->level);
	if (index >> (ATTACHMENT_FANOUT_BITS * (f->level - level)))
		memset(&ref, 0, sizeof ref);
	for (uint8_t l = f->level; l > level && !content_ref_is_hole(&ref); l--) {
		unsigned child =
			(unsigned)(index >> (ATTACHMENT_FANOUT_BITS * (l - 1 - level))) % BLOB_FANOUT;
		struct content_ref next;
		int err = child_of(a, f, &ref, l, child, &next);

		if (err)
			return err;
		ref = next;
	}
	*ret_ref = ref;
	return 0;
}

/* A chunk's bytes from skip on, zeros behind its end. */
static void copy_out(const uint8_t *data, size_t len, size_t skip, size_t bytes, uint8_t *ret_data)
{
	size_t there = skip < len ? len - skip : 0;

	if (there > bytes)
		there = bytes;
	if (there)
		memcpy(ret_data, data + skip, there);
	memset(ret_data + there, 0, bytes - there);
}

static int chunk_read(struct attachments *a, const struct attachment *f, const struct content_ref *ref,
		      size_t skip, size_t bytes, uint8_t *ret_data)
{
	struct section_keys keys;
	struct buf blob, plain;
	struct opened *o;
	int err;

	pthread_mutex_lock(&a->lock);
	o = find(a, a->chunks, ATTACHMENT_CACHE_CHUNKS, ref);
	if (o)
		copy_out(o->data, o->len, skip, bytes, ret_data);
	pthread_mutex_unlock(&a->lock);
	if (o)
		return 0;
	buf_init(&blob, BLOB_BYTES_MAX);
	buf_init(&plain, BLOB_CHUNK_BYTES);
	err = a->io.get(a->io.ctx, &ref->address, &blob);
	if (!err)
		err = keys_of(a, f, ref, &keys);
	if (!err) {
		err = content_open_chunk(&keys, ref, buf_view(&blob), &plain);
		mem_wipe(&keys, sizeof keys);
	}
	if (!err) {
		uint8_t *data;
		size_t len;

		copy_out(plain.data, plain.len, skip, bytes, ret_data);
		data = buf_steal(&plain, &len);
		pthread_mutex_lock(&a->lock);
		keep(a, a->chunks, ATTACHMENT_CACHE_CHUNKS, ref, data, len);
		pthread_mutex_unlock(&a->lock);
	}
	buf_release(&blob);
	buf_release_secret(&plain);
	return err;
}

int attachment_read(struct attachments *a, const struct attachment *f, uint64_t offset, size_t bytes,
		    uint8_t *ret_data)
{
	if (offset > f->size || bytes > f->size - offset)
		return err_set(CF_EINVAL, "attachment: read past the end");
	while (bytes > 0) {
		size_t skip = offset % BLOB_CHUNK_BYTES, n = BLOB_CHUNK_BYTES - skip;
		struct content_ref ref;
		int err;

		if (n > bytes)
			n = bytes;
		err = attachment_ref(a, f, 0, offset / BLOB_CHUNK_BYTES, &ref);
		if (!err && content_ref_is_hole(&ref))
			memset(ret_data, 0, n);
		else if (!err)
			err = chunk_read(a, f, &ref, skip, n, ret_data);
		if (err)
			return err;
		ret_data += n;
		offset += n;
		bytes -= n;
	}
	return 0;
}

uint8_t attachment_level(uint64_t size)
{
	uint8_t level = 0;

	while (level < BLOB_LEVELS_MAX && size > BLOB_CHUNK_BYTES << (ATTACHMENT_FANOUT_BITS * level))
		level++;
	return level;
}
