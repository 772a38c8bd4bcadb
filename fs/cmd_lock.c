/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_lock.c - chartfs lock, unlock: the keys of a mount go out of its memory, and come back. */
#include "fs/cmd.h"
#include "fs/tool.h"

#include "acl/keyfile.h"
#include "ledger/harden.h"
#include "ledger/mem.h"

#include <getopt.h>
#include <string.h>

int cmd_lock(int argc, char **argv)
{
	char root[FILE_PATH_MAX];
	struct json *answer = NULL;
	int err;

	if (argc != 2 || argv[1][0] == '-')
		return cmd_usage(argv[0], "one mount point is needed");
	err = tool_root(argv[1], root, NULL);
	if (!err)
		err = tool_ask(root, tool_request("lock", ""), &answer);
	json_free(answer);
	return err ? cmd_fail(argv[0], err) : 0;
}

static int unlock(const char *path, const char *file)
{
	char root[FILE_PATH_MAX], passphrase[PASSPHRASE_BYTES_MAX + 1] = "";
	struct json *answer = NULL;
	int err = tool_root(path, root, NULL);

	if (!err)
		err = passphrase_get(file, "passphrase: ", passphrase);
	if (!err)
		err = tool_ask_with(root, tool_request("unlock", ""), passphrase, &answer);
	mem_wipe(passphrase, sizeof(passphrase));
	json_free(answer);
	return err;
}

int cmd_unlock(int argc, char **argv)
{
	static const struct option longs[] = {{"passphrase-file", required_argument, NULL, 'p'},
					      {NULL, 0, NULL, 0}};
	const char *file = NULL;
	int letter, err;

	optind = 1;
	opterr = 0;
	while ((letter = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (letter == '?')
			return cmd_usage(argv[0], "%s: no such option, or its value is missing",
					 argv[optind - 1]);
		file = optarg;
	}
	if (argc - optind != 1)
		return cmd_usage(argv[0], "one mount point is needed");
	harden_process();
	err = unlock(argv[optind], file);
	return err ? cmd_fail(argv[0], err) : 0;
}
