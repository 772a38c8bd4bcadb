/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crypto_curve.c - hashing to P-256 (RFC 9380, suite P256_XMD:SHA-256_SSWU_RO_), on OpenSSL's big numbers.
 */
#include "ledger/crypto_prf.h"

#include <assert.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <string.h>

#define FIELD_BYTES 48 /* L: of a uniform string that is reduced to one element of the field */
#define UNIFORM_BYTES (2 * FIELD_BYTES)
#define SSWU_Z 10 /* Z is -10 */

/* What mapping needs; the numbers live in ctx. */
struct field {
	EC_GROUP *group;
	BN_CTX *ctx;
	BIGNUM *p, *a, *b, *z;
};

static bool field_open(struct field *f)
{
	f->group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	f->ctx = BN_CTX_new();
	if (!f->group || !f->ctx)
		return false;
	BN_CTX_start(f->ctx);
	f->p = BN_CTX_get(f->ctx);
	f->a = BN_CTX_get(f->ctx);
	f->b = BN_CTX_get(f->ctx);
	f->z = BN_CTX_get(f->ctx);
	return f->z && EC_GROUP_get_curve(f->group, f->p, f->a, f->b, f->ctx) && BN_copy(f->z, f->p) &&
	       BN_sub_word(f->z, SSWU_Z);
}

static void field_close(struct field *f)
{
	if (f->ctx)
		BN_CTX_end(f->ctx);
	BN_CTX_free(f->ctx);
	EC_GROUP_free(f->group);
}

/* Section 5.3.1, expand_message_xmd with SHA-256. */
static void expand_message(struct view msg, struct view dst, uint8_t ret_uniform[UNIFORM_BYTES])
{
	static const uint8_t block[64], length[3] = {0, UNIFORM_BYTES, 0};
	uint8_t dst_length = (uint8_t)dst.len, mixed[HASH_BYTES] = {0};
	struct hash first =
		sha256_parts((const struct view[]){VIEW(block, sizeof(block)), msg,
						   VIEW(length, sizeof(length)), dst, VIEW(&dst_length, 1)},
			     5);

	for (uint8_t i = 1; i <= UNIFORM_BYTES / HASH_BYTES; i++) {
		struct hash h;

		for (unsigned k = 0; k < HASH_BYTES; k++)
			mixed[k] ^= first.b[k];
		h = sha256_parts((const struct view[]){VIEW(mixed, HASH_BYTES), VIEW(&i, 1), dst,
						       VIEW(&dst_length, 1)},
				 4);
		memcpy(ret_uniform + (size_t)(i - 1) * HASH_BYTES, h.b, HASH_BYTES);
		memcpy(mixed, h.b, HASH_BYTES);
	}
}

/* x^3 + a x + b */
static bool curve_side(const struct field *f, const BIGNUM *x, BIGNUM *ret_y2)
{
	return BN_mod_sqr(ret_y2, x, f->p, f->ctx) && BN_mod_add(ret_y2, ret_y2, f->a, f->p, f->ctx) &&
	       BN_mod_mul(ret_y2, ret_y2, x, f->p, f->ctx) && BN_mod_add(ret_y2, ret_y2, f->b, f->p, f->ctx);
}

/* The root of a square; *ret_is says whether it was one. p is 3 modulo 4. */
static bool root(const struct field *f, const BIGNUM *square, BIGNUM *ret_root, bool *ret_is)
{
	BIGNUM *e, *back;
	bool ok;

	BN_CTX_start(f->ctx);
	e = BN_CTX_get(f->ctx);
	back = BN_CTX_get(f->ctx);
	ok = back && BN_copy(e, f->p) && BN_add_word(e, 1) && BN_rshift(e, e, 2) &&
	     BN_mod_exp(ret_root, square, e, f->p, f->ctx) && BN_mod_sqr(back, ret_root, f->p, f->ctx);
	if (ok)
		*ret_is = BN_cmp(back, square) == 0;
	BN_CTX_end(f->ctx);
	return ok;
}

