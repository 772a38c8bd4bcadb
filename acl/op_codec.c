/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op_codec.c - the bytes of the operations.
 */
#include "acl/op.h"
#include "acl/purpose.h"
#include "acl/x509.h"

#include <assert.h>

#define SECTIONS_KNOWN ((UINT32_C(1) << (SECTION_COUNT + 1)) - 1)
#define OP_SET_KNOWN (OP_SET_MODE | OP_SET_UID | OP_SET_GID | OP_SET_ATIME | OP_SET_MTIME)
#define MODE_BITS 07777u

static void enc_attrs(struct enc *e, const struct op_attrs *a)
{
	enc_u32(e, a->mode);
	enc_u32(e, a->uid);
	enc_u32(e, a->gid);
	enc_u64(e, a->atime_ns);
	enc_u64(e, a->mtime_ns);
}

static uint32_t dec_mode(struct dec *d)
{
	uint32_t mode = dec_u32(d);

	if (mode & ~MODE_BITS)
		dec_fail(d, CF_EDECODE);
	return mode;
}

static struct op_attrs dec_attrs(struct dec *d)
{
	struct op_attrs a = {.mode = dec_mode(d)};

	a.uid = dec_u32(d);
	a.gid = dec_u32(d);
	a.atime_ns = dec_u64(d);
	a.mtime_ns = dec_u64(d);
	return a;
}

static struct view dec_sealed_name(struct dec *d)
{
	struct view v = dec_bytes(d, SEALED_NAME_BYTES_MAX);

	if (v.len == 0)
		dec_fail(d, CF_EDECODE);
	return v;
}

static uint32_t dec_sections(struct dec *d)
{
	uint32_t sections = dec_u32(d);

	if (sections == 0 || (sections & ~SECTIONS_KNOWN))
		dec_fail(d, CF_EDECODE);
	return sections;
}

static enum node_type dec_node_type(struct dec *d)
{
	uint8_t type = dec_u8(d);

	if (type < NODE_DIR || type > NODE_SYMLINK)
		dec_fail(d, CF_EDECODE);
	return (enum node_type)type;
}

int op_register_encode(const struct op_register *op, struct buf *out)
{
	struct enc e;

	assert(op->count >= 1 && op->count <= CERT_CHAIN_MAX);
	enc_init(&e, out);
	enc_u8(&e, op->count);
	for (unsigned i = 0; i < op->count; i++)
		enc_bytes(&e, op->cert[i]);
	return enc_done(&e);
}

int op_register_decode(struct view body, struct op_register *ret_op)
{
	struct op_register op = {0};
	struct dec d;
	int err;

	dec_init(&d, body);
	op.count = dec_u8(&d);
	if (op.count < 1 || op.count > CERT_CHAIN_MAX)
		return CF_EDECODE;
	for (unsigned i = 0; i < op.count; i++) {
		op.cert[i] = dec_bytes(&d, CERT_DER_BYTES_MAX);
		if (op.cert[i].len == 0)
			dec_fail(&d, CF_EDECODE);
	}
	err = dec_done(&d);
	if (err == 0)
		*ret_op = op;
	return err;
}

int op_admit_encode(const struct op_admit *op, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_fixed(&e, op->owner.b, IDENTITY_BYTES);
	enc_fixed(&e, op->custodian.b, IDENTITY_BYTES);
	enc_u32(&e, op->window);
	enc_bytes(&e, op->sealed_name);
	enc_u32(&e, op->mode);
	enc_u32(&e, op->uid);
	enc_u32(&e, op->gid);
	return enc_done(&e);
}

int op_admit_decode(struct view body, struct op_admit *ret_op)
{
	struct op_admit op = {0};
	struct dec d;
	int err;

	dec_init(&d, body);
	dec_fixed(&d, op.owner.b, IDENTITY_BYTES);
	dec_fixed(&d, op.custodian.b, IDENTITY_BYTES);
	op.window = dec_u32(&d);
	op.sealed_name = dec_sealed_name(&d);
	op.mode = dec_mode(&d);
	op.uid = dec_u32(&d);
	op.gid = dec_u32(&d);
	err = dec_done(&d);
	if (err == 0)
		*ret_op = op;
	return err;
}

int op_create_encode(const struct op_create *op, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_fixed(&e, op->dir.b, NODE_BYTES);
	enc_fixed(&e, op->token.b, TOKEN_BYTES);
	enc_u8(&e, op->section);
	enc_u8(&e, (uint8_t)op->type);
	enc_u32(&e, op->epoch);
	enc_u32(&e, op->window);
	enc_bytes(&e, op->sealed_name);
	enc_attrs(&e, &op->attrs);
	enc_u64(&e, op->size);
	enc_bytes(&e, op->content);
	enc_fixed(&e, op->commitment.b, HASH_BYTES);
	return enc_done(&e);
}

