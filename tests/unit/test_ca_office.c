/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ca_office.c - an authority at work: who may ask what, and every request that somebody forged, copied,
 * sent to the wrong place or too late.
 */
#include "acl/ca_office.h"
#include "acl/identity_apply.h"
#include "acl/userfile.h"
#include "ledger/file.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define ROUNDS 10
#define DAY ((uint64_t)86400 * 1000)

struct site {
	const char *dir;
	const char *root;
	uint64_t now_ms;
	uint64_t machine;        /* that asks */
	struct ca_office office; /* of hospA */
	struct identity manager, doctor, foreign;
};

static void make_identity(const char *dir, const char *ca_dir, const char *name, const char *org,
			  enum role role, struct identity *ret_id)
{
	struct identity_issue what = {.name = name,
				      .org = org,
				      .role = role,
				      .not_before_ms = (uint64_t)time(NULL) * 1000 - DAY,
				      .not_after_ms = (uint64_t)time(NULL) * 1000 + 300 * DAY,
				      .pbkdf2_rounds = ROUNDS};
	const char *own = tmpdir_path(dir, name);
	struct buf chain;
	struct ca ca;

	buf_init(&chain, 0);
	t_zero(ca_load(ca_dir, "pw", &ca));
	t_zero(ca_chain(&ca, &chain));
	t_zero(identity_create(own, "pw", &what, buf_view(&chain), ca.key));
	t_zero(identity_load(own, "pw", ret_id));
	t_zero(ca_store_open(ca_dir));
	t_zero(ca_store_issued(ca_dir, buf_view(&ret_id->chain[0])));
	ca_release(&ca);
	buf_release(&chain);
}

/* root -> hospA CA -> hospA ward CA (its office), root -> hospB CA */
static void site_init(struct site *s)
{
	uint64_t end = (uint64_t)time(NULL) * 1000 + 3000 * DAY;
	const char *a, *b, *ward;

	memset(s, 0, sizeof(*s));
	s->dir = tmpdir_new();
	s->now_ms = (uint64_t)time(NULL) * 1000;
	a = tmpdir_path(s->dir, "A");
	b = tmpdir_path(s->dir, "B");
	ward = tmpdir_path(s->dir, "ward");
	s->root = tmpdir_path(s->dir, "root/ca.pem");
	t_zero(ca_create(tmpdir_path(s->dir, "root"), "pw", "Root", "Root", 3, end, ROUNDS, NULL, NULL));
	t_zero(ca_create(a, "pw", "hospA CA", "hospA", 2, end, ROUNDS, tmpdir_path(s->dir, "root"), "pw"));
	t_zero(ca_create(b, "pw", "hospB CA", "hospB", 2, end, ROUNDS, tmpdir_path(s->dir, "root"), "pw"));
	t_zero(ca_create(ward, "pw", "hospA ward CA", "hospA", 1, end, ROUNDS, a, "pw"));
	make_identity(s->dir, ward, "boss", "hospA", ROLE_MANAGER, &s->manager);
	make_identity(s->dir, ward, "dr", "hospA", ROLE_DOCTOR, &s->doctor);
	make_identity(s->dir, b, "bossB", "hospB", ROLE_MANAGER, &s->foreign);
	t_zero(ca_office_open(ward, "pw", s->root, &s->office));
}

static void site_release(struct site *s)
{
	ca_office_close(&s->office);
	identity_release(&s->manager);
	identity_release(&s->doctor);
	identity_release(&s->foreign);
}

static struct hash own_key(const struct site *s)
{
	return crypto_key_fingerprint(s->office.ca.info.sign_point);
}

static void refused_at(int line, int got, int want, const char *reason)
{
	t_check_err(__FILE__, line, "the request", got, want);
	if (!strstr(err_detail(), reason))
		t_fail_at(__FILE__, line, "reason '%s', not '%s'", err_detail(), reason);
}
#define refused(call, want, reason) refused_at(__LINE__, call, want, reason)

