/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proposal.c - fills the fields of a proposal; the contract says which type and which keys.
 */
#include "net/proposal.h"

#include <assert.h>
#include <string.h>

uint64_t proposal_valid_until(const struct proposal_context *ctx)
{
	uint64_t blocks = ctx->policy->valid_blocks_max;

	return ctx->height + (blocks > 1 ? blocks / 2 : 1);
}

int proposal_build(struct db_txn *txn, const struct proposal_context *ctx, const struct client_tx *tx,
		   struct buf *out)
{
	struct tx_proposal p;
	int err = 0;

	assert(txn && ctx && tx && tx->ops && out);
	if (tx->op_count == 0 || tx->op_count > TX_OPS_MAX || tx->blob_count > TX_BLOBS_MAX)
		return err_set(CF_EINVAL, "%u operations and %u blobs in one transaction", tx->op_count,
			       tx->blob_count);
	memset(&p, 0, sizeof(p));
	p.network = *ctx->network;
	p.time_ms = ctx->now_ms;
	random_bytes(p.nonce, sizeof(p.nonce));
	p.valid_until = proposal_valid_until(ctx);
	p.contract = view_str(CONTRACT_NAME);
	p.contract_version = CONTRACT_VERSION;
	p.policy = CONTRACT_POLICY;
	p.creator = ctx->creator->id;
	p.creator_key = ctx->creator->sign_fingerprint;
	p.patient = tx->patient;
	if (tx->annex.len)
		err = tx_annex_hash(ctx->network, tx->annex, &p.annex_hash);
	if (err)
		return err;
	p.blob_count = tx->blob_count;
	for (unsigned i = 0; i < tx->blob_count; i++)
		p.blob[i] = tx->blobs[i];
	p.op_count = tx->op_count;
	for (unsigned i = 0; i < tx->op_count; i++)
		p.op[i] = tx->ops[i];
	err = contract_fill(txn, &p);
	if (err == CF_ENOTFOUND)
		return err_set(err, "the identity or the patient is not on the ledger");
	return err ? err : tx_proposal_encode(&p, out);
}
