/* SPDX-License-Identifier: Apache-2.0 */
/*
 * succession_make.c - a succession from own stores.
 */
#include "acl/rowread.h"
#include "acl/succession.h"
#include "ledger/block.h"
#include "ledger/chain.h"
#include "ledger/history.h"
#include "ledger/mem.h"

#include <assert.h>

int succession_decided(struct chain *c, struct db_txn *txn, uint64_t height, struct members *ret_m)
{
	struct statekey key = statekey_network("members");
	struct history_row row;
	struct buf value;
	struct dec d;
	int err = history_at(txn, statekey_view(&key), height, &row);

	if (err)
		return err;
	if (row.version.height != height)
		return CF_ENOTFOUND;
	buf_init(&value, 0);
	err = history_read(chain_blocks(c), &row, &value);
	if (err == 0) {
		dec_init(&d, buf_view(&value));
		members_decode(&d, ret_m);
		ret_m->epoch = height;
		err = dec_done(&d) ? err_set(CF_ECORRUPT, "the members row of block %llu does not decode",
					     (unsigned long long)height)
				   : 0;
	}
	buf_release(&value);
	return err;
}

static int append_step(struct chain *c, struct db_txn *txn, uint64_t epoch, struct enc *e)
{
	struct members *m = mem_zalloc(sizeof(*m));
	struct chain_block_info info;
	struct buf block, members;
	struct enc inner;
	int err = m ? succession_decided(c, txn, epoch, m) : CF_ENOMEM;

	buf_init(&block, 0);
	buf_init(&members, 0);
	if (err == 0)
		err = chain_block_info(txn, epoch, &info);
	if (err == 0)
		err = chain_block_read(c, txn, epoch, &block);
	if (err == 0) {
		enc_init(&inner, &members);
		members_encode(m, &inner);
		err = enc_done(&inner);
	}
	if (err == 0) {
		enc_fixed(e, block.data, BLOCK_HEADER_BYTES);
		certificate_encode(&info.certificate, e);
		enc_bytes(e, buf_view(&members));
		err = enc_done(e);
	}
	buf_release(&block);
	buf_release(&members);
	mem_free(m);
	return err;
}

/* The epoch that decided the change of this one. */
static int epoch_before(struct chain *c, struct db_txn *txn, uint64_t epoch, uint64_t *ret_before)
{
	struct block_header header;
	struct buf block;
	int err;

	buf_init(&block, 0);
	err = chain_block_read(c, txn, epoch, &block);
	if (err == 0)
		err = block_header_decode(VIEW(block.data, BLOCK_HEADER_BYTES), &header);
	if (err == 0)
		*ret_before = header.epoch;
	buf_release(&block);
	return err;
}

int succession_make(struct chain *c, struct db_txn *txn, uint64_t epoch, struct buf *out)
{
	uint64_t at[SUCCESSION_MAX];
	size_t start = out->len;
	unsigned count = 0;
	struct enc e;
	int err = 0;

	assert(c && txn);
	while (epoch > 0 && err == 0) {
		if (count == SUCCESSION_MAX)
			return err_set(CF_ETOOBIG, "the members have changed more than %d times",
				       SUCCESSION_MAX);
		at[count++] = epoch;
		err = epoch_before(c, txn, epoch, &epoch);
	}
	if (err)
		return err;
	enc_init(&e, out);
	enc_u8(&e, (uint8_t)count);
	while (count > 0 && err == 0)
		err = append_step(c, txn, at[--count], &e);
	if (err == 0)
		err = enc_done(&e);
	if (err)
		out->len = start;
	return err;
}
