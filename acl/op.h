/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op.h - the operations of a transaction: one struct and one canonical encoding each.
 *
 * acl/ACCESS.md has the table: for each operation its transaction type, read keys, written keys and derived
 * effects. The patient is the proposal's. Views point into the decoded body.
 *
 * A new node's id is the first 16 bytes of SHA-256(transaction id || u16 op index). The patient directory's
 * node id is the patient id; a section directory's is op_section_node().
 */
#ifndef ACL_OP_H
#define ACL_OP_H

#include "acl/row.h"
#include "ledger/crypto_prf.h"

enum op_code {
	OP_REGISTER = 1,
	OP_ADMIT = 2,
	OP_CREATE = 3,
	OP_SAVE = 4,
	OP_SETATTR = 5,
	OP_UNLINK = 6,
	OP_RMDIR = 7,
	OP_RENAME = 8,
	OP_GRANT = 9,
	OP_REVOKE = 10,
	OP_XATTR = 11,
	OP_MEMBERS = 12,
	OP_DEAL = 13,
	OP_TAKE = 14,
	OP_ACCUSE = 15,
	OP_EVIDENCE = 16,
	OP_LEASE = 18,
	OP_CLAIM = 20,
	OP_ERASE = 21,
	OP_APPROVE = 22,
	OP_REPLACE = 23,
	OP_SUSPEND = 24,
	OP_REINSTATE = 25,
	OP_CRL = 26,
	OP_RENEW = 27,
	OP_RULE = 28,
	OP_PROPOSE = 29,
};

const char *op_name(enum op_code code); /* "create"; "?" */

bool op_is_sealing(enum op_code code); /* create, save, xattr: what is written under a window's keys */

/* Enrolment: the identity's certificate chain, leaf first; the creator is that identity. */
struct op_register {
	uint8_t count;
	struct view cert[6];
};

/* A new patient. Exactly one of owner and custodian is set. The annex wraps the keys of sections 0..16 to the
 * owner or custodian, and to the creator. */
struct op_admit {
	struct identity_id owner;
	struct identity_id custodian;
	uint32_t window; /* epoch is 0 */
	struct view sealed_name;
	uint32_t mode; /* of the patient directory and the sections */
	uint32_t uid;
	uint32_t gid;
};

struct op_attrs {
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	uint64_t atime_ns;
	uint64_t mtime_ns;
};

/* A directory entry and its node. content empty: a directory (or a file without a byte: CONTENT_INLINE with
 * nothing sealed is content too). */
struct op_create {
	struct node_id dir;
	struct name_token token;
	uint8_t section;
	enum node_type type;
	uint32_t epoch;
	uint32_t window;
	struct view sealed_name;
	struct op_attrs attrs;
	uint64_t size;
	struct view content; /* content_row bytes */
	struct hash commitment;
};

/* New content (and attributes) of a node; base is the version of the content it was made from. propose has
 * the same body: what is to be approved. */
struct op_save {
	struct node_id node;
	struct version base;
	struct op_attrs attrs;
	uint64_t size;
	struct view content;
	struct hash commitment;
};

#define LEASE_READ 1
#define LEASE_WRITE 2
#define LEASE_MS_MAX ((uint64_t)24 * 3600 * 1000)
#define LEASE_WINDOWS_MAX 1024

/* The creator asks for the keys of these windows of a section, both ends included, until a time: what has to
 * stand in the ledger before a peer answers (acl/trace.h). */
struct op_lease {
	uint8_t section;
	uint8_t use; /* LEASE_READ or LEASE_WRITE */
	uint32_t first_window;
	uint32_t last_window;
	uint64_t until_ms;
	struct view purpose; /* a code of acl/purpose.h */
};

#define OP_SET_MODE 1u
#define OP_SET_UID 2u
#define OP_SET_GID 4u
#define OP_SET_ATIME 8u
#define OP_SET_MTIME 16u

struct op_setattr {
	struct node_id node;
	uint8_t mask;
	struct op_attrs attrs; /* fields not in mask are zero */
};

/* unlink and rmdir */
struct op_remove {
	struct node_id dir;
	struct name_token token;
	struct node_id node;
};

/* Within one section. replaced: the node that the target name had, zeros when it had none. */
struct op_rename {
	struct node_id from_dir;
	struct name_token from_token;
	struct node_id to_dir;
	struct name_token to_token;
	struct node_id node;
	struct node_id replaced;
	uint32_t epoch;
	uint32_t window;
	struct view sealed_name;
};

struct op_grant {
	uint32_t sections; /* bit i: section i; bit 0 is added by the contract */
	struct identity_id to;
	uint8_t verbs;
	uint64_t until_ms;
	uint16_t purpose;
};

/* The annex wraps the next epoch's keys of these sections to all who keep a grant, owner and custodian
 * included. */
struct op_revoke {
	uint32_t sections;
	struct identity_id from;
};

/*
 * The custodian (creator) hands the chart over to its patient, who consents (acl/claim.h). The annex wraps
 * all keys to the owner.
 */
struct op_claim {
	struct identity_id owner;
	uint8_t consent[SIG_BYTES];
};

/*
 * A change of the ordering members, in force from the next block on. Keys are those of the peer's identity
 * row: refresh takes over new ones, and new addresses. Approvals: signatures over change_digest
 * (acl/change.h), strictly ascending by identity. evidence: why somebody is expelled, on the ledger; zeros:
 * none.
 */
