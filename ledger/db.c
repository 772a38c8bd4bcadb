/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db.c - the environment: opening, first creation, a pool of read transactions, commit.
 *
 * What LMDB 0.9.24 must not be asked for (CORRECTNESS 4.2): duplicate keys, MDB_WRITEMAP (a full disk is
 * SIGBUS), a map that is resized while readers live, more than one environment on a directory in a process.
 */
#include "ledger/db_private.h"
#include "ledger/file.h"
#include "ledger/log.h"
#include "ledger/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#define READERS_MAX 1022
#define IDLE_READERS_MAX 64
#define READER_CHECK_EVERY 4096 /* write transactions between two sweeps of dead processes' readers */
#define FORMAT_VERSION 2
#define FULL_BELOW_BYTES (64 << 10)

static const char *const table_names[DB_TABLES] = {
	"meta", "state", "tree", "history", "block", "tx", "annex", "derived", "log", "blob",
};

/* The map is address space, not disk; the smaller sizes are for hosts that limit it. */
static const size_t map_bytes[] = {(size_t)1 << 40, (size_t)1 << 37, (size_t)1 << 34, (size_t)1 << 31};

const char *db_table_name(enum db_table t)
{
	assert(t < DB_TABLES);
	return table_names[t];
}

int db_from_mdb(int rc, const char *what)
{
	int err;

	switch (rc) {
	case 0:
		return 0;
	case MDB_NOTFOUND:
		return CF_ENOTFOUND;
	case MDB_MAP_FULL:
		err = CF_EFULL;
		break;
	case MDB_TXN_FULL:
		err = CF_ETOOBIG;
		break;
	case MDB_READERS_FULL:
		err = CF_EAGAIN;
		break;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
		err = CF_ECORRUPT;
		break;
	case MDB_VERSION_MISMATCH:
		err = CF_EVERSION;
		break;
	default:
		err = rc > 0 ? err_from_errno(rc) : CF_EIO;
	}
	return err_set(err, "database: %s: %s", what, mdb_strerror(rc));
}

/* ---- opening ---- */

static int env_open(const char *path, unsigned flags, MDB_env **ret_env)
{
	unsigned mdb_flags =
		MDB_NOTLS | (flags & DB_NOSYNC ? MDB_NOSYNC : 0) | (flags & DB_RDONLY ? MDB_RDONLY : 0);
	MDB_env *env = NULL;
	int rc = ENOMEM;

	for (size_t i = 0; i < sizeof(map_bytes) / sizeof(map_bytes[0]) && rc == ENOMEM; i++) {
		rc = mdb_env_create(&env);
		if (rc)
			break;
		rc = mdb_env_set_maxdbs(env, DB_TABLES);
		if (!rc)
			rc = mdb_env_set_mapsize(env, map_bytes[i]);
		if (!rc)
			rc = mdb_env_set_maxreaders(env, READERS_MAX);
		if (!rc)
			rc = mdb_env_open(env, path, mdb_flags, 0600);
		if (!rc)
			break;
		mdb_env_close(env);
		env = NULL;
	}
	if (rc)
		return db_from_mdb(rc, path);
	*ret_env = env;
	return 0;
}

/* Opens or makes all tables and checks or writes the format's version. */
static int tables_open(struct db *db, bool create)
{
	static const uint8_t version[4] = {0, 0, 0, FORMAT_VERSION};
	struct db_txn txn = {.db = db, .write = create};
	struct view found;
	int rc, err = 0;

	rc = mdb_txn_begin(db->env, NULL, create ? 0 : MDB_RDONLY, &txn.mdb);
	if (rc)
		return db_from_mdb(rc, "begin");
	for (int t = 0; t < DB_TABLES && !err; t++)
		err = db_from_mdb(mdb_dbi_open(txn.mdb, table_names[t], create ? MDB_CREATE : 0, &db->dbi[t]),
				  table_names[t]);
	if (!err && create)
		err = db_put(&txn, DB_META, view_str("format"), VIEW(version, sizeof(version)));
	if (!err && !create) {
		err = db_get(&txn, DB_META, view_str("format"), &found);
		if (!err && !view_equal(found, VIEW(version, sizeof(version))))
			err = err_set(CF_EVERSION, "database: format is not %d", FORMAT_VERSION);
	}
	if (err) {
		mdb_txn_abort(txn.mdb);
		return err == CF_ENOTFOUND ? err_set(CF_ECORRUPT, "database: a table is missing") : err;
	}
	return db_from_mdb(mdb_txn_commit(txn.mdb), "open tables"); /* keeps the handles */
}

