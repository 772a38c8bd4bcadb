/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors: FIPS 180-4 examples, RFC 4231, RFC 5869, and those of the GCM specification (McGrew and Viega). */
#include "ledger/crypto.h"
#include "ledger/mem.h"
#include "tests/lib/t.h"

#include <pthread.h>

#define BYTES_MAX 160

/* Bytes of a hex text; a static place per call up to four calls back. */
static struct view unhex(const char *hex)
{
	static uint8_t places[4][BYTES_MAX];
	static unsigned int next;
	uint8_t *place = places[next++ % 4];
	size_t bytes = strlen(hex) / 2;

	t_ok(bytes <= BYTES_MAX);
	t_zero(hex_decode(hex, place, bytes));
	return VIEW(place, bytes);
}

static void t_hash(struct hash got, const char *want)
{
	char hex[2 * HASH_BYTES + 1];

	hex_encode(got.b, HASH_BYTES, hex);
	t_str(hex, want);
}

#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC_HASH "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

T_TEST(sha256_vectors)
{
	t_hash(sha256(VIEW_NONE), EMPTY_HASH);
	t_hash(sha256(view_str("abc")), ABC_HASH);
	t_hash(sha256(view_str("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
	       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

T_TEST(sha256_of_parts)
{
	struct view parts[] = {view_str("a"), VIEW_NONE, view_str("bc")};

	t_hash(sha256_parts(parts, 3), ABC_HASH);
	t_hash(sha256_parts(NULL, 0), EMPTY_HASH);
}

T_TEST(sha256_incremental)
{
	struct sha256_ctx *ctx;
	uint8_t a[1000];

	memset(a, 'a', sizeof(a));
	t_zero(sha256_new(&ctx));
	for (int i = 0; i < 1000; i++) {
		sha256_update(ctx, VIEW(a, sizeof(a)));
		sha256_update(ctx, VIEW_NONE);
		t_hash(sha256(view_str("abc")), ABC_HASH); /* the one-shot context is another */
	}
	t_hash(sha256_finish(ctx), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	t_zero(sha256_new(&ctx));
	sha256_free(ctx);
	sha256_free(NULL);
	mem_fail_after(0);
	t_err(sha256_new(&ctx), CF_ENOMEM);
}

T_TEST(hash_compare)
{
	struct hash a = sha256(view_str("a")), b = a, zero = {{0}};

	t_ok(hash_equal(&a, &b));
	b.b[31] ^= 1;
	t_ok(!hash_equal(&a, &b));
	t_ok(hash_is_zero(&zero));
	t_ok(!hash_is_zero(&a));
	t_ok(crypto_equal("abc", "abd", 2) && !crypto_equal("abc", "abd", 3) && crypto_equal(NULL, NULL, 0));
}

T_TEST(hmac_rfc4231)
{
	uint8_t key[131], data[50];

	memset(key, 0x0b, 20);
	t_hash(hmac_sha256(VIEW(key, 20), view_str("Hi There")),
	       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	t_hash(hmac_sha256(view_str("Jefe"), view_str("what do ya want for nothing?")),
	       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	memset(data, 0xdd, sizeof(data));
	t_hash(hmac_sha256(VIEW(key, 20), VIEW(data, 50)),
	       "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
	t_hash(hmac_sha256(VIEW(key, 131),
			   view_str("Test Using Larger Than Block-Size Key - Hash Key First")),
	       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	t_hash(hmac_sha256(VIEW(key, 131), view_str("This is a test using a larger than block-size key and a "
						    "larger than block-size data. The key needs to be hashed "
						    "before being used by the HMAC algorithm.")),
	       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

static void t_hkdf(struct view salt, struct view ikm, struct view info, const char *want_hex)
{
	struct view want = unhex(want_hex);
	uint8_t out[BYTES_MAX];

	t_zero(hkdf(salt, ikm, info, out, want.len));
	t_bytes(out, want.len, want.data, want.len);
}

T_TEST(hkdf_rfc5869)
{
	uint8_t count[256], ikm_bytes[22];
	struct view ikm = VIEW(ikm_bytes, sizeof(ikm_bytes)), salt = VIEW(count, 13);

	memset(ikm_bytes, 0x0b, sizeof(ikm_bytes));
	for (int i = 0; i < 256; i++)
		count[i] = (uint8_t)i;
	t_hash(hkdf_extract(salt, ikm), "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
	t_hkdf(salt, ikm, VIEW(count + 0xf0, 10),
	       "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
	t_hkdf(VIEW(count + 0x60, 80), VIEW(count, 80), VIEW(count + 0xb0, 80),
	       "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590"
	       "e09"
	       "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
	t_hkdf(VIEW_NONE, ikm, VIEW_NONE,
	       "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

T_TEST(hkdf_length)
{
	static uint8_t out[255 * HASH_BYTES + 1];

	t_zero(hkdf_expand(view_str("k"), VIEW_NONE, out, 255 * HASH_BYTES));
	t_err(hkdf_expand(view_str("k"), VIEW_NONE, out, 255 * HASH_BYTES + 1), CF_EINVAL);
	t_zero(hkdf_expand(view_str("k"), VIEW_NONE, NULL, 0));
}

struct gcm_vector {
	const char *key, *nonce, *aad, *plain, *sealed;
};

#define ZERO16 "00000000000000000000000000000000"

static const struct gcm_vector gcm_vectors[] = {
	{ZERO16 ZERO16, "000000000000000000000000", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
	{ZERO16 ZERO16, "000000000000000000000000", "", ZERO16,
	 "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
	{"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
	 "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	 "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
	 "b16aedf5aa0de657ba637b39",
	 "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
	 "c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b"},
};

T_TEST(aead_vectors)
{
	for (size_t i = 0; i < sizeof(gcm_vectors) / sizeof(gcm_vectors[0]); i++) {
		const struct gcm_vector *v = &gcm_vectors[i];
		uint8_t key[AEAD_KEY_BYTES], nonce[AEAD_NONCE_BYTES];
		struct view aad = unhex(v->aad), plain = unhex(v->plain), sealed = unhex(v->sealed);
		struct buf out;

		t_zero(hex_decode(v->key, key, sizeof(key)));
		t_zero(hex_decode(v->nonce, nonce, sizeof(nonce)));
		buf_init(&out, 0);
		t_zero(buf_append(&out, "kept", 4));
		t_zero(aead_seal(key, nonce, aad, plain, &out));
		t_bytes(out.data + 4, out.len - 4, sealed.data, sealed.len);
		out.len = 4;
		t_zero(aead_open(key, nonce, aad, sealed, &out));
		t_bytes(out.data + 4, out.len - 4, plain.data, plain.len);
		t_eq(memcmp(out.data, "kept", 4), 0);
		buf_release(&out);
	}
}

T_TEST(aead_refuses_every_tampering)
{
	uint8_t key[AEAD_KEY_BYTES] = {1}, nonce[AEAD_NONCE_BYTES] = {2}, copy[64];
	struct buf sealed, out;

	buf_init(&sealed, 0);
	buf_init(&out, 0);
	t_zero(aead_seal(key, nonce, view_str("aad"), view_str("a secret line of text"), &sealed));
	t_zero(buf_append(&out, "kept", 4));
	for (size_t i = 0; i < sealed.len; i++) {
		memcpy(copy, sealed.data, sealed.len);
		copy[i] ^= 0x80;
		t_err(aead_open(key, nonce, view_str("aad"), VIEW(copy, sealed.len), &out), CF_ECORRUPT);
		t_err(aead_open(key, nonce, view_str("aad"), VIEW(sealed.data, i), &out), CF_ECORRUPT);
	}
	t_err(aead_open(key, nonce, view_str("aae"), buf_view(&sealed), &out), CF_ECORRUPT);
	nonce[0]++;
	t_err(aead_open(key, nonce, view_str("aad"), buf_view(&sealed), &out), CF_ECORRUPT);
	nonce[0]--;
	key[31]++;
	t_err(aead_open(key, nonce, view_str("aad"), buf_view(&sealed), &out), CF_ECORRUPT);
	t_bytes(out.data, out.len, "kept", 4);
	buf_release(&sealed);
	buf_release(&out);
}

T_TEST(aead_without_room)
{
	uint8_t key[AEAD_KEY_BYTES] = {1}, nonce[AEAD_NONCE_BYTES] = {2};
	struct buf out;

	buf_init(&out, AEAD_TAG_BYTES + 2);
	t_err(aead_seal(key, nonce, VIEW_NONE, view_str("abc"), &out), CF_ETOOBIG);
	t_eq(out.len, 0);
	mem_fail_after(0);
	t_err(aead_seal(key, nonce, VIEW_NONE, view_str("ab"), &out), CF_ENOMEM);
	t_zero(aead_seal(key, nonce, VIEW_NONE, view_str("ab"), &out));
	buf_release(&out);
}

T_TEST(random_differs)
{
	uint8_t a[32], b[32];

	random_bytes(a, sizeof(a));
	random_bytes(b, sizeof(b));
	t_ok(memcmp(a, b, sizeof(a)) != 0);
	random_bytes(NULL, 0);
}

static void *hash_on_thread(void *arg)
{
	struct hash *h = arg;

	for (int i = 0; i < 1000; i++)
		*h = sha256(VIEW(h->b, HASH_BYTES));
	return NULL;
}

T_TEST(threads_have_their_own_context)
{
	pthread_t threads[4];
	struct hash results[4] = {0}, want = {{0}};

	hash_on_thread(&want);
	for (int i = 0; i < 4; i++)
		t_zero(pthread_create(&threads[i], NULL, hash_on_thread, &results[i]));
	for (int i = 0; i < 4; i++) {
		t_zero(pthread_join(threads[i], NULL));
		t_ok(hash_equal(&results[i], &want));
	}
}

T_MAIN
