/* SPDX-License-Identifier: Apache-2.0 */
/* ops_lookup.c - names to inodes, attributes, and the helpers all operations share. */
#include "fs/ops_private.h"

#include "fs/errmap.h"
#include "fs/notify.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#define TIMEOUT_PAST (30.0 * 86400) /* never changes */
#define TIMEOUT_LIVE 60.0           /* invalidated when it does */
#define TIMEOUT_SHORT 1.0           /* nothing tells when it does */
#define BLOCK_BYTES 4096
#define IDLE_PARTS 4
#define IDS_MAX 16 /* node ids of one place */

bool ops_is_control(const struct place *p)
{
	return p->kind == PLACE_CONTROL || p->kind == PLACE_CONTROL_FILE;
}

/* The kernel lets in whom it is told to by one switch; the map of users is kept here. */
static bool admits(const struct ops *o, uid_t uid)
{
	if (o->user_count == 0 || uid == o->uid)
		return true;
	for (size_t i = 0; i < o->user_count; i++) {
		if (o->user[i] == uid)
			return true;
	}
	return false;
}

bool ops_place(fuse_req_t req, fuse_ino_t ino, struct place *ret_place)
{
	if (!admits(ops_of(req), fuse_req_ctx(req)->uid)) {
		fuse_reply_err(req, EACCES);
		return false;
	}
	if (inode_place(ops_of(req)->inodes, ino, ret_place))
		return true;
	fuse_reply_err(req, ESTALE);
	return false;
}

/* What programs try and expect to fail all the time is nobody's question. */
static bool is_routine(int err)
{
	return err == CF_ENOTFOUND || err == CF_EEXIST || err == CF_ENOTEMPTY || err == CF_ENOTDIR ||
	       err == CF_EISDIR || err == CF_EUNSUPPORTED;
}

void ops_fail(fuse_req_t req, const char *operation, const char *name, int err)
{
	char what[NAME_BYTES_MAX + 32];

	if (err == CF_ELOCKED)
		err = latch_reason(ops_of(req)->latch, err);
	if (!is_routine(err)) {
		snprintf(what, sizeof(what), "%s%s%s", operation, name ? " " : "", name ? name : "");
		chart_note_error(ops_of(req)->chart, what, err);
	}
	fuse_reply_err(req, errmap_errno(err));
}

bool ops_gave_up(fuse_req_t req)
{
	if (!fuse_req_interrupted(req))
		return false;
	fuse_reply_err(req, EINTR);
	return true;
}

double ops_timeout(const struct place *p)
{
	switch ((enum place_kind)p->kind) {
	case PLACE_CONTROL:
	case PLACE_CONTROL_FILE:
	case PLACE_PENDING:
	case PLACE_WAITING:
	case PLACE_GRANTS:
	case PLACE_GRANT:
	case PLACE_ACCESS:
	case PLACE_ACCESS_FILE:
		return 0;
	case PLACE_AT:
	case PLACE_PEOPLE:
	case PLACE_PERSON:
	case PLACE_HISTORY:
	case PLACE_VERSIONS:
	case PLACE_SNAPSHOTS:
	case PLACE_PROOF:
		return TIMEOUT_SHORT;
	case PLACE_ROOT:
	case PLACE_PATIENTS:
	case PLACE_NODE:
	case PLACE_LOCAL:
		break;
	}
	return p->height ? TIMEOUT_PAST : TIMEOUT_LIVE;
}

double ops_timeout_of(const struct ops *o, const struct chart_attr *attr)
{
	double most = (double)o->idle_ms / 1000 / IDLE_PARTS, timeout = ops_timeout(&attr->place);

	if (attr->unsettled)
		return 0;
	return o->idle_ms && timeout > most ? most : timeout;
}

