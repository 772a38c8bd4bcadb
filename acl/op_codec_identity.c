/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op_codec_identity.c - the bytes of the operations about identities: who is suspended, revoked, renewed.
 */
#include "acl/op.h"
#include "acl/x509.h"

#include <assert.h>

static void enc_certs(struct enc *e, uint8_t count, const struct view *cert)
{
	assert(count <= CERT_CHAIN_MAX);
	enc_u8(e, count);
	for (unsigned i = 0; i < count; i++)
		enc_bytes(e, cert[i]);
}

static uint8_t dec_certs(struct dec *d, uint8_t min, struct view *cert)
{
	uint8_t count = dec_u8(d);

	if (count < min || count > CERT_CHAIN_MAX) {
		dec_fail(d, CF_EDECODE);
		return 0;
	}
	for (unsigned i = 0; i < count; i++) {
		cert[i] = dec_bytes(d, CERT_DER_BYTES_MAX);
		if (cert[i].len == 0)
			dec_fail(d, CF_EDECODE);
	}
	return count;
}

int op_standing_encode(const struct op_standing *op, struct buf *out)
{
	struct enc e;

	assert(op->reason.len <= OP_REASON_BYTES_MAX);
	enc_init(&e, out);
	enc_fixed(&e, op->who.b, IDENTITY_BYTES);
	enc_bytes(&e, op->reason);
	return enc_done(&e);
}

int op_standing_decode(struct view body, struct op_standing *ret_op)
{
	struct op_standing op = {0};
	struct dec d;
	int err;

	dec_init(&d, body);
	dec_fixed(&d, op.who.b, IDENTITY_BYTES);
	op.reason = dec_bytes(&d, OP_REASON_BYTES_MAX);
	err = dec_done(&d);
	if (err == 0)
		*ret_op = op;
	return err;
}

int op_crl_encode(const struct op_crl *op, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_bytes(&e, op->crl);
	enc_certs(&e, op->count, op->cert);
	return enc_done(&e);
}

int op_crl_decode(struct view body, struct op_crl *ret_op)
{
	struct op_crl op = {0};
	struct dec d;
	int err;

	dec_init(&d, body);
	op.crl = dec_bytes(&d, CERT_CRL_BYTES_MAX);
	if (op.crl.len == 0)
		dec_fail(&d, CF_EDECODE);
	op.count = dec_certs(&d, 0, op.cert);
	err = dec_done(&d);
	if (err == 0)
		*ret_op = op;
	return err;
}

int op_renew_encode(const struct op_renew *op, struct buf *out)
{
	struct enc e;

	assert(op->count >= 1);
	enc_init(&e, out);
	enc_fixed(&e, op->who.b, IDENTITY_BYTES);
	enc_fixed(&e, op->proof, SIG_BYTES);
	enc_certs(&e, op->count, op->cert);
	return enc_done(&e);
}

int op_renew_decode(struct view body, struct op_renew *ret_op)
{
	struct op_renew op = {0};
	struct dec d;
	int err;

	dec_init(&d, body);
	dec_fixed(&d, op.who.b, IDENTITY_BYTES);
	dec_fixed(&d, op.proof, SIG_BYTES);
	op.count = dec_certs(&d, 1, op.cert);
	err = dec_done(&d);
	if (err == 0)
		*ret_op = op;
	return err;
}
