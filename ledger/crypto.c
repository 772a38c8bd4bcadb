/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crypto.c - hashes, HMAC, HKDF, AES-256-GCM and random bytes on OpenSSL 3. Keys: crypto_key.c.
 *
 * Algorithms are fetched once and contexts kept per thread: an implicit fetch for each hash takes a lock
 * that all threads share (openssl issues 17064, 20286) and costs more than hashing 64 bytes.
 */
#include "ledger/crypto.h"
#include "ledger/mem.h"

#include <assert.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <string.h>

#define SHA256_BLOCK_BYTES 64

struct thread_contexts {
	EVP_MD_CTX *md;
	EVP_CIPHER_CTX *cipher;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t contexts_key;
static EVP_MD *md_sha256;
static EVP_CIPHER *cipher_gcm;

static _Thread_local struct thread_contexts *contexts;

static void contexts_free(void *arg)
{
	struct thread_contexts *c = arg;

	EVP_MD_CTX_free(c->md);
	EVP_CIPHER_CTX_free(c->cipher);
	mem_free(c);
	contexts = NULL;
}

/* --- OpenSSL's own memory: numbers and decoded keys pass through it, and not all are wiped by OpenSSL --- */

static void *lib_alloc(size_t bytes, const char *file, int line)
{
	(void)file;
	(void)line;
	return mem_secret_alloc(bytes);
}

static void *lib_resize(void *p, size_t bytes, const char *file, int line)
{
	(void)file;
	(void)line;
	return mem_secret_resize(p, bytes);
}

static void lib_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	mem_secret_free(p);
}

/* Before anything of OpenSSL is used; later it refuses, and nothing is different. */
__attribute__((constructor)) static void take_memory(void)
{
	(void)CRYPTO_set_mem_functions(lib_alloc, lib_resize, lib_free);
}

static void fetch_all(void)
{
	int rc = pthread_key_create(&contexts_key, contexts_free);

	assert(rc == 0);
	md_sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	cipher_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	assert(md_sha256 && cipher_gcm);
	(void)rc;
}

/* The contexts of this thread; NULL when out of memory. Freed when the thread ends. */
static struct thread_contexts *contexts_get(void)
{
	struct thread_contexts *c = contexts;

	if (c)
		return c;
	pthread_once(&once, fetch_all);
	c = mem_zalloc(sizeof(*c));
	if (!c)
		return NULL;
	c->md = EVP_MD_CTX_new();
	c->cipher = EVP_CIPHER_CTX_new();
	if (!c->md || !c->cipher || EVP_DigestInit_ex2(c->md, md_sha256, NULL) != 1 ||
	    pthread_setspecific(contexts_key, c) != 0) {
		contexts_free(c);
		return NULL;
	}
	contexts = c;
	return c;
}

bool hash_equal(const struct hash *a, const struct hash *b)
{
	assert(a && b);
	return memcmp(a->b, b->b, HASH_BYTES) == 0;
}

bool hash_is_zero(const struct hash *h)
{
	static const struct hash zero;

	return hash_equal(h, &zero);
}

/* Starts, feeds and ends; each step fails only for a context that is not set up. */
static void md_start(EVP_MD_CTX *md)
{
	int ok = EVP_DigestInit_ex2(md, NULL, NULL);

	assert(ok == 1);
	(void)ok;
}

static void md_feed(EVP_MD_CTX *md, struct view v)
{
	int ok = v.len ? EVP_DigestUpdate(md, v.data, v.len) : 1;

	assert(ok == 1);
	(void)ok;
}

static struct hash md_end(EVP_MD_CTX *md)
{
	struct hash h;
	unsigned int len = 0;
	int ok = EVP_DigestFinal_ex(md, h.b, &len);

	assert(ok == 1 && len == HASH_BYTES);
	(void)ok;
	return h;
}

struct hash sha256_parts(const struct view *parts, size_t count)
{
	struct thread_contexts *c = contexts_get();

