/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crypto_key.c - P-256 keys, ECDSA and ECDH: the other half of crypto.h.
 *
 * A key is parsed once into an EVP_PKEY with its point beside it; the context of the last verification
 * or signature stays with the key for the next.
 */
#include "ledger/crypto.h"
#include "ledger/mem.h"

#include <assert.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* SEQUENCE { INTEGER r, INTEGER s } of two 256-bit numbers, each with a leading zero. */
#define DER_SIG_BYTES_MAX 72
/* Some thousands of keys; a power of two each. */
#define GUARDED_BYTES ((size_t)1 << 20)
#define GUARDED_BYTES_MIN 32

struct crypto_key {
	EVP_PKEY *evp;
	uint8_t point[POINT_BYTES];
	bool is_private;
	/* An idle, set-up context each, or NULL: whoever takes it out owns it until it is put back. */
	_Atomic(EVP_PKEY_CTX *) idle_sign;
	_Atomic(EVP_PKEY_CTX *) idle_verify;
};

/* The order n of the group, and n/2, the largest s we make or take (SEC 2, 2.4.2). */
static const uint8_t order[SCALAR_BYTES] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
					    0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
					    0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
static const uint8_t order_half[SCALAR_BYTES] = {0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00,
						 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
						 0xde, 0x73, 0x7d, 0x56, 0xd3, 0x8b, 0xcf, 0x42,
						 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EC_GROUP *group; /* read only after its set-up, so shared by all threads */

static pthread_once_t guard_once = PTHREAD_ONCE_INIT;

static void guard_new(void)
{
	(void)CRYPTO_secure_malloc_init(GUARDED_BYTES, GUARDED_BYTES_MIN); /* 2: not locked */
}

void crypto_guard_keys(void)
{
	pthread_once(&guard_once, guard_new);
}

static void group_new(void)
{
	group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	assert(group);
}

/* Point and kind out of the EVP_PKEY; takes it over on success. */
static int key_new(EVP_PKEY *evp, const uint8_t point[POINT_BYTES], bool is_private,
		   struct crypto_key **ret_key)
{
	struct crypto_key *key = mem_zalloc(sizeof(*key));

	if (!key)
		return CF_ENOMEM;
	key->evp = evp;
	memcpy(key->point, point, POINT_BYTES);
	key->is_private = is_private;
	*ret_key = key;
	return 0;
}

/* An EVP_PKEY from its numbers; scalar is NULL for a public key. CF_EDECODE when OpenSSL refuses the point.
 */
static int evp_build(const uint8_t point[POINT_BYTES], const BIGNUM *scalar, EVP_PKEY **ret_evp)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *evp = NULL;
	int err = CF_ENOMEM;

	if (!bld || !ctx || !OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) ||
	    !OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, POINT_BYTES))
		goto out;
	if (scalar && !OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, scalar))
		goto out;
	params = OSSL_PARAM_BLD_to_param(bld);
	if (!params || EVP_PKEY_fromdata_init(ctx) != 1)
		goto out;
	err = CF_EDECODE;
	if (EVP_PKEY_fromdata(ctx, &evp, scalar ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) != 1)
		goto out;
	*ret_evp = evp;
	err = 0;
out:
	if (err)
		ERR_clear_error();
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	return err;
}

int crypto_key_from_point(const uint8_t point[POINT_BYTES], struct crypto_key **ret_key)
{
	EVP_PKEY *evp;
	int err;

	assert(point && ret_key);
	if (point[0] != POINT_CONVERSION_UNCOMPRESSED)
		return CF_EDECODE;
	err = evp_build(point, NULL, &evp);
	if (err)
		return err;
	err = key_new(evp, point, false, ret_key);
	if (err)
		EVP_PKEY_free(evp);
	return err;
}

int crypto_key_from_scalar(const uint8_t scalar[SCALAR_BYTES], struct crypto_key **ret_key)
{
	static const uint8_t zero[SCALAR_BYTES];
	uint8_t bytes[POINT_BYTES];
	BIGNUM *d = NULL;
	EC_POINT *q = NULL;
	EVP_PKEY *evp = NULL;
	int err = CF_ENOMEM;

	assert(scalar && ret_key);
	if (crypto_equal(scalar, zero, SCALAR_BYTES) || memcmp(scalar, order, SCALAR_BYTES) >= 0)
		return CF_EDECODE;
	pthread_once(&once, group_new);
	crypto_guard_keys();
	d = BN_secure_new();
	q = EC_POINT_new(group);
	if (!d || !q || !BN_bin2bn(scalar, SCALAR_BYTES, d))
		goto out;
	BN_set_flags(d, BN_FLG_CONSTTIME);
	if (EC_POINT_mul(group, q, d, NULL, NULL, NULL) != 1 ||
	    EC_POINT_point2oct(group, q, POINT_CONVERSION_UNCOMPRESSED, bytes, sizeof(bytes), NULL) !=
		    sizeof(bytes))
		goto out;
	err = evp_build(bytes, d, &evp);
	if (err)
		goto out;
	err = key_new(evp, bytes, true, ret_key);
	if (err)
		goto out;
	evp = NULL;
out:
	if (err)
		ERR_clear_error();
	EVP_PKEY_free(evp);
	EC_POINT_free(q);
	BN_clear_free(d);
	return err;
}

