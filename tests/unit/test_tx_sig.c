/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/mem.h"
#include "ledger/tx.h"
#include "tests/lib/t.h"

#define BATCH_MAX 20

static const struct hash network = {"network"};

static struct crypto_key *key(uint8_t number)
{
	uint8_t scalar[SCALAR_BYTES] = {0};
	struct crypto_key *k;

	scalar[SCALAR_BYTES - 1] = number;
	t_zero(crypto_key_from_scalar(scalar, &k));
	return k;
}

static struct hash digest_of(size_t i)
{
	uint8_t byte = (uint8_t)i;

	return sha256(VIEW(&byte, 1));
}

static void sign_batch(size_t count, const struct crypto_key *k, struct sigpath *ret_s)
{
	struct hash digests[BATCH_MAX];

	for (size_t i = 0; i < count; i++)
		digests[i] = digest_of(i);
	t_zero(sigpath_sign(SIG_PROPOSAL, &network, digests, count, k, ret_s));
}

T_TEST(sigpath_batches)
{
	struct crypto_key *k = key(1);
	struct sigpath s[BATCH_MAX];

	for (size_t count = 1; count <= BATCH_MAX; count++) {
		struct hash leaves[BATCH_MAX], path[MERKLE_PATH_MAX];

		sign_batch(count, k, s);
		for (size_t i = 0; i < count; i++) {
			struct hash digest = digest_of(i);

			leaves[i] = merkle_leaf(VIEW(digest.b, HASH_BYTES));
		}
		for (size_t i = 0; i < count; i++) {
			struct hash digest = digest_of(i), other = digest_of(i + 1);
			size_t len = merkle_path(leaves, count, i, path);

			t_eq(s[i].index, i);
			t_eq(s[i].count, count);
			t_bytes(s[i].path, s[i].path_len * sizeof(path[0]), path, len * sizeof(path[0]));
			t_zero(sigpath_verify(&s[i], SIG_PROPOSAL, &network, &digest, k));
			t_err(sigpath_verify(&s[i], SIG_PROPOSAL, &network, &other, k), CF_ESIG);
		}
	}
	crypto_key_free(k);
}

T_TEST(sigpath_bound_to_kind_network_and_key)
{
	struct crypto_key *k = key(1), *stranger = key(2);
	struct hash digest = digest_of(0), elsewhere = {"elsewhere"}, a, b;
	struct sigpath s;

	sign_batch(1, k, &s);
	t_zero(sigpath_verify(&s, SIG_PROPOSAL, &network, &digest, k));
	t_err(sigpath_verify(&s, SIG_ENDORSEMENT, &network, &digest, k), CF_ESIG);
	t_err(sigpath_verify(&s, SIG_PROPOSAL, &elsewhere, &digest, k), CF_ESIG);
	t_err(sigpath_verify(&s, SIG_PROPOSAL, &network, &digest, stranger), CF_ESIG);
	t_zero(sigpath_signed_digest(&s, SIG_PROPOSAL, &network, &digest, &a));
	t_zero(sigpath_signed_digest(&s, SIG_MESSAGE, &network, &digest, &b));
	t_ok(!hash_equal(&a, &b));
	t_zero(crypto_verify(k, &a, s.sig));
	crypto_key_free(k);
	crypto_key_free(stranger);
}

/* All signatures of a batch are one signature: equal signed digests, so that a cache verifies it once. */
T_TEST(sigpath_one_signed_digest_a_batch)
{
	struct crypto_key *k = key(3);
	struct sigpath s[BATCH_MAX];
	struct hash first, one;

	sign_batch(7, k, s);
	for (size_t i = 0; i < 7; i++) {
		struct hash digest = digest_of(i);

		t_zero(sigpath_signed_digest(&s[i], SIG_PROPOSAL, &network, &digest, &one));
		if (i == 0)
			first = one;
		t_ok(hash_equal(&first, &one));
	}
	crypto_key_free(k);
}

static void encode(const struct sigpath *s, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	sigpath_encode(s, &e);
	t_zero(enc_done(&e));
}

static int decode(struct view bytes, struct sigpath *ret_s)
{
	struct dec d;

	dec_init(&d, bytes);
	sigpath_decode(&d, ret_s);
	return dec_done(&d);
}

T_TEST(sigpath_tampered_and_truncated)
{
	struct crypto_key *k = key(1);
	struct sigpath s[BATCH_MAX], got;

	for (size_t count = 1; count <= 5; count += 2) {
		sign_batch(count, k, s);
		for (size_t i = 0; i < count; i++) {
			struct hash digest = digest_of(i);
			struct buf bytes;

			buf_init(&bytes, 0);
			encode(&s[i], &bytes);
			t_zero(decode(buf_view(&bytes), &got));
			t_zero(sigpath_verify(&got, SIG_PROPOSAL, &network, &digest, k));
			for (size_t n = 0; n < bytes.len; n++)
				t_err(decode(VIEW(bytes.data, n), &got), CF_EDECODE);
			for (size_t n = 0; n < bytes.len; n++) {
				bytes.data[n] ^= 1;
				if (decode(buf_view(&bytes), &got) == 0)
					t_err(sigpath_verify(&got, SIG_PROPOSAL, &network, &digest, k),
					      CF_ESIG);
				bytes.data[n] ^= 1;
			}
			buf_release(&bytes);
		}
	}
	crypto_key_free(k);
}