	assert(c && (parts || count == 0));
	md_start(c->md);
	for (size_t i = 0; i < count; i++)
		md_feed(c->md, parts[i]);
	return md_end(c->md);
}

struct hash sha256(struct view v)
{
	return sha256_parts(&v, 1);
}

struct sha256_ctx {
	EVP_MD_CTX *md;
};

int sha256_new(struct sha256_ctx **ret_ctx)
{
	struct sha256_ctx *ctx;

	assert(ret_ctx);
	pthread_once(&once, fetch_all);
	ctx = mem_zalloc(sizeof(*ctx));
	if (!ctx)
		return CF_ENOMEM;
	ctx->md = EVP_MD_CTX_new();
	if (!ctx->md || EVP_DigestInit_ex2(ctx->md, md_sha256, NULL) != 1) {
		sha256_free(ctx);
		return CF_ENOMEM;
	}
	*ret_ctx = ctx;
	return 0;
}

void sha256_update(struct sha256_ctx *ctx, struct view v)
{
	assert(ctx);
	md_feed(ctx->md, v);
}

struct hash sha256_finish(struct sha256_ctx *ctx)
{
	struct hash h;

	assert(ctx);
	h = md_end(ctx->md);
	sha256_free(ctx);
	return h;
}

void sha256_free(struct sha256_ctx *ctx)
{
	if (!ctx)
		return;
	EVP_MD_CTX_free(ctx->md);
	mem_free(ctx);
}

/* RFC 2104 over one or more pieces, as HKDF needs them. */
static struct hash hmac_parts(struct view key, const struct view *parts, size_t count)
{
	struct thread_contexts *c = contexts_get();
	uint8_t pad[SHA256_BLOCK_BYTES] = {0};
	struct hash h;

	assert(c);
	if (key.len > sizeof(pad)) {
		h = sha256(key);
		memcpy(pad, h.b, HASH_BYTES);
	} else if (key.len) {
		memcpy(pad, key.data, key.len);
	}

	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36;
	md_start(c->md);
	md_feed(c->md, VIEW(pad, sizeof(pad)));
	for (size_t i = 0; i < count; i++)
		md_feed(c->md, parts[i]);
	h = md_end(c->md);

	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36 ^ 0x5c;
	md_start(c->md);
	md_feed(c->md, VIEW(pad, sizeof(pad)));
	md_feed(c->md, VIEW(h.b, HASH_BYTES));
	h = md_end(c->md);
	mem_wipe(pad, sizeof(pad));
	return h;
}

struct hash hmac_sha256(struct view key, struct view data)
{
	return hmac_parts(key, &data, 1);
}

struct hash hkdf_extract(struct view salt, struct view ikm)
{
	return hmac_sha256(salt, ikm); /* no salt is HashLen zeros, which HMAC's padding makes the same */
}

int hkdf_expand(struct view prk, struct view info, uint8_t *ret_out, size_t bytes)
{
	struct hash t = {{0}};
	uint8_t counter = 0;

	assert(ret_out || bytes == 0);
	if (bytes > 255 * HASH_BYTES)
		return CF_EINVAL;
	for (size_t at = 0; at < bytes; at += HASH_BYTES) {
		size_t n = bytes - at < HASH_BYTES ? bytes - at : HASH_BYTES;
		struct view parts[3];

		parts[0] = VIEW(t.b, counter ? HASH_BYTES : 0);
		parts[1] = info;
		counter++;
		parts[2] = VIEW(&counter, 1);
		t = hmac_parts(prk, parts, 3);
		memcpy(ret_out + at, t.b, n);
	}
	mem_wipe(&t, sizeof(t));
	return 0;
}

int hkdf(struct view salt, struct view ikm, struct view info, uint8_t *ret_out, size_t bytes)
{
	struct hash prk = hkdf_extract(salt, ikm);
	int err = hkdf_expand(VIEW(prk.b, HASH_BYTES), info, ret_out, bytes);

	mem_wipe(&prk, sizeof(prk));
	return err;
}

