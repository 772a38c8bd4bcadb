/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_hpke.c - HPKE against RFC 9180 and another implementation, and what it refuses.
 *
 * The RFC has no vector of P-256 with AES-256-GCM. A.3.1 (AES-128-GCM) and A.5.1 (ChaCha20-Poly1305, key of
 * 32 bytes) check all steps before the AEAD; `foreign` is a message sealed by pyca/cryptography 48.0.0.
 */
#include "acl/hpke.h"
#include "ledger/mem.h"
#include "tests/lib/t.h"

struct vector {
	const char *sk_e, *pk_e, *sk_r, *pk_r, *shared, *key, *nonce;
	uint16_t aead_id;
	size_t key_bytes;
};

static const char info_hex[] = "4f6465206f6e2061204772656369616e2055726e"; /* "Ode on a Grecian Urn" */
static const char text[] = "Beauty is truth, truth beauty";

static const struct vector a31 = {
	.sk_e = "4995788ef4b9d6132b249ce59a77281493eb39af373d236a1fe415cb0c2d7beb",
	.pk_e = "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac9"
		"8536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bfcb9382657222d18c4",
	.sk_r = "f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2",
	.pk_r = "04fe8c19ce0905191ebc298a9245792531f26f0cece2460639e8bc39cb7f706a82"
		"6a779b4cf969b8a0e539c7f62fb3d30ad6aa8f80e30f1d128aafd68a2ce72ea0",
	.shared = "c0d26aeab536609a572b07695d933b589dcf363ff9d93c93adea537aeabb8cb8",
	.key = "868c066ef58aae6dc589b6cfdd18f97e",
	.nonce = "4e0bc5018beba4bf004cca59",
	.aead_id = 1,
	.key_bytes = 16,
};

static const struct vector a51 = {
	.sk_e = "7550253e1147aae48839c1f8af80d2770fb7a4c763afe7d0afa7e0f42a5b3689",
	.pk_e = "04c07836a0206e04e31d8ae99bfd549380b072a1b1b82e563c935c095827824fc1"
		"559eac6fb9e3c70cd3193968994e7fe9781aa103f5b50e934b5b2f387e381291",
	.sk_r = "a4d1c55836aa30f9b3fbb6ac98d338c877c2867dd3a77396d13f68d3ab150d3b",
	.pk_r = "04a697bffde9405c992883c5c439d6cc358170b51af72812333b015621dc0f40ba"
		"d9bb726f68a5c013806a790ec716ab8669f84f6b694596c2987cf35baba2a006",
	.shared = "806520f82ef0b03c823b7fc524b6b55a088f566b9751b89551c170f4113bd850",
	.key = "a8f45490a92a3b04d1dbf6cf2c3939ad8bfc9bfcb97c04bffe116730c9dfe3fc",
	.nonce = "726b4390ed2209809f58c693",
	.aead_id = 3,
	.key_bytes = 32,
};

/* For the recipient of A.3.1, info as there, no associated data. */
static const char foreign[] =
	"04878f39ae60bcf1ab9d3d183b2feebed1f613eaffb08d1b6d2c0c87cad8df75349f8ad004f46c33aefb"
	"977f2b3b3dfccb29e6bf81c5cbce1a20a15ae6c315c8673a066d636507feb4b9c97df2a4400bd15769b3"
	"040f1a22562b06a9f2914c07c5a2fb5d319995751eae89639b14";

static struct crypto_key *key_of(const char *hex)
{
	uint8_t scalar[SCALAR_BYTES];
	struct crypto_key *key = NULL;

	t_zero(hex_decode(hex, scalar, sizeof(scalar)));
	t_zero(crypto_key_from_scalar(scalar, &key));
	return key;
}

static struct view info_of(uint8_t bytes[20])
{
	t_zero(hex_decode(info_hex, bytes, 20));
	return VIEW(bytes, 20);
}

