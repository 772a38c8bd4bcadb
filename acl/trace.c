/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.c - names of keys, holders, and what is sealed to whom.
 */
#include "acl/trace.h"
#include "acl/contribution.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

#define CURVE_DST "chartfs trace v1 P256_XMD:SHA-256_SSWU_RO_"
#define KEY_TAG "chartfs trace key v1"
#define ANSWER_TAG "chartfs share v1"
#define WRAP_TAG "chartfs trace wrap v1"
#define ANSWER_BYTES (POINT_BYTES + 2 * SCALAR_BYTES)
#define ANSWERS_BYTES_MAX (3 + HOLDERS_THRESHOLD_MAX * (1 + ANSWER_BYTES))

int trace_share(const struct genesis *g, unsigned holder, const struct crypto_key *kem,
		uint8_t ret_share[SCALAR_BYTES])
{
	uint8_t part[SCALAR_BYTES], sum[SCALAR_BYTES];
	int err = 0;

	assert(holder < g->members.count);
	for (unsigned k = 0; k < g->contribution_count && !err; k++) {
		err = contribution_share(g->contribution[k], holder, &g->members.member[holder].id, kem,
					 part);
		if (err)
			err = err_set(CF_ECORRUPT, "contribution %u to the peers' key holds no share for us",
				      k + 1);
		else if (k == 0)
			memcpy(sum, part, SCALAR_BYTES);
		else
			err = prf_share_add(sum, part, sum);
	}
	if (!err)
		memcpy(ret_share, sum, SCALAR_BYTES);
	mem_wipe(part, sizeof(part));
	mem_wipe(sum, sizeof(sum));
	return err;
}

static void enc_name(struct enc *e, const struct trace_name *n)
{
	enc_fixed(e, n->patient.b, PATIENT_BYTES);
	enc_u8(e, n->section);
	enc_u32(e, n->epoch);
	enc_u32(e, n->window);
}

int trace_point(const struct hash *network, const struct trace_name *n, uint8_t ret_point[POINT_BYTES])
{
	struct buf x;
	struct enc e;
	int err;

	buf_init(&x, 0);
	enc_init(&e, &x);
	enc_fixed(&e, network->b, HASH_BYTES);
	enc_name(&e, n);
	err = enc_done(&e);
	if (!err)
		err = crypto_hash_to_curve(buf_view(&x), view_str(CURVE_DST), ret_point);
	buf_release(&x);
	return err;
}

void trace_key(const uint8_t value[POINT_BYTES], uint8_t ret_key[TRACE_KEY_BYTES])
{
	struct hash h = sha256_parts(
		(const struct view[]){VIEW(KEY_TAG, sizeof(KEY_TAG)), VIEW(value, POINT_BYTES)}, 2);

	memcpy(ret_key, h.b, TRACE_KEY_BYTES);
	mem_wipe(&h, sizeof(h));
}

static int answer_info(const struct trace_answer_to *to, struct buf *info, struct buf *aad)
{
	struct enc e, a;
	int err;

	buf_init(info, 0);
	buf_init(aad, 0);
	enc_init(&e, info);
	enc_tag(&e, ANSWER_TAG);
	enc_fixed(&e, to->network->b, HASH_BYTES);
	enc_fixed(&e, to->query->b, HASH_BYTES);
	enc_fixed(&e, to->holder->b, IDENTITY_BYTES);
	enc_fixed(&e, to->reader->b, IDENTITY_BYTES);
	err = enc_done(&e);
	enc_init(&a, aad);
	enc_name(&a, to->name);
	return err ? err : enc_done(&a);
}

int trace_answer_seal(const struct trace_answer_to *to, const uint8_t kem_point[POINT_BYTES],
		      const struct prf_answer *a, struct buf *out)
{
	uint8_t plain[ANSWER_BYTES];
	struct buf info, aad;
	int err = answer_info(to, &info, &aad);

	memcpy(plain, a->value, POINT_BYTES);
	memcpy(plain + POINT_BYTES, a->challenge, SCALAR_BYTES);
	memcpy(plain + POINT_BYTES + SCALAR_BYTES, a->response, SCALAR_BYTES);
	if (!err)
		err = hpke_seal(kem_point, buf_view(&info), buf_view(&aad), VIEW(plain, sizeof(plain)), out);
	mem_wipe(plain, sizeof(plain));
	buf_release(&info);
	buf_release(&aad);
	return err;
}

int trace_answer_open(const struct trace_answer_to *to, const struct crypto_key *kem, struct view sealed,
		      struct prf_answer *ret_a)
{
	struct buf info, aad, plain;
	int err = answer_info(to, &info, &aad);

	buf_init(&plain, 0);
	if (!err)
		err = hpke_open(kem, buf_view(&info), buf_view(&aad), sealed, &plain);
	if (!err && plain.len != ANSWER_BYTES)
		err = CF_ECORRUPT;
	if (!err) {
		memcpy(ret_a->value, plain.data, POINT_BYTES);
		memcpy(ret_a->challenge, plain.data + POINT_BYTES, SCALAR_BYTES);
		memcpy(ret_a->response, plain.data + POINT_BYTES + SCALAR_BYTES, SCALAR_BYTES);
	}
	buf_release(&info);
	buf_release(&aad);
	buf_release_secret(&plain);
	return err;
}

