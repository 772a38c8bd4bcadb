/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence_codec.c - the bytes of what evidence is on the ledger: its operation and its two rows.
 */
#include "acl/op.h"

#define ROW_VERSION 1

int op_evidence_encode(const struct op_evidence *op, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_bytes(&e, op->evidence);
	return enc_done(&e);
}

int op_evidence_decode(struct view body, struct op_evidence *ret_op)
{
	struct op_evidence op = {0};
	struct dec d;
	int err;

	dec_init(&d, body);
	op.evidence = dec_bytes(&d, EVIDENCE_BYTES_MAX);
	if (op.evidence.len == 0)
		dec_fail(&d, CF_EDECODE);
	err = dec_done(&d);
	if (err == 0)
		*ret_op = op;
	return err;
}

int evidence_row_encode(const struct evidence_row *row, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_u8(&e, ROW_VERSION);
	enc_u8(&e, (uint8_t)row->kind);
	enc_fixed(&e, row->offender.b, IDENTITY_BYTES);
	enc_u64(&e, row->epoch);
	enc_u64(&e, row->height);
	enc_u64(&e, row->view);
	enc_fixed(&e, row->reporter.b, IDENTITY_BYTES);
	enc_fixed(&e, row->tx.b, HASH_BYTES);
	enc_u64(&e, row->time_ms);
	return enc_done(&e);
}

int evidence_row_decode(struct view bytes, struct evidence_row *ret_row)
{
	struct evidence_row row = {0};
	struct dec d;
	uint8_t kind;
	int err;

	dec_init(&d, bytes);
	if (dec_u8(&d) != ROW_VERSION)
		dec_fail(&d, CF_EDECODE);
	kind = dec_u8(&d);
	if (kind < EVIDENCE_PRE_PREPARE || kind > EVIDENCE_ENDORSED_WRONG)
		dec_fail(&d, CF_EDECODE);
	row.kind = (enum evidence_kind)kind;
	dec_fixed(&d, row.offender.b, IDENTITY_BYTES);
	row.epoch = dec_u64(&d);
	row.height = dec_u64(&d);
	row.view = dec_u64(&d);
	dec_fixed(&d, row.reporter.b, IDENTITY_BYTES);
	dec_fixed(&d, row.tx.b, HASH_BYTES);
	row.time_ms = dec_u64(&d);
	err = dec_done(&d);
	if (err == 0)
		*ret_row = row;
	return err;
}

int offender_row_encode(const struct offender_row *row, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_u8(&e, ROW_VERSION);
	enc_u8(&e, row->count);
	for (unsigned i = 0; i < row->count; i++)
		enc_fixed(&e, row->slot[i].b, HASH_BYTES);
	return enc_done(&e);
}

int offender_row_decode(struct view bytes, struct offender_row *ret_row)
{
	struct offender_row row = {0};
	struct dec d;
	int err;

	dec_init(&d, bytes);
	if (dec_u8(&d) != ROW_VERSION)
		dec_fail(&d, CF_EDECODE);
	row.count = dec_u8(&d);
	if (row.count < 1 || row.count > EVIDENCE_OFFENDER_MAX)
		return CF_EDECODE;
	for (unsigned i = 0; i < row.count; i++)
		dec_fixed(&d, row.slot[i].b, HASH_BYTES);
	err = dec_done(&d);
	if (err == 0)
		*ret_row = row;
	return err;
}
