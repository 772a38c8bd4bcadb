/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_keyring.c - who gets which keys at an admission, a grant, a revocation; wraps fit their place alone.
 */
#include "acl/trace.h"
#include "acl/wrap.h"
#include "ledger/mem.h"
#include "tests/lib/netfix.h"
#include "tests/lib/t.h"

/* The keys themselves: a struct has padding. */
#define t_same_keys(a, b) t_bytes((a)->content, 5 * SECTION_KEY_BYTES, (b)->content, 5 * SECTION_KEY_BYTES)

static const struct patient_id patient = {{3, 1, 4}};

struct clinic {
	struct netfix *n;
	struct identity owner, doctor, nurse;
	struct keyring *owner_keys, *doctor_keys, *nurse_keys;
};

static void open_clinic(struct clinic *c)
{
	t_zero(netfix_new(1, false, &c->n));
	t_zero(netfix_person(c->n, "pat", ROLE_PATIENT, 0, &c->owner));
	t_zero(netfix_person(c->n, "dr.bo", ROLE_DOCTOR, 1, &c->doctor));
	t_zero(netfix_person(c->n, "nurse", ROLE_DOCTOR, 2, &c->nurse));
	t_zero(netfix_keyring(c->n, &c->owner, &c->owner_keys));
	t_zero(netfix_keyring(c->n, &c->doctor, &c->doctor_keys));
	t_zero(netfix_keyring(c->n, &c->nurse, &c->nurse_keys));
	t_zero(netfix_admit(c->n, &c->owner, c->owner_keys, &patient));
}

static void close_clinic(struct clinic *c)
{
	keyring_free(c->owner_keys);
	keyring_free(c->doctor_keys);
	keyring_free(c->nurse_keys);
	identity_release(&c->owner);
	identity_release(&c->doctor);
	identity_release(&c->nurse);
	netfix_free(c->n);
}

/* 0 when k holds the keys; then they must be those of the owner. */
static int holds(struct clinic *c, struct keyring *k, unsigned section, uint32_t epoch)
{
	struct section_keys mine, owners;
	struct db_txn *txn;
	int err;

	t_zero(chain_read_begin(c->n->chain[0], &txn));
	t_zero(keyring_get(c->owner_keys, txn, &patient, section, epoch, 9, &owners));
	err = keyring_get(k, txn, &patient, section, epoch, 9, &mine);
	db_abort(txn);
	if (err == 0)
		t_same_keys(&mine, &owners);
	return err;
}

T_TEST(the_owner_finds_keys_in_the_ledger)
{
	struct clinic c;
	struct section_keys before, after, other;
	struct db_txn *txn;

	open_clinic(&c);
	t_zero(chain_read_begin(c.n->chain[0], &txn));
	t_zero(keyring_get(c.owner_keys, txn, &patient, 7, 0, 1, &before));
	keyring_forget(c.owner_keys, &patient);
	t_zero(keyring_get(c.owner_keys, txn, &patient, 7, 0, 1, &after));
	t_same_keys(&before, &after);
	keyring_forget(c.owner_keys, NULL);
	t_zero(keyring_current(c.owner_keys, txn, &patient, 7, CONTRACT_WINDOW_MS, &after));
	t_same_keys(&before, &after);
	/* another window, another section: other keys, and the token key of a section stays */
	t_zero(keyring_get(c.owner_keys, txn, &patient, 7, 0, 2, &other));
	t_ok(memcmp(before.content, other.content, SECTION_KEY_BYTES) != 0);
	t_bytes(before.token, SECTION_KEY_BYTES, other.token, SECTION_KEY_BYTES);
	t_zero(keyring_get(c.owner_keys, txn, &patient, 8, 0, 1, &other));
	t_ok(memcmp(before.content, other.content, SECTION_KEY_BYTES) != 0);
	t_ok(memcmp(before.token, other.token, SECTION_KEY_BYTES) != 0);
	t_err(keyring_get(c.owner_keys, txn, &patient, 7, 1, 1, &other), CF_EDENIED);
	db_abort(txn);
	close_clinic(&c);
}

