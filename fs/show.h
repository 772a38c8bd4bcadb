/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show.h - blocks, transactions and evidence as JSON, from any ledger: a mount's own or a directory's.
 */
#ifndef FS_SHOW_H
#define FS_SHOW_H

#include "fs/json.h"
#include "ledger/chain.h"

/* Errors of all: CF_ENOTFOUND, CF_ECORRUPT, CF_ENOMEM. */
int show_block(struct chain *c, struct db_txn *txn, uint64_t height, struct json **ret_value) must_check;
int show_tx(struct chain *c, struct db_txn *txn, const struct hash *id, struct json **ret_value) must_check;
/* The bytes whose SHA-256 is the id, and which the creator signed; appended. */
int show_tx_proposal(struct chain *c, struct db_txn *txn, const struct hash *id, struct buf *out) must_check;
/* Evidence on the ledger, an object each, by id. */
int show_evidence_list(struct db_txn *txn, struct json **ret_value) must_check;
/* One piece, verified again with the genesis file; "file": a file of evidence in hex. CF_ECORRUPT: it proves
 * nothing, or not what the ledger says. */
int show_evidence(struct chain *c, struct db_txn *txn, const struct hash *id,
		  struct json **ret_value) must_check;
/* "name@organization", or the id in hex when the ledger does not know it. */
void show_identity(struct db_txn *txn, const struct identity_id *id, char *ret_name, size_t bytes);

#endif
