/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops_private.h - what the files of operations share.
 */
#ifndef FS_OPS_PRIVATE_H
#define FS_OPS_PRIVATE_H

#include "fs/control.h"
#include "fs/ops.h"

/* What fi->fh points to for files. Exactly one of the three is in use. */
struct handle {
	struct chart_file *file;
	struct control_file *control;
	struct buf bytes; /* a proof, made when opened, or a file of GRANTS/ */
	bool is_grant;
	bool is_written; /* GRANTS/: not yet granted */
	bool is_writer;
	bool is_direct;          /* reads and writes around the kernel's cache */
	bool is_event;           /* of the thread that makes events: nothing behind it */
	_Atomic bool is_unsaved; /* written to since it was last saved, or that save failed */
};

static inline struct ops *ops_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static inline struct handle *ops_handle(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

/* Replies and answers false: ESTALE when the kernel names an inode that is no more, EACCES to a user who is
 * not one of the mount's. */
bool ops_place(fuse_req_t req, fuse_ino_t ino, struct place *ret_place);
/* Replies with the errno of err; what a person would ask about goes to .chartfs/last-error. name may be NULL.
 */
void ops_fail(fuse_req_t req, const char *operation, const char *name, int err);
/* Replies EINTR and answers true when the caller gave up before anything was begun. */
bool ops_gave_up(fuse_req_t req);

void ops_stat(const struct ops *o, const struct chart_attr *attr, struct stat *ret_st);
/* How long the kernel may believe what it is told of this place, in seconds. */
double ops_timeout(const struct place *p);
/* The same of what was just looked at: nothing while it is unsettled, and no longer than a fraction of the
 * time after which a mount that is not used locks itself: a use is what the kernel asks for. */
double ops_timeout_of(const struct ops *o, const struct chart_attr *attr);
/* Counts a lookup: the reply must be sent with ops_reply_entry, or the lookup be forgotten. */
int ops_entry(struct ops *o, fuse_ino_t parent, const char *name, const struct chart_attr *attr,
	      struct fuse_entry_param *ret_e) must_check;
/* What the kernel knows as one place is another one now. */
void ops_rebind(struct ops *o, const struct place *was, const struct place *now);
/* What the kernel has of a node id may be of bytes that are not, or will never be, committed. */
void ops_forget_pages(struct ops *o, uint64_t id);
/* What was written to this file waits for the patient: the kernel's pages and size of it are not the file's.
 */
void ops_unsaved(struct ops *o, const struct place *node);
void ops_reply_entry(fuse_req_t req, const struct fuse_entry_param *e);

/* Attributes of any place. A node that has another place by now is bound to it. */
int ops_getattr_of(struct ops *o, fuse_ino_t ino, const struct place *p,
		   struct chart_attr *ret_attr) must_check;
/* An entry of any directory, virtual names included. */
int ops_find(struct ops *o, const struct place *dir, const char *name,
	     struct chart_attr *ret_attr) must_check;
/* True for places that the control directory answers for. */
bool ops_is_control(const struct place *p);

/* Owner and mode of something new in a directory: the caller's, or the directory's group under S_ISGID. */
struct ops_owner {
	uint32_t uid;
	uint32_t gid;
	uint32_t mode;
};
int ops_owner(fuse_req_t req, const struct place *dir, mode_t mode, bool is_dir,
	      struct ops_owner *ret_owner) must_check;

/* The bytes of <file>.proof, fs/ops_proof.c. */
bool ops_proof_name(const char *name, char ret_file[NAME_BYTES_MAX + 1]);
int ops_proof_lookup(struct ops *o, const struct place *dir, const char *file,
		     struct chart_attr *ret_attr) must_check;
int ops_proof_attr(struct ops *o, const struct place *p, struct chart_attr *ret_attr) must_check;
int ops_proof_bytes(struct ops *o, const struct place *p, struct buf *out) must_check;

/* Files of GRANTS/, fs/ops_grants.c: whole in the handle, granted by its flush. */
int ops_grants_open(struct ops *o, const struct place *p, int flags, struct handle *h) must_check;
int ops_grants_write(struct handle *h, uint64_t offset, struct view data) must_check;
int ops_grants_truncate(struct handle *h, uint64_t size) must_check;
int ops_grants_flush(struct ops *o, const struct place *p, struct handle *h) must_check;

/*
 * The thread of fs/events.h, fs/ops_events.c. NULL, false: the request is not its; true: it is answered.
 * made: of a directory or symbolic link. create: the entry to reply with.
 */
const struct event *ops_event(fuse_req_t req);
bool ops_event_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
bool ops_event_made(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t format);
int ops_event_create(fuse_req_t req, fuse_ino_t parent, const char *name,
		     struct fuse_entry_param *ret_e) must_check;
bool ops_event_removed(fuse_req_t req, fuse_ino_t parent, const char *name);
bool ops_event_setattr(fuse_req_t req, fuse_ino_t ino, const struct place *p);

/* The operations themselves; fs/ops_gate.c calls them, and has the table. */
void ops_init(void *userdata, struct fuse_conn_info *conn);
void ops_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void ops_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup);
void ops_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);
void ops_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ops_readlink(fuse_req_t req, fuse_ino_t ino);
void ops_access(fuse_req_t req, fuse_ino_t ino, int mask);
void ops_statfs(fuse_req_t req, fuse_ino_t ino);

void ops_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ops_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void ops_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void ops_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ops_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);

void ops_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ops_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi);
void ops_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void ops_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
	       struct fuse_file_info *fi);
void ops_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ops_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void ops_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ops_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t length,
		   struct fuse_file_info *fi);
void ops_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned cmd, void *arg, struct fuse_file_info *fi,
	       unsigned flags, const void *in, size_t in_bytes, size_t out_bytes);

void ops_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int to_set, struct fuse_file_info *fi);
void ops_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev);
void ops_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void ops_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void ops_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void ops_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void ops_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
		const char *new_name, unsigned flags);
void ops_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent, const char *new_name);

void ops_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void ops_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
		  int flags);
void ops_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void ops_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);

#endif
