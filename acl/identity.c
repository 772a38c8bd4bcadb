/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.c - directories of identities: made with a CA's key, read with a passphrase.
 */
#include "acl/identity_private.h"
#include "acl/keyfile.h"
#include "acl/userfile.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>
#include <time.h>

#define CA_CERT_FILE "ca.pem"
#define CA_KEY_FILE "ca.key"
#define CA_TOKEN_FILE "ca.pkcs11"
#define TOKEN_URI_BYTES_MAX 1024

static int read_key(const char *dir, const char *file, const char *passphrase,
		    const uint8_t point[POINT_BYTES], struct crypto_key **ret_key)
{
	char path[USERFILE_PATH_MAX];
	uint8_t own[POINT_BYTES];
	struct crypto_key *key;
	int err = userfile_path(dir, file, path);

	if (!err)
		err = keyfile_read(path, passphrase, &key);
	if (err)
		return err;
	crypto_key_point(key, own);
	if (memcmp(own, point, POINT_BYTES) != 0) {
		crypto_key_free(key);
		return err_set(CF_EINVAL, "%s: not the key of the certificate beside it", path);
	}
	*ret_key = key;
	return 0;
}

static int read_chain(const char *dir, const char *file, struct buf *ret_chain, size_t *ret_count,
		      struct cert_info *ret_info)
{
	char path[USERFILE_PATH_MAX];
	int err = userfile_path(dir, file, path);

	if (!err)
		err = cert_pem_read(path, ret_chain, CERT_CHAIN_MAX, ret_count);
	if (!err)
		err = cert_parse(buf_view(&ret_chain[0]), ret_info);
	return err;
}

void identity_release(struct identity *id)
{
	assert(id);
	for (size_t i = 0; i < id->chain_count; i++)
		buf_release(&id->chain[i]);
	crypto_key_free(id->sign);
	crypto_key_free(id->kem);
	crypto_key_free(id->endorse);
	identity_latch_free(id->latch);
	*id = (struct identity){0};
}

int identity_load(const char *dir, const char *passphrase, struct identity *ret_id)
{
	struct identity id = {0};
	int err;

	assert(dir && passphrase && ret_id);
	err = read_chain(dir, CERT_FILE, id.chain, &id.chain_count, &id.info);
	if (!err && id.info.role == 0)
		err = err_set(CF_EINVAL, "%s/" CERT_FILE ": certificate of '%s' carries no identity", dir,
			      id.info.name);
	if (!err)
		err = read_key(dir, SIGN_FILE, passphrase, id.info.sign_point, &id.sign);
	if (!err)
		err = read_key(dir, KEM_FILE, passphrase, id.info.kem_point, &id.kem);
	if (!err && id.info.role == ROLE_PEER)
		err = read_key(dir, ENDORSE_FILE, passphrase, id.info.endorse_point, &id.endorse);
	mem_wipe_stack(); /* of what decoded the keys */
	if (!err)
		err = identity_latch_new(&id.latch);
	if (err) {
		identity_release(&id);
		return err;
	}
	id.id = identity_id_of(id.info.org, id.info.name);
	id.sign_fingerprint = crypto_key_fingerprint(id.info.sign_point);
	*ret_id = id;
	return 0;
}

/* Who signs: a CA's certificate and those behind it. */
struct issuer {
	struct cert_info info;
	struct view der[CERT_CHAIN_MAX];
	size_t count;
	const struct crypto_key *key;
};

static int open_issuer(struct view ders, const struct crypto_key *key, struct issuer *ret_issuer)
{
	struct issuer issuer = {.key = key};
	int err;

	while (ders.len > 0) {
		if (issuer.count == CERT_CHAIN_MAX - 1)
			return err_set(CF_EINVAL, "chain of more than %d certificates", CERT_CHAIN_MAX);
		err = cert_der_next(&ders, &issuer.der[issuer.count++]);
		if (err)
			return err_set(err, "chain of the authority: malformed");
	}
	err = cert_parse(issuer.count > 0 ? issuer.der[0] : VIEW_NONE, &issuer.info);
	if (!err && !issuer.info.is_ca)
		err = err_set(CF_EINVAL, "certificate of '%s' is no authority's", issuer.info.name);
	if (!err)
		*ret_issuer = issuer;
	return err;
}

