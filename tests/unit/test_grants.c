/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_grants.c - the text of a file of GRANTS/: read back as it was written, and what is none.
 */
#include "fs/grants.h"

#include "acl/purpose.h"
#include "tests/lib/t.h"

#include <string.h>

T_TEST(what_is_written_is_read)
{
	static const char text[] = "# the ward\n"
				   "\n"
				   "EMR02,EMR04-EMR06\tread,add until 2026-12-31T18:00:00Z\r\n"
				   "  EMR07 read # for good\n"
				   "EMR08 read until 2026-12-31 for RESEARCH\nEMR09 add for TREAT\n"
				   "patient read,modify";
	struct grants g, back;
	struct buf out;

	buf_init(&out, 0);
	t_zero(grants_parse(view_str(text), &g));
	t_eq(g.section[2].verbs, VERB_READ | VERB_ADD);
	t_eq(g.section[5].verbs, VERB_READ | VERB_ADD);
	t_ok(g.section[5].until_ms / 1000 == UINT64_C(1798740000));
	t_eq(g.section[3].verbs, 0);
	t_eq(g.section[7].verbs, VERB_READ);
	t_ok(g.section[7].until_ms == 0);
	t_eq(g.section[0].verbs, VERB_READ | VERB_MODIFY);
	t_eq(g.section[7].purpose, 0);
	t_str(purpose_code(g.section[8].purpose), "HRESCH");
	t_ok(g.section[8].until_ms != 0);
	t_str(purpose_code(g.section[9].purpose), "TREAT");
	t_zero(grants_format(&g, &out));
	t_zero(grants_parse(buf_view(&out), &back));
	for (unsigned i = 0; i <= SECTION_COUNT; i++)
		t_ok(grants_same(&g, &back, i));
	buf_release(&out);
}

T_TEST(what_is_no_grant_is_named_with_its_line)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"", "grants nothing"},
		{"\n# nothing\n", "grants nothing"},
		{"EMR02", "line 1: 'EMR02': sections and verbs"},
		{"EMR02 read for CURIOSITY", "line 1: no purpose 'CURIOSITY'"},
		{"EMR02 read for TREAT until 2026-12-31", "line 1: 'until': behind the verbs"},
		{"EMR02 read\nEMR17 read", "line 2: no section 'EMR17'"},
		{"EMR02 write", "line 1: no verb 'write'"},
		{"EMR02 read tomorrow", "line 1: 'tomorrow'"},
		{"EMR02 read until", "line 1: 'until'"},
		{"EMR02 read until soon", "line 1: 'soon'"},
		{"EMR02 read until @7", "line 1: '@7'"},
		{"EMR02 read until 2026-12-31 or later", "line 1: 'or'"},
		{"EMR02 read\nEMR01-EMR03 add", "line 2: EMR02 stands in two lines"},
	};
	char line[1024];
	struct grants g;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		t_err(grants_parse(view_str(bad[i].text), &g), CF_EINVAL);
		t_note("%s", err_detail());
		t_ok(strstr(err_detail(), bad[i].says));
	}
	memset(line, 'x', sizeof(line));
	t_err(grants_parse(VIEW(line, sizeof(line)), &g), CF_EINVAL);
	t_err(grants_parse(VIEW("EMR02\0read", 10), &g), CF_EINVAL);
}

T_MAIN
