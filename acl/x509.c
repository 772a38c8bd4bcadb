/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x509.c - what a certificate says: names, keys, times, and our identity extension.
 */
#include "acl/x509_private.h"
#include "ledger/codec.h"
#include "ledger/mem.h"

#include <assert.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#define IDENTITY_VERSION 1

static const uint8_t no_point[POINT_BYTES];

int x509_fail(int err)
{
	ERR_clear_error();
	return err;
}

struct identity_id identity_id_of(const char *org, const char *name)
{
	static const char tag[] = "chartfs identity v1"; /* with its NUL */
	struct identity_id id;
	struct hash h;

	assert(org && name);
	h = sha256_parts((struct view[]){VIEW(tag, sizeof(tag)), VIEW(org, strlen(org) + 1), view_str(name)},
			 3);
	memcpy(id.b, h.b, IDENTITY_BYTES);
	return id;
}

bool x509_name_ok(struct view name)
{
	if (name.len == 0 || name.len > CERT_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		if (name.data[i] < 0x20 || name.data[i] == 0x7f || name.data[i] == '/' || name.data[i] == '@')
			return false;
	}
	return true;
}

/* DER: tag SEQUENCE, then a length of one byte, or of one to four bytes after 0x80 + their number. */
int cert_der_next(struct view *rest, struct view *ret_one)
{
	size_t header = 2, len;

	assert(rest && ret_one);
	if (rest->len < 2 || rest->data[0] != 0x30)
		return CF_EDECODE;
	len = rest->data[1];
	if (len & 0x80) {
		size_t bytes = len & 0x7f;

		if (bytes == 0 || bytes > 4 || rest->len < 2 + bytes)
			return CF_EDECODE;
		header += bytes;
		len = 0;
		for (size_t i = 2; i < header; i++)
			len = len << 8 | rest->data[i];
	}
	if (len > rest->len - header)
		return CF_EDECODE;
	*ret_one = VIEW(rest->data, header + len);
	*rest = VIEW(rest->data + header + len, rest->len - header - len);
	return 0;
}

X509 *x509_from_der(struct view der)
{
	const uint8_t *in = der.data;
	uint8_t *again = NULL;
	X509 *cert;
	int len;

	if (der.len == 0 || der.len > CERT_DER_BYTES_MAX)
		return NULL;
	cert = d2i_X509(NULL, &in, (long)der.len);
	if (!cert) {
		ERR_clear_error();
		return NULL;
	}
	len = i2d_X509(cert, &again);
	if (len < 0 || (size_t)len != der.len || memcmp(again, der.data, der.len) != 0) {
		X509_free(cert);
		cert = NULL;
	}
	OPENSSL_free(again);
	return cert;
}

static int read_name(const X509_NAME *name, int nid, const char *what, char ret_text[CERT_NAME_MAX + 1])
{
	int at = X509_NAME_get_index_by_NID(name, nid, -1);
	unsigned char *text = NULL;
	int len, err = 0;

	if (at < 0 || X509_NAME_get_index_by_NID(name, nid, at) >= 0)
		return err_set(CF_EDECODE, "certificate: not exactly one %s in its subject", what);
	len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	if (len < 0 || !x509_name_ok(VIEW(text, (size_t)len))) {
		err = err_set(CF_EDECODE, "certificate: malformed %s", what);
	} else {
		memcpy(ret_text, text, (size_t)len);
		ret_text[len] = '\0';
	}
	OPENSSL_free(text);
	return err;
}

static int read_time(const ASN1_TIME *t, uint64_t *ret_ms)
{
	struct tm tm;
	time_t seconds;

	if (ASN1_TIME_to_tm(t, &tm) != 1 || (seconds = timegm(&tm)) < 0)
		return err_set(CF_EDECODE, "certificate: malformed validity");
	*ret_ms = (uint64_t)seconds * 1000;
	return 0;
}

int x509_serial(const ASN1_INTEGER *serial, uint8_t ret_serial[20])
{
	BIGNUM *n = ASN1_INTEGER_to_BN(serial, NULL);
	bool ok = n && !BN_is_negative(n) && BN_bn2binpad(n, ret_serial, 20) == 20;

	BN_free(n);
	return ok ? 0 : err_set(CF_EDECODE, "certificate: malformed serial number");
}

int x509_issued(const X509_NAME *issuer, const uint8_t serial[20], struct hash *ret_issued)
{
	static const char tag[] = "chartfs issued v1"; /* with its NUL */
	const unsigned char *der;
	size_t len;

	if (X509_NAME_get0_der(issuer, &der, &len) != 1)
		return err_set(CF_EDECODE, "certificate: malformed issuer");
	*ret_issued =
		sha256_parts((struct view[]){VIEW(tag, sizeof(tag)), VIEW(serial, 20), VIEW(der, len)}, 3);
	return 0;
}

static int read_key(X509 *cert, uint8_t ret_point[POINT_BYTES])
{
	EVP_PKEY *evp = X509_get_pubkey(cert);
	struct crypto_key *key;
	int err = evp ? crypto_key_from_evp(evp, &key) : CF_EINVAL;

	if (err) {
		EVP_PKEY_free(evp);
		return err == CF_EINVAL ? err_set(CF_EDECODE, "certificate: its key is not of P-256") : err;
	}
	crypto_key_point(key, ret_point);
	crypto_key_free(key);
	return 0;
}

