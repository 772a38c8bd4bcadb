/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content.c - sealing and opening of names and records.
 */
#include "acl/content_private.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

#define NAME_BYTES_MAX 255
#define NAME_PADDING 32 /* names are padded to a multiple of it, so that lengths say little */

#define TAG_DIR "chartfs dir v1"
#define TAG_NAME "chartfs name v1"
#define TAG_RECORD "chartfs record v1"

const uint8_t content_nonce_zero[AEAD_NONCE_BYTES];

void content_bind(struct enc *e, struct buf *out, const char *tag, const struct section_keys *k)
{
	enc_init(e, out);
	enc_tag(e, tag);
	enc_fixed(e, k->patient.b, PATIENT_BYTES);
	enc_u8(e, k->section);
	enc_u32(e, k->epoch);
	enc_u32(e, k->window);
}

struct name_token content_token(const struct section_keys *k, const struct node_id *dir, struct view name)
{
	uint8_t message[sizeof(TAG_DIR) + NODE_BYTES] = TAG_DIR;
	struct name_token token;
	struct hash dir_key, mac;

	memcpy(message + sizeof(TAG_DIR), dir->b, NODE_BYTES);
	dir_key = hmac_sha256(VIEW(k->token, SECTION_KEY_BYTES), VIEW(message, sizeof(message)));
	mac = hmac_sha256(VIEW(dir_key.b, HASH_BYTES), name);
	memcpy(token.b, mac.b, TOKEN_BYTES);
	mem_wipe(&dir_key, sizeof(dir_key));
	return token;
}

static bool name_ok(struct view name)
{
	return name.len > 0 && name.len <= NAME_BYTES_MAX && !memchr(name.data, 0, name.len) &&
	       !memchr(name.data, '/', name.len);
}

static int name_aad(const struct section_keys *k, const struct node_id *dir, struct buf *out)
{
	struct enc e;

	content_bind(&e, out, TAG_NAME, k);
	enc_fixed(&e, dir->b, NODE_BYTES);
	return enc_done(&e);
}

int content_seal_name(const struct section_keys *k, const struct node_id *dir, struct view name,
		      struct buf *out)
{
	uint8_t padded[1 + NAME_BYTES_MAX + NAME_PADDING] = {0};
	size_t len = (1 + name.len + NAME_PADDING - 1) / NAME_PADDING * NAME_PADDING, start = out->len;
	uint8_t nonce[AEAD_NONCE_BYTES];
	struct buf aad;
	int err;

	if (!name_ok(name))
		return err_set(name.len > NAME_BYTES_MAX ? CF_ENAMETOOLONG : CF_EINVAL, "a name of %zu bytes",
			       name.len);
	assert(len <= sizeof(padded));
	buf_init(&aad, 0);
	padded[0] = (uint8_t)name.len;
	memcpy(padded + 1, name.data, name.len);
	random_bytes(nonce, sizeof(nonce));
	err = name_aad(k, dir, &aad);
	if (err == 0)
		err = buf_append(out, nonce, sizeof(nonce));
	if (err == 0)
		err = aead_seal(k->name, nonce, buf_view(&aad), VIEW(padded, len), out);
	if (err)
		out->len = start;
	buf_release(&aad);
	mem_wipe(padded, sizeof(padded));
	return err;
}

/* The name inside its padding; CF_ECORRUPT for what content_seal_name never makes. */
static int unpad(struct view padded, struct buf *out)
{
	struct view name;

	if (padded.len == 0 || padded.len % NAME_PADDING || padded.data[0] >= padded.len)
		return CF_ECORRUPT;
	name = VIEW(padded.data + 1, padded.data[0]);
	for (size_t i = 1 + name.len; i < padded.len; i++) {
		if (padded.data[i])
			return CF_ECORRUPT;
	}
	return name_ok(name) ? buf_append_view(out, name) : CF_ECORRUPT;
}

int content_open_name(const struct section_keys *k, const struct node_id *dir, struct view sealed,
		      struct buf *out)
{
	struct buf aad, padded;
	int err;