static struct timespec from_ns(uint64_t ns)
{
	return (struct timespec){(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
}

void ops_stat(const struct ops *o, const struct chart_attr *attr, struct stat *ret_st)
{
	bool has_owner = attr->place.kind == PLACE_NODE || attr->place.kind == PLACE_LOCAL;

	*ret_st = (struct stat){
		.st_ino = attr->ino ? attr->ino : place_ino(&attr->place),
		.st_mode = attr->mode,
		.st_nlink = attr->nlink,
		.st_uid = has_owner ? attr->uid : o->uid,
		.st_gid = has_owner ? attr->gid : o->gid,
		.st_size = (off_t)attr->size,
		.st_blocks = (blkcnt_t)((attr->size + 511) / 512),
		.st_blksize = BLOCK_BYTES,
		.st_atim = from_ns(attr->atime_ns),
		.st_mtim = from_ns(attr->mtime_ns),
		.st_ctim = from_ns(attr->ctime_ns),
	};
}

void ops_rebind(struct ops *o, const struct place *was, const struct place *now)
{
	uint64_t id[IDS_MAX];
	size_t count = inode_find(o->inodes, was, id, IDS_MAX);

	for (size_t i = 0; i < count; i++) {
		inode_rebind(o->inodes, id[i], now);
		notify_inode(o->notify, id[i], false);
	}
}

void ops_forget_pages(struct ops *o, uint64_t id)
{
	inode_saved(o->inodes, id, NULL);
	(void)inode_told(o->inodes, id, (struct version){0, 0});
	notify_attr_now(o->notify, id);
	notify_inode(o->notify, id, true);
}

void ops_unsaved(struct ops *o, const struct place *node)
{
	uint64_t id[IDS_MAX];
	size_t count = inode_find(o->inodes, node, id, IDS_MAX);

	for (size_t i = 0; i < count; i++)
		ops_forget_pages(o, id[i]);
}

/* What was committed with nobody waiting for it, or by a reader's fsync, is what those who have the file open
 * show by now: they share it. */
static void shows_own_save(struct ops *o, fuse_ino_t ino, const struct chart_attr *attr)
{
	const struct chart_shown shown = {attr->version, attr->size, attr->mtime_ns, attr->ctime_ns};
	struct version was;

	if (inode_shows(o->inodes, ino, attr->version, &was) &&
	    chart_is_own_save(o->chart, &attr->place, was, attr->version)) {
		inode_saved(o->inodes, ino, &shown);
		notify_inode(o->notify, ino, false);
	}
}

int ops_entry(struct ops *o, fuse_ino_t parent, const char *name, const struct chart_attr *attr,
	      struct fuse_entry_param *ret_e)
{
	struct fuse_entry_param e = {.generation = inodes_generation(o->inodes)};
	struct place dir;
	uint64_t ino;
	int err;

	if (attr->was.kind)
		ops_rebind(o, &attr->was, &attr->place);
	if (inode_find(o->inodes, &attr->place, &ino, 1))
		shows_own_save(o, ino, attr);
	err = inode_ref(o->inodes, &attr->place, attr->version, parent, name, &e.ino);
	if (err)
		return err;
	(void)inode_told(o->inodes, e.ino, attr->version);
	ops_stat(o, attr, &e.attr);
	e.attr_timeout = ops_timeout_of(o, attr);
	e.entry_timeout = e.attr_timeout;
	/* at/<today> is another height tomorrow; so is what at/latest leads to, and a snapshot of this second
	 */
	if (inode_place(o->inodes, parent, &dir) && (dir.kind == PLACE_AT || dir.kind == PLACE_SNAPSHOTS))
		e.entry_timeout = TIMEOUT_SHORT;
	*ret_e = e;
	return 0;
}

void ops_reply_entry(fuse_req_t req, const struct fuse_entry_param *e)
{
	struct inodes *inodes = ops_of(req)->inodes;

	/* the request was aborted: the kernel did not count this lookup */
	if (fuse_reply_entry(req, e) == -ENOENT)
		inode_forget(inodes, e->ino, 1);
}

int ops_getattr_of(struct ops *o, fuse_ino_t ino, const struct place *p, struct chart_attr *ret_attr)
{
	int err;

	if (ops_is_control(p))
		return control_getattr(o->control, p, ret_attr);
	if (p->kind == PLACE_PROOF)
		return ops_proof_attr(o, p, ret_attr);
	err = chart_getattr(o->chart, p, ret_attr);
	if (!err && !place_equal(&ret_attr->place, p))
		inode_rebind(o->inodes, ino, &ret_attr->place);
	if (!err)
		shows_own_save(o, ino, ret_attr);
	if (!err && inode_pin(o->inodes, ino, ret_attr))
		ret_attr->unsettled = true;
	if (!err)
		(void)inode_told(o->inodes, ino, ret_attr->version);
	return err;
}

int ops_find(struct ops *o, const struct place *dir, const char *name, struct chart_attr *ret_attr)
{
	struct place control = place_simple(PLACE_CONTROL, 0);
	char file[NAME_BYTES_MAX + 1];
	int err;

	if (dir->kind == PLACE_ROOT && dir->height == 0 && strcmp(name, CONTROL_NAME) == 0)
		return control_getattr(o->control, &control, ret_attr);
	if (ops_is_control(dir))
		return control_lookup(o->control, dir, name, ret_attr);
	err = name_check(name);
	if (!err)
		err = chart_lookup(o->chart, dir, name, ret_attr);
	if (err == CF_ENOTFOUND && ops_proof_name(name, file))
		err = ops_proof_lookup(o, dir, file, ret_attr);
	return err;
}

void ops_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct ops *o = ops_of(req);
	struct fuse_entry_param e = {.entry_timeout = TIMEOUT_SHORT};
	struct chart_attr attr;
	struct place dir;
	int err;

	if (!ops_place(req, parent, &dir) || ops_event_lookup(req, parent, name))
		return;
	err = ops_find(o, &dir, name, &attr);
	if (!err)
		err = ops_entry(o, parent, name, &attr, &e);
	if (err == CF_ENOTFOUND)
		fuse_reply_entry(req, &e);
	else if (err)
		ops_fail(req, "lookup", name, err);
	else
		ops_reply_entry(req, &e);
}

void ops_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	inode_forget(ops_of(req)->inodes, ino, nlookup);
	fuse_reply_none(req);
}

