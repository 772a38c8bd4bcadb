/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_identity.c - authorities and identities as directories, and chartfs-ca's way through them.
 */
#include "acl/identity.h"
#include "acl/keyfile.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 10
#define DAY ((uint64_t)86400 * 1000)

static uint64_t now(void)
{
	return (uint64_t)time(NULL) * 1000;
}

/* A root and hospA's authority. */
struct site {
	const char *dir, *root_dir, *ca_dir;
	struct ca root, ca;
};

static void site_init(struct site *s)
{
	*s = (struct site){.dir = tmpdir_new()};
	s->root_dir = tmpdir_path(s->dir, "root");
	s->ca_dir = tmpdir_path(s->dir, "hospA");
	t_zero(ca_create(s->root_dir, "rootpw", "Consortium", "Consortium", 3, now() + 100 * DAY, ROUNDS,
			 NULL, NULL));
	t_zero(ca_create(s->ca_dir, "capw", "hospA CA", "hospA", 9, now() + 999 * DAY, ROUNDS, s->root_dir,
			 "rootpw"));
	t_zero(ca_load(s->root_dir, "rootpw", &s->root));
	t_zero(ca_load(s->ca_dir, "capw", &s->ca));
}

static void site_release(struct site *s)
{
	ca_release(&s->root);
	ca_release(&s->ca);
}

static struct identity_issue issue(const char *name, enum role role)
{
	return (struct identity_issue){.name = name,
				       .org = "hospA",
				       .role = role,
				       .not_before_ms = now() - DAY,
				       .not_after_ms = now() + 10 * DAY,
				       .pbkdf2_rounds = ROUNDS};
}

static int create(const char *dir, const struct identity_issue *what, const struct ca *ca)
{
	struct buf chain;
	int err;

	buf_init(&chain, 0);
	t_zero(ca_chain(ca, &chain));
	err = identity_create(dir, "pw", what, buf_view(&chain), ca->key);
	buf_release(&chain);
	return err;
}

static int check_chain(const struct identity *id, const struct ca *root)
{
	struct view mid[CERT_CHAIN_MAX];

	for (size_t i = 1; i < id->chain_count; i++)
		mid[i - 1] = buf_view(&id->chain[i]);
	return cert_check_chain(buf_view(&id->chain[0]), mid, id->chain_count - 1, buf_view(&root->chain[0]),
				VIEW_NONE, now());
}

static bool is_mode(const char *dir, const char *file, unsigned mode)
{
	struct stat st;

	return stat(tmpdir_path(dir, file), &st) == 0 && (st.st_mode & 07777) == mode;
}

T_TEST(identity_authorities)
{
	struct site s;

	site_init(&s);
	t_ok(s.root.info.is_root);
	t_eq(s.root.chain_count, 1);
	t_eq(s.root.info.path_len, 3);
	t_ok(!s.ca.info.is_root && s.ca.info.is_ca);
	t_eq(s.ca.chain_count, 1);   /* the root is in no chain */
	t_eq(s.ca.info.path_len, 2); /* cut to the root's */
	t_ok(s.ca.info.not_after_ms <= s.root.info.not_after_ms);
	t_str(s.ca.info.org, "hospA");
	t_ok(is_mode(s.ca_dir, "ca.key", 0600));
	t_ok(is_mode(s.ca_dir, ".", 0700));
	site_release(&s);
}

T_TEST(identity_round_trip)
{
	struct identity_issue what = issue("alice", ROLE_DOCTOR);
	struct identity id;
	struct identity_id want = identity_id_of("hospA", "alice");
	uint8_t point[POINT_BYTES];
	struct hash fingerprint;
	const char *dir;
	struct site s;

	site_init(&s);
	dir = tmpdir_path(s.dir, "alice");
	t_zero(create(dir, &what, &s.ca));
	t_zero(identity_load(dir, "pw", &id));
	t_bytes(id.id.b, IDENTITY_BYTES, want.b, IDENTITY_BYTES);
	t_eq(id.info.role, ROLE_DOCTOR);
	t_eq(id.chain_count, 2);
	t_ok(id.endorse == NULL);
	crypto_key_point(id.sign, point);
	t_bytes(point, POINT_BYTES, id.info.sign_point, POINT_BYTES);
	fingerprint = crypto_key_fingerprint(point);
	t_ok(hash_equal(&fingerprint, &id.sign_fingerprint));
	crypto_key_point(id.kem, point);
	t_bytes(point, POINT_BYTES, id.info.kem_point, POINT_BYTES);
	t_ok(memcmp(id.info.kem_point, id.info.sign_point, POINT_BYTES) != 0);
	t_zero(check_chain(&id, &s.root));
	t_ok(is_mode(dir, ".", 0700) && is_mode(dir, "sign.key", 0600) && is_mode(dir, "kem.key", 0600));
	t_ok(access(tmpdir_path(dir, "tls.pem"), F_OK) != 0);
	t_ok(access(tmpdir_path(dir, "endorse.key"), F_OK) != 0);
	identity_release(&id);
	identity_release(&id); /* once more is harmless */
	site_release(&s);
}

