/* SPDX-License-Identifier: Apache-2.0 */
/*
 * derive.h - rows that follow from the state (DB_DERIVED): kept while blocks are applied, never in a read
 * set.
 *
 * A directory's counts and times, a patient's counters, who may know of which patient, where keys were
 * wrapped for whom, and, in acl/trail.h, who asked for which keys. acl/apply.h has the readers of the first
 * three.
 */
#ifndef ACL_DERIVE_H
#define ACL_DERIVE_H

#include "acl/apply.h"

/* A valid transaction, before its writes are staged: the rows they replace are still there. */
int derive_tx(struct db_txn *txn, const struct tx *tx, const struct rwset *rwset,
	      struct view annex) must_check;

/* What an annex's item of this transaction gave, taken back: the item is erased. */
int derive_item_erased(struct db_txn *txn, const struct patient_id *p, const struct hash *id,
		       const struct annex_item *item) must_check;

/*
 * The transactions whose annex wraps the keys of this section and epoch to `who`. A non-zero answer of on_tx
 * ends the walk and is returned.
 */
int derived_wraps(struct db_txn *txn, const struct identity_id *who, const struct patient_id *p,
		  uint8_t section, uint32_t epoch, int (*on_tx)(void *ctx, const struct hash *id),
		  void *ctx) must_check;

/* The same for the peers' half of a window's key (ANNEX_TRACE). */
int derived_traces(struct db_txn *txn, const struct identity_id *who, const struct patient_id *p,
		   uint8_t section, uint32_t epoch, uint32_t window,
		   int (*on_tx)(void *ctx, const struct hash *id), void *ctx) must_check;

#endif
