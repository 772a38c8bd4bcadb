/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_contract_identity.c - suspend, reinstate, revocation lists, new keys: what the ledger takes, what it
 * refuses and for which reason, and from when on it counts.
 */
#include "acl/keyring.h"
#include "acl/wrap.h"
#include "ledger/mem.h"
#include "tests/lib/netfix.h"
#include "tests/lib/t.h"

#define DAY ((uint64_t)86400 * 1000)

static const struct patient_id patient = {{6, 2, 8}};

static struct netfix *fresh(void)
{
	struct netfix *n;

	t_zero(netfix_new(2, false, &n));
	return n;
}

static void refused_at(int line, int got, int want, const char *reason)
{
	t_check_err(__FILE__, line, "the transaction", got, want);
	if (!strstr(err_detail(), reason))
		t_fail_at(__FILE__, line, "reason '%s', not '%s'", err_detail(), reason);
}
#define refused(call, want, reason) refused_at(__LINE__, call, want, reason)

/* Encoded, run by the contract and, when that takes it, committed. */
static int submit(struct netfix *n, const struct identity *by, enum op_code code, int encoded,
		  struct buf *body)
{
	struct netfix_request r = {.by = by, .op_count = 1};
	int err;

	t_zero(encoded);
	r.op[0] = (struct tx_op){(uint8_t)code, buf_view(body)};
	err = netfix_run(n, &r, NULL);
	if (err == 0)
		t_zero(netfix_submit(n, &r, NULL));
	buf_release(body);
	return err;
}

static int standing(struct netfix *n, const struct identity *by, enum op_code code,
		    const struct identity *who)
{
	struct op_standing op = {.who = who->id, .reason = VIEW("for a test", 10)};
	struct buf body;

	buf_init(&body, 0);
	return submit(n, by, code, op_standing_encode(&op, &body), &body);
}

static uint8_t status_of(struct netfix *n, const struct identity *who)
{
	struct identity_row row;
	struct db_txn *txn;

	t_zero(chain_read_begin(n->chain[1], &txn));
	t_zero(state_identity(txn, &who->id, &row));
	db_abort(txn);
	return row.status;
}

static int register_chain(struct netfix *n, const struct identity *who)
{
	struct op_register op = {.count = (uint8_t)who->chain_count};
	struct buf body;

	for (unsigned i = 0; i < op.count; i++)
		op.cert[i] = buf_view(&who->chain[i]);
	buf_init(&body, 0);
	return submit(n, who, OP_REGISTER, op_register_encode(&op, &body), &body);
}

/* Carried by `by`: a list of organization org's authority (NETFIX_ORGS: the root's). */
static int carry(struct netfix *n, const struct identity *by, unsigned org, struct view crl)
{
	struct op_crl op = {.crl = crl};
	struct buf body;

	if (org < NETFIX_ORGS) {
		op.count = 1;
		op.cert[0] = buf_view(&n->ca_cert[org]);
	}
	buf_init(&body, 0);
	return submit(n, by, OP_CRL, op_crl_encode(&op, &body), &body);
}

static void make_list(struct netfix *n, unsigned org, const uint8_t (*serials)[20], size_t count,
		      uint64_t number, struct buf *out)
{
	bool root = org == NETFIX_ORGS;

	t_zero(cert_crl_issue(buf_view(root ? &n->root_cert : &n->ca_cert[org]),
			      root ? n->root_key : n->ca_key[org], serials, count, number, n->now_ms - 1000,
			      n->now_ms + 30 * DAY, out));
}

/* A list with the one certificate. */
static int revoke(struct netfix *n, const struct identity *by, unsigned org, const struct identity *who,
		  uint64_t number)
{
	struct buf crl;
	int err;

	buf_init(&crl, 0);
	make_list(n, org, &who->info.serial, 1, number, &crl);
	err = carry(n, by, org, buf_view(&crl));
	buf_release(&crl);
	return err;
}

