/* SPDX-License-Identifier: Apache-2.0 */
/* client_open.c - puts the parts of a client together, and begins with a snapshot where that is due. */
#include "net/client_private.h"

#include "ledger/file.h"
#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/client_snapshot.h"
#include "net/ticks.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#define LOG_MODULE "client"
#define BLOB_CACHE_BYTES ((size_t)1 << 30)
#define FILL_RATE_KIB 8192

/* The number of the identity's organization among those of the genesis; 0: none of them. */
static uint16_t own_org(const struct genesis *g, const struct identity *identity)
{
	for (unsigned i = 0; i < g->org_count; i++) {
		if (strcmp(g->org[i].name, identity->info.org) == 0)
			return g->org[i].number;
	}
	return 0;
}

static int make_links(struct client *c, const struct client_config *config, uint16_t org)
{
	const struct links_config lc = {.gateways = config->gateways,
					.tls = config->tls,
					.network = c->network,
					.identity = config->identity,
					.ctx = c,
					.on_frame = client_on_frame,
					.on_up = client_on_up};
	int err = heard_new(&c->heard);

	if (!err)
		err = links_new(&lc, &c->links);
	return err ? err : past_ask_new(c->links, org, &c->ask);
}

/* Dials the set that the own stores name. */
static int connect_members(struct client *c)
{
	struct db_txn *txn;
	int err = chain_read_begin(c->store.chain, &txn);

	if (err)
		return err;
	err = links_set_members_of(c->links, txn);
	db_abort(txn);
	return err;
}

/* Nobody uses the stores yet: they may become others. */
static int begin_with_state(struct client *c, const struct client_config *config, const struct genesis *g)
{
	char dir[FILE_PATH_MAX];
	struct client_snapshot s = {.ask = c->ask,
				    .genesis = config->genesis,
				    .dir = dir,
				    .blocks = config->snapshot_blocks,
				    .faults = members_faults(g->members.count)};
	struct chain_head head;
	int err = file_path(config->data_dir, CLIENT_SNAPSHOT_DIR, dir);

	chain_head(c->store.chain, &head);
	s.own_height = head.height;
	if (!err)
		err = client_snapshot_take(&s);
	if (!err)
		err = client_store_replace(&c->store, dir, config->genesis, g);
	return err == CF_ENOTFOUND ? 0 : err;
}

static int make_parts(struct client *c, const struct client_config *config, uint16_t org)
{
	struct trace_ask_config tc = {NULL, config->identity, c->network, c, client_commit};
	struct follower_config fc = {
		.chain = c->store.chain,
		.org = org,
		.genesis = config->genesis,
		.fill_rate_kib = config->backfill_rate_kib ? config->backfill_rate_kib : FILL_RATE_KIB,
		.observer = {.ctx = c, .on_tx = client_on_tx, .on_block = client_on_block},
		.on_applied = client_on_applied,
		.on_damaged = client_on_damaged};
	struct submit_config sc = {.network = c->network,
				   .identity = config->identity,
				   .ctx = c,
				   .height = client_own_height,
				   .put_again = client_put_again,
				   .on_lie = client_on_lie};
	int err = keyring_new(config->identity, &c->network, &c->keyring);

	if (!err)
		err = blob_upload_new(c->links, c->store.blobs, &c->upload);
	if (!err)
		err = blob_download_new(c->links, c->store.blobs, org, &c->download);
	fc.links = sc.links = tc.links = c->links;
	err = err ? err : trace_ask_new(&tc, &c->trace);
	if (!err)
		keyring_set_trace(c->keyring, trace_ask_get, c->trace);
	fc.heard = sc.heard = c->heard;
	if (!err)
		err = follower_new(&fc, &c->follower);
	if (!err)
		err = submit_new(&sc, &c->submitter);
	return err;
}

/* Told at once, instead of a network that never answers: a stranger, an expired certificate. */
static int check_own_chain(const struct genesis *g, const struct identity *id)
{
	struct view chain[CERT_CHAIN_MAX];
	int err;

	for (size_t i = 0; i < id->chain_count; i++)
		chain[i] = buf_view(&id->chain[i]);
	err = cert_check_chain(chain[0], chain + 1, id->chain_count - 1, g->root_cert, VIEW_NONE,
			       ticks_wall_ms());
	if (err == CF_EFOREIGN)
		return err_set(err, "%s@%s: not in consortium: %s", id->info.name, id->info.org,
			       strdupa(err_detail()));
	return err;
}

int client_open(const struct client_config *config, struct client **ret_c)
{
	struct genesis *g = mem_zalloc(sizeof(*g));
	struct client *c = mem_zalloc(sizeof(*c));
	int err = g && c ? 0 : CF_ENOMEM;

	assert(config && config->data_dir && config->identity && ret_c);
	if (!err)
		err = genesis_decode(config->genesis, g);
	if (!err)
		err = check_own_chain(g, config->identity);
	if (err)
		goto out;
	pthread_mutex_init(&c->past_lock, NULL);
	c->genesis = config->genesis;
	c->network = genesis_network(config->genesis);
	c->identity = config->identity;
	if (config->observer)
		c->observer = *config->observer;
	err = client_store_open(config->data_dir, config->genesis, g,
				config->blob_cache_bytes ? config->blob_cache_bytes : BLOB_CACHE_BYTES,
				&c->store);
	if (!err)
		err = make_links(c, config, own_org(g, config->identity));
	if (!err)
		err = connect_members(c);
	if (!err && config->snapshot_blocks)
		err = begin_with_state(c, config, g);
	if (!err)
		err = make_parts(c, config, own_org(g, config->identity));
	if (!err)
		err = connect_members(c);
	atomic_store(&c->ready, !err); /* frames may come */
	if (!err)
		err = follower_start(c->follower);
out:
	mem_free(g);
	if (err) {
		client_close(c);
		return err;
	}
	*ret_c = c;
	return 0;
}

void client_close(struct client *c)
{
	if (!c)
		return;
	if (c->follower)
		follower_stop(c->follower);
	if (c->submitter)
		submit_stop(c->submitter);
	if (c->ask)
		past_ask_stop(c->ask);
	links_free(c->links); /* from here on nobody calls in */
	submit_free(c->submitter);
	follower_free(c->follower);
	blob_upload_free(c->upload);
	blob_download_free(c->download);
	past_ask_free(c->ask);
	past_free(c->past);
	heard_free(c->heard);
	keyring_free(c->keyring);
	trace_ask_free(c->trace);
	client_store_close(&c->store);
	mem_free(c);
}
