/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x509_check.c - does a chain of certificates lead to our root, and what is wrong when it does not?
 *
 * OpenSSL checks the path (RFC 5280 section 6), we what it leaves to the application: that all keys are of
 * P-256, that the leaf is an identity and nothing else, and whose organization it belongs to.
 */
#include "acl/x509_private.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#define SECURITY_LEVEL 3 /* 128 bits: P-256, SHA-256 */

static const struct reason {
	int code;
	int err;
	const char *text;
} reasons[] = {
	{X509_V_ERR_CERT_NOT_YET_VALID, CF_EEXPIRED, "is not valid yet"},
	{X509_V_ERR_CERT_HAS_EXPIRED, CF_EEXPIRED, "has expired"},
	{X509_V_ERR_CERT_REVOKED, CF_EREVOKED, "is revoked"},
	{X509_V_ERR_CRL_HAS_EXPIRED, CF_EEXPIRED, "is of an authority whose revocation list is out of date"},
	{X509_V_ERR_CRL_NOT_YET_VALID, CF_EEXPIRED,
	 "is of an authority whose revocation list is not valid yet"},
	{X509_V_ERR_UNABLE_TO_GET_CRL, CF_EFOREIGN, "is of an authority without a revocation list"},
	{X509_V_ERR_CRL_SIGNATURE_FAILURE, CF_ESIG,
	 "is of an authority whose revocation list has a wrong signature"},
	{X509_V_ERR_CERT_SIGNATURE_FAILURE, CF_ESIG, "has a wrong signature"},
	{X509_V_ERR_PATH_LENGTH_EXCEEDED, CF_EFOREIGN,
	 "has more authorities below it than its path length allows"},
	{X509_V_ERR_CERT_CHAIN_TOO_LONG, CF_EFOREIGN, "is at the end of too long a chain"},
	{X509_V_ERR_INVALID_CA, CF_EFOREIGN, "is used as an authority and is none"},
	{X509_V_ERR_KEYUSAGE_NO_CERTSIGN, CF_EFOREIGN, "is used as an authority and is none"},
	{X509_V_ERR_PERMITTED_VIOLATION, CF_EFOREIGN, "names another organization than its authority may"},
	{X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, CF_EFOREIGN, "is another root than this network's"},
	{X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, CF_EFOREIGN, "is signed by itself"},
	{X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, CF_EFOREIGN, "does not lead to this network's root"},
	{X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, CF_EFOREIGN, "does not lead to this network's root"},
	{X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, CF_EFOREIGN, "does not lead to this network's root"},
};

struct check {
	X509 *leaf;
	X509_STORE *store; /* the root alone */
	STACK_OF(X509) * intermediates;
	STACK_OF(X509_CRL) * crls; /* NULL: revocation is not asked */
	X509_STORE_CTX *ctx;
};

static void check_release(struct check *c)
{
	X509_STORE_CTX_free(c->ctx);
	sk_X509_CRL_pop_free(c->crls, X509_CRL_free);
	sk_X509_pop_free(c->intermediates, X509_free);
	X509_STORE_free(c->store);
	X509_free(c->leaf);
}

static int load_root(struct check *c, struct view der)
{
	X509 *root = x509_from_der(der);
	bool ok;

	if (!root)
		return err_set(CF_EDECODE, "root: not a certificate");
	c->store = X509_STORE_new();
	ok = c->store && X509_STORE_add_cert(c->store, root) == 1;
	X509_free(root); /* the store holds its own reference */
	return ok ? 0 : CF_ENOMEM;
}

static int load_intermediates(struct check *c, const struct view *ders, size_t count)
{
	c->intermediates = sk_X509_new_null();
	if (!c->intermediates)
		return CF_ENOMEM;
	for (size_t i = 0; i < count; i++) {
		X509 *cert = x509_from_der(ders[i]);

		if (!cert)
			return err_set(CF_EDECODE, "authority %zu of the chain: not a certificate", i + 1);
		if (!sk_X509_push(c->intermediates, cert)) {
			X509_free(cert);
			return CF_ENOMEM;
		}
	}
	return 0;
}