/* A new certificate and, unless the root made it, its issuer's chain. */
static int write_chain(const char *dir, const char *file, const struct buf *own, const struct issuer *issuer)
{
	struct view chain[CERT_CHAIN_MAX] = {buf_view(own)};
	char path[USERFILE_PATH_MAX];
	size_t count = 1;
	int err;

	if (issuer && !issuer->info.is_root) {
		memcpy(chain + 1, issuer->der, issuer->count * sizeof(issuer->der[0]));
		count += issuer->count;
	}
	err = userfile_path(dir, file, path);
	if (!err)
		err = cert_pem_write(path, chain, count);
	return err;
}

int identity_write_key(const char *dir, const char *file, const struct crypto_key *key,
		       const char *passphrase, unsigned rounds)
{
	char path[USERFILE_PATH_MAX];
	int err = userfile_path(dir, file, path);

	if (!err && key)
		err = keyfile_write(path, key, passphrase, rounds);
	return err;
}

/* What an identity's directory is to hold. */
struct kit {
	struct crypto_key *sign;
	struct crypto_key *kem;
	struct crypto_key *endorse; /* peers */
	struct crypto_key *tls;     /* with a TLS host */
	struct buf cert;
	struct buf tls_cert;
};

static void kit_release(struct kit *k)
{
	crypto_key_free(k->sign);
	crypto_key_free(k->kem);
	crypto_key_free(k->endorse);
	crypto_key_free(k->tls);
	buf_release(&k->cert);
	buf_release(&k->tls_cert);
}

static int kit_keys(struct kit *k, const struct identity_issue *what)
{
	int err = crypto_key_generate(&k->sign);

	if (!err)
		err = crypto_key_generate(&k->kem);
	if (!err && what->role == ROLE_PEER)
		err = crypto_key_generate(&k->endorse);
	if (!err && what->tls_host)
		err = crypto_key_generate(&k->tls);
	return err;
}

static int kit_certificates(struct kit *k, const struct identity_issue *what, const struct issuer *issuer)
{
	uint8_t kem_point[POINT_BYTES], endorse_point[POINT_BYTES];
	struct cert_request req = {.kind = CERT_LEAF,
				   .name = what->name,
				   .org = what->org,
				   .role = what->role,
				   .subject = k->sign,
				   .kem_point = kem_point,
				   .not_before_ms = what->not_before_ms,
				   .not_after_ms = what->not_after_ms};
	int err;

	crypto_key_point(k->kem, kem_point);
	if (k->endorse) {
		crypto_key_point(k->endorse, endorse_point);
		req.endorse_point = endorse_point;
	}
	err = cert_issue(&req, issuer->der[0], issuer->key, &k->cert);
	if (err || !k->tls)
		return err;
	req = (struct cert_request){.kind = CERT_TLS,
				    .name = what->name,
				    .org = what->org,
				    .subject = k->tls,
				    .tls_host = what->tls_host,
				    .not_before_ms = what->not_before_ms,
				    .not_after_ms = what->not_after_ms};
	return cert_issue(&req, issuer->der[0], issuer->key, &k->tls_cert);
}

/* The identity's certificate last: a directory that has one is complete. */
static int kit_write(const struct kit *k, const char *dir, const char *passphrase, unsigned rounds,
		     const struct issuer *issuer)
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
	if (!err && k->tls)
		err = write_chain(dir, TLS_CERT_FILE, &k->tls_cert, issuer);
	if (!err)
		err = write_chain(dir, CERT_FILE, &k->cert, issuer);
	return err;
}

