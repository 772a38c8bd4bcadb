/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors: RFC 9380 J.1.1 (P256_XMD:SHA-256_SSWU_RO_). The function: any t shares, no fewer, no wrong one. */
#include "ledger/crypto_prf.h"
#include "ledger/mem.h"
#include "tests/lib/t.h"

#define DST "QUUX-V01-CS02-with-P256_XMD:SHA-256_SSWU_RO_"
#define N 7
#define T 3

static void hashes_to(const char *msg, const char *hex)
{
	uint8_t want[POINT_BYTES] = {4}, got[POINT_BYTES];

	t_zero(hex_decode(hex, want + 1, POINT_BYTES - 1));
	t_zero(crypto_hash_to_curve(view_str(msg), view_str(DST), got));
	t_bytes(got, sizeof(got), want, sizeof(want));
}

T_TEST(hashes_to_the_curve_as_the_rfc_says)
{
	char q128[200] = "q128_", a512[600] = "a512_";

	memset(q128 + strlen(q128), 'q', 128);
	memset(a512 + strlen(a512), 'a', 512);
	hashes_to("", "2c15230b26dbc6fc9a37051158c95b79656e17a1a920b11394ca91c44247d3e4"
		      "8a7a74985cc5c776cdfe4b1f19884970453912e9d31528c060be9ab5c43e8415");
	hashes_to("abc", "0bb8b87485551aa43ed54f009230450b492fead5f1cc91658775dac4a3388a0f"
			 "5c41b3d0731a27a7b14bc0bf0ccded2d8751f83493404c84a88e71ffd424212e");
	hashes_to("abcdef0123456789", "65038ac8f2b1def042a5df0b33b1f4eca6bff7cb0f9c6c1526811864e544ed80"
				      "cad44d40a656e7aff4002a8de287abc8ae0482b5ae825822bb870d6df9b56ca3");
	hashes_to(q128, "4be61ee205094282ba8a2042bcb48d88dfbb609301c49aa8b078533dc65a0b5d"
			"98f8df449a072c4721d241a3b1236d3caccba603f916ca680f4539d2bfb3c29e");
	hashes_to(a512, "457ae2981f70ca85d8e24c308b14db22f3e3862c5ea0f652ca38b5e49cd64bc5"
			"ecb9f0eadc9aeed232dabc53235368c1394c78de05dd96893eefa62b0f4757dc");
}

/* Two dealers, of whom none knows the key. */
struct shared {
	uint8_t share[N][SCALAR_BYTES];
	uint8_t public[N][POINT_BYTES];
	uint8_t point[POINT_BYTES];
	struct prf_answer answer[N];
};

static void share_out(struct shared *s)
{
	uint8_t commitment[2][T][POINT_BYTES], share[2][N][SCALAR_BYTES], public[2][POINT_BYTES];

	for (unsigned d = 0; d < 2; d++)
		t_zero(prf_deal(NULL, N, T, commitment[d], share[d]));
	t_zero(crypto_hash_to_curve(view_str("what is asked"), view_str("test"), s->point));
	for (unsigned i = 0; i < N; i++) {
		for (unsigned d = 0; d < 2; d++) {
			t_zero(prf_public(i + 1, commitment[d], T, public[d]));
			t_zero(prf_share_check(share[d][i], public[d]));
			t_err(prf_share_check(share[d][(i + 1) % N], public[d]), CF_ECORRUPT);
		}
		t_zero(prf_public_add(public[0], public[1], s -> public[i]));
		t_zero(prf_share_add(share[0][i], share[1][i], s->share[i]));
		t_zero(prf_share_check(s->share[i], s->public[i]));
		t_zero(prf_answer(s->share[i], s->point, &s->answer[i]));
	}
}

static void combine(const struct shared *s, unsigned mask, unsigned t, uint8_t ret_value[POINT_BYTES])
{
	uint8_t value[N][POINT_BYTES];
	unsigned holder[N], count = 0;

	for (unsigned i = 0; i < N && count < t; i++) {
		if (!((mask >> i) & 1))
			continue;
		holder[count] = i + 1;
		memcpy(value[count++], s->answer[i].value, POINT_BYTES);
	}
	t_eq(count, t);
	t_zero(prf_combine(holder, value, t, ret_value));
}

T_TEST(any_t_shares_give_the_same_and_fewer_do_not)
{
	uint8_t all[POINT_BYTES], some[POINT_BYTES];
	struct shared s;

	share_out(&s);
	combine(&s, 7, T, all);
	for (unsigned mask = 0; mask < 1u << N; mask++) {
		if (__builtin_popcount(mask) == T) {
			combine(&s, mask, T, some);
			t_bytes(some, sizeof(some), all, sizeof(all));
		} else if (__builtin_popcount(mask) == T - 1) {
			combine(&s, mask, T - 1, some);
			t_ok(memcmp(some, all, sizeof(all)) != 0);
		}
	}
	combine(&s, (1u << N) - 1, N, some); /* more do no harm */
	t_bytes(some, sizeof(some), all, sizeof(all));
}

T_TEST(a_wrong_answer_is_known_for_wrong)
{
	uint8_t elsewhere[POINT_BYTES];
	struct prf_answer bad;
	struct shared s;

	share_out(&s);
	t_zero(crypto_hash_to_curve(view_str("another question"), view_str("test"), elsewhere));
	for (unsigned i = 0; i < N; i++) {
		for (unsigned k = 0; k < N; k++)
			t_err(prf_verify(s.public[k], s.point, &s.answer[i]), i == k ? CF_OK : CF_ESIG);
		t_err(prf_verify(s.public[i], elsewhere, &s.answer[i]), CF_ESIG);
	}
	for (unsigned at = 0; at < sizeof(bad); at++) {
		bad = s.answer[2];
		((uint8_t *)&bad)[at] ^= 1;
		t_err(prf_verify(s.public[2], s.point, &bad), CF_ESIG);
	}
	bad = s.answer[2];
	memcpy(bad.value, s.answer[3].value, POINT_BYTES);
	t_err(prf_verify(s.public[2], s.point, &bad), CF_ESIG);
}

T_TEST(what_is_no_point_or_scalar_is_refused)
{
	uint8_t commitment[T][POINT_BYTES], share[N][SCALAR_BYTES], out[POINT_BYTES],
		zero[SCALAR_BYTES] = {0};
	struct prf_answer a;

	t_zero(prf_deal(NULL, N, T, commitment, share));
	t_err(prf_answer(zero, commitment[0], &a), CF_EDECODE);
	memset(share[0], 0xff, SCALAR_BYTES);
	t_err(prf_answer(share[0], commitment[0], &a), CF_EDECODE);
	commitment[1][40] ^= 1;
	t_err(prf_public(1, commitment, T, out), CF_EDECODE);
	t_err(prf_answer(share[1], commitment[1], &a), CF_EDECODE);
	commitment[1][40] ^= 1;
	commitment[1][0] = 2;
	t_err(prf_public(1, commitment, T, out), CF_EDECODE);
}

T_MAIN