int op_create_decode(struct view body, struct op_create *ret_op)
{
	struct op_create op = {0};
	struct dec d;
	int err;

	dec_init(&d, body);
	dec_fixed(&d, op.dir.b, NODE_BYTES);
	dec_fixed(&d, op.token.b, TOKEN_BYTES);
	op.section = dec_u8(&d);
	if (op.section > SECTION_COUNT)
		dec_fail(&d, CF_EDECODE);
	op.type = dec_node_type(&d);
	op.epoch = dec_u32(&d);
	op.window = dec_u32(&d);
	op.sealed_name = dec_sealed_name(&d);
	op.attrs = dec_attrs(&d);
	op.size = dec_u64(&d);
	op.content = dec_bytes(&d, STATE_VALUE_BYTES_MAX);
	dec_fixed(&d, op.commitment.b, HASH_BYTES);
	err = dec_done(&d);
	if (err == 0)
		*ret_op = op;
	return err;
}

int op_save_encode(const struct op_save *op, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_fixed(&e, op->node.b, NODE_BYTES);
	enc_u64(&e, op->base.height);
	enc_u32(&e, op->base.index);
	enc_attrs(&e, &op->attrs);
	enc_u64(&e, op->size);
	enc_bytes(&e, op->content);
	enc_fixed(&e, op->commitment.b, HASH_BYTES);
	return enc_done(&e);
}

int op_save_decode(struct view body, struct op_save *ret_op)
{
	struct op_save op = {0};
	struct dec d;
	int err;

	dec_init(&d, body);
	dec_fixed(&d, op.node.b, NODE_BYTES);
	op.base.height = dec_u64(&d);
	op.base.index = dec_u32(&d);
	op.attrs = dec_attrs(&d);
	op.size = dec_u64(&d);
	op.content = dec_bytes(&d, STATE_VALUE_BYTES_MAX);
	dec_fixed(&d, op.commitment.b, HASH_BYTES);
	err = dec_done(&d);
	if (err == 0)
		*ret_op = op;
	return err;
}

/* What the mask does not name must be zero: else one operation had many encodings. */
static bool attrs_masked(const struct op_attrs *a, unsigned mask)
{
	return ((mask & OP_SET_MODE) || a->mode == 0) && ((mask & OP_SET_UID) || a->uid == 0) &&
	       ((mask & OP_SET_GID) || a->gid == 0) && ((mask & OP_SET_ATIME) || a->atime_ns == 0) &&
	       ((mask & OP_SET_MTIME) || a->mtime_ns == 0);
}

int op_setattr_encode(const struct op_setattr *op, struct buf *out)
{
	struct enc e;

	assert(op->mask && !(op->mask & ~OP_SET_KNOWN) && attrs_masked(&op->attrs, op->mask));
	enc_init(&e, out);
	enc_fixed(&e, op->node.b, NODE_BYTES);
	enc_u8(&e, op->mask);
	enc_attrs(&e, &op->attrs);
	return enc_done(&e);
}

int op_setattr_decode(struct view body, struct op_setattr *ret_op)
{
	struct op_setattr op = {0};
	struct dec d;
	int err;

	dec_init(&d, body);
	dec_fixed(&d, op.node.b, NODE_BYTES);
	op.mask = dec_u8(&d);
	op.attrs = dec_attrs(&d);
	if (op.mask == 0 || (op.mask & ~OP_SET_KNOWN) || !attrs_masked(&op.attrs, op.mask))
		dec_fail(&d, CF_EDECODE);
	err = dec_done(&d);
	if (err == 0)
		*ret_op = op;
	return err;
}

int op_remove_encode(const struct op_remove *op, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_fixed(&e, op->dir.b, NODE_BYTES);
	enc_fixed(&e, op->token.b, TOKEN_BYTES);
	enc_fixed(&e, op->node.b, NODE_BYTES);
	return enc_done(&e);
}

int op_remove_decode(struct view body, struct op_remove *ret_op)
{
	struct op_remove op = {0};
	struct dec d;
	int err;

	dec_init(&d, body);
	dec_fixed(&d, op.dir.b, NODE_BYTES);
	dec_fixed(&d, op.token.b, TOKEN_BYTES);
	dec_fixed(&d, op.node.b, NODE_BYTES);
	err = dec_done(&d);
	if (err == 0)
		*ret_op = op;
	return err;
}

int op_rename_encode(const struct op_rename *op, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_fixed(&e, op->from_dir.b, NODE_BYTES);
	enc_fixed(&e, op->from_token.b, TOKEN_BYTES);
	enc_fixed(&e, op->to_dir.b, NODE_BYTES);
	enc_fixed(&e, op->to_token.b, TOKEN_BYTES);
	enc_fixed(&e, op->node.b, NODE_BYTES);
	enc_fixed(&e, op->replaced.b, NODE_BYTES);
	enc_u32(&e, op->epoch);
	enc_u32(&e, op->window);
	enc_bytes(&e, op->sealed_name);
	return enc_done(&e);
}

