/* SPDX-License-Identifier: Apache-2.0 */
/* ops_file.c - open files: opening, reading, writing, and the save at close and fsync. */
#include "fs/ops_private.h"

#include "fs/notify.h"
#include "ledger/mem.h"

#include <errno.h>
#include <fcntl.h>

static struct handle *handle_new(const struct fuse_file_info *fi)
{
	struct handle *h = mem_zalloc(sizeof(*h));

	if (!h)
		return NULL;
	buf_init(&h->bytes, 0);
	h->is_writer = (fi->flags & O_ACCMODE) != O_RDONLY;
	return h;
}

static void handle_free(struct handle *h)
{
	if (h->file)
		chart_close(h->file);
	control_close(h->control);
	buf_release(&h->bytes);
	mem_free(h);
}

static unsigned chart_flags(const struct fuse_file_info *fi)
{
	unsigned flags = 0;

	if ((fi->flags & O_ACCMODE) != O_WRONLY)
		flags |= CHART_READ;
	if ((fi->flags & O_ACCMODE) != O_RDONLY)
		flags |= CHART_WRITE;
	if (fi->flags & O_TRUNC)
		flags |= CHART_TRUNC;
	if (fi->flags & O_APPEND)
		flags |= CHART_APPEND;
	return flags;
}

/* What the kernel's cache may do with an open file. */
static void set_caching(struct ops *o, fuse_ino_t ino, struct handle *h, struct fuse_file_info *fi)
{
	struct chart_shown shown;
	bool committed;

	fi->fh = (uintptr_t)h;
	fi->noflush = !h->is_writer;
	if (h->is_event) {
		fi->noflush = fi->keep_cache = 1;
		return;
	}
	if (!h->file) {
		fi->direct_io = 1;
		fi->nonseekable = h->control && control_is_stream(h->control);
		/* the answer to a tool's request comes with no close to wait for */
		fi->noflush = !(h->is_grant && h->is_writer);
		return;
	}
	committed = chart_file_shows(h->file, &shown);
	/* the size the kernel knows is another version's: it asks again before it reads */
	if (committed && !inode_told(o->inodes, ino, shown.version))
		notify_attr_now(o->notify, ino);
	switch (inode_opened(o->inodes, ino, committed ? &shown : NULL)) {
	case INODE_KEEP:
		fi->keep_cache = 1;
		break;
	case INODE_BYPASS:
		fi->direct_io = 1;
		h->is_direct = true;
		break;
	case INODE_DROP:
		break;
	}
}

static void reply_open(fuse_req_t req, fuse_ino_t ino, struct handle *h, struct fuse_file_info *fi)
{
	struct ops *o = ops_of(req);
	bool counted = h->file;

	/* -ENOENT: aborted; the kernel will not release what it does not know to be open */
	if (fuse_reply_open(req, fi) == -ENOENT) {
		handle_free(h);
		if (counted)
			inode_closed(o->inodes, ino);
	}
}

static int open_control(struct ops *o, fuse_ino_t ino, const struct place *p, struct handle *h)
{
	char name[NAME_BYTES_MAX + 1] = "";
	uint64_t parent;
	int err = inode_name(o->inodes, ino, &parent, name);

	return err ? err : control_open(o->control, p, name, &h->control);
}

void ops_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct ops *o = ops_of(req);
	struct handle *h;
	struct place p;
	int err = 0;

	if (!ops_place(req, ino, &p))
		return;
	h = handle_new(fi);
	if (!h)
		err = CF_ENOMEM;
	else if (ops_event(req))
		h->is_event = true;
	else if (ops_is_control(&p))
		err = open_control(o, ino, &p, h);
	else if (p.kind == PLACE_GRANT)
		err = ops_grants_open(o, &p, fi->flags, h);
	else if (p.kind == PLACE_PROOF)
		err = h->is_writer ? CF_EPERM : ops_proof_bytes(o, &p, &h->bytes);
	else
		err = chart_open(o->chart, &p, chart_flags(fi), &h->file);
	if (err && h)
		handle_free(h);
	if (err == CF_ENOTFOUND && p.kind == PLACE_NODE) {
		/* removed or renamed since it was looked up: the kernel looks what the name means now */
		fuse_reply_err(req, ESTALE);
		return;
	}
	if (err) {
		ops_fail(req, "open", NULL, err);
		return;
	}
	set_caching(o, ino, h, fi);
	reply_open(req, ino, h, fi);
}

