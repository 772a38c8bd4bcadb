/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row.h - the values of the state, one struct and one canonical encoding each. Keys: ledger/statekey.h.
 *
 * Every row begins with u8 version 1. Views point into the decoded bytes. Which transaction writes which
 * row is the table of acl/ACCESS.md.
 */
#ifndef ACL_ROW_H
#define ACL_ROW_H

#include "acl/role.h"
#include "ledger/evidence.h"
#include "ledger/statekey.h"

#define ROW_NAME_MAX 64
#define SEALED_NAME_BYTES_MAX 512

/* SK_NETWORK "policy": consensus parameters. */
struct policy_row {
	uint16_t endorsing_orgs;   /* k: distinct organizations that must endorse */
	uint32_t record_bytes_max; /* plaintext of a JSON record: 65536 */
	uint64_t time_window_ms;   /* a proposal's time against the block's */
	uint64_t valid_blocks_max; /* valid_until at most this far ahead */
	uint8_t receipts;          /* peers that must hold named blobs; 0: Q of the members */
};

/* SK_NETWORK "members": members_encode(). SK_NETWORK "root": DER of the root CA. */

/* SK_ORG */
struct org_row {
	uint16_t number;
	char name[ROW_NAME_MAX + 1];
	struct hash ca_fingerprint;   /* of its intermediate CA's certificate */
	struct identity_id custodian; /* keeps the keys of patients admitted without a key of their own */
};

/* SK_IDENTITY */
enum identity_status { IDENTITY_ACTIVE = 1, IDENTITY_SUSPENDED = 2, IDENTITY_REVOKED = 3 };
struct identity_row {
	uint8_t status;
	enum role role;
	uint16_t org;
	char name[ROW_NAME_MAX + 1];
	uint8_t sign_point[POINT_BYTES];
	uint8_t endorse_point[POINT_BYTES]; /* zeros unless a peer */
	uint8_t kem_point[POINT_BYTES];
	uint64_t not_before_ms;
	uint64_t not_after_ms;
	struct view cert; /* DER */
};

/*
 * SK_ISSUED: a certificate, known by issuer and serial number (x509.h, `issued`). One that is revoked before
 * it was ever registered is nobody's.
 */
struct issued_row {
	bool revoked;
	struct identity_id identity; /* zeros: nobody's */
};

/* SK_CRL: the newest revocation list of an authority. */
struct crl_row {
	uint64_t number;
	uint64_t this_update_ms;
	uint64_t next_update_ms;
	uint32_t count;   /* certificates on it */
	struct hash hash; /* SHA-256 of its DER */
};

/* SKP_PATIENT */
enum patient_status { PATIENT_CUSTODY = 1, PATIENT_OWNED = 2, PATIENT_ERASED = 3 };
struct patient_row {
	uint8_t status;
	struct identity_id owner;     /* zeros while in custody */
	struct identity_id custodian; /* zeros when the patient was never in custody */
	struct identity_id admitted_by;
	uint32_t epoch; /* of section 0, under which the name is sealed */
	uint32_t window;
	struct view sealed_name; /* the pseudonym: content_seal_name() with section 0's keys, directory of
				    zeros */
};

/* SKP_SECTION */
struct section_row {
	uint32_t epoch;       /* current; 0 at admission */
	uint8_t amend;        /* 0: a modify grant suffices; 1: the patient co-signs each change */
	struct hash epoch_tx; /* the transaction whose annex wraps this epoch's keys */
};

/* SKP_GRANT */
struct grant_row {
	uint8_t verbs;        /* 0: revoked */
	uint64_t until_ms;    /* 0: no end */
	uint16_t purpose;     /* 0: any */
	uint32_t from_epoch;  /* keys of this and later epochs were wrapped */
	struct hash grant_tx; /* whose annex wraps the keys of epochs known at the time */
	struct identity_id granted_by;
};