static int ask(struct site *s, enum ca_kind kind, struct view bytes)
{
	struct buf answer;
	int err;

	buf_init(&answer, 0);
	err = ca_office_handle(&s->office, s->machine, kind, bytes, s->now_ms, &answer);
	buf_release(&answer);
	return err;
}

static int ask_as(struct site *s, enum ca_kind kind, struct view body, const struct identity *by)
{
	struct hash authority = own_key(s);
	struct buf request;
	int err;

	buf_init(&request, 0);
	t_zero(ca_request_encode(kind, &authority, s->now_ms, body, by, &request));
	err = ask(s, kind, buf_view(&request));
	buf_release(&request);
	return err;
}

/* Keys in DIR/name, the application in out. */
static struct application_id apply(struct site *s, const char *name, const char *org, enum role role,
				   struct buf *out)
{
	struct identity_issue what = {.name = name, .org = org, .role = role, .pbkdf2_rounds = ROUNDS};
	char at[64];

	snprintf(at, sizeof(at), "new-%s", name);
	buf_init(out, 0);
	t_zero(identity_apply(tmpdir_path(s->dir, at), "own", &what, s->now_ms, out));
	return application_id_of(buf_view(out));
}

static int decide(struct site *s, const struct application_id *id, bool approve, const struct identity *by)
{
	struct ca_decide m = {.id = *id, .approve = approve};
	struct buf body;
	int err;

	buf_init(&body, 0);
	t_zero(ca_decide_encode(&m, &body));
	err = ask_as(s, CA_DECIDE, buf_view(&body), by);
	buf_release(&body);
	return err;
}

/* What was collected, accepted into DIR/new-name. */
static int collect(struct site *s, const char *name, const struct buf *application)
{
	struct application_id id = application_id_of(buf_view(application));
	struct ca_collected m;
	struct buf answer;
	char at[64];
	int err;

	buf_init(&answer, 0);
	t_zero(ca_office_handle(&s->office, 0, CA_COLLECT, VIEW(id.b, sizeof(id.b)), s->now_ms, &answer));
	t_zero(ca_collected_decode(buf_view(&answer), &m));
	snprintf(at, sizeof(at), "new-%s", name);
	err = m.decision != CA_APPROVED
		      ? CF_EAGAIN
		      : identity_accept(tmpdir_path(s->dir, at), buf_view(application), m.chain, m.tls,
					buf_view(&s->office.root), s->now_ms);
	buf_release(&answer);
	return err;
}

static int revoke(struct site *s, const char *name, const struct identity *by)
{
	struct ca_revoke m = {.name = view_str(name), .reason = view_str("a test")};
	struct buf body;
	int err;

	buf_init(&body, 0);
	t_zero(ca_revoke_encode(&m, &body));
	err = ask_as(s, CA_REVOKE, buf_view(&body), by);
	buf_release(&body);
	return err;
}

T_TEST(an_applicant_gets_what_a_manager_approves)
{
	struct application_id id;
	struct identity got;
	struct buf app;
	struct site s;

	site_init(&s);
	id = apply(&s, "ann", "hospA", ROLE_DOCTOR, &app);
	t_zero(ask(&s, CA_APPLY, buf_view(&app)));
	t_zero(ask(&s, CA_APPLY, buf_view(&app))); /* the same again is the same */
	t_err(collect(&s, "ann", &app), CF_EAGAIN);
	refused(decide(&s, &id, true, &s.doctor), CF_EDENIED, "a manager decides");
	refused(decide(&s, &id, true, &s.foreign), CF_EDENIED, "is of 'hospB'");
	t_zero(decide(&s, &id, true, &s.manager));
	t_zero(collect(&s, "ann", &app));
	t_zero(identity_load(tmpdir_path(s.dir, "new-ann"), "own", &got));
	t_eq(got.chain_count, 3); /* leaf, ward, hospA: depth three below the root */
	t_eq(got.info.role, ROLE_DOCTOR);
	refused(decide(&s, &id, true, &s.manager), CF_ENOTFOUND, "no such application");
	identity_release(&got);
	buf_release(&app);
	site_release(&s);
}

