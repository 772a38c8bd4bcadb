/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hpke.c - RFC 9180, base mode, single shot. Function and label names are those of the RFC.
 *
 * A fresh ephemeral key for each sealing, so the sequence number is always 0 and the nonce the base nonce.
 */
#include "acl/hpke.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

#define KEM_ID 0x0010 /* DHKEM(P-256, HKDF-SHA256) */
#define KDF_ID 0x0001 /* HKDF-SHA256 */

#define LABEL_BYTES_MAX 32

/* "KEM" || kem id, or "HPKE" || kem id || kdf id || aead id. */
struct suite {
	uint8_t b[10];
	size_t len;
};

static const struct suite kem_suite = {{'K', 'E', 'M', KEM_ID >> 8, KEM_ID & 0xff}, 5};

static struct suite hpke_suite(uint16_t aead_id)
{
	return (struct suite){{'H', 'P', 'K', 'E', KEM_ID >> 8, KEM_ID & 0xff, KDF_ID >> 8, KDF_ID & 0xff,
			       (uint8_t)(aead_id >> 8), (uint8_t)aead_id},
			      10};
}

/* "HPKE-v1" || suite_id || label || rest, appended. */
static int labeled(struct buf *b, const struct suite *suite, const char *label, struct view rest)
{
	int err;

	assert(strlen(label) <= LABEL_BYTES_MAX);
	err = buf_append(b, "HPKE-v1", 7);
	if (!err)
		err = buf_append(b, suite->b, suite->len);
	if (!err)
		err = buf_append_view(b, view_str(label));
	if (!err)
		err = buf_append_view(b, rest);
	return err;
}

/* RFC 9180 section 4: LabeledExtract. */
static int labeled_extract(struct view salt, const struct suite *suite, const char *label, struct view ikm,
			   struct hash *ret_prk)
{
	struct buf b;
	int err;

	buf_init(&b, 0);
	err = labeled(&b, suite, label, ikm);
	if (!err)
		*ret_prk = hkdf_extract(salt, buf_view(&b));
	buf_release_secret(&b);
	return err;
}

/* RFC 9180 section 4: LabeledExpand. */
static int labeled_expand(const struct hash *prk, const struct suite *suite, const char *label,
			  struct view info, uint8_t *ret_out, size_t bytes)
{
	uint8_t length[2] = {(uint8_t)(bytes >> 8), (uint8_t)bytes};
	struct buf b;
	int err;

	buf_init(&b, 0);
	err = buf_append(&b, length, sizeof(length));
	if (!err)
		err = labeled(&b, suite, label, info);
	if (!err)
		err = hkdf_expand(VIEW(prk->b, HASH_BYTES), buf_view(&b), ret_out, bytes);
	buf_release_secret(&b);
	return err;
}

/* Section 4.1: ExtractAndExpand with kem_context = enc || pkRm. */
static int shared_secret(const uint8_t dh[32], const uint8_t enc[POINT_BYTES],
			 const uint8_t recipient[POINT_BYTES], uint8_t ret_shared[HASH_BYTES])
{
	uint8_t context[2 * POINT_BYTES];
	struct hash prk;
	int err;

	memcpy(context, enc, POINT_BYTES);
	memcpy(context + POINT_BYTES, recipient, POINT_BYTES);
	err = labeled_extract(VIEW_NONE, &kem_suite, "eae_prk", VIEW(dh, 32), &prk);
	if (!err)
		err = labeled_expand(&prk, &kem_suite, "shared_secret", VIEW(context, sizeof(context)),
				     ret_shared, HASH_BYTES);
	mem_wipe(&prk, sizeof(prk));
	return err;
}

/* Section 5.1: KeySchedule in base mode: no PSK, an empty psk_id. */
static int key_schedule(const struct suite *suite, struct view info, size_t key_bytes, struct hpke_secrets *s)
{
	uint8_t context[1 + 2 * HASH_BYTES] = {0}; /* mode_base, psk_id_hash, info_hash */
	struct view context_view = VIEW(context, sizeof(context));
	struct hash psk_id_hash, info_hash, secret;
	int err;

	err = labeled_extract(VIEW_NONE, suite, "psk_id_hash", VIEW_NONE, &psk_id_hash);
	if (!err)
		err = labeled_extract(VIEW_NONE, suite, "info_hash", info, &info_hash);
	if (err)
		return err;
	memcpy(context + 1, psk_id_hash.b, HASH_BYTES);
	memcpy(context + 1 + HASH_BYTES, info_hash.b, HASH_BYTES);
	err = labeled_extract(VIEW(s->shared, HASH_BYTES), suite, "secret", VIEW_NONE, &secret);
	if (!err)
		err = labeled_expand(&secret, suite, "key", context_view, s->key, key_bytes);
	if (!err)
		err = labeled_expand(&secret, suite, "base_nonce", context_view, s->nonce, AEAD_NONCE_BYTES);
	mem_wipe(&secret, sizeof(secret));
	return err;
}

