/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_contract_people.c - registration, admission, grants and revocations through the contract.
 */
#include "tests/lib/netfix.h"
#include "tests/lib/t.h"

static const struct patient_id patient = {{6, 2, 8}};

static struct netfix *fresh(void)
{
	struct netfix *n;

	t_zero(netfix_new(1, false, &n));
	return n;
}

static int run_register(struct netfix *n, const struct identity *who, const struct op_register *op)
{
	struct netfix_request r = {.by = who, .op_count = 1};
	struct buf body;
	int err;

	buf_init(&body, 0);
	t_zero(op_register_encode(op, &body));
	r.op[0] = (struct tx_op){OP_REGISTER, buf_view(&body)};
	err = netfix_run(n, &r, NULL);
	buf_release(&body);
	return err;
}

T_TEST(registration_writes_who_somebody_is)
{
	struct netfix *n = fresh();
	struct identity doctor;
	struct identity_row row;
	struct db_txn *txn;

	t_zero(netfix_person(n, "dr.eve", ROLE_DOCTOR, 2, &doctor));
	t_zero(chain_read_begin(n->chain[0], &txn));
	t_zero(state_identity(txn, &doctor.id, &row));
	t_eq(row.role, ROLE_DOCTOR);
	t_eq(row.org, 3);
	t_eq(row.status, IDENTITY_ACTIVE);
	t_str(row.name, "dr.eve");
	t_bytes(row.kem_point, POINT_BYTES, doctor.info.kem_point, POINT_BYTES);
	t_bytes(row.cert.data, row.cert.len, doctor.chain[0].data, doctor.chain[0].len);
	db_abort(txn);
	identity_release(&doctor);
	netfix_free(n);
}

T_TEST(registration_checks_the_chain)
{
	struct netfix *n = fresh(), *foreign = fresh();
	struct identity a, b, stranger;
	struct op_register op = {.count = 2};
	uint64_t now = n->now_ms;

	t_zero(netfix_identity(n, "ann", ROLE_DOCTOR, 0, &a));
	t_zero(netfix_identity(n, "bob", ROLE_DOCTOR, 1, &b));
	t_zero(netfix_identity(foreign, "ann", ROLE_DOCTOR, 0, &stranger));
	op.cert[0] = buf_view(&a.chain[0]);
	op.cert[1] = buf_view(&a.chain[1]);
	t_zero(run_register(n, &a, &op));
	t_err(run_register(n, &b, &op), CF_EDENIED); /* for somebody else */
	op.cert[1] = buf_view(&b.chain[1]);
	t_err(run_register(n, &a, &op), CF_EFOREIGN); /* another organization's authority */
	op.cert[2] = buf_view(&a.chain[1]);
	op.count = 3;
	t_zero(run_register(n, &a, &op)); /* beside the right one it does no harm */
	op.count = 1;
	t_err(run_register(n, &a, &op), CF_EFOREIGN); /* no chain */
	op = (struct op_register){.count = 2,
				  .cert = {buf_view(&stranger.chain[0]), buf_view(&stranger.chain[1])}};
	t_err(run_register(n, &stranger, &op), CF_EFOREIGN); /* another root */
	op = (struct op_register){.count = 2, .cert = {buf_view(&a.chain[0]), buf_view(&a.chain[1])}};
	n->now_ms = a.info.not_after_ms + 1000;
	t_err(run_register(n, &a, &op), CF_EEXPIRED);
	n->now_ms = a.info.not_before_ms - 1000;
	t_err(run_register(n, &a, &op), CF_EEXPIRED);
	n->now_ms = now;
	identity_release(&a);
	identity_release(&b);
	identity_release(&stranger);
	netfix_free(n);
	netfix_free(foreign);
}

T_TEST(a_name_is_registered_once)
{
	struct netfix *n = fresh();
	struct identity a, again;
	struct op_register op = {.count = 2};

	t_zero(netfix_person(n, "ann", ROLE_DOCTOR, 0, &a));
	t_zero(netfix_identity(n, "ann", ROLE_DOCTOR, 0, &again));
	op.cert[0] = buf_view(&again.chain[0]);
	op.cert[1] = buf_view(&again.chain[1]);
	t_err(run_register(n, &again, &op), CF_EEXIST); /* another key */
	op.cert[0] = buf_view(&a.chain[0]);
	t_err(run_register(n, &a, &op), CF_EEXIST); /* nothing new */
	identity_release(&a);
	identity_release(&again);
	netfix_free(n);
}

