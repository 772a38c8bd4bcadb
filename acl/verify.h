/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify.h - is a ledger what the genesis file and its members' certificates say? Every block, row and blob.
 *
 * The chain: header links, certificates, the roots of transactions and verdicts. The tables: the whole chain
 * is replayed into a temporary ledger and compared with the stored one, row by row. Blobs: each against its
 * address, and those that transactions name are looked for. What is wrong is named, one line each.
 */
#ifndef ACL_VERIFY_H
#define ACL_VERIFY_H

#include "ledger/chain.h"
#include "ledger/file.h"

/* "block 17: ...", "table state, key 10ab...: ..." */
struct verify_report {
	void *ctx;
	void (*on_problem)(void *ctx, const char *line);
};

struct verify_result {
	uint64_t height; /* verified up to here */
	struct hash head;
	uint64_t transactions;
	uint64_t rows;
	uint64_t blobs;   /* stored ones, each good */
	uint64_t missing; /* named by a valid transaction and not held here: no error of this store alone */
	uint64_t problems;
};

#define VERIFY_PROBLEMS_MAX 100 /* told; more are only counted */

/* Where below a peer's, mount's or ledger's directory the ledger and its blobs are. CF_ENOTFOUND. */
int verify_find(const char *dir, char ret_chain[FILE_PATH_MAX], char ret_blobs[FILE_PATH_MAX]) must_check;

/* The chain of an open ledger, from a read of its own. ret_result is filled in any case. CF_ECORRUPT: there
 * were problems. */
int verify_blocks(struct chain *c, const struct verify_report *report,
		  struct verify_result *ret_result) must_check;

/*
 * A directory of a peer or mount (it, its data/ or its chain/ holds the ledger), opened read-only, also while
 * it is in use: what is verified is one moment of it. tmp_dir: where the replay is made and removed.
 * chain_only: neither tables nor blobs. Errors: CF_ECORRUPT (problems were told), CF_EFOREIGN (another
 * genesis'), CF_ENOTFOUND.
 */
int verify_directory(const char *dir, struct view genesis, const char *tmp_dir, bool chain_only,
		     const struct verify_report *report, struct verify_result *ret_result) must_check;

#endif