T_TEST(applications_are_refused)
{
	struct application a;
	struct buf app, other;
	struct site s;

	site_init(&s);
	(void)apply(&s, "bob", "hospB", ROLE_DOCTOR, &app);
	refused(ask(&s, CA_APPLY, buf_view(&app)), CF_EDENIED, "names nobody of 'hospB'");
	buf_release(&app);
	(void)apply(&s, "dr", "hospA", ROLE_MANAGER, &app); /* a name that has a certificate */
	refused(ask(&s, CA_APPLY, buf_view(&app)), CF_EEXIST, "has a certificate already");
	buf_release(&app);
	(void)apply(&s, "eve", "hospA", ROLE_DOCTOR, &app);
	for (size_t i = 0; i < app.len; i++) {
		app.data[i] ^= 1;
		if (application_decode(buf_view(&app), &a) == 0)
			t_fail("byte %zu changed is accepted", i);
		app.data[i] ^= 1;
	}
	for (size_t len = 0; len < app.len; len++)
		t_ok(application_decode(VIEW(app.data, len), &a) != 0);
	/* another's signing key under one's own signature */
	t_zero(application_decode(buf_view(&app), &a));
	memcpy(a.sign_point, s.doctor.info.sign_point, POINT_BYTES);
	buf_init(&other, 0);
	t_zero(application_encode(&a, s.manager.sign, &other));
	refused(ask(&s, CA_APPLY, buf_view(&other)), CF_ESIG, "not signed by its key");
	buf_release(&app);
	buf_release(&other);
	site_release(&s);
}

T_TEST(of_two_applications_for_a_name_one_is_granted)
{
	struct application_id first, second;
	struct buf a, b;
	struct site s;

	site_init(&s);
	first = apply(&s, "ann", "hospA", ROLE_DOCTOR, &a);
	t_zero(ask(&s, CA_APPLY, buf_view(&a)));
	t_eq(rename(tmpdir_path(s.dir, "new-ann"), tmpdir_path(s.dir, "first")), 0);
	second = apply(&s, "ann", "hospA", ROLE_MANAGER, &b);
	t_zero(ask(&s, CA_APPLY, buf_view(&b)));
	t_zero(decide(&s, &first, true, &s.manager));
	refused(decide(&s, &second, true, &s.manager), CF_EEXIST, "has a certificate already");
	t_zero(decide(&s, &second, false, &s.manager));
	buf_release(&a);
	buf_release(&b);
	site_release(&s);
}

/* Whoever applies makes the authority look at what it has of that name, and at nothing else. */
T_TEST(names_are_found_by_themselves)
{
	struct buf a, b;
	struct site s;

	site_init(&s);
	(void)apply(&s, "dr", "hospA", ROLE_DOCTOR, &a); /* has a certificate */
	(void)apply(&s, "ann", "hospA", ROLE_DOCTOR, &b);
	refused(ask(&s, CA_APPLY, buf_view(&a)), CF_EEXIST, "has a certificate already");
	/* a directory of before names were kept */
	ca_office_close(&s.office);
	t_zero(file_remove_tree(tmpdir_path(s.dir, "ward/names")));
	t_zero(ca_office_open(tmpdir_path(s.dir, "ward"), "pw", s.root, &s.office));
	refused(ask(&s, CA_APPLY, buf_view(&a)), CF_EEXIST, "has a certificate already");
	/* whose certificate is damaged is no other's trouble */
	t_zero(file_replace(tmpdir_path(s.dir, "ward/issued/damaged.pem"), view_str("nothing")));
	t_zero(ask(&s, CA_APPLY, buf_view(&b)));
	refused(ask(&s, CA_APPLY, buf_view(&a)), CF_EEXIST, "has a certificate already");
	buf_release(&a);
	buf_release(&b);
	site_release(&s);
}