/*
 * LMDB's own first creation is not safe against power loss, and it never syncs the directory: an
 * environment is made complete beside its place and renamed.
 */
static int create(const char *path, unsigned flags)
{
	char temp[FILE_PATH_MAX], lock[FILE_PATH_MAX];
	struct db db = {.flags = flags};
	int err, n;

	n = snprintf(temp, sizeof(temp), "%s.new", path);
	if (n < 0 || n >= (int)sizeof(temp))
		return CF_ENAMETOOLONG;
	err = file_path(path, "lock.mdb", lock);
	if (!err)
		err = file_remove_tree(temp);
	if (!err)
		err = file_dir_make(temp);
	if (!err)
		err = env_open(temp, flags, &db.env);
	if (!err)
		err = tables_open(&db, true);
	if (!err && !(flags & DB_NOSYNC))
		err = db_from_mdb(mdb_env_sync(db.env, 1), "sync");
	if (db.env)
		mdb_env_close(db.env);
	if (!err && !(flags & DB_NOSYNC))
		err = file_dir_sync(temp);
	if (!err && file_exists(lock))
		err = file_remove_tree(
			lock); /* of an environment whose data is gone: rename wants the place empty */
	if (!err && rename(temp, path) != 0)
		err = err_set(err_from_errno(errno), "rename %s: %s", temp, strerror(errno));
	if (!err && !(flags & DB_NOSYNC))
		err = file_parent_sync(path);
	return err;
}

int db_open(const char *path, unsigned flags, struct db **ret_db)
{
	char data[FILE_PATH_MAX];
	struct db *db;
	int err, dead = 0;

	assert(path && ret_db);
	err = file_path(path, "data.mdb", data);
	if (err)
		return err;
	if (!file_exists(data)) {
		err = flags & DB_RDONLY ? CF_ENOTFOUND : create(path, flags);
		if (err)
			return err;
	}
	db = mem_zalloc(sizeof(*db));
	if (!db)
		return CF_ENOMEM;
	db->flags = flags;
	err = env_open(path, flags, &db->env);
	if (!err)
		err = tables_open(db, false);
	if (err) {
		if (db->env)
			mdb_env_close(db->env);
		mem_free(db);
		return err;
	}
	if (mdb_reader_check(db->env, &dead) == 0 && dead > 0)
		log_info("db", "%d readers of dead processes -> cleared", dead);
	pthread_mutex_init(&db->lock, NULL);
	*ret_db = db;
	return 0;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	assert(db->live == 0);
	while (db->idle) {
		struct db_txn *txn = db->idle;

		db->idle = txn->next;
		mdb_txn_abort(txn->mdb);
		mem_free(txn);
	}
	mdb_env_close(db->env);
	pthread_mutex_destroy(&db->lock);
	mem_free(db);
}

int db_sync(struct db *db)
{
	return db_from_mdb(mdb_env_sync(db->env, 1), "sync");
}

/* ---- transactions ---- */

static void live_add(struct db *db, int n)
{
	pthread_mutex_lock(&db->lock);
	db->live += (unsigned)n;
	pthread_mutex_unlock(&db->lock);
}

static struct db_txn *idle_take(struct db *db)
{
	struct db_txn *txn;

	pthread_mutex_lock(&db->lock);
	txn = db->idle;
	if (txn) {
		db->idle = txn->next;
		db->idle_count--;
		db->live++;
	}
	pthread_mutex_unlock(&db->lock);
	return txn;
}