#define OP_APPROVALS_MAX 32
enum members_change { MEMBERS_ADD = 1, MEMBERS_REMOVE = 2, MEMBERS_REFRESH = 3, MEMBERS_EXPEL = 4 };
struct op_approval {
	struct identity_id by;
	uint8_t sig[SIG_BYTES];
};
struct op_members {
	enum members_change change;
	uint64_t epoch; /* of the set that is changed */
	struct identity_id who;
	struct view peer_address; /* add, refresh: as in struct member; else empty */
	struct view client_address;
	struct hash evidence;
	uint8_t approval_count;
	struct op_approval approval[OP_APPROVALS_MAX];
};

/*
 * The members share the key of acl/trace.h anew (acl/reshare.h): for this generation of holders, by these
 * members. deal: a holder's own share (acl/contribution.h), and a proof for each member. take: a member has
 * opened its shares in these deals (deals_digest). accuse: in the deal of the holder at this place, which has
 * this SHA-256, was none for the creator; opening shows it.
 */
struct op_deal {
	uint16_t generation;
	uint64_t epoch;
	struct view deal;
	uint8_t proof_count;
	uint8_t proof[MEMBERS_MAX][SIG_BYTES];
};
struct op_take {
	uint16_t generation;
	uint64_t epoch;
	struct hash deals;
};
struct op_accuse {
	uint16_t generation;
	uint64_t epoch;
	uint8_t dealer;
	struct hash deal;
	struct prf_answer opening;
};

/*
 * The chart of an owner who has lost their keys gets another one, who consents; both signed what
 * acl/replacement.h says. Approvals: strictly ascending by identity. The annex wraps all keys to the owner.
 */
struct op_replace {
	struct identity_id old;
	struct identity_id owner;
	uint8_t consent[SIG_BYTES];
	uint8_t approval_count;
	struct op_approval approval[OP_APPROVALS_MAX];
};

/* All contents a node ever had; the node may be gone. Zeros: all of the patient. */
struct op_erase {
	struct node_id node;
};

/* What becomes of the change of a node that waits. change: SHA-256 of its row, which so is co-signed. */
enum approval { APPROVAL_GIVE = 1, APPROVAL_REFUSE = 2, APPROVAL_WITHDRAW = 3 };
struct op_approve {
	struct node_id node;
	struct hash change;
	enum approval what;
};

/* From now on a change in these sections needs the patient's co-signature (1), or a modify grant suffices
 * (0). */
struct op_rule {
	uint32_t sections;
	uint8_t amend;
};

/* suspend, reinstate: an identity, and why, in words for those who read the ledger. */
#define OP_REASON_BYTES_MAX 200
struct op_standing {
	struct identity_id who;
	struct view reason; /* may be empty */
};

/*
 * A revocation list in DER, which its authority has signed; whoever is enrolled may carry it here. cert: the
 * authority's certificate and those above it without the root; none: the root's own list.
 */
struct op_crl {
	struct view crl;
	uint8_t count;
	struct view cert[6];
};

/*
 * A certificate with another signing key for an identity that is registered. The creator is that identity,
 * by its old key, or a manager of its organization. proof: the new key's signature (op_renew_digest).
 */
struct op_renew {
	struct identity_id who;
	uint8_t proof[SIG_BYTES];
	uint8_t count;
	struct view cert[6]; /* leaf first */
};

/* SHA-256("chartfs renew v1" NUL network who fingerprint-of-the-old-key SHA-256(certificate)). */
struct hash op_renew_digest(const struct hash *network, const struct identity_id *who,
			    const struct hash *old_key, struct view cert);

/* Proof that a member lied (ledger/evidence.h), in its canonical bytes. */
struct op_evidence {
	struct view evidence;
};

/*
 * All extended attributes of a node, new. base: the version of the row they were made from; zeros: there was
 * none. Node zeros: what the operation before this one creates.
 */
struct op_xattr {
	struct node_id node;
	struct version base;
	struct view row; /* xattr_row bytes; empty: none left */
};

#define OP_DECLARE(name, type)                                                     \
	int op_##name##_encode(const struct type *op, struct buf *out) must_check; \
	int op_##name##_decode(struct view body, struct type *ret_op) must_check;

OP_DECLARE(register, op_register)
OP_DECLARE(admit, op_admit)
OP_DECLARE(create, op_create)
OP_DECLARE(save, op_save)
OP_DECLARE(setattr, op_setattr)
OP_DECLARE(remove, op_remove)
OP_DECLARE(rename, op_rename)
OP_DECLARE(grant, op_grant)
OP_DECLARE(revoke, op_revoke)
OP_DECLARE(xattr, op_xattr)
OP_DECLARE(members, op_members)
OP_DECLARE(deal, op_deal)
OP_DECLARE(take, op_take)
OP_DECLARE(accuse, op_accuse)
OP_DECLARE(lease, op_lease)
OP_DECLARE(claim, op_claim)
OP_DECLARE(erase, op_erase)
OP_DECLARE(approve, op_approve)
OP_DECLARE(rule, op_rule)
OP_DECLARE(replace, op_replace)
OP_DECLARE(standing, op_standing)
OP_DECLARE(crl, op_crl)
OP_DECLARE(renew, op_renew)
OP_DECLARE(evidence, op_evidence)

/* Is it about a patient, who then stands in the proposal? */
bool op_about_patient(enum op_code code);

/* 0 or CF_EDECODE: does the body decode as its code says? */
struct tx_op;
int op_check_body(const struct tx_op *op) must_check;

/* Ids that are computed, not chosen. */
struct node_id op_new_node(const struct hash *tx_id, uint16_t op_index);
struct node_id op_section_node(const struct patient_id *p, unsigned section); /* section 0: the patient id */

/* The type (section 2.1 of the paper) that a transaction of these operations by this role has. */
enum tx_type op_tx_type(enum op_code first, enum role creator);

#endif