/* Signed by a key that it names, and nobody's otherwise: a stranger makes as many as it likes. */
static struct application_id stranger(struct site *s, unsigned number, struct buf *out)
{
	struct application a = {.role = ROLE_DOCTOR, .time_ms = s->now_ms, .org = "hospA"};
	struct crypto_key *key, *kem;

	snprintf(a.name, sizeof(a.name), "nobody %u", number);
	t_zero(crypto_key_generate(&key));
	t_zero(crypto_key_generate(&kem));
	crypto_key_point(key, a.sign_point);
	crypto_key_point(kem, a.kem_point);
	buf_init(out, 0);
	t_zero(application_encode(&a, key, out));
	crypto_key_free(key);
	crypto_key_free(kem);
	return application_id_of(buf_view(out));
}

T_TEST(one_machine_leaves_room_for_the_others)
{
	struct application_id first = {{0}};
	struct buf a, ann;
	struct site s;

	site_init(&s);
	s.machine = 7;
	for (unsigned i = 0; i < CA_WAITING_OF_ONE_MAX; i++) {
		struct application_id id = stranger(&s, i, &a);

		first = i ? first : id;
		t_zero(ask(&s, CA_APPLY, buf_view(&a)));
		if (i == 0)
			t_zero(ask(&s, CA_APPLY, buf_view(&a))); /* the same again is no other */
		buf_release(&a);
	}
	(void)stranger(&s, CA_WAITING_OF_ONE_MAX, &a);
	refused(ask(&s, CA_APPLY, buf_view(&a)), CF_EAGAIN, "applications from there wait");
	s.machine = 8;
	(void)apply(&s, "ann", "hospA", ROLE_DOCTOR, &ann);
	t_zero(ask(&s, CA_APPLY, buf_view(&ann)));
	t_zero(decide(&s, &first, false, &s.manager)); /* makes room */
	s.machine = 7;
	t_zero(ask(&s, CA_APPLY, buf_view(&a)));
	buf_release(&a);
	buf_release(&ann);
	site_release(&s);
}

T_TEST(requests_are_for_one_authority_and_now)
{
	struct hash authority, other = {{1}};
	struct buf request;
	struct site s;

	site_init(&s);
	authority = own_key(&s);
	buf_init(&request, 0);
	t_zero(ca_request_encode(CA_PENDING, &other, s.now_ms, VIEW_NONE, &s.manager, &request));
	refused(ask(&s, CA_PENDING, buf_view(&request)), CF_EINVAL, "for another authority");
	buf_reset(&request);
	t_zero(ca_request_encode(CA_PENDING, &authority, s.now_ms - CA_REQUEST_WINDOW_MS - 1, VIEW_NONE,
				 &s.manager, &request));
	refused(ask(&s, CA_PENDING, buf_view(&request)), CF_EEXPIRED, "clock is off");
	buf_reset(&request);
	t_zero(ca_request_encode(CA_PENDING, &authority, s.now_ms, VIEW_NONE, &s.manager, &request));
	t_zero(ask(&s, CA_PENDING, buf_view(&request)));
	refused(ask(&s, CA_IDENTITIES, buf_view(&request)), CF_EDECODE, "of another kind");
	for (size_t i = 0; i < request.len; i += 3) {
		request.data[i] ^= 4;
		if (ask(&s, CA_PENDING, buf_view(&request)) == 0)
			t_fail("byte %zu changed is accepted", i);
		request.data[i] ^= 4;
	}
	/* signed by a key that is not the certificate's */
	buf_reset(&request);
	{
		struct identity forged = s.manager;

		forged.sign = s.doctor.sign;
		t_zero(ca_request_encode(CA_PENDING, &authority, s.now_ms, VIEW_NONE, &forged, &request));
	}
	refused(ask(&s, CA_PENDING, buf_view(&request)), CF_ESIG, "is not signed by 'boss'");
	buf_release(&request);
	site_release(&s);
}

