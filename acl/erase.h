/* SPDX-License-Identifier: Apache-2.0 */
/*
 * erase.h - what a valid erasure takes out of the annexes, on every peer and mount that applies its block.
 *
 * Of a file: the secret of each version its node ever had, so that no key opens them any more (CF_ENOKEY). Of
 * a patient: all that was ever wrapped or kept for their chart. Blocks, index and state stay: each annex
 * keeps the hashes of what was in it (ledger/tx.h).
 */
#ifndef ACL_ERASE_H
#define ACL_ERASE_H

#include "ledger/chain.h"

/*
 * After derive_tx and before the transaction itself is staged; one without an erasure changes nothing.
 * Versions that this ledger has not (yet) are passed over: whoever sends them later sends them erased.
 * Errors: CF_ECORRUPT, CF_EIO, CF_ENOMEM.
 */
int erase_apply(struct chain *c, struct chain_stage *s, const struct tx *tx) must_check;

/*
 * Is nothing left here of what this erasure, committed at that place, took? Reads all annexes that it was to
 * change; versions written since are no part of it. CF_EINVAL: it is no erasure; CF_EEXIST: something is
 * there; CF_ECORRUPT.
 */
int erase_check(struct chain *c, struct db_txn *txn, const struct tx *tx, struct version at) must_check;

#endif
