/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content_chunk.c - sealing and opening of chunks and manifest nodes, and references to them.
 */
#include "acl/content_private.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

#define TAG_LEVEL "chartfs level v1"
#define TAG_CHUNK "chartfs chunk v1"

bool content_ref_is_hole(const struct content_ref *r)
{
	return hash_is_zero(&r->address);
}

/*
 * The id of a plaintext at a level of a tree: equal plaintexts of one section, epoch and window get one id,
 * others (and those of another level) never.
 */
static struct hash content_id(const struct section_keys *k, uint8_t level, struct view plain)
{
	uint8_t message[sizeof(TAG_LEVEL) + 1] = TAG_LEVEL;
	struct hash key, id;

	message[sizeof(TAG_LEVEL)] = level;
	key = hmac_sha256(VIEW(k->dedup, SECTION_KEY_BYTES), VIEW(message, sizeof(message)));
	id = hmac_sha256(VIEW(key.b, HASH_BYTES), plain);
	mem_wipe(&key, sizeof(key));
	return id;
}

static int chunk_key(const struct section_keys *k, uint8_t level, const struct hash *id,
		     uint8_t ret_key[AEAD_KEY_BYTES], struct buf *ret_bind)
{
	struct enc e;
	int err;

	content_bind(&e, ret_bind, TAG_CHUNK, k);
	enc_u8(&e, level);
	err = enc_done(&e);
	if (err)
		return err;
	return hkdf(VIEW(id->b, HASH_BYTES), VIEW(k->content, SECTION_KEY_BYTES), buf_view(ret_bind), ret_key,
		    AEAD_KEY_BYTES);
}

static int chunk_seal(const struct section_keys *k, uint8_t level, const struct hash *id, struct view plain,
		      struct buf *out)
{
	uint8_t key[AEAD_KEY_BYTES];
	struct buf aad;
	int err;

	buf_init(&aad, 0);
	err = chunk_key(k, level, id, key, &aad);
	if (err == 0)
		err = aead_seal(key, content_nonce_zero, buf_view(&aad), plain, out);
	buf_release(&aad);
	mem_wipe(key, sizeof(key));
	return err;
}

static int chunk_open(const struct section_keys *k, uint8_t level, const struct hash *id, struct view sealed,
		      struct buf *out)
{
	uint8_t key[AEAD_KEY_BYTES];
	struct buf aad;
	int err;

	buf_init(&aad, 0);
	err = chunk_key(k, level, id, key, &aad);
	if (err == 0)
		err = aead_open(key, content_nonce_zero, buf_view(&aad), sealed, out);
	buf_release(&aad);
	mem_wipe(key, sizeof(key));
	return err;
}

/* What a blob's reference is, once its bytes stand behind start. */
static struct content_ref ref_of(const struct section_keys *k, const struct hash *id, const struct buf *blob,
				 size_t start)
{
	return (struct content_ref){
		.address = blob_address(VIEW(blob->data + start, blob->len - start)),
		.id = *id,
		.epoch = k->epoch,
		.window = k->window,
	};
}

int content_seal_chunk(const struct section_keys *k, struct view plain, struct buf *ret_blob,
		       struct content_ref *ret_ref)
{
	size_t start = ret_blob->len;
	struct buf sealed;
	struct hash id;
	int err;

	assert(plain.len > 0 && plain.len <= BLOB_CHUNK_BYTES);
	buf_init(&sealed, 0);
	id = content_id(k, 0, plain);
	err = chunk_seal(k, 0, &id, plain, &sealed);
	if (err == 0)
		err = blob_chunk_encode(buf_view(&sealed), ret_blob);
	if (err == 0)
		*ret_ref = ref_of(k, &id, ret_blob, start);
	else
		ret_blob->len = start;
	buf_release(&sealed);
	return err;
}

/* Nothing is opened, or even parsed, that is not what the reference names. */
static int check_address(const struct section_keys *k, const struct content_ref *ref, struct view blob)
{
	struct hash address = blob_address(blob);

	assert(k->epoch == ref->epoch && k->window == ref->window);
	return hash_equal(&address, &ref->address) ? 0 : CF_ECORRUPT;
}

int content_open_chunk(const struct section_keys *k, const struct content_ref *ref, struct view blob,
		       struct buf *out)
{
	struct view sealed;
	int err = check_address(k, ref, blob);

	if (err)
		return err;
	if (blob_chunk_decode(blob, &sealed))
		return CF_ECORRUPT;
	return chunk_open(k, 0, &ref->id, sealed, out);
}

/*
 * The sealed part of a node has the children's ids, epochs and windows and, so that the key depends on all
 * that the node says, the hash of the addresses that stand in clear.
 */
