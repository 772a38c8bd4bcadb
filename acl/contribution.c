/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contribution.c - dealing, and opening what was dealt.
 */
#include "acl/contribution.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

#define CONTRIBUTION_TAG "chartfs contribution v1"
#define SEALED_BYTES (HPKE_OVERHEAD_BYTES + SCALAR_BYTES)

struct contribution {
	struct view commitments; /* with their count */
	uint8_t threshold;
	uint8_t count;
	uint8_t commitment[MEMBERS_MAX][POINT_BYTES];
	struct view sealed[MEMBERS_MAX];
};

unsigned contribution_threshold(const struct members *m)
{
	return members_faults(m->count + 1u) + 1;
}

static int decode(struct view bytes, struct contribution *c)
{
	struct dec d;

	dec_init(&d, bytes);
	c->threshold = dec_u8(&d);
	if (c->threshold == 0 || c->threshold > MEMBERS_MAX)
		return CF_EDECODE;
	for (unsigned i = 0; i < c->threshold; i++)
		dec_fixed(&d, c->commitment[i], POINT_BYTES);
	c->commitments = VIEW(bytes.data, d.at);
	c->count = dec_u8(&d);
	if (d.err || c->count > MEMBERS_MAX)
		return CF_EDECODE;
	for (unsigned i = 0; i < c->count; i++) {
		c->sealed[i] = dec_bytes(&d, SEALED_BYTES);
		if (c->sealed[i].len != SEALED_BYTES)
			dec_fail(&d, CF_EDECODE);
	}
	return dec_done(&d);
}

static int make_info(const struct identity_id *id, struct buf *out)
{
	struct enc e;

	buf_init(out, 0);
	enc_init(&e, out);
	enc_tag(&e, CONTRIBUTION_TAG);
	enc_fixed(&e, id->b, IDENTITY_BYTES);
	return enc_done(&e);
}

static int seal_all(const struct members *m, uint8_t (*share)[SCALAR_BYTES], struct view commitments,
		    struct enc *e)
{
	int err = 0;

	for (unsigned i = 0; i < m->count && !err; i++) {
		struct buf info, sealed;

		buf_init(&sealed, 0);
		err = make_info(&m->member[i].id, &info);
		if (!err)
			err = hpke_seal(m->member[i].kem_point, buf_view(&info), commitments,
					VIEW(share[i], SCALAR_BYTES), &sealed);
		if (!err)
			enc_bytes(e, buf_view(&sealed));
		buf_release(&info);
		buf_release(&sealed);
	}
	return err;
}

int contribution_make(const struct members *m, struct buf *out)
{
	uint8_t commitment[MEMBERS_MAX][POINT_BYTES], share[MEMBERS_MAX][SCALAR_BYTES];
	unsigned t = contribution_threshold(m);
	struct buf commitments;
	struct enc e, c;
	int err = prf_deal(m->count, t, commitment, share);

	if (err)
		return err;
	buf_init(&commitments, 0);
	enc_init(&c, &commitments);
	enc_u8(&c, (uint8_t)t);
	for (unsigned i = 0; i < t; i++)
		enc_fixed(&c, commitment[i], POINT_BYTES);
	err = enc_done(&c);
	if (!err)
		err = buf_append_view(out, buf_view(&commitments));
	enc_init(&e, out);
	enc_u8(&e, m->count);
	if (!err)
		err = seal_all(m, share, buf_view(&commitments), &e);
	if (!err)
		err = enc_done(&e);
	mem_wipe(share, sizeof(share));
	buf_release(&commitments);
	return err;
}

int contribution_check(struct view bytes, const struct members *m)
{
	struct contribution c;
	uint8_t public[POINT_BYTES];

	if (decode(bytes, &c))
		return err_set(CF_EINVAL, "a contribution to the peers' key is malformed");
	if (c.count != m->count || c.threshold != contribution_threshold(m))
		return err_set(CF_EINVAL,
			       "a contribution to the peers' key is for %u of %u peers, not %u of %u",
			       c.threshold, c.count, contribution_threshold(m), m->count);
	for (unsigned i = 0; i < m->count; i++) {
		if (prf_public(i + 1, (const uint8_t(*)[POINT_BYTES])c.commitment, c.threshold, public))
			return err_set(CF_EINVAL, "a contribution to the peers' key holds a bad point");
	}
	return 0;
}

int contribution_public(struct view bytes, unsigned i, uint8_t ret_public[POINT_BYTES])
{
	struct contribution c;

	if (decode(bytes, &c) || i >= c.count)
		return CF_EDECODE;
	return prf_public(i + 1, (const uint8_t(*)[POINT_BYTES])c.commitment, c.threshold, ret_public);
}

int contribution_share(struct view bytes, unsigned i, const struct identity_id *id,
		       const struct crypto_key *kem, uint8_t ret_share[SCALAR_BYTES])
{
	uint8_t public[POINT_BYTES];
	struct contribution c;
	struct buf info, plain;
	int err = decode(bytes, &c);

	if (err || i >= c.count)
		return CF_EDECODE;
	buf_init(&plain, 0);
	err = make_info(id, &info);
	if (!err)
		err = hpke_open(kem, buf_view(&info), c.commitments, c.sealed[i], &plain);
	if (!err)
		err = prf_public(i + 1, (const uint8_t(*)[POINT_BYTES])c.commitment, c.threshold, public);
	if (!err)
		err = prf_share_check(plain.data, public);
	if (!err)
		memcpy(ret_share, plain.data, SCALAR_BYTES);
	buf_release(&info);
	buf_release_secret(&plain);
	return err;
}
