/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_grant.c - chartfs grant, revoke and grants: who may do what with a patient's sections. */
#include "fs/cmd.h"
#include "fs/tool.h"
#include "fs/words.h"

#include "acl/role.h"

#include <stdio.h>
#include <string.h>

struct words {
	const char *dir;
	const char *who;
	const char *sections;
	const char *verbs;
	const char *until;
	const char *purpose;
};

/* 0, or the exit code. */
static int parse(int argc, char **argv, struct words *w)
{
	const struct word table[] = {
		{"to", &w->who, NULL},      {"from", &w->who, NULL},    {"sections", &w->sections, NULL},
		{"verbs", &w->verbs, NULL}, {"until", &w->until, NULL}, {"purpose", &w->purpose, NULL},
	};
	char **arg;
	int args, code = WORDS_PARSE(argc, argv, table, &arg, &args);

	if (code)
		return code;
	if (args != 1)
		return cmd_usage(argv[0], "one patient's directory is needed");
	w->dir = arg[0];
	return 0;
}

/* Wrong words are refused here, before anything is asked. */
static int set_sections(const char *sections, struct json *request)
{
	uint32_t bits;
	int err = sections_parse(sections, &bits);

	if (!err)
		json_set(request, "sections", json_text(sections));
	return err;
}

static int set_words(const struct words *w, struct json *request)
{
	uint64_t until_ms;
	unsigned verbs;
	int err = 0;

	if (w->sections)
		err = set_sections(w->sections, request);
	if (!err && w->verbs) {
		err = verbs_parse(w->verbs, &verbs);
		json_set(request, "verbs", json_text(w->verbs));
	}
	if (w->purpose)
		json_set(request, "purpose", json_text(w->purpose));
	if (!err && w->until) {
		err = tool_time(w->until, &until_ms);
		if (!err)
			json_set(request, "until", json_uint(until_ms));
	}
	return err;
}

static int send_words(const char *name, const char *who_key, const struct words *w, struct json **ret_answer)
{
	char root[FILE_PATH_MAX], rest[FILE_PATH_MAX];
	struct json *request;
	int err = tool_root(w->dir, root, rest);

	if (err)
		return err;
	request = tool_request(name, rest);
	if (who_key)
		json_set(request, who_key, json_text(w->who));
	err = set_words(w, request);
	if (err) {
		json_free(request);
		return err;
	}
	return tool_ask(root, request, ret_answer);
}

int cmd_grant(int argc, char **argv)
{
	struct json *answer = NULL;
	struct words w;
	int err, code = parse(argc, argv, &w);

	if (code)
		return code;
	if (!w.who || !w.sections || !w.verbs)
		return cmd_usage(argv[0], "--to, --sections and --verbs are needed");
	err = send_words("grant", "to", &w, &answer);
	if (err)
		return cmd_fail(argv[0], err);
	printf("%s may %s %s of %s%s%s%s%s\n", w.who, w.verbs, w.sections, w.dir, w.until ? " until " : "",
	       w.until ? w.until : "", w.purpose ? " for " : "", w.purpose ? w.purpose : "");
	json_free(answer);
	return 0;
}

int cmd_revoke(int argc, char **argv)
{
	struct json *answer = NULL;
	struct words w;
	int err, code = parse(argc, argv, &w);

	if (code)
		return code;
	if (!w.who || w.verbs || w.until || w.purpose)
		return cmd_usage(argv[0], "--from is needed, and --sections at most");
	err = send_words("revoke", "from", &w, &answer);
	if (err)
		return cmd_fail(argv[0], err);
	printf("%s has nothing any more on %s of %s\n", w.who, w.sections ? w.sections : "all sections",
	       w.dir);
	json_free(answer);
	return 0;
}

static void print_grant(const struct json *g)
{
	const struct json *sections = json_get(g, "sections");
	const char *until = json_get_text(g, "until"), *purpose = json_get_text(g, "purpose");

	printf("%-24s %-28s ", json_get_text(g, "to"), json_get_text(g, "verbs"));
	for (size_t i = 0; i < json_count(sections); i++)
		printf("%s%s", i ? "," : "", json_as_text(json_at(sections, i)));
	printf("%s%s%s%s\n", until ? "  until " : "", until ? until : "", purpose ? "  for " : "",
	       purpose ? purpose : "");
}

int cmd_grants(int argc, char **argv)
{
	const struct json *list;
	struct json *answer = NULL;
	int err;

	if (argc != 2)
		return cmd_usage(argv[0], "one patient's directory is needed");
	err = tool_ask_about(argv[1], "grants", &answer);
	if (err)
		return cmd_fail(argv[0], err);
	printf("patient %s\n", json_get_text(answer, "patient"));
	if (json_get_text(answer, "owner"))
		printf("%-24s owner\n", json_get_text(answer, "owner"));
	else
		printf("%-24s custodian\n", json_get_text(answer, "custodian"));
	list = json_get(answer, "grants");
	for (size_t i = 0; i < json_count(list); i++)
		print_grant(json_at(list, i));
	json_free(answer);
	return 0;
}