/* The coordinates rather than the encoded point, whose form depends on where the key came from. */
static int evp_point(const EVP_PKEY *evp, uint8_t ret_point[POINT_BYTES])
{
	BIGNUM *x = NULL, *y = NULL;
	int ok = EVP_PKEY_get_bn_param(evp, OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1 &&
		 EVP_PKEY_get_bn_param(evp, OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1 &&
		 BN_bn2binpad(x, ret_point + 1, 32) == 32 && BN_bn2binpad(y, ret_point + 33, 32) == 32;

	ret_point[0] = POINT_CONVERSION_UNCOMPRESSED;
	BN_free(x);
	BN_free(y);
	return ok ? 0 : CF_EINVAL;
}

/* A private key whose public half is not its own would sign what nobody can verify. */
static bool evp_pair_matches(EVP_PKEY *evp)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, evp, NULL);
	bool ok = ctx && EVP_PKEY_pairwise_check(ctx) == 1;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

int crypto_key_from_evp(void *evp_pkey, struct crypto_key **ret_key)
{
	EVP_PKEY *evp = evp_pkey;
	uint8_t point[POINT_BYTES];
	char name[32];
	BIGNUM *d = NULL;
	bool is_private;
	int err = CF_EINVAL;

	assert(evp && ret_key);
	if (!EVP_PKEY_is_a(evp, "EC") ||
	    EVP_PKEY_get_utf8_string_param(evp, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof(name), NULL) != 1 ||
	    strcmp(name, SN_X9_62_prime256v1) != 0)
		goto out;
	err = evp_point(evp, point);
	if (err)
		goto out;
	is_private = EVP_PKEY_get_bn_param(evp, OSSL_PKEY_PARAM_PRIV_KEY, &d) == 1;
	if (is_private && !evp_pair_matches(evp)) {
		err = CF_EINVAL;
		goto out;
	}
	err = key_new(evp, point, is_private, ret_key);
out:
	ERR_clear_error(); /* that a public key has no scalar leaves an entry, too */
	BN_clear_free(d);
	return err;
}

int crypto_key_in_token(void *evp_pkey, const uint8_t point[POINT_BYTES], struct crypto_key **ret_key)
{
	assert(evp_pkey && point && ret_key);
	return key_new(evp_pkey, point, true, ret_key);
}

int crypto_key_generate(struct crypto_key **ret_key)
{
	uint8_t point[POINT_BYTES];
	EVP_PKEY *evp;
	int err;

	assert(ret_key);
	crypto_guard_keys();
	evp = EVP_EC_gen("P-256");
	if (!evp)
		return CF_ENOMEM;
	err = evp_point(evp, point);
	assert(err == 0);
	err = key_new(evp, point, true, ret_key);
	if (err)
		EVP_PKEY_free(evp);
	return err;
}

void crypto_key_free(struct crypto_key *key)
{
	if (!key)
		return;
	EVP_PKEY_CTX_free(atomic_load(&key->idle_sign));
	EVP_PKEY_CTX_free(atomic_load(&key->idle_verify));
	EVP_PKEY_free(key->evp); /* wipes the scalar */
	mem_free(key);
}

void crypto_key_point(const struct crypto_key *key, uint8_t ret_point[POINT_BYTES])
{
	assert(key && ret_point);
	memcpy(ret_point, key->point, POINT_BYTES);
}

bool crypto_key_is_private(const struct crypto_key *key)
{
	assert(key);
	return key->is_private;
}

int crypto_key_scalar(const struct crypto_key *key, uint8_t ret_scalar[SCALAR_BYTES])
{
	BIGNUM *d = NULL;
	int ok;

	assert(key && ret_scalar);
	if (!key->is_private)
		return CF_EINVAL;
	ok = EVP_PKEY_get_bn_param(key->evp, OSSL_PKEY_PARAM_PRIV_KEY, &d) == 1 &&
	     BN_bn2binpad(d, ret_scalar, SCALAR_BYTES) == SCALAR_BYTES;
	BN_clear_free(d);
	return ok ? 0 : CF_ENOMEM;
}

void *crypto_key_evp(const struct crypto_key *key)
{
	assert(key);
	return key->evp;
}

struct hash crypto_key_fingerprint(const uint8_t point[POINT_BYTES])
{
	assert(point);
	return sha256(VIEW(point, POINT_BYTES));
}

/* Takes the idle context out, or makes one with init. NULL when out of memory. */
static EVP_PKEY_CTX *ctx_take(_Atomic(EVP_PKEY_CTX *) *idle, EVP_PKEY *evp, int (*init)(EVP_PKEY_CTX *))
{
	EVP_PKEY_CTX *ctx = atomic_exchange(idle, NULL);

	if (ctx)
		return ctx;
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, evp, NULL);
	if (ctx && init(ctx) != 1) {
		EVP_PKEY_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

static void ctx_put(_Atomic(EVP_PKEY_CTX *) *idle, EVP_PKEY_CTX *ctx)
{
	EVP_PKEY_CTX_free(atomic_exchange(idle, ctx));
}

/* r || s of an ECDSA_SIG, s brought into the lower half: (r, s) and (r, n - s) both verify, we have one. */
static int sig_to_raw(const ECDSA_SIG *sig, uint8_t ret_sig[SIG_BYTES])
{
	uint8_t raw[SIG_BYTES];
	int borrow = 0;

	if (BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32) != 32 ||
	    BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32) != 32)
		return CF_ENOMEM;
	if (memcmp(raw + 32, order_half, 32) > 0) {
		for (int i = 31; i >= 0; i--) {
			int digit = order[i] - raw[32 + i] - borrow;

			borrow = digit < 0;
			raw[32 + i] = (uint8_t)digit;
		}
	}
	assert(borrow == 0);
	memcpy(ret_sig, raw, SIG_BYTES);
	return 0;
}

