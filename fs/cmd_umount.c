/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_umount.c - chartfs umount: unmounts and waits until the mount's process has ended, its stores closed.
 */
#include "fs/cmd.h"
#include "fs/json.h"
#include "fs/tool.h"

#include "ledger/file.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WAIT_MS 30000

/* A descriptor of the process that serves this mount; -1 when it does not say. */
static int process_of(const char *root)
{
	struct json *answer = NULL;
	uint64_t pid = 0;
	int fd = -1;

	if (tool_ask(root, tool_request("status", ""), &answer) == 0 &&
	    json_get_uint(json_get(answer, "status"), "pid", &pid) && pid > 1)
		fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	json_free(answer);
	return fd;
}

static int unmount(const char *path)
{
	bool dead = tool_mount_dead(path);

	if (geteuid() == 0) {
		if (umount2(path, UMOUNT_NOFOLLOW | (dead ? MNT_DETACH : 0)) == 0)
			return 0;
		if (errno == EBUSY)
			return err_set(CF_EBUSY, "%s: in use", path);
		return err_set(err_from_errno(errno), "%s: %m", path);
	}
	return tool_fusermount(path, dead);
}

int cmd_umount(int argc, char **argv)
{
	char root[FILE_PATH_MAX];
	struct pollfd process = {.fd = -1, .events = POLLIN};
	int err = 0;

	if (argc != 2)
		return cmd_usage(argv[0], "one mount point is needed");
	if (tool_mount_dead(argv[1]))
		snprintf(root, sizeof(root), "%s", argv[1]);
	else
		err = tool_root(argv[1], root, NULL);
	if (!err) {
		process.fd = process_of(root);
		err = unmount(root);
	}
	if (!err && process.fd >= 0 && poll(&process, 1, WAIT_MS) == 0)
		err = err_set(CF_EAGAIN, "%s: unmounted; its process still has saves to finish", argv[1]);
	if (process.fd >= 0)
		close(process.fd);
	return err ? cmd_fail(argv[0], err) : 0;
}
