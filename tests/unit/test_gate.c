/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_gate.c - what the gate signs and what it refuses, also after a restart; and the verifier.
 */
#include "net/gate.h"
#include "net/pending.h"
#include "net/verifier.h"
#include "tests/lib/t.h"

static struct crypto_key *key;
static uint8_t point[POINT_BYTES];

static struct gate *fresh(void)
{
	struct gate *g;

	if (!key) {
		t_zero(crypto_key_generate(&key));
		crypto_key_point(key, point);
	}
	t_zero(gate_new(key, &g));
	return g;
}

static struct hash digest(char c)
{
	return sha256(VIEW(&c, 1));
}

static int sign(struct gate *g, enum pbft_sign_kind kind, uint64_t epoch, uint64_t height, uint64_t view,
		char c)
{
	const struct pbft_slot slot = {kind, epoch, height, view};
	struct hash d = digest(c);
	uint8_t sig[SIG_BYTES];
	int err = gate_sign(g, &slot, &d, sig);

	if (!err)
		t_zero(crypto_verify(key, &d, sig));
	return err;
}

T_TEST(one_digest_a_slot)
{
	for (int k = PBFT_SIGN_PRE_PREPARE; k <= PBFT_SIGN_NEW_VIEW; k++) {
		enum pbft_sign_kind kind = (enum pbft_sign_kind)k;
		struct gate *g = fresh();

		t_zero(sign(g, kind, 0, 5, 2, 'a'));
		t_zero(sign(g, kind, 0, 5, 2, 'a'));
		t_err(sign(g, kind, 0, 5, 2, 'b'), CF_EPERM);
		t_err(sign(g, kind, 0, 5, 1, 'a'), CF_EPERM);
		t_err(sign(g, kind, 0, 4, 9, 'a'), CF_EPERM);
		t_zero(sign(g, kind, 0, 5, 3, 'b'));
		t_zero(sign(g, kind, 0, 6, 3, 'c'));
		t_err(sign(g, kind, 0, 5, 3, 'b'), CF_EPERM);
		gate_free(g);
	}
}

static bool may(const struct gate *g, uint64_t epoch, uint64_t height, uint64_t view, char c)
{
	const struct pbft_slot slot = {PBFT_SIGN_COMMIT, epoch, height, view};
	struct hash d = digest(c);

	return gate_may_have_signed(g, &slot, &d);
}

T_TEST(what_it_may_have_signed)
{
	struct gate *g = fresh();

	t_ok(!may(g, 0, 1, 0, 'a'));
	t_zero(sign(g, PBFT_SIGN_PREPARE, 3, 9, 9, 'a'));
	t_ok(!may(g, 3, 5, 2, 'a')); /* another kind tells nothing */
	t_zero(sign(g, PBFT_SIGN_COMMIT, 3, 5, 2, 'a'));
	t_ok(may(g, 3, 5, 2, 'a'));
	t_ok(!may(g, 3, 5, 2, 'b'));
	t_ok(may(g, 3, 5, 1, 'b'));
	t_ok(may(g, 3, 4, 7, 'b'));
	t_ok(may(g, 2, 9, 9, 'b'));
	t_ok(!may(g, 3, 5, 3, 'a'));
	t_ok(!may(g, 3, 6, 0, 'a'));
	t_ok(!may(g, 4, 5, 2, 'a'));
	gate_free(g);
}

T_TEST(kinds_are_apart)
{
	struct gate *g = fresh();

	t_zero(sign(g, PBFT_SIGN_PREPARE, 0, 5, 2, 'a'));
	t_zero(sign(g, PBFT_SIGN_COMMIT, 0, 5, 2, 'b'));
	t_zero(sign(g, PBFT_SIGN_PRE_PREPARE, 0, 4, 0, 'c'));
	gate_free(g);
}

T_TEST(a_view_that_was_left)
{
	struct gate *g = fresh();

	t_zero(sign(g, PBFT_SIGN_PREPARE, 0, 5, 2, 'a'));
	t_zero(sign(g, PBFT_SIGN_VIEW_CHANGE, 0, 0, 3, 'v'));
	t_err(sign(g, PBFT_SIGN_COMMIT, 0, 5, 2, 'a'), CF_EPERM);
	t_err(sign(g, PBFT_SIGN_PREPARE, 0, 6, 2, 'x'), CF_EPERM);
	t_zero(sign(g, PBFT_SIGN_PREPARE, 0, 5, 3, 'b'));
	t_zero(sign(g, PBFT_SIGN_OTHER, 0, 0, 0, 'x'));
	gate_free(g);
}

T_TEST(epochs)
{
	struct gate *g = fresh();

	t_zero(sign(g, PBFT_SIGN_COMMIT, 0, 5, 2, 'a'));
	t_zero(sign(g, PBFT_SIGN_VIEW_CHANGE, 0, 0, 3, 'v'));
	t_zero(sign(g, PBFT_SIGN_COMMIT, 5, 6, 0, 'b'));
	t_err(sign(g, PBFT_SIGN_COMMIT, 0, 7, 9, 'c'), CF_EPERM);
	gate_free(g);
}

