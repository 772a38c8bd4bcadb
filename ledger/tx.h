/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tx.h - the transaction (the paper's Fig. 1): proposal, signature, read-write set, endorsements, receipts.
 *
 * The id is SHA-256 of the proposal's bytes, which begin with the domain tag and the network id. No
 * signature and no endorsement enters an id (signatures are malleable). Views in decoded structures point
 * into the decoded bytes. FORMAT.md section 2.
 */
#ifndef LEDGER_TX_H
#define LEDGER_TX_H

#include "ledger/certificate.h"
#include "ledger/codec.h"
#include "ledger/merkle.h"

#define TX_VERSION 1
#define TX_OPS_MAX 64
#define TX_BLOBS_MAX 64
#define TX_NONCE_BYTES 16
#define TX_BYTES_MAX ((size_t)8 << 20)
#define TX_ANNEX_BYTES_MAX ((size_t)2 << 20)
#define TX_CONTRACT_NAME_MAX 32
#define PATIENT_BYTES 16

struct patient_id {
	uint8_t b[PATIENT_BYTES];
};

/* Section 2.1 of the paper, and `config` for the network's own affairs. */
enum tx_type {
	TX_PATIENT = 1,
	TX_DOCTOR = 2,
	TX_MEDICAL = 3,
	TX_HEALTH = 4,
	TX_PERMISSION = 5,
	TX_QUERY = 6,
	TX_MODIFICATION = 7,
	TX_DELETION = 8,
	TX_CONFIG = 9,
};

const char *tx_type_name(enum tx_type type); /* "medical"; "?" for none of ours */
int tx_type_parse(const char *name, enum tx_type *ret_type) must_check;

struct tx_op {
	uint8_t code; /* acl/op.h */
	struct view body;
};

/* Off-chain content the transaction names; peers give receipts over the list. */
struct tx_blob {
	struct hash root; /* address of a chunk or of a manifest's root */
	uint64_t bytes;   /* stored bytes below it, for accounting */
};

struct tx_proposal {
	struct hash network;
	enum tx_type type;
	uint64_t time_ms; /* the client's clock, Unix epoch */
	uint8_t nonce[TX_NONCE_BYTES];
	uint64_t valid_until; /* last height it may be in */
	struct view contract; /* name */
	uint32_t contract_version;
	uint16_t policy; /* endorsement policy it was made for */
	struct identity_id creator;
	struct hash creator_key;   /* fingerprint of the key that signs */
	struct patient_id patient; /* zeros where the type has none */
	struct hash patient_key;   /* fingerprints; zeros where the type has none (tx_type_keys) */
	struct hash doctor_key;
	struct hash annex_hash; /* zeros: no annex */
	uint16_t blob_count;
	struct tx_blob blob[TX_BLOBS_MAX];
	uint16_t op_count;
	struct tx_op op[TX_OPS_MAX];
};

/* Which keys a type must carry (rows 13 and 14): bit 0 patient, bit 1 doctor. */
#define TX_KEY_PATIENT 1u
#define TX_KEY_DOCTOR 2u
unsigned tx_type_keys(enum tx_type type);

/*
 * A signature over a leaf of a Merkle tree: one signature carries many proposals or endorsements. A path of
 * length zero (count 1) is the plain case. Signed: SHA-256("chartfs sig v1" NUL || network || u8 kind ||
 * u32 count || root).
 */
enum sig_kind { SIG_PROPOSAL = 1, SIG_ENDORSEMENT = 2, SIG_RECEIPT = 3, SIG_MESSAGE = 4 };

struct sigpath {
	uint32_t index;
	uint32_t count;
	uint8_t path_len;
	struct hash path[MERKLE_PATH_MAX];
	uint8_t sig[SIG_BYTES];
};

void sigpath_encode(const struct sigpath *s, struct enc *e);
void sigpath_decode(struct dec *d, struct sigpath *ret_s);
/* digest: the 32 bytes that were to be signed (a tx id, an endorsement digest). CF_ESIG. */
int sigpath_verify(const struct sigpath *s, enum sig_kind kind, const struct hash *network,
		   const struct hash *digest, const struct crypto_key *key) must_check;
/* The digest that is really signed for this leaf, for caches of verified signatures. CF_EDECODE. */
int sigpath_signed_digest(const struct sigpath *s, enum sig_kind kind, const struct hash *network,
			  const struct hash *digest, struct hash *ret_signed) must_check;
/* Signs all digests at once; ret_s has room for count. */
int sigpath_sign(enum sig_kind kind, const struct hash *network, const struct hash *digests, size_t count,
		 const struct crypto_key *key, struct sigpath *ret_s) must_check;

struct endorsement {
	struct identity_id by;
	struct sigpath sig;
};

struct tx {
	struct view bytes; /* the whole transaction as received */
	struct hash id;
	struct view proposal_bytes;
	struct tx_proposal proposal;
	struct sigpath signature;
	struct view rwset_bytes;
	uint8_t endorsement_count;
	struct endorsement endorsement[MEMBERS_MAX];
	uint8_t receipt_count;
	struct endorsement receipt[MEMBERS_MAX];
};

/* Errors: CF_EINVAL (counts, contract's name, blobs not ascending), CF_ETOOBIG, CF_ENOMEM. */
int tx_proposal_encode(const struct tx_proposal *p, struct buf *out) must_check;
/* Well-formedness only: which keys a type must carry is acl's to judge. Errors: CF_EDECODE, CF_ETOOBIG. */
int tx_proposal_decode(struct view bytes, struct tx_proposal *ret_p) must_check;
struct hash tx_id(struct view proposal_bytes);

/*
 * Encodes the fields of t from signature to receipts behind t->proposal_bytes. Endorsements and receipts
 * must be strictly ascending by id. Errors: CF_EINVAL (they are not), CF_ETOOBIG, CF_ENOMEM.
 */
int tx_encode(const struct tx *t, struct buf *out) must_check;
/* A struct tx is large: keep it on the heap. The read-write set stays undecoded (rwset_decode). Errors:
 * CF_EDECODE, CF_ETOOBIG. */
int tx_decode(struct view bytes, struct tx *ret_t) must_check;

/* SHA-256("chartfs endorsement v1" || network || tx id || SHA-256(rwset)). */
struct hash tx_endorsement_digest(const struct hash *network, const struct hash *id, struct view rwset);
/* SHA-256("chartfs receipt v2" || network || time of the proposal || encoded list). */
struct hash tx_receipt_digest(const struct hash *network, uint64_t time_ms, const struct tx_blob *blobs,
			      size_t count);

/*
 * The annex: what travels and is stored with a transaction, is bound by its hash, and can be erased item by
 * item: of an erased one its hash stays, so that the annex still is the one that was signed. Items in the
 * order given.
 */
enum annex_kind {
	ANNEX_ERASED = 0, /* 32 bytes: the hash of the item that stood here */
	ANNEX_WRAP = 1,   /* a section's keys wrapped for one recipient: acl/wrap.h */
	ANNEX_SECRET = 2, /* a record version's random secret: u16 op index, 32 bytes */
	ANNEX_TRACE = 3,  /* the peers' half of a window's key, wrapped for the owner: acl/trace.h */
};

struct annex_item {
	uint8_t kind;
	struct view body;
};

int annex_encode(const struct annex_item *items, size_t count, struct buf *out) must_check;
/*
 * Calls on_item (NULL: only checks) for each item, once the whole is known to be well-formed; a non-zero
 * answer ends the walk and is returned. Errors: CF_EDECODE, and those of on_item.
 */
int annex_walk(struct view bytes, int (*on_item)(void *ctx, const struct annex_item *item),
	       void *ctx) must_check;
/*
 * SHA-256("chartfs annex v1" NUL, network, u16 version, u16 count, the hash of each item); an item's hash is
 * SHA-256("chartfs annex item v1" NUL, kind, body). CF_EDECODE.
 */
int tx_annex_hash(const struct hash *network, struct view annex, struct hash *ret_hash) must_check;
/* Is nothing erased in it? Of a malformed one: no. */
bool annex_is_whole(struct view annex);
/*
 * Appends the annex without the items that erases() names: their hashes stand in their places. *ret_erased:
 * how many it named, apart from those that were erased before. Errors: CF_EDECODE, CF_ENOMEM.
 */
int annex_erase(struct view annex, bool (*erases)(void *ctx, const struct annex_item *item), void *ctx,
		struct buf *out, size_t *ret_erased) must_check;

#endif
