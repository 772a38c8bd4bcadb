/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/certificate.h"
#include "tests/lib/t.h"

#include <stdio.h>
#include <string.h>

static struct crypto_key *keys[MEMBERS_MAX];

__attribute__((destructor)) static void keys_release(void)
{
	for (unsigned i = 0; i < MEMBERS_MAX; i++)
		crypto_key_free(keys[i]);
}

static void make_members(struct members *m, unsigned n)
{
	memset(m, 0, sizeof(*m));
	m->epoch = 7;
	m->count = (uint8_t)n;
	for (unsigned i = 0; i < n; i++) {
		struct member *one = &m->member[i];

		if (keys[i] == NULL) {
			uint8_t scalar[SCALAR_BYTES] = {0};

			scalar[SCALAR_BYTES - 1] = (uint8_t)(i + 1);
			t_zero(crypto_key_from_scalar(scalar, &keys[i]));
		}
		memset(one->id.b, (int)i + 1, IDENTITY_BYTES);
		one->org = (uint16_t)(i / 2);
		crypto_key_point(keys[i], one->sign_point);
		crypto_key_point(keys[i], one->endorse_point);
		crypto_key_point(keys[i], one->kem_point);
		snprintf(one->peer_address, sizeof(one->peer_address), "tls+tcp://peer%u:7001", i);
		snprintf(one->client_address, sizeof(one->client_address), "tls+tcp://peer%u:7002", i);
	}
}

static void make_certificate(struct certificate *c, const struct hash *network, unsigned votes)
{
	struct vote vote = {VOTE_COMMIT, 7, 12, 3, sha256(VIEW("block", 5))};
	struct hash digest = vote_digest(network, &vote);

	memset(c, 0, sizeof(*c));
	c->epoch = vote.epoch;
	c->height = vote.height;
	c->view = vote.view;
	c->digest = vote.digest;
	c->count = (uint8_t)votes;
	for (unsigned i = 0; i < votes; i++) {
		c->index[i] = (uint8_t)i;
		t_zero(crypto_sign(keys[i], &digest, c->sig[i]));
	}
}

T_TEST(certificate_quorum_table)
{
	static const struct {
		unsigned n, f, q;
	} table[] = {{4, 1, 3},  {5, 1, 4},  {6, 1, 4},  {7, 2, 5},   {8, 2, 6},   {9, 2, 6},  {10, 3, 7},
		     {11, 3, 8}, {12, 3, 8}, {13, 4, 9}, {14, 4, 10}, {15, 4, 10}, {16, 5, 11}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		t_eq(members_faults(table[i].n), table[i].f);
		t_eq(members_quorum(table[i].n), table[i].q);
		/* two quorums meet in a correct member; the correct ones alone are a quorum */
		t_ok(2 * table[i].q > table[i].n + table[i].f);
		t_ok(table[i].n - table[i].f >= table[i].q);
	}
}

T_TEST(certificate_members_codec)
{
	struct members m, back;
	struct buf b, again;
	struct enc e;
	struct dec d;
	struct hash h1, h2;

	make_members(&m, 5);
	buf_init(&b, 0);
	buf_init(&again, 0);
	enc_init(&e, &b);
	members_encode(&m, &e);
	t_zero(enc_done(&e));
	dec_init(&d, buf_view(&b));
	members_decode(&d, &back);
	t_zero(dec_done(&d));
	t_ok(memcmp(&m, &back, sizeof(m)) == 0);
	t_zero(members_hash(&m, &h1));
	for (size_t len = 0; len < b.len; len++) {
		dec_init(&d, VIEW(b.data, len));
		members_decode(&d, &back);
		t_err(dec_done(&d), CF_EDECODE);
	}
	for (size_t at = 0; at < b.len; at++) {
		b.data[at] ^= 0x41;
		dec_init(&d, buf_view(&b));
		members_decode(&d, &back);
		if (dec_done(&d) == 0) {
			buf_reset(&again);
			enc_init(&e, &again);
			members_encode(&back, &e);
			t_zero(enc_done(&e));
			t_ok(view_equal(buf_view(&b), buf_view(&again)));
			t_zero(members_hash(&back, &h2));
			t_ok(!hash_equal(&h1, &h2));
		}
		b.data[at] ^= 0x41;
	}
	memcpy(m.member[3].id.b, m.member[1].id.b, IDENTITY_BYTES);
	buf_reset(&b);
	enc_init(&e, &b);
	members_encode(&m, &e);
	t_zero(enc_done(&e));
	dec_init(&d, buf_view(&b));
	members_decode(&d, &back);
	t_err(dec_done(&d), CF_EDECODE); /* one identity, two votes */
	buf_release(&b);
	buf_release(&again);
}

