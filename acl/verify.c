/* SPDX-License-Identifier: Apache-2.0 */
#include "acl/verify_private.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 1024

void verify_problem(struct verify *v, const char *fmt, ...)
{
	char line[LINE_BYTES];
	va_list args;

	if (v->result.problems++ >= VERIFY_PROBLEMS_MAX)
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	v->report->on_problem(v->report->ctx, line);
}

int verify_find(const char *dir, char ret_chain[FILE_PATH_MAX], char ret_blobs[FILE_PATH_MAX])
{
	static const char *const below[] = {"", "/data"};
	char path[FILE_PATH_MAX];

	for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++) {
		if (snprintf(path, sizeof(path), "%s%s/chain/genesis", dir, below[i]) < (int)sizeof(path) &&
		    file_exists(path)) {
			snprintf(ret_chain, FILE_PATH_MAX, "%.*s", (int)(strrchr(path, '/') - path), path);
			snprintf(ret_blobs, FILE_PATH_MAX, "%.*s/blobs",
				 (int)(strlen(ret_chain) - strlen("/chain")), path);
			return 0;
		}
	}
	if (snprintf(path, sizeof(path), "%s/genesis", dir) < (int)sizeof(path) && file_exists(path)) {
		snprintf(path, sizeof(path), "%s/db", dir);
		if (file_exists(path)) {
			snprintf(ret_chain, FILE_PATH_MAX, "%s", dir);
			ret_blobs[0] = '\0';
			return 0;
		}
	}
	return err_set(CF_ENOTFOUND, "%s: no ledger in it, in its chain/ or in its data/chain/", dir);
}

static int conclude(const struct verify *v, int err, struct verify_result *ret_result)
{
	*ret_result = v->result;
	if (!err && v->result.problems)
		err = err_set(CF_ECORRUPT, "%llu problems found", (unsigned long long)v->result.problems);
	return err;
}

int verify_blocks(struct chain *c, const struct verify_report *report, struct verify_result *ret_result)
{
	struct verify v = {.report = report};
	struct db_txn *txn = NULL;
	int err;

	assert(c && report && ret_result);
	err = chain_read_begin(c, &txn);
	if (!err)
		err = verify_run_blocks(&v, c, txn);
	db_abort(txn);
	return conclude(&v, err, ret_result);
}

static int run_all(struct verify *v, struct chain *c, struct db_txn *txn, struct view genesis,
		   const char *blobs, const char *tmp_dir)
{
	char replay[FILE_PATH_MAX];
	int err;

	if (snprintf(replay, sizeof(replay), "%s/chartfs-verify-XXXXXX", tmp_dir) >= (int)sizeof(replay))
		return CF_ENAMETOOLONG;
	if (!mkdtemp(replay))
		return err_set(CF_EIO, "%s: %m", replay);
	err = verify_run_tables(v, c, txn, genesis, replay);
	if (file_remove_tree(replay) != 0 && !err)
		err = err_set(CF_EIO, "%s: cannot be removed", replay);
	if (!err && blobs[0] && file_exists(blobs))
		err = verify_run_blobs(v, c, txn, blobs);
	return err;
}

int verify_directory(const char *dir, struct view genesis, const char *tmp_dir, bool chain_only,
		     const struct verify_report *report, struct verify_result *ret_result)
{
	char path[FILE_PATH_MAX], blobs[FILE_PATH_MAX];
	struct verify v = {.report = report};
	struct chain *c = NULL;
	struct db_txn *txn = NULL;
	int err;

	assert(dir && tmp_dir && report && ret_result);
	memset(ret_result, 0, sizeof(*ret_result));
	err = verify_find(dir, path, blobs);
	if (err)
		return err;
	err_clear();
	err = chain_open(path, genesis, CHAIN_RDONLY, &c);
	if (err == CF_ECORRUPT || err == CF_EDECODE) {
		verify_problem(&v, "%s: %s", path, err_detail()[0] ? err_detail() : err_text(err));
		err = 0;
		goto out;
	}
	if (!err)
		err = chain_read_begin(c, &txn);
	if (!err)
		err = verify_run_blocks(&v, c, txn);
	if (!err && !chain_only)
		err = run_all(&v, c, txn, genesis, blobs, tmp_dir);
	db_abort(txn);
out:
	if (c)
		chain_close(c);
	return conclude(&v, err, ret_result);
}