int trace_answers_key(const struct trace_answers *a, const struct holders *h, const struct hash *network,
		      const struct trace_name *n, uint8_t ret_key[TRACE_KEY_BYTES])
{
	uint8_t point[POINT_BYTES], all[POINT_BYTES], value[HOLDERS_THRESHOLD_MAX][POINT_BYTES];
	unsigned holder[HOLDERS_THRESHOLD_MAX];
	int err = a->count == h->threshold && a->generation == h->generation ? trace_point(network, n, point)
									     : CF_ECORRUPT;

	for (unsigned i = 0; i < a->count && !err; i++) {
		if (a->holder[i] >= h->count || (i && a->holder[i] <= a->holder[i - 1]) ||
		    prf_verify(h->holder[a->holder[i]].public, point, &a->answer[i]))
			err = CF_ECORRUPT;
		holder[i] = a->holder[i] + 1u;
		memcpy(value[i], a->answer[i].value, POINT_BYTES);
	}
	if (!err)
		err = prf_combine(holder, (const uint8_t(*)[POINT_BYTES])value, a->count, all);
	if (!err)
		trace_key(all, ret_key);
	mem_wipe(value, sizeof(value));
	mem_wipe(all, sizeof(all));
	return err;
}

static int answers_encode(const struct trace_answers *a, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_u16(&e, a->generation);
	enc_u8(&e, a->count);
	for (unsigned i = 0; i < a->count; i++) {
		enc_u8(&e, a->holder[i]);
		enc_fixed(&e, a->answer[i].value, POINT_BYTES);
		enc_fixed(&e, a->answer[i].challenge, SCALAR_BYTES);
		enc_fixed(&e, a->answer[i].response, SCALAR_BYTES);
	}
	return enc_done(&e);
}

static int answers_decode(struct view bytes, struct trace_answers *ret_a)
{
	struct trace_answers a = {.count = 0};
	struct dec d;
	int err;

	dec_init(&d, bytes);
	a.generation = dec_u16(&d);
	a.count = dec_u8(&d);
	if (a.count > HOLDERS_THRESHOLD_MAX)
		return CF_EDECODE;
	for (unsigned i = 0; i < a.count; i++) {
		a.holder[i] = dec_u8(&d);
		dec_fixed(&d, a.answer[i].value, POINT_BYTES);
		dec_fixed(&d, a.answer[i].challenge, SCALAR_BYTES);
		dec_fixed(&d, a.answer[i].response, SCALAR_BYTES);
	}
	err = dec_done(&d);
	if (!err)
		*ret_a = a;
	mem_wipe(&a, sizeof(a));
	return err;
}

int trace_wrap_decode(struct view body, struct trace_wrap *ret_w)
{
	struct trace_wrap w;
	struct dec d;

	dec_init(&d, body);
	dec_fixed(&d, w.recipient.b, IDENTITY_BYTES);
	w.section = dec_u8(&d);
	w.epoch = dec_u32(&d);
	w.window = dec_u32(&d);
	if (d.err || w.section > SECTION_COUNT)
		return CF_EDECODE;
	w.clear = VIEW(body.data, d.at);
	w.sealed = dec_rest(&d);
	if (w.sealed.len <= HPKE_OVERHEAD_BYTES || w.sealed.len > HPKE_OVERHEAD_BYTES + ANSWERS_BYTES_MAX)
		return CF_EDECODE;
	*ret_w = w;
	return 0;
}

static int wrap_info(const struct hash *network, const struct patient_id *p,
		     const struct identity_id *recipient, struct buf *out)
{
	struct enc e;

	buf_init(out, 0);
	enc_init(&e, out);
	enc_tag(&e, WRAP_TAG);
	enc_fixed(&e, network->b, HASH_BYTES);
	enc_fixed(&e, p->b, PATIENT_BYTES);
	enc_fixed(&e, recipient->b, IDENTITY_BYTES);
	return enc_done(&e);
}

int trace_wrap_seal(const struct hash *network, const struct trace_name *n,
		    const struct identity_id *recipient, const uint8_t kem_point[POINT_BYTES],
		    const struct trace_answers *a, struct buf *out)
{
	size_t start = out->len;
	struct buf info, clear, plain;
	struct enc e;
	int err = wrap_info(network, &n->patient, recipient, &info);

	buf_init(&clear, 0);
	buf_init(&plain, 0);
	enc_init(&e, &clear);
	enc_fixed(&e, recipient->b, IDENTITY_BYTES);
	enc_u8(&e, n->section);
	enc_u32(&e, n->epoch);
	enc_u32(&e, n->window);
	if (!err)
		err = enc_done(&e);
	if (!err)
		err = buf_append_view(out, buf_view(&clear));
	if (!err)
		err = answers_encode(a, &plain);
	if (!err)
		err = hpke_seal(kem_point, buf_view(&info), buf_view(&clear), buf_view(&plain), out);
	if (err)
		out->len = start;
	buf_release(&info);
	buf_release(&clear);
	buf_release_secret(&plain);
	return err;
}

int trace_wrap_open(const struct trace_wrap *w, const struct crypto_key *kem, const struct hash *network,
		    const struct patient_id *p, struct trace_answers *ret_a)
{
	struct buf info, plain;
	int err = wrap_info(network, p, &w->recipient, &info);

	buf_init(&plain, 0);
	if (!err)
		err = hpke_open(kem, buf_view(&info), w->clear, w->sealed, &plain);
	if (!err)
		err = answers_decode(buf_view(&plain), ret_a);
	buf_release(&info);
	buf_release_secret(&plain);
	return err;
}