T_TEST(managers_suspend_their_own_and_governors_doctors)
{
	struct netfix *n = fresh();
	struct identity doctor, patient1, governor;

	t_zero(netfix_person(n, "dr", ROLE_DOCTOR, 0, &doctor));
	t_zero(netfix_person(n, "pat", ROLE_PATIENT, 0, &patient1));
	t_zero(netfix_person(n, "gov", ROLE_GOVERNOR, 1, &governor));
	refused(standing(n, &patient1, OP_SUSPEND, &doctor), CF_EDENIED, "a patient suspends");
	refused(standing(n, &n->custodian[1], OP_SUSPEND, &doctor), CF_EDENIED, "of another organization");
	refused(standing(n, &n->custodian[0], OP_SUSPEND, &n->custodian[0]), CF_EDENIED,
		"their own standing");
	refused(standing(n, &n->custodian[0], OP_REINSTATE, &doctor), CF_EEXIST, "is active already");
	refused(standing(n, &n->custodian[0], OP_SUSPEND, &patient1), CF_EDENIED, "suspends no patient");
	refused(standing(n, &n->custodian[1], OP_SUSPEND, &governor), CF_EDENIED, "suspends no governor");
	/* one governor would stop every hospital */
	refused(standing(n, &governor, OP_SUSPEND, &n->custodian[0]), CF_EDENIED,
		"a governor suspends no manager");
	refused(standing(n, &governor, OP_SUSPEND, &n->peer[0]), CF_EDENIED, "a governor suspends no peer");
	refused(standing(n, &governor, OP_SUSPEND, &patient1), CF_EDENIED, "a governor suspends no patient");
	t_zero(standing(n, &n->custodian[0], OP_SUSPEND, &n->peer[0]));
	refused(standing(n, &governor, OP_REINSTATE, &n->peer[0]), CF_EDENIED, "a governor suspends no peer");
	t_zero(standing(n, &n->custodian[0], OP_REINSTATE, &n->peer[0]));
	t_zero(standing(n, &n->custodian[0], OP_SUSPEND, &doctor));
	t_eq(status_of(n, &doctor), IDENTITY_SUSPENDED);
	refused(standing(n, &n->custodian[0], OP_SUSPEND, &doctor), CF_EEXIST, "is suspended already");
	refused(standing(n, &doctor, OP_SUSPEND, &patient1), CF_EREVOKED, "is suspended");
	refused(register_chain(n, &doctor), CF_EREVOKED, "is not active");
	t_zero(standing(n, &governor, OP_REINSTATE, &doctor));
	t_eq(status_of(n, &doctor), IDENTITY_ACTIVE);
	identity_release(&doctor);
	identity_release(&patient1);
	identity_release(&governor);
	netfix_free(n);
}

T_TEST(a_list_counts_from_the_next_transaction_on)
{
	struct netfix *n = fresh();
	struct identity doctor, carrier;
	struct netfix_request r = {.op_count = 1}, late = {.by = &doctor, .op_count = 1};
	struct apply_request both[2] = {{.annex = VIEW_NONE}, {.annex = VIEW_NONE}};
	struct op_crl list = {.count = 1, .cert = {buf_view(&n->ca_cert[0])}};
	struct buf crl, first, second, body, renewed;
	uint8_t verdicts[2];
	struct hash id;

	t_zero(netfix_person(n, "dr", ROLE_DOCTOR, 0, &doctor));
	t_zero(netfix_person(n, "pat", ROLE_PATIENT, 2, &carrier)); /* anyone enrolled */
	buf_init(&crl, 0);
	buf_init(&first, 0);
	buf_init(&second, 0);
	buf_init(&body, 0);
	buf_init(&renewed, 0);
	make_list(n, 0, &doctor.info.serial, 1, 1, &crl);
	list.crl = buf_view(&crl);
	t_zero(op_crl_encode(&list, &body));
	r.by = &carrier;
	r.op[0] = (struct tx_op){OP_CRL, buf_view(&body)};
	t_zero(netfix_tx(n, &r, &first, &id));
	/* the doctor's own transaction, endorsed before: a list without anybody on it, of another authority
	 */
	make_list(n, 1, NULL, 0, 1, &renewed);
	list = (struct op_crl){.crl = buf_view(&renewed), .count = 1, .cert = {buf_view(&n->ca_cert[1])}};
	buf_reset(&body);
	t_zero(op_crl_encode(&list, &body));
	late.op[0] = (struct tx_op){OP_CRL, buf_view(&body)};
	t_zero(netfix_tx(n, &late, &second, &id));
	both[0].tx = buf_view(&first);
	both[1].tx = buf_view(&second);
	t_zero(netfix_block(n, both, 2, verdicts)); /* the same block: the second sees the first */
	t_eq(verdicts[0], VERDICT_VALID);
	t_eq(verdicts[1], VERDICT_IDENTITY);
	t_eq(status_of(n, &doctor), IDENTITY_REVOKED);
	refused(standing(n, &n->custodian[0], OP_REINSTATE, &doctor), CF_EREVOKED, "revoked, for good");
	refused(register_chain(n, &doctor), CF_EREVOKED, "certificate of 'dr' is revoked");
	buf_release(&crl);
	buf_release(&first);
	buf_release(&second);
	buf_release(&body);
	buf_release(&renewed);
	identity_release(&doctor);
	identity_release(&carrier);
	netfix_free(n);
}

