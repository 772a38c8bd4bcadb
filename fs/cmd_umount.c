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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS 30000
#define STATUS_BYTES_MAX 65536

/* A descriptor of the process that serves this mount; -1 when it does not say. */
static int process_of(const char *root)
{
	char path[FILE_PATH_MAX];
	struct json *status = NULL;
	struct buf text;
	uint64_t pid = 0;
	int fd = -1;

	buf_init(&text, STATUS_BYTES_MAX);
	if (file_path(root, ".chartfs/status", path) == 0 && file_read(path, STATUS_BYTES_MAX, &text) == 0 &&
	    json_parse(buf_view(&text), &status) == 0 && json_get_uint(status, "pid", &pid) && pid > 1)
		fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	json_free(status);
	buf_release(&text);
	return fd;
}

/* libfuse's helper, which may unmount for its owner; lazily when the file system answers no more. */
static int helper(const char *path, bool lazy)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		execlp("fusermount3", "fusermount3", lazy ? "-uz" : "-u", "--", path, (char *)NULL);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return CF_EIO;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : CF_EBUSY;
}

static int unmount(const char *path)
{
	struct stat st;
	bool dead = stat(path, &st) != 0 && errno == ENOTCONN;

	if (geteuid() == 0) {
		if (umount2(path, UMOUNT_NOFOLLOW | (dead ? MNT_DETACH : 0)) == 0)
			return 0;
		if (errno == EBUSY)
			return err_set(CF_EBUSY, "%s: in use", path);
		return err_set(err_from_errno(errno), "%s: %m", path);
	}
	return helper(path, dead) ? err_set(CF_EBUSY, "%s: in use, or not mounted by you", path) : 0;
}

int cmd_umount(int argc, char **argv)
{
	char root[FILE_PATH_MAX];
	struct pollfd process = {.fd = -1, .events = POLLIN};
	struct stat st;
	int err = 0;

	if (argc != 2)
		return cmd_usage(argv[0], "one mount point is needed");
	if (stat(argv[1], &st) != 0 && errno == ENOTCONN)
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
