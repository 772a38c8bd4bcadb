/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x509_pem.c - certificates and keys as text (RFC 7468), keys encrypted at rest (RFC 8018, PBES2).
 */
#include "acl/userfile.h"
#include "acl/x509_private.h"
#include "ledger/mem.h"

#include <assert.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <string.h>

#define PEM_FILE_BYTES_MAX ((size_t)CERT_CHAIN_MAX * 2 * CERT_DER_BYTES_MAX)
#define SALT_BYTES 16

/* One certificate into a buffer of its own. CF_ENOTFOUND: no block is left. */
static int read_block(BIO *bio, const char *path, struct buf *ret_der)
{
	char *name = NULL, *header = NULL;
	uint8_t *data = NULL;
	long len = 0;
	int err = 0;

	if (PEM_read_bio(bio, &name, &header, &data, &len) != 1) {
		bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;

		return at_end ? CF_ENOTFOUND : err_set(CF_EDECODE, "%s: malformed PEM", path);
	}
	if (strcmp(name, PEM_STRING_X509) != 0 || header[0] != '\0')
		err = err_set(CF_EDECODE, "%s: holds '%s', not only certificates", path, name);
	buf_init(ret_der, CERT_DER_BYTES_MAX);
	if (!err && buf_append(ret_der, data, (size_t)len) != 0)
		err = err_set(CF_EDECODE, "%s: a certificate over %d bytes", path, CERT_DER_BYTES_MAX);
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_clear_free(data, (size_t)len); /* it may be a key that does not belong here */
	return err;
}

static int read_blocks(struct view text, const char *path, struct buf *ret_ders, size_t max,
		       size_t *ret_count)
{
	BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
	size_t count = 0;
	int err = bio ? 0 : CF_ENOMEM;

	while (!err) {
		struct buf der;

		err = read_block(bio, path, &der);
		if (!err && count == max) {
			buf_release(&der);
			err = err_set(CF_ETOOBIG, "%s: more than %zu certificates", path, max);
		}
		if (!err)
			ret_ders[count++] = der;
	}
	if (err == CF_ENOTFOUND)
		err = count > 0 ? 0 : err_set(CF_EDECODE, "%s: no certificate in it", path);
	if (err) {
		while (count > 0)
			buf_release(&ret_ders[--count]);
	} else {
		*ret_count = count;
	}
	BIO_free(bio);
	return x509_fail(err);
}

int cert_pem_parse(struct view text, const char *what, struct buf *ret_ders, size_t max, size_t *ret_count)
{
	assert(what && ret_ders && ret_count);
	if (text.len == 0)
		return err_set(CF_EDECODE, "%s: no certificate in it", what);
	return read_blocks(text, what, ret_ders, max, ret_count);
}

int cert_pem_read(const char *path, struct buf *ret_ders, size_t max, size_t *ret_count)
{
	struct buf text;
	int err;

	assert(path && ret_ders && ret_count);
	buf_init(&text, PEM_FILE_BYTES_MAX);
	err = userfile_read(path, PEM_FILE_BYTES_MAX, false, &text);
	if (!err)
		err = cert_pem_parse(buf_view(&text), path, ret_ders, max, ret_count);
	buf_release_secret(&text);
	return err;
}

/* What was written into a memory BIO, appended. */
static int take_bio(BIO *bio, struct buf *out)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);

	return len > 0 ? buf_append(out, data, (size_t)len) : CF_ENOMEM;
}

int cert_pem_text(const struct view *ders, size_t count, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int err = bio ? 0 : CF_ENOMEM;

	assert(ders && count > 0 && out);
	for (size_t i = 0; i < count && !err; i++) {
		if (PEM_write_bio(bio, PEM_STRING_X509, "", ders[i].data, (long)ders[i].len) <= 0)
			err = CF_ENOMEM;
	}
	if (!err)
		err = take_bio(bio, out);
	BIO_free(bio);
	return x509_fail(err);
}

int cert_pem_read_one(const char *path, struct buf *ret_der)
{
	struct buf ders[CERT_CHAIN_MAX];
	size_t count = 0;
	int err = cert_pem_read(path, ders, CERT_CHAIN_MAX, &count);

	if (!err)
		err = buf_append_view(ret_der, buf_view(&ders[0]));
	for (size_t i = 0; i < count; i++)
		buf_release(&ders[i]);
	return err;
}

int cert_crl_pem_text(struct view crl, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int err = CF_ENOMEM;

	if (bio && PEM_write_bio(bio, PEM_STRING_X509_CRL, "", crl.data, (long)crl.len) > 0)
		err = take_bio(bio, out);
	BIO_free(bio);
	return x509_fail(err);
}

/* Where the first list of the text ends; 0: there is none. Its DER is appended. */
static int take_list(struct view text, struct buf *ret_der, size_t *ret_end)
{
	BIO *bio = text.len ? BIO_new_mem_buf(text.data, (int)text.len) : NULL;
	char *name = NULL, *header = NULL;
	uint8_t *data = NULL;
	long len = 0;
	int err = CF_EDECODE;

	if (bio && PEM_read_bio(bio, &name, &header, &data, &len) == 1 &&
	    strcmp(name, PEM_STRING_X509_CRL) == 0) {
		err = buf_append(ret_der, data, (size_t)len);
		*ret_end = text.len - (size_t)BIO_pending(bio);
	}
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(data);
	BIO_free(bio);
	return x509_fail(err);
}