/* Endorsed before the list that revokes the endorser, ordered after it: no block takes it. */
T_TEST(a_revoked_peer_endorses_no_more)
{
	struct netfix *n = fresh();
	struct op_standing op = {.who = n->custodian[2].id, .reason = VIEW("for a test", 10)};
	struct netfix_request r = {.by = &n->custodian[2], .op_count = 1};
	struct identity person;
	struct apply_request request = {.annex = VIEW_NONE};
	struct hash id;
	struct db_txn *txn;
	static struct tx checked;
	struct buf crl, body, tx;

	buf_init(&crl, 0);
	buf_init(&body, 0);
	buf_init(&tx, 0);
	t_zero(netfix_person(n, "dr", ROLE_DOCTOR, 2, &person));
	op.who = person.id;
	t_zero(op_standing_encode(&op, &body));
	r.op[0] = (struct tx_op){OP_SUSPEND, buf_view(&body)};
	t_zero(netfix_tx(n, &r, &tx, &id)); /* endorsed by the first two peers */
	t_zero(chain_read_begin(n->chain[0], &txn));
	t_zero(apply_precheck(n->apply[0], txn, buf_view(&tx), VIEW_NONE, n->now_ms, &checked));
	db_abort(txn);
	make_list(n, 0, &n->peer[0].info.serial, 1, 1, &crl);
	t_zero(carry(n, &person, 0, buf_view(&crl)));
	t_eq(apply_members_revoked(n->apply[0]), 1);
	t_eq(apply_members_revoked(n->apply[1]), 1);
	t_zero(chain_read_begin(n->chain[0], &txn));
	t_err(apply_precheck(n->apply[0], txn, buf_view(&tx), VIEW_NONE, n->now_ms, &checked), CF_EDENIED);
	db_abort(txn);
	request.tx = buf_view(&tx);
	t_err(netfix_block(n, &request, 1, NULL), CF_ENOTFOUND); /* nothing is left for a block */
	t_eq(status_of(n, &person), IDENTITY_ACTIVE);
	buf_release(&crl);
	buf_release(&body);
	buf_release(&tx);
	identity_release(&person);
	netfix_free(n);
}

