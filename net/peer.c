/* SPDX-License-Identifier: Apache-2.0 */
/* peer.c - opens what a peer has, in order, and ends it. */
#include "net/peer_private.h"

#include "ledger/log.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

#define MODULE PEER_MODULE

static void on_failed(void *ctx)
{
	atomic_store(&((struct peer *)ctx)->failed, true);
}

static void on_changed(void *ctx)
{
	atomic_store(&((struct peer *)ctx)->changed, true);
}

static void on_lie(void *ctx, struct view evidence)
{
	reporter_on_lie(((struct peer *)ctx)->reporter, evidence);
}

static void on_behind(void *ctx, uint64_t height)
{
	struct peer *p = ctx;

	if (p->taker)
		snapshot_client_behind(p->taker, height);
}

static void fill_status(void *ctx, struct wire_status *ret_status)
{
	peer_status(ctx, ret_status);
}

/* Who has a young ledger makes the other one whole, and takes and gives no state meanwhile. */
static int open_snapshots(struct peer *p)
{
	const struct conf_peer *conf = p->config.conf;
	const struct backfill_config backfill = {.whole = p->whole,
						 .young = p->chain,
						 .mesh = p->mesh,
						 .keeper = p->keeper,
						 .verifier = p->verifier,
						 .identity = p->config.identity,
						 .data_dir = conf->data_dir,
						 .name = conf->name,
						 .rate_kib = conf->backfill_rate_kib,
						 .votes = p->votes_as != PBFT_LEARNER,
						 .on_done = on_changed,
						 .on_failed = on_failed,
						 .ctx = p};
	const struct snapshot_client_config taker = {.chain = p->chain,
						     .mesh = p->mesh,
						     .verifier = p->verifier,
						     .identity = p->config.identity,
						     .genesis = p->config.genesis,
						     .data_dir = conf->data_dir,
						     .name = conf->name,
						     .blocks = conf->snapshot_blocks,
						     .on_ready = on_changed,
						     .ctx = p};
	int err = snapshot_server_new(p->chain, p->mesh, p->verifier, conf->name, &p->snapshots);

	if (!err && p->whole != p->chain)
		return backfill_new(&backfill, &p->backfill);
	if (!err && conf->snapshot_blocks > 0)
		err = snapshot_client_new(&taker, &p->taker);
	return err;
}

static int open_parts(struct peer *p)
{
	const struct conf_peer *conf = p->config.conf;
	const struct identity *id = p->config.identity;
	struct transport_config transport = {.tls = p->config.tls,
					     .ctx = p,
					     .on_recv = peer_on_recv,
					     .on_state = peer_on_state,
					     .on_gone = peer_on_gone};
	struct mesh_config mesh = {.identity = id, .network = *chain_network(p->chain), .self = p->self};
	struct endorser_config endorser = {p->chain, p->apply, NULL, id, conf->name};
	struct sharer_config sharer = {p->chain, NULL, id, conf->name};
	struct witness_config witness = {p->whole, NULL, id, conf->name};
	struct keeper_config keeper = {.chain = p->chain, .blocks = p->whole, .identity = id, .conf = conf};
	struct replica_config replica = {.chain = p->chain,
					 .apply = p->apply,
					 .identity = id,
					 .conf = conf,
					 .self = p->votes_as,
					 .data_dir = conf->data_dir,
					 .name = conf->name,
					 .on_failed = on_failed,
					 .on_changed = on_changed,
					 .on_behind = on_behind,
					 .stranger = p->self == PBFT_LEARNER,
					 .ctx = p};
	struct intake_config intake = {
		.chain = p->chain, .apply = p->apply, .name = conf->name, .ctx = p, .status = fill_status};
	struct courier_config courier = {
		.chain = p->chain, .identity = id, .tls = p->config.tls, .ctx = p, .on_lie = on_lie};
	struct resharer_config resharer = {p->chain, NULL, id, p->config.genesis, conf->name};
	struct reporter_config reporter = {.chain = p->chain,
					   .data_dir = conf->data_dir,
					   .name = conf->name,
					   .self = p->self,
					   .count = p->members.count};
	int err = transport_new(&transport, &p->transport);

	if (err)
		return err;
	mesh.transport = p->transport;
	mesh.members = p->members;
	err = mesh_new(&mesh, &p->mesh);
	if (!err)
		err = verifier_new(&p->verifier);
	keeper.verifier = replica.verifier = intake.verifier = p->verifier;
	keeper.mesh = sharer.mesh = witness.mesh = endorser.mesh = replica.mesh = intake.mesh = p->mesh;
	if (!err)
		err = feed_new(p->chain, p->whole, p->mesh, conf->name, &p->feed);
	if (!err)
		err = keeper_new(&keeper, &p->keeper);
	if (!err && conf->endorse && p->self != PBFT_LEARNER)
		err = endorser_new(&endorser, &p->endorser);
	if (!err)
		err = courier_new(&courier, &p->courier);
	reporter.courier = resharer.courier = p->courier;
	if (!err)
		err = reporter_new(&reporter, &p->reporter);
	replica.reporter = p->reporter;
	err = err ? err : sharer_new(&sharer, p->config.genesis, &p->sharer);
	err = err ? err : witness_new(&witness, &p->witness);
	err = err ? err : resharer_new(&resharer, &p->resharer);
	replica.feed = p->feed;
	replica.keeper = p->whole == p->chain ? p->keeper : NULL;
	replica.endorser = p->endorser;
	if (!err)
		err = open_snapshots(p);
	if (!err)
		err = replica_new(&replica, &p->replica);
	intake.replica = p->replica;
	return err ? err : intake_new(&intake, &p->intake);
}

