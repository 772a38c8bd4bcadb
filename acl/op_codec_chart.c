/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op_codec_chart.c - the bytes of the operations on whose a chart is, and on what is erased of it.
 */
#include "acl/op.h"

#include <assert.h>
#include <string.h>

int op_claim_encode(const struct op_claim *op, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_fixed(&e, op->owner.b, IDENTITY_BYTES);
	enc_fixed(&e, op->consent, SIG_BYTES);
	return enc_done(&e);
}

int op_claim_decode(struct view body, struct op_claim *ret_op)
{
	struct op_claim op = {0};
	struct dec d;
	int err;

	dec_init(&d, body);
	dec_fixed(&d, op.owner.b, IDENTITY_BYTES);
	dec_fixed(&d, op.consent, SIG_BYTES);
	err = dec_done(&d);
	if (err == 0)
		*ret_op = op;
	return err;
}

int op_erase_encode(const struct op_erase *op, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_fixed(&e, op->node.b, NODE_BYTES);
	return enc_done(&e);
}

int op_erase_decode(struct view body, struct op_erase *ret_op)
{
	struct op_erase op = {0};
	struct dec d;
	int err;

	dec_init(&d, body);
	dec_fixed(&d, op.node.b, NODE_BYTES);
	err = dec_done(&d);
	if (err == 0)
		*ret_op = op;
	return err;
}

int op_approve_encode(const struct op_approve *op, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_fixed(&e, op->node.b, NODE_BYTES);
	enc_fixed(&e, op->change.b, HASH_BYTES);
	enc_u8(&e, (uint8_t)op->what);
	return enc_done(&e);
}

int op_approve_decode(struct view body, struct op_approve *ret_op)
{
	struct op_approve op = {0};
	struct dec d;
	uint8_t what;
	int err;

	dec_init(&d, body);
	dec_fixed(&d, op.node.b, NODE_BYTES);
	dec_fixed(&d, op.change.b, HASH_BYTES);
	what = dec_u8(&d);
	if (what < APPROVAL_GIVE || what > APPROVAL_WITHDRAW)
		dec_fail(&d, CF_EDECODE);
	op.what = (enum approval)what;
	err = dec_done(&d);
	if (err == 0)
		*ret_op = op;
	return err;
}

int op_rule_encode(const struct op_rule *op, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_u32(&e, op->sections);
	enc_u8(&e, op->amend);
	return enc_done(&e);
}

int op_rule_decode(struct view body, struct op_rule *ret_op)
{
	struct op_rule op = {0};
	struct dec d;
	int err;

	dec_init(&d, body);
	op.sections = dec_u32(&d);
	op.amend = dec_u8(&d);
	if (op.sections == 0 || (op.sections & ~SECTIONS_ALL) || op.amend > 1)
		dec_fail(&d, CF_EDECODE);
	err = dec_done(&d);
	if (err == 0)
		*ret_op = op;
	return err;
}

int op_replace_encode(const struct op_replace *op, struct buf *out)
{
	struct enc e;

	assert(op->approval_count <= OP_APPROVALS_MAX);
	enc_init(&e, out);
	enc_fixed(&e, op->old.b, IDENTITY_BYTES);
	enc_fixed(&e, op->owner.b, IDENTITY_BYTES);
	enc_fixed(&e, op->consent, SIG_BYTES);
	enc_u8(&e, op->approval_count);
	for (unsigned i = 0; i < op->approval_count; i++) {
		enc_fixed(&e, op->approval[i].by.b, IDENTITY_BYTES);
		enc_fixed(&e, op->approval[i].sig, SIG_BYTES);
	}
	return enc_done(&e);
}

int op_replace_decode(struct view body, struct op_replace *ret_op)
{
	struct op_replace op = {.approval_count = 0};
	struct dec d;
	int err;

	dec_init(&d, body);
	dec_fixed(&d, op.old.b, IDENTITY_BYTES);
	dec_fixed(&d, op.owner.b, IDENTITY_BYTES);
	dec_fixed(&d, op.consent, SIG_BYTES);
	op.approval_count = dec_u8(&d);
	if (op.approval_count > OP_APPROVALS_MAX) {
		dec_fail(&d, CF_EDECODE);
		op.approval_count = 0;
	}
	for (unsigned i = 0; i < op.approval_count; i++) {
		dec_fixed(&d, op.approval[i].by.b, IDENTITY_BYTES);
		dec_fixed(&d, op.approval[i].sig, SIG_BYTES);
		if (i && memcmp(op.approval[i - 1].by.b, op.approval[i].by.b, IDENTITY_BYTES) >= 0)
			dec_fail(&d, CF_EDECODE);
	}
	err = dec_done(&d);
	if (err == 0)
		*ret_op = op;
	return err;
}
