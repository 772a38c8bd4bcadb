/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify_private.h - what verify.c (the whole), verify_blocks.c and verify_tables.c share.
 */
#ifndef ACL_VERIFY_PRIVATE_H
#define ACL_VERIFY_PRIVATE_H

#include "acl/verify.h"

struct verify {
	const struct verify_report *report;
	struct verify_result result;
};

void verify_problem(struct verify *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Checks every block up to the newest that this moment has; sets height, head and transactions. */
int verify_run_blocks(struct verify *v, struct chain *c, struct db_txn *txn) must_check;
/* Replays blocks 1 to result.height into a new ledger at dir and compares the tables. */
int verify_run_tables(struct verify *v, struct chain *c, struct db_txn *txn, struct view genesis,
		      const char *dir) must_check;
int verify_run_blobs(struct verify *v, struct chain *c, struct db_txn *txn, const char *blobs) must_check;

#endif