static void check_secrets(const struct hpke_secrets *s, const struct vector *v)
{
	uint8_t want[32];

	t_zero(hex_decode(v->shared, want, 32));
	t_bytes(s->shared, 32, want, 32);
	t_zero(hex_decode(v->key, want, v->key_bytes));
	t_bytes(s->key, v->key_bytes, want, v->key_bytes);
	t_zero(hex_decode(v->nonce, want, AEAD_NONCE_BYTES));
	t_bytes(s->nonce, AEAD_NONCE_BYTES, want, AEAD_NONCE_BYTES);
}

/* Both sides come to the same, and to the RFC's. */
static void check_vector(const struct vector *v)
{
	struct crypto_key *e = key_of(v->sk_e), *r = key_of(v->sk_r);
	uint8_t info[20], enc[POINT_BYTES], recipient[POINT_BYTES], point[POINT_BYTES];
	struct hpke_secrets s;

	t_zero(hex_decode(v->pk_e, enc, sizeof(enc)));
	t_zero(hex_decode(v->pk_r, recipient, sizeof(recipient)));
	crypto_key_point(e, point);
	t_bytes(point, sizeof(point), enc, sizeof(enc));
	t_zero(hpke_derive(e, recipient, enc, recipient, info_of(info), v->aead_id, v->key_bytes, &s));
	check_secrets(&s, v);
	t_zero(hpke_derive(r, enc, enc, recipient, info_of(info), v->aead_id, v->key_bytes, &s));
	check_secrets(&s, v);
	crypto_key_free(e);
	crypto_key_free(r);
}

T_TEST(hpke_rfc9180_a31)
{
	check_vector(&a31);
}

T_TEST(hpke_rfc9180_a51)
{
	check_vector(&a51);
}

T_TEST(hpke_opens_a_foreign_message)
{
	struct crypto_key *r = key_of(a31.sk_r);
	uint8_t info[20], sealed[(sizeof(foreign) - 1) / 2];
	struct buf out;

	t_zero(hex_decode(foreign, sealed, sizeof(sealed)));
	buf_init(&out, 0);
	t_zero(hpke_open(r, info_of(info), VIEW_NONE, VIEW(sealed, sizeof(sealed)), &out));
	t_bytes(out.data, out.len, text, strlen(text));
	buf_release(&out);
	crypto_key_free(r);
}

T_TEST(hpke_seals_as_the_other_does)
{
	/* with an ephemeral key given, the bytes are determined: sealing twice gives the same, enc first */
	struct crypto_key *e = key_of(a31.sk_e);
	uint8_t info[20], recipient[POINT_BYTES], enc[POINT_BYTES];
	struct buf a, b;

	t_zero(hex_decode(a31.pk_r, recipient, sizeof(recipient)));
	t_zero(hex_decode(a31.pk_e, enc, sizeof(enc)));
	buf_init(&a, 0);
	buf_init(&b, 0);
	t_zero(hpke_seal_with(e, recipient, info_of(info), VIEW_NONE, view_str(text), &a));
	t_zero(hpke_seal_with(e, recipient, info_of(info), VIEW_NONE, view_str(text), &b));
	t_bytes(a.data, a.len, b.data, b.len);
	t_eq(a.len, strlen(text) + HPKE_OVERHEAD_BYTES);
	t_bytes(a.data, POINT_BYTES, enc, POINT_BYTES);
	buf_release(&a);
	buf_release(&b);
	crypto_key_free(e);
}

static void round_trip(struct view plain)
{
	struct crypto_key *r = NULL;
	uint8_t point[POINT_BYTES];
	struct buf sealed, out;

	t_zero(crypto_key_generate(&r));
	crypto_key_point(r, point);
	buf_init(&sealed, 0);
	buf_init(&out, 0);
	t_zero(buf_append(&sealed, "head", 4));
	t_zero(buf_append(&out, "head", 4));
	t_zero(hpke_seal(point, view_str("info"), view_str("aad"), plain, &sealed));
	t_eq(sealed.len, 4 + plain.len + HPKE_OVERHEAD_BYTES);
	t_zero(hpke_open(r, view_str("info"), view_str("aad"), VIEW(sealed.data + 4, sealed.len - 4), &out));
	t_bytes(out.data, 4, "head", 4);
	t_bytes(out.data + 4, out.len - 4, plain.data, plain.len);
	buf_release(&sealed);
	buf_release(&out);
	crypto_key_free(r);
}