static int load_crls(struct check *c, struct view ders)
{
	struct view one;

	c->crls = sk_X509_CRL_new_null();
	if (!c->crls)
		return CF_ENOMEM;
	while (ders.len > 0) {
		const uint8_t *in;
		X509_CRL *crl;

		if (cert_der_next(&ders, &one) != 0)
			return err_set(CF_EDECODE, "revocation list: malformed");
		in = one.data;
		crl = d2i_X509_CRL(NULL, &in, (long)one.len);
		if (!crl || !sk_X509_CRL_push(c->crls, crl)) {
			X509_CRL_free(crl);
			return err_set(CF_EDECODE, "revocation list: malformed");
		}
	}
	return 0;
}

static int set_up(struct check *c, uint64_t at_ms)
{
	X509_VERIFY_PARAM *param;

	c->ctx = X509_STORE_CTX_new();
	if (!c->ctx || X509_STORE_CTX_init(c->ctx, c->store, c->leaf, c->intermediates) != 1)
		return CF_ENOMEM;
	param = X509_STORE_CTX_get0_param(c->ctx);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
	X509_VERIFY_PARAM_set_time(param, (time_t)(at_ms / 1000));
	X509_VERIFY_PARAM_set_depth(param, CERT_CHAIN_MAX - 1);
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
	if (c->crls) {
		X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
		X509_STORE_CTX_set0_crls(c->ctx, c->crls); /* borrowed */
	}
	return 0;
}

/* The common name, for a message. */
static const char *name_of(X509 *cert, char text[CERT_NAME_MAX + 1])
{
	if (!cert || X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, text,
					       CERT_NAME_MAX + 1) < 0)
		return "?";
	return text;
}

/*
 * OpenSSL takes no certificate for an issuer that may not sign certificates, and then only says that it
 * found none. Whoever made a leaf sign another one is to read that.
 */
static X509 *find_false_issuer(const struct check *c, X509 *cert)
{
	for (int i = 0; i < sk_X509_num(c->intermediates); i++) {
		X509 *other = sk_X509_value(c->intermediates, i);

		if (X509_NAME_cmp(X509_get_subject_name(other), X509_get_issuer_name(cert)) == 0 &&
		    X509_check_ca(other) == 0)
			return other;
	}
	return NULL;
}

static int explain(const struct check *c)
{
	int code = X509_STORE_CTX_get_error(c->ctx);
	X509 *cert = X509_STORE_CTX_get_current_cert(c->ctx);
	X509 *false_issuer = cert ? find_false_issuer(c, cert) : NULL;
	char name[CERT_NAME_MAX + 1];

	if (code == X509_V_ERR_OUT_OF_MEM)
		return CF_ENOMEM;
	if (code == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY && false_issuer) {
		code = X509_V_ERR_INVALID_CA;
		cert = false_issuer;
	}
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].code == code)
			return err_set(reasons[i].err, "certificate of '%s' %s", name_of(cert, name),
				       reasons[i].text);
	}
	return err_set(CF_EFOREIGN, "certificate of '%s': %s", name_of(cert, name),
		       X509_verify_cert_error_string(code));
}

/* Key, signature algorithm and form of one certificate of the chain. */
static int check_form(X509 *cert, struct cert_info *ret_info)
{
	char name[CERT_NAME_MAX + 1];
	int err = x509_describe(cert, ret_info);

	if (!err && X509_get_signature_nid(cert) != NID_ecdsa_with_SHA256)
		err = err_set(CF_EFOREIGN, "certificate of '%s' is not signed with ECDSA and SHA-256",
			      name_of(cert, name));
	return err;
}

static int check_leaf(X509 *leaf, const struct cert_info *info)
{
	if (info->is_ca)
		return err_set(CF_EFOREIGN, "certificate of '%s' is an authority's and no identity's",
			       info->name);
	if (info->role == 0)
		return err_set(CF_EFOREIGN, "certificate of '%s' carries no identity", info->name);
	if (X509_get_key_usage(leaf) != X509v3_KU_DIGITAL_SIGNATURE ||
	    X509_get_extended_key_usage(leaf) != UINT32_MAX)
		return err_set(CF_EFOREIGN, "certificate of '%s' has a usage other than an identity's",
			       info->name);
	return 0;
}

