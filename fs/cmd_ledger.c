/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_ledger.c - chartfs block, tx and verify: of a mount, or offline of any ledger's directory.
 */
#include "fs/cmd.h"
#include "fs/show.h"
#include "fs/tool.h"
#include "fs/words.h"

#include "acl/genesis.h"
#include "acl/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct words {
	const char *data;
	const char *genesis;
	bool chain_only;
	bool signed_bytes;
	const char *arg[3];
	int args;
};

/* 0, or the exit code. */
static int parse(int argc, char **argv, struct words *w)
{
	const struct word table[] = {
		{"data", &w->data, NULL},
		{"genesis", &w->genesis, NULL},
		{"chain-only", NULL, &w->chain_only},
		{"signed-bytes", NULL, &w->signed_bytes},
	};
	char **arg;
	int code;

	memset(w, 0, sizeof(*w));
	code = WORDS_PARSE(argc, argv, table, &arg, &w->args);
	if (code)
		return code;
	if (w->args > 3)
		return cmd_usage(argv[0], "too many words");
	if (!w->data != !w->genesis)
		return cmd_usage(argv[0], "--data and --genesis go together");
	for (int i = 0; i < w->args; i++)
		w->arg[i] = arg[i];
	return 0;
}

struct ledger {
	struct buf genesis;
	struct chain *chain;
	struct db_txn *txn;
};

static void ledger_close(struct ledger *l)
{
	db_abort(l->txn);
	if (l->chain)
		chain_close(l->chain);
	buf_release(&l->genesis);
}

static int ledger_open(const struct words *w, struct ledger *l)
{
	char path[FILE_PATH_MAX], blobs[FILE_PATH_MAX];
	int err;

	memset(l, 0, sizeof(*l));
	err = genesis_read(w->genesis, &l->genesis);
	if (!err)
		err = verify_find(w->data, path, blobs);
	if (!err)
		err = chain_open(path, buf_view(&l->genesis), CHAIN_RDONLY, &l->chain);
	if (!err)
		err = chain_read_begin(l->chain, &l->txn);
	return err;
}

static int print(const struct json *j)
{
	struct buf text;
	int err;

	buf_init(&text, 0);
	err = json_pretty(j, &text);
	if (!err)
		(void)fwrite(text.data, 1, text.len, stdout);
	buf_release(&text);
	return err;
}

static int ask(const char *path, struct json *request, const char *key)
{
	char root[FILE_PATH_MAX];
	struct json *answer = NULL;
	int err = tool_root(path ? path : ".", root, NULL);

	if (err) {
		json_free(request);
		return err;
	}
	err = tool_ask(root, request, &answer);
	if (!err)
		err = print(json_get(answer, key));
	json_free(answer);
	return err;
}

static int show_offline_block(const struct words *w, uint64_t height)
{
	struct json *block = NULL;
	struct ledger l;
	int err = ledger_open(w, &l);

	if (!err)
		err = show_block(l.chain, l.txn, height, &block);
	if (!err)
		err = print(block);
	json_free(block);
	ledger_close(&l);
	return err;
}

int cmd_block(int argc, char **argv)
{
	struct json *request;
	struct words w;
	uint64_t height;
	char *end;
	int err, code = parse(argc, argv, &w);

	if (code)
		return code;
	if (w.args < 2 || strcmp(w.arg[0], "show") != 0)
		return cmd_usage(argv[0], "show and a height are needed");
	errno = 0;
	height = strtoull(w.arg[1], &end, 10);
	if (errno || *end || w.arg[1][0] < '0' || w.arg[1][0] > '9')
		return cmd_usage(argv[0], "'%s' is no height", w.arg[1]);
	if (w.data) {
		err = show_offline_block(&w, height);
	} else {
		request = tool_request("block", "");
		json_set(request, "height", json_uint(height));
		err = ask(w.arg[2], request, "block");
	}
	return err ? cmd_fail(argv[0], err) : 0;
}

/* The proposal as it was signed: its SHA-256 is the transaction's id. */
static int ask_signed_bytes(const char *path, struct json *request)
{
	char root[FILE_PATH_MAX];
	struct json *answer = NULL;
	const char *hex;
	uint8_t *bytes;
	struct buf out;
	int err = tool_root(path ? path : ".", root, NULL);

	if (err) {
		json_free(request);
		return err;
	}
	buf_init(&out, 0);
	err = tool_ask(root, request, &answer);
	hex = err ? NULL : json_get_text(json_get(answer, "tx"), "signed_bytes");
	if (!err)
		err = hex ? buf_extend(&out, strlen(hex) / 2, &bytes) : CF_EDECODE;
	if (!err)
		err = hex_decode(hex, bytes, out.len);
	if (!err)
		(void)fwrite(out.data, 1, out.len, stdout);
	json_free(answer);
	buf_release(&out);
	return err;
}

