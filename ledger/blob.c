/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blob.c - the interface's dispatch, the two kinds of blobs, and the walk over a tree.
 */
#include "ledger/blob.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

#define TAG_NODE 0x4d
#define TAG_CHUNK 0x43

int blob_put(struct blob_store *s, const struct hash *address, struct view bytes)
{
	assert(s && address);
	return bytes.len > BLOB_BYTES_MAX ? CF_ETOOBIG : s->ops->put(s, address, bytes);
}

int blob_get(struct blob_store *s, const struct hash *address, struct buf *out)
{
	assert(s && address && out);
	return s->ops->get(s, address, out);
}

bool blob_has(struct blob_store *s, const struct hash *address)
{
	assert(s && address);
	return s->ops->has(s, address);
}

bool blob_has_node(struct blob_store *s, const struct hash *address)
{
	assert(s && address);
	return s->ops->is_node(s, address);
}

int blob_touch(struct blob_store *s, const struct hash *address, uint64_t time_ms)
{
	assert(s && address);
	return s->ops->touch(s, address, time_ms);
}

int blob_sync(struct blob_store *s)
{
	assert(s);
	return s->ops->sync(s);
}

int blob_remove(struct blob_store *s, const struct hash *address)
{
	assert(s && address);
	return s->ops->remove(s, address);
}

int blob_walk(struct blob_store *s, int (*on_blob)(void *ctx, const struct blob_info *blob), void *ctx)
{
	int err = 0;

	for (unsigned first = 0; first <= UINT8_MAX && !err; first++)
		err = blob_walk_part(s, (uint8_t)first, on_blob, ctx);
	return err;
}

int blob_walk_part(struct blob_store *s, uint8_t first,
		   int (*on_blob)(void *ctx, const struct blob_info *blob), void *ctx)
{
	assert(s && on_blob);
	return s->ops->walk(s, first, on_blob, ctx);
}

void blob_close(struct blob_store *s)
{
	if (s)
		s->ops->close(s);
}

struct hash blob_address(struct view bytes)
{
	return sha256(bytes);
}

bool blob_is_node(struct view bytes)
{
	return bytes.len > 0 && bytes.data[0] == TAG_NODE;
}

int blob_node_decode(struct view bytes, struct blob_node *ret_node)
{
	struct blob_node node;
	struct dec d;
	int err;

	assert(ret_node);
	if (bytes.len > BLOB_BYTES_MAX)
		return CF_EDECODE;
	dec_init(&d, bytes);
	if (dec_u8(&d) != TAG_NODE)
		dec_fail(&d, CF_EDECODE);
	node.level = dec_u8(&d);
	if (node.level < 1 || node.level > BLOB_LEVELS_MAX)
		dec_fail(&d, CF_EDECODE);
	node.count = dec_count32(&d, BLOB_FANOUT);
	node.child = dec_take(&d, (size_t)node.count * HASH_BYTES).data;
	node.sealed = dec_bytes(&d, BLOB_BYTES_MAX);
	err = dec_done(&d);
	if (!err)
		*ret_node = node;
	return err;
}

int blob_node_encode(uint8_t level, const struct hash *children, uint32_t count, struct view sealed,
		     struct buf *out)
{
	size_t start = out->len;
	struct enc e;
	int err;

	assert(level >= 1 && level <= BLOB_LEVELS_MAX && count <= BLOB_FANOUT && (children || count == 0));
	enc_init(&e, out);
	enc_u8(&e, TAG_NODE);
	enc_u8(&e, level);
	enc_u32(&e, count);
	for (uint32_t i = 0; i < count; i++)
		enc_fixed(&e, children[i].b, HASH_BYTES);
	enc_bytes(&e, sealed);
	err = enc_done(&e);
	if (!err && out->len - start > BLOB_BYTES_MAX)
		err = CF_ETOOBIG;
	if (err)
		out->len = start;
	return err;
}

