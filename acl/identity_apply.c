/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity_apply.c - keys, applications, and the certificates that come back.
 */
#include "acl/identity_apply.h"
#include "acl/identity_private.h"
#include "acl/keyfile.h"
#include "acl/userfile.h"
#include "ledger/file.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define APPLICATION_FILE "application"

struct keys {
	struct crypto_key *sign;
	struct crypto_key *kem;
	struct crypto_key *endorse;
	struct crypto_key *tls;
};

static void keys_free(struct keys *k)
{
	crypto_key_free(k->sign);
	crypto_key_free(k->kem);
	crypto_key_free(k->endorse);
	crypto_key_free(k->tls);
}

static int keys_make(struct keys *k, enum role role, bool tls)
{
	int err = crypto_key_generate(&k->sign);

	if (!err)
		err = crypto_key_generate(&k->kem);
	if (!err && role == ROLE_PEER)
		err = crypto_key_generate(&k->endorse);
	if (!err && tls)
		err = crypto_key_generate(&k->tls);
	return err;
}

static int keys_write(const struct keys *k, const char *dir, const char *passphrase, unsigned rounds)
{
	int err = userfile_dir_create(dir);

	if (!err)
		err = identity_write_key(dir, SIGN_FILE, k->sign, passphrase, rounds);
	if (!err)
		err = identity_write_key(dir, KEM_FILE, k->kem, passphrase, rounds);
	if (!err)
		err = identity_write_key(dir, ENDORSE_FILE, k->endorse, passphrase, rounds);
	if (!err)
		err = identity_write_key(dir, TLS_KEY_FILE, k->tls, passphrase, rounds);
	return err;
}

static int copy(const char *what, const char *from, size_t max, char *to)
{
	if (strlen(from) > max)
		return err_set(CF_EINVAL, "%s '%.70s': over %zu bytes", what, from, max);
	memcpy(to, from, strlen(from) + 1);
	return 0;
}

static int encode(const struct keys *k, const char *name, const char *org, enum role role,
		  const char *tls_host, uint64_t now_ms, struct buf *out)
{
	struct application a = {.role = role, .time_ms = now_ms};
	int err = copy("name", name, CERT_NAME_MAX, a.name);

	if (!err)
		err = copy("organization", org, CERT_NAME_MAX, a.org);
	if (!err && tls_host)
		err = copy("hosts", tls_host, APPLICATION_HOSTS_MAX, a.tls_host);
	if (!err && (!a.name[0] || !a.org[0]))
		err = err_set(CF_EINVAL, "the name and the organization have at least one byte");
	if (err)
		return err;
	crypto_key_point(k->sign, a.sign_point);
	crypto_key_point(k->kem, a.kem_point);
	if (k->endorse)
		crypto_key_point(k->endorse, a.endorse_point);
	if (k->tls)
		crypto_key_point(k->tls, a.tls_point);
	return application_encode(&a, k->sign, out);
}

/* The application last: a directory that has one is whole. */
static int keep(const char *dir, struct view application)
{
	char path[USERFILE_PATH_MAX];
	int err = userfile_path(dir, APPLICATION_FILE, path);

	return err ? err : file_replace(path, application);
}

int identity_apply(const char *dir, const char *passphrase, const struct identity_issue *what,
		   uint64_t now_ms, struct buf *ret_application)
{
	struct keys k = {.sign = NULL};
	struct buf bytes;
	int err = keys_make(&k, what->role, what->tls_host != NULL);

	buf_init(&bytes, APPLICATION_BYTES_MAX);
	if (!err)
		err = encode(&k, what->name, what->org, what->role, what->tls_host, now_ms, &bytes);
	if (!err)
		err = keys_write(&k, dir, passphrase, what->pbkdf2_rounds);
	if (!err)
		err = keep(dir, buf_view(&bytes));
	if (!err)
		err = buf_append_view(ret_application, buf_view(&bytes));
	keys_free(&k);
	buf_release(&bytes);
	return err;
}

static int read_tls_key(const char *dir, const char *passphrase, struct crypto_key **ret_key)
{
	char path[USERFILE_PATH_MAX];
	int err = userfile_path(dir, TLS_KEY_FILE, path);

	return err ? err : keyfile_read(path, passphrase, ret_key);
}

/* All new but key agreement: what was sealed to that key must still open. kem is borrowed. */
static int keys_next(struct crypto_key *kem, enum role role, bool tls, struct keys *ret_k)
{
	int err = keys_make(ret_k, role, tls);

	crypto_key_free(ret_k->kem);
	ret_k->kem = kem;
	return err;
}

