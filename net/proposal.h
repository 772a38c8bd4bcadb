/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proposal.h - from what is to be done to the proposal that is signed: network, time, validity, type, keys.
 */
#ifndef NET_PROPOSAL_H
#define NET_PROPOSAL_H

#include "net/client.h"

struct proposal_context {
	const struct hash *network;
	const struct identity *creator;
	uint64_t height; /* of the state of txn */
	uint64_t now_ms; /* wall clock */
	const struct policy_row *policy;
};

/* Half of what the policy allows, so that an endorser that is some blocks behind takes it, too. */
uint64_t proposal_valid_until(const struct proposal_context *ctx);

/*
 * Appends the encoded proposal, with a fresh nonce. Errors: CF_ENOTFOUND (creator or patient unknown),
 * CF_EINVAL, CF_ETOOBIG, CF_ENOMEM, CF_ECORRUPT, CF_EIO.
 */
int proposal_build(struct db_txn *txn, const struct proposal_context *ctx, const struct client_tx *tx,
		   struct buf *out) must_check;

#endif
