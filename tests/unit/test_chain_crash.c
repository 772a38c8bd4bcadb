/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that commits blocks is killed at random moments; whenever the ledger is opened again, all of
 * its stores stand at one height, and that height is at least what the process had reported.
 */
#include "ledger/log.h"
#include "tests/lib/chainfix.h"
#include "tests/lib/prng.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEYS 20
#define KILLS 40
#define GROUP 4

static void no_log(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

static void key_text(uint64_t height, char ret_key[32])
{
	snprintf(ret_key, 32, "key %llu", (unsigned long long)(height * 7 % KEYS));
}

static void value_text(uint64_t height, char ret_value[64])
{
	snprintf(ret_value, 64, "value of height %llu", (unsigned long long)height);
}

/* Commits until it is killed; what it did so far stands in shared memory. */
static void child(struct chainfix *fix, const char *dir, unsigned flags, volatile uint64_t *reported)
{
	char key[32], value[64];
	struct chain_head head;
	struct chain *c;

	if (chainfix_open(fix, dir, flags, &c) != 0)
		_exit(3);
	chain_head(c, &head);
	fix->nonce = head.height; /* no transaction twice */
	segments_set_file_bytes(chain_blocks(c), 10000);
	for (uint64_t round = head.height;; round++) {
		/* One alone, then a group, which is there whole or not at all. */
		bool group = round % 2 == 1;
		uint64_t until = head.height + (group ? GROUP : 1);

		if (group)
			chain_group_begin(c);
		for (uint64_t h = head.height + 1; h <= until; h++) {
			key_text(h, key);
			value_text(h, value);
			if (chainfix_commit_row(fix, c, view_str(key), view_str(value)) != 0)
				_exit(4);
		}
		if (group && chain_group_end(c) != 0)
			_exit(5);
		chain_head(c, &head);
		*reported = head.height;
	}
}

static void check_height(struct chain *c, struct db_txn *txn, uint64_t height, struct hash *prev)
{
	char key[32], value[64];
	struct chain_block_info info;
	struct history_row row;
	struct chain_tx_info tx_info;
	struct block block;
	struct tx *tx;
	struct buf out;

	buf_init(&out, 0);
	t_zero(chain_block_info(txn, height, &info));
	t_zero(chain_block_read(c, txn, height, &out));
	t_zero(block_decode(buf_view(&out), &block));
	t_ok(hash_equal(&block.header.prev, prev));
	*prev = block.hash;
	tx = malloc(sizeof(*tx));
	t_zero(tx_decode(block.tx[0], tx));
	t_zero(chain_tx_info(txn, &tx->id, &tx_info));
	t_eq(tx_info.height, height);
	free(tx);
	block_release(&block);
	buf_reset(&out);
	key_text(height, key);
	value_text(height, value);
	t_zero(history_at(txn, view_str(key), height, &row));
	t_eq(row.version.height, height);
	t_zero(history_read(chain_blocks(c), &row, &out));
	t_bytes(out.data, out.len, value, strlen(value));
	buf_release(&out);
}

/* All heights the first time, then the ones that are new; the state as a whole each time. */
static uint64_t check_all(struct chainfix *fix, const char *dir, unsigned flags, uint64_t checked,
			  struct hash *prev)
{
	struct chain_head head;
	struct db_txn *txn;
	struct chain *c;
	struct hash root;
	uint64_t rows, txs, blocks;

	t_zero(chainfix_open(fix, dir, flags, &c));
	chain_head(c, &head);
	t_zero(chain_read_begin(c, &txn));
	for (uint64_t h = checked + 1; h <= head.height; h++)
		check_height(c, txn, h, prev);
	t_ok(hash_equal(prev, &head.hash));
	t_zero(state_root(txn, &root));
	t_ok(hash_equal(&root, &head.state_root));
	t_zero(db_count(txn, DB_HISTORY, &rows));
	t_eq(rows, head.height + 1);
	t_zero(db_count(txn, DB_TX, &txs));
	t_eq(txs, head.height);
	t_zero(db_count(txn, DB_BLOCK, &blocks));
	t_eq(blocks, head.height + 1);
	for (uint64_t h = head.height; h > 0 && h + KEYS > head.height; h--) {
		char key[32], value[64];
		struct version version;
		struct view v;

		key_text(h, key);
		value_text(h, value);
		t_zero(state_get(txn, view_str(key), &v, &version));
		t_bytes(v.data, v.len, value, strlen(value));
		t_eq(version.height, h);
	}
	db_abort(txn);
	chain_close(c);
	return head.height;
}

static void kill_often(unsigned flags)
{
	const char *dir = tmpdir_path(tmpdir_new(), "chain");
	volatile uint64_t *reported =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct prng p = {31};
	struct chainfix fix;
	struct hash prev;
	uint64_t height = 0;

	log_set_sink(no_log, NULL);
	t_ok(reported != MAP_FAILED);
	t_zero(chainfix_init(&fix, 4));
	prev = fix.network;
	for (int i = 0; i < KILLS; i++) {
		pid_t pid;
		int status;

		/* A child killed between commit and report leaves one block more than it told of; the next
		 * starts there. */
		*reported = height;
		pid = fork();
		if (pid == 0)
			child(&fix, dir, flags, reported);
		t_ok(pid > 0);
		usleep(1000 + prng_below(&p, 100000));
		kill(pid, SIGKILL);
		t_eq(waitpid(pid, &status, 0), pid);
		t_ok(WIFSIGNALED(status));
		height = check_all(&fix, dir, flags, height, &prev);
		t_ok(height == *reported || height == *reported + 1 || height == *reported + GROUP);
	}
	t_ok(height > KILLS);
	t_note("%d kills, height %llu", KILLS, (unsigned long long)height);
	chainfix_release(&fix);
	munmap((void *)reported, 4096);
}

T_TEST(chain_crash_synced)
{
	kill_often(0);
}

T_TEST(chain_crash_unsynced)
{
	kill_often(CHAIN_NOSYNC);
}

T_MAIN
