/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_replace.c - chartfs replacement and replace: another owner for the chart of a patient whose keys are
 * lost.
 */
#include "fs/cmd.h"
#include "fs/tool.h"
#include "fs/words.h"

#include "acl/replacement.h"
#include "acl/rowread.h"
#include "acl/userfile.h"
#include "acl/x509.h"

#include <stdio.h>
#include <string.h>

#define TIMEOUT_MS 30000 /* until the chart is known here */

struct words {
	const char *config;
	const char *patient;
	const char *old;
	const char *out;
	const char *verb;
	const char *target;
};

/* 0, or the exit code. */
static int parse(int argc, char **argv, struct words *w)
{
	const struct word table[] = {
		{"config", &w->config, NULL},
		{"patient", &w->patient, NULL},
		{"old", &w->old, NULL},
		{"o", &w->out, NULL},
	};
	bool begin;
	char **arg;
	int args, code = WORDS_PARSE(argc, argv, table, &arg, &args);

	if (code)
		return code;
	w->verb = args ? arg[0] : "";
	w->target = args > 1 ? arg[1] : NULL;
	begin = strcmp(w->verb, "begin") == 0;
	if (!begin && strcmp(w->verb, "approve") != 0)
		return cmd_usage(argv[0], "begin or approve is needed");
	if (!w->config || (begin ? !w->patient || !w->old || w->target : !w->target || w->patient || w->old))
		return cmd_usage(argv[0], begin ? "--patient, --old and --config are needed"
						: "a file and --config are needed");
	return 0;
}

static int write_out(const struct replacement *r, const char *path)
{
	struct buf text;
	int err;

	buf_init(&text, 0);
	err = replacement_format(r, &text);
	if (!err && path)
		err = file_replace(path, buf_view(&text));
	else if (!err)
		(void)fwrite(text.data, 1, text.len, stdout);
	buf_release(&text);
	return err;
}

/* Since when the old owner owns the chart. */
static int find_since(struct cmd_session *s, struct replacement *r)
{
	const struct statekey key = statekey_patient(&r->patient);
	struct patient_row row;
	struct db_txn *txn;
	struct view bytes;
	int err = client_wait(s->client, 0, TIMEOUT_MS);

	if (!err)
		err = chain_read_begin(client_chain(s->client), &txn);
	if (err)
		return err;
	err = state_patient(txn, &r->patient, &row);
	if (err == CF_ENOTFOUND)
		err = err_set(err, "there is no such patient");
	else if (!err && (row.status != PATIENT_OWNED || !identity_equal(&row.owner, &r->op.old)))
		err = err_set(CF_ECONFLICT, "that is not who owns the chart");
	if (!err)
		err = state_get(txn, statekey_view(&key), &bytes, &r->since);
	db_abort(txn);
	return err;
}

/* The new owner, who so consents. */
static int begin(const struct words *w, struct cmd_session *s)
{
	struct replacement r = {.op = {.owner = s->identity.id}};
	const char *at = strchr(w->old, '@');
	char name[CERT_NAME_MAX + 1];
	int err;

	if (s->identity.info.role != ROLE_PATIENT)
		return err_set(CF_EDENIED, "a %s owns no chart", role_name(s->identity.info.role));
	if (strlen(w->patient) != 2 * PATIENT_BYTES || hex_decode(w->patient, r.patient.b, PATIENT_BYTES))
		return err_set(CF_EUSAGE,
			       "--patient is the patient's id, %d hexadecimal digits (chartfs grants)",
			       2 * PATIENT_BYTES);
	if (!at || at == w->old || (size_t)(at - w->old) >= sizeof(name))
		return err_set(CF_EUSAGE, "--old %s: NAME@ORGANIZATION is needed", w->old);
	snprintf(name, sizeof(name), "%.*s", (int)(at - w->old), w->old);
	r.op.old = identity_id_of(at + 1, name);
	err = find_since(s, &r);
	if (!err)
		err = replacement_consent(&r, client_network(s->client), s->identity.sign);
	return err ? err : write_out(&r, w->out);
}

static int approve(const struct words *w, struct cmd_session *s)
{
	struct replacement r;
	struct buf text;
	int err;

	buf_init(&text, 0);
	err = userfile_read(w->target, REPLACEMENT_TEXT_MAX, false, &text);
	if (!err)
		err = replacement_parse(buf_view(&text), &r);
	buf_release(&text);
	if (!err)
		err = replacement_approve(&r, client_network(s->client), &s->identity.id, s->identity.sign);
	if (!err)
		err = write_out(&r, w->out ? w->out : w->target);
	if (!err)
		printf("%s@%s approves\n", s->identity.info.name, s->identity.info.org);
	return err;
}

int cmd_replacement(int argc, char **argv)
{
	struct cmd_session s;
	struct words w;
	int err, code = parse(argc, argv, &w);

	if (code)
		return code;
	err = cmd_session_open(w.config, true, NULL, &s);
	if (err)
		return cmd_fail(argv[0], err);
	err = strcmp(w.verb, "begin") == 0 ? begin(&w, &s) : approve(&w, &s);
	code = err ? cmd_fail(argv[0], err) : 0;
	cmd_session_close(&s);
	return code;
}

int cmd_replace(int argc, char **argv)
{
	char root[FILE_PATH_MAX], rest[FILE_PATH_MAX];
	struct json *request, *answer = NULL;
	struct buf text;
	int err;

	if (argc != 4 || strcmp(argv[2], "--with") != 0)
		return cmd_usage(argv[0], "a patient's directory and --with are needed");
	buf_init(&text, 0);
	err = userfile_read(argv[3], REPLACEMENT_TEXT_MAX, false, &text);
	if (!err)
		err = buf_append(&text, "", 1);
	if (!err)
		err = tool_root(argv[1], root, rest);
	if (!err) {
		request = tool_request("replace", rest);
		json_set(request, "replacement", json_text((const char *)text.data));
		err = tool_ask(root, request, &answer);
	}
	buf_release(&text);
	if (err)
		return cmd_fail(argv[0], err);
	printf("%s has another owner\n", argv[1]);
	json_free(answer);
	return 0;
}
