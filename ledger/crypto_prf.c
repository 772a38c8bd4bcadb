/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crypto_prf.c - shares, answers, proofs, and their combination.
 */
#include "ledger/crypto_prf.h"
#include "ledger/mem.h"

#include <assert.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <string.h>

#define PROOF_TAG "chartfs dleq v1"

/* The group and its order; numbers taken from ctx are wiped with it. */
struct work {
	EC_GROUP *group;
	BN_CTX *ctx;
	const BIGNUM *order;
};

static bool work_open(struct work *w)
{
	w->group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	w->ctx = BN_CTX_secure_new();
	if (!w->group || !w->ctx)
		return false;
	w->order = EC_GROUP_get0_order(w->group);
	BN_CTX_start(w->ctx);
	return true;
}

static void work_close(struct work *w)
{
	if (w->ctx && w->group)
		BN_CTX_end(w->ctx);
	BN_CTX_free(w->ctx);
	EC_GROUP_free(w->group);
}

static BIGNUM *number(struct work *w)
{
	BIGNUM *n = BN_CTX_get(w->ctx);

	if (n)
		BN_set_flags(n, BN_FLG_CONSTTIME);
	return n;
}

/* NULL: not below the order, or zero. */
static BIGNUM *scalar_in(struct work *w, const uint8_t bytes[SCALAR_BYTES])
{
	BIGNUM *n = number(w);

	if (!n || !BN_bin2bn(bytes, SCALAR_BYTES, n) || BN_is_zero(n) || BN_cmp(n, w->order) >= 0)
		return NULL;
	return n;
}

static BIGNUM *scalar_random(struct work *w)
{
	BIGNUM *n = number(w);

	do {
		if (!n || !BN_priv_rand_range_ex(n, w->order, 0, w->ctx))
			return NULL;
	} while (BN_is_zero(n));
	return n;
}

static bool scalar_out(const BIGNUM *n, uint8_t ret_bytes[SCALAR_BYTES])
{
	return BN_bn2binpad(n, ret_bytes, SCALAR_BYTES) == SCALAR_BYTES;
}

/* Only the uncompressed form, on the curve, never the point at infinity. */
static EC_POINT *point_in(struct work *w, const uint8_t bytes[POINT_BYTES])
{
	EC_POINT *p = bytes[0] == POINT_CONVERSION_UNCOMPRESSED ? EC_POINT_new(w->group) : NULL;

	if (p && !EC_POINT_oct2point(w->group, p, bytes, POINT_BYTES, w->ctx)) {
		EC_POINT_free(p);
		p = NULL;
	}
	return p;
}

static bool point_out(struct work *w, const EC_POINT *p, uint8_t ret_bytes[POINT_BYTES])
{
	return !EC_POINT_is_at_infinity(w->group, p) &&
	       EC_POINT_point2oct(w->group, p, POINT_CONVERSION_UNCOMPRESSED, ret_bytes, POINT_BYTES,
				  w->ctx) == POINT_BYTES;
}

/* n times the generator (at NULL) or a point. */
static bool times(struct work *w, const EC_POINT *at, const BIGNUM *n, uint8_t ret_bytes[POINT_BYTES])
{
	EC_POINT *p = EC_POINT_new(w->group);
	bool ok = p && (at ? EC_POINT_mul(w->group, p, NULL, at, n, w->ctx)
			   : EC_POINT_mul(w->group, p, n, NULL, NULL, w->ctx));

	ok = ok && point_out(w, p, ret_bytes);
	EC_POINT_clear_free(p);
	return ok;
}

/* The polynomial at i (Horner). */
static bool evaluate(struct work *w, BIGNUM *const *coefficient, unsigned t, unsigned i, BIGNUM *ret_value)
{
	bool ok = BN_copy(ret_value, coefficient[t - 1]) != NULL;

	for (unsigned m = t - 1; ok && m > 0; m--)
		ok = BN_mul_word(ret_value, i) && BN_nnmod(ret_value, ret_value, w->order, w->ctx) &&
		     BN_mod_add(ret_value, ret_value, coefficient[m - 1], w->order, w->ctx);
	return ok;
}

