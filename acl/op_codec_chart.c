/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op_codec_chart.c - the bytes of the operations on whose a chart is, and on what is erased of it.
 */
#include "acl/op.h"

static int finish(struct enc *e, struct buf *out, size_t begin)
{
	int err = enc_done(e);

	if (err)
		out->len = begin;
	return err;
}

int op_claim_encode(const struct op_claim *op, struct buf *out)
{
	size_t begin = out->len;
	struct enc e;

	enc_init(&e, out);
	enc_fixed(&e, op->owner.b, IDENTITY_BYTES);
	enc_fixed(&e, op->consent, SIG_BYTES);
	return finish(&e, out, begin);
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
	size_t begin = out->len;
	struct enc e;

	enc_init(&e, out);
	enc_fixed(&e, op->node.b, NODE_BYTES);
	return finish(&e, out, begin);
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
