/* SPDX-License-Identifier: Apache-2.0 */
/*
 * past.c - old blocks checked by their own certificates, and put where they belong.
 */
#include "acl/past.h"

#include "acl/derive.h"
#include "acl/genesis.h"
#include "acl/succession.h"
#include "acl/trail.h"
#include "acl/validate.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

struct past {
	struct hash network;
	struct genesis *genesis;
	struct buf genesis_bytes; /* what the genesis looks into */
	struct buf succession;
	struct validator *validator;
	struct tx *tx; /* one at a time: it is large */
	/* The set of one epoch, as blocks come in a row. */
	bool has_set;
	struct members members;
	struct hash members_hash;
	struct member_keys keys;
};

int past_new(struct view genesis, struct view succession, struct past **ret_p)
{
	struct past *p = mem_zalloc(sizeof(*p));
	int err;

	if (!p)
		return CF_ENOMEM;
	p->network = chain_genesis_hash(genesis);
	buf_init(&p->genesis_bytes, 0);
	buf_init(&p->succession, 0);
	p->tx = mem_zalloc(sizeof(*p->tx));
	p->genesis = mem_zalloc(sizeof(*p->genesis));
	err = p->tx && p->genesis ? buf_append_view(&p->genesis_bytes, genesis) : CF_ENOMEM;
	if (!err)
		err = genesis_decode(buf_view(&p->genesis_bytes), p->genesis);
	if (!err)
		err = buf_append_view(&p->succession, succession);
	if (!err)
		err = validate_new(&p->network, &p->validator);
	if (err) {
		past_free(p);
		return err;
	}
	*ret_p = p;
	return 0;
}

void past_free(struct past *p)
{
	if (!p)
		return;
	if (p->has_set)
		member_keys_release(&p->keys);
	validate_free(p->validator);
	buf_release(&p->genesis_bytes);
	buf_release(&p->succession);
	mem_free(p->genesis);
	mem_free(p->tx);
	mem_free(p);
}

static int load_set(struct past *p, uint64_t epoch)
{
	struct members m = p->genesis->members;
	int err;

	if (p->has_set && p->members.epoch == epoch)
		return 0;
	if (p->has_set)
		member_keys_release(&p->keys);
	p->has_set = false;
	err = succession_at(buf_view(&p->succession), &p->network, epoch, &m);
	if (err)
		return err;
	p->members = m;
	err = members_hash(&p->members, &p->members_hash);
	if (!err)
		err = member_keys_init(&p->keys, &p->members);
	p->has_set = err == 0;
	return err;
}

/* What is not under the block's hash may have been tampered with on the way. */
static int check_beside(struct past *p, const struct block_body *b, struct view verdicts)
{
	const struct block *block = &b->block;
	struct hash *ids = mem_array(NULL, (size_t)block->tx_count + 1, sizeof(*ids)), root;
	struct rwset rwset;
	int err = ids ? 0 : CF_ENOMEM;

	if (!err && verdicts.len != block->tx_count)
		err = err_set(CF_EINVAL, "it came without its verdicts");
	for (uint32_t i = 0; i < block->tx_count && !err; i++) {
		err = validate_decode(p->validator, block->tx[i], b->annex[i], p->tx, &rwset);
		if (err)
			break;
		rwset_release(&rwset);
		ids[i] = p->tx->id;
		if (verdicts.data[i] == VERDICT_VALID && b->annex[i].len == 0 &&
		    !hash_is_zero(&p->tx->proposal.annex_hash))
			err = err_set(CF_EINVAL, "the annex of a valid transaction is missing");
	}
	if (!err)
		err = block_verdict_root(ids, verdicts.data, block->tx_count, &root);
	if (!err && !hash_equal(&root, &block->header.verdict_root))
		err = err_set(CF_EINVAL, "it came with other verdicts");
	mem_free(ids);
	return err;
}