static int create(fuse_req_t req, const struct place *dir, const char *name, mode_t mode,
		  const struct fuse_file_info *fi, struct handle *h, struct chart_attr *ret_attr)
{
	struct ops *o = ops_of(req);
	struct ops_owner owner;
	int err;

	if (ops_is_control(dir))
		return CF_EPERM;
	if (dir->kind == PLACE_GRANTS) {
		err = chart_grants_create(o->chart, dir, name, ret_attr);
		return err ? err : ops_grants_open(o, &ret_attr->place, fi->flags, h);
	}
	err = name_check(name);
	if (!err)
		err = ops_owner(req, dir, mode, false, &owner);
	if (!err)
		err = chart_create(o->chart, dir, name, owner.mode, owner.uid, owner.gid, chart_flags(fi),
				   &h->file, ret_attr);
	if (err != CF_EEXIST || (fi->flags & O_EXCL))
		return err;
	/* somebody else's save made it between the kernel's lookup and now */
	err = chart_lookup(o->chart, dir, name, ret_attr);
	if (!err)
		err = chart_open(o->chart, &ret_attr->place, chart_flags(fi), &h->file);
	return err;
}

void ops_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	struct ops *o = ops_of(req);
	struct fuse_entry_param e;
	struct chart_attr attr;
	struct handle *h;
	struct place dir;
	bool counted;
	int err;

	if (!ops_place(req, parent, &dir) || ops_gave_up(req))
		return;
	h = handle_new(fi);
	if (h && ops_event(req)) {
		h->is_event = true;
		err = ops_event_create(req, parent, name, &e);
	} else {
		err = h ? create(req, &dir, name, mode, fi, h, &attr) : CF_ENOMEM;
		if (!err)
			err = ops_entry(o, parent, name, &attr, &e);
	}
	if (err) {
		if (h)
			handle_free(h);
		ops_fail(req, "create", name, err);
		return;
	}
	set_caching(o, e.ino, h, fi);
	counted = h->file;
	if (fuse_reply_create(req, &e, fi) == -ENOENT) {
		handle_free(h);
		if (counted)
			inode_closed(o->inodes, e.ino);
		inode_forget(o->inodes, e.ino, 1);
	}
}

void ops_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct handle *h = ops_handle(fi);
	struct buf out;
	int err = 0;

	(void)ino;
	buf_init(&out, 0);
	if (h->file)
		err = chart_read(h->file, (uint64_t)off, size, &out);
	else if (h->control)
		err = control_read(h->control, (uint64_t)off, size, &out);
	else if ((uint64_t)off < h->bytes.len)
		err = buf_append(&out, h->bytes.data + off,
				 h->bytes.len - (size_t)off < size ? h->bytes.len - (size_t)off : size);
	if (err)
		ops_fail(req, "read", NULL, err);
	else
		fuse_reply_buf(req, (const char *)out.data, out.len);
	buf_release_secret(&out);
}

void ops_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
	       struct fuse_file_info *fi)
{
	struct handle *h = ops_handle(fi);
	int err;

	(void)ino;
	if (h->file) {
		h->is_unsaved = true;
		err = chart_write(h->file, (uint64_t)off, VIEW(data, size));
	} else if (h->control)
		err = control_write(h->control, VIEW(data, size));
	else if (h->is_grant)
		err = ops_grants_write(h, (uint64_t)off, VIEW(data, size));
	else
		err = CF_EPERM;
	mem_wipe((char *)data, size); /* libfuse's own buffer, of which it needs nothing any more */
	if (err)
		ops_fail(req, "write", NULL, err);
	else
		fuse_reply_write(req, size);
}

