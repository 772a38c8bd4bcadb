/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration files of peers and mounts. */
#include "ledger/file.h"
#include "net/conf.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char path[64];
	static int fd = -1;
	struct conf_peer peer;
	struct conf_mount mount;

	if (fd < 0) {
		fd = memfd_create("conf", MFD_CLOEXEC);
		FUZZ_CHECK(fd >= 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	FUZZ_CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
	(void)!conf_peer_read(path, &peer);
	(void)!conf_mount_read(path, &mount);
	return 0;
}