T_TEST(lists_are_refused_for_what_is_wrong_with_them)
{
	struct netfix *n = fresh(), *foreign = fresh();
	struct identity doctor;
	struct op_crl op = {.count = 1};
	struct buf crl, body;

	t_zero(netfix_person(n, "dr", ROLE_DOCTOR, 0, &doctor));
	buf_init(&crl, 0);
	t_zero(cert_crl_issue(buf_view(&n->ca_cert[0]), n->ca_key[0], NULL, 0, 5, n->now_ms - 2 * DAY,
			      n->now_ms - DAY, &crl));
	refused(carry(n, &doctor, 0, buf_view(&crl)), CF_EEXPIRED, "out of date");
	buf_reset(&crl);
	t_zero(cert_crl_issue(buf_view(&n->ca_cert[0]), n->ca_key[0], NULL, 0, 5, n->now_ms + DAY,
			      n->now_ms + 2 * DAY, &crl));
	refused(carry(n, &doctor, 0, buf_view(&crl)), CF_EEXPIRED, "not valid yet");
	buf_reset(&crl);
	make_list(n, 1, NULL, 0, 5, &crl);
	refused(carry(n, &doctor, 0, buf_view(&crl)), CF_EFOREIGN, "is not of");
	crl.data[crl.len - 1] ^= 1;
	refused(carry(n, &doctor, 1, buf_view(&crl)), CF_ESIG, "wrong signature");
	buf_reset(&crl);
	make_list(foreign, 0, &doctor.info.serial, 1, 5, &crl);
	t_ok(carry(n, &doctor, 0, buf_view(&crl)) == CF_ESIG); /* the same names, another key */
	refused(carry(n, &doctor, 0, VIEW("list", 4)), CF_EINVAL, "not a revocation list");
	/* a leaf that signs a list */
	buf_reset(&crl);
	t_zero(cert_crl_issue(buf_view(&doctor.chain[0]), doctor.sign, NULL, 0, 5, n->now_ms - 1000,
			      n->now_ms + DAY, &crl));
	buf_init(&body, 0);
	op = (struct op_crl){.crl = buf_view(&crl),
			     .count = 2,
			     .cert = {buf_view(&doctor.chain[0]), buf_view(&n->ca_cert[0])}};
	refused(submit(n, &doctor, OP_CRL, op_crl_encode(&op, &body), &body), CF_EFOREIGN,
		"used as an authority and is none");
	/* numbers only grow */
	buf_reset(&crl);
	make_list(n, 0, NULL, 0, 5, &crl);
	t_zero(carry(n, &doctor, 0, buf_view(&crl)));
	refused(carry(n, &doctor, 0, buf_view(&crl)), CF_EEXIST, "list 5 of 'CA' is stale");
	refused(revoke(n, &doctor, 0, &doctor, 4), CF_EEXIST, "is stale");
	t_eq(status_of(n, &doctor), IDENTITY_ACTIVE);
	t_zero(revoke(n, &doctor, 0, &doctor, 6));
	t_eq(status_of(n, &doctor), IDENTITY_REVOKED);
	buf_release(&crl);
	identity_release(&doctor);
	netfix_free(n);
	netfix_free(foreign);
}

/* A leaf for `who`'s keys by this issuer, registered with the chain above it. */
static int register_forged(struct netfix *n, const struct identity *who, const struct cert_request *req,
			   const struct buf *issuer, const struct crypto_key *key, const struct buf *above)
{
	struct identity forged = *who;
	int err;

	buf_init(&forged.chain[0], 0);
	t_zero(cert_issue(req, buf_view(issuer), key, &forged.chain[0]));
	forged.chain[1] = *issuer;
	forged.chain_count = 2;
	if (above)
		forged.chain[forged.chain_count++] = *above;
	err = register_chain(n, &forged);
	buf_release(&forged.chain[0]);
	return err;
}