static int node_plain(const struct content_ref *children, uint32_t count, struct buf *out,
		      struct hash *ret_addresses)
{
	struct enc e;

	enc_init(&e, out);
	for (uint32_t i = 0; i < count; i++)
		ret_addresses[i] = children[i].address;
	for (uint32_t i = 0; i < count; i++) {
		enc_fixed(&e, children[i].id.b, HASH_BYTES);
		enc_u32(&e, children[i].epoch);
		enc_u32(&e, children[i].window);
	}
	enc_fixed(&e, sha256(VIEW(ret_addresses, count * sizeof(*ret_addresses))).b, HASH_BYTES);
	return enc_done(&e);
}

int content_seal_node(const struct section_keys *k, uint8_t level, const struct content_ref *children,
		      uint32_t count, struct buf *ret_blob, struct content_ref *ret_ref)
{
	struct hash *addresses = mem_array(NULL, count, sizeof(*addresses)), id;
	size_t start = ret_blob->len;
	struct buf plain, sealed;
	int err = addresses ? 0 : CF_ENOMEM;

	assert(level >= 1 && level <= BLOB_LEVELS_MAX && count >= 1 && count <= BLOB_FANOUT);
	buf_init(&plain, 0);
	buf_init(&sealed, 0);
	if (err == 0)
		err = node_plain(children, count, &plain, addresses);
	if (err)
		goto out;
	id = content_id(k, level, buf_view(&plain));
	err = chunk_seal(k, level, &id, buf_view(&plain), &sealed);
	if (err == 0)
		err = blob_node_encode(level, addresses, count, buf_view(&sealed), ret_blob);
	if (err == 0)
		*ret_ref = ref_of(k, &id, ret_blob, start);
out:
	if (err)
		ret_blob->len = start;
	buf_release_secret(&plain);
	buf_release(&sealed);
	mem_free(addresses);
	return err;
}

/* Joins the clear addresses and the opened part of a node. */
static int join_children(const struct blob_node *node, struct view plain, struct content_ref *ret_children)
{
	struct hash addresses = sha256(VIEW(node->child, (size_t)node->count * HASH_BYTES)), expected;
	struct dec d;

	dec_init(&d, plain);
	for (uint32_t i = 0; i < node->count; i++) {
		struct content_ref *c = &ret_children[i];

		memcpy(c->address.b, node->child + (size_t)i * HASH_BYTES, HASH_BYTES);
		dec_fixed(&d, c->id.b, HASH_BYTES);
		c->epoch = dec_u32(&d);
		c->window = dec_u32(&d);
	}
	dec_fixed(&d, expected.b, HASH_BYTES);
	return dec_done(&d) == 0 && hash_equal(&addresses, &expected) ? 0 : CF_ECORRUPT;
}

int content_open_node(const struct section_keys *k, const struct content_ref *ref, struct view blob,
		      uint8_t level, struct content_ref *ret_children, uint32_t *ret_count)
{
	struct blob_node node;
	struct buf plain;
	int err = check_address(k, ref, blob);

	if (err)
		return err;
	if (blob_node_decode(blob, &node) || node.level != level || node.count > BLOB_FANOUT)
		return CF_ECORRUPT;
	buf_init(&plain, 0);
	err = chunk_open(k, level, &ref->id, node.sealed, &plain);
	if (err == 0)
		err = join_children(&node, buf_view(&plain), ret_children);
	if (err == 0)
		*ret_count = node.count;
	buf_release_secret(&plain);
	return err;
}

int content_ref_encode(const struct content_ref *r, uint64_t size, struct buf *out)
{
	size_t start = out->len;
	struct enc e;
	int err;

	enc_init(&e, out);
	enc_fixed(&e, r->address.b, HASH_BYTES);
	enc_fixed(&e, r->id.b, HASH_BYTES);
	enc_u32(&e, r->epoch);
	enc_u32(&e, r->window);
	enc_u64(&e, size);
	err = enc_done(&e);
	if (err)
		out->len = start;
	return err;
}

int content_ref_decode(struct view bytes, struct content_ref *ret_ref, uint64_t *ret_size)
{
	struct content_ref r;
	uint64_t size;
	struct dec d;
	int err;

	dec_init(&d, bytes);
	dec_fixed(&d, r.address.b, HASH_BYTES);
	dec_fixed(&d, r.id.b, HASH_BYTES);
	r.epoch = dec_u32(&d);
	r.window = dec_u32(&d);
	size = dec_u64(&d);
	err = dec_done(&d);
	if (err == 0) {
		*ret_ref = r;
		*ret_size = size;
	}
	return err;
}
