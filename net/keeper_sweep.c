/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_sweep.c - what the ledger says of the blobs that are needed, for the sweep.
 */
#include "net/keeper_private.h"

#include "acl/contract.h"
#include "acl/derive.h"
#include "net/ticks.h"

/* By the ledger that is whole as far as it goes: a young one has no derived rows of before. */
static int head_time(void *ctx, uint64_t *ret_ms)
{
	struct keeper *k = ctx;
	struct chain_head head;

	chain_head(k->config.blocks, &head);
	*ret_ms = head.time_ms;
	return 0;
}

static int named(void *ctx, struct buf *from, unsigned most,
		 int (*on_root)(void *arg, const struct hash *root, uint8_t level), void *arg)
{
	struct keeper *k = ctx;
	struct db_txn *txn = NULL;
	int err = chain_read_begin(k->config.blocks, &txn);

	if (!err)
		err = derived_blobs(txn, from, most, on_root, arg);
	db_abort(txn);
	return err;
}

static void on_bad(void *ctx, const struct hash *address)
{
	(void)keeper_on_bad(ctx, address);
}

static void on_removed(void *ctx, uint64_t blobs, uint64_t bytes)
{
	struct keeper *k = ctx;

	(void)bytes;
	atomic_fetch_sub(&k->blobs, blobs);
	hashset_clear(k->known);
}

int keeper_sweep_new(struct keeper *k)
{
	const struct sweep_config config = {
		.store = k->store,
		.age_ms = (uint64_t)k->config.conf->unnamed_age_s * 1000,
		.bytes_per_s = (uint64_t)k->config.conf->scrub_rate_kib << 10,
		.ctx = k,
		.time = head_time,
		.named = named,
		.on_bad = on_bad,
		.on_removed = on_removed,
	};

	return sweep_new(&config, &k->sweep);
}

int keeper_promise(struct keeper *k, const struct wire_hold *hold)
{
	struct db_txn *txn = NULL;
	struct policy_row policy;
	uint64_t now = ticks_wall_ms();
	int err = chain_read_begin(k->config.chain, &txn);

	if (!err)
		err = state_policy(txn, &policy);
	db_abort(txn);
	if (!err && hold->time_ms > now + policy.time_window_ms)
		err = err_set(CF_EINVAL, "the time of the proposal is ahead of this peer's clock");
	for (unsigned i = 0; i < hold->count && !err; i++) {
		sweep_keep_tree(k->sweep, &hold->blob[i].root);
		err = blob_touch(k->store, &hold->blob[i].root, hold->time_ms + policy.time_window_ms);
		k->dirty = true;
	}
	return err;
}
