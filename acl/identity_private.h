/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity_private.h - the files of an identity's directory.
 */
#ifndef ACL_IDENTITY_PRIVATE_H
#define ACL_IDENTITY_PRIVATE_H

#include "acl/identity.h"

#define CERT_FILE "cert.pem"
#define SIGN_FILE "sign.key"
#define KEM_FILE "kem.key"
#define ENDORSE_FILE "endorse.key"
#define TLS_CERT_FILE "tls.pem"
#define TLS_KEY_FILE "tls.key"

/* key may be NULL: nothing is written. */
int identity_write_key(const char *dir, const char *file, const struct crypto_key *key,
		       const char *passphrase, unsigned rounds) must_check;

/* identity_lock.c */
int identity_latch_new(struct identity_latch **ret_latch) must_check;
void identity_latch_free(struct identity_latch *latch); /* accepts NULL */

#endif
