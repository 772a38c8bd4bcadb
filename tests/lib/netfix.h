/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netfix.h - a whole network without peers: a genesis of four organizations with keys in memory, ledgers that
 * are fed the same blocks, and the path of a transaction (contract on two endorsers, block, certificate,
 * commit).
 *
 * Time is the fixture's own: it starts at NETFIX_TIME_MS and grows by a second a block. Keys are fresh in
 * every run; nothing else is random. Functions return a cf_err and assert nothing, so that benches can use
 * them, too.
 */
#ifndef TESTS_LIB_NETFIX_H
#define TESTS_LIB_NETFIX_H

#include "acl/apply.h"
#include "acl/content.h"
#include "acl/genesis.h"
#include "acl/identity.h"
#include "acl/keyring.h"

#define NETFIX_ORGS 4
#define NETFIX_CHAINS_MAX 4
#define NETFIX_TIME_MS UINT64_C(1767225600000) /* 2026-01-01 */

struct netfix {
	struct crypto_key *root_key;
	struct buf root_cert;
	struct crypto_key *ca_key[NETFIX_ORGS];
	struct buf ca_cert[NETFIX_ORGS];
	struct identity peer[NETFIX_ORGS];      /* member i is of organization i + 1 */
	struct identity custodian[NETFIX_ORGS]; /* managers */
	struct buf genesis;
	struct buf contribution; /* in the genesis */
	struct hash network;
	unsigned chain_count;
	struct chain *chain[NETFIX_CHAINS_MAX];
	struct apply *apply[NETFIX_CHAINS_MAX]; /* the first builds, the others check and commit */
	uint64_t now_ms;
	uint64_t nonce;
	unsigned endorsers;  /* how many endorse: 2; tests may change it */
	uint16_t content_op; /* the operation that contents which are made are of: 0 */
	struct buf body;     /* of the last block */
	struct certificate certificate;
	uint8_t verdict; /* of the last block's first transaction */
};

/* trusted: the last chain is a mount's. A struct netfix is large: heap. */
int netfix_new(unsigned chain_count, bool trusted, struct netfix **ret_n) must_check;
void netfix_free(struct netfix *n); /* accepts NULL */

/* Keys and certificate of somebody of organization org (0..3), in memory; released by identity_release. */
int netfix_identity(struct netfix *n, const char *name, enum role role, unsigned org,
		    struct identity *ret_id) must_check;
/* The same, and registered. */
int netfix_person(struct netfix *n, const char *name, enum role role, unsigned org,
		  struct identity *ret_id) must_check;

struct netfix_request {
	const struct identity *by;
	const struct patient_id *patient; /* NULL: none */
	struct tx_op op[TX_OPS_MAX];
	unsigned op_count;
	struct tx_blob blob[TX_BLOBS_MAX];
	unsigned blob_count;
	struct view annex;
};

/* Fills and encodes the proposal; ret_id is its id. */
int netfix_proposal(struct netfix *n, const struct netfix_request *r, struct buf *out,
		    struct hash *ret_id) must_check;
/* Runs the contract on the first chain: 0 or the contract's error. ret_rwset (may be NULL) gets the set. */
int netfix_run(struct netfix *n, const struct netfix_request *r, struct buf *ret_rwset) must_check;
/* A complete transaction: proposal, signature, contract, endorsements, receipts of a quorum when blobs are
 * named. */
int netfix_tx(struct netfix *n, const struct netfix_request *r, struct buf *ret_tx,
	      struct hash *ret_id) must_check;

/* Signs the block of this body as a quorum of members. */
int netfix_certify(const struct netfix *n, const struct hash *block, uint64_t height,
		   struct certificate *ret_c) must_check;
/* One block of these transactions through all chains. ret_verdicts (may be NULL) gets one each. */
int netfix_block(struct netfix *n, const struct apply_request *requests, size_t count,
		 uint8_t *ret_verdicts) must_check;
/* netfix_tx and netfix_block: CF_EINVAL when the verdict is not VALID (it is in n->verdict). ret_id may be
 * NULL. */
int netfix_submit(struct netfix *n, const struct netfix_request *r, struct hash *ret_id) must_check;

/* A keyring that has the peers' half of window keys computed from their real shares, without asking. */
int netfix_keyring(struct netfix *n, const struct identity *identity, struct keyring **ret_k) must_check;

/* Commits somebody's admission: a patient's own, or in custody of the staff's organization. */
int netfix_admit(struct netfix *n, const struct identity *by, struct keyring *k,
		 const struct patient_id *p) must_check;
int netfix_grant(struct netfix *n, const struct identity *by, struct keyring *k, const struct patient_id *p,
		 uint32_t sections, const struct identity *to, unsigned verbs, uint64_t until_ms) must_check;
int netfix_revoke(struct netfix *n, const struct identity *by, struct keyring *k, const struct patient_id *p,
		  uint32_t sections, const struct identity *from) must_check;

#define NETFIX_SECRET   \
	{               \
		1, 2, 3 \
	} /* of all contents */

/* A file being made: the operation's body and the annex of its secret, for one operation in a proposal. */
struct netfix_file {
	struct buf body;
	struct buf annex;
};
void netfix_file_release(struct netfix_file *f);
/* A create of this type with this plaintext (records and symlinks inline; directories NULL) as operation 0.
 */
int netfix_create(struct netfix *n, struct keyring *k, const struct patient_id *p, unsigned section,
		  const struct node_id *dir, const char *name, enum node_type type, const char *plain,
		  struct netfix_file *ret_f) must_check;
int netfix_save(struct netfix *n, struct keyring *k, const struct patient_id *p, unsigned section,
		const struct node_id *node, struct version base, const char *plain,
		struct netfix_file *ret_f) must_check;
/* The token of a name in the current epoch. */
int netfix_token(struct netfix *n, struct keyring *k, const struct patient_id *p, unsigned section,
		 const struct node_id *dir, const char *name, struct name_token *ret_token) must_check;
/* Makes and commits a file by `by`. */
int netfix_put(struct netfix *n, const struct identity *by, struct keyring *k, const struct patient_id *p,
	       unsigned section, const struct node_id *dir, const char *name, enum node_type type,
	       const char *plain, struct node_id *ret_node) must_check;

#endif
