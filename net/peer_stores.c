/* SPDX-License-Identifier: Apache-2.0 */
/* peer_stores.c - the ledgers of a peer, and who it is by what they say. */
#include "net/peer_private.h"

#include "ledger/file.h"
#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/ticks.h"
#include "net/tip.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Finds this identity among the members: by its name and its key. Others follow, if they may. */
static int find_self(struct peer *p)
{
	const struct identity *id = p->config.identity;
	int at = members_find(&p->members, &id->id);

	p->self = PBFT_LEARNER;
	if (at >= 0 && memcmp(p->members.member[at].sign_point, id->info.sign_point, POINT_BYTES) == 0)
		p->self = (uint8_t)at;
	if (p->self != PBFT_LEARNER || (p->config.conf->listen_peer[0] && p->config.conf->listen_client[0]))
		return 0;
	return err_set(CF_EFOREIGN,
		       "%s of %s is not in consortium: no member of this network ([listen]: to follow it)",
		       id->info.name, id->info.org);
}

/* The keys that the members' row has. */
static void choose_keys(struct peer *p)
{
	const struct identity *next = p->config.next_identity;
	int at = next ? members_find(&p->members, &next->id) : -1;

	if (at < 0 || memcmp(p->members.member[at].sign_point, next->info.sign_point, POINT_BYTES) != 0)
		return;
	p->config.identity = next;
	if (p->config.tls)
		p->config.tls = p->config.next_tls;
	log_info(PEER_MODULE, "%s: the ledger has its next keys -> uses them", p->config.conf->name);
}

static int check_certificate(const struct peer *p, const struct genesis *g)
{
	const struct identity *id = p->config.identity;
	struct view chain[CERT_CHAIN_MAX];

	if (id->chain_count == 0)
		return err_set(CF_EFOREIGN, "no certificate");
	for (size_t i = 1; i < id->chain_count; i++)
		chain[i - 1] = buf_view(&id->chain[i]);
	return cert_check_chain(buf_view(&id->chain[0]), chain, id->chain_count - 1, g->root_cert, VIEW_NONE,
				ticks_wall_ms());
}

static void on_tx(void *ctx, uint64_t height, uint32_t index, const struct tx *tx, uint8_t verdict,
		  const struct rwset *rwset)
{
	struct peer *p = ctx;

	(void)rwset;
	if (verdict == VERDICT_VALID) {
		keeper_committed(p->keeper, tx);
		resharer_committed(p->resharer, tx);
	}
	courier_on_tx(p->courier, &tx->id, height, index, verdict);
}

static void on_block(void *ctx, const struct block *block)
{
	(void)block;
	courier_on_block(((struct peer *)ctx)->courier);
}

/* A ledger that began with a state: that it was renamed to this says that it is complete. */
static int open_young(struct peer *p, const char *dir)
{
	struct chain *young = NULL;
	int err = chain_open(dir, p->config.genesis, 0, &young);

	if (!err)
		err = backfill_finish(p->whole, young);
	if (err == CF_EAGAIN) {
		p->chain = young;
		return 0;
	}
	chain_close(young);
	return err;
}

/* Whole again: the young one is done with. Renamed first, so that no half of it is ever taken for one. */
static int remove_young(struct peer *p, const char *dir)
{
	char old[FILE_PATH_MAX];
	int err = file_path(p->config.conf->data_dir, SNAPSHOT_DIR_OLD, old);

	log_info(PEER_MODULE, "%s: the ledger is whole -> votes by it", p->config.conf->name);
	if (!err && rename(dir, old) != 0)
		err = err_set(err_from_errno(errno), "rename %s: %s", dir, strerror(errno));
	if (!err)
		err = file_dir_sync(p->config.conf->data_dir);
	return err ? err : file_remove_tree(old);
}

static int remove_left(struct peer *p, const char *name)
{
	char path[FILE_PATH_MAX];
	int err = file_path(p->config.conf->data_dir, name, path);

	return err ? err : file_remove_tree(path);
}

static int open_chains(struct peer *p, const struct genesis *g)
{
	const char *data = p->config.conf->data_dir;
	char path[FILE_PATH_MAX];
	int err = file_dir_make(data);

	if (!err)
		err = remove_left(p, SNAPSHOT_DIR_NEW);
	if (!err)
		err = remove_left(p, SNAPSHOT_DIR_OLD);
	if (!err)
		err = file_path(data, "chain", path);
	if (!err)
		err = chain_open(path, p->config.genesis, 0, &p->whole);
	if (!err)
		err = genesis_apply(p->whole, g);
	if (!err)
		err = file_path(data, SNAPSHOT_DIR, path);
	if (!err && file_exists(path)) {
		err = open_young(p, path);
		if (!err && !p->chain)
			err = remove_young(p, path);
	}
	if (!err && !p->chain)
		p->chain = p->whole;
	return err;
}

int peer_open_stores(struct peer *p)
{
	const struct apply_observer observer = {.ctx = p, .on_tx = on_tx, .on_block = on_block};
	struct genesis *g = mem_zalloc(sizeof(*g));
	struct db_txn *txn = NULL;
	int err = g ? genesis_decode(p->config.genesis, g) : CF_ENOMEM;

	if (!err)
		err = open_chains(p, g);
	if (!err)
		err = apply_new(p->chain, false, &observer, &p->apply);
	if (!err) {
		p->members = *apply_members(p->apply);
		choose_keys(p);
		err = check_certificate(p, g);
	}
	mem_free(g);
	if (!err)
		err = find_self(p);
	if (!err)
		err = chain_read_begin(p->chain, &txn);
	if (!err)
		err = tip_check(p->chain, txn, &p->members, apply_member_keys(p->apply));
	db_abort(txn);
	return err;
}

void peer_close_stores(struct peer *p)
{
	apply_free(p->apply);
	if (p->whole != p->chain)
		chain_close(p->whole);
	chain_close(p->chain);
}

/*
 * May it vote? Not when there are blocks and no vote log: what it signed before is unknown, and it could sign
 * something else now (CORRECTNESS 1.5, amnesia). It follows, until it is admitted anew with another key.
 */
uint8_t peer_voting_index(const struct peer *p)
{
	char path[FILE_PATH_MAX];
	struct chain_head head;

	if (!p->config.conf->order || p->self == PBFT_LEARNER ||
	    replica_has_forgotten(p->config.conf->data_dir))
		return PBFT_LEARNER;
	chain_head(p->chain, &head);
	if (head.height > 0 && (file_path(p->config.conf->data_dir, "votes", path) || !file_exists(path))) {
		log_error(PEER_MODULE, "there are blocks and no vote log -> follows without voting");
		return PBFT_LEARNER;
	}
	return p->self;
}
