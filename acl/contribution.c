/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contribution.c - dealing, and opening what was dealt.
 */
#include "acl/contribution.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

#define CONTRIBUTION_TAG "chartfs contribution v1"
#define DEAL_TAG "chartfs deal v1"
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

/* The key signs itself, too: else a signature could be chosen first, and a key for it found that is made of
 * somebody else's (ECDSA's keys follow from signatures). */
static struct hash proof_digest(const struct contribution_dealer *by, const struct identity_id *to,
				const uint8_t ephemeral[POINT_BYTES])
{
	uint8_t number[10];

	for (unsigned i = 0; i < 8; i++)
		number[i] = (uint8_t)(by->epoch >> (56 - 8 * i));
	number[8] = (uint8_t)(by->generation >> 8);
	number[9] = (uint8_t)by->generation;
	return sha256_parts(
		(const struct view[]){VIEW(DEAL_TAG, sizeof(DEAL_TAG)), VIEW(by->network->b, HASH_BYTES),
				      VIEW(by->dealer->b, IDENTITY_BYTES), VIEW(number, sizeof(number)),
				      VIEW(to->b, IDENTITY_BYTES), VIEW(ephemeral, POINT_BYTES)},
		6);
}

/* by NULL: no proof. */
static int seal_one(const struct contribution_dealer *by, const struct member *to, struct view share,
		    struct view commitments, uint8_t *ret_proof, struct enc *e)
{
	struct crypto_key *ephemeral = NULL;
	struct buf info, sealed;
	int err = make_info(&to->id, &info);

	buf_init(&sealed, 0);
	if (!err)
		err = crypto_key_generate(&ephemeral);
	if (!err)
		err = hpke_seal_with(ephemeral, to->kem_point, buf_view(&info), commitments, share, &sealed);
	if (!err)
		enc_bytes(e, buf_view(&sealed));
	if (!err && by) {
		struct hash digest = proof_digest(by, &to->id, sealed.data);

		err = crypto_sign(ephemeral, &digest, ret_proof);
	}
	crypto_key_free(ephemeral);
	buf_release(&info);
	buf_release(&sealed);
	return err;
}

static int make(const struct contribution_dealer *by, const struct members *m, const uint8_t *secret,
		uint8_t (*ret_proof)[SIG_BYTES], struct buf *out)
{
	uint8_t commitment[MEMBERS_MAX][POINT_BYTES], share[MEMBERS_MAX][SCALAR_BYTES];
	unsigned t = contribution_threshold(m);
	struct buf commitments;
	struct enc e, c;
	int err = prf_deal(secret, m->count, t, commitment, share);

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
	for (unsigned i = 0; i < m->count && !err; i++)
		err = seal_one(by, &m->member[i], VIEW(share[i], SCALAR_BYTES), buf_view(&commitments),
			       by ? ret_proof[i] : NULL, &e);
	if (!err)
		err = enc_done(&e);
	mem_wipe(share, sizeof(share));
	buf_release(&commitments);
	return err;
}

int contribution_make(const struct members *m, struct buf *out)
{
	return make(NULL, m, NULL, NULL, out);
}

int contribution_deal(const struct contribution_dealer *by, const struct members *m,
		      const uint8_t secret[SCALAR_BYTES], uint8_t (*ret_proof)[SIG_BYTES], struct buf *out)
{
	return make(by, m, secret, ret_proof, out);
}

static int check_proof(const struct contribution_dealer *by, const struct identity_id *to, struct view sealed,
		       const uint8_t proof[SIG_BYTES])
{
	struct hash digest = proof_digest(by, to, sealed.data);
	struct crypto_key *ephemeral = NULL;
	int err = crypto_key_from_point(sealed.data, &ephemeral);

	if (!err)
		err = crypto_verify(ephemeral, &digest, proof);
	crypto_key_free(ephemeral);
	return err;
}

int contribution_check_deal(const struct contribution_dealer *by, struct view bytes, const struct members *m,
			    const uint8_t (*proof)[SIG_BYTES], const uint8_t public[POINT_BYTES])
{
	struct contribution c;
	int err = decode(bytes, &c) || c.count != m->count ? CF_EDECODE : 0;

	if (!err && memcmp(c.commitment[0], public, POINT_BYTES) != 0)
		return err_set(CF_EINVAL, "what is dealt is not the dealer's own share");
	for (unsigned i = 0; i < c.count && !err; i++) {
		err = check_proof(by, &m->member[i].id, c.sealed[i], proof[i]);
		if (err == CF_EDECODE || err == CF_ESIG)
			err = err_set(CF_EINVAL, "a share is not sealed by its dealer");
	}
	return err == CF_EDECODE ? err_set(CF_EINVAL, "a deal does not fit the members") : err;
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

/* Is this the share that the commitments say? */
static int check_plain(const struct contribution *c, unsigned i, struct view plain)
{
	uint8_t public[POINT_BYTES];
	int err = prf_public(i + 1, (const uint8_t(*)[POINT_BYTES])c->commitment, c->threshold, public);

	if (!err)
		err = plain.len == SCALAR_BYTES ? prf_share_check(plain.data, public) : CF_ECORRUPT;
	return err;
}

int contribution_share(struct view bytes, unsigned i, const struct identity_id *id,
		       const struct crypto_key *kem, uint8_t ret_share[SCALAR_BYTES])
{
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
		err = check_plain(&c, i, buf_view(&plain));
	if (!err)
		memcpy(ret_share, plain.data, SCALAR_BYTES);
	buf_release(&info);
	buf_release_secret(&plain);
	return err;
}

int contribution_accuse(struct view bytes, unsigned i, const struct crypto_key *kem,
			struct prf_answer *ret_opening)
{
	uint8_t scalar[SCALAR_BYTES];
	struct contribution c;
	int err = decode(bytes, &c);

	if (err || i >= c.count)
		return CF_EDECODE;
	err = crypto_key_scalar(kem, scalar);
	if (!err)
		err = prf_answer(scalar, c.sealed[i].data, ret_opening);
	mem_wipe(scalar, sizeof(scalar));
	return err;
}

int contribution_accused(struct view bytes, unsigned i, const struct identity_id *id,
			 const uint8_t kem_point[POINT_BYTES], const struct prf_answer *opening)
{
	struct contribution c;
	struct buf info, plain;
	int err = decode(bytes, &c);

	if (err || i >= c.count)
		return err_set(CF_EINVAL, "there is no such share in the deal");
	if (prf_verify(kem_point, c.sealed[i].data, opening))
		return err_set(CF_EINVAL, "what is to open a share is not of the member's key");
	buf_init(&plain, 0);
	err = make_info(id, &info);
	if (!err) /* the x coordinate */
		err = hpke_open_shared(opening->value + 1, kem_point, buf_view(&info), c.commitments,
				       c.sealed[i], &plain);
	if (!err)
		err = check_plain(&c, i, buf_view(&plain));
	buf_release(&info);
	buf_release_secret(&plain);
	if (err == CF_ECORRUPT)
		return 0;
	return err ? err : err_set(CF_EINVAL, "the share that was dealt is good");
}