T_TEST(who_may_admit)
{
	static const struct {
		enum role role;
		int err;
	} table[] = {
		{ROLE_PATIENT, 0},           {ROLE_DOCTOR, 0},        {ROLE_MANAGER, 0},
		{ROLE_GOVERNOR, CF_EDENIED}, {ROLE_PEER, CF_EDENIED},
	};
	struct netfix *n = fresh();

	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct patient_id p = {{1, (uint8_t)i}};
		struct identity who;
		struct keyring *k;

		t_zero(netfix_person(n, role_name(table[i].role), table[i].role, 0, &who));
		t_zero(netfix_keyring(n, &who, &k));
		t_err(netfix_admit(n, &who, k, &p), table[i].err);
		if (table[i].err == 0)
			t_err(netfix_admit(n, &who, k, &p), CF_EEXIST);
		keyring_free(k);
		identity_release(&who);
	}
	netfix_free(n);
}

/* An admission with this owner and custodian, wrapped to `wrapped`. */
static int run_admit(struct netfix *n, const struct identity *by, struct keyring *k,
		     const struct identity *owner, const struct identity *custodian,
		     const struct identity *wrapped)
{
	struct netfix_request r = {.by = by, .patient = &patient, .op_count = 1};
	struct op_admit op = {.sealed_name = VIEW("n", 1)};
	struct identity_id to[2] = {by->id, wrapped->id};
	struct buf body, annex;
	struct db_txn *txn;
	int err;

	if (owner)
		op.owner = owner->id;
	if (custodian)
		op.custodian = custodian->id;
	buf_init(&body, 0);
	buf_init(&annex, 0);
	t_zero(chain_read_begin(n->chain[0], &txn));
	t_zero(keyring_wrap_admit(k, txn, &patient, to, 2, &annex));
	db_abort(txn);
	t_zero(op_admit_encode(&op, &body));
	r.op[0] = (struct tx_op){OP_ADMIT, buf_view(&body)};
	r.annex = buf_view(&annex);
	err = netfix_run(n, &r, NULL);
	buf_release(&body);
	buf_release(&annex);
	return err;
}

T_TEST(custody_is_the_own_organizations)
{
	struct netfix *n = fresh();
	struct identity doctor, owner;
	const struct identity *mine = &n->custodian[0], *theirs = &n->custodian[1];
	struct keyring *k, *ko;

	t_zero(netfix_person(n, "dr", ROLE_DOCTOR, 0, &doctor));
	t_zero(netfix_person(n, "pat", ROLE_PATIENT, 0, &owner));
	t_zero(netfix_keyring(n, &doctor, &k));
	t_zero(netfix_keyring(n, &owner, &ko));
	t_zero(run_admit(n, &doctor, k, NULL, mine, mine));
	t_err(run_admit(n, &doctor, k, NULL, theirs, theirs), CF_EDENIED);
	t_err(run_admit(n, &doctor, k, &owner, NULL, &owner), CF_EDENIED); /* the patient was not asked */
	t_err(run_admit(n, &doctor, k, &owner, mine, mine), CF_EINVAL);    /* both */
	t_err(run_admit(n, &doctor, k, NULL, mine, &doctor), CF_EINVAL);   /* the custodian gets no keys */
	t_err(run_admit(n, &owner, ko, NULL, mine, mine), CF_EDENIED);     /* a patient is nobody's staff */
	keyring_free(k);
	keyring_free(ko);
	identity_release(&doctor);
	identity_release(&owner);
	netfix_free(n);
}

T_TEST(staff_grants_on_in_custody_within_its_own_rights)
{
	struct netfix *n = fresh();
	struct identity doctor, nurse, governor;
	struct keyring *k, *kn;
	struct grant_row row;
	struct db_txn *txn;
	const unsigned nine = 1u << 9;

	t_zero(netfix_person(n, "dr", ROLE_DOCTOR, 0, &doctor));
	t_zero(netfix_person(n, "nurse", ROLE_DOCTOR, 0, &nurse));
	t_zero(netfix_person(n, "gov", ROLE_GOVERNOR, 1, &governor));
	t_zero(netfix_keyring(n, &doctor, &k));
	t_zero(netfix_keyring(n, &nurse, &kn));
	t_zero(netfix_admit(n, &doctor, k, &patient));
	t_zero(netfix_grant(n, &doctor, k, &patient, nine, &nurse, VERB_READ | VERB_ADD, 0));
	t_err(netfix_grant(n, &nurse, kn, &patient, nine, &governor, VERB_READ, 0),
	      CF_EDENIED); /* not hers to grant */
	t_err(netfix_grant(n, &doctor, k, &patient, nine, &governor, VERB_ADD, 0),
	      CF_EDENIED); /* beyond the role */
	t_zero(netfix_grant(n, &doctor, k, &patient, nine, &governor, VERB_READ, 0));
	t_zero(chain_read_begin(n->chain[0], &txn));
	t_zero(state_grant(txn, &patient, 9, &nurse.id, &row));
	t_eq(row.verbs, VERB_READ | VERB_ADD);
	t_eq(row.from_epoch, 0);
	t_bytes(row.granted_by.b, IDENTITY_BYTES, doctor.id.b, IDENTITY_BYTES);
	t_zero(state_grant(txn, &patient, 0, &nurse.id, &row));
	t_eq(row.verbs, VERB_READ);
	t_zero(state_grant(txn, &patient, 9, &doctor.id, &row));
	t_ok(row.verbs & VERB_GRANT);
	db_abort(txn);
	keyring_free(k);
	keyring_free(kn);
	identity_release(&doctor);
	identity_release(&nurse);
	identity_release(&governor);
	netfix_free(n);
}

