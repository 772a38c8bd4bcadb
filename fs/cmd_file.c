/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_file.c - chartfs log, show, diff and prove: the history and the proof of one file. */
#include "fs/cmd.h"
#include "fs/tool.h"
#include "fs/words.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROOF_BYTES_MAX ((size_t)16 << 20)

static uint64_t number(const struct json *j, const char *key)
{
	uint64_t n = 0;

	return json_get_uint(j, key, &n) ? n : 0;
}

static void print_version(const struct json *v)
{
	bool deleted = json_get_bool(v, "deleted", false);

	printf("%4" PRIu64 "  %s  height %-6" PRIu64 " %-12s %10" PRIu64 "  %-24s %.16s%s\n",
	       number(v, "version"), json_get_text(v, "time"), number(v, "height"), json_get_text(v, "type"),
	       number(v, "size"), json_get_text(v, "author"), json_get_text(v, "txid"),
	       deleted ? "  deleted" : "");
}

int cmd_log(int argc, char **argv)
{
	const struct json *list;
	struct json *answer = NULL;
	int err;

	if (argc != 2)
		return cmd_usage(argv[0], "one file is needed");
	err = tool_ask_about(argv[1], "log", &answer);
	if (err)
		return cmd_fail(argv[0], err);
	list = json_get(answer, "versions");
	for (size_t i = json_count(list); i > 0; i--)
		print_version(json_at(list, i - 1));
	json_free(answer);
	return 0;
}

int cmd_show(int argc, char **argv)
{
	struct json *answer = NULL;
	struct buf text;
	int err;

	if (argc != 2)
		return cmd_usage(argv[0], "one file is needed");
	buf_init(&text, 0);
	err = tool_ask_about(argv[1], "resolve", &answer);
	if (!err)
		err = json_pretty(answer, &text);
	if (!err)
		(void)fwrite(text.data, 1, text.len, stdout);
	json_free(answer);
	buf_release(&text);
	return err ? cmd_fail(argv[0], err) : 0;
}

/* FILE@v3 -> the path of that version under .history; FILE itself: the newest. */
static int version_path(const char *word, char ret_path[FILE_PATH_MAX])
{
	char dir[FILE_PATH_MAX], prefix[16];
	const char *at = strrchr(word, '@'), *slash;
	unsigned wanted;
	struct dirent *entry;
	char end;
	DIR *d;
	int err = CF_ENOTFOUND;

	if (!at || sscanf(at, "@v%u%c", &wanted, &end) != 1) {
		snprintf(ret_path, FILE_PATH_MAX, "%s", word);
		return access(word, R_OK) == 0 ? 0 : err_set(err_from_errno(errno), "%s: %m", word);
	}
	slash = memrchr(word, '/', (size_t)(at - word));
	snprintf(dir, sizeof(dir), "%.*s.history/%.*s", slash ? (int)(slash + 1 - word) : 0, word,
		 (int)(at - (slash ? slash + 1 : word)), slash ? slash + 1 : word);
	d = opendir(dir);
	if (!d)
		return err_set(err_from_errno(errno), "%s: %m", dir);
	snprintf(prefix, sizeof(prefix), "%04u-", wanted);
	while (err && (entry = readdir(d)) != NULL) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
			err = file_path(dir, entry->d_name, ret_path);
	}
	closedir(d);
	return err ? err_set(err, "%s: there is no version %u", word, wanted) : 0;
}

int cmd_diff(int argc, char **argv)
{
	char old[FILE_PATH_MAX], new[FILE_PATH_MAX];
	int err;

	if (argc != 3)
		return cmd_usage(argv[0], "two files are needed: FILE@v1 FILE@v2, or FILE@v1 FILE");
	err = version_path(argv[1], old);
	if (!err)
		err = version_path(argv[2], new);
	if (err)
		return cmd_fail(argv[0], err);
	fflush(stdout);
	execlp("diff", "diff", "-u", "--label", argv[1], "--label", argv[2], "--", old, new, (char *)NULL);
	return cmd_fail(argv[0], err_set(CF_EIO, "diff cannot be run: %m"));
}

static int write_out(const char *path, struct view bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), err;

	if (fd < 0)
		return err_set(err_from_errno(errno), "%s: %m", path);
	err = file_write_all(fd, bytes);
	if (close(fd) != 0 && !err)
		err = CF_EIO;
	return err ? err_set(err, "%s: %s", path, err_text(err)) : 0;
}

static int ask_proof(const char *file, struct buf *proof)
{
	struct json *answer = NULL;
	const char *hex;
	uint8_t *bytes;
	int err = tool_ask_about(file, "prove", &answer);

	if (err)
		return err;
	hex = json_get_text(answer, "proof");
	err = hex ? buf_extend(proof, strlen(hex) / 2, &bytes) : CF_EDECODE;
	if (!err)
		err = hex_decode(hex, bytes, strlen(hex) / 2);
	json_free(answer);
	return err;
}

int cmd_prove(int argc, char **argv)
{
	const char *named;
	const struct word table[] = {{"o", &named, NULL}};
	char **arg, out[FILE_PATH_MAX];
	struct buf proof;
	int args, err, code = WORDS_PARSE(argc, argv, table, &arg, &args);

	if (code)
		return code;
	if (args != 1)
		return cmd_usage(argv[0], "one file is needed");
	if (named) {
		snprintf(out, sizeof(out), "%s", named);
	} else {
		const char *slash = strrchr(arg[0], '/');

		snprintf(out, sizeof(out), "%s.proof", slash ? slash + 1 : arg[0]);
	}
	buf_init(&proof, PROOF_BYTES_MAX);
	err = ask_proof(arg[0], &proof);
	if (!err)
		err = write_out(out, buf_view(&proof));
	if (!err)
		printf("%s: %zu bytes; check it with: chartfs-verify GENESIS %s %s\n", out, proof.len, out,
		       arg[0]);
	buf_release(&proof);
	return err ? cmd_fail(argv[0], err) : 0;
}
