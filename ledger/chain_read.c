/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_read.c - blocks, transactions, annexes and logs of the committed ledger.
 */
#include "ledger/chain_private.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

int chain_block_info(struct db_txn *txn, uint64_t height, struct chain_block_info *ret_info)
{
	struct chain_height_key key = chain_height_key(height);
	struct view row;
	int err;

	assert(txn && ret_info);
	err = db_get(txn, DB_BLOCK, VIEW(key.b, sizeof(key.b)), &row);
	return err ? err : chain_block_row_decode(row, height, ret_info);
}

/* What the index names must be there. */
static int indexed(int err, const char *what)
{
	return err == CF_ENOTFOUND ? err_set(CF_ECORRUPT, "the block store lacks %s the index names", what)
				   : err;
}

/* Reads and decodes: block points into out, which must stay as it is until block_release. */
static int block_load(struct chain *c, const struct chain_block_info *info, struct buf *out,
		      struct block *ret_block)
{
	size_t start = out->len;
	int err;

	if (info->place.len == 0)
		return CF_ENOTFOUND; /* the genesis */
	err = indexed(segments_read(c->blocks, info->place, out), "a block");
	if (err)
		return err;
	err = block_decode(VIEW(out->data + start, out->len - start), ret_block);
	if (!err && (!hash_equal(&ret_block->hash, &info->hash) || ret_block->tx_count != info->tx_count)) {
		block_release(ret_block);
		err = CF_ECORRUPT;
	}
	if (err) {
		out->len = start;
		if (err != CF_ENOMEM)
			err = err_set(CF_ECORRUPT, "block %llu does not verify",
				      (unsigned long long)info->certificate.height);
	}
	return err;
}

int chain_block_read(struct chain *c, struct db_txn *txn, uint64_t height, struct buf *out)
{
	struct chain_block_info info;
	struct block block;
	int err;

	assert(c && out);
	err = chain_block_info(txn, height, &info);
	if (!err)
		err = block_load(c, &info, out, &block);
	if (!err)
		block_release(&block);
	return err;
}

/* The annexes of the valid transactions; of the others an empty view. */
static int annexes_find(struct db_txn *txn, const struct block *block, const struct chain_block_info *info,
			struct view *ret_annexes)
{
	struct tx *tx = mem_alloc(sizeof(*tx));
	int err = 0;

	if (!tx)
		return CF_ENOMEM;
	for (uint32_t i = 0; !err && i < block->tx_count; i++) {
		ret_annexes[i] = VIEW_NONE;
		if (info->verdicts.data[i] != VERDICT_VALID)
			continue;
		if (tx_decode(block->tx[i], tx) != 0) {
			err = err_set(CF_ECORRUPT, "block %llu holds a malformed transaction",
				      (unsigned long long)block->header.height);
			break;
		}
		err = chain_annex(txn, &tx->id, &ret_annexes[i]);
		if (err == CF_ENOTFOUND)
			err = 0;
	}
	mem_free(tx);
	return err;
}

int chain_block_body(struct chain *c, struct db_txn *txn, uint64_t height, struct buf *out)
{
	struct chain_block_info info;
	struct view *annexes = NULL;
	struct block block = {.tx = NULL};
	struct buf bytes;
	int err;

	assert(c && out);
	buf_init(&bytes, BLOCK_BYTES_MAX);
	err = chain_block_info(txn, height, &info);
	if (!err)
		err = block_load(c, &info, &bytes, &block);
	if (err)
		goto out;
	annexes = mem_array(NULL, block.tx_count, sizeof(*annexes));
	err = annexes ? annexes_find(txn, &block, &info, annexes) : CF_ENOMEM;
	if (!err)
		err = block_body_encode(buf_view(&bytes), annexes, block.tx_count, out);
out:
	mem_free(annexes);
	block_release(&block);
	buf_release(&bytes);
	return err;
}

int chain_tx_info(struct db_txn *txn, const struct hash *id, struct chain_tx_info *ret_info)
{
	struct view row;
	int err;

	assert(txn && id && ret_info);
	err = db_get(txn, DB_TX, VIEW(id->b, HASH_BYTES), &row);
	return err ? err : chain_tx_row_decode(row, ret_info);
}

int chain_tx_read(struct chain *c, struct db_txn *txn, const struct hash *id, struct buf *out)
{
	struct chain_tx_info info;
	size_t start;
	struct hash real;
	int err;

	assert(c && out);
	start = out->len;
	err = chain_tx_info(txn, id, &info);
	if (!err && info.len == 0)
		err = CF_ENOTFOUND; /* only its id is known here */
	if (err)
		return err;
	err = indexed(segments_read_part(c->blocks, info.file, info.offset, info.len, out), "a transaction");
	if (err)
		return err;
	real = sha256(VIEW(out->data + start, out->len - start));
	if (hash_equal(&real, &info.bytes_hash))
		return 0;
	out->len = start;
	return err_set(CF_ECORRUPT, "transaction %u of block %llu does not verify", info.index,
		       (unsigned long long)info.height);
}

int chain_annex(struct db_txn *txn, const struct hash *id, struct view *ret_annex)
{
	assert(txn && id && ret_annex);
	return db_get(txn, DB_ANNEX, VIEW(id->b, HASH_BYTES), ret_annex);
}

static int log_row(struct view key, struct view value, struct version *ret_version, struct hash *ret_id)
{
	struct dec d;

	dec_init(&d, key);
	dec_take(&d, HASH_BYTES);
	ret_version->height = dec_u64(&d);
	ret_version->index = dec_u32(&d);
	if (dec_done(&d) || value.len != HASH_BYTES)
		return err_set(CF_ECORRUPT, "chain: log row is malformed");
	memcpy(ret_id->b, value.data, HASH_BYTES);
	return 0;
}

int chain_log_walk(struct db_txn *txn, const struct hash *who,
		   int (*on_tx)(void *ctx, struct version version, const struct hash *id), void *ctx)
{
	struct db_cursor *c;
	struct view key, value;
	int err;

	assert(txn && who && on_tx);
	err = db_cursor_new(txn, DB_LOG, VIEW(who->b, HASH_BYTES), &c);
	if (err)
		return err;
	err = db_cursor_seek(c, VIEW_NONE, &key, &value);
	while (!err) {
		struct version version;
		struct hash id;

		err = log_row(key, value, &version, &id);
		if (!err)
			err = on_tx(ctx, version, &id);
		if (err)
			goto out;
		err = db_cursor_next(c, &key, &value);
	}
	if (err == CF_ENOTFOUND)
		err = 0; /* the end of the log */
out:
	db_cursor_free(c);
	return err;
}