int identity_create(const char *dir, const char *passphrase, const struct identity_issue *what,
		    struct view ca_der, const struct crypto_key *ca_key)
{
	struct issuer issuer;
	struct kit kit = {0};
	int err;

	assert(dir && passphrase && what && what->name && what->org && ca_key);
	err = open_issuer(ca_der, ca_key, &issuer);
	if (err)
		return err;
	if (strcmp(issuer.info.org, what->org) != 0)
		return err_set(CF_EDENIED, "authority '%s' is of '%s' and names nobody of '%s'",
			       issuer.info.name, issuer.info.org, what->org);
	err = kit_keys(&kit, what);
	if (!err)
		err = kit_certificates(&kit, what, &issuer);
	if (!err)
		err = kit_write(&kit, dir, passphrase, what->pbkdf2_rounds, &issuer);
	kit_release(&kit);
	return err;
}

void ca_release(struct ca *ca)
{
	assert(ca);
	for (size_t i = 0; i < ca->chain_count; i++)
		buf_release(&ca->chain[i]);
	crypto_key_free(ca->key);
	*ca = (struct ca){0};
}

/* The key of a token, by the URI in the file; CF_ENOTFOUND: there is no such file. */
static int token_key(const char *dir, const char *pin, const uint8_t point[POINT_BYTES],
		     struct crypto_key **ret_key)
{
	char path[USERFILE_PATH_MAX];
	uint8_t own[POINT_BYTES];
	struct crypto_key *key;
	struct buf uri;
	int err = userfile_path(dir, CA_TOKEN_FILE, path);

	buf_init(&uri, TOKEN_URI_BYTES_MAX);
	if (!err)
		err = userfile_read(path, TOKEN_URI_BYTES_MAX - 1, true, &uri);
	while (!err && uri.len > 0 && uri.data[uri.len - 1] == '\n')
		uri.len--;
	if (!err)
		err = buf_append(&uri, "", 1);
	if (!err)
		err = cert_key_pkcs11((const char *)uri.data, pin, &key);
	buf_release(&uri);
	if (err)
		return err;
	crypto_key_point(key, own);
	if (memcmp(own, point, POINT_BYTES) != 0) {
		crypto_key_free(key);
		return err_set(CF_EINVAL, "%s: not the key of the certificate beside it", path);
	}
	*ret_key = key;
	return 0;
}

int ca_load(const char *dir, const char *passphrase, struct ca *ret_ca)
{
	struct ca ca = {0};
	int err;

	assert(dir && passphrase && ret_ca);
	err = read_chain(dir, CA_CERT_FILE, ca.chain, &ca.chain_count, &ca.info);
	if (!err && !ca.info.is_ca)
		err = err_set(CF_EINVAL, "%s/" CA_CERT_FILE ": certificate of '%s' is no authority's", dir,
			      ca.info.name);
	if (!err)
		err = token_key(dir, passphrase, ca.info.sign_point, &ca.key);
	if (err == CF_ENOTFOUND && ca.chain_count > 0)
		err = read_key(dir, CA_KEY_FILE, passphrase, ca.info.sign_point, &ca.key);
	if (err)
		ca_release(&ca);
	else
		*ret_ca = ca;
	return err;
}

int ca_chain(const struct ca *ca, struct buf *out)
{
	int err = 0;

	assert(ca && out);
	for (size_t i = 0; i < ca->chain_count && !err; i++)
		err = buf_append_view(out, buf_view(&ca->chain[i]));
	return err;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000;
}

/* Bounds req by what the parent may have below it. */
static int bound(struct cert_request *req, const struct cert_info *parent)
{
	if (parent->path_len == 0)
		return err_set(CF_EDENIED, "authority '%s' may have no authority below it", parent->name);
	if (!parent->is_root && strcmp(parent->org, req->org) != 0)
		return err_set(CF_EDENIED, "authority '%s' is of '%s' and names nobody of '%s'", parent->name,
			       parent->org, req->org);
	if (parent->path_len > 0 && req->path_len >= (unsigned)parent->path_len)
		req->path_len = (unsigned)parent->path_len - 1;
	if (req->not_after_ms > parent->not_after_ms)
		req->not_after_ms = parent->not_after_ms;
	return 0;
}