T_TEST(a_grant_hands_out_its_sections_and_no_others)
{
	struct clinic c;

	open_clinic(&c);
	t_err(holds(&c, c.doctor_keys, 5, 0), CF_EDENIED);
	t_zero(netfix_grant(c.n, &c.owner, c.owner_keys, &patient, 1u << 5, &c.doctor, VERB_READ, 0));
	t_zero(holds(&c, c.doctor_keys, 5, 0));
	t_zero(holds(&c, c.doctor_keys, 0, 0)); /* the pseudonym */
	t_err(holds(&c, c.doctor_keys, 6, 0), CF_EDENIED);
	t_err(holds(&c, c.nurse_keys, 5, 0), CF_EDENIED);
	close_clinic(&c);
}

/* What the owner is spared asking by: nobody can put another key there. */
T_TEST(a_wrap_of_the_peers_half_proves_itself)
{
	struct trace_name name = {patient, 5, 0, 1};
	struct trace_answers answers, changed;
	struct section_keys keys;
	struct holders holders;
	struct trace_wrap w;
	struct db_txn *txn;
	struct clinic c;
	uint8_t key[TRACE_KEY_BYTES];
	struct buf body;

	open_clinic(&c);
	buf_init(&body, 0);
	t_zero(netfix_grant(c.n, &c.owner, c.owner_keys, &patient, 1u << 5, &c.doctor, VERB_ALL, 0));
	t_zero(chain_read_begin(c.n->chain[0], &txn));
	t_zero(state_holders(txn, &holders));
	t_zero(keyring_current(c.doctor_keys, txn, &patient, 5, CONTRACT_WINDOW_MS, &keys));
	t_zero(keyring_wrap_trace(c.doctor_keys, txn, &keys, &body));
	t_zero(trace_wrap_decode(buf_view(&body), &w));
	t_bytes(w.recipient.b, IDENTITY_BYTES, c.owner.id.b, IDENTITY_BYTES);
	t_zero(trace_wrap_open(&w, c.owner.kem, &c.n->network, &patient, &answers));
	t_zero(trace_answers_key(&answers, &holders, &c.n->network, &name, key));
	t_bytes(key, TRACE_KEY_BYTES, keys.trace, SECTION_KEY_BYTES);
	name.window++;
	t_err(trace_answers_key(&answers, &holders, &c.n->network, &name, key), CF_ECORRUPT);
	name.window--;
	changed = answers;
	changed.count--;
	t_err(trace_answers_key(&changed, &holders, &c.n->network, &name, key), CF_ECORRUPT);
	changed = answers;
	changed.holder[1] = changed.holder[0];
	changed.answer[1] = changed.answer[0]; /* one twice */
	t_err(trace_answers_key(&changed, &holders, &c.n->network, &name, key), CF_ECORRUPT);
	changed = answers;
	changed.holder[1]++; /* another one's */
	t_err(trace_answers_key(&changed, &holders, &c.n->network, &name, key), CF_ECORRUPT);
	changed = answers;
	changed.answer[0] = answers.answer[1];
	t_err(trace_answers_key(&changed, &holders, &c.n->network, &name, key), CF_ECORRUPT);
	for (unsigned at = 0; at < sizeof(changed.answer[0]); at += 13) {
		changed = answers;
		((uint8_t *)&changed.answer[0])[at] ^= 1;
		t_err(trace_answers_key(&changed, &holders, &c.n->network, &name, key), CF_ECORRUPT);
	}
	body.data[body.len - 1] ^= 1;
	t_zero(trace_wrap_decode(buf_view(&body), &w));
	t_err(trace_wrap_open(&w, c.owner.kem, &c.n->network, &patient, &answers), CF_ECORRUPT);
	db_abort(txn);
	buf_release(&body);
	close_clinic(&c);
}

