/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x509_issue.c - making certificates (RFC 5280).
 */
#include "acl/x509_private.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define ALTERNATIVE_NAMES_BYTES_MAX 1024

static bool add_conf(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;
	bool ok;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = ext && X509_add_ext(cert, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok;
}

/* O first: a constraint on names is a prefix of the subject, here its organization. */
static bool set_name(X509_NAME *name, const char *org, const char *cn)
{
	return X509_NAME_add_entry_by_NID(name, NID_organizationName, MBSTRING_UTF8, (const uint8_t *)org, -1,
					  -1, 0) == 1 &&
	       (!cn || X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (const uint8_t *)cn,
						  -1, -1, 0) == 1);
}

/*
 * Section 4.2.1.10 wants the constraint critical; mbedTLS 2.x, which nng uses for TLS, refuses every critical
 * extension it does not know, this one too. OpenSSL enforces it either way, and so does cert_check_chain().
 */
static bool add_name_constraint(X509 *cert, const char *org)
{
	NAME_CONSTRAINTS *nc = NAME_CONSTRAINTS_new();
	GENERAL_SUBTREE *subtree = GENERAL_SUBTREE_new();
	X509_NAME *name = X509_NAME_new();
	bool ok = false;

	if (!nc || !subtree || !name || !set_name(name, org, NULL))
		goto out;
	nc->permittedSubtrees = sk_GENERAL_SUBTREE_new_null();
	if (!nc->permittedSubtrees)
		goto out;
	GENERAL_NAME_set0_value(subtree->base, GEN_DIRNAME, name);
	name = NULL;
	if (!sk_GENERAL_SUBTREE_push(nc->permittedSubtrees, subtree))
		goto out;
	subtree = NULL;
	ok = X509_add1_ext_i2d(cert, NID_name_constraints, nc, 0, X509V3_ADD_DEFAULT) == 1;
out:
	X509_NAME_free(name);
	GENERAL_SUBTREE_free(subtree);
	NAME_CONSTRAINTS_free(nc);
	return ok;
}

static int add_identity(X509 *cert, const struct cert_request *req)
{
	ASN1_OCTET_STRING *content = ASN1_OCTET_STRING_new(), *value = ASN1_OCTET_STRING_new();
	ASN1_OBJECT *oid = OBJ_txt2obj(IDENTITY_OID, 1);
	X509_EXTENSION *ext = NULL;
	uint8_t *der = NULL;
	struct buf bytes;
	int len, err;

	buf_init(&bytes, 0);
	err = x509_identity_encode(req, &bytes);
	if (err)
		goto out;
	err = CF_ENOMEM;
	if (!content || !value || !oid || ASN1_OCTET_STRING_set(content, bytes.data, (int)bytes.len) != 1)
		goto out;
	len = i2d_ASN1_OCTET_STRING(content, &der);
	if (len < 0 || ASN1_OCTET_STRING_set(value, der, len) != 1)
		goto out;
	ext = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, value);
	if (ext && X509_add_ext(cert, ext, -1) == 1)
		err = 0;
out:
	X509_EXTENSION_free(ext);
	OPENSSL_free(der);
	ASN1_OBJECT_free(oid);
	ASN1_OCTET_STRING_free(content);
	ASN1_OCTET_STRING_free(value);
	buf_release(&bytes);
	return err;
}

