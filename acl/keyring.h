/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring.h - the section keys this identity holds: unwrapped from the ledger's annexes, kept in locked
 * memory.
 *
 * For each patient, section and epoch the annexes wrap K_grant and the section's name key (fixed over
 * epochs); which annex has them for whom is a derived row (acl/derive.h). The keys of a window are derived:
 * HKDF(K_grant(epoch), K_trace, info) where K_trace is empty until the peers' half exists (ACCESS.md). Any
 * thread.
 */
#ifndef ACL_KEYRING_H
#define ACL_KEYRING_H

#include "acl/contract.h"
#include "acl/identity.h"
#include "ledger/chain.h"

#define SECTION_KEY_BYTES 32

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
};

struct keyring;

/* identity is borrowed. */
int keyring_new(const struct identity *identity, const struct hash *network,
		struct keyring **ret_k) must_check;
void keyring_free(struct keyring *k); /* wipes; accepts NULL */
/* Drops what is cached of a patient (after a grant or revocation), or all (patient NULL). */
void keyring_forget(struct keyring *k, const struct patient_id *patient);

/* Errors: CF_EDENIED (no wrap for this identity and epoch), CF_ENOKEY (the annex was erased), CF_ECORRUPT. */
int keyring_get(struct keyring *k, struct db_txn *txn, const struct patient_id *p, unsigned section,
		uint32_t epoch, uint32_t window, struct section_keys *ret_keys) must_check;
/* Of the current epoch and the window of now_ms: for writing. */
int keyring_current(struct keyring *k, struct db_txn *txn, const struct patient_id *p, unsigned section,
		    uint64_t now_ms, struct section_keys *ret_keys) must_check;

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
