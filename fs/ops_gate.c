/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops_gate.c - which calls are counted as a use of the mount, which are turned away while its keys are locked
 * away (fs/locker.h), and the table of operations.
 *
 * Not counted and always answered: .chartfs, the root itself, statfs, and what takes no key. Let in always,
 * too: what ends something that was begun - close, fsync, the kernel's own writing of a map's pages. What it
 * cannot do without a key fails, and is kept.
 */
#include "fs/ops_private.h"

#define NOBODY ((enum latch_who) - 1) /* not counted */

#include <string.h>

static bool is_free(struct ops *o, fuse_ino_t ino, const char *name)
{
	struct place p;

	if (name && ino == INODE_ROOT)
		return strcmp(name, CONTROL_NAME) == 0;
	return inode_place(o->inodes, ino, &p) && ops_is_control(&p);
}

static bool come_in(fuse_req_t req, fuse_ino_t ino, const char *operation, const char *name,
		    enum latch_who *ret_who)
{
	struct ops *o = ops_of(req);
	int err;

	*ret_who = is_free(o, ino, name) ? NOBODY : ops_event(req) ? LATCH_OWN : LATCH_CALLER;
	if (*ret_who == NOBODY)
		return true;
	err = latch_enter(o->latch, *ret_who);
	if (err)
		ops_fail(req, operation, name, err);
	return !err;
}

/* Counted as a use while the mount is open. */
static enum latch_who come_in_to_end(struct ops *o, fuse_ino_t ino, bool is_use)
{
	enum latch_who who = is_use ? LATCH_CALLER : LATCH_END;

	if (is_free(o, ino, NULL))
		return NOBODY;
	if (is_use && latch_enter(o->latch, who) == 0)
		return who;
	(void)!latch_enter(o->latch, LATCH_END); /* never refused */
	return LATCH_END;
}

static void go_out(struct ops *o, enum latch_who who)
{
	if (who != NOBODY)
		latch_leave(o->latch, who);
}

/* ino, or the directory, is what the call is about; the request is no more once it was answered. */
#define GATED(operation, ino, name, parameters, ...)            \
	static void gated_##operation parameters                \
	{                                                       \
		struct ops *o = ops_of(req);                    \
		enum latch_who who;                             \
                                                                \
		if (!come_in(req, ino, #operation, name, &who)) \
			return;                                 \
		ops_##operation(__VA_ARGS__);                   \
		go_out(o, who);                                 \
	}

#define ENDING(operation, is_use, parameters, ...)                   \
	static void gated_##operation parameters                     \
	{                                                            \
		struct ops *o = ops_of(req);                         \
		enum latch_who who = come_in_to_end(o, ino, is_use); \
                                                                     \
		ops_##operation(__VA_ARGS__);                        \
		go_out(o, who);                                      \
	}

GATED(lookup, parent, name, (fuse_req_t req, fuse_ino_t parent, const char *name), req, parent, name)
GATED(setattr, ino, NULL,
      (fuse_req_t req, fuse_ino_t ino, struct stat *st, int to_set, struct fuse_file_info *fi), req, ino, st,
      to_set, fi)
GATED(readlink, ino, NULL, (fuse_req_t req, fuse_ino_t ino), req, ino)
GATED(mknod, parent, name, (fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev),
      req, parent, name, mode, rdev)
GATED(mkdir, parent, name, (fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode), req, parent,
      name, mode)
GATED(unlink, parent, name, (fuse_req_t req, fuse_ino_t parent, const char *name), req, parent, name)
GATED(rmdir, parent, name, (fuse_req_t req, fuse_ino_t parent, const char *name), req, parent, name)
GATED(symlink, parent, name, (fuse_req_t req, const char *target, fuse_ino_t parent, const char *name), req,
      target, parent, name)
GATED(rename, parent, name,
      (fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent, const char *new_name,
       unsigned flags),
      req, parent, name, new_parent, new_name, flags)
GATED(open, ino, NULL, (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi), req, ino, fi)
GATED(create, parent, name,
      (fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi), req,
      parent, name, mode, fi)
GATED(read, ino, NULL, (fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi),
      req, ino, size, off, fi)
GATED(opendir, ino, NULL, (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi), req, ino, fi)
GATED(readdir, ino, NULL, (fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi),
      req, ino, size, off, fi)
GATED(readdirplus, ino, NULL,
      (fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi), req, ino, size,
      off, fi)
GATED(setxattr, ino, name,
      (fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags), req, ino,
      name, value, size, flags)
GATED(getxattr, ino, name, (fuse_req_t req, fuse_ino_t ino, const char *name, size_t size), req, ino, name,
      size)
GATED(listxattr, ino, NULL, (fuse_req_t req, fuse_ino_t ino, size_t size), req, ino, size)
GATED(removexattr, ino, name, (fuse_req_t req, fuse_ino_t ino, const char *name), req, ino, name)
GATED(access, ino, NULL, (fuse_req_t req, fuse_ino_t ino, int mask), req, ino, mask)

ENDING(flush, true, (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi), req, ino, fi)
ENDING(fsync, true, (fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi), req, ino,
       datasync, fi)
ENDING(release, false, (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi), req, ino, fi)

static void gated_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct ops *o = ops_of(req);
	enum latch_who who = NOBODY;

	if (ino != INODE_ROOT && !come_in(req, ino, "stat", NULL, &who))
		return;
	ops_getattr(req, ino, fi);
	go_out(o, who);
}

static void gated_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
			struct fuse_file_info *fi)
{
	struct ops *o = ops_of(req);
	enum latch_who who;

	if (fi->writepage)
		who = come_in_to_end(o, ino, false);
	else if (!come_in(req, ino, "write", NULL, &who))
		return;
	ops_write(req, ino, data, size, off, fi);
	go_out(o, who);
}

/* lseek and copy_file_range are the kernel's own default, locks are its own, too. */
const struct fuse_lowlevel_ops ops_table = {
	.init = ops_init,
	.lookup = gated_lookup,
	.forget = ops_forget,
	.forget_multi = ops_forget_multi,
	.getattr = gated_getattr,
	.setattr = gated_setattr,
	.readlink = gated_readlink,
	.mknod = gated_mknod,
	.mkdir = gated_mkdir,
	.unlink = gated_unlink,
	.rmdir = gated_rmdir,
	.symlink = gated_symlink,
	.rename = gated_rename,
	.link = ops_link,
	.open = gated_open,
	.read = gated_read,
	.write = gated_write,
	.flush = gated_flush,
	.release = gated_release,
	.fsync = gated_fsync,
	.opendir = gated_opendir,
	.readdir = gated_readdir,
	.readdirplus = gated_readdirplus,
	.releasedir = ops_releasedir,
	.fsyncdir = ops_fsyncdir,
	.statfs = ops_statfs,
	.setxattr = gated_setxattr,
	.getxattr = gated_getxattr,
	.listxattr = gated_listxattr,
	.removexattr = gated_removexattr,
	.access = gated_access,
	.create = gated_create,
	.fallocate = ops_fallocate,
	.ioctl = ops_ioctl,
};