T_TEST(registration_refuses_each_attack_for_its_reason)
{
	struct netfix *n = fresh();
	struct identity ann, dr;
	struct crypto_key *key;
	struct cert_request leaf, ca = {.kind = CERT_INTERMEDIATE, .name = "ward CA", .org = "Aster"};
	struct buf below;

	t_zero(netfix_identity(n, "ann", ROLE_DOCTOR, 0, &ann));
	t_zero(netfix_identity(n, "dr", ROLE_DOCTOR, 0, &dr));
	t_zero(crypto_key_generate(&key));
	buf_init(&below, 0);
	leaf = (struct cert_request){.kind = CERT_LEAF,
				     .name = "ann",
				     .org = "Aster",
				     .role = ROLE_DOCTOR,
				     .subject = ann.sign,
				     .kem_point = ann.info.kem_point,
				     .not_before_ms = n->now_ms - DAY,
				     .not_after_ms = n->now_ms + DAY};
	/* path length: the authority may have none below it */
	ca.subject = key;
	ca.not_before_ms = leaf.not_before_ms;
	ca.not_after_ms = leaf.not_after_ms;
	t_zero(cert_issue(&ca, buf_view(&n->ca_cert[0]), n->ca_key[0], &below));
	refused(register_forged(n, &ann, &leaf, &below, key, &n->ca_cert[0]), CF_EFOREIGN, "path length");
	/* a leaf that signs a leaf */
	refused(register_forged(n, &ann, &leaf, &dr.chain[0], dr.sign, &n->ca_cert[0]), CF_EFOREIGN,
		"'dr' is used as an authority and is none");
	/* another organization's name */
	refused(register_forged(n, &ann, &leaf, &n->ca_cert[1], n->ca_key[1], NULL), CF_EFOREIGN,
		"names another organization");
	/* the root itself names somebody of an organization */
	refused(register_forged(n, &ann, &leaf, &n->root_cert, n->root_key, NULL), CF_EFOREIGN,
		"names organization");
	/* expired, not yet valid */
	leaf.not_after_ms = n->now_ms - 2000;
	refused(register_forged(n, &ann, &leaf, &n->ca_cert[0], n->ca_key[0], NULL), CF_EEXPIRED,
		"has expired");
	leaf.not_before_ms = n->now_ms + 2000;
	leaf.not_after_ms = n->now_ms + DAY;
	refused(register_forged(n, &ann, &leaf, &n->ca_cert[0], n->ca_key[0], NULL), CF_EEXPIRED,
		"is not valid yet");
	/* a wrong usage: a certificate for TLS */
	leaf.not_before_ms = n->now_ms - DAY;
	leaf.kind = CERT_TLS;
	leaf.kem_point = NULL;
	leaf.tls_host = "127.0.0.1";
	t_ok(register_forged(n, &ann, &leaf, &n->ca_cert[0], n->ca_key[0], NULL) != 0);
	/* an authority as a leaf */
	buf_reset(&below);
	ca.subject = ann.sign;
	t_zero(cert_issue(&ca, buf_view(&n->ca_cert[0]), n->ca_key[0], &below));
	{
		struct identity forged = ann;

		forged.chain[0] = below;
		forged.chain[1] = n->ca_cert[0];
		t_ok(register_chain(n, &forged) != 0);
	}
	crypto_key_free(key);
	buf_release(&below);
	identity_release(&ann);
	identity_release(&dr);
	netfix_free(n);
}

T_TEST(a_certificate_revoked_before_it_was_registered)
{
	struct netfix *n = fresh();
	struct identity a, b;

	t_zero(netfix_identity(n, "ann", ROLE_DOCTOR, 0, &a));
	t_zero(netfix_identity(n, "bob", ROLE_DOCTOR, 1, &b));
	t_zero(revoke(n, &n->custodian[3], 0, &a, 1));
	refused(register_chain(n, &a), CF_EREVOKED, "certificate of 'ann' is revoked");
	t_zero(revoke(n, &n->custodian[3], 0, &b, 2)); /* another authority's list says nothing about it */
	t_zero(register_chain(n, &b));
	identity_release(&a);
	identity_release(&b);
	netfix_free(n);
}

T_TEST(an_authority_revoked_by_the_root_names_nobody)
{
	struct netfix *n = fresh();
	struct identity a;
	struct cert_info ca;
	struct buf crl;

	t_zero(netfix_identity(n, "ann", ROLE_DOCTOR, 0, &a));
	t_zero(cert_parse(buf_view(&n->ca_cert[0]), &ca));
	buf_init(&crl, 0);
	make_list(n, NETFIX_ORGS, &ca.serial, 1, 1, &crl);
	t_zero(carry(n, &n->custodian[1], NETFIX_ORGS, buf_view(&crl)));
	refused(register_chain(n, &a), CF_EREVOKED, "certificate of 'CA' is revoked");
	buf_release(&crl);
	identity_release(&a);
	netfix_free(n);
}

