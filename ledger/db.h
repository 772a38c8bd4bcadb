/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db.h - the only LMDB file: an environment of named tables, transactions, ordered iteration.
 *
 * Every value is stored behind a 16-byte check (SHA-256 of table, key and value, cut), tested on each
 * read: LMDB has no page checksums, and a flipped byte must never be served (CORRECTNESS 4.2). Keys and
 * values handed out live until their transaction ends: a reader's are views into the map; a writer's are
 * copies, because a later write of the transaction may move what lies on its pages.
 *
 * One process opens an environment once. One writer at a time, on one thread; readers on any thread
 * (MDB_NOTLS). A read transaction pins pages: keep it short.
 */
#ifndef LEDGER_DB_H
#define LEDGER_DB_H

#include "ledger/buf.h"

enum db_table {
	DB_META,    /* short name -> bytes: head height, format version, genesis */
	DB_STATE,   /* state key -> version, value */
	DB_TREE,    /* path -> branch of the authenticated tree */
	DB_HISTORY, /* state key, version -> where the value is */
	DB_BLOCK,   /* height -> hash, place, verdicts, certificate */
	DB_TX,      /* transaction id -> height, index, place */
	DB_ANNEX,   /* transaction id -> annex */
	DB_DERIVED, /* what follows from the state: counters, directory times, who may know of whom */
	DB_LOG,     /* key fingerprint or patient, version -> transaction id */
	DB_BLOB,    /* blob address -> what the peer knows of it */
	DB_TABLES
};

const char *db_table_name(enum db_table t);

#define DB_KEY_BYTES_MAX 480
#define DB_NOSYNC 1u /* a mount's store: no fsync; thrown away after an unclean end of the system */
#define DB_RDONLY 2u /* another process may be writing */

struct db;
struct db_txn;

/*
 * Opens or creates the environment in directory path (made when missing; first creation happens in a
 * temporary directory and is renamed into place). Errors: CF_EIO, CF_EFULL, CF_ENOMEM, CF_ENOTFOUND
 * (DB_RDONLY and nothing there), CF_EVERSION.
 */
int db_open(const char *path, unsigned flags, struct db **ret_db) must_check;
void db_close(struct db *db); /* accepts NULL */

/* Everything committed is durable when it returns; only of use under DB_NOSYNC. */
int db_sync(struct db *db) must_check;

/* Errors: CF_EAGAIN (over a thousand readers), CF_ENOMEM, CF_EIO. */
int db_begin_read(struct db *db, struct db_txn **ret_txn) must_check;
/* Waits for another writer. Write, commit and abort on the thread that began. */
int db_begin_write(struct db *db, struct db_txn **ret_txn) must_check;
/* CF_EFULL: nothing was changed. Any other failure of a write commit leaves the disk in doubt: stop the
 * process. */
int db_commit(struct db_txn *txn) must_check; /* frees txn in any case */
void db_abort(struct db_txn *txn);            /* ends readers too; accepts NULL */

/* Errors: CF_ENOTFOUND, CF_ECORRUPT (the check failed; err_detail names table and key), CF_EIO. */
int db_get(struct db_txn *txn, enum db_table t, struct view key, struct view *ret_value) must_check;
/* Errors: CF_EFULL, CF_ETOOBIG (too much in one transaction), CF_ENOMEM, CF_EIO. */
int db_put(struct db_txn *txn, enum db_table t, struct view key, struct view value) must_check;
/* CF_ENOTFOUND when there was none. */
int db_del(struct db_txn *txn, enum db_table t, struct view key) must_check;

/* Ordered iteration over keys that begin with prefix. The cursor borrows txn; free it before txn ends. */
struct db_cursor;
int db_cursor_new(struct db_txn *txn, enum db_table t, struct view prefix,
		  struct db_cursor **ret_cursor) must_check;
void db_cursor_free(struct db_cursor *c); /* accepts NULL */
/* First key >= from within the prefix. CF_ENOTFOUND past the end; CF_ECORRUPT as db_get. */
int db_cursor_seek(struct db_cursor *c, struct view from, struct view *ret_key,
		   struct view *ret_value) must_check;
int db_cursor_next(struct db_cursor *c, struct view *ret_key, struct view *ret_value) must_check;
/* Last key <= from within the prefix; an empty from: the last of the prefix. */
int db_cursor_seek_back(struct db_cursor *c, struct view from, struct view *ret_key,
			struct view *ret_value) must_check;
int db_cursor_prev(struct db_cursor *c, struct view *ret_key, struct view *ret_value) must_check;

/* Entries of a table. */
int db_count(struct db_txn *txn, enum db_table t, uint64_t *ret_count) must_check;

#endif
