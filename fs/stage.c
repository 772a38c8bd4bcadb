/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/stage.h"

#include "ledger/mem.h"

#include <assert.h>
#include <string.h>
#include <time.h>

int stage_new(struct tree *t, struct spool *spool, const struct place *place, bool is_record,
	      struct stage **ret_s)
{
	struct stage *s = mem_zalloc(sizeof *s);

	if (s == NULL)
		return CF_ENOMEM;
	s->refs = 1;
	s->tree = t;
	s->spool = spool;
	s->place = *place;
	s->is_record = is_record;
	buf_init(&s->xattrs, 0);
	pthread_mutex_init(&s->save, NULL);
	pthread_mutex_init(&s->lock, NULL);
	*ret_s = s;
	return 0;
}

struct stage *stage_ref(struct stage *s)
{
	s->refs++;
	return s;
}

static void drop_sealed(struct stage *s)
{
	mem_free(s->sealed);
	s->sealed = NULL;
	s->sealed_count = 0;
	s->sealed_cap = 0;
	sha256_free(s->hash);
	s->hash = NULL;
	s->hashed = 0;
	s->push_broken = true;
	s->push_failed = false;
}

void stage_clear(struct stage *s)
{
	assert(s->frozen == NULL);
	spool_file_free(s->bytes);
	s->bytes = NULL;
	extents_release(&s->changed);
	drop_sealed(s);
	tree_file_release(s->base);
	s->base = NULL;
	s->base_limit = 0;
	s->staged = false;
	s->touched = false;
	s->attr_set = 0;
	s->has_xattrs = false;
	spool_file_remove(s->guard);
	s->guard = NULL;
	spool_file_free(s->sealed_xattrs);
	s->sealed_xattrs = NULL;
	buf_release_secret(&s->xattrs);
}

void stage_unref(struct stage *s)
{
	if (s == NULL || --s->refs > 0)
		return;
	assert(!s->in_table && s->pending == NULL);
	stage_clear(s);
	pthread_mutex_destroy(&s->save);
	pthread_mutex_destroy(&s->lock);
	mem_free(s);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void stage_touch(struct stage *s)
{
	s->touched = true;
	s->flushed = false;
	s->bytes_seq = ++s->seq;
	s->attrs.mtime_ns = s->ctime_ns = now_ns();
}

void stage_begin(struct stage *s, struct tree_file *base, bool truncate, const struct op_attrs *attrs)
{
	assert(!s->staged);
	stage_clear(s);
	s->staged = true;
	s->bytes_seq = ++s->seq;
	s->ctime_ns = now_ns();
	if (base) {
		const struct node_row *n = &base->node;

		s->base = tree_file_ref(base);
		s->base_version = base->version;
		s->attrs = (struct op_attrs){n->mode, n->uid, n->gid, n->atime_ns, n->mtime_ns};
	} else {
		s->base_version = (struct version){0, 0};
		s->attrs = (struct op_attrs){.atime_ns = s->ctime_ns, .mtime_ns = s->ctime_ns};
	}
	if (attrs)
		s->attrs = *attrs;
	s->size = base && !truncate ? base->size : 0;
	s->base_limit = s->size;
	if (truncate)
		s->attrs.mtime_ns = s->ctime_ns;
}

void stage_know(struct stage *s, const struct op_attrs *attrs, uint64_t size, uint64_t ctime_ns)
{
	s->known = *attrs;
	s->known_size = size;
	s->known_ctime_ns = ctime_ns;
}

void stage_committed(struct stage *s, uint64_t seq, struct version version)
{
	if (!version_equal(s->base_version, s->latest))
		s->first_base = s->base_version;
	s->latest = version;
	if (s->seq == seq) {
		stage_know(s, &s->attrs, s->size, s->ctime_ns);
		stage_clear(s);
		return;
	}
	/* What was not written since is the same in the new version as in what it was made of. */
	s->base_version = version;
}

int stage_write(struct stage *s, uint64_t offset, struct view data)
{
	uint64_t end = offset + data.len;
	int err;

	assert(s->staged);
	if (end < offset || end > ATTACHMENT_BYTES_MAX)
		return CF_ETOOBIG;
	if (data.len == 0)
		return 0;
	err = stage_before_change(s, offset, end);
	if (!err && s->bytes == NULL)
		err = spool_file_new(s->spool, &s->bytes);
	if (!err)
		err = spool_write(s->bytes, offset, data);
	if (!err)
		err = extents_add(&s->changed, offset, end);
	if (err)
		return err;
	if (offset / BLOB_CHUNK_BYTES <= s->sealed_count)
		s->push_broken = true;
	if (s->sealed_count > offset / BLOB_CHUNK_BYTES)
		s->sealed_count = offset / BLOB_CHUNK_BYTES;
	if (end > s->size)
		s->size = end;
	stage_touch(s);
	return 0;
}

int stage_truncate(struct stage *s, uint64_t size)
{
	int err;

	assert(s->staged);
	if (size > ATTACHMENT_BYTES_MAX)
		return CF_ETOOBIG;
	err = stage_before_change(s, size, s->size);
	if (!err && s->bytes && spool_file_size(s->bytes) > size)
		err = spool_truncate(s->bytes, size);
	if (err)
		return err;
	extents_cut(&s->changed, size);
	if (s->base_limit > size)
		s->base_limit = size;
	if (s->sealed_count > size / BLOB_CHUNK_BYTES)
		s->sealed_count = size / BLOB_CHUNK_BYTES;
	s->push_broken = true;
	s->size = size;
	stage_touch(s);
	return 0;
}

int stage_read(struct stage *s, uint64_t offset, size_t bytes, uint8_t *ret_data)
{
	assert(s->staged && offset <= s->size && bytes <= s->size - offset);
	while (bytes > 0) {
		uint64_t end;
		bool mine = extents_run(&s->changed, offset, &end);
		size_t n = end - offset < bytes ? (size_t)(end - offset) : bytes;
		int err = 0;

		if (mine) {
			err = spool_read(s->bytes, offset, n, ret_data);
		} else if (offset < s->base_limit) {
			if (n > s->base_limit - offset)
				n = (size_t)(s->base_limit - offset);
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

int stage_seal(struct stage *s)
{
	int err;

	if (s->xattrs.len == 0 || s->sealed_xattrs)
		return 0;
	err = spool_file_new(s->spool, &s->sealed_xattrs);
	if (!err)
		err = spool_write(s->sealed_xattrs, 0, buf_view(&s->xattrs));
	if (!err) {
		buf_release_secret(&s->xattrs);
	} else {
		spool_file_free(s->sealed_xattrs);
		s->sealed_xattrs = NULL;
	}
	return err;
}

int stage_unseal(struct stage *s)
{
	uint8_t *data;
	uint64_t size;
	int err;

	if (s->sealed_xattrs == NULL)
		return 0;
	size = spool_file_size(s->sealed_xattrs);
	err = buf_extend(&s->xattrs, size, &data);
	if (!err)
		err = spool_read(s->sealed_xattrs, 0, size, data);
	if (err) {
		buf_release_secret(&s->xattrs);
		return err;
	}
	spool_file_free(s->sealed_xattrs);
	s->sealed_xattrs = NULL;
	return 0;
}

bool stage_is_whole(const struct stage *s)
{
	return s->base_limit == 0 || extents_cover(&s->changed, 0, s->base_limit);
}
