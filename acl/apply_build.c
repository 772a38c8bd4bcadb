/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply_build.c - staging transactions one after the other, and the leader's making of a block from them.
 */
#include "acl/apply_private.h"
#include "acl/derive.h"
#include "acl/erase.h"
#include "acl/trail.h"
#include "ledger/log.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

/* What encodings put around one transaction and its annex in a body: two lengths. */
#define ITEM_OVERHEAD_BYTES 8
#define BODY_OVERHEAD_BYTES (BLOCK_HEADER_BYTES + 4)

int batch_begin(struct apply *a, uint64_t height, uint64_t time_ms)
{
	assert(!a->staged.stage);
	a->staged = (struct batch){.height = height, .time_ms = time_ms, .bytes = BODY_OVERHEAD_BYTES};
	return chain_stage_begin(a->chain, height, &a->staged.stage);
}

void batch_discard(struct apply *a)
{
	struct batch *b = &a->staged;

	chain_stage_discard(b->stage);
	mem_free(b->id);
	mem_free(b->verdict);
	mem_free(b->tx);
	mem_free(b->annex);
	*b = (struct batch){0};
}

static int grow(struct batch *b)
{
	uint32_t cap = b->cap ? 2 * b->cap : 64;
	struct hash *id = mem_array(b->id, cap, sizeof(*id));
	uint8_t *verdict;
	struct view *views;

	if (!id)
		return CF_ENOMEM;
	b->id = id;
	verdict = mem_array(b->verdict, cap, sizeof(*verdict));
	if (!verdict)
		return CF_ENOMEM;
	b->verdict = verdict;
	views = mem_array(b->tx, cap, sizeof(*views));
	if (!views)
		return CF_ENOMEM;
	b->tx = views;
	views = mem_array(b->annex, cap, sizeof(*views));
	if (!views)
		return CF_ENOMEM;
	b->annex = views;
	b->cap = cap;
	return 0;
}

static bool annex_missing(const struct tx *tx, struct view annex)
{
	return annex.len == 0 && !hash_is_zero(&tx->proposal.annex_hash);
}

/* A verdict that came with a certified block is bound by its root; the keys of valid transactions must be
 * there. */
static int judge(struct apply *a, const struct rwset *rwset, struct view annex, enum batch_mode mode,
		 uint8_t *verdict)
{
	struct batch *b = &a->staged;
	enum verdict judged = VERDICT_VALID;
	int err;

	if (mode != BATCH_TRUSTED) {
		err = validate_verdict(a->validator, chain_stage_txn(b->stage), a->tx, rwset, b->time_ms,
				       &judged);
		if (err)
			return err;
		*verdict = (uint8_t)judged;
	}
	if (*verdict == VERDICT_VALID && annex_missing(a->tx, annex))
		return err_set(CF_EINVAL, "the annex of a valid transaction is missing");
	return 0;
}

/* What makes a whole block unacceptable; a->tx and rwset (on success the caller's) are the transaction. */
static int accept(struct apply *a, struct view tx, struct view annex, enum batch_mode mode,
		  struct rwset *ret_rwset)
{
	struct db_txn *txn = chain_stage_txn(a->staged.stage);
	int err;

	if (mode == BATCH_TRUSTED)
		return validate_decode(a->validator, tx, annex, a->tx, ret_rwset);
	err = validate_static(a->validator, txn, tx, annex, mode == BATCH_FRESH, a->staged.height, a->tx,
			      ret_rwset);
	if (err)
		return err;
	err = validate_signers(a->validator, txn, a->tx);
	if (err)
		rwset_release(ret_rwset);
	return err;
}

/* A change of the members fills its block: what comes after it is decided by others. */
static bool must_wait(struct apply *a)
{
	bool changes = a->tx->proposal.op[0].code == OP_MEMBERS;

	return a->staged.count > 0 && (changes || a->staged.changes_members);
}

