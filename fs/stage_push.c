/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing ahead: a large file that is written in order is on its way to the peers before it is closed, so
 * that the save has only its end and its tree left to do.
 */
#include "fs/stage.h"

#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

bool stage_wants_push(struct stage *s)
{
	uint64_t from = s->sealed_count * BLOB_CHUNK_BYTES;

	/* one chunk behind the end: what is written last is often written again */
	return s->staged && !s->is_record && !s->pushing && !s->push_failed && s->size >= STAGE_PUSH_BYTES &&
	       s->sealed_count < STAGE_PUSH_CHUNKS && s->size >= from + 2 * BLOB_CHUNK_BYTES &&
	       extents_cover(&s->changed, from, from + BLOB_CHUNK_BYTES);
}

static int remember(struct stage *s, const struct content_ref *ref)
{
	if (s->sealed_count == s->sealed_cap) {
		size_t cap = s->sealed_cap ? 2 * s->sealed_cap : 64;
		struct content_ref *sealed = mem_array(s->sealed, cap, sizeof *sealed);

		if (sealed == NULL)
			return CF_ENOMEM;
		s->sealed = sealed;
		s->sealed_cap = cap;
	}
	s->sealed[s->sealed_count++] = *ref;
	return 0;
}

/* The hash goes on only as long as chunks come in order and none is written again. */
static void feed_hash(struct stage *s, uint64_t chunk, const uint8_t *data)
{
	if (s->hashed != chunk * BLOB_CHUNK_BYTES) {
		sha256_free(s->hash);
		s->hash = NULL;
		s->hashed = 0;
		return;
	}
	if (chunk == 0 && s->hash == NULL && sha256_new(&s->hash))
		return;
	if (s->hash) {
		sha256_update(s->hash, VIEW(data, BLOB_CHUNK_BYTES));
		s->hashed += BLOB_CHUNK_BYTES;
	}
}

/* One chunk: read under the lock, sealed and put without it, noted when nothing touched it meanwhile. */
static bool push_one(struct stage *s, const struct section_keys *keys, uint8_t *chunk)
{
	struct content_ref ref;
	uint64_t index;
	int err;

	pthread_mutex_lock(&s->lock);
	if (!stage_wants_push(s)) {
		pthread_mutex_unlock(&s->lock);
		return false;
	}
	index = s->sealed_count;
	s->pushing = true;
	s->push_broken = false;
	err = stage_read(s, index * BLOB_CHUNK_BYTES, BLOB_CHUNK_BYTES, chunk);
	pthread_mutex_unlock(&s->lock);
	if (!err)
		err = attachment_put_chunk(tree_attachments(s->tree), keys, VIEW(chunk, BLOB_CHUNK_BYTES),
					   &ref);
	pthread_mutex_lock(&s->lock);
	s->pushing = false;
	if (!err && !s->push_broken && s->staged && s->sealed_count == index) {
		err = remember(s, &ref);
		if (!err)
			feed_hash(s, index, chunk);
	}
	s->push_failed = err != 0;
	pthread_mutex_unlock(&s->lock);
	return err == 0;
}

void stage_push(struct stage *s, const struct section_keys *keys)
{
	uint8_t *chunk = mem_alloc(BLOB_CHUNK_BYTES);

	if (chunk == NULL)
		return;
	while (push_one(s, keys, chunk))
		;
	mem_wipe(chunk, BLOB_CHUNK_BYTES);
	mem_free(chunk);
}

int stage_take_hash(struct stage *s, struct sha256_ctx **ret_hash, uint64_t *ret_hashed)
{
	/* a chunk that went into the hash may have been written again */
	if (s->hash && s->hashed == s->sealed_count * BLOB_CHUNK_BYTES) {
		*ret_hash = s->hash;
		*ret_hashed = s->hashed;
	} else {
		int err = sha256_new(ret_hash);

		if (err)
			return err;
		sha256_free(s->hash);
		*ret_hashed = 0;
	}
	s->hash = NULL;
	s->hashed = 0;
	return 0;
}