/* Signs as long as it may; how often it could not. */
struct signer {
	const struct identity *id;
	atomic_bool stop;
	atomic_ulong signed_count, refused;
};

static void *sign_on(void *ctx)
{
	struct hash digest = {{1}};
	uint8_t sig[SIG_BYTES];
	struct signer *s = ctx;

	while (!s->stop) {
		if (identity_use(s->id)) {
			s->refused++;
			continue;
		}
		t_zero(crypto_sign(s->id->sign, &digest, sig));
		identity_done(s->id);
		s->signed_count++;
	}
	return NULL;
}

T_TEST(identity_locked_away_and_back)
{
	struct identity_issue alice = issue("alice", ROLE_DOCTOR), bob = issue("bob", ROLE_DOCTOR);
	struct signer signer = {.stop = false};
	const char *dir, *other;
	struct identity id;
	pthread_t thread;
	struct site s;

	site_init(&s);
	dir = tmpdir_path(s.dir, "alice");
	other = tmpdir_path(s.dir, "bob");
	t_zero(create(dir, &alice, &s.ca));
	t_zero(create(other, &bob, &s.ca));
	t_zero(identity_load(dir, "pw", &id));
	signer.id = &id;
	t_zero(pthread_create(&thread, NULL, sign_on, &signer));
	for (int round = 0; round < 20; round++) {
		unsigned long before = signer.refused;

		identity_lock(&id);
		t_ok(id.sign == NULL && id.kem == NULL);
		t_err(identity_use(&id), CF_ELOCKED);
		while (signer.refused == before)
			sched_yield();
		t_err(identity_unlock(&id, dir, "no"), CF_EPASS);
		t_err(identity_unlock(&id, other, "pw"), CF_EINVAL);
		t_err(identity_use(&id), CF_ELOCKED);
		t_zero(identity_unlock(&id, dir, "pw"));
		before = signer.signed_count;
		while (signer.signed_count == before)
			sched_yield();
	}
	signer.stop = true;
	pthread_join(thread, NULL);
	identity_lock(&id);
	identity_release(&id);
	site_release(&s);
}

T_TEST(identity_of_a_peer)
{
	struct identity_issue what = issue("peer1", ROLE_PEER);
	struct buf ders[CERT_CHAIN_MAX];
	struct crypto_key *tls = NULL;
	struct cert_info info;
	struct identity id;
	uint8_t point[POINT_BYTES];
	const char *dir;
	size_t count;
	struct site s;

	site_init(&s);
	dir = tmpdir_path(s.dir, "peer1");
	what.tls_host = "127.0.0.1,localhost";
	t_zero(create(dir, &what, &s.ca));
	t_zero(identity_load(dir, "pw", &id));
	t_ok(id.endorse);
	crypto_key_point(id.endorse, point);
	t_bytes(point, POINT_BYTES, id.info.endorse_point, POINT_BYTES);
	t_zero(check_chain(&id, &s.root));
	t_zero(cert_pem_read(tmpdir_path(dir, "tls.pem"), ders, CERT_CHAIN_MAX, &count));
	t_eq(count, 2);
	t_zero(cert_parse(buf_view(&ders[0]), &info));
	t_eq(info.role, 0);
	t_zero(keyfile_read(tmpdir_path(dir, "tls.key"), "pw", &tls));
	crypto_key_point(tls, point);
	t_bytes(point, POINT_BYTES, info.sign_point, POINT_BYTES);
	crypto_key_free(tls);
	buf_release(&ders[0]);
	buf_release(&ders[1]);
	identity_release(&id);
	site_release(&s);
}

T_TEST(identity_depth_three)
{
	struct identity_issue what = issue("bob", ROLE_PATIENT);
	struct ca ward, room = {0};
	struct identity id;
	const char *ward_dir, *dir;
	struct site s;

	site_init(&s);
	ward_dir = tmpdir_path(s.dir, "ward");
	t_zero(ca_create(ward_dir, "w", "hospA ward CA", "hospA", 0, now() + 50 * DAY, ROUNDS, s.ca_dir,
			 "capw"));
	t_zero(ca_load(ward_dir, "w", &ward));
	t_eq(ward.chain_count, 2);
	dir = tmpdir_path(s.dir, "bob");
	t_zero(create(dir, &what, &ward));
	t_zero(identity_load(dir, "pw", &id));
	t_eq(id.chain_count, 3);
	t_zero(check_chain(&id, &s.root));
	identity_release(&id);
	/* nothing below a path length of 0 */
	t_err(ca_create(tmpdir_path(s.dir, "room"), "r", "room CA", "hospA", 0, now() + DAY, ROUNDS, ward_dir,
			"w"),
	      CF_EDENIED);
	t_err(ca_load(tmpdir_path(s.dir, "room"), "r", &room), CF_ENOTFOUND);
	/* no organization below another one's */
	t_err(ca_create(tmpdir_path(s.dir, "other"), "r", "hospB CA", "hospB", 0, now() + DAY, ROUNDS,
			s.ca_dir, "capw"),
	      CF_EDENIED);
	t_ok(strstr(err_detail(), "hospB"));
	ca_release(&ward);
	site_release(&s);
}