int prf_deal(const uint8_t *secret, unsigned n, unsigned t, uint8_t (*ret_commitments)[POINT_BYTES],
	     uint8_t (*ret_shares)[SCALAR_BYTES])
{
	BIGNUM *coefficient[PRF_HOLDERS_MAX], *value = NULL;
	struct work w = {NULL};
	bool ok;

	assert(t >= 1 && t <= n && n <= PRF_HOLDERS_MAX && ret_commitments && ret_shares);
	ok = work_open(&w);
	for (unsigned m = 0; ok && m < t; m++) {
		coefficient[m] = m == 0 && secret ? scalar_in(&w, secret) : scalar_random(&w);
		ok = coefficient[m] && times(&w, NULL, coefficient[m], ret_commitments[m]);
	}
	if (ok)
		value = number(&w);
	ok = ok && value;
	for (unsigned i = 1; ok && i <= n; i++)
		ok = evaluate(&w, coefficient, t, i, value) && scalar_out(value, ret_shares[i - 1]);
	work_close(&w);
	return ok ? 0 : CF_ENOMEM;
}

int prf_public(unsigned i, const uint8_t (*commitments)[POINT_BYTES], unsigned t,
	       uint8_t ret_public[POINT_BYTES])
{
	EC_POINT *sum = NULL, *c = NULL;
	struct work w = {NULL};
	BIGNUM *at;
	bool ok;

	assert(i >= 1 && i <= PRF_HOLDERS_MAX && t >= 1 && t <= PRF_HOLDERS_MAX);
	ok = work_open(&w);
	at = ok ? number(&w) : NULL;
	ok = ok && at && BN_set_word(at, i);
	for (unsigned m = t; ok && m > 0; m--) {
		c = point_in(&w, commitments[m - 1]);
		if (c && sum)
			ok = EC_POINT_mul(w.group, sum, NULL, sum, at, w.ctx) &&
			     EC_POINT_add(w.group, sum, sum, c, w.ctx);
		else if (c)
			ok = (sum = EC_POINT_dup(c, w.group)) != NULL;
		else
			ok = false;
		EC_POINT_free(c);
	}
	ok = ok && point_out(&w, sum, ret_public);
	EC_POINT_free(sum);
	work_close(&w);
	return ok ? 0 : CF_EDECODE;
}

int prf_share_check(const uint8_t share[SCALAR_BYTES], const uint8_t public[POINT_BYTES])
{
	uint8_t real[POINT_BYTES];
	struct work w = {NULL};
	BIGNUM *k;
	bool ok = work_open(&w);

	k = ok ? scalar_in(&w, share) : NULL;
	ok = k && times(&w, NULL, k, real) && memcmp(real, public, POINT_BYTES) == 0;
	work_close(&w);
	return ok ? 0 : CF_ECORRUPT;
}

int prf_share_add(const uint8_t a[SCALAR_BYTES], const uint8_t b[SCALAR_BYTES], uint8_t ret_sum[SCALAR_BYTES])
{
	struct work w = {NULL};
	bool ok = work_open(&w);
	BIGNUM *x = ok ? scalar_in(&w, a) : NULL, *y = x ? scalar_in(&w, b) : NULL;

	ok = y && BN_mod_add(x, x, y, w.order, w.ctx) && scalar_out(x, ret_sum);
	work_close(&w);
	return ok ? 0 : CF_EDECODE;
}

