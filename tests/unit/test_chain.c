/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/file.h"
#include "ledger/log.h"
#include "ledger/mem.h"
#include "tests/lib/chainfix.h"
#include "tests/lib/smallfs.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static struct chainfix fix;

static void no_log(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

static struct chain *open_at(const char *dir, unsigned flags)
{
	struct chain *c = NULL;

	log_set_sink(no_log, NULL);
	if (!fix.creator)
		t_zero(chainfix_init(&fix, 4));
	t_zero(chainfix_open(&fix, dir, flags, &c));
	return c;
}

static uint64_t height_of(struct chain *c)
{
	struct chain_head head;

	chain_head(c, &head);
	return head.height;
}

static void commit_row(struct chain *c, const char *key, const char *value)
{
	t_zero(chainfix_commit_row(&fix, c, view_str(key), view_str(value)));
}

/* The row of a key now, and its value at a height through the history. */
static void expect_row(struct chain *c, const char *key, uint64_t height, const char *value)
{
	struct history_row row;
	struct version version;
	struct db_txn *txn;
	struct view now;
	struct buf out;

	buf_init(&out, 0);
	t_zero(chain_read_begin(c, &txn));
	t_zero(history_at(txn, view_str(key), height, &row));
	t_zero(history_read(chain_blocks(c), &row, &out));
	t_bytes(out.data, out.len, value, strlen(value));
	if (height == height_of(c)) {
		t_zero(state_get(txn, view_str(key), &now, &version));
		t_bytes(now.data, now.len, value, strlen(value));
		t_eq(version.height, row.version.height);
		t_eq(version.index, row.version.index);
	}
	db_abort(txn);
	buf_release(&out);
}

static struct hash id_of(struct view bytes)
{
	struct tx *tx = mem_alloc(sizeof(*tx));
	struct hash id;

	t_zero(tx_decode(bytes, tx));
	id = tx->id;
	mem_free(tx);
	return id;
}

static void make_tx(const char *key, const char *value, struct view annex, struct buf *out)
{
	struct rw_write w = {
		.key = view_str(key), .value = value ? view_str(value) : VIEW_NONE, .deleted = !value};

	buf_init(out, 0);
	t_zero(chainfix_tx(&fix, &w, 1, annex, out));
}

T_TEST(chain_genesis_and_blocks)
{
	const char *dir = tmpdir_new();
	struct chain *c = open_at(dir, 0);
	struct chain_block_info info;
	struct certificate none;
	struct chain_head head;
	struct member_keys keys;
	struct db_txn *txn;
	struct buf out;

	memset(&none, 0, sizeof(none));
	t_ok(!chain_is_new(c));
	chain_head(c, &head);
	t_eq(head.height, 0);
	t_bytes(head.hash.b, HASH_BYTES, fix.network.b, HASH_BYTES);
	expect_row(c, "\x01genesis", 0, "first");
	commit_row(c, "a", "one");
	commit_row(c, "b", "two");
	commit_row(c, "a", "three");
	t_eq(height_of(c), 3);
	for (int reopened = 0; reopened < 3; reopened++) {
		expect_row(c, "a", 1, "one");
		expect_row(c, "a", 2, "one");
		expect_row(c, "a", 3, "three");
		expect_row(c, "b", 3, "two");
		expect_row(c, "\x01genesis", 3, "first");
		chain_close(c);
		c = open_at(dir, reopened == 1 ? CHAIN_RDONLY : 0);
		t_eq(height_of(c), 3);
	}
	t_zero(member_keys_init(&keys, &fix.members));
	t_zero(chain_read_begin(c, &txn));
	buf_init(&out, 0);
	for (uint64_t h = 1; h <= 3; h++) {
		t_zero(chain_block_info(txn, h, &info));
		t_eq(info.tx_count, 1);
		t_eq(info.verdicts.data[0], VERDICT_VALID);
		t_zero(certificate_verify(&info.certificate, &fix.network, &fix.members, &keys));
		buf_reset(&out);
		t_zero(chain_block_read(c, txn, h, &out));
	}
	t_zero(chain_block_info(txn, 0, &info));
	t_bytes(info.hash.b, HASH_BYTES, fix.network.b, HASH_BYTES);
	t_err(chain_block_read(c, txn, 0, &out), CF_ENOTFOUND);
	t_err(chain_block_info(txn, 4, &info), CF_ENOTFOUND);
	buf_release(&out);
	db_abort(txn);
	member_keys_release(&keys);
	chain_close(c);
}

T_TEST(chain_belongs_to_one_network_and_one_process)
{
	const char *dir = tmpdir_new();
	struct chain *c = open_at(dir, 0), *other;

	t_err(chain_open(dir, view_str(CHAINFIX_GENESIS), 0, &other), CF_EBUSY);
	chain_close(c);
	t_err(chain_open(dir, view_str("another genesis"), 0, &other), CF_EFOREIGN);
	/* The index knows, too, whose it is. */
	t_zero(file_replace(tmpdir_path(dir, "genesis"), view_str("another genesis")));
	t_err(chain_open(dir, view_str("another genesis"), 0, &other), CF_EFOREIGN);
	t_err(chain_open(tmpdir_new(), view_str("x"), CHAIN_RDONLY, &other), CF_ENOTFOUND);
}

struct log_seen {
	int count;
	struct version last;
	struct hash id;
};

static int on_log(void *ctx, struct version version, const struct hash *id)
{
	struct log_seen *s = ctx;

	t_ok(s->count == 0 || version.height > s->last.height ||
	     (version.height == s->last.height && version.index > s->last.index));
	s->count++;
	s->last = version;
	s->id = *id;
	return 0;
}

static int log_count(struct db_txn *txn, const struct hash *who)
{
	struct log_seen s = {0};

	t_zero(chain_log_walk(txn, who, on_log, &s));
	return s.count;
}

T_TEST(chain_verdicts_annexes_and_logs)
{
	struct chain *c = open_at(tmpdir_new(), 0);
	const uint8_t verdicts[] = {VERDICT_VALID, VERDICT_MVCC_CONFLICT, VERDICT_VALID, VERDICT_DUPLICATE};
	struct view annexes[] = {view_str("annex 0"), view_str("annex 1"), VIEW_NONE, view_str("annex 0")};
	struct hash patient = {{0}}, id[3];
	struct chain_tx_info info;
	struct block_body body;
	struct version version;
	struct buf tx[3], out;
	struct view txs[4], v;
	struct db_txn *txn;

	make_tx("k0", "v0", annexes[0], &tx[0]);
	make_tx("k1", "v1", annexes[1], &tx[1]);
	make_tx("k2", "v2", VIEW_NONE, &tx[2]);
	for (int i = 0; i < 3; i++) {
		txs[i] = buf_view(&tx[i]);
		id[i] = id_of(txs[i]);
	}
	txs[3] = txs[0];
	t_zero(chainfix_commit(&fix, c, txs, verdicts, annexes, 4, NULL));
	commit_row(c, "k0", "later");

	t_zero(chain_read_begin(c, &txn));
	buf_init(&out, 0);
	for (uint32_t i = 0; i < 3; i++) {
		t_zero(chain_tx_info(txn, &id[i], &info));
		t_eq(info.height, 1);
		t_eq(info.index, i); /* of the first with the id */
		t_eq(info.verdict, verdicts[i]);
		buf_reset(&out);
		t_zero(chain_tx_read(c, txn, &id[i], &out));
		t_bytes(out.data, out.len, txs[i].data, txs[i].len);
	}
	t_err(chain_tx_info(txn, &patient, &info), CF_ENOTFOUND);
	t_err(state_get(txn, view_str("k1"), &v, &version), CF_ENOTFOUND);
	t_zero(chain_annex(txn, &id[0], &v));
	t_bytes(v.data, v.len, "annex 0", 7);
	t_err(chain_annex(txn, &id[1], &v), CF_ENOTFOUND);

	buf_reset(&out);
	t_zero(chain_block_body(c, txn, 1, &out));
	t_zero(block_body_decode(buf_view(&out), &body));
	t_bytes(body.annex[0].data, body.annex[0].len, "annex 0", 7);
	t_eq(body.annex[1].len + body.annex[2].len + body.annex[3].len, 0);
	block_body_release(&body);
	expect_row(c, "k0", 1, "v0");
	expect_row(c, "k0", 2, "later");

	memcpy(patient.b, fix.patient.b, PATIENT_BYTES);
	t_eq(log_count(txn, &fix.creator_key), 4);
	t_eq(log_count(txn, &fix.patient_key), 4);
	t_eq(log_count(txn, &fix.doctor_key), 4);
	t_eq(log_count(txn, &patient), 4);
	t_eq(log_count(txn, &id[0]), 0);
	db_abort(txn);
	for (int i = 0; i < 3; i++)
		buf_release(&tx[i]);
	buf_release(&out);
	chain_close(c);
}

T_TEST(chain_deletion_and_empty_block)
{
	struct chain *c = open_at(tmpdir_new(), 0);
	struct history_row row;
	struct db_txn *txn;
	struct view bytes;
	struct hash root;
	struct chain_head head;
	struct buf tx;

	commit_row(c, "k", "v");
	make_tx("k", NULL, VIEW_NONE, &tx);
	bytes = buf_view(&tx);
	t_zero(chainfix_commit(&fix, c, &bytes, NULL, NULL, 1, NULL));
	t_zero(chainfix_commit(&fix, c, NULL, NULL, NULL, 0, NULL));
	t_zero(chain_read_begin(c, &txn));
	t_zero(history_at(txn, view_str("k"), 3, &row));
	t_ok(row.deleted);
	t_zero(history_at(txn, view_str("k"), 1, &row));
	t_ok(!row.deleted);
	t_zero(state_root(txn, &root));
	chain_head(c, &head);
	t_eq(head.height, 3);
	t_bytes(root.b, HASH_BYTES, head.state_root.b, HASH_BYTES);
	db_abort(txn);
	buf_release(&tx);
	chain_close(c);
}

T_TEST(chain_discard_changes_nothing)
{
	struct chain *c = open_at(tmpdir_new(), 0);
	struct chain_stage *stage;
	struct hash before, after;
	struct rwset set;
	struct tx *tx = mem_alloc(sizeof(*tx));
	struct view value;
	struct version version;
	struct buf bytes;

	commit_row(c, "a", "one");
	t_err(chain_stage_begin(c, 1, &stage), CF_EINVAL);
	t_err(chain_stage_begin(c, 3, &stage), CF_EINVAL);
	t_zero(chain_stage_begin(c, 2, &stage));
	t_zero(chain_stage_root(stage, &before));
	make_tx("a", "two", VIEW_NONE, &bytes);
	t_zero(tx_decode(buf_view(&bytes), tx));
	t_zero(rwset_decode(tx->rwset_bytes, &set));
	t_zero(chain_stage_tx(stage, tx, VERDICT_VALID, &set, VIEW_NONE));
	t_zero(state_get(chain_stage_txn(stage), view_str("a"), &value, &version));
	t_bytes(value.data, value.len, "two", 3);
	t_zero(chain_stage_root(stage, &after));
	t_ok(!hash_equal(&before, &after));
	chain_stage_discard(stage);
	chain_stage_discard(NULL);
	expect_row(c, "a", 1, "one");
	t_eq(height_of(c), 1);
	commit_row(c, "a", "two");
	expect_row(c, "a", 2, "two");
	rwset_release(&set);
	mem_free(tx);
	buf_release(&bytes);
	chain_close(c);
}

/* A block whose header does not tell what its transactions do is not let in, and leaves no trace. */
T_TEST(chain_refuses_a_block_that_is_not_the_staged_one)
{
	struct chain *c = open_at(tmpdir_new(), 0);
	struct block_header h = {.network = fix.network, .height = 1};
	struct chain_stage *stage;
	struct certificate cert;
	struct chain_head head;
	struct block block;
	struct buf header, bytes;
	uint64_t size = segments_bytes(chain_blocks(c));

	chain_head(c, &head);
	for (int wrong = 0; wrong < 4; wrong++) {
		h.prev = wrong == 0 ? fix.creator_key : head.hash;
		h.state_root = wrong == 1 ? fix.creator_key : head.state_root;
		h.height = wrong == 2 ? 2 : 1;
		t_zero(block_body_root(NULL, 0, &h.body_root));
		buf_init(&header, 0);
		buf_init(&bytes, 0);
		t_zero(block_header_encode(&h, &header));
		t_zero(block_encode(buf_view(&header), NULL, 0, &bytes));
		t_zero(block_decode(buf_view(&bytes), &block));
		t_zero(chainfix_certify(&fix, &block, &cert));
		if (wrong == 3)
			cert.digest.b[0] ^= 1;
		t_zero(chain_stage_begin(c, 1, &stage));
		t_err(chain_stage_commit(stage, &block, NULL, &cert), CF_EINVAL);
		block_release(&block);
		buf_release(&header);
		buf_release(&bytes);
	}
	t_eq(height_of(c), 0);
	t_eq(segments_bytes(chain_blocks(c)), size);
	commit_row(c, "a", "one");
	chain_close(c);
}

static const char *first_segment(const char *dir)
{
	return tmpdir_path(tmpdir_path(dir, "blocks"), "00000000.seg");
}

static size_t file_bytes(const char *path)
{
	struct buf b;
	size_t len;

	buf_init(&b, 0);
	t_zero(file_read(path, 1 << 24, &b));
	len = b.len;
	buf_release(&b);
	return len;
}

/* A crash between append and commit. */
T_TEST(chain_cuts_what_was_not_indexed)
{
	for (int blocks = 0; blocks < 3; blocks++) {
		const char *dir = tmpdir_new();
		struct chain *c = open_at(dir, 0);
		struct segment_place place;
		struct segments *s;
		uint64_t size;

		for (int i = 0; i < blocks; i++)
			commit_row(c, "a", "one");
		size = segments_bytes(chain_blocks(c));
		chain_close(c);
		t_zero(segments_open(tmpdir_path(dir, "blocks"), false, &s));
		t_zero(segments_append(s, view_str("a block that nobody indexed"), &place));
		segments_close(s);
		c = open_at(dir, 0);
		t_eq(height_of(c), blocks);
		t_eq(segments_bytes(chain_blocks(c)), size);
		commit_row(c, "a", "two");
		expect_row(c, "a", (uint64_t)blocks + 1, "two");
		chain_close(c);
	}
}

T_TEST(chain_lost_block_is_corrupt)
{
	const char *dir = tmpdir_new();
	struct chain *c = open_at(dir, 0);

	commit_row(c, "a", "one");
	commit_row(c, "a", "two");
	chain_close(c);
	t_eq(truncate(first_segment(dir), (off_t)file_bytes(first_segment(dir)) - 1), 0);
	t_err(chain_open(dir, view_str(CHAINFIX_GENESIS), 0, &c), CF_ECORRUPT);
}

/* Whatever byte of the block store is damaged: the block, the transaction and the value are refused or right.
 */
T_TEST(chain_never_serves_a_flipped_byte)
{
	const char *dir = tmpdir_new(), *path;
	struct chain *c = open_at(dir, 0);
	struct view tx_bytes;
	struct history_row row;
	struct db_txn *txn;
	struct buf tx, out;
	struct hash id;
	size_t size, refused_tx = 0, refused_value = 0;
	int fd;

	make_tx("a", "a value of some length", VIEW_NONE, &tx);
	tx_bytes = buf_view(&tx);
	id = id_of(tx_bytes);
	t_zero(chainfix_commit(&fix, c, &tx_bytes, NULL, NULL, 1, NULL));
	path = first_segment(dir);
	size = file_bytes(path);
	fd = open(path, O_RDWR);
	t_zero(chain_read_begin(c, &txn));
	t_zero(history_at(txn, view_str("a"), 1, &row));
	buf_init(&out, 0);
	for (off_t at = 0; at < (off_t)size; at++) {
		uint8_t good, bad;
		int err;

		t_ok(pread(fd, &good, 1, at) == 1);
		bad = good ^ 0x40;
		t_ok(pwrite(fd, &bad, 1, at) == 1);
		t_err(chain_block_read(c, txn, 1, &out), CF_ECORRUPT);
		t_err(chain_block_body(c, txn, 1, &out), CF_ECORRUPT);
		t_eq(out.len, 0);
		err = chain_tx_read(c, txn, &id, &out);
		t_ok(err == CF_ECORRUPT || view_equal(buf_view(&out), tx_bytes));
		refused_tx += err != 0;
		buf_reset(&out);
		err = history_read(chain_blocks(c), &row, &out);
		t_ok(err == CF_ECORRUPT || view_equal(buf_view(&out), view_str("a value of some length")));
		refused_value += err != 0;
		buf_reset(&out);
		t_ok(pwrite(fd, &good, 1, at) == 1);
	}
	t_eq(refused_tx, tx_bytes.len);
	t_eq(refused_value, 22);
	t_zero(chain_block_read(c, txn, 1, &out));
	close(fd);
	db_abort(txn);
	buf_release(&tx);
	buf_release(&out);
	chain_close(c);
}

T_TEST(chain_unsynced_store_is_thrown_away_after_another_boot)
{
	const char *dir = tmpdir_new(), *marker = tmpdir_path(dir, "boot");
	struct chain *c = open_at(dir, CHAIN_NOSYNC);
	struct buf text;

	commit_row(c, "a", "one");
	t_ok(file_exists(marker));
	chain_close(c);
	/* Closed: it may be opened under any boot. */
	t_zero(file_replace(marker, view_str("00000000-0000-0000-0000-000000000000 closed\n")));
	c = open_at(dir, CHAIN_NOSYNC);
	t_eq(height_of(c), 1);
	chain_close(c);
	/* Open under this boot: the process died, the bytes are there. */
	buf_init(&text, 0);
	t_zero(file_read(marker, 100, &text));
	t_zero(buf_append(&text, "", 1));
	t_zero(file_replace(marker, VIEW(text.data, 37)));
	t_zero(file_read(marker, 100, &text));
	text.len = 37;
	t_zero(buf_append(&text, "open\n", 5));
	t_zero(file_replace(marker, buf_view(&text)));
	c = open_at(dir, CHAIN_NOSYNC);
	t_eq(height_of(c), 1);
	chain_close(c);
	/* Open under another: nothing is trusted. */
	t_zero(file_replace(marker, view_str("00000000-0000-0000-0000-000000000000 open\n")));
	t_err(chain_open(dir, view_str(CHAINFIX_GENESIS), CHAIN_RDONLY, &c), CF_ECORRUPT);
	c = open_at(dir, CHAIN_NOSYNC);
	t_eq(height_of(c), 0);
	commit_row(c, "a", "two");
	chain_close(c);
	/* Opened with syncing from now on: synced once, and the marker is gone. */
	c = open_at(dir, 0);
	t_eq(height_of(c), 1);
	t_ok(!file_exists(marker));
	chain_close(c);
	buf_release(&text);
}

T_TEST(chain_full_disk_changes_nothing)
{
	const char *dir = tmpdir_new();
	static uint8_t big[60000], reserve[1 << 20];
	uint64_t height, size;
	struct chain *c;
	int err = 0;

	if (!smallfs_mount(dir, 4 << 20)) {
		t_note("skipped: no right to mount a tmpfs");
		return;
	}
	t_zero(file_replace(tmpdir_path(dir, "reserve"), VIEW(reserve, sizeof(reserve))));
	c = open_at(tmpdir_path(dir, "chain"), 0);
	while (!err) {
		height = height_of(c);
		size = segments_bytes(chain_blocks(c));
		err = chainfix_commit_row(&fix, c, view_str("k"), VIEW(big, sizeof(big)));
	}
	t_err(err, CF_EFULL);
	t_ok(height > 5);
	t_eq(height_of(c), height);
	t_eq(segments_bytes(chain_blocks(c)), size);
	/* To the last byte: whichever of the two stores finds no room, both stay as they were. */
	for (size_t len = sizeof(big); len > 100; len = len * 4 / 5) {
		err = chainfix_commit_row(&fix, c, view_str("k"), VIEW(big, len));
		t_ok(err == 0 || err == CF_EFULL);
		height += err == 0;
		t_eq(height_of(c), height);
	}
	/* A group that finds no room is taken back whole, whether an append or its end finds out. */
	size = segments_bytes(chain_blocks(c));
	chain_group_begin(c);
	for (err = 0; !err;)
		err = chainfix_commit_row(&fix, c, view_str("k"), VIEW(big, 5000));
	t_err(err, CF_EFULL);
	chain_group_discard(c);
	t_eq(height_of(c), height);
	t_eq(segments_bytes(chain_blocks(c)), size);
	smallfs_fill(dir, "ballast");
	t_err(chainfix_commit_row(&fix, c, view_str("k"), VIEW(big, 5000)), CF_EFULL);
	size = segments_bytes(chain_blocks(c));
	t_eq(unlink(tmpdir_path(dir, "reserve")), 0);
	chain_close(c);
	c = open_at(tmpdir_path(dir, "chain"), 0);
	t_eq(height_of(c), height);
	t_eq(segments_bytes(chain_blocks(c)), size);
	commit_row(c, "k", "small");
	expect_row(c, "k", height + 1, "small");
	chain_close(c);
	smallfs_unmount(dir);
}

T_TEST(chain_out_of_memory)
{
	struct chain *c = open_at(tmpdir_new(), CHAIN_NOSYNC);
	struct view bytes;
	struct buf tx;
	uint64_t size;
	int err = CF_ENOMEM;

	commit_row(c, "a", "one");
	make_tx("a", "two", view_str("annex"), &tx);
	bytes = buf_view(&tx);
	size = segments_bytes(chain_blocks(c));
	for (int n = 0; err == CF_ENOMEM; n++) {
		struct view annex = view_str("annex");

		mem_fail_after(n);
		err = chainfix_commit(&fix, c, &bytes, NULL, &annex, 1, NULL);
		mem_fail_after(-1);
		if (err)
			t_eq(segments_bytes(chain_blocks(c)), size);
	}
	t_zero(err);
	t_eq(height_of(c), 2);
	expect_row(c, "a", 2, "two");
	expect_row(c, "a", 1, "one");
	buf_release(&tx);
	chain_close(c);
}

T_MAIN
