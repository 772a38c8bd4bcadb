/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors: RFC 6979 A.2.5 (ECDSA on P-256, SHA-256) and RFC 5903 8.1 (ECDH on P-256). */
#include "ledger/crypto.h"
#include "ledger/mem.h"
#include "tests/lib/t.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <pthread.h>

#define RFC6979_X "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"
#define RFC6979_POINT                                                        \
	"0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6" \
	"7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
/* message "test": s in the lower half */
#define RFC6979_SIG_LOW                                                    \
	"f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367" \
	"019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083"
/* message "sample": s in the upper half, and n - s */
#define RFC6979_R "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
#define RFC6979_S_HIGH "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
#define RFC6979_S_LOW "0834e36ad29a83bf2bc9385e491d6099c8fdf9d1ed67aa7ea5f51f93782857a9"
#define ORDER "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"

static struct crypto_key *key_of_scalar(const char *hex)
{
	uint8_t scalar[SCALAR_BYTES];
	struct crypto_key *key;

	t_zero(hex_decode(hex, scalar, sizeof(scalar)));
	t_zero(crypto_key_from_scalar(scalar, &key));
	return key;
}

static struct crypto_key *key_of_point(const char *hex)
{
	uint8_t point[POINT_BYTES];
	struct crypto_key *key;

	t_zero(hex_decode(hex, point, sizeof(point)));
	t_zero(crypto_key_from_point(point, &key));
	return key;
}

static int verify_hex(const struct crypto_key *key, const char *message, const char *sig_hex)
{
	struct hash digest = sha256(view_str(message));
	uint8_t sig[SIG_BYTES];

	t_zero(hex_decode(sig_hex, sig, sizeof(sig)));
	return crypto_verify(key, &digest, sig);
}

T_TEST(scalar_gives_point)
{
	struct crypto_key *key = key_of_scalar(RFC6979_X);
	uint8_t point[POINT_BYTES], scalar[SCALAR_BYTES];
	char hex[2 * POINT_BYTES + 1];

	t_ok(crypto_key_is_private(key));
	crypto_key_point(key, point);
	hex_encode(point, POINT_BYTES, hex);
	t_str(hex, RFC6979_POINT);
	t_zero(crypto_key_scalar(key, scalar));
	hex_encode(scalar, SCALAR_BYTES, hex);
	t_str(hex, RFC6979_X);
	crypto_key_free(key);
}

T_TEST(scalar_out_of_range_is_refused)
{
	static const char *const bad[] = {"0000000000000000000000000000000000000000000000000000000000000000",
					  ORDER,
					  "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"};
	uint8_t scalar[SCALAR_BYTES];
	struct crypto_key *key = NULL;

	for (size_t i = 0; i < 3; i++) {
		t_zero(hex_decode(bad[i], scalar, sizeof(scalar)));
		t_err(crypto_key_from_scalar(scalar, &key), CF_EDECODE);
	}
	t_ok(!key);
	/* 1 and n - 1 are in it */
	crypto_key_free(key_of_scalar("0000000000000000000000000000000000000000000000000000000000000001"));
	crypto_key_free(key_of_scalar("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550"));
}

T_TEST(bad_points_are_refused)
{
	uint8_t point[POINT_BYTES], copy[POINT_BYTES];
	struct crypto_key *key = NULL;

	t_zero(hex_decode(RFC6979_POINT, point, sizeof(point)));
	for (size_t i = 0; i < POINT_BYTES; i++) {
		memcpy(copy, point, sizeof(copy));
		copy[i] ^= 1; /* another form, or off the curve */
		t_err(crypto_key_from_point(copy, &key), CF_EDECODE);
	}
	memset(copy, 0, sizeof(copy));
	t_err(crypto_key_from_point(copy, &key), CF_EDECODE);
	copy[0] = 4;
	t_err(crypto_key_from_point(copy, &key), CF_EDECODE);
	memset(copy + 1, 0xff, sizeof(copy) - 1);
	t_err(crypto_key_from_point(copy, &key), CF_EDECODE);
	t_ok(!key);
}