int op_rename_decode(struct view body, struct op_rename *ret_op)
{
	struct op_rename op = {0};
	struct dec d;
	int err;

	dec_init(&d, body);
	dec_fixed(&d, op.from_dir.b, NODE_BYTES);
	dec_fixed(&d, op.from_token.b, TOKEN_BYTES);
	dec_fixed(&d, op.to_dir.b, NODE_BYTES);
	dec_fixed(&d, op.to_token.b, TOKEN_BYTES);
	dec_fixed(&d, op.node.b, NODE_BYTES);
	dec_fixed(&d, op.replaced.b, NODE_BYTES);
	op.epoch = dec_u32(&d);
	op.window = dec_u32(&d);
	op.sealed_name = dec_sealed_name(&d);
	err = dec_done(&d);
	if (err == 0)
		*ret_op = op;
	return err;
}

int op_grant_encode(const struct op_grant *op, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_u32(&e, op->sections);
	enc_fixed(&e, op->to.b, IDENTITY_BYTES);
	enc_u8(&e, op->verbs);
	enc_u64(&e, op->until_ms);
	enc_u16(&e, op->purpose);
	return enc_done(&e);
}

int op_grant_decode(struct view body, struct op_grant *ret_op)
{
	struct op_grant op = {0};
	struct dec d;
	int err;

	dec_init(&d, body);
	op.sections = dec_sections(&d);
	dec_fixed(&d, op.to.b, IDENTITY_BYTES);
	op.verbs = dec_u8(&d);
	op.until_ms = dec_u64(&d);
	op.purpose = dec_u16(&d);
	/* a grant of nothing is a revocation; to grant on is the custody's alone (ACCESS.md) */
	if (op.verbs == 0 || (op.verbs & ~VERB_ALL) || (op.purpose && !purpose_code(op.purpose)))
		dec_fail(&d, CF_EDECODE);
	err = dec_done(&d);
	if (err == 0)
		*ret_op = op;
	return err;
}

int op_revoke_encode(const struct op_revoke *op, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_u32(&e, op->sections);
	enc_fixed(&e, op->from.b, IDENTITY_BYTES);
	return enc_done(&e);
}

int op_revoke_decode(struct view body, struct op_revoke *ret_op)
{
	struct op_revoke op = {0};
	struct dec d;
	int err;

	dec_init(&d, body);
	op.sections = dec_sections(&d);
	dec_fixed(&d, op.from.b, IDENTITY_BYTES);
	err = dec_done(&d);
	if (err == 0)
		*ret_op = op;
	return err;
}

int op_xattr_encode(const struct op_xattr *op, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_fixed(&e, op->node.b, NODE_BYTES);
	enc_u64(&e, op->base.height);
	enc_u32(&e, op->base.index);
	enc_bytes(&e, op->row);
	return enc_done(&e);
}

int op_xattr_decode(struct view body, struct op_xattr *ret_op)
{
	struct op_xattr op = {0};
	struct dec d;
	int err;

	dec_init(&d, body);
	dec_fixed(&d, op.node.b, NODE_BYTES);
	op.base.height = dec_u64(&d);
	op.base.index = dec_u32(&d);
	op.row = dec_bytes(&d, STATE_VALUE_BYTES_MAX);
	err = dec_done(&d);
	if (err == 0)
		*ret_op = op;
	return err;
}

int op_lease_encode(const struct op_lease *op, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_u8(&e, op->section);
	enc_u8(&e, op->use);
	enc_u32(&e, op->first_window);
	enc_u32(&e, op->last_window);
	enc_u64(&e, op->until_ms);
	enc_short(&e, op->purpose);
	return enc_done(&e);
}

int op_lease_decode(struct view body, struct op_lease *ret_op)
{
	struct op_lease op = {0};
	struct dec d;
	int err;

	dec_init(&d, body);
	op.section = dec_u8(&d);
	op.use = dec_u8(&d);
	op.first_window = dec_u32(&d);
	op.last_window = dec_u32(&d);
	op.until_ms = dec_u64(&d);
	op.purpose = dec_short(&d);
	if (op.section > SECTION_COUNT || op.use < LEASE_READ || op.use > LEASE_WRITE ||
	    op.first_window > op.last_window || op.last_window - op.first_window >= LEASE_WINDOWS_MAX ||
	    !purpose_is_code(op.purpose))
		dec_fail(&d, CF_EDECODE);
	err = dec_done(&d);
	if (err == 0)
		*ret_op = op;
	return err;
}
