/* SPDX-License-Identifier: Apache-2.0 */
#include "acl/keyring.h"
#include "acl/verify.h"
#include "ledger/db.h"
#include "ledger/mem.h"
#include "tests/lib/netfix.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char told[4096];

static void on_problem(void *ctx, const char *line)
{
	size_t len = strlen(told);

	(void)ctx;
	snprintf(told + len, sizeof(told) - len, "%s\n", line);
}

static const struct verify_report report = {NULL, on_problem};

static int verify(const struct netfix *n, const char *dir, bool chain_only, struct verify_result *r)
{
	told[0] = '\0';
	return verify_directory(dir, buf_view(&n->genesis), tmpdir_new(), chain_only, &report, r);
}

/* A ledger with a patient and a record, in DIR/chain. The fixture's own ledgers follow it. */
static const char *make(struct netfix **ret_n)
{
	const char *dir = tmpdir_new();
	struct patient_id patient = {{7}};
	char path[FILE_PATH_MAX];
	struct node_id node, section;
	struct keyring *keys;
	struct netfix *n;
	struct chain *c;
	struct apply *a;
	struct genesis *g = mem_alloc(sizeof(*g));

	t_zero(netfix_new(1, false, &n));
	t_zero(file_path(dir, "chain", path));
	t_zero(chain_open(path, buf_view(&n->genesis), 0, &c));
	t_zero(genesis_decode(buf_view(&n->genesis), g));
	t_zero(genesis_apply(c, g));
	t_zero(apply_new(c, false, NULL, &a));
	t_zero(netfix_keyring(n, &n->custodian[0], &keys));
	t_zero(netfix_admit(n, &n->custodian[0], keys, &patient));
	t_zero(apply_commit(a, buf_view(&n->body), &n->certificate, true, VIEW_NONE, NULL, NULL));
	section = op_section_node(&patient, 3);
	t_zero(netfix_put(n, &n->custodian[0], keys, &patient, 3, &section, "a.json", NODE_RECORD, "{}",
			  &node));
	t_zero(apply_commit(a, buf_view(&n->body), &n->certificate, true, VIEW_NONE, NULL, NULL));
	apply_free(a);
	chain_close(c);
	keyring_free(keys);
	mem_free(g);
	*ret_n = n;
	return dir;
}

T_TEST(a_good_ledger_verifies)
{
	struct verify_result r;
	struct netfix *n;
	const char *dir = make(&n);

	t_zero(verify(n, dir, false, &r));
	t_str(told, "");
	t_eq(r.height, 2);
	t_eq(r.transactions, 2);
	t_ok(r.rows > 20);
	t_zero(verify(n, dir, true, &r));
	t_eq(r.rows, 0);
	netfix_free(n);
}

T_TEST(another_genesis_is_foreign)
{
	struct verify_result r;
	struct netfix *n, *other;
	const char *dir = make(&n);

	t_zero(netfix_new(1, false, &other));
	t_err(verify(other, dir, false, &r), CF_EFOREIGN);
	t_err(verify(other, tmpdir_new(), false, &r), CF_ENOTFOUND);
	netfix_free(n);
	netfix_free(other);
}

static void flip(const char *path, off_t at)
{
	int fd = open(path, O_RDWR);
	uint8_t byte;

	t_ok(fd >= 0);
	t_eq(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	t_eq(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

T_TEST(a_flipped_byte_of_the_block_store_is_named)
{
	char path[FILE_PATH_MAX];
	struct verify_result r;
	struct netfix *n;
	const char *dir = make(&n);
	struct stat st;

	snprintf(path, sizeof(path), "%s/chain/blocks/00000000.seg", dir);
	t_eq(stat(path, &st), 0);
	for (off_t at = 0; at < st.st_size; at += 41) {
		flip(path, at);
		t_err(verify(n, dir, true, &r), CF_ECORRUPT);
		if (r.problems == 0 || (!strstr(told, "block") && !strstr(told, "segment")))
			t_fail("byte %lld: %s", (long long)at, told);
		flip(path, at);
	}
	t_zero(verify(n, dir, true, &r));
	netfix_free(n);
}

/* Rows changed with their check made right again: only the replay can tell. */
static void change_row(const struct netfix *n, const char *dir, enum db_table t, bool drop)
{
	struct db_cursor *cursor;
	struct view key, value;
	char path[FILE_PATH_MAX];
	struct buf kept, changed;
	struct db_txn *txn;
	struct db *db;

	(void)n;
	buf_init(&kept, 0);
	buf_init(&changed, 0);
	snprintf(path, sizeof(path), "%s/chain/db", dir);
	t_zero(db_open(path, 0, &db));
	t_zero(db_begin_write(db, &txn));
	t_zero(db_cursor_new(txn, t, VIEW_NONE, &cursor));
	t_zero(db_cursor_seek(cursor, VIEW_NONE, &key, &value));
	t_zero(buf_append_view(&kept, key));
	t_zero(buf_append_view(&changed, value));
	db_cursor_free(cursor);
	changed.data[changed.len - 1] ^= 1;
	if (drop)
		t_zero(db_del(txn, t, buf_view(&kept)));
	else
		t_zero(db_put(txn, t, buf_view(&kept), buf_view(&changed)));
	t_zero(db_commit(txn));
	db_close(db);
	buf_release(&kept);
	buf_release(&changed);
}

T_TEST(a_changed_or_missing_row_of_any_table_is_named)
{
	static const enum db_table tables[] = {DB_STATE, DB_TREE,    DB_HISTORY, DB_TX,
					       DB_ANNEX, DB_DERIVED, DB_LOG};
	struct verify_result r;
	struct netfix *n;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		for (int drop = 0; drop < 2; drop++) {
			const char *dir = make(&n);

			change_row(n, dir, tables[i], drop);
			t_err(verify(n, dir, false, &r), CF_ECORRUPT);
			if (!strstr(told, db_table_name(tables[i])) && !strstr(told, "block"))
				t_fail("%s not named: %s", db_table_name(tables[i]), told);
			netfix_free(n);
		}
	}
}

T_TEST(a_damaged_blob_is_named_and_a_foreign_file_is_not_a_blob)
{
	static const char bytes[] = "sealed";
	char path[FILE_PATH_MAX], hex[2 * HASH_BYTES + 1];
	struct hash address = sha256(VIEW(bytes, sizeof(bytes)));
	struct verify_result r;
	struct netfix *n;
	const char *dir = make(&n);

	hex_encode(address.b, HASH_BYTES, hex);
	snprintf(path, sizeof(path), "%s/blobs", dir);
	t_zero(file_dir_make(path));
	snprintf(path, sizeof(path), "%s/blobs/%.2s", dir, hex);
	t_zero(file_dir_make(path));
	snprintf(path, sizeof(path), "%s/blobs/%.2s/tmp.7", dir, hex);
	t_zero(file_replace(path, VIEW(bytes, 3)));
	snprintf(path, sizeof(path), "%s/blobs/%.2s/%s", dir, hex, hex + 2);
	t_zero(file_replace(path, VIEW(bytes, sizeof(bytes))));
	t_zero(verify(n, dir, false, &r));
	t_eq(r.blobs, 1);
	flip(path, 2);
	t_err(verify(n, dir, false, &r), CF_ECORRUPT);
	t_ok(strstr(told, hex));
	/* what a running owner is writing stays */
	snprintf(path, sizeof(path), "%s/blobs/%.2s/tmp.7", dir, hex);
	t_ok(file_exists(path));
	netfix_free(n);
}

T_MAIN
