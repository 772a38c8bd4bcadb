/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crypto_prf.h - a threshold pseudorandom function over P-256: F(x) = H(x)^k, k shared among n holders.
 *
 * H hashes to the curve (RFC 9380, suite P256_XMD:SHA-256_SSWU_RO_). k is the value at 0 of a polynomial of
 * degree t-1 (Shamir), which nobody needs to know: it is the sum of what several dealers chose. Holder i,
 * from 1, has the value at i. Each dealer publishes its coefficients times the generator (Feldman), so that a
 * holder can check its share, and everybody can compute the holder's public share. An answer V = H(x)^k_i
 * comes with a proof that its logarithm is that of the public share (Chaum and Pedersen, made non-interactive
 * by SHA-256): a wrong one is known for wrong, and whose it is. Any t good answers give F(x); fewer tell
 * nothing under the Diffie-Hellman assumption (Naor, Pinkas and Reingold, Eurocrypt '99).
 *
 * Inputs of H are public: hashing to the curve takes a time that depends on them. Any thread.
 */
#ifndef LEDGER_CRYPTO_PRF_H
#define LEDGER_CRYPTO_PRF_H

#include "ledger/crypto.h"

#define PRF_HOLDERS_MAX 16
#define PRF_DST_BYTES_MAX 255

/* RFC 9380 section 3, hash_to_curve. dst: 1 to PRF_DST_BYTES_MAX bytes. CF_ENOMEM. */
int crypto_hash_to_curve(struct view msg, struct view dst, uint8_t ret_point[POINT_BYTES]) must_check;

/*
 * A fresh polynomial of degree t-1 with this secret at 0 (NULL: a fresh one): t commitments, of which the
 * first is the secret's public share, and the shares of holders 1 to n, which the caller wipes. 1 <= t <= n
 * <= PRF_HOLDERS_MAX. CF_ENOMEM, also where the secret is none.
 */
int prf_deal(const uint8_t *secret, unsigned n, unsigned t, uint8_t (*ret_commitments)[POINT_BYTES],
	     uint8_t (*ret_shares)[SCALAR_BYTES]) must_check;
/* The public share of holder i under a dealer's t commitments. CF_EDECODE (a bad point, or none at all comes
 * out), CF_ENOMEM. */
int prf_public(unsigned i, const uint8_t (*commitments)[POINT_BYTES], unsigned t,
	       uint8_t ret_public[POINT_BYTES]) must_check;
/* Is this the secret of that public share? CF_ECORRUPT. */
int prf_share_check(const uint8_t share[SCALAR_BYTES], const uint8_t public[POINT_BYTES]) must_check;
/* Sums over dealers: of shares, and of public shares. CF_EDECODE, CF_ENOMEM. */
int prf_share_add(const uint8_t a[SCALAR_BYTES], const uint8_t b[SCALAR_BYTES],
		  uint8_t ret_sum[SCALAR_BYTES]) must_check;
int prf_public_add(const uint8_t a[POINT_BYTES], const uint8_t b[POINT_BYTES],
		   uint8_t ret_sum[POINT_BYTES]) must_check;

/* A holder's answer. */
struct prf_answer {
	uint8_t value[POINT_BYTES];      /* H(x)^k_i */
	uint8_t challenge[SCALAR_BYTES]; /* the proof */
	uint8_t response[SCALAR_BYTES];
};

/* point is H(x). CF_EDECODE, CF_ENOMEM. */
int prf_answer(const uint8_t share[SCALAR_BYTES], const uint8_t point[POINT_BYTES],
	       struct prf_answer *ret_answer) must_check;
/* CF_ESIG: not of that public share, for that point. */
int prf_verify(const uint8_t public[POINT_BYTES], const uint8_t point[POINT_BYTES],
	       const struct prf_answer *answer) must_check;
/* F(x) of t verified values; holder[] are distinct, from 1. CF_EDECODE, CF_ENOMEM. */
int prf_combine(const unsigned *holder, const uint8_t (*value)[POINT_BYTES], unsigned t,
		uint8_t ret_value[POINT_BYTES]) must_check;
/*
 * The key shared anew (Desmedt and Jajodia '97; Wong, Wang and Wing '02): t holders of the old shares each
 * deal their own by a fresh polynomial. A new holder's share is the combination of what they dealt to it, and
 * its public share prf_combine of their prf_public at its number: k stays what it was. The caller wipes.
 * CF_EDECODE.
 */
int prf_share_combine(const unsigned *holder, const uint8_t (*share)[SCALAR_BYTES], unsigned t,
		      uint8_t ret_share[SCALAR_BYTES]) must_check;

#endif
