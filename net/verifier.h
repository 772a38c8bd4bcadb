/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verifier.h - verifies signatures by key, remembering parsed keys and what verified before.
 *
 * Parsing a key costs more than a verification, and the same signature comes again and again: one over a
 * batch with each of its transactions, a vote with each retransmission. Only good signatures are remembered.
 * Any thread.
 */
#ifndef NET_VERIFIER_H
#define NET_VERIFIER_H

#include "ledger/crypto.h"

struct verifier;

int verifier_new(struct verifier **ret_v) must_check;
void verifier_free(struct verifier *v); /* accepts NULL */

/* Errors: CF_ESIG, CF_EDECODE (no point of the curve), CF_ENOMEM. */
int verifier_check(struct verifier *v, const uint8_t point[POINT_BYTES], const struct hash *digest,
		   const uint8_t sig[SIG_BYTES]) must_check;

#endif