T_TEST(remembers_after_a_restart)
{
	struct gate *g = fresh();
	const struct pbft_slot commit = {PBFT_SIGN_COMMIT, 0, 5, 2}, older = {PBFT_SIGN_COMMIT, 0, 4, 7};
	const struct pbft_slot change = {PBFT_SIGN_VIEW_CHANGE, 0, 0, 2}, other = {PBFT_SIGN_OTHER, 9, 9, 9};
	struct hash a = digest('a'), b = digest('b');

	gate_remember(g, &commit, &a);
	gate_remember(g, &older, &b);
	gate_remember(g, &change, &b);
	gate_remember(g, &other, &b);
	t_err(sign(g, PBFT_SIGN_COMMIT, 0, 5, 2, 'b'), CF_EPERM);
	t_err(sign(g, PBFT_SIGN_PREPARE, 0, 5, 1, 'b'), CF_EPERM);
	t_err(sign(g, PBFT_SIGN_VIEW_CHANGE, 0, 0, 2, 'a'), CF_EPERM);
	t_zero(sign(g, PBFT_SIGN_COMMIT, 0, 5, 2, 'a'));
	gate_free(g);
}

T_TEST(verifier_knows_good_from_bad)
{
	struct gate *g = fresh();
	struct hash d = digest('a'), other = digest('b');
	uint8_t sig[SIG_BYTES], wrong[POINT_BYTES];
	struct verifier *v;

	t_zero(verifier_new(&v));
	t_zero(crypto_sign(key, &d, sig));
	for (int i = 0; i < 3; i++) {
		t_zero(verifier_check(v, point, &d, sig));
		t_err(verifier_check(v, point, &other, sig), CF_ESIG);
	}
	for (size_t i = 0; i < SIG_BYTES; i++) {
		sig[i] ^= 1;
		t_err(verifier_check(v, point, &d, sig), CF_ESIG);
		sig[i] ^= 1;
	}
	memcpy(wrong, point, POINT_BYTES);
	wrong[7] ^= 1;
	t_ok(verifier_check(v, wrong, &d, sig) != 0);
	/* More keys than places. */
	for (int i = 0; i < 400; i++) {
		struct crypto_key *k;
		uint8_t p[POINT_BYTES];

		t_zero(crypto_key_generate(&k));
		crypto_key_point(k, p);
		t_zero(crypto_sign(k, &d, sig));
		t_zero(verifier_check(v, p, &d, sig));
		t_err(verifier_check(v, point, &d, sig), CF_ESIG);
		crypto_key_free(k);
	}
	verifier_free(v);
	gate_free(g);
	crypto_key_free(key);
	key = NULL;
}

T_TEST(pending_requests_expire)
{
	const struct identity_id who = {{1}};
	struct hash out[4], ids[6];
	struct pending *p;

	t_zero(pending_new(&p));
	for (unsigned i = 0; i < 6; i++) {
		ids[i] = digest((char)('a' + i));
		t_zero(pending_add(p, &ids[i], 10 + i, &who, 1));
		t_zero(pending_add(p, &ids[i], 99, &who, 1));
	}
	t_eq(pending_count(p), 6);
	t_eq(pending_expire(p, 9, out, 4), 0);
	t_eq(pending_expire(p, 10, out, 4), 1);
	t_ok(hash_equal(&out[0], &ids[0]));
	pending_remove(p, &ids[1]);
	pending_remove(p, &ids[1]);
	t_eq(pending_expire(p, 11, out, 4), 0);
	t_eq(pending_expire(p, 100, out, 3), 3);
	t_eq(pending_expire(p, 100, out, 3), 1);
	t_eq(pending_count(p), 0);
	t_zero(pending_add(p, &ids[0], 5, &who, 1));
	pending_free(p);
}

/* Neither the number nor the bytes of one identity's requests displace another's. */
T_TEST(pending_of_one_identity_is_bounded)
{
	const struct identity_id flooder = {{7, 1}}, other = {{7, 2}};
	struct pending *p;
	struct hash id;
	unsigned i;

	t_zero(pending_new(&p));
	for (i = 0; i < PENDING_OF_ONE_MAX; i++) {
		id = sha256(VIEW(&i, sizeof(i)));
		t_zero(pending_add(p, &id, 100, &flooder, 10));
	}
	id = sha256(VIEW(&i, sizeof(i)));
	t_err(pending_add(p, &id, 100, &flooder, 10), CF_EAGAIN);
	t_zero(pending_add(p, &id, 100, &other, PENDING_OF_ONE_BYTES_MAX - 1));
	i = 0;
	id = sha256(VIEW(&i, sizeof(i)));
	pending_remove(p, &id);
	t_zero(pending_add(p, &id, 100, &flooder, 10));
	i = 5000;
	id = sha256(VIEW(&i, sizeof(i)));
	t_err(pending_add(p, &id, 100, &other, 2), CF_EAGAIN);
	t_eq(pending_count(p), PENDING_OF_ONE_MAX + 1);
	pending_free(p);
}

T_MAIN