static const char *listen_url(const char *own, const char *public)
{
	return own[0] ? own : public;
}

static int start_parts(struct peer *p)
{
	const struct conf_peer *conf = p->config.conf;
	static const struct member none;
	const struct member *m = p->self == PBFT_LEARNER ? &none : &p->members.member[p->self];
	int err = feed_start(p->feed);

	if (!err)
		err = keeper_start(p->keeper);
	if (!err && p->endorser)
		err = endorser_start(p->endorser);
	if (!err)
		err = transport_listen(p->transport, TRANSPORT_PEER,
				       listen_url(conf->listen_peer, m->peer_address));
	if (!err)
		err = mesh_dial(p->mesh);
	if (!err)
		err = snapshot_server_start(p->snapshots);
	if (!err)
		err = replica_start(p->replica);
	if (!err && p->taker)
		err = snapshot_client_start(p->taker);
	if (!err && p->backfill)
		err = backfill_start(p->backfill);
	if (!err)
		err = intake_start(p->intake);
	if (!err)
		err = reporter_start(p->reporter);
	if (!err)
		err = resharer_start(p->resharer);
	if (!err)
		err = transport_listen(p->transport, TRANSPORT_GATEWAY,
				       listen_url(conf->listen_client, m->client_address));
	p->public_listener = UINT32_MAX;
	if (!err && conf->listen_public[0]) {
		err = transport_listen(p->transport, TRANSPORT_GATEWAY, conf->listen_public);
		p->public_listener = transport_last_listener(p->transport);
	}
	atomic_store(&p->open, true);
	return err;
}

int peer_start(const struct peer_config *config, struct peer **ret_peer)
{
	struct peer *p = mem_zalloc(sizeof(*p));
	struct chain_head head;
	int err;

	assert(config && config->conf && config->identity && ret_peer);
	if (!p)
		return CF_ENOMEM;
	p->config = *config;
	if (!config->identity->endorse)
		err = err_set(CF_EFOREIGN, "%s is not in consortium: no peer's identity",
			      config->identity->info.name);
	else
		err = peer_open_stores(p);
	if (!err)
		p->votes_as = peer_voting_index(p);
	if (!err)
		err = open_parts(p);
	if (!err)
		err = start_parts(p);
	if (err) {
		peer_stop(p);
		return err;
	}
	chain_head(p->chain, &head);
	if (p->self == PBFT_LEARNER)
		log_info(MODULE, "%s: no member yet, height %llu -> follows the %u there are",
			 config->conf->name, (unsigned long long)head.height, p->members.count);
	else
		log_info(MODULE, "%s: member %u of %u, height %llu -> listens", config->conf->name, p->self,
			 p->members.count, (unsigned long long)head.height);
	*ret_peer = p;
	return 0;
}

void peer_stop(struct peer *p)
{
	if (!p)
		return;
	/* First no frame comes in, then each thread ends; what they still send goes nowhere. */
	transport_free(p->transport);
	if (p->taker)
		snapshot_client_stop(p->taker);
	if (p->backfill)
		backfill_stop(p->backfill);
	if (p->snapshots)
		snapshot_server_stop(p->snapshots);
	if (p->intake)
		intake_stop(p->intake);
	if (p->replica)
		replica_stop(p->replica);
	if (p->reporter)
		reporter_stop(p->reporter);
	resharer_stop(p->resharer);
	courier_stop(p->courier);
	if (p->endorser)
		endorser_stop(p->endorser);
	if (p->keeper)
		keeper_stop(p->keeper);
	if (p->feed)
		feed_stop(p->feed);
	intake_free(p->intake);
	replica_free(p->replica);
	snapshot_client_free(p->taker);
	backfill_free(p->backfill);
	snapshot_server_free(p->snapshots);
	courier_free(p->courier);
	reporter_free(p->reporter);
	resharer_free(p->resharer);
	endorser_free(p->endorser);
	sharer_free(p->sharer);
	witness_free(p->witness);
	keeper_free(p->keeper);
	feed_free(p->feed);
	mesh_free(p->mesh);
	verifier_free(p->verifier);
	peer_close_stores(p);
	mem_free(p);
}

bool peer_changed(const struct peer *p)
{
	return atomic_load(&p->changed);
}

bool peer_failed(const struct peer *p)
{
	return atomic_load(&p->failed);
}

void peer_status(struct peer *p, struct wire_status *ret_status)
{
	replica_status(p->replica, ret_status);
	ret_status->by = p->config.identity->id;
	keeper_counts(p->keeper, ret_status);
}