T_TEST(hpke_round_trips)
{
	uint8_t big[5000];

	memset(big, 7, sizeof(big));
	round_trip(VIEW(big, sizeof(big)));
	round_trip(view_str("x"));
	round_trip(VIEW_NONE);
}

T_TEST(hpke_every_byte_counts)
{
	struct crypto_key *r = key_of(a31.sk_r);
	uint8_t info[20], sealed[(sizeof(foreign) - 1) / 2];
	struct buf out;

	t_zero(hex_decode(foreign, sealed, sizeof(sealed)));
	buf_init(&out, 0);
	for (size_t i = 0; i < sizeof(sealed); i++) {
		sealed[i] ^= 1;
		/* a changed point is not on the curve */
		t_err(hpke_open(r, info_of(info), VIEW_NONE, VIEW(sealed, sizeof(sealed)), &out),
		      i < POINT_BYTES ? CF_EDECODE : CF_ECORRUPT);
		sealed[i] ^= 1;
	}
	for (size_t len = 0; len < sizeof(sealed); len++)
		t_ok(hpke_open(r, info_of(info), VIEW_NONE, VIEW(sealed, len), &out) < 0);
	t_eq(out.len, 0);
	buf_release(&out);
	crypto_key_free(r);
}

T_TEST(hpke_bound_to_key_info_and_aad)
{
	struct crypto_key *r = NULL, *other = NULL;
	uint8_t point[POINT_BYTES];
	struct buf sealed, out;

	t_zero(crypto_key_generate(&r));
	t_zero(crypto_key_generate(&other));
	crypto_key_point(r, point);
	buf_init(&sealed, 0);
	buf_init(&out, 0);
	t_zero(hpke_seal(point, view_str("info"), view_str("aad"), view_str("key"), &sealed));
	t_err(hpke_open(other, view_str("info"), view_str("aad"), buf_view(&sealed), &out), CF_ECORRUPT);
	t_err(hpke_open(r, view_str("inf"), view_str("aad"), buf_view(&sealed), &out), CF_ECORRUPT);
	t_err(hpke_open(r, view_str("info"), view_str("aa"), buf_view(&sealed), &out), CF_ECORRUPT);
	t_err(hpke_open(r, view_str("infoaad"), VIEW_NONE, buf_view(&sealed), &out), CF_ECORRUPT);
	t_zero(hpke_open(r, view_str("info"), view_str("aad"), buf_view(&sealed), &out));
	buf_release(&sealed);
	buf_release(&out);
	crypto_key_free(r);
	crypto_key_free(other);
}

T_TEST(hpke_refuses_bad_recipients)
{
	uint8_t point[POINT_BYTES] = {4};
	struct crypto_key *r = NULL;
	struct buf out;

	buf_init(&out, 0);
	t_err(hpke_seal(point, VIEW_NONE, VIEW_NONE, view_str("x"), &out),
	      CF_EDECODE); /* (0, 0) is not on the curve */
	t_zero(crypto_key_generate(&r));
	crypto_key_point(r, point);
	point[0] = 2; /* compressed */
	t_err(hpke_seal(point, VIEW_NONE, VIEW_NONE, view_str("x"), &out), CF_EDECODE);
	t_eq(out.len, 0);
	buf_release(&out);
	crypto_key_free(r);
}

T_TEST(hpke_out_of_memory)
{
	struct crypto_key *r = key_of(a31.sk_r);
	uint8_t point[POINT_BYTES];
	struct buf out;
	int err = CF_ENOMEM;

	crypto_key_point(r, point);
	for (long n = 0; n < 100 && err == CF_ENOMEM; n++) {
		buf_init(&out, 0);
		mem_fail_after(n);
		err = hpke_seal(point, view_str("i"), view_str("a"), view_str("x"), &out);
		mem_fail_after(-1);
		t_ok(err == 0 || out.len == 0);
		buf_release(&out);
	}
	t_zero(err);
	crypto_key_free(r);
}

T_MAIN
