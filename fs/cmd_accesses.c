/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_accesses.c - chartfs accesses: who read what, when and why. */
#include "fs/cmd.h"
#include "fs/tool.h"
#include "fs/words.h"

#include <stdio.h>
#include <string.h>

struct words {
	const char *patient;
	const char *since;
	const char *until;
	const char *path;
	bool fhir;
};

/* 0, or the exit code. */
static int parse(int argc, char **argv, struct words *w)
{
	const struct word table[] = {
		{"patient", &w->patient, NULL},
		{"since", &w->since, NULL},
		{"until", &w->until, NULL},
		{"fhir", NULL, &w->fhir},
	};
	char **arg;
	int args, code = WORDS_PARSE(argc, argv, table, &arg, &args);

	if (code)
		return code;
	if (args > 1)
		return cmd_usage(argv[0], "too many words");
	w->path = args ? arg[0] : ".";
	return 0;
}

static int set_time(struct json *request, const char *key, const char *text)
{
	uint64_t ms;
	int err = text ? tool_time(text, &ms) : 0;

	if (text && !err)
		json_set(request, key, json_uint(ms));
	return err;
}

static int ask(const struct words *w, struct json **ret_answer)
{
	char root[FILE_PATH_MAX], rest[FILE_PATH_MAX];
	struct json *request;
	int err = tool_root(w->path, root, rest);

	if (err)
		return err;
	request = tool_request("accesses", rest);
	if (w->patient)
		json_set(request, "patient", json_text(w->patient));
	json_set(request, "fhir", json_bool(w->fhir));
	err = set_time(request, "since", w->since);
	if (!err)
		err = set_time(request, "until", w->until);
	if (err) {
		json_free(request);
		return err;
	}
	return tool_ask(root, request, ret_answer);
}

static void print_access(const struct json *a)
{
	printf("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", json_get_text(a, "time"), json_get_text(a, "by"),
	       json_get_text(a, "role"), json_get_text(a, "section"), json_get_text(a, "use"),
	       json_get_text(a, "purpose"), json_get_text(a, "until"), json_get_text(a, "query"),
	       json_get_text(a, "patient"));
}

static int print_event(const struct json *event)
{
	struct buf line;
	int err;

	buf_init(&line, 0);
	err = json_format(event, &line);
	if (!err)
		printf("%.*s\n", (int)line.len, (const char *)line.data);
	buf_release(&line);
	return err;
}

int cmd_accesses(int argc, char **argv)
{
	const struct json *list;
	struct json *answer = NULL;
	struct words w;
	int err, code = parse(argc, argv, &w);

	if (code)
		return code;
	err = ask(&w, &answer);
	list = err ? NULL : json_get(answer, "accesses");
	for (size_t i = 0; !err && i < json_count(list); i++) {
		if (w.fhir)
			err = print_event(json_at(list, i));
		else
			print_access(json_at(list, i));
	}
	json_free(answer);
	return err ? cmd_fail(argv[0], err) : 0;
}