int blob_chunk_encode(struct view sealed, struct buf *out)
{
	uint8_t tag = TAG_CHUNK;
	size_t start = out->len;
	int err;

	if (sealed.len >= BLOB_BYTES_MAX)
		return CF_ETOOBIG;
	err = buf_append(out, &tag, 1);
	if (!err)
		err = buf_append_view(out, sealed);
	if (err)
		out->len = start;
	return err;
}

int blob_chunk_decode(struct view bytes, struct view *ret_sealed)
{
	assert(ret_sealed);
	if (bytes.len < 1 || bytes.len > BLOB_BYTES_MAX || bytes.data[0] != TAG_CHUNK)
		return CF_EDECODE;
	*ret_sealed = VIEW(bytes.data + 1, bytes.len - 1);
	return 0;
}

/* ---- tree ---- */

struct tree_walk {
	struct blob_store *store;
	const struct blob_tree_visit *visit;
	bool missing; /* anywhere so far */
};

/* level: what a node must have here; 0: a chunk; -1: the root, which is any. *ret_whole: nothing missing
 * below. */
static int visit_blob(struct tree_walk *w, const struct hash *address, int level, bool *ret_whole);

static int visit_children(struct tree_walk *w, const struct blob_node *node, bool *ret_whole)
{
	bool all = true;

	for (uint32_t i = 0; i < node->count; i++) {
		struct hash child;
		bool whole = true;
		int err = 0;

		memcpy(child.b, node->child + (size_t)i * HASH_BYTES, HASH_BYTES);
		if (!hash_is_zero(&child))
			err = visit_blob(w, &child, node->level - 1, &whole);
		if (err)
			return err;
		all = all && whole;
	}
	*ret_whole = all;
	return 0;
}

/* Takes a blob's bytes for what its place asks for and goes on below. */
static int visit_bytes(struct tree_walk *w, struct view bytes, int level, bool *ret_whole)
{
	struct blob_node node;
	struct view sealed;
	int err;

	if (!blob_is_node(bytes)) {
		err = blob_chunk_decode(bytes, &sealed);
		if (!err && level > 0)
			err = CF_EDECODE;
		if (!err)
			*ret_whole = true;
		return err;
	}
	err = blob_node_decode(bytes, &node);
	if (err || (level >= 0 && node.level != level))
		return CF_EDECODE;
	return visit_children(w, &node, ret_whole);
}

static int visit_blob(struct tree_walk *w, const struct hash *address, int level, bool *ret_whole)
{
	const struct blob_tree_visit *v = w->visit;
	struct hashset *seen;
	struct buf bytes;
	bool whole = false;
	int err;

	if (v->lacking && hashset_has(v->lacking, address)) {
		w->missing = true;
		*ret_whole = false;
		return 0;
	}
	if ((v->whole && hashset_has(v->whole, address)) ||
	    (v->is_complete && v->is_complete(v->ctx, address))) {
		*ret_whole = true;
		return 0;
	}
	buf_init(&bytes, BLOB_BYTES_MAX);
	err = blob_get(w->store, address, &bytes);
	if (err == CF_ENOTFOUND || err == CF_ECORRUPT) {
		w->missing = true;
		whole = false;
		err = v->on_missing ? v->on_missing(v->ctx, address) : 0;
	} else if (!err) {
		err = visit_bytes(w, buf_view(&bytes), level, &whole);
		if (!err && whole && v->on_complete)
			err = v->on_complete(v->ctx, address);
		seen = whole ? v->whole : v->lacking;
		if (!err && seen && blob_is_node(buf_view(&bytes)))
			err = hashset_add(seen, address, NULL);
	}
	if (!err)
		*ret_whole = whole;
	buf_release(&bytes);
	return err;
}

int blob_tree_check(struct blob_store *s, const struct hash *root, const struct blob_tree_visit *visit)
{
	struct tree_walk w = {.store = s, .visit = visit};
	bool whole = false;
	int err;

	assert(s && root && visit);
	err = visit_blob(&w, root, -1, &whole);
	if (err)
		return err;
	assert(whole == !w.missing);
	return whole ? 0 : CF_ENOTFOUND;
}
