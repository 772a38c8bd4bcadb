/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op_codec_members.c - the bytes of a change of the members, and of their key's being shared anew.
 */
#include "acl/contribution.h"
#include "acl/op.h"

#include <assert.h>
#include <string.h>

/* remove and expel name nothing but the peer. */
static bool has_addresses(enum members_change change)
{
	return change == MEMBERS_ADD || change == MEMBERS_REFRESH;
}

static bool address_fits(enum members_change change, struct view address)
{
	if (!has_addresses(change))
		return address.len == 0;
	return address.len > 0 && address.len <= ADDRESS_BYTES_MAX && !memchr(address.data, 0, address.len);
}

int op_members_encode(const struct op_members *op, struct buf *out)
{
	struct enc e;

	if (!address_fits(op->change, op->peer_address) || !address_fits(op->change, op->client_address))
		return err_set(CF_EINVAL, "a change of the members has no addresses, or too long ones");
	assert(op->approval_count <= OP_APPROVALS_MAX);
	enc_init(&e, out);
	enc_u8(&e, (uint8_t)op->change);
	enc_u64(&e, op->epoch);
	enc_fixed(&e, op->who.b, IDENTITY_BYTES);
	enc_short(&e, op->peer_address);
	enc_short(&e, op->client_address);
	enc_fixed(&e, op->evidence.b, HASH_BYTES);
	enc_u8(&e, op->approval_count);
	for (unsigned i = 0; i < op->approval_count; i++) {
		enc_fixed(&e, op->approval[i].by.b, IDENTITY_BYTES);
		enc_fixed(&e, op->approval[i].sig, SIG_BYTES);
	}
	return enc_done(&e);
}

int op_members_decode(struct view body, struct op_members *ret_op)
{
	struct op_members op = {.epoch = 0};
	struct dec d;
	uint8_t change;
	int err;

	dec_init(&d, body);
	change = dec_u8(&d);
	op.change = (enum members_change)change;
	op.epoch = dec_u64(&d);
	dec_fixed(&d, op.who.b, IDENTITY_BYTES);
	op.peer_address = dec_short(&d);
	op.client_address = dec_short(&d);
	dec_fixed(&d, op.evidence.b, HASH_BYTES);
	op.approval_count = dec_u8(&d);
	if (change < MEMBERS_ADD || change > MEMBERS_EXPEL || op.approval_count > OP_APPROVALS_MAX ||
	    !address_fits(op.change, op.peer_address) || !address_fits(op.change, op.client_address)) {
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

int op_deal_encode(const struct op_deal *op, struct buf *out)
{
	size_t begin = out->len;
	struct enc e;
	int err;

	assert(op->proof_count <= MEMBERS_MAX);
	enc_init(&e, out);
	enc_u16(&e, op->generation);
	enc_u64(&e, op->epoch);
	enc_bytes(&e, op->deal);
	enc_u8(&e, op->proof_count);
	for (unsigned i = 0; i < op->proof_count; i++)
		enc_fixed(&e, op->proof[i], SIG_BYTES);
	err = enc_done(&e);
	if (err)
		out->len = begin;
	return err;
}

int op_deal_decode(struct view body, struct op_deal *ret_op)
{
	struct op_deal op = {.generation = 0};
	struct dec d;
	int err;

	dec_init(&d, body);
	op.generation = dec_u16(&d);
	op.epoch = dec_u64(&d);
	op.deal = dec_bytes(&d, CONTRIBUTION_BYTES_MAX);
	op.proof_count = dec_u8(&d);
	if (op.proof_count > MEMBERS_MAX) {
		dec_fail(&d, CF_EDECODE);
		op.proof_count = 0;
	}
	for (unsigned i = 0; i < op.proof_count; i++)
		dec_fixed(&d, op.proof[i], SIG_BYTES);
	err = dec_done(&d);
	if (err == 0)
		*ret_op = op;
	return err;
}

int op_take_encode(const struct op_take *op, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_u16(&e, op->generation);
	enc_u64(&e, op->epoch);
	enc_fixed(&e, op->deals.b, HASH_BYTES);
	return enc_done(&e);
}

int op_take_decode(struct view body, struct op_take *ret_op)
{
	struct op_take op = {.generation = 0};
	struct dec d;
	int err;

	dec_init(&d, body);
	op.generation = dec_u16(&d);
	op.epoch = dec_u64(&d);
	dec_fixed(&d, op.deals.b, HASH_BYTES);
	err = dec_done(&d);
	if (err == 0)
		*ret_op = op;
	return err;
}

int op_accuse_encode(const struct op_accuse *op, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_u16(&e, op->generation);
	enc_u64(&e, op->epoch);
	enc_u8(&e, op->dealer);
	enc_fixed(&e, op->deal.b, HASH_BYTES);
	enc_fixed(&e, op->opening.value, POINT_BYTES);
	enc_fixed(&e, op->opening.challenge, SCALAR_BYTES);
	enc_fixed(&e, op->opening.response, SCALAR_BYTES);
	return enc_done(&e);
}

int op_accuse_decode(struct view body, struct op_accuse *ret_op)
{
	struct op_accuse op = {.generation = 0};
	struct dec d;
	int err;

	dec_init(&d, body);
	op.generation = dec_u16(&d);
	op.epoch = dec_u64(&d);
	op.dealer = dec_u8(&d);
	dec_fixed(&d, op.deal.b, HASH_BYTES);
	dec_fixed(&d, op.opening.value, POINT_BYTES);
	dec_fixed(&d, op.opening.challenge, SCALAR_BYTES);
	dec_fixed(&d, op.opening.response, SCALAR_BYTES);
	err = dec_done(&d);
	if (err == 0)
		*ret_op = op;
	return err;
}
