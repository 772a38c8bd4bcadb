/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_claim.c - the consent, and a chart in custody that becomes its patient's own.
 */
#include "acl/claim.h"
#include "tests/lib/netfix.h"
#include "tests/lib/t.h"

#include <stdio.h>
#include <string.h>

static const struct patient_id patient = {{6, 2, 8}};

struct fix {
	struct netfix *n;
	const struct identity *custodian;
	struct identity owner;
	struct identity other; /* a patient, too */
	struct identity doctor;
	struct keyring *custodians;
	struct keyring *owners;
};

static void fix_new(struct fix *f)
{
	t_zero(netfix_new(1, false, &f->n));
	f->custodian = &f->n->custodian[0];
	t_zero(netfix_person(f->n, "pat", ROLE_PATIENT, 2, &f->owner));
	t_zero(netfix_person(f->n, "ota", ROLE_PATIENT, 2, &f->other));
	t_zero(netfix_person(f->n, "dr", ROLE_DOCTOR, 0, &f->doctor));
	t_zero(netfix_keyring(f->n, f->custodian, &f->custodians));
	t_zero(netfix_keyring(f->n, &f->owner, &f->owners));
	t_zero(netfix_admit(f->n, f->custodian, f->custodians, &patient));
}

static void fix_free(struct fix *f)
{
	keyring_free(f->custodians);
	keyring_free(f->owners);
	identity_release(&f->owner);
	identity_release(&f->other);
	identity_release(&f->doctor);
	netfix_free(f->n);
}

/* A consent of signer to own the chart out of this custodian's hands. */
static struct op_claim consent(const struct fix *f, const struct identity *owner,
			       const struct identity *signer, const struct identity *custodian)
{
	struct claim c = {.patient = patient, .custodian = custodian->id, .owner = owner->id};
	struct op_claim op = {.owner = owner->id};

	t_zero(claim_sign(&c, &f->n->network, signer->sign));
	memcpy(op.consent, c.sig, SIG_BYTES);
	return op;
}

/* Runs (or, with commit, commits) the claim by `by`, its annex wrapped to `to` for these sections. */
static int claim(struct fix *f, const struct identity *by, const struct op_claim *op,
		 const struct identity *to, uint32_t sections, bool commit)
{
	struct keyring *keys = by == &f->owner ? f->owners : f->custodians;
	struct netfix_request r = {.by = by, .patient = &patient, .op_count = 1};
	struct buf body, annex;
	struct db_txn *txn;
	int err;

	buf_init(&body, 0);
	buf_init(&annex, 0);
	t_zero(chain_read_begin(f->n->chain[0], &txn));
	t_zero(keyring_wrap_grant(keys, txn, &patient, sections, &to->id, &annex));
	db_abort(txn);
	t_zero(op_claim_encode(op, &body));
	r.op[0] = (struct tx_op){OP_CLAIM, buf_view(&body)};
	r.annex = buf_view(&annex);
	err = commit ? netfix_submit(f->n, &r, NULL) : netfix_run(f->n, &r, NULL);
	buf_release(&body);
	buf_release(&annex);
	return err;
}

T_TEST(the_line_of_a_consent)
{
	struct claim c = {.patient = {{1, 2}}, .custodian = {{3}}, .owner = {{4}}, .sig = {5}}, back;
	char text[CLAIM_TEXT_BYTES], changed[CLAIM_TEXT_BYTES + 3];

	claim_format(&c, text);
	t_zero(claim_parse(text, &back));
	t_bytes(&c, sizeof(c), &back, sizeof(back));
	snprintf(changed, sizeof(changed), "\n%s\n", text);
	t_zero(claim_parse(changed, &back));
	for (size_t len = 0; len < strlen(text); len++) {
		snprintf(changed, sizeof(changed), "%.*s", (int)len, text);
		t_err(claim_parse(changed, &back), CF_EINVAL);
	}
	snprintf(changed, sizeof(changed), "%s 0", text);
	t_err(claim_parse(changed, &back), CF_EINVAL);
	snprintf(changed, sizeof(changed), "%s", text);
	changed[20] = 'x';
	t_err(claim_parse(changed, &back), CF_EINVAL);
}

