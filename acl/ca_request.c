/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca_request.c - the bytes of what an authority is asked.
 */
#include "acl/ca_request.h"
#include "ledger/codec.h"

#include <assert.h>
#include <string.h>

#define TAG "chartfs ca request v1"
#define PEM_BYTES_MAX ((size_t)CERT_CHAIN_MAX * 2 * CERT_DER_BYTES_MAX)

bool ca_kind_signed(enum ca_kind kind)
{
	return kind >= CA_PENDING;
}

int ca_request_encode(enum ca_kind kind, const struct hash *authority, uint64_t time_ms, struct view body,
		      const struct identity *by, struct buf *out)
{
	size_t begin = out->len;
	uint8_t sig[SIG_BYTES];
	struct hash digest;
	struct enc e;
	int err;

	assert(ca_kind_signed(kind) && by->chain_count <= CERT_CHAIN_MAX);
	enc_init(&e, out);
	enc_tag(&e, TAG);
	enc_u8(&e, (uint8_t)kind);
	enc_fixed(&e, authority->b, HASH_BYTES);
	enc_u64(&e, time_ms);
	enc_bytes(&e, body);
	enc_u8(&e, (uint8_t)by->chain_count);
	for (size_t i = 0; i < by->chain_count; i++)
		enc_bytes(&e, buf_view(&by->chain[i]));
	err = enc_done(&e);
	if (!err) {
		digest = sha256(VIEW(out->data + begin, out->len - begin));
		err = crypto_sign(by->sign, &digest, sig);
	}
	if (!err)
		err = buf_append(out, sig, SIG_BYTES);
	if (err)
		out->len = begin;
	return err;
}

static int check_signature(const struct ca_request *r, const struct hash *digest,
			   const uint8_t sig[SIG_BYTES])
{
	struct crypto_key *key = NULL;
	struct cert_info info;
	int err = cert_parse(r->cert[0], &info);

	if (!err)
		err = crypto_key_from_point(info.sign_point, &key);
	if (!err)
		err = crypto_verify(key, digest, sig);
	crypto_key_free(key);
	return err == CF_ESIG ? err_set(err, "the request is not signed by '%s'", info.name) : err;
}

int ca_request_decode(struct view bytes, struct ca_request *ret_r)
{
	struct ca_request r = {.count = 0};
	uint8_t sig[SIG_BYTES], kind;
	struct hash digest;
	struct dec d;
	int err;

	assert(ret_r);
	dec_init(&d, bytes);
	dec_tag(&d, TAG);
	kind = dec_u8(&d);
	dec_fixed(&d, r.authority.b, HASH_BYTES);
	r.time_ms = dec_u64(&d);
	r.body = dec_bytes(&d, CA_REQUEST_BYTES_MAX);
	r.count = dec_u8(&d);
	if (r.count < 1 || r.count > CERT_CHAIN_MAX || !ca_kind_signed((enum ca_kind)kind) ||
	    kind > CA_IDENTITIES)
		return err_set(CF_EDECODE, "not a request to an authority");
	r.kind = (enum ca_kind)kind;
	for (unsigned i = 0; i < r.count; i++)
		r.cert[i] = dec_bytes(&d, CERT_DER_BYTES_MAX);
	digest = sha256(VIEW(bytes.data, d.at <= bytes.len ? d.at : 0));
	dec_fixed(&d, sig, SIG_BYTES);
	err = dec_done(&d);
	if (err)
		return err_set(err, "not a request to an authority");
	err = check_signature(&r, &digest, sig);
	if (!err)
		*ret_r = r;
	return err;
}

int ca_decide_encode(const struct ca_decide *m, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_fixed(&e, m->id.b, APPLICATION_ID_BYTES);
	enc_bool(&e, m->approve);
	enc_u32(&e, m->days);
	enc_short(&e, m->reason);
	return enc_done(&e);
}

int ca_decide_decode(struct view bytes, struct ca_decide *ret_m)
{
	struct ca_decide m = {.approve = false};
	struct dec d;
	int err;

	dec_init(&d, bytes);
	dec_fixed(&d, m.id.b, APPLICATION_ID_BYTES);
	m.approve = dec_bool(&d);
	m.days = dec_u32(&d);
	m.reason = dec_short(&d);
	if (m.reason.len > CA_REASON_BYTES_MAX)
		dec_fail(&d, CF_EDECODE);
	err = dec_done(&d);
	if (!err)
		*ret_m = m;
	return err;
}

int ca_revoke_encode(const struct ca_revoke *m, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_short(&e, m->name);
	enc_short(&e, m->reason);
	return enc_done(&e);
}

int ca_revoke_decode(struct view bytes, struct ca_revoke *ret_m)
{
	struct ca_revoke m = {.name = VIEW_NONE};
	struct dec d;
	int err;

	dec_init(&d, bytes);
	m.name = dec_short(&d);
	m.reason = dec_short(&d);
	if (m.name.len < 1 || m.name.len > CERT_NAME_MAX || m.reason.len > CA_REASON_BYTES_MAX)
		dec_fail(&d, CF_EDECODE);
	err = dec_done(&d);
	if (!err)
		*ret_m = m;
	return err;
}

int ca_collected_encode(const struct ca_collected *m, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_u8(&e, (uint8_t)m->decision);
	enc_bytes(&e, m->chain);
	enc_bytes(&e, m->tls);
	return enc_done(&e);
}

int ca_collected_decode(struct view bytes, struct ca_collected *ret_m)
{
	struct ca_collected m = {.decision = CA_UNKNOWN};
	uint8_t decision;
	struct dec d;
	int err;

	dec_init(&d, bytes);
	decision = dec_u8(&d);
	if (decision > CA_DENIED)
		dec_fail(&d, CF_EDECODE);
	m.decision = (enum ca_decision)decision;
	m.chain = dec_bytes(&d, PEM_BYTES_MAX);
	m.tls = dec_bytes(&d, PEM_BYTES_MAX);
	err = dec_done(&d);
	if (!err)
		*ret_m = m;
	return err;
}
