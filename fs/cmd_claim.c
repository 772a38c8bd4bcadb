/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_claim.c - chartfs consent and claim: a chart in custody becomes its patient's own. */
#include "fs/cmd.h"
#include "fs/tool.h"
#include "fs/words.h"

#include "acl/claim.h"
#include "acl/userfile.h"

#include <stdio.h>
#include <string.h>

#define CONSENT_FILE_MAX 4096

struct words {
	const char *patient;
	const char *custodian;
	const char *consent;
	const char *out;
	const char *path;
};

/* 0, or the exit code. */
static int parse(int argc, char **argv, struct words *w)
{
	const struct word table[] = {
		{"patient", &w->patient, NULL},
		{"custodian", &w->custodian, NULL},
		{"consent", &w->consent, NULL},
		{"o", &w->out, NULL},
	};
	char **arg;
	int args, code = WORDS_PARSE(argc, argv, table, &arg, &args);

	if (code)
		return code;
	if (args > 1)
		return cmd_usage(argv[0], "too many words");
	w->path = arg[0];
	return 0;
}

static int write_consent(const char *out, const char *consent)
{
	char line[CLAIM_TEXT_BYTES + 1];
	int len = snprintf(line, sizeof(line), "%s\n", consent);

	if (out)
		return userfile_create(out, 0644, VIEW(line, (size_t)len));
	fputs(line, stdout);
	return 0;
}

int cmd_consent(int argc, char **argv)
{
	char root[FILE_PATH_MAX];
	struct json *request, *answer = NULL;
	struct words w;
	int err, code = parse(argc, argv, &w);

	if (code)
		return code;
	if (!w.patient || !w.custodian || w.consent)
		return cmd_usage(argv[0], "--patient and --custodian are needed");
	err = tool_root(w.path ? w.path : ".", root, NULL);
	if (err)
		return cmd_fail(argv[0], err);
	request = tool_request("consent", "");
	json_set(request, "patient", json_text(w.patient));
	json_set(request, "custodian", json_text(w.custodian));
	err = tool_ask(root, request, &answer);
	if (!err)
		err = write_consent(w.out, json_get_text(answer, "consent"));
	json_free(answer);
	return err ? cmd_fail(argv[0], err) : 0;
}

static int send_claim(const struct words *w, struct json **ret_answer)
{
	char root[FILE_PATH_MAX], rest[FILE_PATH_MAX];
	struct json *request;
	struct buf text;
	int err;

	buf_init(&text, 0);
	err = userfile_read(w->consent, CONSENT_FILE_MAX, false, &text);
	if (!err)
		err = buf_append(&text, "", 1);
	if (!err)
		err = tool_root(w->path, root, rest);
	if (!err) {
		request = tool_request("claim", rest);
		json_set(request, "consent", json_text((const char *)text.data));
		err = tool_ask(root, request, ret_answer);
	}
	buf_release(&text);
	return err;
}

int cmd_claim(int argc, char **argv)
{
	struct json *answer = NULL;
	struct words w;
	int err, code = parse(argc, argv, &w);

	if (code)
		return code;
	if (!w.consent || !w.path || w.patient || w.custodian || w.out)
		return cmd_usage(argv[0], "a patient's directory and --consent are needed");
	err = send_claim(&w, &answer);
	json_free(answer);
	if (err)
		return cmd_fail(argv[0], err);
	printf("%s is its patient's own; what you keep is a grant that they may revoke\n", w.path);
	return 0;
}