int x509_identity_encode(const struct cert_request *req, struct buf *out)
{
	struct enc e;

	assert(req->role >= ROLE_PATIENT && req->role <= ROLE_PEER);
	assert((req->endorse_point != NULL) == (req->role == ROLE_PEER));
	enc_init(&e, out);
	enc_u8(&e, IDENTITY_VERSION);
	enc_u8(&e, (uint8_t)req->role);
	enc_fixed(&e, req->kem_point ? req->kem_point : no_point, POINT_BYTES);
	enc_bool(&e, req->endorse_point != NULL);
	if (req->endorse_point)
		enc_fixed(&e, req->endorse_point, POINT_BYTES);
	return enc_done(&e);
}

static bool point_ok(const uint8_t point[POINT_BYTES])
{
	struct crypto_key *key;

	if (crypto_key_from_point(point, &key) != 0)
		return false;
	crypto_key_free(key);
	return true;
}

static bool identity_decode(struct view bytes, struct cert_info *info)
{
	struct dec d;
	uint8_t role;
	bool has_endorse;

	dec_init(&d, bytes);
	if (dec_u8(&d) != IDENTITY_VERSION)
		return false;
	role = dec_u8(&d);
	dec_fixed(&d, info->kem_point, POINT_BYTES);
	has_endorse = dec_bool(&d);
	if (has_endorse)
		dec_fixed(&d, info->endorse_point, POINT_BYTES);
	if (dec_done(&d) != 0 || role < ROLE_PATIENT || role > ROLE_PEER ||
	    has_endorse != (role == ROLE_PEER))
		return false;
	info->role = (enum role)role;
	return (memcmp(info->kem_point, no_point, POINT_BYTES) == 0 || point_ok(info->kem_point)) &&
	       (!has_endorse || point_ok(info->endorse_point));
}

/* extnValue holds DER of an OCTET STRING, whose content is ours. None at all leaves role 0. */
static int read_identity(const X509 *cert, struct cert_info *info)
{
	ASN1_OBJECT *oid = OBJ_txt2obj(IDENTITY_OID, 1);
	ASN1_OCTET_STRING *content = NULL;
	const ASN1_OCTET_STRING *value;
	const uint8_t *in;
	int at, err = 0;

	if (!oid)
		return CF_ENOMEM;
	at = X509_get_ext_by_OBJ(cert, oid, -1);
	if (at < 0)
		goto out;
	err = CF_EDECODE;
	if (info->is_ca || X509_get_ext_by_OBJ(cert, oid, at) >= 0)
		goto out;
	value = X509_EXTENSION_get_data(X509_get_ext(cert, at));
	in = ASN1_STRING_get0_data(value);
	content = d2i_ASN1_OCTET_STRING(NULL, &in, ASN1_STRING_length(value));
	if (!content || in != ASN1_STRING_get0_data(value) + ASN1_STRING_length(value))
		goto out;
	if (identity_decode(VIEW(ASN1_STRING_get0_data(content), (size_t)ASN1_STRING_length(content)), info))
		err = 0;
out:
	if (err == CF_EDECODE)
		err = err_set(err, "certificate: malformed identity extension");
	ASN1_OCTET_STRING_free(content);
	ASN1_OBJECT_free(oid);
	return err;
}

int x509_describe(X509 *cert, struct cert_info *ret_info)
{
	struct cert_info info = {0};
	const X509_NAME *subject = X509_get_subject_name(cert);
	int err;

	err = read_name(subject, NID_commonName, "common name", info.name);
	if (!err)
		err = read_name(subject, NID_organizationName, "organization", info.org);
	if (!err)
		err = read_time(X509_get0_notBefore(cert), &info.not_before_ms);
	if (!err)
		err = read_time(X509_get0_notAfter(cert), &info.not_after_ms);
	if (!err)
		err = x509_serial(X509_get0_serialNumber(cert), info.serial);
	if (!err)
		err = x509_issued(X509_get_issuer_name(cert), info.serial, &info.issued);
	if (!err)
		err = read_key(cert, info.sign_point);
	if (!err &&
	    (X509_check_purpose(cert, -1, 0) != 1 || (X509_get_extension_flags(cert) & EXFLAG_INVALID)))
		err = err_set(CF_EDECODE, "certificate: malformed extensions");
	if (!err) {
		info.is_ca = (X509_get_extension_flags(cert) & EXFLAG_CA) != 0;
		info.is_root = info.is_ca && (X509_get_extension_flags(cert) & EXFLAG_SS) != 0;
		info.path_len = info.is_ca ? (int)X509_get_pathlen(cert) : -1;
		err = read_identity(cert, &info);
	}
	if (err)
		return x509_fail(err);
	*ret_info = info;
	return 0;
}

int cert_parse(struct view der, struct cert_info *ret_info)
{
	struct cert_info info;
	X509 *cert;
	int err;

	assert(ret_info);
	cert = x509_from_der(der);
	if (!cert)
		return err_set(CF_EDECODE, "not a certificate");
	err = x509_describe(cert, &info);
	if (!err) {
		info.fingerprint = sha256(der);
		*ret_info = info;
	}
	X509_free(cert);
	return err;
}
