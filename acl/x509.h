/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x509.h - certificates: issue, parse, check a chain. acl/x509*.c and ledger/crypto*.c alone include OpenSSL.
 *
 * An identity's certificate names common name and organization (CN, O), certifies the signing key, and
 * carries one extension (OID 2.25.198740341268237649523) with role, key-agreement key and, for peers, the
 * endorsement key. Chains are checked where an identity is registered, never in the replicated validation of
 * blocks (two OpenSSL releases may differ; CORRECTNESS section 2): there the ledger's own identity rows
 * count.
 */
#ifndef ACL_X509_H
#define ACL_X509_H

#include "acl/role.h"
#include "ledger/certificate.h"

#define CERT_NAME_MAX 64
#define CERT_DER_BYTES_MAX 8192
#define CERT_CRL_BYTES_MAX ((size_t)1 << 20)
#define CERT_CHAIN_MAX 6
/* How long before now a new certificate begins, so that it counts at once where the clock is behind. */
#define CERT_CLOCK_SKEW_MS ((uint64_t)3600 * 1000)

struct cert_info {
	char name[CERT_NAME_MAX + 1]; /* CN */
	char org[CERT_NAME_MAX + 1];  /* O */
	enum role role;               /* 0: it carries no identity (a CA, a TLS certificate) */
	bool is_ca;
	bool is_root; /* a CA that signed itself */
	int path_len; /* CAs: how many CAs may follow below; -1: no limit */
	uint8_t sign_point[POINT_BYTES];
	uint8_t kem_point[POINT_BYTES];     /* zeros when it carries none */
	uint8_t endorse_point[POINT_BYTES]; /* peers only; zeros else */
	uint64_t not_before_ms;
	uint64_t not_after_ms;
	uint8_t serial[20];
	struct hash issued;      /* who issued it and the serial number: what a revocation list names */
	struct hash fingerprint; /* SHA-256 of the DER */
};

/* SHA-256("chartfs identity v1" NUL org NUL name) cut to 16 bytes. */
struct identity_id identity_id_of(const char *org, const char *name);

enum cert_kind { CERT_ROOT, CERT_INTERMEDIATE, CERT_LEAF, CERT_TLS };

struct cert_request {
	enum cert_kind kind;
	const char *name;
	const char *org;
	enum role role;                   /* CERT_LEAF */
	const struct crypto_key *subject; /* public half is certified */
	const uint8_t *kem_point;         /* CERT_LEAF: 65 bytes, or NULL */
	const uint8_t *endorse_point;     /* peers: 65 bytes, or NULL */
	const char *tls_host;             /* CERT_TLS: "127.0.0.1" or a DNS name; several by commas */
	uint64_t not_before_ms;
	uint64_t not_after_ms;
	unsigned path_len; /* CERT_ROOT, CERT_INTERMEDIATE */
};

/*
 * Issues; issuer_der empty: self-signed (root). Appends DER. An intermediate is constrained to names of its
 * own organization. Whether the issuer may issue this is for its keeper to ask (acl/identity.h) and for
 * cert_check_chain() to refuse. Errors: CF_EINVAL (a name that cannot stand in a certificate, a key that is
 * not the issuer's), CF_EDECODE, CF_ENOMEM.
 */
int cert_issue(const struct cert_request *req, struct view issuer_der, const struct crypto_key *issuer_key,
	       struct buf *ret_der) must_check;

/* Is this address or DNS name one of a certificate's alternative names, letter by letter? */
bool cert_has_host(struct view der, const char *host);

/* Errors: CF_EDECODE (also for another curve or a malformed identity; the reason is in err_detail),
 * CF_ENOMEM. */
int cert_parse(struct view der, struct cert_info *ret_info) must_check;

/* Takes the first DER element off concatenated ones. CF_EDECODE. */
int cert_der_next(struct view *rest, struct view *ret_one) must_check;

/*
 * A CA's list of revoked serial numbers (20 bytes each, ascending or not), as DER, appended. number: higher
 * than that of the CA's list before (RFC 5280 section 5.2.3).
 */
int cert_crl_issue(struct view ca_der, const struct crypto_key *ca_key, const uint8_t (*serials)[20],
		   size_t count, uint64_t number, uint64_t this_update_ms, uint64_t next_update_ms,
		   struct buf *ret_der) must_check;

struct crl_info {
	char issuer[CERT_NAME_MAX + 1]; /* CN of the CA */
	struct hash issuer_key;         /* fingerprint of its key */
	uint64_t number;
	uint64_t this_update_ms;
	uint64_t next_update_ms;
	size_t count; /* certificates it revokes */
};