static int derive_shared(const uint8_t dh[32], const uint8_t enc[POINT_BYTES],
			 const uint8_t recipient[POINT_BYTES], struct view info, uint16_t aead_id,
			 size_t key_bytes, struct hpke_secrets *ret_secrets)
{
	struct suite suite = hpke_suite(aead_id);
	struct hpke_secrets s = {0};
	int err = shared_secret(dh, enc, recipient, s.shared);

	assert(key_bytes <= sizeof(s.key));
	if (!err)
		err = key_schedule(&suite, info, key_bytes, &s);
	if (!err)
		*ret_secrets = s;
	mem_wipe(&s, sizeof(s));
	return err;
}

int hpke_derive(const struct crypto_key *mine, const uint8_t theirs[POINT_BYTES],
		const uint8_t enc[POINT_BYTES], const uint8_t recipient[POINT_BYTES], struct view info,
		uint16_t aead_id, size_t key_bytes, struct hpke_secrets *ret_secrets)
{
	uint8_t dh[32];
	int err;

	assert(mine && theirs && enc && recipient && ret_secrets);
	err = crypto_ecdh(mine, theirs, dh);
	if (!err)
		err = derive_shared(dh, enc, recipient, info, aead_id, key_bytes, ret_secrets);
	mem_wipe(dh, sizeof(dh));
	return err;
}

int hpke_seal_with(const struct crypto_key *ephemeral, const uint8_t recipient[POINT_BYTES], struct view info,
		   struct view aad, struct view plain, struct buf *out)
{
	struct hpke_secrets s = {0};
	uint8_t enc[POINT_BYTES];
	size_t before;
	int err;

	assert(ephemeral && recipient && out);
	before = out->len;
	crypto_key_point(ephemeral, enc);
	err = hpke_derive(ephemeral, recipient, enc, recipient, info, HPKE_AEAD_ID, AEAD_KEY_BYTES, &s);
	if (!err)
		err = buf_append(out, enc, sizeof(enc));
	if (!err)
		err = aead_seal(s.key, s.nonce, aad, plain, out);
	if (err)
		out->len = before;
	mem_wipe(&s, sizeof(s));
	return err;
}

int hpke_seal(const uint8_t recipient[POINT_BYTES], struct view info, struct view aad, struct view plain,
	      struct buf *out)
{
	struct crypto_key *ephemeral = NULL;
	int err = crypto_key_generate(&ephemeral);

	if (!err)
		err = hpke_seal_with(ephemeral, recipient, info, aad, plain, out);
	crypto_key_free(ephemeral);
	return err;
}

int hpke_open_shared(const uint8_t dh[32], const uint8_t recipient[POINT_BYTES], struct view info,
		     struct view aad, struct view sealed, struct buf *out)
{
	struct hpke_secrets s = {0};
	int err;

	assert(dh && recipient && out);
	if (sealed.len < HPKE_OVERHEAD_BYTES)
		return CF_EDECODE;
	err = derive_shared(dh, sealed.data, recipient, info, HPKE_AEAD_ID, AEAD_KEY_BYTES, &s);
	if (!err)
		err = aead_open(s.key, s.nonce, aad,
				VIEW(sealed.data + HPKE_ENC_BYTES, sealed.len - HPKE_ENC_BYTES), out);
	mem_wipe(&s, sizeof(s));
	return err;
}

int hpke_open(const struct crypto_key *recipient, struct view info, struct view aad, struct view sealed,
	      struct buf *out)
{
	uint8_t point[POINT_BYTES], dh[32];
	int err;

	assert(recipient && out);
	if (sealed.len < HPKE_OVERHEAD_BYTES)
		return CF_EDECODE;
	crypto_key_point(recipient, point);
	err = crypto_ecdh(recipient, sealed.data, dh);
	if (!err)
		err = hpke_open_shared(dh, point, info, aad, sealed, out);
	mem_wipe(dh, sizeof(dh));
	return err;
}
