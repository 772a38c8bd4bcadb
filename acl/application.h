/* SPDX-License-Identifier: Apache-2.0 */
/*
 * application.h - who wants a certificate for which keys: made and signed by the applicant, so that an
 * authority never sees a private key.
 *
 * Bytes: tag "chartfs application v1"; u8 role; short organization; short name; [65] signing key, [65]
 * key-agreement key; bool and, when true, [65] endorsement key (peers have one); short hosts and, unless it
 * is empty, [65] TLS key; u64 time in ms; [64] signature by the signing key over SHA-256 of all before it.
 * The SHA-256 of all, cut to 16 bytes, is the application's id: the manager compares it with what the
 * applicant reads out.
 */
#ifndef ACL_APPLICATION_H
#define ACL_APPLICATION_H

#include "acl/identity.h"

#define APPLICATION_HOSTS_MAX 255
#define APPLICATION_BYTES_MAX 1024
#define APPLICATION_ID_BYTES 16

struct application_id {
	uint8_t b[APPLICATION_ID_BYTES];
};

struct application {
	enum role role;
	char org[CERT_NAME_MAX + 1];
	char name[CERT_NAME_MAX + 1];
	uint8_t sign_point[POINT_BYTES];
	uint8_t kem_point[POINT_BYTES];
	uint8_t endorse_point[POINT_BYTES];       /* peers; zeros else */
	char tls_host[APPLICATION_HOSTS_MAX + 1]; /* as cert_request's; empty: no TLS certificate wanted */
	uint8_t tls_point[POINT_BYTES];           /* with a TLS host; zeros else */
	uint64_t time_ms;
};

/* Signs with the key of sign_point; appended. Errors: CF_EINVAL (names), CF_ENOMEM. */
int application_encode(const struct application *a, const struct crypto_key *sign,
		       struct buf *out) must_check;
/* Also checks the signature. Errors: CF_EDECODE, CF_ESIG; the reason is in err_detail. */
int application_decode(struct view bytes, struct application *ret_a) must_check;
struct application_id application_id_of(struct view bytes);

/*
 * The certificate that the CA makes of it, and the one for TLS (empty when none is wanted), DER, appended.
 * The CA bounds not_after_ms. Errors: CF_EDENIED (another organization's name), CF_EINVAL.
 */
int application_issue(const struct application *a, const struct ca *ca, uint64_t not_before_ms,
		      uint64_t not_after_ms, struct buf *ret_cert, struct buf *ret_tls) must_check;

#endif