static int check(struct past *p, uint64_t height, const struct past_block *b, const struct block_body *body)
{
	const struct block_header *h = &body->block.header;
	const struct certificate *c = b->certificate;
	int err;

	if (h->height != height || !hash_equal(&h->network, &p->network))
		return err_set(CF_EINVAL, "it is another block");
	err = load_set(p, h->epoch);
	if (!err && !hash_equal(&h->members, &p->members_hash))
		err = err_set(CF_EFOREIGN, "it was decided by other members");
	if (!err &&
	    (c->height != height || c->epoch != h->epoch || !hash_equal(&c->digest, &body->block.hash)))
		err = err_set(CF_ESIG, "the certificate is another block's");
	if (!err)
		err = certificate_verify(c, &p->network, &p->members, &p->keys);
	return err ? err : check_beside(p, body, b->verdicts);
}

int past_check(struct past *p, uint64_t height, const struct past_block *b, struct block_body *ret_body)
{
	struct block_body body;
	int err = block_body_decode(b->body, &body);

	if (err)
		return err;
	err = check(p, height, b, &body);
	if (err)
		block_body_release(&body);
	else
		*ret_body = body;
	return err;
}

int past_annex(const struct block_body *body, struct view verdicts, const struct hash *id,
	       struct view *ret_annex)
{
	struct tx *tx = mem_zalloc(sizeof(*tx));
	int err = tx ? CF_ENOTFOUND : CF_ENOMEM;

	for (uint32_t i = 0; err == CF_ENOTFOUND && i < body->block.tx_count; i++) {
		if (verdicts.data[i] != VERDICT_VALID || tx_decode(body->block.tx[i], tx) ||
		    !hash_equal(&tx->id, id))
			continue;
		*ret_annex = body->annex[i];
		err = 0;
	}
	mem_free(tx);
	return err;
}

/* --- filling --- */

/* They decoded when they were checked: only memory can be short. */
static int fill_tx(struct past *p, struct chain_fill *f, const struct block_body *body, uint32_t i,
		   uint8_t verdict)
{
	const struct version version = {body->block.header.height, i};
	struct rwset rwset;
	int err = validate_decode(p->validator, body->block.tx[i], body->annex[i], p->tx, &rwset);

	if (err)
		return err;
	if (verdict == VERDICT_VALID)
		err = derive_past(chain_fill_txn(f), p->tx, &rwset, body->annex[i], version);
	if (!err && verdict == VERDICT_VALID)
		err = trail_put(chain_fill_txn(f), p->tx);
	if (!err)
		err = chain_fill_tx(f, &body->block, p->tx, verdict, verdict == VERDICT_VALID ? &rwset : NULL,
				    body->annex[i]);
	rwset_release(&rwset);
	return err;
}

static int fill_row(void *ctx, struct view key, struct view value)
{
	return chain_fill_genesis_row(ctx, key, value);
}

int past_fill(struct past *p, struct chain_fill *f, const struct past_block *b, bool *ret_own)
{
	uint64_t height = chain_fill_height(f);
	struct block_body body;
	int err = past_check(p, height, b, &body);

	*ret_own = false;
	if (err)
		return err;
	if (!hash_equal(&body.block.hash, chain_fill_hash(f)))
		err = err_set(CF_EINVAL, "it does not lead to the block after it");
	*ret_own = err == 0;
	if (!err)
		err = chain_fill_block(f, &body.block, b->verdicts.data, b->certificate);
	for (uint32_t i = 0; i < body.block.tx_count && !err; i++)
		err = fill_tx(p, f, &body, i, b->verdicts.data[i]);
	if (!err && height == 1)
		err = genesis_rows(p->genesis, fill_row, f);
	block_body_release(&body);
	return err;
}

int past_keys(struct past *p, const struct block_body *body, struct view verdicts, struct db_txn *txn)
{
	int err = 0;

	for (uint32_t i = 0; i < body->block.tx_count && !err; i++) {
		const struct version version = {body->block.header.height, i};
		struct view annex = body->annex[i];

		if (verdicts.data[i] != VERDICT_VALID || annex.len == 0)
			continue;
		err = tx_decode(body->block.tx[i], p->tx);
		if (!err)
			err = chain_fill_annex(txn, p->tx, version, annex);
		if (!err)
			err = derive_annex(txn, p->tx, annex);
	}
	return err;
}
