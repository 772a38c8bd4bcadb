/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificate.h - votes, the set of ordering members, and the quorum of COMMIT votes that proves a block.
 *
 * Pure; shared by the PBFT core, by mounts that follow the chain and by the offline verifier. FORMAT.md
 * section 5. A certificate stands beside a block, outside its hash: peers hold different, equally good ones.
 */
#ifndef LEDGER_CERTIFICATE_H
#define LEDGER_CERTIFICATE_H

#include "ledger/codec.h"
#include "ledger/crypto.h"

#define MEMBERS_MIN 4
#define MEMBERS_MAX 16
#define IDENTITY_BYTES 16
#define ADDRESS_BYTES_MAX 127

struct identity_id {
	uint8_t b[IDENTITY_BYTES];
};

/* One ordering peer. Its index in the set is its number in votes. */
struct member {
	struct identity_id id;
	uint16_t org;
	uint8_t sign_point[POINT_BYTES];            /* consensus votes */
	uint8_t endorse_point[POINT_BYTES];         /* endorsements, receipts and messages */
	uint8_t kem_point[POINT_BYTES];             /* key agreement */
	char peer_address[ADDRESS_BYTES_MAX + 1];   /* nng URL other peers dial */
	char client_address[ADDRESS_BYTES_MAX + 1]; /* nng URL mounts dial */
};

struct members {
	uint64_t epoch; /* height of the block that decided this set; 0: genesis */
	uint8_t count;  /* MEMBERS_MIN..MEMBERS_MAX */
	struct member member[MEMBERS_MAX];
};

/* f = floor((n-1)/3); Q = ceil((n+f+1)/2). CORRECTNESS fact 2. */
unsigned members_faults(unsigned n);
unsigned members_quorum(unsigned n);

/* Whose number this identity is; -1: none of them. */
int members_find(const struct members *m, const struct identity_id *id);

void members_encode(const struct members *m, struct enc *e);
void members_decode(struct dec *d, struct members *ret_m);
/* SHA-256 of "chartfs members v1" and the encoding. */
int members_hash(const struct members *m, struct hash *ret_hash) must_check;

enum vote_kind {
	VOTE_PRE_PREPARE = 1,
	VOTE_PREPARE = 2,
	VOTE_COMMIT = 3,
};

struct vote {
	enum vote_kind kind;
	uint64_t epoch;
	uint64_t height;
	uint64_t view;
	struct hash digest; /* the block's hash */
};

/* What is signed: SHA-256("chartfs vote v1" || network || kind || epoch || height || view || digest). */
struct hash vote_digest(const struct hash *network, const struct vote *vote);

struct certificate {
	uint64_t epoch;
	uint64_t height;
	uint64_t view; /* all votes are of this view */
	struct hash digest;
	uint8_t count;
	uint8_t index[MEMBERS_MAX]; /* strictly ascending */
	uint8_t sig[MEMBERS_MAX][SIG_BYTES];
};

#define CERTIFICATE_BYTES_MAX (8 * 3 + HASH_BYTES + 1 + MEMBERS_MAX * (1 + SIG_BYTES))

void certificate_encode(const struct certificate *c, struct enc *e);
void certificate_decode(struct dec *d, struct certificate *ret_c);

/* The parsed voting keys of a set, so that no key is parsed twice. */
struct member_keys {
	unsigned count;
	struct crypto_key *sign[MEMBERS_MAX];
	struct crypto_key *endorse[MEMBERS_MAX];
};

int member_keys_init(struct member_keys *k, const struct members *m) must_check;
void member_keys_release(struct member_keys *k);

/*
 * At least Q valid COMMIT votes of distinct members of this set (stops verifying at Q).
 * Errors: CF_ESIG (too few or wrong votes), CF_EINVAL (epoch is not the set's).
 */
int certificate_verify(const struct certificate *c, const struct hash *network, const struct members *m,
		       const struct member_keys *keys) must_check;

/*
 * What every floor must know of a VIEW-CHANGE or NEW-VIEW (net/PROTOCOL.md): who signed it, for which view,
 * and what the signature is over. The messages themselves are net/pbft_msg.h's.
 */
#define VIEWMSG_MAGIC 0x43465031u /* "CFP1" */

enum viewmsg_kind { VIEWMSG_CHANGE = 4, VIEWMSG_NEW_VIEW = 5 };

/* The fields with which both begin. */
struct viewmsg_head {
	enum viewmsg_kind kind;
	uint8_t sender;
	uint64_t epoch;
	uint64_t view;
};

/* CF_EDECODE: neither of the two, or too short to hold a signature. What follows the head is not looked at.
 */
int viewmsg_head(struct view message, struct viewmsg_head *ret_head) must_check;

/*
 * What is signed of a message that ends in its signature (VIEW-CHANGE, NEW-VIEW, STATUS, FETCH-BODY):
 * SHA-256("chartfs pbft v1" || network || all its bytes but the last 64). The kind is in the bytes.
 */
struct hash viewmsg_digest(const struct hash *network, struct view message);

#endif
