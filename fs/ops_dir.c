/* SPDX-License-Identifier: Apache-2.0 */
/* ops_dir.c - listing directories: offsets are the chart's cookies behind those of "." and "..". */
#include "fs/ops_private.h"

#include "ledger/mem.h"

#define OFFSET_DOT 1
#define OFFSET_DOTDOT 2
#define REPLY_BYTES_MAX ((size_t)1 << 20)

struct listing {
	fuse_req_t req;
	struct ops *o;
	fuse_ino_t dir;
	bool plus;
	char *reply;
	size_t size;
	size_t used;
	int err;
};

void ops_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct place p;

	if (!ops_place(req, ino, &p))
		return;
	if (p.height != 0 && ops_timeout(&p) > 1) {
		fi->keep_cache = 1;
		fi->cache_readdir = 1;
	}
	fuse_reply_open(req, fi);
}

void ops_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_reply_err(req, 0);
}

/* Each change of a directory is a transaction, committed when it returned. */
void ops_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)ino;
	(void)datasync;
	(void)fi;
	fuse_reply_err(req, 0);
}

/* "." and "..": not counted as lookups, so without a node id. False: no room. */
static bool add_dot(struct listing *l, const char *name, const struct place *p, off_t offset)
{
	struct fuse_entry_param e = {.attr = {.st_ino = place_ino(p), .st_mode = S_IFDIR}};
	size_t left = l->size - l->used, need;

	if (l->plus)
		need = fuse_add_direntry_plus(l->req, l->reply + l->used, left, name, &e, offset);
	else
		need = fuse_add_direntry(l->req, l->reply + l->used, left, name, &e.attr, offset);
	if (need > left)
		return false;
	l->used += need;
	return true;
}

static bool add_entry(void *ctx, const char *name, const struct chart_attr *attr, uint64_t cookie)
{
	off_t offset = (off_t)(cookie + OFFSET_DOTDOT);
	struct listing *l = ctx;
	size_t left = l->size - l->used;
	struct fuse_entry_param e;
	struct stat st;

	if (!l->plus) {
		size_t need;

		ops_stat(l->o, attr, &st);
		need = fuse_add_direntry(l->req, l->reply + l->used, left, name, &st, offset);
		if (need <= left)
			l->used += need;
		return need <= left;
	}
	if (fuse_add_direntry_plus(l->req, NULL, 0, name, NULL, 0) > left)
		return false;
	l->err = ops_entry(l->o, l->dir, name, attr, &e);
	if (l->err)
		return false;
	l->used += fuse_add_direntry_plus(l->req, l->reply + l->used, left, name, &e, offset);
	return true;
}

static int list_from(struct listing *l, const struct place *p, off_t off)
{
	uint64_t cookie = off > OFFSET_DOTDOT ? (uint64_t)off - OFFSET_DOTDOT : 0;
	struct place parent = *p;
	int err;

	if (off < OFFSET_DOT && !add_dot(l, ".", p, OFFSET_DOT))
		return 0;
	if (off < OFFSET_DOTDOT) {
		if (!ops_is_control(p) && chart_parent(l->o->chart, p, &parent) != 0)
			parent = *p;
		if (!add_dot(l, "..", &parent, OFFSET_DOTDOT))
			return 0;
	}
	if (ops_is_control(p))
		err = control_list(l->o->control, p, cookie, add_entry, l);
	else
		err = chart_list(l->o->chart, p, cookie, add_entry, l);
	return err ? err : l->err;
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, bool plus)
{
	struct listing l = {.req = req, .o = ops_of(req), .dir = ino, .plus = plus, .size = size};
	struct place p;
	int err = 0;

	if (!ops_place(req, ino, &p))
		return;
	if (l.size > REPLY_BYTES_MAX)
		l.size = REPLY_BYTES_MAX;
	l.reply = mem_alloc(l.size);
	if (!l.reply)
		err = CF_ENOMEM;
	if (!err)
		err = list_from(&l, &p, off);
	/* what was listed before an error counts; the error comes again where it happened */
	if (err && l.used == 0)
		ops_fail(req, "list", NULL, err);
	else
		fuse_reply_buf(req, l.reply, l.used);
	mem_free(l.reply);
}

void ops_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, false);
}

void ops_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, true);
}