	if (sealed.len < AEAD_NONCE_BYTES + AEAD_TAG_BYTES)
		return CF_ECORRUPT;
	buf_init(&aad, 0);
	buf_init(&padded, 0);
	err = name_aad(k, dir, &aad);
	if (err == 0)
		err = aead_open(k->name, sealed.data, buf_view(&aad),
				VIEW(sealed.data + AEAD_NONCE_BYTES, sealed.len - AEAD_NONCE_BYTES), &padded);
	if (err == 0)
		err = unpad(buf_view(&padded), out);
	buf_release(&aad);
	buf_release_secret(&padded);
	return err;
}

struct hash content_commitment(const struct section_keys *k, const struct hash *plain_hash)
{
	return hmac_sha256(VIEW(k->commit, SECTION_KEY_BYTES), VIEW(plain_hash->b, HASH_BYTES));
}

/* The binding is both the info of the key and the additional data. */
static int record_key(const struct section_keys *k, const uint8_t secret[CONTENT_SECRET_BYTES],
		      uint8_t ret_key[AEAD_KEY_BYTES], struct buf *ret_bind)
{
	struct enc e;
	int err;

	content_bind(&e, ret_bind, TAG_RECORD, k);
	err = enc_done(&e);
	if (err)
		return err;
	return hkdf(VIEW(secret, CONTENT_SECRET_BYTES), VIEW(k->content, SECTION_KEY_BYTES),
		    buf_view(ret_bind), ret_key, AEAD_KEY_BYTES);
}

int content_seal(const struct section_keys *k, const uint8_t secret[CONTENT_SECRET_BYTES], struct view plain,
		 struct buf *out)
{
	uint8_t key[AEAD_KEY_BYTES];
	struct buf aad;
	int err;

	buf_init(&aad, 0);
	err = record_key(k, secret, key, &aad);
	if (err == 0)
		err = aead_seal(key, content_nonce_zero, buf_view(&aad), plain, out);
	buf_release(&aad);
	mem_wipe(key, sizeof(key));
	return err;
}

int content_open(const struct section_keys *k, const uint8_t secret[CONTENT_SECRET_BYTES], struct view sealed,
		 struct buf *out)
{
	uint8_t key[AEAD_KEY_BYTES];
	struct buf aad;
	int err;

	buf_init(&aad, 0);
	err = record_key(k, secret, key, &aad);
	if (err == 0)
		err = aead_open(key, content_nonce_zero, buf_view(&aad), sealed, out);
	buf_release(&aad);
	mem_wipe(key, sizeof(key));
	return err;
}

int content_secret_item(uint16_t op_index, const uint8_t secret[CONTENT_SECRET_BYTES], struct buf *out)
{
	size_t start = out->len;
	struct enc e;
	int err;

	enc_init(&e, out);
	enc_u16(&e, op_index);
	enc_fixed(&e, secret, CONTENT_SECRET_BYTES);
	err = enc_done(&e);
	if (err)
		out->len = start;
	return err;
}

struct secret_search {
	uint16_t op_index;
	uint8_t secret[CONTENT_SECRET_BYTES];
};

#define SECRET_FOUND 1

static int match_secret(void *ctx, const struct annex_item *item)
{
	struct secret_search *s = ctx;
	uint8_t secret[CONTENT_SECRET_BYTES];
	uint16_t op_index;
	struct dec d;
	int err;

	if (item->kind != ANNEX_SECRET)
		return 0;
	dec_init(&d, item->body);
	op_index = dec_u16(&d);
	dec_fixed(&d, secret, sizeof(secret));
	err = dec_done(&d);
	if (err || op_index != s->op_index)
		return err;
	memcpy(s->secret, secret, sizeof(secret));
	return SECRET_FOUND;
}

int content_secret_find(struct view annex, uint16_t op_index, uint8_t ret_secret[CONTENT_SECRET_BYTES])
{
	struct secret_search s = {.op_index = op_index};
	int err = annex.len ? annex_walk(annex, match_secret, &s) : 0;

	if (err == SECRET_FOUND) {
		memcpy(ret_secret, s.secret, CONTENT_SECRET_BYTES);
		mem_wipe(&s, sizeof(s));
		return 0;
	}
	return err ? err : CF_ENOKEY;
}
