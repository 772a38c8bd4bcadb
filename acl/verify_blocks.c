/* SPDX-License-Identifier: Apache-2.0 */
/* verify_blocks.c - the chain by itself: links, certificates, and the roots over transactions and verdicts.
 */
#include "acl/verify_private.h"

#include "acl/genesis.h"
#include "acl/succession.h"
#include "ledger/mem.h"

#include <inttypes.h>
#include <string.h>

struct walk {
	struct verify *v;
	struct chain *chain;
	struct db_txn *txn;
	struct members members;
	struct member_keys keys;
	struct hash members_hash;
	struct hash prev;
	uint64_t prev_time_ms;
	struct tx *tx;
};

/* Whatever is wrong with stored bytes is a problem to be told; own trouble ends the walk. */
static bool is_problem(int err)
{
	return err == CF_ECORRUPT || err == CF_EDECODE || err == CF_ESIG || err == CF_EINVAL ||
	       err == CF_ENOTFOUND || err == CF_ETOOBIG || err == CF_EVERSION;
}

static void tell(struct walk *w, uint64_t height, const char *what, int err)
{
	verify_problem(w->v, "block %" PRIu64 ": %s: %s", height, what,
		       err_detail()[0] ? err_detail() : err_text(err));
}

static void check_header(struct walk *w, uint64_t height, const struct block *b)
{
	const struct block_header *h = &b->header;

	if (h->height != height)
		verify_problem(w->v, "block %" PRIu64 ": its header says height %" PRIu64, height, h->height);
	if (!hash_equal(&h->network, chain_network(w->chain)))
		verify_problem(w->v, "block %" PRIu64 ": of another network", height);
	if (!hash_equal(&h->prev, &w->prev))
		verify_problem(w->v, "block %" PRIu64 ": does not follow the block before it", height);
	if (h->time_ms < w->prev_time_ms)
		verify_problem(w->v, "block %" PRIu64 ": older than the block before it", height);
	if (!hash_equal(&h->members, &w->members_hash))
		verify_problem(w->v, "block %" PRIu64 ": decided by members that are not the network's",
			       height);
}

static void check_certificate(struct walk *w, uint64_t height, const struct block *b,
			      const struct chain_block_info *info)
{
	const struct certificate *c = &info->certificate;
	int err;

	if (c->height != height || !hash_equal(&c->digest, &b->hash)) {
		verify_problem(w->v, "block %" PRIu64 ": its certificate is of another block", height);
		return;
	}
	err_clear();
	err = certificate_verify(c, chain_network(w->chain), &w->members, &w->keys);
	if (err)
		tell(w, height, "certificate", err);
}

/* Who decides from the next block on: what the certified header names, as the stores have it. */
static int follow_members(struct walk *w, uint64_t height, const struct block *b)
{
	struct members next;
	struct hash hash;
	int err;

	if (hash_equal(&b->header.next_members, &w->members_hash))
		return 0;
	err_clear();
	err = succession_decided(w->chain, w->txn, height, &next);
	if (!err)
		err = members_hash(&next, &hash);
	if (!err && !hash_equal(&hash, &b->header.next_members))
		err = CF_ECORRUPT;
	if (err) {
		tell(w, height, "the members it decides are not those of the stores", err);
		return is_problem(err) ? 0 : err;
	}
	member_keys_release(&w->keys);
	memset(&w->keys, 0, sizeof(w->keys));
	w->members = next;
	w->members_hash = hash;
	return member_keys_init(&w->keys, &w->members);
}