static int check_ca(X509 *ca, const struct cert_info *info)
{
	if (!info->is_ca)
		return err_set(CF_EFOREIGN, "certificate of '%s' is used as an authority and is none",
			       info->name);
	if ((X509_get_key_usage(ca) & (X509v3_KU_KEY_CERT_SIGN | X509v3_KU_CRL_SIGN)) !=
	    (X509v3_KU_KEY_CERT_SIGN | X509v3_KU_CRL_SIGN))
		return err_set(CF_EFOREIGN, "certificate of '%s' may not sign certificates and lists",
			       info->name);
	return 0;
}

static bool leads_through(STACK_OF(X509) * chain, const struct hash *authority)
{
	bool found = false;

	for (int i = 1; i < sk_X509_num(chain) && !found; i++) {
		uint8_t *der = NULL;
		int len = i2d_X509(sk_X509_value(chain, i), &der);
		struct hash fingerprint = sha256(VIEW(der, len > 0 ? (size_t)len : 0));

		OPENSSL_free(der);
		found = hash_equal(&fingerprint, authority);
	}
	return found;
}

/* Everybody belongs to the organization of who issued them; only the root names others. */
static int check_chain(const struct check *c, const struct hash *through, bool authority)
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(c->ctx);
	int count = sk_X509_num(chain), err;
	struct cert_info below, info;
	char name[CERT_NAME_MAX + 1];

	assert(count >= 1);
	err = check_form(c->leaf, &below);
	if (!err)
		err = authority ? check_ca(c->leaf, &below) : check_leaf(c->leaf, &below);
	for (int i = 1; i < count && !err; i++) {
		err = check_form(sk_X509_value(chain, i), &info);
		if (!err && ((i == 1 && !authority) || i < count - 1) && strcmp(info.org, below.org) != 0)
			err = err_set(CF_EFOREIGN,
				      "certificate of '%s' names organization '%s', its authority is of '%s'",
				      below.name, below.org, info.org);
		below = info;
	}
	if (!err && through && !leads_through(chain, through))
		err = err_set(CF_EFOREIGN,
			      "certificate of '%s' is not issued below its organization's authority",
			      name_of(c->leaf, name));
	return err;
}

static int check_all(struct view leaf, const struct view *intermediates, size_t count, struct view root,
		     struct view crl, uint64_t at_ms, const struct hash *through, bool authority)
{
	struct check c = {0};
	int err;

	assert(intermediates || count == 0);
	if (count > CERT_CHAIN_MAX)
		return err_set(CF_EFOREIGN, "chain of more than %d certificates", CERT_CHAIN_MAX);
	c.leaf = x509_from_der(leaf);
	if (!c.leaf)
		return err_set(CF_EDECODE, "not a certificate");
	err = load_root(&c, root);
	if (!err)
		err = load_intermediates(&c, intermediates, count);
	if (!err && crl.len > 0)
		err = load_crls(&c, crl);
	if (!err)
		err = set_up(&c, at_ms);
	if (!err && X509_verify_cert(c.ctx) != 1)
		err = explain(&c);
	if (!err)
		err = check_chain(&c, through, authority);
	check_release(&c);
	return x509_fail(err);
}

int cert_check_chain(struct view leaf, const struct view *intermediates, size_t count, struct view root,
		     struct view crl, uint64_t at_ms)
{
	return check_all(leaf, intermediates, count, root, crl, at_ms, NULL, false);
}

int cert_check_member(struct view leaf, const struct view *intermediates, size_t count, struct view root,
		      const struct hash *authority, uint64_t at_ms)
{
	assert(authority);
	return check_all(leaf, intermediates, count, root, VIEW_NONE, at_ms, authority, false);
}

int cert_check_authority(struct view ca, const struct view *intermediates, size_t count, struct view root,
			 uint64_t at_ms)
{
	return check_all(ca, intermediates, count, root, VIEW_NONE, at_ms, NULL, true);
}

bool cert_has_host(struct view der, const char *host)
{
	const unsigned flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_WILDCARDS;
	X509 *cert = x509_from_der(der);
	bool has = cert && (X509_check_ip_asc(cert, host, flags) == 1 ||
			    X509_check_host(cert, host, strlen(host), flags, NULL) == 1);

	X509_free(cert);
	ERR_clear_error();
	return has;
}