static bool is_address(const char *host)
{
	uint8_t address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

static bool is_dns_name(const char *host)
{
	for (const char *c = host; *c; c++) {
		if (!isalnum((unsigned char)*c) && !strchr("-.*_", *c))
			return false;
	}
	return host[0] != '\0';
}

/* "127.0.0.1,peer1" -> "IP:127.0.0.1,DNS:peer1" */
static int alternative_names(const char *hosts, char ret_text[ALTERNATIVE_NAMES_BYTES_MAX])
{
	char host[256];
	size_t at = 0;

	while (hosts) {
		size_t len = strcspn(hosts, ",");

		if (len >= sizeof(host))
			return err_set(CF_EINVAL, "host name too long: %s", hosts);
		memcpy(host, hosts, len);
		host[len] = '\0';
		if (!is_address(host) && !is_dns_name(host))
			return err_set(CF_EINVAL, "'%s' is neither an address nor a host name", host);
		at += (size_t)snprintf(ret_text + at, ALTERNATIVE_NAMES_BYTES_MAX - at, "%s%s:%s",
				       at ? "," : "", is_address(host) ? "IP" : "DNS", host);
		if (at >= ALTERNATIVE_NAMES_BYTES_MAX)
			return err_set(CF_EINVAL, "too many host names");
		hosts = hosts[len] ? hosts + len + 1 : NULL;
	}
	return 0;
}

static int add_extensions(X509 *cert, X509 *issuer, const struct cert_request *req)
{
	bool is_ca = req->kind == CERT_ROOT || req->kind == CERT_INTERMEDIATE;
	char names[ALTERNATIVE_NAMES_BYTES_MAX], basic[64] = "critical,CA:FALSE";
	int err;

	if (is_ca)
		snprintf(basic, sizeof(basic), "critical,CA:TRUE,pathlen:%u", req->path_len);
	if (!add_conf(cert, issuer, NID_basic_constraints, basic) ||
	    !add_conf(cert, issuer, NID_key_usage,
		      is_ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature") ||
	    !add_conf(cert, issuer, NID_subject_key_identifier, "hash") ||
	    !add_conf(cert, issuer, NID_authority_key_identifier, "keyid:always"))
		return CF_ENOMEM;
	switch (req->kind) {
	case CERT_ROOT:
		return 0;
	case CERT_INTERMEDIATE:
		return add_name_constraint(cert, req->org) ? 0 : CF_ENOMEM;
	case CERT_LEAF:
		return add_identity(cert, req);
	case CERT_TLS:
		break;
	}
	err = alternative_names(req->tls_host, names);
	if (err)
		return err;
	return add_conf(cert, issuer, NID_ext_key_usage, "serverAuth,clientAuth") &&
			       add_conf(cert, issuer, NID_subject_alt_name, names)
		       ? 0
		       : err_set(CF_EINVAL, "host names refused: %s", req->tls_host);
}

/* 20 bytes with the top bit 0 and the next 1: positive, and of one length (RFC 5280 section 4.1.2.2). */
static bool set_serial(X509 *cert)
{
	uint8_t serial[20];
	BIGNUM *n;
	bool ok;

	random_bytes(serial, sizeof(serial));
	serial[0] = (serial[0] & 0x3f) | 0x40;
	n = BN_bin2bn(serial, sizeof(serial), NULL);
	ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert));
	BN_free(n);
	return ok;
}

static bool set_fields(X509 *cert, X509 *issuer, const struct cert_request *req)
{
	return X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
	       ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)(req->not_before_ms / 1000)) &&
	       ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)(req->not_after_ms / 1000)) &&
	       set_name(X509_get_subject_name(cert), req->org, req->name) &&
	       X509_set_issuer_name(cert, X509_get_subject_name(issuer)) == 1 &&
	       X509_set_pubkey(cert, crypto_key_evp(req->subject)) == 1;
}

int x509_open_issuer(struct view der, const struct crypto_key *key, X509 **ret_cert)
{
	uint8_t point[POINT_BYTES];
	struct cert_info info;
	X509 *cert = x509_from_der(der);
	int err;

	if (!cert)
		return err_set(CF_EDECODE, "issuer: not a certificate");
	err = x509_describe(cert, &info);
	crypto_key_point(key, point);
	if (!err && memcmp(point, info.sign_point, POINT_BYTES) != 0)
		err = err_set(CF_EINVAL, "key and certificate of '%s' do not belong together", info.name);
	if (err)
		X509_free(cert);
	else
		*ret_cert = cert;
	return err;
}

int x509_append_der(uint8_t *der, int len, struct buf *out)
{
	int err = len > 0 ? buf_append(out, der, (size_t)len) : CF_ENOMEM;

	OPENSSL_free(der);
	return err;
}

static int append_cert(X509 *cert, struct buf *out)
{
	uint8_t *der = NULL;
	int len = i2d_X509(cert, &der);

	return x509_append_der(der, len, out);
}

int cert_issue(const struct cert_request *req, struct view issuer_der, const struct crypto_key *issuer_key,
	       struct buf *ret_der)
{
	X509 *cert = NULL, *issuer = NULL;
	int err;

	assert(req && req->name && req->org && req->subject && issuer_key && ret_der);
	assert((req->kind == CERT_ROOT) == (issuer_der.len == 0));
	assert((req->kind == CERT_TLS) == (req->tls_host != NULL));
	if (!x509_name_ok(view_str(req->name)) || !x509_name_ok(view_str(req->org)))
		return err_set(CF_EINVAL, "name '%.70s' of '%.70s': 1 to %d bytes without / and @", req->name,
			       req->org, CERT_NAME_MAX);
	if (issuer_der.len > 0) {
		err = x509_open_issuer(issuer_der, issuer_key, &issuer);
		if (err)
			goto out;
	}
	err = CF_ENOMEM;
	cert = X509_new();
	if (!cert)
		goto out;
	if (!set_fields(cert, issuer ? issuer : cert, req)) {
		err = err_set(CF_EINVAL, "name or organization is not UTF-8, or a time is out of range");
		goto out;
	}
	err = add_extensions(cert, issuer ? issuer : cert, req);
	if (err)
		goto out;
	err = CF_ENOMEM;
	if (X509_sign(cert, crypto_key_evp(issuer_key), EVP_sha256()) > 0)
		err = append_cert(cert, ret_der);
out:
	X509_free(cert);
	X509_free(issuer);
	return x509_fail(err);
}
