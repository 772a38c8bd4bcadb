/* SPDX-License-Identifier: Apache-2.0 */
/* chartfs register: puts this identity's certificate on the ledger (the paper's 4.3: apply, verify, publish).
 */
#include "fs/cmd.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define REGISTER_TIMEOUT_MS 30000

int cmd_register(int argc, char **argv)
{
	struct cmd_session s;
	int err;

	if (argc != 3 || strcmp(argv[1], "--config") != 0)
		return cmd_usage(argv[0], "--config FILE is needed");
	err = cmd_session_open(argv[2], true, NULL, &s);
	if (err)
		return cmd_fail(argv[0], err);
	err = client_register(s.client, REGISTER_TIMEOUT_MS);
	if (!err)
		printf("%s@%s is registered at height %" PRIu64 "\n", s.identity.info.name,
		       s.identity.info.org, client_height(s.client));
	else
		err = cmd_fail(argv[0], err);
	cmd_session_close(&s);
	return err;
}
