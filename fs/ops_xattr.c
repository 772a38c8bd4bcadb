/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops_xattr.c - facts of the ledger as attributes user.chartfs.*: readable, never listed, never copied.
 */
#include "fs/ops_private.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

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
	if (strcmp(name, "epoch") == 0)
		return buf_printf(out, "%" PRIu32, f->content.epoch);
	return CF_ENOTFOUND;
}

void ops_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct chart_facts facts;
	struct buf value;
	struct place p;
	int err;

	if (strncmp(name, PREFIX, strlen(PREFIX)) != 0) {
		fuse_reply_err(req, strncmp(name, "security.", 9) == 0 ? ENODATA : EOPNOTSUPP);
		return;
	}
	if (!ops_place(req, ino, &p))
		return;
	buf_init(&value, 0);
	err = p.kind == PLACE_NODE ? chart_facts(ops_of(req)->chart, &p, &facts) : CF_ENOTFOUND;
	if (!err)
		err = fact(&facts, name + strlen(PREFIX), &value);
	if (err == CF_ENOTFOUND)
		fuse_reply_err(req, ENODATA);
	else if (err)
		ops_fail(req, "getxattr", name, err);
	else if (size == 0)
		fuse_reply_xattr(req, value.len);
	else if (size < value.len)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, (const char *)value.data, value.len);
	buf_release(&value);
}

static int refusal(const char *name)
{
	return strncmp(name, PREFIX, strlen(PREFIX)) == 0 ? EPERM : EOPNOTSUPP;
}

void ops_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
	(void)ino;
	(void)value;
	(void)size;
	(void)flags;
	fuse_reply_err(req, refusal(name));
}

void ops_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	(void)ino;
	fuse_reply_err(req, refusal(name));
}

void ops_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	(void)ino;
	if (size == 0)
		fuse_reply_xattr(req, 0);
	else
		fuse_reply_buf(req, NULL, 0);
}
