/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x509_crl.c - revocation lists (RFC 5280 section 5): made by a CA, checked against it, walked.
 */
#include "acl/x509_private.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

static bool add_revoked(X509_CRL *crl, const uint8_t serial[20], const ASN1_TIME *when)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	BIGNUM *n = BN_bin2bn(serial, 20, NULL);
	ASN1_INTEGER *number = n ? BN_to_ASN1_INTEGER(n, NULL) : NULL;
	bool ok = entry && number && X509_REVOKED_set_serialNumber(entry, number) == 1 &&
		  X509_REVOKED_set_revocationDate(entry, (ASN1_TIME *)when) == 1 &&
		  X509_CRL_add0_revoked(crl, entry) == 1;

	if (!ok)
		X509_REVOKED_free(entry);
	ASN1_INTEGER_free(number);
	BN_free(n);
	return ok;
}

static bool fill_crl(X509_CRL *crl, X509 *ca, const uint8_t (*serials)[20], size_t count, uint64_t number,
		     const ASN1_TIME *from, const ASN1_TIME *until)
{
	X509_EXTENSION *ext;
	ASN1_INTEGER *n = ASN1_INTEGER_new();
	X509V3_CTX ctx;
	bool ok = n && ASN1_INTEGER_set_uint64(n, number) == 1 &&
		  X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
		  X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca)) == 1 &&
		  X509_CRL_set1_lastUpdate(crl, from) == 1 && X509_CRL_set1_nextUpdate(crl, until) == 1;

	for (size_t i = 0; ok && i < count; i++)
		ok = add_revoked(crl, serials[i], from);
	ok = ok && X509_CRL_add1_ext_i2d(crl, NID_crl_number, n, 0, X509V3_ADD_DEFAULT) == 1;
	ASN1_INTEGER_free(n);
	if (!ok)
		return false;
	X509V3_set_ctx(&ctx, ca, NULL, NULL, crl, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
	ok = ext && X509_CRL_add_ext(crl, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok;
}

static int append_crl(X509_CRL *crl, struct buf *out)
{
	uint8_t *der = NULL;
	int len = i2d_X509_CRL(crl, &der);

	return x509_append_der(der, len, out);
}

int cert_crl_issue(struct view ca_der, const struct crypto_key *ca_key, const uint8_t (*serials)[20],
		   size_t count, uint64_t number, uint64_t this_update_ms, uint64_t next_update_ms,
		   struct buf *ret_der)
{
	ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)(this_update_ms / 1000));
	ASN1_TIME *until = ASN1_TIME_set(NULL, (time_t)(next_update_ms / 1000));
	X509_CRL *crl = X509_CRL_new();
	X509 *ca = NULL;
	int err = CF_ENOMEM;

	assert(ca_key && (serials || count == 0) && ret_der);
	if (!from || !until || !crl)
		goto out;
	err = x509_open_issuer(ca_der, ca_key, &ca);
	if (err)
		goto out;
	err = CF_ENOMEM;
	if (fill_crl(crl, ca, serials, count, number, from, until) && X509_CRL_sort(crl) == 1 &&
	    X509_CRL_sign(crl, crypto_key_evp(ca_key), EVP_sha256()) > 0)
		err = append_crl(crl, ret_der);
out:
	X509_CRL_free(crl);
	X509_free(ca);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	return x509_fail(err);
}

/* Exactly one list in the one encoding DER allows; NULL else. */
static X509_CRL *crl_from_der(struct view der)
{
	const uint8_t *in = der.data;
	X509_CRL *crl =
		der.len > 0 && der.len <= CERT_CRL_BYTES_MAX ? d2i_X509_CRL(NULL, &in, (long)der.len) : NULL;
	uint8_t *again = NULL;
	int len;

	if (!crl)
		return NULL;
	len = i2d_X509_CRL(crl, &again);
	if (len < 0 || (size_t)len != der.len || memcmp(again, der.data, der.len) != 0) {
		X509_CRL_free(crl);
		crl = NULL;
	}
	OPENSSL_free(again);
	return crl;
}

static bool time_ms(const ASN1_TIME *t, uint64_t *ret_ms)
{
	struct tm tm;
	time_t seconds;

	if (!t || ASN1_TIME_to_tm(t, &tm) != 1 || (seconds = timegm(&tm)) < 0)
		return false;
	*ret_ms = (uint64_t)seconds * 1000;
	return true;
}

