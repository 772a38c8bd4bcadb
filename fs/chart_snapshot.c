/* SPDX-License-Identifier: Apache-2.0 */
/* What a save takes of a stage, so that writes may go on while it is sealed and sent. */
#include "fs/chart_private.h"

void snapshot_thaw(struct snapshot *snap)
{
	struct stage *s = snap->frozen;

	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	stage_thaw(s);
	pthread_mutex_unlock(&s->lock);
	snap->frozen = NULL;
}

void snapshot_release(struct snapshot *snap)
{
	snapshot_thaw(snap);
	tree_file_release(snap->base);
	buf_release_secret(&snap->plain);
	buf_release_secret(&snap->xattrs);
	sha256_free(snap->hash);
}

static int snapshot_bytes(struct stage *s, bool is_record, struct snapshot *snap)
{
	uint8_t *data;
	int err = 0;

	if (is_record) {
		err = buf_extend(&snap->plain, s->size, &data);
		return err || s->size == 0 ? err : stage_read(s, 0, s->size, data);
	}
	if (s->size && (stage_is_whole(s) || s->size <= STAGE_HASH_BYTES))
		err = stage_take_hash(s, &snap->hash, &snap->hashed);
	if (!err)
		err = stage_freeze(s, &snap->source);
	if (!err)
		snap->frozen = s;
	return err;
}

int snapshot_take(struct stage *s, bool is_record, uint32_t record_max, struct snapshot *ret_snap)
{
	struct snapshot snap = {
		.seq = s->seq,
		.bytes_seq = s->bytes_seq,
		.size = s->size,
		.attrs = s->attrs,
		.attr_set = s->attr_set,
		.has_xattrs = s->has_xattrs,
		.base_version = s->base_version,
	};
	int err;

	if (is_record && s->size > record_max)
		return err_set(CF_ETOOBIG, "a record of %llu bytes; at most %u are allowed",
			       (unsigned long long)s->size, record_max);
	buf_init(&snap.plain, 0);
	buf_init(&snap.xattrs, 0);
	snap.base = s->base ? tree_file_ref(s->base) : NULL;
	err = buf_append_view(&snap.xattrs, buf_view(&s->xattrs));
	if (!err)
		err = snapshot_bytes(s, is_record, &snap);
	if (err)
		snapshot_release(&snap);
	else
		*ret_snap = snap;
	return err;
}