int batch_add(struct apply *a, struct view tx, struct view annex, enum batch_mode mode, uint8_t verdict)
{
	struct batch *b = &a->staged;
	struct db_txn *txn = chain_stage_txn(b->stage);
	uint64_t bytes = b->bytes + tx.len + annex.len + ITEM_OVERHEAD_BYTES;
	struct rwset rwset;
	int err;

	if (b->count == BLOCK_TXS_MAX || bytes > BLOCK_BYTES_MAX)
		return CF_ETOOBIG;
	if (b->count == b->cap) {
		err = grow(b);
		if (err)
			return err;
	}
	err = accept(a, tx, annex, mode, &rwset);
	if (mode == BATCH_CERTIFIED && validate_is_refusal(err))
		err = err_set(CF_ECORRUPT, "a certified transaction is refused here: %s", err_name(err));
	if (err)
		return err;
	err = must_wait(a) ? err_set(CF_EAGAIN, "a change of the members stands alone in its block")
			   : judge(a, &rwset, annex, mode, &verdict);
	if (err)
		goto out;
	if (verdict == VERDICT_VALID)
		err = derive_tx(txn, a->tx, &rwset, annex);
	if (verdict == VERDICT_VALID && err == 0)
		err = trail_put(txn, a->tx);
	if (verdict == VERDICT_VALID && err == 0)
		err = erase_apply(a->chain, b->stage, a->tx);
	if (err == 0)
		err = chain_stage_tx(b->stage, a->tx, verdict, verdict == VERDICT_VALID ? &rwset : NULL,
				     annex);
	if (validate_is_refusal(err))
		err = err_set(CF_ECORRUPT, "a transaction judged valid cannot be staged: %s", err_name(err));
	if (err)
		goto out;
	b->revokes |= verdict == VERDICT_VALID && a->tx->proposal.op[0].code == OP_CRL;
	b->changes_members = a->tx->proposal.op[0].code == OP_MEMBERS;
	b->id[b->count] = a->tx->id;
	b->verdict[b->count] = verdict;
	b->tx[b->count] = tx;
	b->annex[b->count++] = annex;
	b->bytes = bytes;
out:
	rwset_release(&rwset);
	return err;
}

int batch_header(struct apply *a, struct block_header *ret_h)
{
	struct batch *b = &a->staged;
	struct chain_head head;
	struct members next;
	struct block_header h = {
		.network = *chain_network(a->chain),
		.height = b->height,
		.tx_count = b->count,
		.time_ms = b->time_ms,
		.members = a->members_hash,
		.epoch = a->members.epoch,
	};
	int err;

	chain_tip(a->chain, &head);
	h.prev = head.hash;
	h.size_bytes = block_size_bytes(b->tx, b->count);
	err = block_tx_root(b->id, b->count, &h.tx_root);
	if (err == 0)
		err = block_body_root(b->tx, b->count, &h.body_root);
	if (err == 0)
		err = block_verdict_root(b->id, b->verdict, b->count, &h.verdict_root);
	if (err == 0)
		err = chain_stage_root(b->stage, &h.state_root);
	if (err == 0)
		err = state_members(chain_stage_txn(b->stage), &next);
	if (err == 0)
		err = members_hash(&next, &h.next_members);
	if (err == 0)
		*ret_h = h;
	return err;
}

/* The requests that are good, as far as one block holds them. */
static int add_requests(struct apply *a, const struct apply_request *requests, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int err = batch_add(a, requests[i].tx, requests[i].annex, BATCH_FRESH, 0);

		if (validate_is_refusal(err))
			log_debug("apply", "request dropped: %s (%s)", err_name(err), err_detail());
		else if (err)
			return err;
	}
	return 0;
}

static int encode_body(struct apply *a, const struct block_header *h, struct buf *ret_body,
		       struct hash *ret_hash)
{
	struct batch *b = &a->staged;
	struct buf header, block;
	int err;

	buf_init(&header, 0);
	buf_init(&block, 0);
	err = block_header_encode(h, &header);
	if (err == 0)
		err = block_encode(buf_view(&header), b->tx, b->count, &block);
	if (err == 0)
		err = block_body_encode(buf_view(&block), b->annex, b->count, ret_body);
	if (err == 0)
		*ret_hash = block_hash(buf_view(&header));
	buf_release(&header);
	buf_release(&block);
	return err;
}

int apply_build(struct apply *a, const struct apply_request *requests, size_t count, bool heartbeat,
		uint64_t now_ms, uint64_t view, uint8_t proposer, struct buf *ret_body, struct hash *ret_hash,
		struct hash **ret_ids, uint32_t *ret_id_count)
{
	struct batch *b = &a->staged;
	struct chain_head head;
	struct block_header h;
	struct hash *ids = NULL, hash;
	size_t start = ret_body->len;
	int err;

	assert(a && (requests || count == 0) && ret_body && ret_hash && ret_ids && ret_id_count);
	batch_discard(a);
	chain_tip(a->chain, &head);
	err = batch_begin(a, head.height + 1, now_ms > head.time_ms ? now_ms : head.time_ms + 1);
	if (err == 0)
		err = add_requests(a, requests, count);
	if (err == 0 && b->count == 0 && !heartbeat)
		err = CF_ENOTFOUND;
	if (err == 0)
		err = batch_header(a, &h);
	if (err)
		goto out;
	h.proposer_view = view;
	h.proposer = proposer;
	err = encode_body(a, &h, ret_body, &hash);
	if (err)
		goto out;
	ids = mem_dup(b->id, b->count * sizeof(*ids));
	if (!ids) {
		err = CF_ENOMEM;
		goto out;
	}
	b->block = hash;
	*ret_hash = hash;
	*ret_ids = ids;
	*ret_id_count = b->count;
out:
	if (err) {
		ret_body->len = start;
		batch_discard(a);
	}
	return err;
}