/*
 * One list against the CA that issued it: ca[0] the CA's certificate, behind it those above it without the
 * root; count 0: the root's own list. Refuses a list of another CA, with a wrong signature, without a number,
 * out of date or not yet valid, with extensions nobody knows, and a CA that does not lead to root. Errors:
 * CF_EDECODE, CF_ESIG, CF_EEXPIRED, CF_EFOREIGN, with the reason in err_detail.
 */
int cert_crl_check(struct view crl, const struct view *ca, size_t count, struct view root, uint64_t at_ms,
		   struct crl_info *ret_info) must_check;
/* Hands on cert_info's `issued` of each revoked certificate; an answer other than 0 ends it and is returned.
 */
int cert_crl_walk(struct view crl, int (*on_revoked)(void *ctx, const struct hash *issued),
		  void *ctx) must_check;

/*
 * Strict check of leaf, intermediates (any order) up to exactly this root, at a given time: signatures,
 * validity, CA flags, path lengths, key usage, organization of the leaf equal to that of its issuer. The
 * reason is in err_detail. crl: empty, or the concatenated revocation lists of every CA of the chain, root
 * included; a missing list refuses. Errors: CF_EFOREIGN (does not lead to root, or breaks a rule on the way),
 * CF_EEXPIRED (also a stale list), CF_EREVOKED, CF_ESIG, CF_EDECODE.
 */
int cert_check_chain(struct view leaf, const struct view *intermediates, size_t count, struct view root,
		     struct view crl, uint64_t at_ms) must_check;

/*
 * The same without revocation lists, and the path that leads to the root goes through this authority (SHA-256
 * of its certificate): of an organization there is one. A certificate put beside a path proves nothing.
 */
int cert_check_member(struct view leaf, const struct view *intermediates, size_t count, struct view root,
		      const struct hash *authority, uint64_t at_ms) must_check;
/* cert_check_chain for an authority: it may sign certificates and lists below this root. The root itself
 * passes. */
int cert_check_authority(struct view ca, const struct view *intermediates, size_t count, struct view root,
			 uint64_t at_ms) must_check;

/*
 * PEM files of one or more certificates <-> DER. ret_ders get one buffer each, released by the caller. Write
 * makes a new file (CF_EEXIST). Errors of read: CF_ENOTFOUND, CF_EDECODE, CF_ETOOBIG (more than max).
 */
int cert_pem_read(const char *path, struct buf *ret_ders, size_t max, size_t *ret_count) must_check;
/* The first certificate of a file, appended. */
int cert_pem_read_one(const char *path, struct buf *ret_der) must_check;
int cert_pem_write(const char *path, const struct view *ders, size_t count) must_check;
/* As cert_pem_read from text in memory; what is for messages. */
int cert_pem_parse(struct view text, const char *what, struct buf *ret_ders, size_t max,
		   size_t *ret_count) must_check;
/* A revocation list as PEM text, appended; the first one of a file, which may hold certificates behind it, as
 * DER, appended. Errors: CF_ENOTFOUND, CF_EDECODE. */
int cert_crl_pem_text(struct view crl, struct buf *out) must_check;
int cert_crl_pem_read(const char *path, struct buf *ret_der) must_check;
/* The certificates behind the list in such a file; none is fine. */
int cert_crl_pem_chain(const char *path, struct buf *ret_ders, size_t max, size_t *ret_count) must_check;
/* The same as text in memory, for nng's TLS. key: unencrypted PEM, wiped by the caller. */
int cert_pem_text(const struct view *ders, size_t count, struct buf *out) must_check;
int cert_key_pem_text(const struct crypto_key *key, struct buf *out) must_check;

/* Encrypted PKCS#8 in memory; keyfile.c is its user. Errors as keyfile_read. */
int cert_key_seal_pem(const struct crypto_key *key, const char *passphrase, unsigned rounds,
		      struct buf *out) must_check;
int cert_key_open_pem(struct view pem, const char *passphrase, struct crypto_key **ret_key) must_check;

/*
 * A private key in a token, which signs and is never read: RFC 7512 URI ("pkcs11:token=ca;object=hospA").
 * Errors: CF_EUNSUPPORTED (no engine, no module), CF_EPASS (no such key, or a wrong PIN), CF_EDECODE.
 */
int cert_key_pkcs11(const char *uri, const char *pin, struct crypto_key **ret_key) must_check;

#endif
