/* SPDX-License-Identifier: Apache-2.0 */
/* peer.c - opens what a peer has, in order, and ends it. */
#include "net/peer_private.h"

#include "ledger/file.h"
#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/ticks.h"
#include "net/tip.h"
#include "net/verifier.h"

#include <assert.h>
#include <string.h>

#define MODULE "peer"

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
	log_info(MODULE, "%s: the ledger has its next keys -> uses them", p->config.conf->name);
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

static int open_chain(struct peer *p)
{
	const struct apply_observer observer = {.ctx = p, .on_tx = on_tx, .on_block = on_block};
	struct genesis *g = mem_zalloc(sizeof(*g));
	struct db_txn *txn = NULL;
	char path[FILE_PATH_MAX];
	int err = g ? genesis_decode(p->config.genesis, g) : CF_ENOMEM;

	if (!err)
		err = file_dir_make(p->config.conf->data_dir);
	if (!err)
		err = file_path(p->config.conf->data_dir, "chain", path);
	if (!err)
		err = chain_open(path, p->config.genesis, 0, &p->chain);
	if (!err)
		err = genesis_apply(p->chain, g);
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

static void fill_status(void *ctx, struct wire_status *ret_status)
{
	peer_status(ctx, ret_status);
}

/*
 * May it vote? Not when there are blocks and no vote log: what it signed before is unknown, and it could sign
 * something else now (CORRECTNESS 1.5, amnesia). It follows, until it is admitted anew with another key.
 */
static uint8_t voting_index(const struct peer *p)
{
	char path[FILE_PATH_MAX];
	struct chain_head head;

	if (!p->config.conf->order || p->self == PBFT_LEARNER ||
	    replica_has_forgotten(p->config.conf->data_dir))
		return PBFT_LEARNER;
	chain_head(p->chain, &head);
	if (head.height > 0 && (file_path(p->config.conf->data_dir, "votes", path) || !file_exists(path))) {
		log_error(MODULE, "there are blocks and no vote log -> follows without voting");
		return PBFT_LEARNER;
	}
	return p->self;
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
	struct witness_config witness = {p->chain, NULL, id, conf->name};
	struct keeper_config keeper = {.chain = p->chain, .identity = id, .conf = conf};
	struct replica_config replica = {.chain = p->chain,
					 .apply = p->apply,
					 .identity = id,
					 .conf = conf,
					 .self = voting_index(p),
					 .data_dir = conf->data_dir,
					 .name = conf->name,
					 .on_failed = on_failed,
					 .on_changed = on_changed,
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
	keeper.verifier = replica.verifier = p->verifier;
	keeper.mesh = sharer.mesh = witness.mesh = endorser.mesh = replica.mesh = intake.mesh = p->mesh;
	if (!err)
		err = feed_new(p->chain, p->mesh, conf->name, &p->feed);
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
	replica.keeper = p->keeper;
	replica.endorser = p->endorser;
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
		err = replica_start(p->replica);
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
		err = open_chain(p);
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
	apply_free(p->apply);
	chain_close(p->chain);
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