/* The number and the times; no critical extension: a delta list or one of a part is not the whole list. */
static int describe(const X509_CRL *crl, struct crl_info *info)
{
	ASN1_INTEGER *n = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
	bool ok = n && ASN1_INTEGER_get_uint64(&info->number, n) == 1;
	const STACK_OF(X509_REVOKED) *revoked = X509_CRL_get_REVOKED((X509_CRL *)crl);

	ASN1_INTEGER_free(n);
	if (!ok)
		return err_set(CF_EDECODE, "revocation list of '%s' has no number", info->issuer);
	if (X509_CRL_get_ext_by_critical(crl, 1, -1) >= 0)
		return err_set(CF_EDECODE, "revocation list of '%s' is not a whole list", info->issuer);
	if (X509_CRL_get_signature_nid(crl) != NID_ecdsa_with_SHA256)
		return err_set(CF_EFOREIGN, "revocation list of '%s' is not signed with ECDSA and SHA-256",
			       info->issuer);
	if (!time_ms(X509_CRL_get0_lastUpdate(crl), &info->this_update_ms) ||
	    !time_ms(X509_CRL_get0_nextUpdate(crl), &info->next_update_ms))
		return err_set(CF_EDECODE, "revocation list of '%s' does not say for how long it counts",
			       info->issuer);
	info->count = revoked ? (size_t)sk_X509_REVOKED_num(revoked) : 0;
	return 0;
}

static int check_signature(X509_CRL *crl, X509 *ca, const struct crl_info *info)
{
	if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(ca)) != 0)
		return err_set(CF_EFOREIGN, "revocation list is not of '%s'", info->issuer);
	if (X509_CRL_verify(crl, X509_get0_pubkey(ca)) != 1)
		return err_set(CF_ESIG, "revocation list of '%s' has a wrong signature", info->issuer);
	return 0;
}

static int check_times(const struct crl_info *info, uint64_t at_ms)
{
	if (at_ms < info->this_update_ms)
		return err_set(CF_EEXPIRED, "revocation list of '%s' is not valid yet", info->issuer);
	if (at_ms > info->next_update_ms)
		return err_set(CF_EEXPIRED, "revocation list of '%s' is out of date", info->issuer);
	return 0;
}

int cert_crl_check(struct view crl_der, const struct view *ca, size_t count, struct view root, uint64_t at_ms,
		   struct crl_info *ret_info)
{
	struct view issuer_der = count > 0 ? ca[0] : root;
	X509_CRL *crl = crl_from_der(crl_der);
	struct crl_info info = {.number = 0};
	struct cert_info issuer;
	X509 *cert = NULL;
	int err;

	assert((ca || count == 0) && ret_info);
	if (!crl)
		return x509_fail(err_set(CF_EDECODE, "not a revocation list"));
	err = cert_check_authority(issuer_der, count > 1 ? ca + 1 : NULL, count > 1 ? count - 1 : 0, root,
				   at_ms);
	if (!err)
		err = cert_parse(issuer_der, &issuer);
	if (err)
		goto out;
	memcpy(info.issuer, issuer.name, sizeof(info.issuer));
	info.issuer_key = crypto_key_fingerprint(issuer.sign_point);
	cert = x509_from_der(issuer_der);
	err = cert ? check_signature(crl, cert, &info) : CF_ENOMEM;
	if (!err)
		err = describe(crl, &info);
	if (!err)
		err = check_times(&info, at_ms);
	if (!err)
		*ret_info = info;
out:
	X509_free(cert);
	X509_CRL_free(crl);
	return x509_fail(err);
}

int cert_crl_walk(struct view crl_der, int (*on_revoked)(void *ctx, const struct hash *issued), void *ctx)
{
	X509_CRL *crl = crl_from_der(crl_der);
	const STACK_OF(X509_REVOKED) *revoked = crl ? X509_CRL_get_REVOKED(crl) : NULL;
	int err = crl ? 0 : err_set(CF_EDECODE, "not a revocation list");

	for (int i = 0; revoked && i < sk_X509_REVOKED_num(revoked) && !err; i++) {
		const X509_REVOKED *one = sk_X509_REVOKED_value(revoked, i);
		struct hash issued;
		uint8_t serial[20];

		err = x509_serial(X509_REVOKED_get0_serialNumber(one), serial);
		if (!err)
			err = x509_issued(X509_CRL_get_issuer(crl), serial, &issued);
		if (!err)
			err = on_revoked(ctx, &issued);
	}
	X509_CRL_free(crl);
	return x509_fail(err);
}
