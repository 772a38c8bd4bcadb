/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tip.c - the newest block of own stores, before anything is built on it.
 */
#include "net/tip.h"

#include "ledger/state.h"

int tip_check(struct chain *c, struct db_txn *txn, const struct members *m, const struct member_keys *keys)
{
	struct chain_block_info info;
	struct chain_head head;
	struct block block;
	struct hash root, members;
	struct buf bytes;
	int err;

	chain_head(c, &head);
	if (head.height == 0)
		return 0;
	buf_init(&bytes, 0);
	err = chain_block_info(txn, head.height, &info);
	if (!err)
		err = chain_block_read(c, txn, head.height, &bytes);
	if (!err)
		err = block_decode(buf_view(&bytes), &block);
	if (err) {
		buf_release(&bytes);
		return err;
	}
	err = state_root(txn, &root);
	if (!err && (!hash_equal(&root, &block.header.state_root) || !hash_equal(&block.hash, &head.hash)))
		err = err_set(CF_ECORRUPT, "state and block %llu do not belong together",
			      (unsigned long long)head.height);
	if (!err)
		err = members_hash(m, &members);
	/* A block that changed the set was decided by another one. */
	if (!err && hash_equal(&members, &block.header.members))
		err = certificate_verify(&info.certificate, chain_network(c), m, keys);
	block_release(&block);
	buf_release(&bytes);
	return err == CF_ESIG ? err_set(CF_ECORRUPT, "certificate of block %llu does not verify",
					(unsigned long long)head.height)
			      : err;
}
