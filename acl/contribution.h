/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contribution.h - one dealer's part in the key of the peers' function (ledger/crypto_prf.h), as the genesis
 * file carries it.
 *
 * Bytes: count8 {commitment point}, as many as the threshold; count8 {share bytes}, one a member in their
 * order: the share sealed by HPKE to the member's key-agreement key (info "chartfs contribution v1" NUL
 * member's identity; additional data: the commitments). The key is the sum over all contributions: whoever
 * misses one dealer's does not know it. A dealer keeps nothing.
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
/* Decodes, fits these members, and every commitment is a point. CF_EINVAL with the reason. */
int contribution_check(struct view bytes, const struct members *m) must_check;
/* Of a checked one: the public share of member i (from 0), and its secret, opened and checked against it.
 * CF_EDECODE; CF_ECORRUPT: the dealer sealed something else. The caller wipes. */
int contribution_public(struct view bytes, unsigned i, uint8_t ret_public[POINT_BYTES]) must_check;
int contribution_share(struct view bytes, unsigned i, const struct identity_id *id,
		       const struct crypto_key *kem, uint8_t ret_share[SCALAR_BYTES]) must_check;

#endif