int prf_public_add(const uint8_t a[POINT_BYTES], const uint8_t b[POINT_BYTES], uint8_t ret_sum[POINT_BYTES])
{
	struct work w = {NULL};
	bool ok = work_open(&w);
	EC_POINT *x = ok ? point_in(&w, a) : NULL, *y = x ? point_in(&w, b) : NULL;

	ok = y && EC_POINT_add(w.group, x, x, y, w.ctx) && point_out(&w, x, ret_sum);
	EC_POINT_free(x);
	EC_POINT_free(y);
	work_close(&w);
	return ok ? 0 : CF_EDECODE;
}

/* What a proof's challenge hashes. */
struct statement {
	const uint8_t *public, *point, *value;
	uint8_t on_generator[POINT_BYTES];
	uint8_t on_point[POINT_BYTES];
};

/* A hash reduced to the group: 2^256 is above the order by less than 2^-32 of it. */
static BIGNUM *challenge_of(struct work *w, const struct statement *s)
{
	BIGNUM *c = number(w);
	struct hash h = sha256_parts(
		(const struct view[]){VIEW(PROOF_TAG, sizeof(PROOF_TAG)), VIEW(s->public, POINT_BYTES),
				      VIEW(s->point, POINT_BYTES), VIEW(s->value, POINT_BYTES),
				      VIEW(s->on_generator, POINT_BYTES), VIEW(s->on_point, POINT_BYTES)},
		6);

	return c && BN_bin2bn(h.b, HASH_BYTES, c) && BN_nnmod(c, c, w->order, w->ctx) ? c : NULL;
}

static bool prove(struct work *w, const BIGNUM *k, const EC_POINT *x, const uint8_t point[POINT_BYTES],
		  struct prf_answer *a)
{
	struct statement s = {.point = point, .value = a->value};
	BIGNUM *nonce = scalar_random(w), *c, *z = number(w);
	uint8_t public[POINT_BYTES];
	bool ok;

	s.public = public;
	ok = nonce && z && times(w, NULL, k, public) && times(w, x, k, a->value) &&
	     times(w, NULL, nonce, s.on_generator) && times(w, x, nonce, s.on_point);
	c = ok ? challenge_of(w, &s) : NULL;
	return c && BN_mod_mul(z, c, k, w->order, w->ctx) && BN_mod_sub(z, nonce, z, w->order, w->ctx) &&
	       scalar_out(c, a->challenge) && scalar_out(z, a->response);
}

int prf_answer(const uint8_t share[SCALAR_BYTES], const uint8_t point[POINT_BYTES],
	       struct prf_answer *ret_answer)
{
	struct prf_answer a;
	struct work w = {NULL};
	bool ok = work_open(&w);
	BIGNUM *k = ok ? scalar_in(&w, share) : NULL;
	EC_POINT *x = k ? point_in(&w, point) : NULL;

	ok = x && prove(&w, k, x, point, &a);
	EC_POINT_free(x);
	work_close(&w);
	if (ok)
		*ret_answer = a;
	return ok ? 0 : CF_EDECODE;
}

/* z base + c image */
static bool rebuilt(struct work *w, const EC_POINT *base, const BIGNUM *z, const EC_POINT *image,
		    const BIGNUM *c, uint8_t ret_bytes[POINT_BYTES])
{
	EC_POINT *p = EC_POINT_new(w->group), *q = EC_POINT_new(w->group);
	bool ok = p && q;

	if (base)
		ok = ok && EC_POINT_mul(w->group, p, NULL, base, z, w->ctx);
	else
		ok = ok && EC_POINT_mul(w->group, p, z, NULL, NULL, w->ctx);
	ok = ok && EC_POINT_mul(w->group, q, NULL, image, c, w->ctx) &&
	     EC_POINT_add(w->group, p, p, q, w->ctx) && point_out(w, p, ret_bytes);
	EC_POINT_free(p);
	EC_POINT_free(q);
	return ok;
}