T_TEST(certificate_certificate_codec)
{
	const struct hash network = sha256(VIEW("net", 3));
	struct members m;
	struct certificate c, back;
	struct buf b, again;
	struct enc e;
	struct dec d;

	make_members(&m, 4);
	make_certificate(&c, &network, 3);
	buf_init(&b, 0);
	buf_init(&again, 0);
	enc_init(&e, &b);
	certificate_encode(&c, &e);
	t_zero(enc_done(&e));
	t_ok(b.len <= CERTIFICATE_BYTES_MAX);
	dec_init(&d, buf_view(&b));
	certificate_decode(&d, &back);
	t_zero(dec_done(&d));
	t_ok(memcmp(&c, &back, sizeof(c)) == 0);
	for (size_t len = 0; len < b.len; len++) {
		dec_init(&d, VIEW(b.data, len));
		certificate_decode(&d, &back);
		t_err(dec_done(&d), CF_EDECODE);
	}
	for (size_t at = 0; at < b.len; at++) {
		b.data[at] ^= 1;
		dec_init(&d, buf_view(&b));
		certificate_decode(&d, &back);
		if (dec_done(&d) == 0) {
			buf_reset(&again);
			enc_init(&e, &again);
			certificate_encode(&back, &e);
			t_zero(enc_done(&e));
			t_ok(view_equal(buf_view(&b), buf_view(&again)));
		}
		b.data[at] ^= 1;
	}
	buf_release(&b);
	buf_release(&again);
}

T_TEST(certificate_needs_a_quorum)
{
	const struct hash network = sha256(VIEW("net", 3)), other = sha256(VIEW("other", 5));
	struct members m;
	struct member_keys k;
	struct certificate c;

	make_members(&m, 4);
	t_zero(member_keys_init(&k, &m));
	make_certificate(&c, &network, 3);
	t_zero(certificate_verify(&c, &network, &m, &k));
	t_err(certificate_verify(&c, &other, &m, &k), CF_ESIG);
	c.view++;
	t_err(certificate_verify(&c, &network, &m, &k), CF_ESIG);
	c.view--;
	c.epoch++;
	t_err(certificate_verify(&c, &network, &m, &k), CF_EINVAL);
	c.epoch--;
	c.count = 2;
	t_err(certificate_verify(&c, &network, &m, &k), CF_ESIG);
	make_certificate(&c, &network, 3);
	c.index[2] = c.index[1]; /* one member counted twice */
	memcpy(c.sig[2], c.sig[1], SIG_BYTES);
	t_err(certificate_verify(&c, &network, &m, &k), CF_ESIG);
	make_certificate(&c, &network, 3);
	c.index[2] = 4; /* nobody of this set */
	t_err(certificate_verify(&c, &network, &m, &k), CF_ESIG);
	make_certificate(&c, &network, 4);
	c.sig[0][5] ^= 1; /* three good ones are left */
	t_zero(certificate_verify(&c, &network, &m, &k));
	c.sig[3][5] ^= 1;
	t_err(certificate_verify(&c, &network, &m, &k), CF_ESIG);
	member_keys_release(&k);
	m.member[2].sign_point[40] ^= 1;
	t_err(member_keys_init(&k, &m), CF_EDECODE);
}

T_TEST(certificate_vote_digest)
{
	const struct hash network = sha256(VIEW("net", 3));
	struct vote vote = {VOTE_PREPARE, 1, 2, 3, sha256(VIEW("b", 1))};
	struct hash base = vote_digest(&network, &vote), h;
	struct vote twisted[5] = {vote, vote, vote, vote, vote};

	twisted[0].kind = VOTE_COMMIT;
	twisted[1].epoch++;
	twisted[2].height++;
	twisted[3].view++;
	twisted[4].digest.b[31] ^= 1;
	for (int i = 0; i < 5; i++) {
		h = vote_digest(&network, &twisted[i]);
		t_ok(!hash_equal(&h, &base));
	}
}

T_MAIN
