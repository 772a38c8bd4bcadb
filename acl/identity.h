/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.h - an identity of this machine's user or peer: certificate chain and private keys from a
 * directory.
 *
 * A directory holds cert.pem (leaf, then its intermediates), sign.key, kem.key, and for peers endorse.key,
 * tls.pem and tls.key. All keys are encrypted (acl/keyfile.h).
 */
#ifndef ACL_IDENTITY_H
#define ACL_IDENTITY_H

#include "acl/x509.h"

struct identity_latch;

struct identity {
	struct identity_id id;
	struct cert_info info;
	struct buf chain[CERT_CHAIN_MAX]; /* DER: leaf first */
	size_t chain_count;
	struct crypto_key *sign;
	struct crypto_key *kem;
	struct crypto_key *endorse; /* peers; NULL else */
	struct hash sign_fingerprint;
	struct identity_latch *latch; /* NULL: not read by identity_load; never locked */
};

/*
 * Reads a directory. Errors: CF_ENOTFOUND (names the file), CF_EPASS, CF_EPERM (key file open to others),
 * CF_EINVAL (key and certificate do not belong together).
 */
int identity_load(const char *dir, const char *passphrase, struct identity *ret_id) must_check;
void identity_release(struct identity *id);

/*
 * Private keys that may be locked away are used between these two, for moments and not one inside another.
 * CF_ELOCKED: they are not there; nothing is to be ended then.
 */
int identity_use(const struct identity *id) must_check;
void identity_done(const struct identity *id);
/* Wipes the private keys, once nobody uses them. */
void identity_lock(struct identity *id);
/*
 * Reads them again from where identity_load did; certificates stay those that were read then. Errors: as
 * identity_load; CF_EINVAL: other keys are there by now. What it could read is not taken then.
 */
int identity_unlock(struct identity *id, const char *dir, const char *passphrase) must_check;

struct identity_issue {
	const char *name;
	const char *org;
	enum role role;
	const char *tls_host; /* also tls.pem and tls.key for these hosts (x509.h); NULL: none */
	uint64_t not_before_ms;
	uint64_t not_after_ms;
	unsigned pbkdf2_rounds; /* 0: the default */
};

/*
 * Makes keys on this machine and the certificate with the CA's key, writes the directory (made, 0700). The
 * root is appended to no chain. ca_der: the CA's certificate, behind it those of its issuers (struct ca,
 * chain). Errors: CF_ENOTEMPTY (dir holds something), CF_EDENIED (not for this CA to issue: another
 * organization's name), CF_EINVAL, CF_EDECODE, those of files.
 */
int identity_create(const char *dir, const char *passphrase, const struct identity_issue *what,
		    struct view ca_der, const struct crypto_key *ca_key) must_check;

/*
 * A CA: DIR/ca.pem (own certificate, then its issuers up to but without the root) and DIR/ca.key. parent_dir
 * NULL: a root. path_len: how many CAs may follow below; cut to what the parent allows. The parent bounds
 * not_after_ms, too. Errors: CF_ENOTEMPTY, CF_EDENIED (the parent may not have a CA below it, or not of this
 * organization), those of ca_load.
 */
int ca_create(const char *dir, const char *passphrase, const char *name, const char *org, unsigned path_len,
	      uint64_t not_after_ms, unsigned pbkdf2_rounds, const char *parent_dir,
	      const char *parent_passphrase) must_check;
/* The same with a key that is in a token already; the passphrase is its PIN. DIR/ca.pkcs11 keeps the URI. */
int ca_create_in_token(const char *dir, const char *uri, const char *pin, const char *name, const char *org,
		       unsigned path_len, uint64_t not_after_ms, const char *parent_dir,
		       const char *parent_passphrase) must_check;
struct ca {
	struct cert_info info;
	struct buf chain[CERT_CHAIN_MAX]; /* DER: own first */
	size_t chain_count;
	struct crypto_key *key;
};
/* Errors: CF_ENOTFOUND, CF_EPASS, CF_EPERM, CF_EINVAL (no CA, or its key is another one's). */
int ca_load(const char *dir, const char *passphrase, struct ca *ret_ca) must_check;
void ca_release(struct ca *ca);
/* The chain as identity_create() takes it; appended. */
int ca_chain(const struct ca *ca, struct buf *out) must_check;

#endif
