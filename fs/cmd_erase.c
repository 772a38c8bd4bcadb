/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_erase.c - chartfs erase: the keys of a file's versions, or of a patient, are destroyed. */
#include "fs/cmd.h"
#include "fs/tool.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int cmd_erase(int argc, char **argv)
{
	bool patient = argc == 3 && strcmp(argv[1], "--patient") == 0;
	char root[FILE_PATH_MAX], rest[FILE_PATH_MAX];
	struct json *request, *answer = NULL;
	uint64_t height = 0;
	int err;

	if (!patient && (argc != 2 || argv[1][0] == '-'))
		return cmd_usage(argv[0], "a file, or --patient and a patient's directory, is needed");
	err = tool_root(argv[argc - 1], root, rest);
	if (err)
		return cmd_fail(argv[0], err);
	request = tool_request("erase", rest);
	json_set(request, "patient", json_bool(patient));
	err = tool_ask(root, request, &answer);
	if (err)
		return cmd_fail(argv[0], err);
	(void)json_get_uint(answer, "height", &height);
	printf("%s is erased by transaction %s in block %" PRIu64 "\n", argv[argc - 1],
	       json_get_text(answer, "txid"), height);
	json_free(answer);
	return 0;
}
