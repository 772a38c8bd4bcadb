/* SPDX-License-Identifier: Apache-2.0 */
/* proof_make.c - collects a proof from a ledger's own stores. */
#include "acl/proof.h"
#include "acl/succession.h"

#include "ledger/chain.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

struct maker {
	struct chain *chain;
	struct db_txn *txn;
	struct proof proof;
	struct tx tx;
	struct buf block_bytes;
	struct block block;
	struct buf register_bytes; /* the block that registered the author, or the genesis row */
	struct block register_block;
	struct identity_row author;
	struct buf succession;
};

static int load_block(struct maker *m, uint64_t height, struct buf *bytes, struct block *ret_block)
{
	int err = chain_block_read(m->chain, m->txn, height, bytes);

	return err ? err : block_decode(buf_view(bytes), ret_block);
}

static void make_path(const struct hash *leaves, uint32_t count, uint32_t index, struct proof_path *ret_path)
{
	ret_path->len = (uint8_t)merkle_path(leaves, count, index, ret_path->hash);
}

/* The three trees of the block have a leaf a transaction each. */
static int make_paths(struct maker *m, struct view verdicts)
{
	uint32_t count = m->block.tx_count;
	struct hash *ids = mem_array(NULL, count, sizeof(*ids)),
		    *leaves = mem_array(NULL, count, sizeof(*leaves));
	int err = ids && leaves ? 0 : CF_ENOMEM;

	if (!err && verdicts.len != count)
		err = CF_ECORRUPT;
	for (uint32_t i = 0; i < count && !err; i++) {
		err = tx_decode(m->block.tx[i], &m->tx);
		ids[i] = m->tx.id;
	}
	if (err)
		goto out;
	for (uint32_t i = 0; i < count; i++)
		leaves[i] = merkle_leaf(VIEW(ids[i].b, HASH_BYTES));
	make_path(leaves, count, m->proof.index, &m->proof.tx_path);
	for (uint32_t i = 0; i < count; i++)
		leaves[i] = merkle_leaf(m->block.tx[i]);
	make_path(leaves, count, m->proof.index, &m->proof.body_path);
	for (uint32_t i = 0; i < count; i++)
		leaves[i] = block_verdict_leaf(&ids[i], verdicts.data[i]);
	make_path(leaves, count, m->proof.index, &m->proof.verdict_path);
	err = tx_decode(m->block.tx[m->proof.index], &m->tx);
out:
	mem_free(ids);
	mem_free(leaves);
	return err;
}

static int find_op(struct maker *m, const struct node_id *node)
{
	const struct tx_proposal *p = &m->tx.proposal;
	struct node_id found;
	struct op_approve approve;
	struct op_erase erase;
	struct op_save save;

	for (uint16_t i = 0; i < p->op_count; i++) {
		if (p->op[i].code == OP_CREATE)
			found = op_new_node(&m->tx.id, i);
		else if (p->op[i].code == OP_SAVE && op_save_decode(p->op[i].body, &save) == 0)
			found = save.node;
		else if (p->op[i].code == OP_APPROVE && op_approve_decode(p->op[i].body, &approve) == 0 &&
			 approve.what == APPROVAL_GIVE)
			found = approve.node;
		else if (p->op[i].code == OP_ERASE && op_erase_decode(p->op[i].body, &erase) == 0)
			found = erase.node;
		else
			continue;
		if (memcmp(found.b, node->b, NODE_BYTES) == 0) {
			m->proof.op_index = i;
			return 0;
		}
	}
	return err_set(CF_ENOTFOUND, "the transaction wrote nothing to this file");
}

/* The chain of an operation that gave somebody a certificate. CF_ENOTFOUND: it is another operation. */
static int chain_of_op(const struct tx_op *op, struct proof *proof)
{
	struct op_register reg;
	struct op_renew renew;
	const struct view *cert = reg.cert;
	int err;

	if (op->code == OP_REGISTER) {
		err = op_register_decode(op->body, &reg);
		proof->chain_count = err ? 0 : reg.count;
	} else if (op->code == OP_RENEW) {
		err = op_renew_decode(op->body, &renew);
		proof->chain_count = err ? 0 : renew.count;
		cert = renew.cert;
	} else {
		return CF_ENOTFOUND;
	}
	for (unsigned i = 0; i < proof->chain_count; i++)
		proof->chain[i] = cert[i];
	return err;
}

