/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contract_file.c - create, save, attributes, extended attributes.
 */
#include "acl/content.h"
#include "acl/contract_private.h"
#include "acl/xattr.h"

#include <assert.h>

#define SYMLINK_BYTES_MAX 4095
#define SEALED_OVERHEAD_BYTES 1024 /* of a record's ciphertext over its plaintext */

static bool names_blob(const struct tx_proposal *p, const struct hash *root)
{
	for (unsigned i = 0; i < p->blob_count; i++) {
		if (hash_equal(&p->blob[i].root, root))
			return true;
	}
	return false;
}

/* Bytes that stand in the ledger itself. */
static int check_inline(const struct run *r, const struct content_row *row, uint64_t size, uint64_t bytes_max)
{
	if (row->form != CONTENT_INLINE)
		return err_set(CF_EINVAL, "operation %u: such content stands in the ledger, not in a blob",
			       r->op);
	if (size > bytes_max || row->sealed.len > bytes_max + SEALED_OVERHEAD_BYTES)
		return err_set(CF_ETOOBIG, "operation %u: %llu bytes, %llu allowed", r->op,
			       (unsigned long long)size, (unsigned long long)bytes_max);
	return 0;
}

static int check_blob(const struct run *r, const struct content_row *row, uint64_t size)
{
	if (size == 0 && row->form == CONTENT_INLINE && row->sealed.len == 0)
		return 0;
	if (row->form != CONTENT_BLOB)
		return err_set(CF_EINVAL, "operation %u: an attachment's content is a blob", r->op);
	if (hash_is_zero(&row->root) != (size == 0))
		return err_set(CF_EINVAL, "operation %u: only an empty attachment has no root", r->op);
	if (size > 0 && !names_blob(r->p, &row->root))
		return err_set(CF_EINVAL, "operation %u: the proposal does not name the attachment's blob",
			       r->op);
	return 0;
}

static int check_form(const struct run *r, enum node_type type, const struct content_row *row, uint64_t size)
{
	switch (type) {
	case NODE_RECORD:
		return check_inline(r, row, size, r->policy.record_bytes_max);
	case NODE_ATTACHMENT:
		return check_blob(r, row, size);
	case NODE_SYMLINK:
		return check_inline(r, row, size, SYMLINK_BYTES_MAX);
	case NODE_DIR:
		break;
	}
	return err_set(CF_EISDIR, "operation %u: a directory has no content", r->op);
}

/* The secret of a version is in the annex, under the number of its operation. */
static int check_secret(const struct run *r, const struct hash *tx, uint16_t index, struct view sealed)
{
	uint8_t secret[CONTENT_SECRET_BYTES];

	if (!hash_is_zero(tx) || index != r->op)
		return err_set(CF_EINVAL, "operation %u: content refers to another operation's secret",
			       r->op);
	if (sealed.len > 0 && content_secret_find(r->annex, r->op, secret))
		return err_set(CF_EINVAL, "operation %u: the annex has no secret for the content", r->op);
	return 0;
}

int run_check_content(struct run *r, const struct node_row *node, uint64_t size, struct view bytes,
		      struct content_row *ret_row)
{
	struct content_row row;
	int err;

	if (bytes.len == 0)
		return size || node->type == NODE_SYMLINK
			       ? err_set(CF_EINVAL, "operation %u: content is missing", r->op)
			       : 0;
	err = content_row_decode(bytes, &row);
	if (err == 0)
		err = check_form(r, node->type, &row, size);
	if (err == 0)
		err = check_secret(r, &row.secret_tx, row.secret_index, row.sealed);
	if (err == 0)
		err = run_epoch(r, node->section, row.epoch, row.window);
	if (err == 0)
		*ret_row = row;
	return err;
}

int run_put_content(struct run *r, const struct node_id *n, const struct content_row *row,
		    struct node_row *node)
{
	struct statekey key = statekey_node(&r->p->patient, SKP_CONTENT, n);
	bool had = !hash_is_zero(&node->content_hash);
	struct buf value;
	int err;

	node->content_hash = (struct hash){{0}};
	if (!row)
		return had ? rwset_add_delete(r->out, statekey_view(&key)) : 0;
	buf_init(&value, STATE_VALUE_BYTES_MAX);
	err = content_row_encode(row, &value);
	if (err == 0)
		node->content_hash = sha256(buf_view(&value));
	err = run_put(r, key, err, &value);
	buf_release(&value);
	return err;
}