T_TEST(a_revocation_leaves_the_revoked_behind)
{
	struct clinic c;

	open_clinic(&c);
	t_zero(netfix_grant(c.n, &c.owner, c.owner_keys, &patient, 1u << 5, &c.doctor, VERB_ALL, 0));
	t_zero(netfix_grant(c.n, &c.owner, c.owner_keys, &patient, 1u << 5, &c.nurse, VERB_READ, 0));
	t_zero(netfix_revoke(c.n, &c.owner, c.owner_keys, &patient, 1u << 5, &c.doctor));
	t_zero(holds(&c, c.owner_keys, 5, 1));
	t_zero(holds(&c, c.nurse_keys, 5, 1));
	t_err(holds(&c, c.doctor_keys, 5, 1), CF_EDENIED);
	t_zero(holds(&c, c.doctor_keys, 5, 0)); /* what it had it has: a copied key opens what it opened */
	t_err(netfix_revoke(c.n, &c.owner, c.owner_keys, &patient, 1u << 5, &c.doctor), CF_ENOTFOUND);
	/* granted again: all epochs */
	t_zero(netfix_grant(c.n, &c.owner, c.owner_keys, &patient, 1u << 5, &c.doctor, VERB_READ, 0));
	t_zero(holds(&c, c.doctor_keys, 5, 1));
	t_zero(netfix_revoke(c.n, &c.owner, c.owner_keys, &patient, 1u << 5, &c.nurse));
	t_zero(holds(&c, c.doctor_keys, 5, 2));
	t_err(holds(&c, c.nurse_keys, 5, 2), CF_EDENIED);
	close_clinic(&c);
}

T_TEST(an_ended_grant_gets_no_next_key)
{
	struct clinic c;

	open_clinic(&c);
	t_zero(netfix_grant(c.n, &c.owner, c.owner_keys, &patient, 1u << 5, &c.doctor, VERB_READ,
			    c.n->now_ms + 1500));
	t_zero(netfix_grant(c.n, &c.owner, c.owner_keys, &patient, 1u << 5, &c.nurse, VERB_READ, 0));
	t_zero(netfix_revoke(c.n, &c.owner, c.owner_keys, &patient, 1u << 5, &c.nurse));
	t_err(holds(&c, c.doctor_keys, 5, 1), CF_EDENIED);
	close_clinic(&c);
}

T_TEST(a_grant_that_a_revocation_has_not_seen_conflicts)
{
	struct clinic c;
	struct netfix_request r[2] = {{.patient = &patient, .op_count = 1},
				      {.patient = &patient, .op_count = 1}};
	struct op_grant grant = {.sections = 1u << 5, .verbs = VERB_READ};
	struct op_revoke revoke = {.sections = 1u << 5};
	struct buf body[2], annex[2], tx[2];
	struct apply_request requests[2];
	struct db_txn *txn;
	uint8_t verdicts[2];

	open_clinic(&c);
	t_zero(netfix_grant(c.n, &c.owner, c.owner_keys, &patient, 1u << 5, &c.doctor, VERB_READ, 0));
	for (int i = 0; i < 2; i++) {
		buf_init(&body[i], 0);
		buf_init(&annex[i], 0);
		buf_init(&tx[i], 0);
	}
	grant.to = c.nurse.id;
	revoke.from = c.doctor.id;
	t_zero(op_grant_encode(&grant, &body[0]));
	t_zero(op_revoke_encode(&revoke, &body[1]));
	t_zero(chain_read_begin(c.n->chain[0], &txn));
	t_zero(keyring_wrap_grant(c.owner_keys, txn, &patient, grant.sections, &grant.to, &annex[0]));
	t_zero(keyring_wrap_revoke(c.owner_keys, txn, &patient, revoke.sections, &revoke.from, c.n->now_ms,
				   &annex[1]));
	db_abort(txn);
	for (int i = 0; i < 2; i++) {
		r[i].by = &c.owner;
		r[i].op[0] = (struct tx_op){i ? OP_REVOKE : OP_GRANT, buf_view(&body[i])};
		r[i].annex = buf_view(&annex[i]);
		t_zero(netfix_tx(c.n, &r[i], &tx[i], NULL));
		requests[i] = (struct apply_request){buf_view(&tx[i]), buf_view(&annex[i])};
	}
	t_zero(netfix_block(c.n, requests, 2, verdicts));
	t_eq(verdicts[0], VERDICT_VALID);
	t_eq(verdicts[1], VERDICT_MVCC_CONFLICT);
	for (int i = 0; i < 2; i++) {
		buf_release(&body[i]);
		buf_release(&annex[i]);
		buf_release(&tx[i]);
	}
	close_clinic(&c);
}

