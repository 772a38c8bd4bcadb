/* SPDX-License-Identifier: Apache-2.0 */
/* ops.c - what is agreed with the kernel at the start. */
#include "fs/ops_private.h"

#define BACKGROUND_MAX 64
#define CONGESTED_AT 48

/*
 * No writeback cache: it loses who wrote and serves stale sizes. HANDLE_KILLPRIV off: the kernel then clears
 * set-id bits by a change of mode, which is kept like any other.
 */
void ops_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	conn->want &= ~(unsigned)(FUSE_CAP_WRITEBACK_CACHE | FUSE_CAP_HANDLE_KILLPRIV | FUSE_CAP_SPLICE_READ);
	conn->want |= conn->capable &
		      (FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_CACHE_SYMLINKS |
		       FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_PARALLEL_DIROPS);
	conn->max_background = BACKGROUND_MAX;
	conn->congestion_threshold = CONGESTED_AT;
	conn->time_gran = 1;
}