void ops_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		inode_forget(ops_of(req)->inodes, forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
}

void ops_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct ops *o = ops_of(req);
	struct chart_attr attr;
	struct place p;
	struct stat st;
	int err;

	(void)fi;
	(void)ops_event(req); /* that thread has reached its own mount */
	if (!ops_place(req, ino, &p))
		return;
	err = ops_getattr_of(o, ino, &p, &attr);
	if (err) {
		ops_fail(req, "stat", NULL, err);
		return;
	}
	ops_stat(o, &attr, &st);
	fuse_reply_attr(req, &st, ops_timeout_of(o, &attr));
}

void ops_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct buf target;
	struct place p;
	int err;

	if (!ops_place(req, ino, &p))
		return;
	buf_init(&target, 0);
	err = chart_readlink(ops_of(req)->chart, &p, &target);
	if (!err)
		err = buf_append(&target, "", 1);
	if (err)
		ops_fail(req, "readlink", NULL, err);
	else
		fuse_reply_readlink(req, (const char *)target.data);
	buf_release(&target);
}

void ops_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	struct place p;
	int err;

	if (!ops_place(req, ino, &p))
		return;
	err = ops_is_control(&p) || p.kind == PLACE_PROOF ? 0 : chart_access(ops_of(req)->chart, &p, mask);
	fuse_reply_err(req, errmap_errno(err));
}

void ops_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct chart_stat s;
	struct statvfs v;
	int err;

	(void)ino;
	err = chart_statfs(ops_of(req)->chart, &s);
	if (err) {
		ops_fail(req, "statfs", NULL, err);
		return;
	}
	v = (struct statvfs){
		.f_bsize = BLOCK_BYTES,
		.f_frsize = BLOCK_BYTES,
		.f_blocks = s.total_bytes / BLOCK_BYTES,
		.f_bfree = s.free_bytes / BLOCK_BYTES,
		.f_bavail = s.free_bytes / BLOCK_BYTES,
		.f_files = s.files + s.free_files,
		.f_ffree = s.free_files,
		.f_favail = s.free_files,
		.f_namemax = NAME_BYTES_MAX,
	};
	fuse_reply_statfs(req, &v);
}