/* Nothing staged: done at once. What was saved may have another place, and has other times. */
static int save(struct ops *o, fuse_ino_t ino, struct handle *h, bool sync)
{
	struct chart_shown shown;
	struct place p;
	int err;

	if (h->is_grant)
		return inode_place(o->inodes, ino, &p) ? ops_grants_flush(o, &p, h) : CF_ENOTFOUND;
	if (!h->file || (!h->is_writer && !sync))
		return 0;
	if (!h->is_writer) {
		err = chart_sync(h->file); /* what others have written and not closed */
		notify_inode(o->notify, ino, false);
		return err;
	}
	h->is_unsaved = false;
	err = sync ? chart_sync(h->file) : chart_save(h->file);
	inode_rebind(o->inodes, ino, chart_file_place(h->file));
	if (!err && chart_file_shows(h->file, &shown))
		inode_saved(o->inodes, ino, h->is_direct ? NULL : &shown);
	notify_inode(o->notify, ino, false);
	if (err) {
		h->is_unsaved = true;
		ops_forget_pages(o, ino);
	} else if (chart_waits(o->chart, chart_file_place(h->file)))
		ops_unsaved(o, chart_file_place(h->file));
	return err;
}

static void save_and_reply(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, bool sync)
{
	char name[NAME_BYTES_MAX + 1] = "";
	struct ops *o = ops_of(req);
	uint64_t parent;
	int err = save(o, ino, ops_handle(fi), sync);

	if (!err) {
		fuse_reply_err(req, 0);
		return;
	}
	if (inode_name(o->inodes, ino, &parent, name))
		name[0] = '\0';
	ops_fail(req, "save", name, err);
}

/* close(2), and bash's dup before the first byte. Interrupted or not, a save that can still be made is made.
 */
void ops_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	save_and_reply(req, ino, fi, false);
}

void ops_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)datasync;
	if (!ops_gave_up(req))
		save_and_reply(req, ino, fi, true);
}

void ops_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct ops *o = ops_of(req);
	struct handle *h = ops_handle(fi);
	bool counted = h->file, unsaved = h->is_unsaved;

	handle_free(h);
	/* what was refused is dropped now; until then whoever read it put it back among the kernel's pages */
	if (unsaved)
		ops_forget_pages(o, ino);
	if (counted)
		inode_closed(o->inodes, ino);
	fuse_reply_err(req, 0);
}

void ops_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t length,
		   struct fuse_file_info *fi)
{
	(void)ino;
	(void)mode;
	(void)off;
	(void)length;
	(void)fi;
	fuse_reply_err(req, EOPNOTSUPP);
}

/* ENOTTY is what any file answers to an ioctl it does not know. */
void ops_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned cmd, void *arg, struct fuse_file_info *fi,
	       unsigned flags, const void *in, size_t in_bytes, size_t out_bytes)
{
	struct handle *h = flags & FUSE_IOCTL_DIR ? NULL : ops_handle(fi);
	bool is_secret = cmd == CONTROL_IOC_PASSPHRASE;
	const struct control_say *say = in;
	int err = CF_EINVAL;

	(void)ino;
	(void)arg;
	(void)out_bytes;
	if (!h || !h->control || (cmd != CONTROL_IOC_SAY && !is_secret) || in_bytes != sizeof(*say)) {
		fuse_reply_err(req, ENOTTY);
		return;
	}
	if (say->len <= sizeof(say->bytes))
		err = is_secret ? control_secret(h->control, VIEW(say->bytes, say->len))
				: control_write(h->control, VIEW(say->bytes, say->len));
	if (is_secret)
		mem_wipe((void *)in, in_bytes);
	if (err)
		ops_fail(req, "request", NULL, err);
	else
		fuse_reply_ioctl(req, 0, NULL, 0);
}