static int show_offline_tx(const struct words *w, const struct hash *id)
{
	struct json *tx = NULL;
	struct buf bytes;
	struct ledger l;
	int err = ledger_open(w, &l);

	buf_init(&bytes, 0);
	if (!err)
		err = show_tx(l.chain, l.txn, id, &tx);
	if (!err && w->signed_bytes)
		err = show_tx_proposal(l.chain, l.txn, id, &bytes);
	if (!err && w->signed_bytes)
		(void)fwrite(bytes.data, 1, bytes.len, stdout);
	else if (!err)
		err = print(tx);
	json_free(tx);
	buf_release(&bytes);
	ledger_close(&l);
	return err;
}

int cmd_tx(int argc, char **argv)
{
	struct json *request;
	struct words w;
	struct hash id;
	int err, code = parse(argc, argv, &w);

	if (code)
		return code;
	if (w.args < 2 || strcmp(w.arg[0], "show") != 0)
		return cmd_usage(argv[0], "show and a transaction's id are needed");
	if (strlen(w.arg[1]) != 2 * HASH_BYTES || hex_decode(w.arg[1], id.b, HASH_BYTES) != 0)
		return cmd_usage(argv[0], "'%s': an id has 64 hexadecimal digits", w.arg[1]);
	if (w.data) {
		err = show_offline_tx(&w, &id);
	} else {
		request = tool_request("tx", "");
		json_set(request, "id", json_text(w.arg[1]));
		json_set(request, "signed_bytes", json_bool(w.signed_bytes));
		err = w.signed_bytes ? ask_signed_bytes(w.arg[2], request) : ask(w.arg[2], request, "tx");
	}
	return err ? cmd_fail(argv[0], err) : 0;
}

static void print_problem(void *ctx, const char *line)
{
	(void)ctx;
	printf("%s\n", line);
}

static int verify_here(const struct words *w)
{
	const struct verify_report report = {NULL, print_problem};
	const char *tmp = getenv("TMPDIR");
	struct verify_result r;
	char head[2 * HASH_BYTES + 1];
	struct buf genesis;
	int err;

	err = genesis_read(w->genesis, &genesis);
	if (err)
		return err;
	err = verify_directory(w->data, buf_view(&genesis), tmp ? tmp : "/tmp", w->chain_only, &report, &r);
	buf_release(&genesis);
	if (err)
		return err;
	hex_encode(r.head.b, HASH_BYTES, head);
	printf("%s: height %" PRIu64 ", head %s\n%" PRIu64 " transactions", w->data, r.height, head,
	       r.transactions);
	if (!w->chain_only)
		printf(", %" PRIu64 " rows, %" PRIu64 " blobs (%" PRIu64 " named and not held here)", r.rows,
		       r.blobs, r.missing);
	printf(": all verified\n");
	return 0;
}

/*
 * In a process of its own: LMDB trusts its pages, and one that was damaged may lead it out of its map. That
 * is a finding, not a crash.
 */
static int verify_apart(const char *verb, const struct words *w)
{
	int status = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		int err = verify_here(w);

		if (err)
			err = cmd_fail(verb, err);
		fflush(stdout);
		_exit(err);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return cmd_fail(verb, err_set(CF_EIO, "cannot start a process: %m"));
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return cmd_fail(verb,
			err_set(CF_ECORRUPT,
				"%s: the pages of its database are damaged (signal %d while reading them)",
				w->data, WTERMSIG(status)));
}

static int verify_mount(const char *path)
{
	const struct json *problems;
	struct json *answer = NULL;
	uint64_t height = 0, transactions = 0;
	int err = tool_ask_about(path ? path : ".", "verify", &answer);

	if (err)
		return err;
	problems = json_get(answer, "problems");
	for (size_t i = 0; i < json_count(problems); i++)
		printf("%s\n", json_as_text(json_at(problems, i)));
	(void)json_get_uint(answer, "height", &height);
	(void)json_get_uint(answer, "transactions", &transactions);
	if (json_count(problems))
		err = err_set(CF_ECORRUPT, "%zu problems found", json_count(problems));
	else
		printf("height %" PRIu64 ", %" PRIu64 " transactions: every block verified\n", height,
		       transactions);
	json_free(answer);
	return err;
}

int cmd_verify(int argc, char **argv)
{
	struct words w;
	int err, code = parse(argc, argv, &w);

	if (code)
		return code;
	if (w.args > 1 || (w.data && w.args))
		return cmd_usage(argv[0], "a path, or --data and --genesis");
	if (w.data)
		return verify_apart(argv[0], &w);
	err = verify_mount(w.arg[0]);
	return err ? cmd_fail(argv[0], err) : 0;
}
