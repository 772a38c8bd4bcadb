/* SPDX-License-Identifier: Apache-2.0 */
/* A mount's control directory over a chart that reaches no peer: what it says, and how it answers requests.
 */
#include "fs/control.h"
#include "fs/json.h"
#include "fs/latch.h"
#include "fs/mount.h"
#include "fs/tool.h"
#include "tests/lib/netfix.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

#include <sys/stat.h>

struct scene {
	struct netfix *n;
	struct client *client;
	struct chart *chart;
	struct inodes *inodes;
	struct latch *latch;
	struct control *control;
	struct control_file *file; /* `control`, open */
	struct buf answer;
};

static struct control_file *open_file(struct scene *s, const char *name)
{
	struct place dir = place_simple(PLACE_CONTROL, 0);
	struct control_file *f;
	struct chart_attr attr;

	t_zero(control_lookup(s->control, &dir, name, &attr));
	t_zero(control_open(s->control, &attr.place, name, &f));
	return f;
}

static void set_up(struct scene *s)
{
	struct client_config client;
	struct chart_config chart;

	memset(s, 0, sizeof(*s));
	buf_init(&s->answer, 0);
	t_zero(netfix_new(1, false, &s->n));
	client = (struct client_config){.data_dir = tmpdir_new(),
					.genesis = buf_view(&s->n->genesis),
					.identity = &s->n->custodian[0]};
	t_zero(client_open(&client, &s->client));
	chart = (struct chart_config){
		.client = s->client, .spool_dir = tmpdir_path(tmpdir_new(), "spool"), .timeout_ms = 100};
	t_zero(chart_new(&chart, &s->chart));
	t_zero(inodes_new(&s->inodes));
	t_zero(latch_new(&s->latch));
	t_zero(control_new(s->chart, s->inodes, s->latch, false, &s->control));
	s->file = open_file(s, "control");
}

static void tear_down(struct scene *s)
{
	control_close(s->file);
	control_free(s->control);
	latch_free(s->latch);
	inodes_free(s->inodes);
	chart_free(s->chart);
	client_close(s->client);
	netfix_free(s->n);
	buf_release(&s->answer);
}

static int ask(struct scene *s, const char *text)
{
	int err = control_write(s->file, view_str(text));

	buf_reset(&s->answer);
	return err ? err : control_read(s->file, 0, 65536, &s->answer);
}

/* The value of a key of the one answer that came. */
static void expect(struct scene *s, const char *request, const char *key, const char *value)
{
	struct json *answer;

	t_zero(ask(s, request));
	t_ok(s->answer.len > 0);
	t_zero(json_parse(buf_view(&s->answer), &answer));
	t_str(json_get_text(answer, key), value);
	json_free(answer);
}

static size_t count_lines(const struct buf *b)
{
	size_t lines = 0;

	for (size_t i = 0; i < b->len; i++)
		lines += b->data[i] == '\n';
	return lines;
}

T_TEST(requests_are_answered_line_by_line)
{
	struct scene s;

	set_up(&s);
	expect(&s, "{\"request\":\"whoami\"}\n", "role", "manager");
	expect(&s, "{\"request\":\"fly\"}\n", "error", "CF_EUSAGE");
	expect(&s, "{}\n", "error", "CF_EUSAGE");
	expect(&s, "[1]\n", "error", "CF_EUSAGE");
	expect(&s, "not json\n", "error", "CF_EINVAL");
	expect(&s, "{\"request\":\"block\",\"height\":9}\n", "error", "CF_ENOTFOUND");
	expect(&s, "{\"request\":\"tx\",\"id\":\"00\"}\n", "error", "CF_EUSAGE");
	expect(&s, "{\"request\":\"resolve\",\"path\":\"patients/nobody\"}\n", "error", "CF_ENOTFOUND");
	expect(&s, "{\"request\":\"grant\",\"path\":\"people\",\"to\":\"x\",\"verbs\":\"read\"}\n", "error",
	       "CF_EUSAGE");
	/* half a line waits for the rest; two lines have two answers */
	t_zero(ask(&s, "{\"request\":"));
	t_eq(s.answer.len, 0);
	expect(&s, "\"whoami\"}\n", "role", "manager");
	t_zero(ask(&s, "{\"request\":\"status\"}\n{\"request\":\"whoami\"}\n"));
	t_eq(count_lines(&s.answer), 2);
	tear_down(&s);
}

static bool count_entry(void *ctx, const char *name, const struct chart_attr *attr, uint64_t cookie)
{
	(void)name;
	(void)attr;
	(void)cookie;
	++*(int *)ctx;
	return true;
}

T_TEST(requests_that_need_keys_are_refused_while_there_are_none)
{
	struct place conflicts = place_simple(PLACE_CONTROL_FILE, 0), dir = place_simple(PLACE_CONTROL, 0);
	struct chart_attr attr;
	struct scene s;
	size_t count = 0;

	set_up(&s);
	expect(&s, "{\"request\":\"lock\"}\n", "error", "CF_EUNSUPPORTED"); /* nobody who could */
	expect(&s, "{\"request\":\"unlock\"}\n", "error", "CF_EUNSUPPORTED");
	latch_close(s.latch, "locked, for a test");
	expect(&s, "{\"request\":\"whoami\"}\n", "role", "manager");
	expect(&s, "{\"request\":\"orgs\"}\n", "error", NULL);
	expect(&s, "{\"request\":\"resolve\",\"path\":\"patients\"}\n", "error", "CF_ELOCKED");
	expect(&s, "{\"request\":\"sign\"}\n", "detail", "locked, for a test");
	t_zero(control_lookup(s.control, &dir, "conflicts", &attr));
	conflicts = attr.place;
	t_err(control_list(s.control, &conflicts, 0, count_entry, &count), CF_ELOCKED);
	t_zero(control_lookup(s.control, &dir, "staged", &attr));
	control_close(s.file);
	t_err(control_open(s.control, &attr.place, "staged", &s.file), CF_ELOCKED);
	s.file = open_file(&s, "status");
	tear_down(&s);
}