T_TEST(the_directory_is_seen_as_long_as_anything_is)
{
	struct netfix *n = fresh();
	struct identity owner, doctor;
	struct keyring *k;
	struct grant_row row;
	struct section_row section;
	struct db_txn *txn;
	uint64_t soon = n->now_ms + 100000, later = n->now_ms + 200000;

	t_zero(netfix_person(n, "pat", ROLE_PATIENT, 0, &owner));
	t_zero(netfix_person(n, "dr", ROLE_DOCTOR, 1, &doctor));
	t_zero(netfix_keyring(n, &owner, &k));
	t_zero(netfix_admit(n, &owner, k, &patient));
	t_zero(netfix_grant(n, &owner, k, &patient, 1u << 3, &doctor, VERB_READ, later));
	t_zero(netfix_grant(n, &owner, k, &patient, 1u << 4, &doctor, VERB_ALL, soon));
	t_zero(chain_read_begin(n->chain[0], &txn));
	t_zero(state_grant(txn, &patient, 0, &doctor.id, &row));
	t_eq(row.until_ms, later);
	t_eq(row.verbs, VERB_READ);
	db_abort(txn);
	t_err(netfix_grant(n, &owner, k, &patient, 1u << 4, &doctor, VERB_ALL, n->now_ms), CF_EINVAL);
	t_err(netfix_grant(n, &owner, k, &patient, 1u << 4, &owner, VERB_ALL, 0), CF_EINVAL);
	t_zero(netfix_revoke(n, &owner, k, &patient, 1u << 3, &doctor));
	t_zero(chain_read_begin(n->chain[0], &txn));
	t_zero(state_grant(txn, &patient, 3, &doctor.id, &row));
	t_eq(row.verbs, 0);
	t_zero(state_section(txn, &patient, 3, &section));
	t_eq(section.epoch, 1);
	t_zero(state_section(txn, &patient, 0, &section));
	t_eq(section.epoch, 0); /* not named */
	t_zero(state_grant(txn, &patient, 4, &doctor.id, &row));
	t_eq(row.verbs, VERB_ALL);
	db_abort(txn);
	keyring_free(k);
	identity_release(&owner);
	identity_release(&doctor);
	netfix_free(n);
}

T_TEST(a_revocation_forgets_nobody)
{
	struct netfix *n = fresh();
	struct identity owner, doctor, nurse;
	struct keyring *k;
	struct netfix_request r = {.patient = &patient, .op_count = 1};
	struct op_revoke op = {.sections = 1u << 3};
	struct buf body, annex;
	struct db_txn *txn;

	t_zero(netfix_person(n, "pat", ROLE_PATIENT, 0, &owner));
	t_zero(netfix_person(n, "dr", ROLE_DOCTOR, 1, &doctor));
	t_zero(netfix_person(n, "nurse", ROLE_DOCTOR, 1, &nurse));
	t_zero(netfix_keyring(n, &owner, &k));
	t_zero(netfix_admit(n, &owner, k, &patient));
	t_zero(netfix_grant(n, &owner, k, &patient, 1u << 3, &doctor, VERB_READ, 0));
	t_zero(netfix_grant(n, &owner, k, &patient, 1u << 3, &nurse, VERB_READ, 0));
	buf_init(&body, 0);
	buf_init(&annex, 0);
	op.from = doctor.id;
	t_zero(op_revoke_encode(&op, &body));
	r.by = &owner;
	r.op[0] = (struct tx_op){OP_REVOKE, buf_view(&body)};
	t_zero(chain_read_begin(n->chain[0], &txn));
	/* keys made for the revocation of somebody else: the nurse is left out, the doctor is not */
	t_zero(keyring_wrap_revoke(k, txn, &patient, op.sections, &nurse.id, n->now_ms, &annex));
	r.annex = buf_view(&annex);
	t_err(netfix_run(n, &r, NULL), CF_EINVAL);
	buf_reset(&annex);
	t_zero(keyring_wrap_revoke(k, txn, &patient, op.sections, &doctor.id, n->now_ms, &annex));
	r.annex = buf_view(&annex);
	t_zero(netfix_run(n, &r, NULL));
	r.annex = VIEW_NONE;
	t_err(netfix_run(n, &r, NULL), CF_ECONFLICT);
	db_abort(txn);
	buf_release(&body);
	buf_release(&annex);
	keyring_free(k);
	identity_release(&owner);
	identity_release(&doctor);
	identity_release(&nurse);
	netfix_free(n);
}

T_MAIN
