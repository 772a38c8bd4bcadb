/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_evidence.c - chartfs evidence: which members lied, and the proof. Of a mount, or offline of a ledger's
 * directory.
 */
#include "fs/cmd.h"
#include "fs/show.h"
#include "fs/tool.h"
#include "fs/words.h"

#include "acl/genesis.h"
#include "acl/userfile.h"
#include "acl/verify.h"
#include "ledger/evidence.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct words {
	const char *data;
	const char *genesis;
	const char *out;
	const char *id;     /* show */
	const char *report; /* a file; neither of both: the list */
	const char *path;
};

/* 0, or the exit code. */
static int parse(int argc, char **argv, struct words *w)
{
	const struct word table[] = {
		{"data", &w->data, NULL},
		{"genesis", &w->genesis, NULL},
		{"o", &w->out, NULL},
	};
	bool list, show, report;
	char **arg;
	int args, code = WORDS_PARSE(argc, argv, table, &arg, &args);

	if (code)
		return code;
	list = args > 0 && strcmp(arg[0], "list") == 0;
	show = args > 1 && strcmp(arg[0], "show") == 0;
	report = args > 1 && strcmp(arg[0], "report") == 0;
	if (!list && !show && !report)
		return cmd_usage(argv[0], "list, or show and an id, or report and a file are needed");
	w->id = show ? arg[1] : NULL;
	w->report = report ? arg[1] : NULL;
	w->path = args > 1 ? arg[list ? 1 : 2] : NULL;
	if (args > (list ? 2 : 3) || (!show && w->out) || (w->data && (w->path || report)))
		return cmd_usage(argv[0], "too many words");
	if (!w->data != !w->genesis)
		return cmd_usage(argv[0], "--data and --genesis go together");
	if (show && strlen(w->id) != 2 * HASH_BYTES)
		return cmd_usage(argv[0], "'%s': an id has 64 hexadecimal digits", w->id);
	return 0;
}

static int look_offline(const struct words *w, struct json **ret_value)
{
	char path[FILE_PATH_MAX], blobs[FILE_PATH_MAX];
	struct chain *chain = NULL;
	struct db_txn *txn = NULL;
	struct buf genesis;
	struct hash id;
	int err = genesis_read(w->genesis, &genesis);

	if (!err && w->id && hex_decode(w->id, id.b, HASH_BYTES) != 0)
		err = err_set(CF_EUSAGE, "'%s': an id has 64 hexadecimal digits", w->id);
	if (!err)
		err = verify_find(w->data, path, blobs);
	if (!err)
		err = chain_open(path, buf_view(&genesis), CHAIN_RDONLY, &chain);
	if (!err)
		err = chain_read_begin(chain, &txn);
	if (!err)
		err = w->id ? show_evidence(chain, txn, &id, ret_value) : show_evidence_list(txn, ret_value);
	db_abort(txn);
	chain_close(chain);
	buf_release(&genesis);
	return err;
}

static int look_at_mount(const struct words *w, struct json **ret_answer)
{
	struct json *request;
	char root[FILE_PATH_MAX];
	int err = tool_root(w->path ? w->path : ".", root, NULL);

	if (err)
		return err;
	request = tool_request("evidence", "");
	if (w->id)
		json_set(request, "id", json_text(w->id));
	return tool_ask(root, request, ret_answer);
}

static int report_file(const struct words *w, struct json **ret_answer)
{
	char root[FILE_PATH_MAX];
	struct json *request;
	struct buf file;
	int err = tool_root(w->path ? w->path : ".", root, NULL);

	if (err)
		return err;
	buf_init(&file, 0);
	err = userfile_read(w->report, 2 * EVIDENCE_BYTES_MAX, false, &file);
	if (!err) {
		request = tool_request("report", "");
		json_set(request, "file", json_hex(file.data, file.len));
		err = tool_ask(root, request, ret_answer);
	}
	buf_release(&file);
	return err;
}

static const char *text(const struct json *j, const char *key)
{
	const char *t = json_get_text(j, key);

	return t ? t : "?";
}

/* On one line: ID kind by OFFENDER at epoch E, height H, view V, told by REPORTER */
static void print_line(const struct json *j)
{
	uint64_t epoch = 0, height = 0, view = 0;

	(void)json_get_uint(j, "epoch", &epoch);
	(void)json_get_uint(j, "height", &height);
	(void)json_get_uint(j, "view", &view);
	printf("%s %s by %s at epoch %" PRIu64 ", height %" PRIu64 ", view %" PRIu64 ", told by %s\n",
	       text(j, "id"), text(j, "kind"), text(j, "offender"), epoch, height, view, text(j, "reporter"));
}

static int write_file(const char *path, const char *hex)
{
	struct buf bytes;
	uint8_t *at;
	int err;

	buf_init(&bytes, 0);
	err = hex ? buf_extend(&bytes, strlen(hex) / 2, &at) : CF_EDECODE;
	if (!err)
		err = hex_decode(hex, at, bytes.len);
	if (!err)
		err = userfile_create(path, 0644, buf_view(&bytes));
	buf_release(&bytes);
	return err;
}

static int print_piece(const struct words *w, const struct json *j)
{
	static const char *const keys[] = {"id", "kind", "offender", "reporter", "transaction", "time"};

	if (w->out)
		return write_file(w->out, json_get_text(j, "file"));
	print_line(j);
	for (size_t i = 3; i < sizeof(keys) / sizeof(keys[0]); i++)
		printf("%-12s %s\n", keys[i], text(j, keys[i]));
	printf("verified: the offender's own signatures prove it\n");
	return 0;
}

int cmd_evidence(int argc, char **argv)
{
	struct json *answer = NULL;
	const struct json *value;
	struct words w;
	int err, code = parse(argc, argv, &w);

	if (code)
		return code;
	err = w.report ? report_file(&w, &answer)
	      : w.data ? look_offline(&w, &answer)
		       : look_at_mount(&w, &answer);
	value = w.data || err ? answer : json_get(answer, "evidence");
	if (!err && w.report)
		printf("%s is on the ledger\n", text(answer, "id"));
	else if (!err && w.id)
		err = print_piece(&w, value);
	for (size_t i = 0; !err && !w.id && !w.report && i < json_count(value); i++)
		print_line(json_at(value, i));
	json_free(answer);
	return err ? cmd_fail(argv[0], err) : 0;
}
