/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring.h - the section keys this identity holds: unwrapped from the ledger's annexes, kept in locked
 * memory.
 *
 * For each patient, section and epoch the annexes wrap K_grant and the section's name key (fixed over
 * epochs); which annex has them for whom is a derived row (acl/derive.h). Names are sealed under a key of
 * K_grant alone. All else is under keys of K_grant and K_trace, the peers' half (acl/trace.h), which comes
 * from an annex (the owner) or from whoever keyring_set_trace names, and is kept as long as that says.
 * Any thread.
 */
#ifndef ACL_KEYRING_H
#define ACL_KEYRING_H

#include "acl/contract.h"
#include "acl/identity.h"
#include "ledger/chain.h"

#define SECTION_KEY_BYTES 32

struct trace_answers; /* acl/trace.h */

/* Keys of one patient, section, epoch and window. Wipe after use (mem_wipe). */
struct section_keys {
	struct patient_id patient;
	uint8_t section;
	uint32_t epoch;
	uint32_t window;
	uint8_t content[SECTION_KEY_BYTES]; /* records, chunks, manifests */
	uint8_t dedup[SECTION_KEY_BYTES];   /* content ids */
	uint8_t commit[SECTION_KEY_BYTES];  /* salted commitments */
	uint8_t name[SECTION_KEY_BYTES];    /* seals names */
	uint8_t token[SECTION_KEY_BYTES];   /* base of the directories' name keys; the same in all epochs */
	uint8_t trace[SECTION_KEY_BYTES];   /* K_trace, of which the first three are made, too */
	bool traced;                        /* those four are there: else they are zeros */
	uint64_t until_ms;                  /* how long they may be used; UINT64_MAX: no end */
};

/* What keys are wanted for. Keys held for reading seal as well: what is written is a trace itself. Those held
 * for writing also open what this identity wrote itself; else its own wants those for reading. */
enum keys_use {
	KEYS_READ = 1,
	KEYS_WRITE = 2,
	KEYS_OWN = 3,
};

/*
 * Asks the peers for K_trace: what they answer, and until when it may be used. May take as long as a commit;
 * is called without locks. Errors: CF_EDENIED (the peers refuse), CF_ENOQUORUM.
 */
typedef int (*keyring_trace_fn)(void *ctx, struct db_txn *txn, const struct section_keys *of,
				enum keys_use use, struct trace_answers *ret_answers, uint64_t *ret_until_ms);

struct keyring;

/* identity is borrowed. */
int keyring_new(const struct identity *identity, const struct hash *network,
		struct keyring **ret_k) must_check;
/* Before the first use. Without one only what an annex wraps is there. */
void keyring_set_trace(struct keyring *k, keyring_trace_fn fn, void *ctx);
void keyring_free(struct keyring *k); /* wipes; accepts NULL */
/* Drops what is cached of a patient (after a grant or revocation), or all (patient NULL). */
void keyring_forget(struct keyring *k, const struct patient_id *patient);

/* Names and tokens alone: nobody is asked. Errors: CF_EDENIED (no wrap for this identity and epoch),
 * CF_ENOKEY (the annex was erased), CF_ECORRUPT. */
int keyring_names(struct keyring *k, struct db_txn *txn, const struct patient_id *p, unsigned section,
		  uint32_t epoch, uint32_t window, struct section_keys *ret_keys) must_check;
int keyring_names_current(struct keyring *k, struct db_txn *txn, const struct patient_id *p, unsigned section,
			  uint64_t now_ms, struct section_keys *ret_keys) must_check;
/* All, for reading. Errors: besides, those of keyring_trace_fn. */
int keyring_get(struct keyring *k, struct db_txn *txn, const struct patient_id *p, unsigned section,
		uint32_t epoch, uint32_t window, struct section_keys *ret_keys) must_check;
int keyring_get_own(struct keyring *k, struct db_txn *txn, const struct patient_id *p, unsigned section,
		    uint32_t epoch, uint32_t window, struct section_keys *ret_keys) must_check;
/* Of the current epoch and the window of now_ms: for writing. */
int keyring_current(struct keyring *k, struct db_txn *txn, const struct patient_id *p, unsigned section,
		    uint64_t now_ms, struct section_keys *ret_keys) must_check;

/* The body of an ANNEX_TRACE item by which the owner is spared asking for the keys that are sealed with;
 * nothing when an earlier transaction has one, or in custody. keys are traced. */
int keyring_wrap_trace(struct keyring *k, struct db_txn *txn, const struct section_keys *keys,
		       struct buf *ret_body) must_check;

/*
 * Annex bytes for the operations that hand out keys; ret_annex gets ANNEX_WRAP items.
 * admit: fresh keys for sections 0..16, epoch 0, to each recipient; the keys are remembered for patient so
 * that the pseudonym can be sealed before anything is committed.
 */
int keyring_wrap_admit(struct keyring *k, struct db_txn *txn, const struct patient_id *p,
		       const struct identity_id *recipients, size_t count, struct buf *ret_annex) must_check;
/* All epochs of these sections this identity holds, to one more recipient. */
int keyring_wrap_grant(struct keyring *k, struct db_txn *txn, const struct patient_id *p, uint32_t sections,
		       const struct identity_id *to, struct buf *ret_annex) must_check;
/*
 * The next epoch of these sections to all who keep a grant there (one that has not ended by now_ms), owner
 * and custodian, but not to `without`.
 */
int keyring_wrap_revoke(struct keyring *k, struct db_txn *txn, const struct patient_id *p, uint32_t sections,
			const struct identity_id *without, uint64_t now_ms, struct buf *ret_annex) must_check;

#endif
