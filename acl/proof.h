/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proof.h - a portable proof of one version of a file, verified offline with nothing but the genesis file.
 *
 * It carries the block's header, the certificate of its members, the transaction, the places of the
 * transaction, its bytes and its verdict under the header's roots, and the author's certificate chain. With
 * the commitment key it also proves plaintext: HMAC(key, SHA-256(plaintext)) stands in the transaction. The
 * key opens nothing; who has it can test guesses of the content (of every version under that section, epoch
 * and window), so a proof with it goes only to those who may have the file.
 *
 * Of an erasure it proves that it was committed, and of what (node; zeros: the patient): acl/destruction.h.
 *
 * Bytes (types as in ledger/FORMAT.md): tag "chartfs proof v1"; header [320]; certificate; a succession
 * (acl/succession.h) up to the members of the block;
 * bytes transaction; u32 its index; u8 verdict; three paths, each count8
 * {hash}: of the id under tx_root, the bytes under body_root, id and verdict under verdict_root; count8
 * {bytes} the author's certificates in DER, leaf first; u16 operation; bool and, when true, key [32].
 */
#ifndef ACL_PROOF_H
#define ACL_PROOF_H

#include "acl/op.h"
#include "acl/x509.h"
#include "ledger/block.h"

struct chain;
struct db_txn;

#define PROOF_BYTES_MAX ((size_t)16 << 20)
#define PROOF_KEY_BYTES 32

struct proof_path {
	uint8_t len;
	struct hash hash[MERKLE_PATH_MAX];
};

/* Views point into the bytes. A struct proof is large: heap. */
struct proof {
	struct view header_bytes;
	struct block_header header;
	struct certificate certificate;
	struct view succession;
	struct view tx;
	uint32_t index; /* of the transaction in the block */
	uint8_t verdict;
	struct proof_path tx_path;
	struct proof_path body_path;
	struct proof_path verdict_path;
	uint8_t chain_count; /* the author's certificates, leaf first */
	struct view chain[CERT_CHAIN_MAX];
	uint16_t op_index; /* the operation that wrote the content */
	bool has_key;
	uint8_t key[PROOF_KEY_BYTES];
};

int proof_encode(const struct proof *p, struct buf *out) must_check;
/* Errors: CF_EDECODE, CF_EVERSION (a later format). */
int proof_decode(struct view bytes, struct proof *ret_p) must_check;

/* What was proven. */
struct proof_facts {
	struct hash network;
	char network_name[ROW_NAME_MAX + 1];
	struct hash tx_id;
	enum tx_type type;
	enum op_code op;
	uint64_t time_ms; /* the author's clock */
	uint64_t height;
	uint64_t block_time_ms; /* agreed by the members */
	struct hash block;
	unsigned votes;        /* members whose COMMIT votes were given */
	unsigned endorsements; /* by members at the block, verified */
	char author[CERT_NAME_MAX + 1];
	char author_org[CERT_NAME_MAX + 1];
	enum role author_role;
	struct patient_id patient;
	struct node_id node;
	unsigned section;
	uint64_t size;
	struct hash commitment;
};

/*
 * Checks everything against a genesis file's bytes; err_detail says what does not hold. Errors: CF_EFOREIGN
 * (another network, an author not of the consortium), CF_ESIG (certificate or signature), CF_ECORRUPT (a path
 * does not lead to its root), CF_EINVAL (the transaction was not valid, or wrote no content), CF_EDECODE.
 */
int proof_verify(const struct proof *p, struct view genesis, struct proof_facts *ret_facts) must_check;
/* After proof_verify: is this the content? CF_ENOKEY: the proof has no key. CF_ECORRUPT: it is not. */
int proof_check_plain(const struct proof *p, const struct proof_facts *facts,
		      const struct hash *plain_hash) must_check;

/*
 * The proof of what this transaction wrote to a node, from own stores, appended (acl/proof_make.c). key: the
 * commitment key of the content's section, epoch and window, or NULL. Errors: CF_ENOTFOUND, CF_ECORRUPT.
 */
int proof_make(struct chain *c, struct db_txn *txn, const struct hash *tx_id, const struct node_id *node,
	       const uint8_t key[PROOF_KEY_BYTES], struct buf *out) must_check;

#endif