T_TEST(a_consent_is_for_one_handing_over)
{
	struct crypto_key *key;
	struct claim c = {.patient = patient, .custodian = {{3}}, .owner = {{4}}}, other;
	struct hash network = {{1}}, elsewhere = {{2}};
	uint8_t point[POINT_BYTES];

	t_zero(crypto_key_generate(&key));
	crypto_key_point(key, point);
	t_zero(claim_sign(&c, &network, key));
	t_zero(claim_verify(&c, &network, point));
	t_err(claim_verify(&c, &elsewhere, point), CF_ESIG);
	other = c;
	other.patient.b[0] ^= 1;
	t_err(claim_verify(&other, &network, point), CF_ESIG);
	other = c;
	other.custodian.b[0] ^= 1;
	t_err(claim_verify(&other, &network, point), CF_ESIG);
	other = c;
	other.owner.b[0] ^= 1;
	t_err(claim_verify(&other, &network, point), CF_ESIG);
	crypto_key_free(key);
}

T_TEST(who_may_hand_over_to_whom)
{
	struct fix f;
	struct op_claim op;

	fix_new(&f);
	op = consent(&f, &f.owner, &f.owner, f.custodian);
	t_zero(claim(&f, f.custodian, &op, &f.owner, SECTIONS_ALL, false));
	t_err(claim(&f, &f.n->custodian[1], &op, &f.owner, SECTIONS_ALL, false), CF_EDENIED);
	t_err(claim(&f, &f.doctor, &op, &f.owner, SECTIONS_ALL, false), CF_EDENIED);
	t_err(claim(&f, f.custodian, &op, &f.other, SECTIONS_ALL, false), CF_EINVAL); /* keys for another */
	t_err(claim(&f, f.custodian, &op, &f.owner, SECTIONS_ALL & ~(1u << 7), false), CF_EINVAL);
	op = consent(&f, &f.owner, &f.other, f.custodian); /* somebody else's consent */
	t_err(claim(&f, f.custodian, &op, &f.owner, SECTIONS_ALL, false), CF_EDENIED);
	op = consent(&f, &f.owner, &f.owner, &f.n->custodian[1]); /* to another custodian */
	t_err(claim(&f, f.custodian, &op, &f.owner, SECTIONS_ALL, false), CF_EDENIED);
	op = consent(&f, &f.doctor, &f.doctor, f.custodian); /* a doctor owns no chart */
	t_err(claim(&f, f.custodian, &op, &f.doctor, SECTIONS_ALL, false), CF_EDENIED);
	fix_free(&f);
}

T_TEST(the_chart_is_the_patients_own)
{
	struct section_keys keys;
	struct patient_row row;
	struct grant_row grant;
	struct op_claim op;
	struct db_txn *txn;
	struct fix f;

	fix_new(&f);
	t_zero(netfix_grant(f.n, f.custodian, f.custodians, &patient, 1u << 4, &f.doctor, VERB_READ, 0));
	op = consent(&f, &f.owner, &f.owner, f.custodian);
	t_zero(claim(&f, f.custodian, &op, &f.owner, SECTIONS_ALL, true));
	t_zero(chain_read_begin(f.n->chain[0], &txn));
	t_zero(state_patient(txn, &patient, &row));
	t_eq(row.status, PATIENT_OWNED);
	t_bytes(row.owner.b, IDENTITY_BYTES, f.owner.id.b, IDENTITY_BYTES);
	for (unsigned s = 0; s <= SECTION_COUNT; s++) {
		t_zero(keyring_get(f.owners, txn, &patient, s, 0, 1, &keys));
		t_zero(state_grant(txn, &patient, s, &f.custodian->id, &grant));
		t_eq(grant.verbs, VERB_ALL);
	}
	db_abort(txn);
	/* from now on the patient alone grants, and takes back */
	t_err(netfix_grant(f.n, f.custodian, f.custodians, &patient, 1u << 4, &f.other, VERB_READ, 0),
	      CF_EDENIED);
	t_zero(netfix_grant(f.n, &f.owner, f.owners, &patient, 1u << 4, &f.other, VERB_READ, 0));
	t_zero(netfix_revoke(f.n, &f.owner, f.owners, &patient, SECTIONS_ALL, f.custodian));
	/* owned once and for all: neither the same consent nor another one serves again */
	t_err(claim(&f, &f.owner, &op, &f.owner, 1, false), CF_EDENIED);
	op = consent(&f, &f.other, &f.other, &f.owner);
	t_err(claim(&f, &f.owner, &op, &f.other, 1, false), CF_EDENIED);
	fix_free(&f);
}

T_MAIN