T_TEST(identity_of_another_organization_is_not_issued)
{
	struct identity_issue what = issue("mallory", ROLE_DOCTOR);
	struct site s;

	site_init(&s);
	what.org = "hospB";
	t_err(create(tmpdir_path(s.dir, "m"), &what, &s.ca), CF_EDENIED);
	t_ok(strstr(err_detail(), "hospB"));
	t_err(create(tmpdir_path(s.dir, "m"), &what, &s.root), CF_EDENIED);
	what.org = "hospA";
	what.name = "a/b";
	t_err(create(tmpdir_path(s.dir, "m"), &what, &s.ca), CF_EINVAL);
	what.name = "mallory";
	what.tls_host = "no host";
	t_err(create(tmpdir_path(s.dir, "m"), &what, &s.ca), CF_EINVAL);
	t_ok(access(tmpdir_path(s.dir, "m"), F_OK) != 0); /* what is refused leaves nothing */
	site_release(&s);
}

T_TEST(identity_directory_in_use)
{
	struct identity_issue what = issue("alice", ROLE_DOCTOR);
	struct site s;

	site_init(&s);
	t_zero(create(tmpdir_path(s.dir, "alice"), &what, &s.ca));
	t_err(create(tmpdir_path(s.dir, "alice"), &what, &s.ca), CF_ENOTEMPTY);
	t_err(ca_create(s.ca_dir, "x", "x", "x", 0, now() + DAY, ROUNDS, NULL, NULL), CF_ENOTEMPTY);
	site_release(&s);
}

T_TEST(identity_wrong_passphrases)
{
	struct identity_issue what = issue("alice", ROLE_DOCTOR);
	struct identity id;
	struct ca ca;
	struct site s;

	site_init(&s);
	t_zero(create(tmpdir_path(s.dir, "alice"), &what, &s.ca));
	t_err(identity_load(tmpdir_path(s.dir, "alice"), "Pw", &id), CF_EPASS);
	t_err(ca_load(s.ca_dir, "rootpw", &ca), CF_EPASS);
	t_err(ca_create(tmpdir_path(s.dir, "new"), "x", "x", "hospC", 0, now() + DAY, ROUNDS, s.root_dir,
			"no"),
	      CF_EPASS);
	site_release(&s);
}

T_TEST(identity_files_missing_or_open)
{
	static const char *const files[] = {"cert.pem", "sign.key", "kem.key", "endorse.key"};
	struct identity_issue what = issue("peer1", ROLE_PEER);
	struct identity id;
	struct site s;

	site_init(&s);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		const char *dir = tmpdir_path(s.dir, files[i]);

		t_zero(create(dir, &what, &s.ca));
		if (i > 0) {
			t_eq(chmod(tmpdir_path(dir, files[i]), 0640), 0);
			t_err(identity_load(dir, "pw", &id), CF_EPERM);
			t_ok(strstr(err_detail(), files[i]));
		}
		t_eq(unlink(tmpdir_path(dir, files[i])), 0);
		t_err(identity_load(dir, "pw", &id), CF_ENOTFOUND);
		t_ok(strstr(err_detail(), files[i]));
	}
	t_err(identity_load(tmpdir_path(s.dir, "nobody"), "pw", &id), CF_ENOTFOUND);
	site_release(&s);
}

T_TEST(identity_keys_of_another)
{
	static const char *const files[] = {"sign.key", "kem.key", "endorse.key"};
	struct identity_issue what = issue("peer1", ROLE_PEER);
	const char *a, *b;
	struct identity id;
	struct ca ca;
	struct site s;

	site_init(&s);
	a = tmpdir_path(s.dir, "a");
	b = tmpdir_path(s.dir, "b");
	t_zero(create(a, &what, &s.ca));
	t_zero(create(b, &what, &s.ca));
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		t_eq(rename(tmpdir_path(a, files[i]), tmpdir_path(a, "kept")), 0);
		t_eq(link(tmpdir_path(b, files[i]), tmpdir_path(a, files[i])), 0);
		t_err(identity_load(a, "pw", &id), CF_EINVAL);
		t_ok(strstr(err_detail(), files[i]));
		t_eq(rename(tmpdir_path(a, "kept"), tmpdir_path(a, files[i])), 0);
	}
	t_zero(identity_load(a, "pw", &id));
	identity_release(&id);
	/* an authority's directory is no identity's, and the other way round */
	t_eq(link(tmpdir_path(s.ca_dir, "ca.pem"), tmpdir_path(s.ca_dir, "cert.pem")), 0);
	t_err(identity_load(s.ca_dir, "capw", &id), CF_EINVAL);
	t_eq(link(tmpdir_path(a, "cert.pem"), tmpdir_path(a, "ca.pem")), 0);
	t_err(ca_load(a, "pw", &ca), CF_EINVAL);
	site_release(&s);
}

T_MAIN