int cert_crl_pem_read(const char *path, struct buf *ret_der)
{
	struct buf text;
	size_t end;
	int err;

	buf_init(&text, 2 * CERT_CRL_BYTES_MAX);
	err = userfile_read(path, 2 * CERT_CRL_BYTES_MAX, false, &text);
	if (!err) {
		err = take_list(buf_view(&text), ret_der, &end);
		if (err == CF_EDECODE)
			err = err_set(err, "%s: does not begin with a revocation list", path);
	}
	buf_release(&text);
	return err;
}

int cert_crl_pem_chain(const char *path, struct buf *ret_ders, size_t max, size_t *ret_count)
{
	struct buf text, der;
	size_t end = 0;
	int err;

	buf_init(&text, 2 * CERT_CRL_BYTES_MAX);
	buf_init(&der, 0);
	*ret_count = 0;
	err = userfile_read(path, 2 * CERT_CRL_BYTES_MAX, false, &text);
	if (!err)
		err = take_list(buf_view(&text), &der, &end);
	if (!err && end < text.len)
		err = read_blocks(VIEW(text.data + end, text.len - end), path, ret_ders, max, ret_count);
	buf_release(&text);
	buf_release(&der);
	return err;
}

int cert_pem_write(const char *path, const struct view *ders, size_t count)
{
	struct buf text;
	int err;

	assert(path);
	buf_init(&text, 0);
	err = cert_pem_text(ders, count, &text);
	if (!err)
		err = userfile_create(path, 0644, buf_view(&text));
	buf_release(&text);
	return err;
}

int cert_key_pem_text(const struct crypto_key *key, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	int err = CF_ENOMEM;

	assert(key && crypto_key_is_private(key) && out);
	if (bio && PEM_write_bio_PKCS8PrivateKey(bio, crypto_key_evp(key), NULL, NULL, 0, NULL, NULL) == 1)
		err = take_bio(bio, out);
	BIO_free(bio); /* wipes */
	return x509_fail(err);
}

int cert_key_seal_pem(const struct crypto_key *key, const char *passphrase, unsigned rounds, struct buf *out)
{
	PKCS8_PRIV_KEY_INFO *info = NULL;
	uint8_t salt[SALT_BYTES];
	X509_ALGOR *algorithm = NULL;
	X509_SIG *sealed = NULL;
	BIO *bio = NULL;
	int err = CF_ENOMEM;

	assert(key && crypto_key_is_private(key) && passphrase && rounds > 0 && out);
	random_bytes(salt, sizeof(salt));
	info = EVP_PKEY2PKCS8(crypto_key_evp(key));
	algorithm = PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), (int)rounds, salt, sizeof(salt), NULL,
				      NID_hmacWithSHA256);
	bio = BIO_new(BIO_s_mem());
	if (!info || !algorithm || !bio)
		goto out;
	sealed = PKCS8_set0_pbe(passphrase, (int)strlen(passphrase), info, algorithm);
	if (!sealed)
		goto out;
	algorithm = NULL; /* now inside */
	if (PEM_write_bio_PKCS8(bio, sealed) == 1)
		err = take_bio(bio, out);
out:
	BIO_free(bio);
	X509_SIG_free(sealed);
	X509_ALGOR_free(algorithm);
	PKCS8_PRIV_KEY_INFO_free(info); /* wipes */
	return x509_fail(err);
}

static bool is_pbes2(const X509_SIG *sealed)
{
	const X509_ALGOR *algorithm;
	const ASN1_OBJECT *oid;

	X509_SIG_get0(sealed, &algorithm, NULL);
	X509_ALGOR_get0(&oid, NULL, NULL, algorithm);
	return OBJ_obj2nid(oid) == NID_pbes2;
}

int cert_key_open_pem(struct view pem, const char *passphrase, struct crypto_key **ret_key)
{
	BIO *bio = pem.len ? BIO_new_mem_buf(pem.data, (int)pem.len) : BIO_new(BIO_s_mem());
	PKCS8_PRIV_KEY_INFO *info = NULL;
	X509_SIG *sealed = NULL;
	EVP_PKEY *evp = NULL;
	int err = CF_ENOMEM;

	assert(passphrase && ret_key);
	crypto_guard_keys();
	if (!bio)
		goto out;
	err = CF_EDECODE;
	sealed = PEM_read_bio_PKCS8(bio, NULL, NULL, NULL);
	if (!sealed || !is_pbes2(sealed))
		goto out;
	err = CF_EPASS;
	info = PKCS8_decrypt(sealed, passphrase, (int)strlen(passphrase));
	if (!info)
		goto out;
	err = CF_EDECODE;
	evp = EVP_PKCS82PKEY(info);
	if (!evp)
		goto out;
	err = crypto_key_from_evp(evp, ret_key);
	if (!err)
		evp = NULL;
	else if (err == CF_EINVAL)
		err = CF_EDECODE;
out:
	EVP_PKEY_free(evp);
	PKCS8_PRIV_KEY_INFO_free(info);
	X509_SIG_free(sealed);
	BIO_free(bio);
	return x509_fail(err);
}