/*
 * Checks content as an operation carries it, and writes its row (or deletes the one there was). Fills size,
 * content hash, commitment and author of the node.
 */
static int put_content(struct run *r, const struct node_id *n, uint64_t size, struct view bytes,
		       const struct hash *commitment, struct node_row *node)
{
	struct content_row row;
	int err = run_check_content(r, node, size, bytes, &row);

	if (err)
		return err;
	node->size = size;
	node->commitment = *commitment;
	node->author = r->p->creator;
	if (bytes.len)
		row.secret_tx = *r->id;
	return run_put_content(r, n, bytes.len ? &row : NULL, node);
}

void run_set_attrs(struct node_row *node, const struct op_attrs *a, uint64_t ctime_ns)
{
	node->mode = a->mode;
	node->uid = a->uid;
	node->gid = a->gid;
	node->atime_ns = a->atime_ns;
	node->mtime_ns = a->mtime_ns;
	node->ctime_ns = ctime_ns;
}

/* Where an entry is to be made: a directory of this section, and no such entry yet. */
static int check_place(struct run *r, const struct op_create *op)
{
	struct entry_row entry;
	struct version version;
	struct node_row dir;
	int err = run_node(r, &op->dir, &dir);

	if (err)
		return err;
	if (dir.type != NODE_DIR)
		return err_set(CF_ENOTDIR, "operation %u: the parent is no directory", r->op);
	if (dir.section != op->section)
		return err_set(CF_EINVAL, "operation %u: the directory is not of %s", r->op,
			       section_name(op->section));
	err = row_entry(r->txn, r->out, &r->p->patient, &op->dir, &op->token, &entry, &version);
	if (err == 0)
		return err_set(CF_EEXIST, "operation %u: the name is taken", r->op);
	return err == CF_ENOTFOUND ? 0 : err;
}

static int put_entry(struct run *r, const struct op_create *op, const struct node_id *node)
{
	struct entry_row entry = {
		.node = *node,
		.type = op->type,
		.epoch = op->epoch,
		.window = op->window,
		.sealed_name = op->sealed_name,
	};
	struct buf value;
	int err;

	buf_init(&value, 0);
	err = run_put(r, statekey_entry(&r->p->patient, &op->dir, &op->token),
		      entry_row_encode(&entry, &value), &value);
	buf_release(&value);
	return err;
}

int contract_create(struct run *r, struct view body)
{
	struct node_id id = op_new_node(r->id, r->op);
	struct op_create op;
	struct node_row node;
	int err = op_create_decode(body, &op);

	if (err)
		return err;
	/* beside the sections lies patient.json and nothing else */
	if (op.section == 0 && op.type != NODE_RECORD)
		return err_set(CF_EDENIED, "operation %u: only a record can stand beside the sections",
			       r->op);
	err = run_check(r, op.section, VERB_ADD);
	if (err == 0)
		err = run_epoch(r, op.section, op.epoch, op.window);
	if (err == 0)
		err = check_place(r, &op);
	if (err)
		return err;
	node = (struct node_row){
		.type = op.type,
		.section = op.section,
		.parent = op.dir,
		.crtime_ns = run_time_ns(r),
	};
	run_set_attrs(&node, &op.attrs, run_time_ns(r));
	err = put_content(r, &id, op.size, op.content, &op.commitment, &node);
	if (err == 0)
		err = put_entry(r, &op, &id);
	return err ? err : run_put_node(r, &id, &node);
}

/* The version that is to be replaced must be the one the writer saw. */
int run_check_base(struct run *r, const struct statekey *key, struct version base)
{
	struct version version = {0, 0};
	struct view value;
	int err = row_read(r->txn, r->out, key, &value, &version);

	if (err && err != CF_ENOTFOUND)
		return err;
	if (!version_equal(version, base))
		return err_set(CF_ECONFLICT,
			       "operation %u: made from version %llu:%u, the current one is %llu:%u", r->op,
			       (unsigned long long)base.height, base.index,
			       (unsigned long long)version.height, version.index);
	return 0;
}

int run_saved(struct run *r, struct view body, struct op_save *ret_op, struct node_row *ret_node)
{
	int err = op_save_decode(body, ret_op);

	if (err == 0)
		err = run_node(r, &ret_op->node, ret_node);
	if (err)
		return err;
	if (ret_node->type == NODE_DIR)
		return err_set(CF_EISDIR, "operation %u: a directory has no content", r->op);
	if (ret_node->type == NODE_SYMLINK)
		return err_set(CF_EINVAL, "operation %u: a symbolic link is made anew, not saved", r->op);
	return run_check(r, ret_node->section, VERB_MODIFY);
}

