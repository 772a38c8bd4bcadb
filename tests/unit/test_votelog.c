/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_votelog.c - what was appended is read back, also after a crash in the midst of a replacement.
 */
#include "ledger/file.h"
#include "ledger/log.h"
#include "net/votelog.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

#include <stdio.h>
#include <stdlib.h>

struct seen {
	char text[512];
};

static int on_record(void *ctx, struct view record)
{
	struct seen *s = ctx;
	size_t at = strlen(s->text);

	snprintf(s->text + at, sizeof(s->text) - at, "%.*s,", (int)record.len, (const char *)record.data);
	return 0;
}

static void expect(struct votelog *v, const char *want)
{
	struct seen s = {""};

	t_zero(votelog_walk(v, on_record, &s));
	t_str(s.text, want);
}

static void expect_at(const char *dir, const char *want)
{
	struct votelog *v;

	t_zero(votelog_open(dir, &v));
	expect(v, want);
	votelog_close(v);
}

static void add(struct votelog *v, const char *text)
{
	t_zero(votelog_append(v, view_str(text)));
	t_zero(votelog_sync(v));
}

T_TEST(appends_and_reads_back)
{
	const char *dir = tmpdir_path(tmpdir_new(), "votes");
	struct votelog *v;

	t_zero(votelog_open(dir, &v));
	expect(v, "");
	add(v, "a");
	add(v, "b");
	expect(v, "a,b,");
	t_ok(votelog_bytes(v) > 0);
	votelog_close(v);
	expect_at(dir, "a,b,");
	expect_at(dir, "a,b,");
}

T_TEST(replaces)
{
	const char *dir = tmpdir_path(tmpdir_new(), "votes");
	const struct view kept[] = {view_str("x"), view_str("y")};
	struct votelog *v;

	t_zero(votelog_open(dir, &v));
	add(v, "a");
	t_zero(votelog_replace(v, kept, 2));
	expect(v, "x,y,");
	add(v, "b");
	expect(v, "x,y,b,");
	votelog_close(v);
	expect_at(dir, "x,y,b,");
	t_zero(votelog_open(dir, &v));
	t_zero(votelog_replace(v, NULL, 0));
	expect(v, "");
	votelog_close(v);
	expect_at(dir, "");
	t_zero(votelog_open(dir, &v));
	add(v, "c");
	t_zero(votelog_replace(v, kept, 1));
	t_zero(votelog_replace(v, kept, 2));
	add(v, "d");
	votelog_close(v);
	expect_at(dir, "x,y,d,");
}

static int segment_path(const char *dir, char side, char ret_path[FILE_PATH_MAX])
{
	int n = snprintf(ret_path, FILE_PATH_MAX, "%s/%c/00000000.seg", dir, side);

	return n < FILE_PATH_MAX ? 0 : CF_ENAMETOOLONG;
}

/* The newer half cut at each length: as long as it is not whole, the older half holds. */
T_TEST(crash_while_replacing)
{
	const struct view kept[] = {view_str("view"), view_str("change")};
	const char *dir = tmpdir_path(tmpdir_new(), "votes");
	char path[FILE_PATH_MAX];
	struct votelog *v;
	struct buf whole;

	log_set_level(LOG_ERROR); /* each tail that is cut is a line */
	buf_init(&whole, 0);
	t_zero(votelog_open(dir, &v));
	add(v, "a");
	add(v, "b");
	t_zero(votelog_replace(v, kept, 2));
	votelog_close(v);
	t_zero(segment_path(dir, 'b', path));
	t_zero(file_read(path, 1 << 20, &whole));
	for (size_t len = 0; len <= whole.len; len++) {
		t_zero(file_replace(path, VIEW(whole.data, len)));
		expect_at(dir, len == whole.len ? "view,change," : "a,b,");
	}
	buf_release(&whole);
	log_set_level(LOG_INFO);
}

/* A torn append at the end is cut; damage before it is never taken for a torn tail. */
T_TEST(torn_tail_and_damage)
{
	const char *dir = tmpdir_path(tmpdir_new(), "votes");
	char path[FILE_PATH_MAX];
	struct votelog *v;
	struct buf whole;

	buf_init(&whole, 0);
	t_zero(votelog_open(dir, &v));
	add(v, "first");
	add(v, "second");
	votelog_close(v);
	t_zero(segment_path(dir, 'a', path));
	t_zero(file_read(path, 1 << 20, &whole));
	t_zero(file_replace(path, VIEW(whole.data, whole.len - 3)));
	expect_at(dir, "first,");
	whole.data[whole.len - 16] ^= 1; /* in the midst of the first record */
	t_zero(file_replace(path, buf_view(&whole)));
	t_err(votelog_open(dir, &v), CF_ECORRUPT);
	buf_release(&whole);
}

static int stop_at_second(void *ctx, struct view record)
{
	(void)record;
	return ++*(int *)ctx == 2 ? CF_EINTR : 0;
}

T_TEST(walk_can_be_ended)
{
	const char *dir = tmpdir_path(tmpdir_new(), "votes");
	struct votelog *v;
	int count = 0;

	t_zero(votelog_open(dir, &v));
	add(v, "a");
	add(v, "b");
	add(v, "c");
	t_err(votelog_walk(v, stop_at_second, &count), CF_EINTR);
	t_eq(count, 2);
	votelog_close(v);
}

T_MAIN