T_TEST(an_authority_with_an_old_list_names_nobody)
{
	struct netfix *n = fresh();
	struct identity a;
	struct buf crl;

	t_zero(netfix_identity(n, "ann", ROLE_DOCTOR, 0, &a));
	buf_init(&crl, 0);
	make_list(n, 0, NULL, 0, 1, &crl);
	t_zero(carry(n, &n->custodian[1], 0, buf_view(&crl)));
	n->now_ms += 31 * DAY;
	refused(register_chain(n, &a), CF_EEXPIRED, "list of 'CA' on the ledger is out of date");
	buf_reset(&crl);
	make_list(n, 0, NULL, 0, 2, &crl);
	t_zero(carry(n, &n->custodian[1], 0, buf_view(&crl)));
	t_zero(register_chain(n, &a));
	buf_release(&crl);
	identity_release(&a);
	netfix_free(n);
}

/* A certificate of `of`'s name with a new signing key, its old key-agreement key or another one's. */
static void new_keys(struct netfix *n, const struct identity *of, unsigned org, const uint8_t *kem_point,
		     struct identity *ret_id)
{
	struct cert_request req = {.kind = CERT_LEAF,
				   .name = of->info.name,
				   .org = of->info.org,
				   .role = of->info.role,
				   .kem_point = kem_point,
				   .not_before_ms = n->now_ms - DAY,
				   .not_after_ms = n->now_ms + 300 * DAY};
	struct identity id = {.id = of->id, .chain_count = 2};

	t_zero(crypto_key_generate(&id.sign));
	req.subject = id.sign;
	buf_init(&id.chain[0], 0);
	buf_init(&id.chain[1], 0);
	t_zero(cert_issue(&req, buf_view(&n->ca_cert[org]), n->ca_key[org], &id.chain[0]));
	t_zero(buf_append_view(&id.chain[1], buf_view(&n->ca_cert[org])));
	t_zero(cert_parse(buf_view(&id.chain[0]), &id.info));
	id.sign_fingerprint = crypto_key_fingerprint(id.info.sign_point);
	*ret_id = id;
}

static int renew(struct netfix *n, const struct identity *by, const struct identity *old,
		 const struct identity *new, const struct crypto_key *proof_by)
{
	struct op_renew op = {
		.who = old->id, .count = 2, .cert = {buf_view(&new->chain[0]), buf_view(&new->chain[1])}};
	struct hash digest = op_renew_digest(&n->network, &old->id, &old->sign_fingerprint, op.cert[0]);
	struct buf body;

	t_zero(crypto_sign(proof_by, &digest, op.proof));
	buf_init(&body, 0);
	return submit(n, by, OP_RENEW, op_renew_encode(&op, &body), &body);
}

T_TEST(new_keys_by_the_old_one)
{
	struct netfix *n = fresh();
	struct identity doctor, other, new, another_kem;

	t_zero(netfix_person(n, "dr", ROLE_DOCTOR, 0, &doctor));
	t_zero(netfix_person(n, "dr2", ROLE_DOCTOR, 0, &other));
	new_keys(n, &doctor, 0, doctor.info.kem_point, &new);
	new_keys(n, &doctor, 0, other.info.kem_point, &another_kem);
	refused(renew(n, &other, &doctor, &new, new.sign), CF_EDENIED, "only 'dr' may renew");
	refused(renew(n, &n->custodian[1], &doctor, &new, new.sign), CF_EDENIED, "only 'dr' may renew");
	refused(renew(n, &doctor, &doctor, &new, other.sign), CF_ESIG, "new key of 'dr' has not signed");
	refused(renew(n, &doctor, &doctor, &another_kem, another_kem.sign), CF_EINVAL,
		"another key-agreement key");
	refused(renew(n, &doctor, &other, &new, new.sign), CF_EINVAL, "another identity");
	refused(renew(n, &doctor, &doctor, &doctor, doctor.sign), CF_EINVAL, "is the old one");
	t_zero(renew(n, &doctor, &doctor, &new, new.sign));
	/* the old key is nobody's now, and its certificate on a list takes nothing away */
	t_ok(standing(n, &doctor, OP_SUSPEND, &other) != 0);
	t_zero(revoke(n, &new, 0, &doctor, 1));
	t_eq(status_of(n, &doctor), IDENTITY_ACTIVE);
	refused(standing(n, &new, OP_SUSPEND, &other), CF_EDENIED, "a doctor suspends");
	t_zero(revoke(n, &new, 0, &new, 2));
	t_eq(status_of(n, &doctor), IDENTITY_REVOKED);
	identity_release(&doctor);
	identity_release(&other);
	identity_release(&new);
	identity_release(&another_kem);
	netfix_free(n);
}

