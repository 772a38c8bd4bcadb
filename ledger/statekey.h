/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statekey.h - every key of the state, in one place. FORMAT.md section 6 has the table.
 *
 * Keys are ordered bytes; all keys of a patient share the prefix 0x10 || patient, so that a patient is one
 * subtree of the authenticated tree.
 */
#ifndef LEDGER_STATEKEY_H
#define LEDGER_STATEKEY_H

#include "ledger/rwset.h"
#include "ledger/tx.h"

#define NODE_BYTES 16
#define TOKEN_BYTES 16
#define STATEKEY_NAME_MAX TX_CONTRACT_NAME_MAX

struct node_id {
	uint8_t b[NODE_BYTES];
};

struct name_token {
	uint8_t b[TOKEN_BYTES];
};

enum statekey_kind {
	SK_NETWORK = 0x01,  /* short name */
	SK_ORG = 0x02,      /* u16 organization */
	SK_IDENTITY = 0x03, /* identity id */
	SK_KEY = 0x04,      /* key fingerprint -> identity id */
	SK_CONTRACT = 0x05, /* short name */
	SK_ISSUED = 0x06,   /* hash of issuer and serial number -> what became of a certificate */
	SK_CRL = 0x07,      /* key fingerprint of an authority -> its newest revocation list */
	SK_PATIENT = 0x10,  /* patient id, then one of the sub-kinds below */
	SK_EVIDENCE = 0x20, /* hash */
	SK_OFFENDER = 0x21, /* identity id, u64 epoch: how much evidence there is */
};

enum statekey_patient_kind {
	SKP_PATIENT = 0x01, /* the patient itself */
	SKP_SECTION = 0x02, /* u8 section */
	SKP_GRANT = 0x03,   /* u8 section, identity id */
	SKP_NODE = 0x04,    /* node id */
	SKP_CONTENT = 0x05, /* node id */
	SKP_ENTRY = 0x06,   /* directory's node id, name token */
	SKP_RIGHTS = 0x07,  /* directory's node id */
	SKP_ERASURE = 0x08, /* node id */
	SKP_HOLD = 0x09,    /* node id */
	SKP_XATTR = 0x0a,   /* node id */
	SKP_WAITING = 0x0b, /* node id */
};

/* A key on the stack. */
struct statekey {
	uint8_t b[STATE_KEY_BYTES_MAX];
	size_t len;
};

struct view statekey_view(const struct statekey *k);

/* Names of contracts and of network rows have 1 to STATEKEY_NAME_MAX bytes, asserted. */
struct statekey statekey_network(const char *name);
struct statekey statekey_org(uint16_t org);
struct statekey statekey_identity(const struct identity_id *id);
struct statekey statekey_key(const struct hash *fingerprint);
struct statekey statekey_contract(struct view name);
struct statekey statekey_issued(const struct hash *issued);
struct statekey statekey_crl(const struct hash *authority_key);
struct statekey statekey_evidence(const struct hash *id);
struct statekey statekey_evidences(void); /* the prefix of all of them */
struct statekey statekey_offender(const struct identity_id *id, uint64_t epoch);
/* Prefix of all keys of a patient, and of all its keys of one kind. */
struct statekey statekey_patient_prefix(const struct patient_id *p);
struct statekey statekey_patient_kind_prefix(const struct patient_id *p, enum statekey_patient_kind kind);
struct statekey statekey_patient(const struct patient_id *p);
struct statekey statekey_section(const struct patient_id *p, uint8_t section);
struct statekey statekey_grant(const struct patient_id *p, uint8_t section, const struct identity_id *to);
/* kind: SKP_NODE, SKP_CONTENT, SKP_RIGHTS, SKP_ERASURE, SKP_HOLD, SKP_XATTR or SKP_WAITING. */
struct statekey statekey_node(const struct patient_id *p, enum statekey_patient_kind kind,
			      const struct node_id *n);
struct statekey statekey_entry(const struct patient_id *p, const struct node_id *dir,
			       const struct name_token *t);
/* All entries of a directory. */
struct statekey statekey_entries(const struct patient_id *p, const struct node_id *dir);

/* Takes a key apart; CF_EDECODE for one that is not of the table. Fields a kind has not are zero. */
struct statekey_parts {
	enum statekey_kind kind;
	enum statekey_patient_kind sub;
	struct patient_id patient;
	uint8_t section;
	struct identity_id identity;
	struct node_id node;
	struct name_token token;
	struct hash hash;
	struct view name;
	uint16_t org;
	uint64_t epoch;
};

int statekey_parse(struct view key, struct statekey_parts *ret_parts) must_check;

#endif