int crypto_sign(const struct crypto_key *key, const struct hash *digest, uint8_t ret_sig[SIG_BYTES])
{
	struct crypto_key *k = (struct crypto_key *)key; /* only the idle context changes */
	uint8_t der[DER_SIG_BYTES_MAX];
	const uint8_t *in = der;
	size_t len = sizeof(der);
	ECDSA_SIG *sig = NULL;
	EVP_PKEY_CTX *ctx;
	int err = CF_ENOMEM;

	assert(key && digest && ret_sig);
	if (!key->is_private)
		return CF_EINVAL;
	ctx = ctx_take(&k->idle_sign, k->evp, EVP_PKEY_sign_init);
	if (!ctx)
		goto out;
	if (EVP_PKEY_sign(ctx, der, &len, digest->b, HASH_BYTES) == 1)
		sig = d2i_ECDSA_SIG(NULL, &in, (long)len);
	if (sig)
		err = sig_to_raw(sig, ret_sig);
	ctx_put(&k->idle_sign, ctx);
out:
	if (err)
		ERR_clear_error();
	ECDSA_SIG_free(sig);
	return err;
}

/* One DER INTEGER of an unsigned 32-byte number; returns the bytes written (3 to 35). */
static size_t der_integer(const uint8_t number[32], uint8_t *out)
{
	size_t skip = 0, at = 0;
	bool pad;

	while (skip < 31 && number[skip] == 0)
		skip++;
	pad = number[skip] & 0x80; /* else it would read as negative */
	out[at++] = 0x02;
	out[at++] = (uint8_t)(32 - skip + pad);
	if (pad)
		out[at++] = 0;
	memcpy(out + at, number + skip, 32 - skip);
	return at + 32 - skip;
}

int crypto_verify(const struct crypto_key *key, const struct hash *digest, const uint8_t sig[SIG_BYTES])
{
	struct crypto_key *k = (struct crypto_key *)key; /* only the idle context changes */
	uint8_t der[DER_SIG_BYTES_MAX];
	EVP_PKEY_CTX *ctx;
	size_t len = 2;
	int ok;

	assert(key && digest && sig);
	if (memcmp(sig + 32, order_half, 32) > 0)
		return CF_ESIG;
	ctx = ctx_take(&k->idle_verify, k->evp, EVP_PKEY_verify_init);
	if (!ctx) {
		ERR_clear_error();
		return CF_ENOMEM;
	}
	len += der_integer(sig, der + len);
	len += der_integer(sig + 32, der + len);
	der[0] = 0x30;
	der[1] = (uint8_t)(len - 2);
	ok = EVP_PKEY_verify(ctx, der, len, digest->b, HASH_BYTES) == 1; /* refuses 0 and >= n itself */
	ctx_put(&k->idle_verify, ctx);
	if (!ok)
		ERR_clear_error();
	return ok ? 0 : CF_ESIG;
}

int crypto_ecdh(const struct crypto_key *mine, const uint8_t theirs[POINT_BYTES], uint8_t ret_secret[32])
{
	struct crypto_key *peer = NULL;
	EVP_PKEY_CTX *ctx = NULL;
	size_t len = 32;
	int err;

	assert(mine && theirs && ret_secret);
	if (!mine->is_private)
		return CF_EINVAL;
	err = crypto_key_from_point(theirs, &peer);
	if (err)
		goto out;
	err = CF_ENOMEM;
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, mine->evp, NULL);
	if (!ctx || EVP_PKEY_derive_init(ctx) != 1)
		goto out;
	err = CF_EDECODE;
	if (EVP_PKEY_derive_set_peer(ctx, peer->evp) != 1 || EVP_PKEY_derive(ctx, ret_secret, &len) != 1 ||
	    len != 32)
		goto out;
	err = 0;
out:
	if (err)
		ERR_clear_error();
	EVP_PKEY_CTX_free(ctx);
	crypto_key_free(peer);
	return err;
}
