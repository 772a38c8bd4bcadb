/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trail.h - who asked for which keys and why: a derived row (DB_DERIVED) for each lease in the ledger.
 *
 * In clear, as leases are: whoever has the ledger has the trail. Of an erased patient it stays.
 */
#ifndef ACL_TRAIL_H
#define ACL_TRAIL_H

#include "acl/op.h"
#include "acl/purpose.h"
#include "ledger/db.h"

struct access {
	struct patient_id patient;
	struct identity_id by;
	struct hash query; /* the transaction */
	uint64_t time_ms;  /* of the proposal, which the block's bounds */
	uint64_t until_ms;
	uint8_t section;
	uint8_t use; /* LEASE_READ or LEASE_WRITE */
	uint32_t first_window;
	uint32_t last_window;
	char purpose[PURPOSE_BYTES_MAX + 1];
};

/* A valid transaction's lease, if it is one. */
int trail_put(struct db_txn *txn, const struct tx *tx) must_check;

/*
 * Accesses to a patient, oldest first, of times in [from_ms, to_ms); patient NULL: to everybody, patient by
 * patient. A non-zero answer of on_access ends the walk and is returned. CF_ECORRUPT.
 */
int trail_walk(struct db_txn *txn, const struct patient_id *patient, uint64_t from_ms, uint64_t to_ms,
	       int (*on_access)(void *ctx, const struct access *a), void *ctx) must_check;

#endif