T_TEST(verify_rfc6979)
{
	struct crypto_key *key = key_of_point(RFC6979_POINT);

	t_ok(!crypto_key_is_private(key));
	t_zero(verify_hex(key, "test", RFC6979_SIG_LOW));
	t_err(verify_hex(key, "tesu", RFC6979_SIG_LOW), CF_ESIG);
	t_zero(verify_hex(key, "test", RFC6979_SIG_LOW)); /* a failure leaves no trace in the context */
	crypto_key_free(key);
}

T_TEST(high_s_is_refused)
{
	struct crypto_key *key = key_of_point(RFC6979_POINT);

	t_zero(verify_hex(key, "sample", RFC6979_R RFC6979_S_LOW));
	t_err(verify_hex(key, "sample", RFC6979_R RFC6979_S_HIGH), CF_ESIG);
	crypto_key_free(key);
}

T_TEST(zero_and_order_are_refused)
{
	static const char zero[] = "0000000000000000000000000000000000000000000000000000000000000000";
	struct crypto_key *key = key_of_point(RFC6979_POINT);
	char sig[2 * SIG_BYTES + 1];

	snprintf(sig, sizeof(sig), "%s%s", RFC6979_R, zero);
	t_err(verify_hex(key, "sample", sig), CF_ESIG);
	snprintf(sig, sizeof(sig), "%s%s", zero, RFC6979_S_LOW);
	t_err(verify_hex(key, "sample", sig), CF_ESIG);
	t_err(verify_hex(key, "sample", ORDER RFC6979_S_LOW), CF_ESIG);
	snprintf(sig, sizeof(sig), "%s%s", zero, zero);
	t_err(verify_hex(key, "sample", sig), CF_ESIG);
	crypto_key_free(key);
}

T_TEST(sign_and_verify)
{
	static const uint8_t half_top[] = {0x7f, 0xff, 0xff, 0xff, 0x80};
	struct crypto_key *key, *other;
	uint8_t point[POINT_BYTES];

	t_zero(crypto_key_generate(&key));
	t_zero(crypto_key_generate(&other));
	for (int i = 0; i < 64; i++) { /* about half would have a high s */
		struct hash digest = sha256(VIEW(&i, sizeof(i)));
		uint8_t sig[SIG_BYTES];

		t_zero(crypto_sign(key, &digest, sig));
		t_ok(memcmp(sig + 32, half_top, sizeof(half_top)) < 0);
		t_zero(crypto_verify(key, &digest, sig));
		t_err(crypto_verify(other, &digest, sig), CF_ESIG);
	}
	crypto_key_point(key, point);
	t_eq(point[0], 4);
	crypto_key_free(key);
	crypto_key_free(other);
	crypto_key_free(NULL);
}

T_TEST(every_byte_tampered)
{
	struct crypto_key *key = key_of_scalar(RFC6979_X);
	struct hash digest = sha256(view_str("message"));
	uint8_t sig[SIG_BYTES];

	t_zero(crypto_sign(key, &digest, sig));
	for (size_t i = 0; i < SIG_BYTES; i++) {
		sig[i] ^= 0x01;
		t_err(crypto_verify(key, &digest, sig), CF_ESIG);
		sig[i] ^= 0x01;
	}
	for (size_t i = 0; i < HASH_BYTES; i++) {
		digest.b[i] ^= 0x10;
		t_err(crypto_verify(key, &digest, sig), CF_ESIG);
		digest.b[i] ^= 0x10;
	}
	t_zero(crypto_verify(key, &digest, sig));
	crypto_key_free(key);
}

T_TEST(public_key_cannot_sign)
{
	struct crypto_key *key = key_of_point(RFC6979_POINT);
	struct hash digest = {{1}};
	uint8_t sig[SIG_BYTES], scalar[SCALAR_BYTES], point[POINT_BYTES], secret[32];

	crypto_key_point(key, point);
	t_err(crypto_sign(key, &digest, sig), CF_EINVAL);
	t_err(crypto_key_scalar(key, scalar), CF_EINVAL);
	t_err(crypto_ecdh(key, point, secret), CF_EINVAL);
	crypto_key_free(key);
}

