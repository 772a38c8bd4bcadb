/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity_apply.h - the applicant's side: makes keys in a directory of its own, applies for a certificate,
 * takes it. Private keys go nowhere.
 *
 * A directory that waits for its certificate holds the keys and DIR/application; with cert.pem it is
 * complete.
 */
#ifndef ACL_IDENTITY_APPLY_H
#define ACL_IDENTITY_APPLY_H

#include "acl/application.h"

/*
 * Keys and application in a new directory; the application's bytes are appended. what: the times are not
 * looked at. Errors: CF_ENOTEMPTY, CF_EINVAL, those of files.
 */
int identity_apply(const char *dir, const char *passphrase, const struct identity_issue *what,
		   uint64_t now_ms, struct buf *ret_application) must_check;

/*
 * An application for another certificate of an identity, appended. into NULL: the keys stay. Else a new
 * directory with new keys and the old key-agreement key, encrypted with the same passphrase. tls_host NULL:
 * no TLS certificate. Errors: CF_ENOTEMPTY, those of files.
 */
int identity_apply_again(const struct identity *id, const char *dir, const char *passphrase, const char *into,
			 const char *tls_host, unsigned rounds, uint64_t now_ms,
			 struct buf *ret_application) must_check;

/* The application of a directory. CF_ENOTFOUND. */
int identity_application(const char *dir, struct buf *out) must_check;

/*
 * Checks that the chain (PEM) certifies what was applied for, up to the root, and writes it, TLS first; what
 * stood there is replaced. Errors: CF_EFOREIGN (another's keys or name, another root), those of
 * cert_check_chain.
 */
int identity_accept(const char *dir, struct view application, struct view chain_pem, struct view tls_pem,
		    struct view root, uint64_t now_ms) must_check;

#endif