T_TEST(staff_gets_keys_in_custody)
{
	struct clinic c;
	struct patient_id other = {{5}};
	struct keyring *custodian;
	struct section_keys a, b;
	struct db_txn *txn;

	open_clinic(&c);
	t_zero(netfix_admit(c.n, &c.doctor, c.doctor_keys, &other));
	t_zero(netfix_keyring(c.n, &c.n->custodian[1], &custodian));
	keyring_forget(c.doctor_keys, NULL);
	t_zero(chain_read_begin(c.n->chain[0], &txn));
	t_zero(keyring_get(custodian, txn, &other, 16, 0, 0, &a));
	t_zero(keyring_get(c.doctor_keys, txn, &other, 16, 0, 0, &b));
	t_same_keys(&a, &b);
	t_err(keyring_get(c.nurse_keys, txn, &other, 16, 0, 0, &a), CF_EDENIED);
	db_abort(txn);
	keyring_free(custodian);
	close_clinic(&c);
}

static void flip_each(struct buf *body, const struct crypto_key *kem, const struct hash *network,
		      const struct patient_id *p)
{
	struct wrap_key keys[8];
	struct wrap w;

	for (size_t i = 0; i < body->len; i++) {
		body->data[i] ^= 1;
		if (wrap_decode(buf_view(body), &w) == 0)
			t_ok(wrap_open(&w, kem, network, p, keys) != 0);
		body->data[i] ^= 1;
		t_err(wrap_decode(VIEW(body->data, i), &w), CF_EDECODE);
	}
}

T_TEST(a_wrap_fits_its_place_alone)
{
	struct crypto_key *kem, *other;
	uint8_t point[POINT_BYTES];
	struct hash network = {{1}}, network2 = {{2}};
	struct patient_id p2 = {{6}};
	struct identity_id to = {{7}};
	struct wrap_key keys[2] = {{.section = 1, .epoch = 4, .grant = {1}}, {.section = 2, .name = {2}}},
			back[2];
	struct buf body;
	struct wrap w;

	buf_init(&body, 0);
	t_zero(crypto_key_generate(&kem));
	t_zero(crypto_key_generate(&other));
	crypto_key_point(kem, point);
	t_zero(wrap_seal(&network, &patient, &to, point, keys, 2, &body));
	t_zero(wrap_decode(buf_view(&body), &w));
	t_ok(wrap_has(&w, 1, 4) && wrap_has(&w, 2, 0) && !wrap_has(&w, 1, 0));
	t_zero(wrap_open(&w, kem, &network, &patient, back));
	for (int i = 0; i < 2; i++) {
		t_eq(back[i].section, keys[i].section);
		t_eq(back[i].epoch, keys[i].epoch);
		t_bytes(back[i].grant, SECTION_KEY_BYTES, keys[i].grant, SECTION_KEY_BYTES);
		t_bytes(back[i].name, SECTION_KEY_BYTES, keys[i].name, SECTION_KEY_BYTES);
	}
	t_err(wrap_open(&w, other, &network, &patient, back), CF_ECORRUPT);
	t_err(wrap_open(&w, kem, &network2, &patient, back), CF_ECORRUPT);
	t_err(wrap_open(&w, kem, &network, &p2, back), CF_ECORRUPT);
	flip_each(&body, kem, &network, &patient);
	crypto_key_free(kem);
	crypto_key_free(other);
	buf_release(&body);
}

T_MAIN