int prf_verify(const uint8_t public[POINT_BYTES], const uint8_t point[POINT_BYTES],
	       const struct prf_answer *answer)
{
	struct statement s = {.public = public, .point = point, .value = answer->value};
	EC_POINT *y = NULL, *x = NULL, *v = NULL;
	struct work w = {NULL};
	bool ok = work_open(&w);
	BIGNUM *c = ok ? scalar_in(&w, answer->challenge) : NULL;
	BIGNUM *z = c ? scalar_in(&w, answer->response) : NULL, *real = NULL;

	if (z) {
		y = point_in(&w, public);
		x = point_in(&w, point);
		v = point_in(&w, answer->value);
	}
	if (y && x && v && rebuilt(&w, NULL, z, y, c, s.on_generator) && rebuilt(&w, x, z, v, c, s.on_point))
		real = challenge_of(&w, &s);
	ok = real && BN_cmp(real, c) == 0;
	EC_POINT_free(y);
	EC_POINT_free(x);
	EC_POINT_free(v);
	work_close(&w);
	return ok ? 0 : CF_ESIG;
}

/* The Lagrange coefficient at 0 of holder[i]: the product of h / (h - holder[i]) over the others h. */
static BIGNUM *lagrange(struct work *w, const unsigned *holder, unsigned t, unsigned i)
{
	BIGNUM *up = number(w), *down = number(w), *factor = number(w);
	bool ok = factor && BN_one(up) && BN_one(down);

	for (unsigned k = 0; ok && k < t; k++) {
		if (k == i)
			continue;
		ok = BN_mul_word(up, holder[k]) && BN_nnmod(up, up, w->order, w->ctx) &&
		     BN_set_word(factor, holder[k]) && BN_sub_word(factor, holder[i]) &&
		     BN_mod_mul(down, down, factor, w->order, w->ctx);
	}
	ok = ok && BN_mod_inverse(down, down, w->order, w->ctx) && BN_mod_mul(up, up, down, w->order, w->ctx);
	return ok ? up : NULL;
}

int prf_combine(const unsigned *holder, const uint8_t (*value)[POINT_BYTES], unsigned t,
		uint8_t ret_value[POINT_BYTES])
{
	EC_POINT *sum = NULL;
	struct work w = {NULL};
	bool ok;

	assert(t >= 1 && t <= PRF_HOLDERS_MAX);
	ok = work_open(&w);
	if (ok)
		sum = EC_POINT_new(w.group);
	ok = ok && sum && EC_POINT_set_to_infinity(w.group, sum);
	for (unsigned i = 0; ok && i < t; i++) {
		BIGNUM *l = lagrange(&w, holder, t, i);
		EC_POINT *v = l ? point_in(&w, value[i]) : NULL;

		ok = v && EC_POINT_mul(w.group, v, NULL, v, l, w.ctx) &&
		     EC_POINT_add(w.group, sum, sum, v, w.ctx);
		EC_POINT_clear_free(v);
	}
	ok = ok && point_out(&w, sum, ret_value);
	EC_POINT_clear_free(sum);
	work_close(&w);
	return ok ? 0 : CF_EDECODE;
}

int prf_share_combine(const unsigned *holder, const uint8_t (*share)[SCALAR_BYTES], unsigned t,
		      uint8_t ret_share[SCALAR_BYTES])
{
	struct work w = {NULL};
	BIGNUM *sum;
	bool ok;

	assert(t >= 1 && t <= PRF_HOLDERS_MAX);
	ok = work_open(&w);
	sum = ok ? number(&w) : NULL;
	ok = sum && BN_set_word(sum, 0);
	for (unsigned i = 0; ok && i < t; i++) {
		BIGNUM *l = lagrange(&w, holder, t, i), *s = l ? scalar_in(&w, share[i]) : NULL;

		ok = s && BN_mod_mul(s, s, l, w.order, w.ctx) && BN_mod_add(sum, sum, s, w.order, w.ctx);
	}
	ok = ok && !BN_is_zero(sum) && scalar_out(sum, ret_share);
	work_close(&w);
	return ok ? 0 : CF_EDECODE;
}
