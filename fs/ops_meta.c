/* SPDX-License-Identifier: Apache-2.0 */
/* ops_meta.c - the structure of the tree and attributes. Each change is one transaction, done when replied.
 */
#include "fs/errmap.h"
#include "fs/ops_private.h"

#include <errno.h>
#include <string.h>
#include <time.h>

int ops_owner(fuse_req_t req, const struct place *dir, mode_t mode, bool is_dir, struct ops_owner *ret_owner)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct ops_owner owner = {ctx->uid, ctx->gid, mode & 07777};
	struct chart_attr attr;
	int err = chart_getattr(ops_of(req)->chart, dir, &attr);

	if (err)
		return err;
	if (attr.mode & S_ISGID) {
		owner.gid = attr.gid;
		if (is_dir)
			owner.mode |= S_ISGID;
	}
	*ret_owner = owner;
	return 0;
}

/* Replies with the new entry, or the error; err is what making it came to. */
static void reply_made(fuse_req_t req, const char *operation, fuse_ino_t parent, const char *name,
		       const struct chart_attr *attr, int err)
{
	struct fuse_entry_param e;

	if (!err)
		err = ops_entry(ops_of(req), parent, name, attr, &e);
	if (err)
		ops_fail(req, operation, name, err);
	else
		ops_reply_entry(req, &e);
}

/* False when replied already: not a directory where anything can be changed. */
static bool dir_to_change(fuse_req_t req, fuse_ino_t ino, struct place *ret_dir)
{
	if (!ops_place(req, ino, ret_dir) || ops_gave_up(req))
		return false;
	if (!ops_is_control(ret_dir))
		return true;
	fuse_reply_err(req, EPERM);
	return false;
}

void ops_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct chart_attr attr;
	struct ops_owner owner;
	struct place dir;
	int err;

	if (!dir_to_change(req, parent, &dir) || ops_event_made(req, parent, name, S_IFDIR))
		return;
	err = name_check(name);
	if (!err)
		err = ops_owner(req, &dir, mode, true, &owner);
	if (!err)
		err = chart_mkdir(ops_of(req)->chart, &dir, name, owner.mode, owner.uid, owner.gid, &attr);
	reply_made(req, "mkdir", parent, name, &attr, err);
}

/* An empty file without opening it; other kinds do not exist here. */
void ops_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	struct chart *chart = ops_of(req)->chart;
	struct chart_file *file = NULL;
	struct chart_attr attr;
	struct ops_owner owner;
	struct place dir;
	int err;

	(void)rdev;
	if (!dir_to_change(req, parent, &dir) || ops_event_made(req, parent, name, S_IFREG))
		return;
	err = S_ISREG(mode) ? name_check(name) : CF_EPERM;
	if (!err)
		err = ops_owner(req, &dir, mode, false, &owner);
	if (!err)
		err = chart_create(chart, &dir, name, owner.mode, owner.uid, owner.gid, CHART_WRITE, &file,
				   &attr);
	if (!err)
		err = chart_save(file);
	if (file)
		chart_close(file);
	if (!err)
		err = chart_lookup(chart, &dir, name, &attr);
	reply_made(req, "mknod", parent, name, &attr, err);
}

void ops_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct chart_attr attr;
	struct ops_owner owner;
	struct place dir;
	int err;

	if (!dir_to_change(req, parent, &dir) || ops_event_made(req, parent, name, S_IFLNK))
		return;
	err = name_check(name);
	if (!err)
		err = ops_owner(req, &dir, 0777, false, &owner);
	if (!err)
		err = chart_symlink(ops_of(req)->chart, &dir, name, target, owner.uid, owner.gid, &attr);
	reply_made(req, "symlink", parent, name, &attr, err);
}

/* A record lies in one place: its history hangs on it. */
void ops_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent, const char *new_name)
{
	(void)ino;
	(void)new_parent;
	(void)new_name;
	fuse_reply_err(req, EPERM);
}

static void remove_with(fuse_req_t req, fuse_ino_t parent, const char *name, const char *operation,
			int (*remove)(struct chart *c, const struct place *dir, const char *name))
{
	struct place dir;
	int err;

	if (!dir_to_change(req, parent, &dir) || ops_event_removed(req, parent, name))
		return;
	err = remove(ops_of(req)->chart, &dir, name);
	if (err)
		ops_fail(req, operation, name, err);
	else
		fuse_reply_err(req, 0);
}

void ops_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct place dir;

	if (inode_place(ops_of(req)->inodes, parent, &dir) && ops_is_control(&dir) && !ops_event(req)) {
		fuse_reply_err(req, errmap_errno(control_remove(ops_of(req)->control, &dir, name)));
		return;
	}
	remove_with(req, parent, name, "unlink", chart_unlink);
}

void ops_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_with(req, parent, name, "rmdir", chart_rmdir);
}

/*
 * The kernel's inode stays what it is and gets the new name; what it stands for may be another place now: a
 * scratch file became a record, or a new version of one.
 */
