/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops_xattr.c - extended attributes. user.* is kept; user.chartfs.* are facts of the ledger: readable, never
 * listed, never copied. Other namespaces are not supported (LAYOUT.md 6).
 */
#include "fs/ops_private.h"
#include "ledger/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/xattr.h>

#define PREFIX "user.chartfs."

static int put_hex(const void *data, size_t bytes, struct buf *out)
{
	char hex[2 * HASH_BYTES + 1];

	hex_encode(data, bytes, hex);
	return buf_append_view(out, view_str(hex));
}

/* The row as it stands in the state: with the place the file has in the tree. */
static int put_row_hash(const struct node_row *row, struct buf *out)
{
	struct buf bytes;
	struct hash h;
	int err;

	buf_init(&bytes, 0);
	err = node_row_encode(row, &bytes);
	if (!err) {
		h = sha256(buf_view(&bytes));
		err = put_hex(h.b, HASH_BYTES, out);
	}
	buf_release(&bytes);
	return err;
}

static int fact(const struct chart_facts *f, const char *name, struct buf *out)
{
	if (strcmp(name, "txid") == 0)
		return put_hex(f->tx_id.b, HASH_BYTES, out);
	if (strcmp(name, "height") == 0)
		return buf_printf(out, "%" PRIu64, f->height);
	if (strcmp(name, "author") == 0)
		return buf_append_view(out, view_str(f->author));
	if (strcmp(name, "version") == 0)
		return buf_printf(out, "%u", f->version);
	/* what the mount's own stores hold was verified before it was put there */
	if (strcmp(name, "verified") == 0)
		return buf_append_view(out, view_str("yes"));
	if (strcmp(name, "hash.content") == 0)
		return put_hex(f->node.commitment.b, HASH_BYTES, out);
	if (strcmp(name, "hash.path") == 0)
		return put_row_hash(&f->node, out);
	if (strcmp(name, "hash.record") == 0)
		return put_hex(f->node.content_hash.b, HASH_BYTES, out);
	if (strcmp(name, "section") == 0)
		return buf_append_view(out, view_str(section_name(f->node.section)));
	/* a tree of the past shows none that writes */
	if (strcmp(name, "mode") == 0)
		return buf_printf(out, "%04o", f->node.mode & 07777);
	if (strcmp(name, "epoch") == 0)
		return buf_printf(out, "%" PRIu32, f->content.epoch);
	return CF_ENOTFOUND;
}

#define USER "user."
#define SECURITY "security."

static bool begins(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static void reply_bytes(fuse_req_t req, const struct buf *out, size_t size)
{
	if (size == 0)
		fuse_reply_xattr(req, out->len);
	else if (size < out->len)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, (const char *)out->data, out->len);
}

/* Replies with what a change or a look came to. */
static void fail(fuse_req_t req, const char *operation, const char *name, int err)
{
	if (err == CF_ENOTFOUND)
		fuse_reply_err(req, ENODATA);
	else
		ops_fail(req, operation, name, err);
}

static int value_of(struct ops *o, const struct place *p, const char *name, struct buf *out)
{
	struct chart_facts facts;
	int err;

	if (ops_is_control(p))
		return CF_ENOTFOUND;
	if (!begins(name, PREFIX))
		return chart_xattr_get(o->chart, p, name, out);
	err = p->kind == PLACE_NODE ? chart_facts(o->chart, p, &facts) : CF_ENOTFOUND;
	return err ? err : fact(&facts, name + strlen(PREFIX), out);
}

void ops_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct buf value;
	struct place p;
	int err;

	/* asked before every write: there is none, which is an answer that costs nothing */
	if (!begins(name, USER)) {
		fuse_reply_err(req, begins(name, SECURITY) ? ENODATA : EOPNOTSUPP);
		return;
	}
	if (!ops_place(req, ino, &p))
		return;
	buf_init(&value, 0);
	err = value_of(ops_of(req), &p, name, &value);
	if (err)
		fail(req, "getxattr", name, err);
	else
		reply_bytes(req, &value, size);
	buf_release_secret(&value);
}

void ops_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct buf names;
	struct place p;
	int err = 0;

	if (!ops_place(req, ino, &p))
		return;
	buf_init(&names, 0);
	if (!ops_is_control(&p))
		err = chart_xattr_list(ops_of(req)->chart, &p, &names);
	if (err)
		fail(req, "listxattr", NULL, err);
	else
		reply_bytes(req, &names, size);
	buf_release_secret(&names);
}

/* True when replied: a name that is not kept, or no place to keep it. */
static bool refused(fuse_req_t req, fuse_ino_t ino, const char *name, struct place *ret_place)
{
	if (!begins(name, USER)) {
		fuse_reply_err(req, EOPNOTSUPP);
		return true;
	}
	if (!ops_place(req, ino, ret_place) || ops_gave_up(req))
		return true;
	if (!begins(name, PREFIX) && !ops_is_control(ret_place))
		return false;
	fuse_reply_err(req, EPERM);
	return true;
}

void ops_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
	unsigned how = (flags & XATTR_CREATE ? CHART_XATTR_CREATE : 0) |
		       (flags & XATTR_REPLACE ? CHART_XATTR_REPLACE : 0);
	struct place p;
	int err;

	if (refused(req, ino, name, &p))
		return;
	err = chart_xattr_set(ops_of(req)->chart, &p, name, VIEW(value, size), how);
	mem_wipe((char *)value, size); /* libfuse's own buffer */
	if (err)
		fail(req, "setxattr", name, err);
	else
		fuse_reply_err(req, 0);
}

void ops_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct place p;
	int err;

	if (refused(req, ino, name, &p))
		return;
	err = chart_xattr_remove(ops_of(req)->chart, &p, name);
	if (err)
		fail(req, "removexattr", name, err);
	else
		fuse_reply_err(req, 0);
}
