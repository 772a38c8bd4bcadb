/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks that become durable together. */
#include "ledger/log.h"
#include "tests/lib/chainfix.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

#include <string.h>

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

/* Nothing of a group is seen before its end, all of it after; given up, it leaves no trace. */
T_TEST(chain_group_is_all_or_nothing)
{
	const char *dir = tmpdir_new();
	struct chain *c = open_at(dir, 0);
	struct chain_stage *stage;
	struct chain_head tip;
	uint64_t size;

	commit_row(c, "a", "one");
	size = segments_bytes(chain_blocks(c));
	chain_group_begin(c);
	commit_row(c, "a", "two");
	commit_row(c, "b", "three");
	chain_tip(c, &tip);
	t_eq(tip.height, 3);
	t_eq(height_of(c), 1);
	expect_row(c, "a", 1, "one");
	t_ok(chain_group_txn(c) != NULL);
	chain_group_discard(c);
	t_ok(chain_group_txn(c) == NULL);
	t_eq(segments_bytes(chain_blocks(c)), size);
	chain_tip(c, &tip);
	t_eq(tip.height, 1);

	/* A stage given up takes the blocks before it along; the group stays open, as if just begun. */
	chain_group_begin(c);
	commit_row(c, "a", "two");
	t_zero(chain_stage_begin(c, 3, &stage));
	chain_stage_discard(stage);
	chain_tip(c, &tip);
	t_eq(tip.height, 1);
	t_eq(segments_bytes(chain_blocks(c)), size);
	for (int i = 0; i < 5; i++)
		commit_row(c, "a", "five times");
	t_zero(chain_group_end(c));
	t_eq(height_of(c), 6);
	expect_row(c, "a", 6, "five times");
	chain_group_begin(c);
	t_zero(chain_group_end(c)); /* nothing in it */
	commit_row(c, "b", "alone");
	chain_close(c);
	c = open_at(dir, 0);
	t_eq(height_of(c), 7);
	expect_row(c, "a", 6, "five times");
	expect_row(c, "b", 7, "alone");
	chain_close(c);
}

T_MAIN