/* SKP_NODE: an inode. */
enum node_type { NODE_DIR = 1, NODE_RECORD = 2, NODE_ATTACHMENT = 3, NODE_SYMLINK = 4 };
struct node_row {
	enum node_type type;
	uint8_t section;
	struct node_id parent; /* directory it lies in */
	uint32_t mode;         /* permission bits, 07777 */
	uint32_t uid;
	uint32_t gid;
	uint64_t atime_ns;
	uint64_t mtime_ns;
	uint64_t ctime_ns; /* the time of the transaction that last wrote this row */
	uint64_t crtime_ns;
	uint64_t size;            /* plaintext */
	struct version content;   /* version of the SKP_CONTENT row; filled when read (zero in a write set) */
	struct hash content_hash; /* SHA-256 of the SKP_CONTENT row's bytes; zeros: no content */
	struct hash commitment;   /* HMAC(commitment key, SHA-256(plaintext)); acl/content.h */
	struct identity_id author; /* who last wrote the content */
};

/* SKP_CONTENT */
enum content_form { CONTENT_INLINE = 1, CONTENT_BLOB = 2 };
struct content_row {
	enum content_form form;
	uint32_t epoch;
	uint32_t window;
	/* transaction whose annex holds this version's secret; zeros in an operation: this one (the contract
	 * fills it in) */
	struct hash secret_tx;
	uint16_t secret_index; /* which ANNEX_SECRET of it */
	struct hash root; /* CONTENT_BLOB: address of the chunk or manifest root (zeros for an empty file) */
	uint8_t level;    /* CONTENT_BLOB: 0 a chunk, else the root's manifest level */
	struct view
		sealed; /* INLINE: the content; BLOB: root's content id and keys: nonce, ciphertext, tag */
};

/* SKP_ERASURE: the contents that a node had until then are erased. */
struct erasure_row {
	uint64_t time_ms; /* of the proposal */
	struct identity_id by;
};

/* SKP_WAITING: what a file's content is to become when the patient approves. */
struct waiting_row {
	struct view
		save; /* the body of an op_save of this node; its content's secret is in the annex of tx */
	struct identity_id author;
	struct hash tx; /* that proposed it */
	uint64_t time_ms;
};

/* SKP_ENTRY */
struct entry_row {
	struct node_id node;
	enum node_type type;
	uint32_t epoch; /* under whose section key the name is sealed */
	uint32_t window;
	struct view sealed_name;
};

/* SKP_XATTR: the list (acl/xattr.h), sealed under a secret of this version as a record's content is. */
struct xattr_row {
	uint32_t epoch;
	uint32_t window;
	struct hash secret_tx; /* as in content_row */
	uint16_t secret_index;
	struct view sealed;
};

/* SK_EVIDENCE: what a piece of evidence shows, and who brought it first. */
struct evidence_row {
	enum evidence_kind kind;
	struct identity_id offender;
	uint64_t epoch;
	uint64_t height;
	uint64_t view;
	struct identity_id reporter;
	struct hash tx; /* the transaction that holds the evidence itself */
	uint64_t time_ms;
};

/* SK_OFFENDER: the slots (evidence_slot) of which there is evidence in one epoch, in order of their coming.
 */
struct offender_row {
	uint8_t count; /* 1 to EVIDENCE_OFFENDER_MAX */
	struct hash slot[EVIDENCE_OFFENDER_MAX];
};

#define ROW_DECLARE(name)                                                                \
	int name##_row_encode(const struct name##_row *row, struct buf *out) must_check; \
	int name##_row_decode(struct view bytes, struct name##_row *ret_row) must_check;

ROW_DECLARE(policy)
ROW_DECLARE(org)
ROW_DECLARE(identity)
ROW_DECLARE(issued)
ROW_DECLARE(crl)
ROW_DECLARE(patient)
ROW_DECLARE(section)
ROW_DECLARE(grant)
ROW_DECLARE(node)
ROW_DECLARE(content)
ROW_DECLARE(erasure)
ROW_DECLARE(waiting)
ROW_DECLARE(entry)
ROW_DECLARE(xattr)
ROW_DECLARE(evidence)
ROW_DECLARE(offender)

#endif