T_TEST(no_hospital_gives_its_people_other_keys)
{
	struct netfix *n = fresh();
	struct identity doctor, patient1, kems, new;

	t_zero(netfix_person(n, "dr", ROLE_DOCTOR, 0, &doctor));
	t_zero(netfix_person(n, "pat", ROLE_PATIENT, 0, &patient1));
	t_zero(netfix_identity(n, "kems", ROLE_DOCTOR, 0, &kems));
	new_keys(n, &doctor, 0, kems.info.kem_point, &new);
	refused(renew(n, &n->custodian[0], &doctor, &new, new.sign), CF_EDENIED,
		"only 'dr' may renew the keys of this doctor");
	identity_release(&new);
	new_keys(n, &patient1, 0, kems.info.kem_point, &new);
	refused(renew(n, &n->custodian[0], &patient1, &new, new.sign), CF_EDENIED,
		"only 'pat' may renew the keys of this patient");
	identity_release(&new);
	/* a member's votes are by its old key until the set takes over the new one */
	t_zero(netfix_identity(n, "peer1", ROLE_PEER, 0, &new));
	t_zero(renew(n, &n->custodian[0], &n->peer[0], &new, new.sign));
	t_bytes(apply_members(n->apply[0])->member[0].sign_point, POINT_BYTES, n->peer[0].info.sign_point,
		POINT_BYTES);
	identity_release(&new);
	identity_release(&doctor);
	identity_release(&patient1);
	identity_release(&kems);
	netfix_free(n);
}

T_TEST(next_keys_are_not_wrapped_to_whom_is_revoked)
{
	struct netfix *n = fresh();
	struct identity owner, doctor, gone;
	struct keyring *k;
	struct buf annex;
	struct db_txn *txn;
	uint32_t lowest;

	t_zero(netfix_person(n, "pat", ROLE_PATIENT, 0, &owner));
	t_zero(netfix_person(n, "dr", ROLE_DOCTOR, 1, &doctor));
	t_zero(netfix_person(n, "gone", ROLE_DOCTOR, 1, &gone));
	t_zero(netfix_keyring(n, &owner, &k));
	t_zero(netfix_admit(n, &owner, k, &patient));
	t_zero(netfix_grant(n, &owner, k, &patient, 1u << 3, &doctor, VERB_READ, 0));
	t_zero(netfix_grant(n, &owner, k, &patient, 1u << 3, &gone, VERB_READ, 0));
	t_zero(revoke(n, &owner, 1, &gone, 1));
	buf_init(&annex, 0);
	t_zero(chain_read_begin(n->chain[0], &txn));
	t_zero(keyring_wrap_revoke(k, txn, &patient, 1u << 3, &doctor.id, n->now_ms, &annex));
	db_abort(txn);
	t_err(wrap_find(buf_view(&annex), &gone.id, 3, 1, &lowest), CF_ENOTFOUND);
	t_zero(wrap_find(buf_view(&annex), &owner.id, 3, 1, &lowest));
	t_zero(netfix_revoke(n, &owner, k, &patient, 1u << 3, &doctor));
	buf_release(&annex);
	keyring_free(k);
	identity_release(&owner);
	identity_release(&doctor);
	identity_release(&gone);
	netfix_free(n);
}

T_MAIN