int contract_save(struct run *r, struct view body)
{
	struct op_save op;
	struct node_row node;
	struct statekey key;
	int err = run_saved(r, body, &op, &node);

	if (err == 0)
		err = run_amend(r, node.section);
	key = statekey_node(&r->p->patient, SKP_CONTENT, &op.node);
	if (err == 0)
		err = run_check_base(r, &key, op.base);
	if (err)
		return err;
	run_set_attrs(&node, &op.attrs, run_time_ns(r));
	err = put_content(r, &op.node, op.size, op.content, &op.commitment, &node);
	return err ? err : run_put_node(r, &op.node, &node);
}

/* cp -a and rsync set times and owner after they made a file: who made it and may add may do that, too. */
static int check_touch(struct run *r, const struct node_row *node)
{
	int err = run_check(r, node->section, VERB_MODIFY);

	if (err == CF_EDENIED && identity_equal(&node->author, &r->p->creator))
		err = run_check(r, node->section, VERB_ADD);
	return err;
}

int contract_setattr(struct run *r, struct view body)
{
	struct op_setattr op;
	struct node_row node;
	int err = op_setattr_decode(body, &op);

	if (err == 0)
		err = run_node(r, &op.node, &node);
	if (err == 0)
		err = check_touch(r, &node);
	if (err)
		return err;
	if (op.mask & OP_SET_MODE)
		node.mode = op.attrs.mode;
	if (op.mask & OP_SET_UID)
		node.uid = op.attrs.uid;
	if (op.mask & OP_SET_GID)
		node.gid = op.attrs.gid;
	if (op.mask & OP_SET_ATIME)
		node.atime_ns = op.attrs.atime_ns;
	if (op.mask & OP_SET_MTIME)
		node.mtime_ns = op.attrs.mtime_ns;
	node.ctime_ns = run_time_ns(r);
	return run_put_node(r, &op.node, &node);
}

/* Sealed under a secret of its own, as a record is. */
static int put_xattr(struct run *r, const struct statekey *key, const struct op_xattr *op, unsigned section)
{
	struct xattr_row row;
	struct buf value;
	int err = xattr_row_decode(op->row, &row);

	if (err == 0 && row.sealed.len > XATTR_BYTES_MAX + SEALED_OVERHEAD_BYTES)
		err = err_set(CF_EFULL, "operation %u: more extended attributes than %zu bytes", r->op,
			      XATTR_BYTES_MAX);
	if (err == 0)
		err = check_secret(r, &row.secret_tx, row.secret_index, row.sealed);
	if (err == 0)
		err = run_epoch(r, section, row.epoch, row.window);
	if (err)
		return err;
	row.secret_tx = *r->id;
	buf_init(&value, STATE_VALUE_BYTES_MAX);
	err = run_put(r, *key, xattr_row_encode(&row, &value), &value);
	buf_release(&value);
	return err;
}

/* Zeros stand for what the operation before made: its id follows from the transaction's, which is not known
 * to whoever writes this one. */
static int xattr_node(const struct run *r, struct node_id *n)
{
	if (!node_is_zero(n))
		return 0;
	if (r->op == 0 || r->p->op[r->op - 1].code != OP_CREATE)
		return err_set(CF_EINVAL, "operation %u: extended attributes of nothing", r->op);
	*n = op_new_node(r->id, (uint16_t)(r->op - 1));
	return 0;
}

int contract_xattr(struct run *r, struct view body)
{
	struct op_xattr op;
	struct node_row node;
	struct statekey key;
	int err = op_xattr_decode(body, &op);

	if (err == 0)
		err = xattr_node(r, &op.node);
	if (err == 0)
		err = run_node(r, &op.node, &node);
	if (err)
		return err;
	if (node.type == NODE_SYMLINK)
		return err_set(CF_EINVAL, "operation %u: a symbolic link has no extended attributes", r->op);
	key = statekey_node(&r->p->patient, SKP_XATTR, &op.node);
	err = check_touch(r, &node);
	if (err == 0 && !identity_equal(&node.author, &r->p->creator))
		err = run_amend(r, node.section);
	if (err == 0)
		err = run_check_base(r, &key, op.base);
	if (err == 0)
		err = op.row.len ? put_xattr(r, &key, &op, node.section) : run_delete_if_there(r, key);
	if (err)
		return err;
	node.ctime_ns = run_time_ns(r);
	return run_put_node(r, &op.node, &node);
}
