/* SPDX-License-Identifier: Apache-2.0 */
/*
 * derive.h - rows that follow from the state (DB_DERIVED): kept while blocks are applied, never in a read
 * set.
 *
 * A directory's counts and times, a patient's counters, who may know of which patient, where keys were
 * wrapped for whom, which blobs versions are made of, and, in acl/trail.h, who asked for which keys.
 * acl/apply.h has the readers of the first three.
 */
#ifndef ACL_DERIVE_H
#define ACL_DERIVE_H

#include "acl/apply.h"

/* A valid transaction, before its writes are staged: the rows they replace are still there. */
int derive_tx(struct db_txn *txn, const struct tx *tx, const struct rwset *rwset,
	      struct view annex) must_check;

/* Of it, where the annex wraps keys, and for whom. */
int derive_annex(struct db_txn *txn, const struct tx *tx, struct view annex) must_check;

/*
 * The same for a ledger that begins with a state (ledger/chain.h, chain_import_begin with a past): at first
 * what its rows say, on the writer's thread while nothing is staged; then what each valid transaction of the
 * blocks before adds, newest first. Rows of blobs are not made: only peers have a use for them.
 */
int derive_state(struct chain *c) must_check;
int derive_past(struct db_txn *txn, const struct tx *tx, const struct rwset *rwset, struct view annex,
		struct version version) must_check;

/*
 * The roots of blob trees that versions of files and changes that wait have, erased ones left out, in no
 * order; one may come several times. from: where to go on (empty: at the begin), moved on. CF_ENOTFOUND: that
 * were all; otherwise at most `most` were told. A non-zero answer of on_root ends the walk and is returned.
 */
int derived_blobs(struct db_txn *txn, struct buf *from, unsigned most,
		  int (*on_root)(void *ctx, const struct hash *root, uint8_t level), void *ctx) must_check;
/* A version's row in the state, or a change that waits; of other rows, and empty ones, nothing follows. */
int derive_blob(struct db_txn *txn, const struct patient_id *p, enum statekey_patient_kind kind,
		struct view row) must_check;
/* That version's secret is erased: its blobs are needed no more, unless another version names them. */
int derive_blob_erased(struct db_txn *txn, const struct patient_id *p, const struct hash *tx,
		       uint16_t secret_index) must_check;
/* The same of all that a patient has. */
int derive_blobs_erased(struct db_txn *txn, const struct patient_id *p) must_check;

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

/*
 * The heights of all blocks that wrap keys to `who`, or peers' halves; one may come several times. from as in
 * derived_blobs. CF_ENOTFOUND: that were all; otherwise at most `most` were told.
 */
int derived_key_heights(struct db_txn *txn, const struct identity_id *who, struct buf *from, unsigned most,
			int (*on_height)(void *ctx, uint64_t height), void *ctx) must_check;

/* The same for the peers' half of a window's key (ANNEX_TRACE). */
int derived_traces(struct db_txn *txn, const struct identity_id *who, const struct patient_id *p,
		   uint8_t section, uint32_t epoch, uint32_t window,
		   int (*on_tx)(void *ctx, const struct hash *id), void *ctx) must_check;

#endif