static int check_txs(struct walk *w, uint64_t height, const struct block *b,
		     const struct chain_block_info *info)
{
	struct hash *ids = mem_array(NULL, b->tx_count + 1, sizeof(*ids));
	struct hash root;
	int err = ids ? 0 : CF_ENOMEM;

	for (uint32_t i = 0; i < b->tx_count && !err; i++) {
		err = tx_decode(b->tx[i], w->tx);
		if (err) {
			verify_problem(w->v, "block %" PRIu64 ", transaction %" PRIu32 ": %s", height, i,
				       err_text(err));
			err = 0;
			goto out;
		}
		ids[i] = w->tx->id;
	}
	if (!err)
		err = block_tx_root(ids, b->tx_count, &root);
	if (!err && !hash_equal(&root, &b->header.tx_root))
		verify_problem(w->v, "block %" PRIu64 ": the transactions are not those of its header",
			       height);
	if (!err && info->verdicts.len != b->tx_count)
		verify_problem(w->v, "block %" PRIu64 ": %zu verdicts for %" PRIu32 " transactions", height,
			       info->verdicts.len, b->tx_count);
	else if (!err)
		err = block_verdict_root(ids, info->verdicts.data, b->tx_count, &root);
	if (!err && !hash_equal(&root, &b->header.verdict_root))
		verify_problem(w->v, "block %" PRIu64 ": the verdicts are not those of its header", height);
out:
	mem_free(ids);
	return err;
}

/* CF_ENOTFOUND: there is no such block. */
static int check_block(struct walk *w, uint64_t height)
{
	struct chain_block_info info;
	struct block block = {.tx = NULL};
	struct buf bytes;
	int err;

	err_clear();
	err = chain_block_info(w->txn, height, &info);
	if (err == CF_ENOTFOUND)
		return err;
	if (err) {
		tell(w, height, "index", err);
		return is_problem(err) ? 0 : err;
	}
	w->v->result.height = height;
	w->v->result.head = info.hash;
	buf_init(&bytes, 0);
	err = chain_block_read(w->chain, w->txn, height, &bytes);
	if (!err)
		err = block_decode(buf_view(&bytes), &block);
	if (err) {
		tell(w, height, "block store", err);
		w->prev = info.hash;
		w->prev_time_ms = info.time_ms;
		err = is_problem(err) ? 0 : err;
		goto out;
	}
	check_header(w, height, &block);
	check_certificate(w, height, &block, &info);
	err = check_txs(w, height, &block, &info);
	w->v->result.transactions += block.tx_count;
	w->prev = block.hash;
	w->prev_time_ms = block.header.time_ms;
	if (!err)
		err = follow_members(w, height, &block);
out:
	block_release(&block);
	buf_release(&bytes);
	return err;
}

/* From the genesis file: whoever could write the stores could write other members into them as well. */
static int read_members(struct walk *w)
{
	struct genesis *g = mem_alloc(sizeof(*g));
	struct buf bytes;
	int err = g ? 0 : CF_ENOMEM;

	buf_init(&bytes, 0);
	if (!err)
		err = chain_genesis(w->chain, &bytes);
	if (!err)
		err = genesis_decode(buf_view(&bytes), g);
	if (!err)
		w->members = g->members;
	buf_release(&bytes);
	mem_free(g);
	return err;
}

int verify_run_blocks(struct verify *v, struct chain *c, struct db_txn *txn)
{
	struct walk *w = mem_zalloc(sizeof(*w));
	struct chain_head head;
	int err;

	if (!w)
		return CF_ENOMEM;
	w->v = v;
	w->chain = c;
	w->txn = txn;
	w->prev = *chain_network(c);
	w->tx = mem_alloc(sizeof(*w->tx));
	err = w->tx ? read_members(w) : CF_ENOMEM;
	if (err && w->tx)
		verify_problem(v, "members: %s", err_detail()[0] ? err_detail() : err_text(err));
	if (!err)
		err = member_keys_init(&w->keys, &w->members);
	if (!err)
		err = members_hash(&w->members, &w->members_hash);
	chain_head(c, &head);
	for (uint64_t height = 1; !err; height++) {
		err = check_block(w, height);
		if (err == CF_ENOTFOUND && height <= head.height) {
			verify_problem(v, "block %" PRIu64 ": not in the index", height);
			err = 0;
		}
	}
	if (err == CF_ENOTFOUND)
		err = 0;
	member_keys_release(&w->keys);
	mem_free(w->tx);
	mem_free(w);
	return err;
}