T_TEST(a_certificate_that_ended_asks_nothing)
{
	struct site s;

	site_init(&s);
	s.now_ms += 301 * DAY;
	refused(ask_as(&s, CA_PENDING, VIEW_NONE, &s.manager), CF_EEXPIRED, "'boss' has expired");
	s.now_ms += 4000 * DAY;
	refused(ask(&s, CA_ABOUT, VIEW_NONE), CF_EEXPIRED, "authority 'hospA ward CA' has expired");
	site_release(&s);
}

T_TEST(identities_renew_their_own)
{
	struct application a;
	struct buf app, other;
	struct site s;

	site_init(&s);
	buf_init(&app, 0);
	t_zero(identity_apply_again(&s.doctor, tmpdir_path(s.dir, "dr"), "pw", NULL, NULL, ROUNDS, s.now_ms,
				    &app));
	refused(ask_as(&s, CA_REENROLL, buf_view(&app), &s.manager), CF_EDENIED,
		"renews its own certificate");
	t_zero(ask_as(&s, CA_REENROLL, buf_view(&app), &s.doctor));
	t_zero(ask_as(&s, CA_REENROLL, buf_view(&app), &s.doctor)); /* a copy does nothing else */
	t_zero(application_decode(buf_view(&app), &a));
	a.role = ROLE_MANAGER;
	buf_init(&other, 0);
	t_zero(application_encode(&a, s.doctor.sign, &other));
	refused(ask_as(&s, CA_REENROLL, buf_view(&other), &s.doctor), CF_EDENIED, "in its own role");
	a.role = ROLE_DOCTOR;
	memcpy(a.kem_point, s.manager.info.kem_point, POINT_BYTES);
	buf_reset(&other);
	t_zero(application_encode(&a, s.doctor.sign, &other));
	refused(ask_as(&s, CA_REENROLL, buf_view(&other), &s.doctor), CF_EINVAL, "key-agreement key stays");
	buf_release(&app);
	buf_release(&other);
	site_release(&s);
}

/* A renewal gets TLS certificates for the hosts that a manager has approved, and for no others. */
T_TEST(a_renewal_brings_no_new_host)
{
	static const struct {
		const char *hosts;
		bool granted;
	} cases[] = {{"srv.example", true},
		     {"10.0.0.7,srv.example", true},
		     {"srv.example,other.example", false},
		     {"10.0.0.8", false},
		     {"www.srv.example", false}};
	struct identity_issue what = {.name = "srv",
				      .org = "hospA",
				      .role = ROLE_DOCTOR,
				      .tls_host = "10.0.0.7,srv.example",
				      .pbkdf2_rounds = ROUNDS};
	struct application_id id;
	struct identity srv;
	struct buf app;
	struct site s;

	site_init(&s);
	buf_init(&app, 0);
	t_zero(identity_apply(tmpdir_path(s.dir, "new-srv"), "own", &what, s.now_ms, &app));
	id = application_id_of(buf_view(&app));
	t_zero(ask(&s, CA_APPLY, buf_view(&app)));
	t_zero(decide(&s, &id, true, &s.manager));
	t_eq(collect(&s, "srv", &app), 0);
	t_zero(identity_load(tmpdir_path(s.dir, "new-srv"), "own", &srv));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_reset(&app);
		t_zero(identity_apply_again(&srv, tmpdir_path(s.dir, "new-srv"), "own", NULL, cases[i].hosts,
					    ROUNDS, s.now_ms, &app));
		if (cases[i].granted)
			t_zero(ask_as(&s, CA_REENROLL, buf_view(&app), &srv));
		else
			refused(ask_as(&s, CA_REENROLL, buf_view(&app), &srv), CF_EDENIED,
				"has no TLS certificate for");
	}
	/* another's hosts are not one's own */
	buf_reset(&app);
	t_zero(identity_apply_again(&s.doctor, tmpdir_path(s.dir, "dr"), "pw", tmpdir_path(s.dir, "dr-more"),
				    "srv.example", ROUNDS, s.now_ms, &app));
	refused(ask_as(&s, CA_REENROLL, buf_view(&app), &s.doctor), CF_EDENIED, "has no TLS certificate for");
	identity_release(&srv);
	buf_release(&app);
	site_release(&s);
}