T_TEST(an_endless_line_is_refused)
{
	static char text[CONTROL_REQUEST_BYTES_MAX];
	struct scene s;

	set_up(&s);
	memset(text, ' ', sizeof(text));
	t_zero(control_write(s.file, VIEW(text, sizeof(text))));
	t_err(control_write(s.file, view_str(" ")), CF_ETOOBIG);
	tear_down(&s);
}

T_TEST(the_directory_lists_what_it_answers_for)
{
	struct place dir = place_simple(PLACE_CONTROL, 0);
	struct chart_attr attr;
	struct scene s;
	int count = 0;

	set_up(&s);
	t_zero(control_list(s.control, &dir, 0, count_entry, &count));
	t_eq(count, 7);
	t_zero(control_list(s.control, &dir, 5, count_entry, &count));
	t_eq(count, 9);
	t_zero(control_lookup(s.control, &dir, "control", &attr));
	t_eq(attr.mode, S_IFREG | 0600);
	t_zero(control_lookup(s.control, &dir, "conflicts", &attr));
	t_ok(S_ISDIR(attr.mode));
	dir = attr.place;
	t_err(control_lookup(s.control, &dir, "none", &attr), CF_ENOTFOUND);
	t_err(control_open(s.control, &dir, "conflicts", &s.file), CF_EISDIR);
	tear_down(&s);
}

T_TEST(files_are_what_they_were_when_opened)
{
	static const char *const names[] = {"status", "height", "metrics", "last-error", "staged"};
	struct control_file *f;
	struct buf whole, piece;
	struct scene s;

	set_up(&s);
	buf_init(&whole, 0);
	buf_init(&piece, 0);
	chart_note_error(s.chart, "save x.json", CF_ENOQUORUM);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		f = open_file(&s, names[i]);
		buf_reset(&whole);
		buf_reset(&piece);
		t_zero(control_read(f, 0, 1 << 20, &whole));
		t_zero(control_read(f, 1, 3, &piece));
		if (whole.len >= 4)
			t_bytes(piece.data, piece.len, whole.data + 1, 3);
		t_zero(control_read(f, 1 << 20, 10, &piece));
		t_err(control_write(f, view_str("x")), CF_EPERM);
		if (strcmp(names[i], "last-error") == 0)
			t_ok(memmem(whole.data, whole.len, "ETIMEDOUT", 9));
		control_close(f);
	}
	buf_release(&whole);
	buf_release(&piece);
	tear_down(&s);
}

T_TEST(unknown_mount_options_are_refused)
{
	struct mount_options o = {0};

	t_zero(mount_option_parse("", &o));
	t_zero(mount_option_parse("rw,noatime,_netdev,x-systemd.automount", &o));
	t_ok(!o.read_only);
	t_zero(mount_option_parse("nofail,ro", &o));
	t_ok(o.read_only);
	t_eq(o.commit, CHART_COMMIT_CLOSE);
	t_zero(mount_option_parse("commit=async,commit=fsync", &o));
	t_eq(o.commit, CHART_COMMIT_FSYNC);
	t_ok(!o.no_events);
	t_zero(mount_option_parse("noinotify", &o));
	t_ok(o.no_events);
	t_err(mount_option_parse("commit=", &o), CF_EUSAGE);
	t_err(mount_option_parse("commit=never", &o), CF_EUSAGE);
	t_err(mount_option_parse("rox", &o), CF_EUSAGE);
	t_err(mount_option_parse("r", &o), CF_EUSAGE);
	t_zero(mount_option_parse("ro,allow_other", &o));
	t_err(mount_option_check(&o), CF_EUSAGE);
	t_err(mount_option_parse("users=", &o), CF_EUSAGE);
	t_err(mount_option_parse("users=1000:", &o), CF_EUSAGE);
	t_err(mount_option_parse("users=a", &o), CF_EUSAGE);
	t_err(mount_option_parse("users=4294967295", &o), CF_EUSAGE);
	t_zero(mount_option_parse("users=0:1000,ro", &o));
	t_zero(mount_option_check(&o));
	t_eq(o.user_count, 2);
	t_eq(o.user[1], 1000);
}

T_TEST(times_of_grants)
{
	uint64_t ms = 0;

	t_zero(tool_time("2026-12-31", &ms));
	t_eq(ms, 1798761599999);
	t_zero(tool_time("2026-12-31T18:00:00Z", &ms));
	t_err(tool_time("@7", &ms), CF_EUSAGE);
	t_err(tool_time("latest", &ms), CF_EUSAGE);
	t_err(tool_time("tomorrow", &ms), CF_EUSAGE);
}

T_MAIN
