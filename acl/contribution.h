/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contribution.h - one dealer's part in the key of the peers' function (ledger/crypto_prf.h), as the genesis
 * file carries it.
 *
 * Bytes: count8 {commitment point}, as many as the threshold; count8 {share bytes}, one a member in their
 * order: the share sealed by HPKE to the member's key-agreement key (info "chartfs contribution v1" NUL
 * member's identity; additional data: the commitments). The key is the sum over all contributions: whoever
 * misses one dealer's does not know it. A dealer keeps nothing.
 *
 * A deal has the same form: a holder shares its own share among other members (acl/reshare.h). It goes with a
 * proof for each that the dealer knows the secret of the ephemeral key it sealed with, and so took it from
 * nobody else's seal. A member for whom something else was sealed than the commitments say tells the point
 * that opens it, with a proof, and everybody sees; it opens nothing else.
 */
#ifndef ACL_CONTRIBUTION_H
#define ACL_CONTRIBUTION_H

#include "acl/hpke.h"
#include "ledger/certificate.h"
#include "ledger/crypto_prf.h"

#define CONTRIBUTION_BYTES_MAX ((size_t)8192)

/* f+1 of the members: one honest one is among them, and f lying or silent ones hinder nobody. f of one member
 * more, so that the next one can be added. */
unsigned contribution_threshold(const struct members *m);

/* A fresh one for these members, appended. */
int contribution_make(const struct members *m, struct buf *out) must_check;
/* Whose deal it is, and for which sharing. */
struct contribution_dealer {
	const struct hash *network;
	const struct identity_id *dealer;
	uint64_t epoch; /* of the members it is for */
	uint16_t generation;
};
/* One of this secret, appended. Proofs, one a member: the ephemeral key's signature over SHA-256("chartfs
 * deal v1" NUL network dealer epoch u16 generation, the member's identity, the ephemeral key's point). */
int contribution_deal(const struct contribution_dealer *by, const struct members *m,
		      const uint8_t secret[SCALAR_BYTES], uint8_t (*ret_proof)[SIG_BYTES],
		      struct buf *out) must_check;
/* Of a checked one: the proofs, and that its secret is the one of this public share. CF_EINVAL. */
int contribution_check_deal(const struct contribution_dealer *by, struct view bytes, const struct members *m,
			    const uint8_t (*proof)[SIG_BYTES], const uint8_t public[POINT_BYTES]) must_check;

/* Decodes, fits these members, and every commitment is a point. CF_EINVAL with the reason. */
int contribution_check(struct view bytes, const struct members *m) must_check;
/* Of a checked one: the public share of member i (from 0), and its secret, opened and checked against it.
 * CF_EDECODE; CF_ECORRUPT: the dealer sealed something else. The caller wipes. */
int contribution_public(struct view bytes, unsigned i, uint8_t ret_public[POINT_BYTES]) must_check;
int contribution_share(struct view bytes, unsigned i, const struct identity_id *id,
		       const struct crypto_key *kem, uint8_t ret_share[SCALAR_BYTES]) must_check;
/* What opens the share of member i, and the proof that it is of i's key-agreement key. */
int contribution_accuse(struct view bytes, unsigned i, const struct crypto_key *kem,
			struct prf_answer *ret_opening) must_check;
/* 0: the dealer sealed no share to this member. CF_EINVAL: it did, or the opening is none. */
int contribution_accused(struct view bytes, unsigned i, const struct identity_id *id,
			 const uint8_t kem_point[POINT_BYTES], const struct prf_answer *opening) must_check;

#endif
