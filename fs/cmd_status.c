/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_status.c - chartfs status, whoami, and peers of a mount: what it says of itself. */
#include "fs/cmd.h"
#include "fs/tool.h"

#include <stdio.h>
#include <string.h>

static int print(const struct json *j)
{
	struct buf text;
	int err;

	buf_init(&text, 0);
	err = json_pretty(j, &text);
	if (!err && fwrite(text.data, 1, text.len, stdout) != text.len)
		err = CF_EIO;
	buf_release(&text);
	return err;
}

/* Asks and prints what is under key; NULL: the whole answer. */
static int ask(int argc, char **argv, const char *request, const char *key)
{
	struct json *answer = NULL;
	const char *path = argc == 2 ? argv[1] : ".";
	int err;

	if (argc > 2)
		return cmd_usage(argv[0], "at most one path");
	err = tool_ask_about(path, request, &answer);
	if (!err)
		err = print(key ? json_get(answer, key) : answer);
	json_free(answer);
	return err ? cmd_fail(argv[0], err) : 0;
}

/* Ends with 13 when the identity is revoked or its certificate has ended: for monitoring. */
int cmd_status(int argc, char **argv)
{
	struct json *answer = NULL;
	const struct json *status;
	const char *standing;
	int err;

	if (argc > 2)
		return cmd_usage(argv[0], "at most one path");
	err = tool_ask_about(argc == 2 ? argv[1] : ".", "status", &answer);
	status = err ? NULL : json_get(answer, "status");
	if (!err)
		err = print(status);
	standing = err ? NULL : json_get_text(status, "identity_status");
	if (standing && strcmp(standing, "revoked") == 0)
		err = err_set(CF_EREVOKED, "this identity is revoked");
	else if (!err && !json_get_bool(status, "certificate_valid", true))
		err = err_set(CF_EEXPIRED, "the certificate has expired");
	json_free(answer);
	return err ? cmd_fail(argv[0], err) : 0;
}

int cmd_peers_of_mount(int argc, char **argv)
{
	return ask(argc, argv, "peers", "peers");
}

int cmd_whoami(int argc, char **argv)
{
	struct json *answer = NULL;
	int err;

	if (argc > 2)
		return cmd_usage(argv[0], "at most one path");
	err = tool_ask_about(argc == 2 ? argv[1] : ".", "whoami", &answer);
	if (err)
		return cmd_fail(argv[0], err);
	printf("%s, %s\nidentity %s\nkey %s\ncertificate %s, valid until %s\n",
	       json_get_text(answer, "identity"), json_get_text(answer, "role"), json_get_text(answer, "id"),
	       json_get_text(answer, "key"), json_get_text(answer, "certificate"),
	       json_get_text(answer, "valid_until"));
	json_free(answer);
	return 0;
}
