/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_approve.c - chartfs rule, pending, approve and refuse: changes that wait for the patient's
 * co-signature. */
#include "fs/cmd.h"
#include "fs/tool.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_change(const char *dir, const struct json *j)
{
	uint64_t size = 0;
	bool is_void = json_get_bool(j, "void", false);

	(void)json_get_uint(j, "size", &size);
	printf("%s/pending/%s\n", dir, json_get_text(j, "name"));
	printf("    %s of %s, by %s at %s, %" PRIu64 " bytes, transaction %s%s\n", json_get_text(j, "file"),
	       json_get_text(j, "section"), json_get_text(j, "author"), json_get_text(j, "time"), size,
	       json_get_text(j, "txid"),
	       is_void ? "; the file was changed since: it cannot be approved" : "");
}

int cmd_pending(int argc, char **argv)
{
	struct json *answer = NULL;
	const struct json *list;
	int err;

	if (argc != 2)
		return cmd_usage(argv[0], "one patient's directory is needed");
	err = tool_ask_about(argv[1], "pending", &answer);
	if (err)
		return cmd_fail(argv[0], err);
	list = json_get(answer, "pending");
	for (size_t i = 0; i < json_count(list); i++)
		print_change(argv[1], json_at(list, i));
	json_free(answer);
	return 0;
}

static int decide(int argc, char **argv, const char *what, const char *done)
{
	char root[FILE_PATH_MAX], rest[FILE_PATH_MAX];
	struct json *request, *answer = NULL;
	uint64_t height = 0;
	int err;

	if (argc != 2 || argv[1][0] == '-')
		return cmd_usage(argv[0], "one file of a patient's pending/ is needed");
	err = tool_root(argv[1], root, rest);
	if (err)
		return cmd_fail(argv[0], err);
	request = tool_request("approve", rest);
	json_set(request, "what", json_text(what));
	err = tool_ask(root, request, &answer);
	if (err)
		return cmd_fail(argv[0], err);
	(void)json_get_uint(answer, "height", &height);
	printf("%s is %s by transaction %s in block %" PRIu64 "\n", argv[1], done,
	       json_get_text(answer, "txid"), height);
	json_free(answer);
	return 0;
}

int cmd_approve(int argc, char **argv)
{
	return decide(argc, argv, "approve", "approved");
}

int cmd_refuse(int argc, char **argv)
{
	return decide(argc, argv, "refuse", "refused");
}

int cmd_withdraw(int argc, char **argv)
{
	return decide(argc, argv, "withdraw", "withdrawn");
}

int cmd_rule(int argc, char **argv)
{
	char root[FILE_PATH_MAX], rest[FILE_PATH_MAX];
	struct json *request, *answer = NULL;
	int err;

	if (argc != 6 || strcmp(argv[2], "--sections") != 0 || strcmp(argv[4], "--changes") != 0)
		return cmd_usage(argv[0], "a patient's directory, --sections and --changes are needed");
	err = tool_root(argv[1], root, rest);
	if (err)
		return cmd_fail(argv[0], err);
	request = tool_request("rule", rest);
	json_set(request, "sections", json_text(argv[3]));
	json_set(request, "changes", json_text(argv[5]));
	err = tool_ask(root, request, &answer);
	if (err)
		return cmd_fail(argv[0], err);
	printf("changes in %s of %s are %s\n", argv[3], argv[1],
	       argv[5][0] == 'a' ? "to be approved by the patient" : "made by whoever is granted them");
	json_free(answer);
	return 0;
}