/* Where an authority's key comes from and goes to. */
struct ca_key {
	const char *passphrase; /* of the key file, or the token's PIN */
	unsigned rounds;
	const char *uri; /* of a token; NULL: made here, into a file */
};

static int keep_uri(const char *dir, const char *uri)
{
	char path[USERFILE_PATH_MAX];
	int err = userfile_path(dir, CA_TOKEN_FILE, path);

	return err ? err : userfile_create(path, 0600, view_str(uri));
}

/* parent NULL: signed by itself. */
static int make_ca(const char *dir, const struct ca_key *from, struct cert_request *req,
		   const struct issuer *parent)
{
	struct crypto_key *key = NULL;
	struct buf der;
	int err;

	buf_init(&der, CERT_DER_BYTES_MAX);
	err = from->uri ? cert_key_pkcs11(from->uri, from->passphrase, &key) : crypto_key_generate(&key);
	if (err)
		goto out;
	req->subject = key;
	err = cert_issue(req, parent ? parent->der[0] : VIEW_NONE, parent ? parent->key : key, &der);
	if (!err)
		err = userfile_dir_create(dir);
	if (!err)
		err = from->uri ? keep_uri(dir, from->uri)
				: identity_write_key(dir, CA_KEY_FILE, key, from->passphrase, from->rounds);
	if (!err)
		err = write_chain(dir, CA_CERT_FILE, &der, parent);
out:
	crypto_key_free(key);
	buf_release(&der);
	return err;
}

static int create(const char *dir, const struct ca_key *from, const char *name, const char *org,
		  unsigned path_len, uint64_t not_after_ms, const char *parent_dir,
		  const char *parent_passphrase)
{
	struct cert_request req = {.kind = parent_dir ? CERT_INTERMEDIATE : CERT_ROOT,
				   .name = name,
				   .org = org,
				   .not_before_ms = now_ms() - CERT_CLOCK_SKEW_MS,
				   .not_after_ms = not_after_ms,
				   .path_len = path_len};
	struct ca parent = {0};
	struct issuer issuer;
	struct buf chain;
	int err;

	assert(dir && from->passphrase && name && org && (!parent_dir || parent_passphrase));
	if (!parent_dir)
		return make_ca(dir, from, &req, NULL);
	buf_init(&chain, 0);
	err = ca_load(parent_dir, parent_passphrase, &parent);
	if (!err)
		err = ca_chain(&parent, &chain);
	if (!err)
		err = open_issuer(buf_view(&chain), parent.key, &issuer);
	if (!err)
		err = bound(&req, &issuer.info);
	if (!err)
		err = make_ca(dir, from, &req, &issuer);
	ca_release(&parent);
	buf_release(&chain);
	return err;
}

int ca_create(const char *dir, const char *passphrase, const char *name, const char *org, unsigned path_len,
	      uint64_t not_after_ms, unsigned pbkdf2_rounds, const char *parent_dir,
	      const char *parent_passphrase)
{
	const struct ca_key from = {passphrase, pbkdf2_rounds, NULL};

	return create(dir, &from, name, org, path_len, not_after_ms, parent_dir, parent_passphrase);
}

int ca_create_in_token(const char *dir, const char *uri, const char *pin, const char *name, const char *org,
		       unsigned path_len, uint64_t not_after_ms, const char *parent_dir,
		       const char *parent_passphrase)
{
	const struct ca_key from = {pin, 0, uri};

	assert(uri);
	return create(dir, &from, name, org, path_len, not_after_ms, parent_dir, parent_passphrase);
}
