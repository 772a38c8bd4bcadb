/* SPDX-License-Identifier: Apache-2.0 */
/* ops.c - the table of operations, and what is agreed with the kernel at the start. */
#include "fs/ops_private.h"

#define BACKGROUND_MAX 64
#define CONGESTED_AT 48

/*
 * No writeback cache: it loses who wrote and serves stale sizes. HANDLE_KILLPRIV off: the kernel then clears
 * set-id bits by a change of mode, which is kept like any other.
 */
static void init(void *userdata, struct fuse_conn_info *conn)
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

/* lseek and copy_file_range are the kernel's own default, locks are its own, too. */
const struct fuse_lowlevel_ops ops_table = {
	.init = init,
	.lookup = ops_lookup,
	.forget = ops_forget,
	.forget_multi = ops_forget_multi,
	.getattr = ops_getattr,
	.setattr = ops_setattr,
	.readlink = ops_readlink,
	.mknod = ops_mknod,
	.mkdir = ops_mkdir,
	.unlink = ops_unlink,
	.rmdir = ops_rmdir,
	.symlink = ops_symlink,
	.rename = ops_rename,
	.link = ops_link,
	.open = ops_open,
	.read = ops_read,
	.write = ops_write,
	.flush = ops_flush,
	.release = ops_release,
	.fsync = ops_fsync,
	.opendir = ops_opendir,
	.readdir = ops_readdir,
	.readdirplus = ops_readdirplus,
	.releasedir = ops_releasedir,
	.fsyncdir = ops_fsyncdir,
	.statfs = ops_statfs,
	.setxattr = ops_setxattr,
	.getxattr = ops_getxattr,
	.listxattr = ops_listxattr,
	.removexattr = ops_removexattr,
	.access = ops_access,
	.create = ops_create,
	.fallocate = ops_fallocate,
	.ioctl = ops_ioctl,
};