T_TEST(who_is_revoked_asks_nothing_and_stands_on_the_list)
{
	struct view chain[2];
	struct crl_info info;
	struct buf crl, app;
	struct site s;

	site_init(&s);
	buf_init(&crl, 0);
	buf_init(&app, 0);
	refused(revoke(&s, "dr", &s.doctor), CF_EDENIED, "a manager decides");
	refused(revoke(&s, "nobody", &s.manager), CF_ENOTFOUND, "has no certificate");
	t_zero(ca_office_handle(&s.office, 0, CA_LIST_CRL, VIEW_NONE, s.now_ms, &crl));
	chain[0] = buf_view(&s.office.ca.chain[0]);
	chain[1] = buf_view(&s.office.ca.chain[1]);
	t_zero(cert_crl_check(buf_view(&crl), chain, 2, buf_view(&s.office.root), s.now_ms, &info));
	t_eq(info.number, 1);
	t_eq(info.count, 0);
	t_zero(revoke(&s, "dr", &s.manager));
	buf_reset(&crl);
	t_zero(ca_office_handle(&s.office, 0, CA_LIST_CRL, VIEW_NONE, s.now_ms, &crl));
	t_zero(cert_crl_check(buf_view(&crl), chain, 2, buf_view(&s.office.root), s.now_ms, &info));
	t_eq(info.number, 2);
	t_eq(info.count, 1);
	/* half of its time later there is a newer one, in time */
	s.now_ms += 16 * DAY;
	buf_reset(&crl);
	t_zero(ca_office_handle(&s.office, 0, CA_LIST_CRL, VIEW_NONE, s.now_ms, &crl));
	t_zero(cert_crl_check(buf_view(&crl), chain, 2, buf_view(&s.office.root), s.now_ms, &info));
	t_eq(info.number, 3);
	t_zero(identity_apply_again(&s.doctor, tmpdir_path(s.dir, "dr"), "pw", NULL, NULL, ROUNDS, s.now_ms,
				    &app));
	refused(ask_as(&s, CA_REENROLL, buf_view(&app), &s.doctor), CF_EREVOKED,
		"certificate of 'dr' is revoked");
	t_zero(revoke(&s, "boss", &s.manager));
	refused(ask_as(&s, CA_PENDING, VIEW_NONE, &s.manager), CF_EREVOKED,
		"certificate of 'boss' is revoked");
	buf_release(&crl);
	buf_release(&app);
	site_release(&s);
}

T_TEST(one_process_works_for_an_authority)
{
	struct ca_office second;
	struct site s;

	site_init(&s);
	refused(ca_office_open(tmpdir_path(s.dir, "ward"), "pw", s.root, &second), CF_EBUSY,
		"another process");
	refused(ca_office_open(tmpdir_path(s.dir, "A"), "wrong", s.root, &second), CF_EPASS,
		"wrong passphrase");
	t_eq(chmod(tmpdir_path(s.dir, "A/ca.key"), 0640), 0);
	refused(ca_office_open(tmpdir_path(s.dir, "A"), "pw", s.root, &second), CF_EPERM, "chmod 600");
	refused(ca_office_open(tmpdir_path(s.dir, "B"), "pw", tmpdir_path(s.dir, "A/ca.pem"), &second),
		CF_EFOREIGN, "");
	site_release(&s);
}

T_MAIN