T_TEST(ecdh_rfc5903)
{
	struct crypto_key *i =
		key_of_scalar("c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433");
	struct crypto_key *r =
		key_of_scalar("c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53");
	uint8_t i_point[POINT_BYTES], r_point[POINT_BYTES], one[32], two[32];
	char hex[65];

	crypto_key_point(i, i_point);
	crypto_key_point(r, r_point);
	t_zero(crypto_ecdh(i, r_point, one));
	t_zero(crypto_ecdh(r, i_point, two));
	t_bytes(one, 32, two, 32);
	hex_encode(one, 32, hex);
	t_str(hex, "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de");
	r_point[64] ^= 1;
	t_err(crypto_ecdh(i, r_point, two), CF_EDECODE);
	t_bytes(one, 32, two, 32);
	crypto_key_free(i);
	crypto_key_free(r);
}

T_TEST(evp_taken_over)
{
	struct crypto_key *key = key_of_scalar(RFC6979_X), *again = NULL;
	EVP_PKEY *evp = EVP_PKEY_dup(crypto_key_evp(key));
	struct hash digest = {{7}};
	uint8_t sig[SIG_BYTES], a[POINT_BYTES], b[POINT_BYTES];

	t_zero(crypto_key_from_evp(evp, &again));
	t_ok(crypto_key_is_private(again));
	crypto_key_point(key, a);
	crypto_key_point(again, b);
	t_bytes(a, POINT_BYTES, b, POINT_BYTES);
	t_zero(crypto_sign(again, &digest, sig));
	t_zero(crypto_verify(key, &digest, sig));
	crypto_key_free(key);
	crypto_key_free(again);

	key = key_of_point(RFC6979_POINT);
	evp = EVP_PKEY_dup(crypto_key_evp(key));
	t_zero(crypto_key_from_evp(evp, &again));
	t_ok(!crypto_key_is_private(again));
	crypto_key_free(key);
	crypto_key_free(again);
}

T_TEST(evp_of_other_kinds_is_refused)
{
	EVP_PKEY *p384 = EVP_EC_gen("P-384"), *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	struct crypto_key *key = NULL;

	t_ok(p384 && ed);
	t_err(crypto_key_from_evp(p384, &key), CF_EINVAL);
	t_err(crypto_key_from_evp(ed, &key), CF_EINVAL);
	t_ok(!key);
	EVP_PKEY_free(p384);
	EVP_PKEY_free(ed);
}

T_TEST(out_of_memory)
{
	uint8_t point[POINT_BYTES], scalar[SCALAR_BYTES] = {1};
	struct crypto_key *key = NULL;

	t_zero(hex_decode(RFC6979_POINT, point, sizeof(point)));
	mem_fail_after(0);
	t_err(crypto_key_from_point(point, &key), CF_ENOMEM);
	mem_fail_after(0);
	t_err(crypto_key_from_scalar(scalar, &key), CF_ENOMEM);
	mem_fail_after(0);
	t_err(crypto_key_generate(&key), CF_ENOMEM);
	t_ok(!key);
}

T_TEST(fingerprint_is_the_hash_of_the_point)
{
	uint8_t point[POINT_BYTES];
	struct hash want, got;

	t_zero(hex_decode(RFC6979_POINT, point, sizeof(point)));
	want = sha256(VIEW(point, POINT_BYTES));
	got = crypto_key_fingerprint(point);
	t_ok(hash_equal(&want, &got));
}

struct shared {
	struct crypto_key *key;
	int failures;
};

static void *sign_on_thread(void *arg)
{
	struct shared *shared = arg;

	for (int i = 0; i < 50; i++) {
		struct hash digest = sha256(VIEW(&i, sizeof(i)));
		uint8_t sig[SIG_BYTES];

		if (crypto_sign(shared->key, &digest, sig) || crypto_verify(shared->key, &digest, sig))
			shared->failures++;
		digest.b[0] ^= 1;
		if (crypto_verify(shared->key, &digest, sig) != CF_ESIG)
			shared->failures++;
	}
	return NULL;
}

T_TEST(key_is_shared_between_threads)
{
	struct crypto_key *key = key_of_scalar(RFC6979_X);
	struct shared shared[4];
	pthread_t threads[4];

	for (int i = 0; i < 4; i++) {
		shared[i] = (struct shared){.key = key};
		t_zero(pthread_create(&threads[i], NULL, sign_on_thread, &shared[i]));
	}
	for (int i = 0; i < 4; i++) {
		t_zero(pthread_join(threads[i], NULL));
		t_eq(shared[i].failures, 0);
	}
	crypto_key_free(key);
}

T_MAIN