static void rebind_renamed(struct ops *o, const struct place *was, const struct place *to_dir,
			   const char *to_name)
{
	struct chart_attr attr;

	if (chart_lookup(o->chart, to_dir, to_name, &attr) || place_equal(&attr.place, was))
		return;
	ops_rebind(o, was, &attr.place);
	if (chart_waits(o->chart, &attr.place))
		ops_unsaved(o, &attr.place);
}

void ops_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
		const char *new_name, unsigned flags)
{
	struct ops *o = ops_of(req);
	struct place dir, new_dir;
	struct chart_attr attr;
	int err;

	if (!ops_place(req, new_parent, &new_dir) || !dir_to_change(req, parent, &dir))
		return;
	err = ops_is_control(&new_dir) ? CF_EPERM : name_check(new_name);
	if (!err)
		err = chart_lookup(o->chart, &dir, name, &attr);
	if (!err)
		err = chart_rename(o->chart, &dir, name, &new_dir, new_name, flags);
	if (err) {
		ops_fail(req, "rename", name, err);
		return;
	}
	rebind_renamed(o, &attr.place, &new_dir, new_name);
	fuse_reply_err(req, 0);
}

static uint64_t to_ns(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * 1000000000 + (uint64_t)t->tv_nsec;
}

/* Times before 1970 are not kept. */
static int set_times(const struct stat *st, int to_set, unsigned *mask, struct chart_attr *values)
{
	struct timespec now;

	if (((to_set & FUSE_SET_ATTR_ATIME) && st->st_atim.tv_sec < 0) ||
	    ((to_set & FUSE_SET_ATTR_MTIME) && st->st_mtim.tv_sec < 0))
		return CF_EINVAL;
	clock_gettime(CLOCK_REALTIME, &now);
	if (to_set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW)) {
		*mask |= CHART_SET_ATIME;
		values->atime_ns = to_ns(to_set & FUSE_SET_ATTR_ATIME_NOW ? &now : &st->st_atim);
	}
	if (to_set & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW)) {
		*mask |= CHART_SET_MTIME;
		values->mtime_ns = to_ns(to_set & FUSE_SET_ATTR_MTIME_NOW ? &now : &st->st_mtim);
	}
	return 0;
}

static int change(struct ops *o, fuse_ino_t ino, const struct place *p, const struct stat *st, int to_set,
		  struct chart_attr *ret_attr)
{
	struct chart_attr values;
	unsigned mask = 0;
	int err;

	memset(&values, 0, sizeof(values));
	values.mode = st->st_mode & 07777;
	values.uid = st->st_uid;
	values.gid = st->st_gid;
	values.size = (uint64_t)st->st_size;
	if (to_set & FUSE_SET_ATTR_MODE)
		mask |= CHART_SET_MODE;
	if (to_set & FUSE_SET_ATTR_UID)
		mask |= CHART_SET_UID;
	if (to_set & FUSE_SET_ATTR_GID)
		mask |= CHART_SET_GID;
	if (to_set & FUSE_SET_ATTR_SIZE)
		mask |= CHART_SET_SIZE;
	err = set_times(st, to_set, &mask, &values);
	/* `echo ... >control` truncates first */
	if (!err && ops_is_control(p))
		return mask == CHART_SET_SIZE ? ops_getattr_of(o, ino, p, ret_attr) : CF_EPERM;
	if (!err && (p->kind == PLACE_PROOF || p->kind == PLACE_GRANT))
		return mask ? CF_EPERM : ops_getattr_of(o, ino, p, ret_attr);
	if (!err && mask == 0)
		return ops_getattr_of(o, ino, p, ret_attr);
	return err ? err : chart_setattr(o->chart, p, mask, &values, ret_attr);
}

void ops_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int to_set, struct fuse_file_info *fi)
{
	struct ops *o = ops_of(req);
	struct chart_attr attr;
	struct stat reply;
	struct place p;
	int err = 0;

	if (!ops_place(req, ino, &p) || ops_gave_up(req) || ops_event_setattr(req, ino, &p))
		return;
	if (fi && p.kind == PLACE_GRANT && (to_set & FUSE_SET_ATTR_SIZE)) {
		err = ops_grants_truncate(ops_handle(fi), (uint64_t)st->st_size);
		to_set = 0;
	} else if (fi && (to_set & FUSE_SET_ATTR_SIZE) && ops_handle(fi)->file) {
		/* its name may be gone */
		err = chart_truncate(ops_handle(fi)->file, (uint64_t)st->st_size);
		to_set &= ~FUSE_SET_ATTR_SIZE;
	}
	if (!err)
		err = change(o, ino, &p, st, to_set, &attr);
	if (err) {
		ops_fail(req, "change of attributes", NULL, err);
		return;
	}
	inode_rebind(o->inodes, ino, &attr.place);
	ops_stat(o, &attr, &reply);
	fuse_reply_attr(req, &reply, ops_timeout_of(ops_of(req), &attr));
}