/* Leaf 0 has two siblings in a tree of 3 and in one of 4: the signature tells them apart. */
T_TEST(sigpath_binds_the_count)
{
	struct crypto_key *k = key(1);
	struct hash digest = digest_of(0);
	struct sigpath s[BATCH_MAX];

	sign_batch(3, k, s);
	s[0].count = 4;
	t_err(sigpath_verify(&s[0], SIG_PROPOSAL, &network, &digest, k), CF_ESIG);
	s[0].count = 300;
	t_err(sigpath_verify(&s[0], SIG_PROPOSAL, &network, &digest, k), CF_ESIG);
	crypto_key_free(k);
}

T_TEST(sigpath_of_wrong_shape)
{
	struct sigpath s;
	uint8_t bytes[9 + 33 * HASH_BYTES + SIG_BYTES] = {0};

	t_err(decode(VIEW(bytes, 9 + SIG_BYTES), &s), CF_EDECODE); /* a tree of no leaf */
	bytes[7] = 1;                                              /* count 1 */
	t_zero(decode(VIEW(bytes, 9 + SIG_BYTES), &s));
	bytes[3] = 1; /* index 1 */
	t_err(decode(VIEW(bytes, 9 + SIG_BYTES), &s), CF_EDECODE);
	bytes[3] = 0;
	bytes[8] = 1; /* a path where none belongs */
	t_err(decode(VIEW(bytes, 9 + HASH_BYTES + SIG_BYTES), &s), CF_EDECODE);
	bytes[8] = 33;
	t_err(decode(VIEW(bytes, sizeof(bytes)), &s), CF_EDECODE);
	memset(bytes, 0xff, 8);
	bytes[3] = 0xfd;
	bytes[8] = 32; /* the greatest tree */
	t_zero(decode(VIEW(bytes, 9 + 32 * HASH_BYTES + SIG_BYTES), &s));
	t_eq(s.index, 0xfffffffd);
}

T_TEST(sigpath_sign_fails_whole)
{
	struct crypto_key *k = key(1), *public_key;
	uint8_t point[POINT_BYTES];
	struct hash digest = digest_of(0);
	struct sigpath s;

	crypto_key_point(k, point);
	t_zero(crypto_key_from_point(point, &public_key));
	t_err(sigpath_sign(SIG_MESSAGE, &network, &digest, 1, public_key, &s), CF_EINVAL);
	mem_fail_after(0);
	t_err(sigpath_sign(SIG_MESSAGE, &network, &digest, 1, k, &s), CF_ENOMEM);
	mem_fail_after(-1);
	crypto_key_free(public_key);
	crypto_key_free(k);
}

static struct hash by_hand(const char *tag, struct view rest)
{
	struct hash h;
	struct buf b;

	buf_init(&b, 0);
	t_zero(buf_append(&b, tag, strlen(tag) + 1));
	t_zero(buf_append(&b, network.b, HASH_BYTES));
	t_zero(buf_append_view(&b, rest));
	h = sha256(buf_view(&b));
	buf_release(&b);
	return h;
}

T_TEST(tx_endorsement_digest_by_hand)
{
	struct hash id = digest_of(1), rwset = sha256(VIEW("rwset", 5)), got, want;
	uint8_t rest[2 * HASH_BYTES];

	memcpy(rest, id.b, HASH_BYTES);
	memcpy(rest + HASH_BYTES, rwset.b, HASH_BYTES);
	got = tx_endorsement_digest(&network, &id, VIEW("rwset", 5));
	want = by_hand("chartfs endorsement v1", VIEW(rest, sizeof(rest)));
	t_bytes(got.b, HASH_BYTES, want.b, HASH_BYTES);
	want = tx_endorsement_digest(&network, &id, VIEW("rwseu", 5));
	t_ok(!hash_equal(&got, &want));
}

T_TEST(tx_receipt_digest_by_hand)
{
	struct tx_blob blobs[2] = {{digest_of(1), 0x0102030405060708}, {digest_of(2), 5}};
	uint8_t rest[8 + 2 + 40] = {9, 8, 7, 6, 5, 4, 3, 2, 0, 1};
	uint64_t time_ms = 0x0908070605040302;
	struct hash got, want;

	memcpy(rest + 10, blobs[0].root.b, HASH_BYTES);
	memcpy(rest + 10 + HASH_BYTES, "\1\2\3\4\5\6\7\10", 8);
	got = tx_receipt_digest(&network, time_ms, blobs, 1);
	want = by_hand("chartfs receipt v2", VIEW(rest, sizeof(rest)));
	t_bytes(got.b, HASH_BYTES, want.b, HASH_BYTES);
	want = tx_receipt_digest(&network, time_ms + 1, blobs, 1);
	t_ok(!hash_equal(&got, &want));
	want = tx_receipt_digest(&network, time_ms, blobs, 2);
	t_ok(!hash_equal(&got, &want));
	got = tx_receipt_digest(&network, 1, NULL, 0);
	want = by_hand("chartfs receipt v2", VIEW("\0\0\0\0\0\0\0\1\0\0", 10));
	t_bytes(got.b, HASH_BYTES, want.b, HASH_BYTES);
}

T_MAIN
