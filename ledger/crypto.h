/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crypto.h - SHA-256, HMAC, HKDF, AES-256-GCM, ECDSA and ECDH on P-256, random bytes.
 *
 * crypto.c and crypto_key.c are the only files that include OpenSSL besides acl/x509.c. Algorithms are
 * fetched once, keys are parsed once (parsing a key costs as much as a verification; CORRECTNESS 4.4),
 * contexts are per thread. All functions may be called from any thread; a struct crypto_key may be shared
 * between threads.
 */
#ifndef LEDGER_CRYPTO_H
#define LEDGER_CRYPTO_H

#include "ledger/buf.h"

#define HASH_BYTES 32
#define SIG_BYTES 64   /* r || s, big-endian, s in the lower half (malleability) */
#define POINT_BYTES 65 /* uncompressed SEC1 point: 0x04 || X || Y */
#define SCALAR_BYTES 32
#define AEAD_KEY_BYTES 32
#define AEAD_NONCE_BYTES 12
#define AEAD_TAG_BYTES 16

struct hash {
	uint8_t b[HASH_BYTES];
};

bool hash_equal(const struct hash *a, const struct hash *b);
bool hash_is_zero(const struct hash *h);

/* SHA-256 of one piece, or of several as if joined. Cannot fail (asserts on OpenSSL's refusal). */
struct hash sha256(struct view v);
struct hash sha256_parts(const struct view *parts, size_t count);

/* Incremental SHA-256. */
struct sha256_ctx;
int sha256_new(struct sha256_ctx **ret_ctx) must_check;
void sha256_update(struct sha256_ctx *ctx, struct view v);
struct hash sha256_finish(struct sha256_ctx *ctx); /* frees ctx */
void sha256_free(struct sha256_ctx *ctx);          /* accepts NULL */

struct hash hmac_sha256(struct view key, struct view data);

/* RFC 5869. Expand: bytes <= 255*32, else CF_EINVAL. hkdf = extract then expand. */
struct hash hkdf_extract(struct view salt, struct view ikm);
int hkdf_expand(struct view prk, struct view info, uint8_t *ret_out, size_t bytes) must_check;
int hkdf(struct view salt, struct view ikm, struct view info, uint8_t *ret_out, size_t bytes) must_check;

/*
 * AES-256-GCM. seal appends ciphertext and the 16-byte tag to out. open appends the plaintext.
 * Errors: CF_ECORRUPT (open: the tag does not verify; nothing appended), CF_ENOMEM, CF_ETOOBIG.
 */
int aead_seal(const uint8_t key[AEAD_KEY_BYTES], const uint8_t nonce[AEAD_NONCE_BYTES], struct view aad,
	      struct view plain, struct buf *out) must_check;
int aead_open(const uint8_t key[AEAD_KEY_BYTES], const uint8_t nonce[AEAD_NONCE_BYTES], struct view aad,
	      struct view sealed, struct buf *out) must_check;

/* From the kernel through OpenSSL; asserts on failure. */
void random_bytes(void *ret_data, size_t bytes);

bool crypto_equal(const void *a, const void *b, size_t bytes); /* constant time */

/*
 * Gives private keys memory of their own: locked, in no core file, between guard pages (OpenSSL's secure
 * heap). Called before the first private key of a process, after a fork; again it does nothing. Where memory
 * may not be locked (RLIMIT_MEMLOCK) keys may reach swap, and that is all.
 */
void crypto_guard_keys(void);

/* A P-256 key, public or private, parsed once. */
struct crypto_key;

int crypto_key_generate(struct crypto_key **ret_key) must_check;
/* CF_EDECODE when the point is not on the curve or not of the form above. */
int crypto_key_from_point(const uint8_t point[POINT_BYTES], struct crypto_key **ret_key) must_check;
int crypto_key_from_scalar(const uint8_t scalar[SCALAR_BYTES], struct crypto_key **ret_key) must_check;
void crypto_key_free(struct crypto_key *key); /* accepts NULL */
void crypto_key_point(const struct crypto_key *key, uint8_t ret_point[POINT_BYTES]);
bool crypto_key_is_private(const struct crypto_key *key);
/* Copies the secret scalar; CF_EINVAL for a public key. Caller wipes. */
int crypto_key_scalar(const struct crypto_key *key, uint8_t ret_scalar[SCALAR_BYTES]) must_check;
/* The OpenSSL EVP_PKEY inside, borrowed; for acl/x509.c only. */
void *crypto_key_evp(const struct crypto_key *key);
/* Takes over an EVP_PKEY (takes ownership on success); CF_EINVAL when it is not P-256. For acl/x509.c only.
 */
int crypto_key_from_evp(void *evp_pkey, struct crypto_key **ret_key) must_check;

/* A key in a token: an EVP_PKEY that signs, and its public half; taken over on success. For acl/x509*.c only.
 * It has no scalar. */
int crypto_key_in_token(void *evp_pkey, const uint8_t point[POINT_BYTES],
			struct crypto_key **ret_key) must_check;

/* ECDSA over a 32-byte digest. sign: CF_EINVAL for a public key. verify: CF_ESIG. High s is refused. */
int crypto_sign(const struct crypto_key *key, const struct hash *digest,
		uint8_t ret_sig[SIG_BYTES]) must_check;
int crypto_verify(const struct crypto_key *key, const struct hash *digest,
		  const uint8_t sig[SIG_BYTES]) must_check;

/* The x coordinate of the shared point. CF_EDECODE for a bad point. */
int crypto_ecdh(const struct crypto_key *mine, const uint8_t theirs[POINT_BYTES],
		uint8_t ret_secret[32]) must_check;

/* SHA-256 of the point: how keys are named in transactions. */
struct hash crypto_key_fingerprint(const uint8_t point[POINT_BYTES]);

#endif
