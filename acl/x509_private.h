/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x509_private.h - what acl/x509*.c share and nobody else includes.
 */
#ifndef ACL_X509_PRIVATE_H
#define ACL_X509_PRIVATE_H

#include "acl/x509.h"

struct x509_st;        /* OpenSSL's X509 */
struct X509_name_st;   /* X509_NAME */
struct asn1_string_st; /* ASN1_INTEGER */

/* Role, key-agreement key and endorsement key; below 2.25, where a UUID needs no registration (X.667). */
#define IDENTITY_OID "2.25.198740341268237649523"

/* Exactly one certificate in the one encoding DER allows; NULL else. */
struct x509_st *x509_from_der(struct view der);

/* Fields of info but the fingerprint. */
int x509_describe(struct x509_st *cert, struct cert_info *ret_info) must_check;

/* 1 to CERT_NAME_MAX bytes, no control characters, none of "/@" (names are also shown as name@org and as file
 * names). */
bool x509_name_ok(struct view name);

/* The content of the identity extension: u8 version, u8 role, kem point, bool, endorsement point. */
int x509_identity_encode(const struct cert_request *req, struct buf *out) must_check;

/* The CA behind der, whose key must be this one. Errors: CF_EDECODE, CF_EINVAL. */
int x509_open_issuer(struct view der, const struct crypto_key *key, struct x509_st **ret_cert) must_check;

/* Takes what OpenSSL allocated; appended. */
int x509_append_der(uint8_t *der, int len, struct buf *out) must_check;

/* A serial number as 20 bytes; CF_EDECODE. */
int x509_serial(const struct asn1_string_st *serial, uint8_t ret_serial[20]) must_check;
/* cert_info's `issued`. CF_EDECODE. */
int x509_issued(const struct X509_name_st *issuer, const uint8_t serial[20],
		struct hash *ret_issued) must_check;

/* Drops OpenSSL's queue of errors and returns err. */
int x509_fail(int err);

#endif
