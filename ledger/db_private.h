/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db_private.h - what db.c and db_row.c share; the only header that includes LMDB.
 */
#ifndef LEDGER_DB_PRIVATE_H
#define LEDGER_DB_PRIVATE_H

#include "ledger/db.h"

#include <lmdb.h>
#include <pthread.h>

/* Copies handed out by a write transaction, freed with it. */
struct arena {
	struct arena *next;
	size_t used, cap;
	uint8_t bytes[];
};

struct db {
	MDB_env *env;
	MDB_dbi dbi[DB_TABLES];
	unsigned flags;
	uint32_t writes;
	pthread_mutex_t lock; /* of the three below */
	struct db_txn *idle;
	unsigned idle_count;
	unsigned live;
};

struct db_txn {
	struct db *db;
	MDB_txn *mdb;
	bool write;
	int err; /* the first failed write: the transaction can only be aborted */
	struct arena *arena;
	struct db_txn *next; /* among the idle */
};

/* The cf_err for LMDB's answer, with a detail text where it is not just CF_ENOTFOUND. */
int db_from_mdb(int rc, const char *what) must_check;

#endif