int identity_apply_again(const struct identity *id, const char *dir, const char *passphrase, const char *into,
			 const char *tls_host, unsigned rounds, uint64_t now_ms, struct buf *ret_application)
{
	struct keys k = {.sign = id->sign, .kem = id->kem, .endorse = id->endorse};
	struct keys next = {.sign = NULL};
	struct buf bytes;
	int err = 0;

	buf_init(&bytes, APPLICATION_BYTES_MAX);
	if (into)
		err = keys_next(id->kem, id->info.role, tls_host, &next);
	else if (tls_host)
		err = read_tls_key(dir, passphrase, &k.tls);
	if (!err)
		err = encode(into ? &next : &k, id->info.name, id->info.org, id->info.role, tls_host, now_ms,
			     &bytes);
	if (!err && into)
		err = keys_write(&next, into, passphrase, rounds);
	if (!err)
		err = keep(into ? into : dir, buf_view(&bytes));
	if (!err)
		err = buf_append_view(ret_application, buf_view(&bytes));
	next.kem = NULL; /* the identity's */
	keys_free(&next);
	crypto_key_free(k.tls);
	buf_release(&bytes);
	return err;
}

int identity_application(const char *dir, struct buf *out)
{
	char path[USERFILE_PATH_MAX];
	int err = userfile_path(dir, APPLICATION_FILE, path);

	return err ? err : userfile_read(path, APPLICATION_BYTES_MAX, false, out);
}

/* --- what comes back --- */

struct chain {
	struct buf der[CERT_CHAIN_MAX];
	struct view view[CERT_CHAIN_MAX];
	size_t count;
};

static int chain_read(struct view pem, const char *what, struct chain *c)
{
	int err = cert_pem_parse(pem, what, c->der, CERT_CHAIN_MAX, &c->count);

	for (size_t i = 0; i < c->count; i++)
		c->view[i] = buf_view(&c->der[i]);
	return err;
}

static void chain_release(struct chain *c)
{
	for (size_t i = 0; i < c->count; i++)
		buf_release(&c->der[i]);
}

static int check_leaf(const struct application *a, const struct chain *c, struct view root, uint64_t now_ms)
{
	struct cert_info info;
	int err = cert_parse(c->view[0], &info);

	if (!err)
		err = cert_check_chain(c->view[0], c->view + 1, c->count - 1, root, VIEW_NONE, now_ms);
	if (err)
		return err;
	if (strcmp(info.name, a->name) != 0 || strcmp(info.org, a->org) != 0 || info.role != a->role ||
	    memcmp(info.sign_point, a->sign_point, POINT_BYTES) != 0 ||
	    memcmp(info.kem_point, a->kem_point, POINT_BYTES) != 0 ||
	    memcmp(info.endorse_point, a->endorse_point, POINT_BYTES) != 0)
		return err_set(CF_EFOREIGN, "the certificate of '%s' is not what was applied for", info.name);
	return 0;
}

/* Its keys and name; who uses it checks its chain (TLS itself). */
static int check_tls(const struct application *a, const struct chain *c)
{
	struct cert_info info;
	int err = cert_parse(c->view[0], &info);

	if (!err && (strcmp(info.name, a->name) != 0 || strcmp(info.org, a->org) != 0 || info.is_ca ||
		     memcmp(info.sign_point, a->tls_point, POINT_BYTES) != 0))
		err = err_set(CF_EFOREIGN, "the TLS certificate of '%s' is not what was applied for",
			      info.name);
	return err;
}

static int put_text(const char *dir, const char *file, struct view text)
{
	char path[USERFILE_PATH_MAX];
	int err = userfile_path(dir, file, path);

	return err ? err : file_replace(path, text);
}

int identity_accept(const char *dir, struct view application, struct view chain_pem, struct view tls_pem,
		    struct view root, uint64_t now_ms)
{
	struct chain chain = {.count = 0}, tls = {.count = 0};
	struct application a;
	int err = application_decode(application, &a);

	if (!err)
		err = chain_read(chain_pem, "certificate", &chain);
	if (!err)
		err = check_leaf(&a, &chain, root, now_ms);
	if (!err && a.tls_host[0]) {
		err = chain_read(tls_pem, "TLS certificate", &tls);
		if (!err)
			err = check_tls(&a, &tls);
		if (!err)
			err = put_text(dir, TLS_CERT_FILE, tls_pem);
	}
	if (!err)
		err = put_text(dir, CERT_FILE, chain_pem);
	chain_release(&chain);
	chain_release(&tls);
	return err;
}
