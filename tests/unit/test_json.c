/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/json.h"
#include "tests/lib/t.h"

#include <stdlib.h>

static const char *check(const char *text, size_t len)
{
	static char reason[200];

	reason[0] = '\0';
	return json_check(VIEW(text, len), reason, sizeof(reason)) ? reason : "ok";
}

static const char *check_str(const char *text)
{
	return check(text, strlen(text));
}

T_TEST(one_value_of_any_type_is_json)
{
	static const char *const good[] = {"{}",
					   "[]",
					   "\"x\"",
					   "0",
					   "-1.5e3",
					   "true",
					   "null",
					   " {\n} \t",
					   "{\"a\":1}",
					   "[1,2]",
					   "{\"a\":1,\"a\":2}",
					   "\"\\u0000\"",
					   "123456789012345678901234567890"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		t_str(check_str(good[i]), "ok");
}

T_TEST(anything_else_is_not)
{
	static const char *const bad[] = {"",
					  " ",
					  "{",
					  "{}{}",
					  "{} x",
					  "[1,]",
					  "{\"a\"}",
					  "{a:1}",
					  "'x'",
					  "nul",
					  "01",
					  "+1",
					  "\"\n\"",
					  "NaN",
					  "\"\\x\"",
					  "// x\n1",
					  "\xef\xbb\xbf{}",
					  "\"\xff\"",
					  "\"\xc0\x80\"",
					  "\"\xed\xa0\x80\""};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (strcmp(check_str(bad[i]), "ok") == 0)
			t_fail("taken for JSON: %s", bad[i]);
	}
	t_ok(strcmp(check("{}\0", 3), "ok") != 0);
	t_ok(strcmp(check("\"a\0b\"", 5), "ok") != 0);
}

T_TEST(every_prefix_of_a_value_is_refused)
{
	static const char text[] = "{\"a\": [1, 2.5, \"\xc3\xa9\", true, null], \"b\": {\"c\": \"\\n\"}}";

	for (size_t len = 0; len < sizeof(text) - 1; len++)
		t_ok(strcmp(check(text, len), "ok") != 0);
	t_str(check(text, sizeof(text) - 1), "ok");
}

T_TEST(depth_is_limited)
{
	static char text[20000];

	memset(text, '[', 10000);
	memset(text + 10000, ']', 10000);
	t_ok(strcmp(check(text, sizeof(text)), "ok") != 0);
	memset(text, '[', 1000);
	memset(text + 1000, ']', 1000);
	t_str(check(text, 2000), "ok");
}

T_TEST(a_reason_has_a_place_and_no_content)
{
	const char *reason = check_str("{\n  \"diagnosis\": secret\n}");

	t_ok(strncmp(reason, "line 2, column ", 15) == 0);
	t_ok(strstr(reason, "secret") == NULL);
}

T_TEST(what_is_built_reads_back)
{
	struct json *j = json_new_object(), *list = json_new_array(), *back;
	uint64_t n = 0;
	struct buf out;

	buf_init(&out, 0);
	json_add(list, json_text("a"));
	json_add(list, json_uint(UINT64_MAX));
	json_set(j, "list", list);
	json_set(j, "n", json_uint(7));
	json_set(j, "on", json_bool(true));
	json_set(j, "id", json_hex("\x01\xff", 2));
	json_set(j, "time", json_time(1795371601123));
	json_set(j, "odd", json_text("\xff"));
	t_zero(json_format(j, &out));
	t_bytes(out.data, out.len,
		"{\"list\":[\"a\",\"18446744073709551615\"],\"n\":7,\"on\":true,\"id\":\"01ff\","
		"\"time\":\"2026-11-22T18:20:01.123Z\",\"odd\":\"?\"}",
		out.len);
	t_zero(json_parse(buf_view(&out), &back));
	t_ok(json_get_uint(back, "n", &n));
	t_eq(n, 7);
	t_ok(json_get_bool(back, "on", false));
	t_str(json_get_text(back, "id"), "01ff");
	t_ok(json_get_text(back, "n") == NULL);
	t_ok(!json_get_uint(back, "absent", &n));
	t_eq(json_count(json_get(back, "list")), 2);
	t_str(json_as_text(json_at(json_get(back, "list"), 0)), "a");
	json_free(back);
	json_free(j);
	buf_release(&out);
}

T_TEST(printing_nothing_is_out_of_memory)
{
	struct json *j = NULL;
	struct buf out;

	buf_init(&out, 0);
	json_set(NULL, "x", json_uint(1));
	json_add(NULL, json_uint(1));
	t_err(json_format(NULL, &out), CF_ENOMEM);
	t_err(json_parse(view_str("[1"), &j), CF_EINVAL);
	t_ok(j == NULL);
	json_free(NULL);
	buf_release(&out);
}

T_MAIN