static int txn_new(struct db *db, bool write, struct db_txn **ret_txn)
{
	struct db_txn *txn = mem_zalloc(sizeof(*txn));
	int rc;

	if (!txn)
		return CF_ENOMEM;
	txn->db = db;
	txn->write = write;
	rc = mdb_txn_begin(db->env, NULL, write ? 0 : MDB_RDONLY, &txn->mdb);
	if (rc) {
		mem_free(txn);
		return db_from_mdb(rc, "begin");
	}
	live_add(db, 1);
	*ret_txn = txn;
	return 0;
}

int db_begin_read(struct db *db, struct db_txn **ret_txn)
{
	struct db_txn *txn;
	int rc;

	assert(db && ret_txn);
	txn = idle_take(db);
	if (!txn)
		return txn_new(db, false, ret_txn);
	rc = mdb_txn_renew(txn->mdb);
	if (rc) {
		mdb_txn_abort(txn->mdb);
		mem_free(txn);
		live_add(db, -1);
		return db_from_mdb(rc, "renew");
	}
	*ret_txn = txn;
	return 0;
}

int db_begin_write(struct db *db, struct db_txn **ret_txn)
{
	int dead;

	assert(db && ret_txn && !(db->flags & DB_RDONLY));
	if (++db->writes % READER_CHECK_EVERY == 0)
		mdb_reader_check(db->env, &dead);
	return txn_new(db, true, ret_txn);
}

/* What LMDB has of it is gone already. */
static void write_free(struct db_txn *txn)
{
	while (txn->arena) {
		struct arena *a = txn->arena;

		txn->arena = a->next;
		mem_free(a);
	}
	live_add(txn->db, -1);
	mem_free(txn);
}

/* LMDB calls a write that the disk had only in part room for EIO. */
static bool disk_is_full(struct db *db)
{
	struct statvfs fs;
	const char *path;

	return mdb_env_get_path(db->env, &path) == 0 && statvfs(path, &fs) == 0 &&
	       (uint64_t)fs.f_bavail * fs.f_frsize < FULL_BELOW_BYTES;
}

/*
 * A failure is harmless while LMDB writes and syncs pages that nothing refers to yet, and fatal once it has
 * begun with the meta page; it refuses new transactions after the latter.
 */
static bool commit_left_intact(struct db *db)
{
	MDB_txn *probe;

	if (mdb_txn_begin(db->env, NULL, 0, &probe) != 0)
		return false;
	mdb_txn_abort(probe);
	return true;
}

static int commit_failed(struct db *db, int rc)
{
	int err = db_from_mdb(rc, "commit");

	if (err == CF_EFULL || (rc == EIO && disk_is_full(db)))
		return commit_left_intact(db) ? err_set(CF_EFULL, "database: no space left") : CF_EIO;
	return CF_EIO;
}

int db_commit(struct db_txn *txn)
{
	int rc, err;

	assert(txn && txn->write);
	if (txn->err) {
		err = txn->err;
		mdb_txn_abort(txn->mdb);
		write_free(txn);
		return err;
	}
	rc = mdb_txn_commit(txn->mdb);
	err = rc ? commit_failed(txn->db, rc) : 0;
	write_free(txn);
	return err;
}

void db_abort(struct db_txn *txn)
{
	struct db *db;
	bool keep;

	if (!txn)
		return;
	db = txn->db;
	if (txn->write) {
		mdb_txn_abort(txn->mdb);
		write_free(txn);
		return;
	}
	mdb_txn_reset(txn->mdb);
	pthread_mutex_lock(&db->lock);
	db->live--;
	keep = db->idle_count < IDLE_READERS_MAX;
	if (keep) {
		txn->next = db->idle;
		db->idle = txn;
		db->idle_count++;
	}
	pthread_mutex_unlock(&db->lock);
	if (!keep) {
		mdb_txn_abort(txn->mdb);
		mem_free(txn);
	}
}
