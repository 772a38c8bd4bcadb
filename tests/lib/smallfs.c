/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smallfs.c - tmpfs of a given size in a private mount namespace.
 */
#include "tests/lib/smallfs.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

bool smallfs_mount(const char *dir, size_t bytes)
{
	static bool private_already;
	char options[64];

	if (!private_already) {
		if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
			return false;
		private_already = true;
	}
	snprintf(options, sizeof(options), "size=%zu,mode=0700", bytes);
	return mount("tmpfs", dir, "tmpfs", 0, options) == 0;
}

void smallfs_unmount(const char *dir)
{
	(void)umount2(dir, MNT_DETACH);
}

void smallfs_fill(const char *dir, const char *name)
{
	static const char zeros[4096];
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	while (fd >= 0 && write(fd, zeros, sizeof(zeros)) > 0)
		;
	if (fd >= 0)
		close(fd);
}