int aead_seal(const uint8_t key[AEAD_KEY_BYTES], const uint8_t nonce[AEAD_NONCE_BYTES], struct view aad,
	      struct view plain, struct buf *out)
{
	struct thread_contexts *c = contexts_get();
	uint8_t *start;
	int err, n = 0, ok;

	assert(key && nonce && out);
	if (!c)
		return CF_ENOMEM;
	if (plain.len > BUF_BYTES_MAX || aad.len > INT_MAX)
		return CF_ETOOBIG;
	err = buf_extend(out, plain.len + AEAD_TAG_BYTES, &start);
	if (err)
		return err;

	ok = EVP_EncryptInit_ex2(c->cipher, cipher_gcm, key, nonce, NULL) == 1;
	if (ok && aad.len)
		ok = EVP_EncryptUpdate(c->cipher, NULL, &n, aad.data, (int)aad.len) == 1;
	if (ok && plain.len)
		ok = EVP_EncryptUpdate(c->cipher, start, &n, plain.data, (int)plain.len) == 1;
	ok = ok && EVP_EncryptFinal_ex(c->cipher, start + plain.len, &n) == 1 &&
	     EVP_CIPHER_CTX_ctrl(c->cipher, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_BYTES, start + plain.len) == 1;
	EVP_CIPHER_CTX_reset(c->cipher); /* forgets the key */
	if (!ok) {
		ERR_clear_error();
		out->len -= plain.len + AEAD_TAG_BYTES;
		return CF_ENOMEM; /* the only way that is left for it to fail */
	}
	return 0;
}

int aead_open(const uint8_t key[AEAD_KEY_BYTES], const uint8_t nonce[AEAD_NONCE_BYTES], struct view aad,
	      struct view sealed, struct buf *out)
{
	struct thread_contexts *c = contexts_get();
	uint8_t tag[AEAD_TAG_BYTES], none[1];
	size_t bytes;
	uint8_t *start;
	int err, n = 0, ok;

	assert(key && nonce && out);
	if (!c)
		return CF_ENOMEM;
	if (sealed.len < AEAD_TAG_BYTES)
		return CF_ECORRUPT;
	bytes = sealed.len - AEAD_TAG_BYTES;
	if (bytes > BUF_BYTES_MAX || aad.len > INT_MAX)
		return CF_ETOOBIG;
	err = buf_extend(out, bytes, &start);
	if (err)
		return err;
	memcpy(tag, sealed.data + bytes, sizeof(tag)); /* OpenSSL takes it as not const */

	ok = EVP_DecryptInit_ex2(c->cipher, cipher_gcm, key, nonce, NULL) == 1;
	if (ok && aad.len)
		ok = EVP_DecryptUpdate(c->cipher, NULL, &n, aad.data, (int)aad.len) == 1;
	if (ok && bytes)
		ok = EVP_DecryptUpdate(c->cipher, start, &n, sealed.data, (int)bytes) == 1;
	ok = ok && EVP_CIPHER_CTX_ctrl(c->cipher, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag) == 1 &&
	     EVP_DecryptFinal_ex(c->cipher, none, &n) == 1;
	EVP_CIPHER_CTX_reset(c->cipher);
	if (!ok) {
		ERR_clear_error();
		mem_wipe(start, bytes); /* plaintext that nothing vouches for */
		out->len -= bytes;
		return CF_ECORRUPT;
	}
	return 0;
}

void random_bytes(void *ret_data, size_t bytes)
{
	uint8_t *out = ret_data;
	int ok = 1;

	assert(out || bytes == 0);
	while (ok == 1 && bytes) {
		int n = bytes < INT_MAX ? (int)bytes : INT_MAX;

		ok = RAND_bytes(out, n);
		out += n;
		bytes -= (size_t)n;
	}
	assert(ok == 1);
}

bool crypto_equal(const void *a, const void *b, size_t bytes)
{
	assert((a && b) || bytes == 0);
	return bytes == 0 || CRYPTO_memcmp(a, b, bytes) == 0;
}
