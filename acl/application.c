/* SPDX-License-Identifier: Apache-2.0 */
/*
 * application.c - applications: bytes, signature, and the certificates made of them.
 */
#include "acl/application.h"
#include "ledger/codec.h"

#include <assert.h>
#include <string.h>

#define TAG "chartfs application v1"

static int put_all(const struct application *a, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_tag(&e, TAG);
	enc_u8(&e, (uint8_t)a->role);
	enc_short(&e, view_str(a->org));
	enc_short(&e, view_str(a->name));
	enc_fixed(&e, a->sign_point, POINT_BYTES);
	enc_fixed(&e, a->kem_point, POINT_BYTES);
	enc_bool(&e, a->role == ROLE_PEER);
	if (a->role == ROLE_PEER)
		enc_fixed(&e, a->endorse_point, POINT_BYTES);
	enc_short(&e, view_str(a->tls_host));
	if (a->tls_host[0])
		enc_fixed(&e, a->tls_point, POINT_BYTES);
	enc_u64(&e, a->time_ms);
	return enc_done(&e);
}

int application_encode(const struct application *a, const struct crypto_key *sign, struct buf *out)
{
	uint8_t sig[SIG_BYTES];
	size_t begin = out->len;
	struct hash digest;
	int err;

	assert(a && sign && a->role >= ROLE_PATIENT && a->role <= ROLE_PEER);
	err = put_all(a, out);
	if (!err) {
		digest = sha256(VIEW(out->data + begin, out->len - begin));
		err = crypto_sign(sign, &digest, sig);
	}
	if (!err)
		err = buf_append(out, sig, SIG_BYTES);
	if (err)
		out->len = begin;
	return err;
}

static void get_text(struct dec *d, size_t min, size_t max, char *ret_text)
{
	struct view v = dec_short(d);

	if (v.len < min || v.len > max || memchr(v.data ? (const void *)v.data : "", '\0', v.len))
		dec_fail(d, CF_EDECODE);
	else if (v.len > 0)
		memcpy(ret_text, v.data, v.len);
}

static void get_all(struct dec *d, struct application *a)
{
	uint8_t role;

	dec_tag(d, TAG);
	role = dec_u8(d);
	if (role < ROLE_PATIENT || role > ROLE_PEER)
		dec_fail(d, CF_EDECODE);
	a->role = (enum role)role;
	get_text(d, 1, CERT_NAME_MAX, a->org);
	get_text(d, 1, CERT_NAME_MAX, a->name);
	dec_fixed(d, a->sign_point, POINT_BYTES);
	dec_fixed(d, a->kem_point, POINT_BYTES);
	if (dec_bool(d) != (role == ROLE_PEER))
		dec_fail(d, CF_EDECODE);
	if (role == ROLE_PEER)
		dec_fixed(d, a->endorse_point, POINT_BYTES);
	get_text(d, 0, APPLICATION_HOSTS_MAX, a->tls_host);
	if (a->tls_host[0])
		dec_fixed(d, a->tls_point, POINT_BYTES);
	a->time_ms = dec_u64(d);
}

static int check_point(const uint8_t point[POINT_BYTES], const char *which)
{
	struct crypto_key *key = NULL;
	int err = crypto_key_from_point(point, &key);

	crypto_key_free(key);
	return err ? err_set(CF_EDECODE, "application: its %s key is not of P-256", which) : 0;
}

static int check_keys(const struct application *a)
{
	int err = check_point(a->kem_point, "key-agreement");

	if (!err && a->role == ROLE_PEER)
		err = check_point(a->endorse_point, "endorsement");
	if (!err && a->tls_host[0])
		err = check_point(a->tls_point, "TLS");
	if (!err && memcmp(a->sign_point, a->kem_point, POINT_BYTES) == 0)
		err = err_set(CF_EDECODE, "application: one key for signing and key agreement");
	return err;
}

int application_decode(struct view bytes, struct application *ret_a)
{
	struct application a = {.role = ROLE_PATIENT};
	struct crypto_key *key = NULL;
	uint8_t sig[SIG_BYTES];
	struct hash digest;
	struct dec d;
	int err;

	assert(ret_a);
	dec_init(&d, bytes);
	get_all(&d, &a);
	digest = sha256(VIEW(bytes.data, d.at <= bytes.len ? d.at : 0));
	dec_fixed(&d, sig, SIG_BYTES);
	if (dec_done(&d))
		return err_set(CF_EDECODE, "not an application");
	if (crypto_key_from_point(a.sign_point, &key))
		return err_set(CF_EDECODE, "application: its signing key is not of P-256");
	err = crypto_verify(key, &digest, sig);
	crypto_key_free(key);
	if (err)
		return err_set(err, "application of '%s': not signed by its key", a.name);
	err = check_keys(&a);
	if (!err)
		*ret_a = a;
	return err;
}

struct application_id application_id_of(struct view bytes)
{
	struct hash h = sha256(bytes);
	struct application_id id;

	memcpy(id.b, h.b, APPLICATION_ID_BYTES);
	return id;
}

static int issue_tls(const struct application *a, const struct ca *ca, struct cert_request *req,
		     struct buf *out)
{
	struct crypto_key *key = NULL;
	int err = crypto_key_from_point(a->tls_point, &key);

	if (err)
		return err;
	req->kind = CERT_TLS;
	req->subject = key;
	req->kem_point = req->endorse_point = NULL;
	req->tls_host = a->tls_host;
	err = cert_issue(req, buf_view(&ca->chain[0]), ca->key, out);
	crypto_key_free(key);
	return err;
}

int application_issue(const struct application *a, const struct ca *ca, uint64_t not_before_ms,
		      uint64_t not_after_ms, struct buf *ret_cert, struct buf *ret_tls)
{
	struct cert_request req = {.kind = CERT_LEAF,
				   .name = a->name,
				   .org = a->org,
				   .role = a->role,
				   .kem_point = a->kem_point,
				   .endorse_point = a->role == ROLE_PEER ? a->endorse_point : NULL,
				   .not_before_ms = not_before_ms,
				   .not_after_ms = not_after_ms};
	struct crypto_key *key = NULL;
	int err;

	if (strcmp(ca->info.org, a->org) != 0)
		return err_set(CF_EDENIED, "authority '%s' is of '%s' and names nobody of '%s'",
			       ca->info.name, ca->info.org, a->org);
	if (req.not_after_ms > ca->info.not_after_ms)
		req.not_after_ms = ca->info.not_after_ms;
	err = crypto_key_from_point(a->sign_point, &key);
	if (err)
		return err;
	req.subject = key;
	err = cert_issue(&req, buf_view(&ca->chain[0]), ca->key, ret_cert);
	crypto_key_free(key);
	return err || !a->tls_host[0] ? err : issue_tls(a, ca, &req, ret_tls);
}