/* (-B/A) * (1 + 1/(Z^2 u^4 + Z u^2)), and B/(Z A) where that divides by zero. zu2 is Z u^2. */
static bool first_x(const struct field *f, const BIGNUM *zu2, BIGNUM *ret_x)
{
	BIGNUM *t, *q;
	bool ok;

	BN_CTX_start(f->ctx);
	t = BN_CTX_get(f->ctx);
	q = BN_CTX_get(f->ctx);
	ok = q && BN_mod_sqr(t, zu2, f->p, f->ctx) && BN_mod_add(t, t, zu2, f->p, f->ctx);
	if (ok && BN_is_zero(t)) {
		ok = BN_mod_mul(q, f->z, f->a, f->p, f->ctx) && BN_mod_inverse(q, q, f->p, f->ctx) &&
		     BN_mod_mul(ret_x, f->b, q, f->p, f->ctx);
	} else if (ok) {
		ok = BN_mod_inverse(t, t, f->p, f->ctx) && BN_add_word(t, 1) &&
		     BN_mod_inverse(q, f->a, f->p, f->ctx) && BN_mod_mul(q, q, f->b, f->p, f->ctx) &&
		     BN_sub(q, f->p, q) && BN_mod_mul(ret_x, q, t, f->p, f->ctx);
	}
	BN_CTX_end(f->ctx);
	return ok;
}

/* Section 6.6.2, the simplified map of Shallue, van de Woestijne and Ulas. */
static bool map_to_curve(const struct field *f, const BIGNUM *u, EC_POINT *ret_point)
{
	BIGNUM *zu2, *x, *y2, *y;
	bool ok, square = false;

	BN_CTX_start(f->ctx);
	zu2 = BN_CTX_get(f->ctx);
	x = BN_CTX_get(f->ctx);
	y2 = BN_CTX_get(f->ctx);
	y = BN_CTX_get(f->ctx);
	ok = y && BN_mod_sqr(zu2, u, f->p, f->ctx) && BN_mod_mul(zu2, zu2, f->z, f->p, f->ctx) &&
	     first_x(f, zu2, x) && curve_side(f, x, y2) && root(f, y2, y, &square);
	if (ok && !square)
		ok = BN_mod_mul(x, x, zu2, f->p, f->ctx) && curve_side(f, x, y2) && root(f, y2, y, &square) &&
		     square;
	if (ok && BN_is_odd(u) != BN_is_odd(y))
		ok = BN_sub(y, f->p, y);
	ok = ok && EC_POINT_set_affine_coordinates(f->group, ret_point, x, y, f->ctx);
	BN_CTX_end(f->ctx);
	return ok;
}

static bool hash_to_point(const struct field *f, const uint8_t uniform[UNIFORM_BYTES],
			  uint8_t ret_point[POINT_BYTES])
{
	EC_POINT *q[2] = {EC_POINT_new(f->group), EC_POINT_new(f->group)};
	BIGNUM *u;
	bool ok;

	BN_CTX_start(f->ctx);
	u = BN_CTX_get(f->ctx);
	ok = u && q[0] && q[1];
	for (unsigned i = 0; ok && i < 2; i++)
		ok = BN_bin2bn(uniform + (size_t)i * FIELD_BYTES, FIELD_BYTES, u) &&
		     BN_nnmod(u, u, f->p, f->ctx) && map_to_curve(f, u, q[i]);
	ok = ok && EC_POINT_add(f->group, q[0], q[0], q[1], f->ctx) &&
	     EC_POINT_point2oct(f->group, q[0], POINT_CONVERSION_UNCOMPRESSED, ret_point, POINT_BYTES,
				f->ctx) == POINT_BYTES;
	BN_CTX_end(f->ctx);
	EC_POINT_free(q[0]);
	EC_POINT_free(q[1]);
	return ok;
}

int crypto_hash_to_curve(struct view msg, struct view dst, uint8_t ret_point[POINT_BYTES])
{
	uint8_t uniform[UNIFORM_BYTES], point[POINT_BYTES];
	struct field f = {NULL};
	bool ok;

	assert(dst.len >= 1 && dst.len <= PRF_DST_BYTES_MAX && ret_point);
	expand_message(msg, dst, uniform);
	ok = field_open(&f) && hash_to_point(&f, uniform, point);
	field_close(&f);
	if (!ok)
		return CF_ENOMEM;
	memcpy(ret_point, point, POINT_BYTES);
	return 0;
}