/* The chain that the transaction at this place brought. CF_ENOTFOUND: it wrote the row for another reason. */
static int chain_at(struct maker *m, struct version at)
{
	struct tx *tx = mem_alloc(sizeof(*tx));
	int err = tx ? 0 : CF_ENOMEM;

	block_release(&m->register_block);
	m->register_block = (struct block){.tx = NULL};
	buf_reset(&m->register_bytes);
	if (!err)
		err = load_block(m, at.height, &m->register_bytes, &m->register_block);
	if (!err && at.index >= m->register_block.tx_count)
		err = CF_ECORRUPT;
	if (!err)
		err = tx_decode(m->register_block.tx[at.index], tx);
	if (!err)
		err = chain_of_op(&tx->proposal.op[0], &m->proof);
	mem_free(tx);
	return err;
}

static int genesis_chain(struct maker *m, const struct history_row *row)
{
	int err;

	buf_reset(&m->register_bytes);
	err = history_read(chain_blocks(m->chain), row, &m->register_bytes);
	if (!err)
		err = identity_row_decode(buf_view(&m->register_bytes), &m->author);
	m->proof.chain_count = 1;
	m->proof.chain[0] = m->author.cert;
	return err;
}

/* The chain the author had at that height: the newest in the history of the author's row. */
static int author_chain(struct maker *m)
{
	struct statekey key = statekey_identity(&m->tx.proposal.creator);
	uint64_t height = m->proof.header.height;
	struct history_row row;
	int err;

	for (;;) {
		err = history_at(m->txn, statekey_view(&key), height, &row);
		if (err || row.version.height == 0)
			return err ? err : genesis_chain(m, &row);
		err = chain_at(m, row.version);
		if (err != CF_ENOTFOUND)
			return err;
		height = row.version.height - 1; /* suspended, reinstated, revoked: the row had it before */
	}
}

static int make(struct maker *m, const struct hash *tx_id, const struct node_id *node, struct buf *out)
{
	struct chain_block_info block_info;
	struct chain_tx_info tx_info;
	int err = chain_tx_info(m->txn, tx_id, &tx_info);

	if (!err)
		err = chain_block_info(m->txn, tx_info.height, &block_info);
	if (!err)
		err = load_block(m, tx_info.height, &m->block_bytes, &m->block);
	if (!err && tx_info.index >= m->block.tx_count)
		err = CF_ECORRUPT;
	if (err)
		return err;
	m->proof.header_bytes = m->block.header_bytes;
	m->proof.header = m->block.header;
	m->proof.certificate = block_info.certificate;
	m->proof.index = tx_info.index;
	m->proof.verdict = tx_info.verdict;
	m->proof.tx = m->block.tx[tx_info.index];
	err = make_paths(m, block_info.verdicts);
	if (!err)
		err = find_op(m, node);
	if (!err)
		err = author_chain(m);
	if (!err)
		err = succession_make(m->chain, m->txn, m->block.header.epoch, &m->succession);
	m->proof.succession = buf_view(&m->succession);
	return err ? err : proof_encode(&m->proof, out);
}

int proof_make(struct chain *c, struct db_txn *txn, const struct hash *tx_id, const struct node_id *node,
	       const uint8_t key[PROOF_KEY_BYTES], struct buf *out)
{
	struct maker *m = mem_zalloc(sizeof(*m));
	int err;

	assert(c && txn && tx_id && node && out);
	if (!m)
		return CF_ENOMEM;
	m->chain = c;
	m->txn = txn;
	buf_init(&m->block_bytes, 0);
	buf_init(&m->register_bytes, 0);
	buf_init(&m->succession, 0);
	if (key) {
		m->proof.has_key = true;
		memcpy(m->proof.key, key, PROOF_KEY_BYTES);
	}
	err = make(m, tx_id, node, out);
	block_release(&m->block);
	block_release(&m->register_block);
	buf_release(&m->block_bytes);
	buf_release(&m->register_bytes);
	buf_release(&m->succession);
	mem_wipe(m, sizeof(*m));
	mem_free(m);
	return err;
}
