/* SPDX-License-Identifier: Apache-2.0 */
/* client.c - puts the parts of a client together and gives each incoming frame to its part. */
#include "net/client.h"

#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/blob_download.h"
#include "net/blob_upload.h"
#include "net/client_evidence.h"
#include "net/client_store.h"
#include "net/follower.h"
#include "net/submit.h"
#include "net/ticks.h"
#include "net/trace_ask.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#define LOG_MODULE "client"
#define BLOB_CACHE_BYTES ((size_t)1 << 30)
#define PUT_AGAIN_MS 1000 /* for fetching a blob that left the own cache */

struct client {
	struct hash network;
	const struct identity *identity;
	struct client_observer observer;
	struct client_store store;
	struct keyring *keyring;
	struct trace_ask *trace;
	struct links *links;
	struct heard *heard;
	struct follower *follower;
	struct submitter *submitter;
	struct blob_upload *upload;
	struct blob_download *download;
	atomic_bool telling; /* one piece of evidence at a time */
};

/* --- what comes in --- */

static void on_refused(struct client *c, const struct roster *r, unsigned member, const struct wire_frame *f)
{
	struct wire_refused m;

	if (wire_refused_decode(f->payload, &m))
		return;
	follower_on_refused(c->follower, member, f->request);
	blob_upload_answered(c->upload, member, f->request);
	blob_download_on_refused(c->download, member, f->request);
	submit_on_refused(c->submitter, r, member, &m);
	trace_ask_on_refused(c->trace, &r->members.member[member].id, f->request, &m);
}

static void on_settled(struct client *c, unsigned member, const struct wire_frame *f)
{
	struct wire_settled m;

	/* Told, not shown: the block itself settles the job. */
	if (wire_settled_decode(f->payload, &m))
		return;
	heard_height(c->heard, member, m.height);
	follower_kick(c->follower);
}

static void on_status(struct client *c, unsigned member, const struct wire_frame *f)
{
	struct wire_status m;

	if (wire_status_decode(f->payload, &m) == 0)
		heard_status(c->heard, member, f->request, &m);
}

static void on_frame(void *ctx, const struct roster *r, unsigned member, const struct wire_frame *f)
{
	struct client *c = ctx;

	switch (f->kind) {
	case WIRE_BLOCK:
		follower_on_block(c->follower, member, f->payload);
		break;
	case WIRE_ENDORSED:
		submit_on_endorsed(c->submitter, r, member, f->payload);
		break;
	case WIRE_RECEIPT:
		submit_on_receipt(c->submitter, r, member, f->request, f->payload);
		break;
	case WIRE_PUT_OK:
		blob_upload_answered(c->upload, member, f->request);
		break;
	case WIRE_BLOB:
		blob_download_on_blob(c->download, member, f->payload);
		break;
	case WIRE_STATUS:
		on_status(c, member, f);
		break;
	case WIRE_SHARE:
		trace_ask_on_share(c->trace, &r->members.member[member].id, f->request, f->payload);
		break;
	case WIRE_REFUSED:
		on_refused(c, r, member, f);
		break;
	case WIRE_SETTLED:
		on_settled(c, member, f);
		break;
	default:
		log_debug(LOG_MODULE, "peer %u sends a %s, which is not for clients -> dropped", member,
			  wire_kind_name(f->kind));
	}
}

static void on_up(void *ctx, unsigned member)
{
	struct client *c = ctx;

	(void)member;
	follower_kick(c->follower);
}

/* --- what the own stores take in --- */

static void on_tx(void *ctx, uint64_t height, uint32_t index, const struct tx *tx, uint8_t verdict,
		  const struct rwset *rwset)
{
	struct client *c = ctx;

	if (c->observer.on_tx)
		c->observer.on_tx(c->observer.ctx, height, index, tx, verdict, rwset);
	submit_on_tx(c->submitter, &tx->id, height, index, verdict);
}

static void on_block(void *ctx, const struct block *block)
{
	struct client *c = ctx;

	if (c->observer.on_block)
		c->observer.on_block(c->observer.ctx, block);
}

static void on_applied(void *ctx)
{
	submit_on_block(((struct client *)ctx)->submitter);
}

static void on_damaged(void *ctx)
{
	client_store_damaged(&((struct client *)ctx)->store);
}

static uint64_t own_height(void *ctx)
{
	return follower_height(((struct client *)ctx)->follower);
}

static int put_again(void *ctx, unsigned member, const struct hash *address)
{
	struct client *c = ctx;
	struct buf bytes;
	int err;

	buf_init(&bytes, BLOB_BYTES_MAX);
	err = blob_download_get(c->download, address, &bytes, PUT_AGAIN_MS);
	if (!err &&
	    !links_send(c->links, 1u << member, WIRE_PUT, links_next_request(c->links), buf_view(&bytes)))
		err = CF_ENETWORK;
	buf_release(&bytes);
	return err;
}

static void on_lie(void *ctx, struct view evidence)
{
	struct client *c = ctx;

	client_evidence(c, &c->telling, evidence);
}

/* --- open and close --- */

/* The number of the identity's organization among those of the genesis; 0: none of them. */
static uint16_t own_org(const struct genesis *g, const struct identity *identity)
{
	for (unsigned i = 0; i < g->org_count; i++) {
		if (strcmp(g->org[i].name, identity->info.org) == 0)
			return g->org[i].number;
	}
	return 0;
}

static int make_parts(struct client *c, const struct client_config *config, uint16_t org)
{
	struct trace_ask_config tc = {NULL, config->identity, c->network, c, client_commit};
	const struct links_config lc = {.gateways = config->gateways,
					.tls = config->tls,
					.network = c->network,
					.identity = config->identity,
					.ctx = c,
					.on_frame = on_frame,
					.on_up = on_up};
	struct follower_config fc = {.chain = c->store.chain,
				     .org = org,
				     .observer = {.ctx = c, .on_tx = on_tx, .on_block = on_block},
				     .on_applied = on_applied,
				     .on_damaged = on_damaged};
	struct submit_config sc = {.network = c->network,
				   .identity = config->identity,
				   .ctx = c,
				   .height = own_height,
				   .put_again = put_again,
				   .on_lie = on_lie};
	int err = keyring_new(config->identity, &c->network, &c->keyring);

	if (!err)
		err = heard_new(&c->heard);
	if (!err)
		err = links_new(&lc, &c->links);
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

/* All parts are there: frames may come. */
static int connect_members(struct client *c)
{
	struct db_txn *txn;
	int err = chain_read_begin(c->store.chain, &txn);

	if (err)
		return err;
	err = links_set_members_of(c->links, txn);
	db_abort(txn);
	return err ? err : follower_start(c->follower);
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
	c->network = genesis_network(config->genesis);
	c->identity = config->identity;
	if (config->observer)
		c->observer = *config->observer;
	err = client_store_open(config->data_dir, config->genesis, g,
				config->blob_cache_bytes ? config->blob_cache_bytes : BLOB_CACHE_BYTES,
				&c->store);
	if (!err)
		err = make_parts(c, config, own_org(g, config->identity));
	if (!err)
		err = connect_members(c);
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
	links_free(c->links); /* from here on nobody calls in */
	submit_free(c->submitter);
	follower_free(c->follower);
	blob_upload_free(c->upload);
	blob_download_free(c->download);
	heard_free(c->heard);
	keyring_free(c->keyring);
	trace_ask_free(c->trace);
	client_store_close(&c->store);
	mem_free(c);
}

/* --- without keys --- */

bool client_busy(struct client *c)
{
	return submit_count(c->submitter) > 0;
}

void client_lock(struct client *c)
{
	links_close(c->links);
	trace_ask_forget(c->trace);
	keyring_forget(c->keyring, NULL);
}

int client_unlock(struct client *c)
{
	return links_open(c->links);
}

/* --- accessors --- */

struct chain *client_chain(struct client *c)
{
	return c->store.chain;
}

struct keyring *client_keyring(struct client *c)
{
	return c->keyring;
}

const struct hash *client_network(struct client *c)
{
	return &c->network;
}

const struct identity *client_identity(struct client *c)
{
	return c->identity;
}

uint64_t client_height(struct client *c)
{
	return follower_height(c->follower);
}

void client_heard(struct client *c, uint64_t *ret_height, uint64_t *ret_heard_ms)
{
	uint64_t own = follower_height(c->follower);

	/* A block may be here before its sender has it in its own stores. */
	heard_newest(c->heard, ret_height, ret_heard_ms);
	if (ret_height && *ret_height < own)
		*ret_height = own;
}

int client_peer_status(struct client *c, unsigned timeout_ms, struct wire_status *ret_status,
		       uint32_t *ret_mask)
{
	assert(c && ret_status && ret_mask);
	*ret_mask = heard_ask(c->heard, c->links, 0, ticks_ms() + timeout_ms, ret_status);
	return 0;
}

/* A height that the members have now: told by f+1 of them, or, when fewer answer in half the time, by any. */
static int ask_height(struct client *c, unsigned timeout_ms, uint64_t *ret_height)
{
	struct wire_status *status = mem_array(NULL, MEMBERS_MAX, sizeof(*status));
	struct roster *r = links_roster(c->links);
	unsigned enough = members_faults(r->members.count) + 1;
	uint64_t height = 0;
	uint32_t mask;
	int err = 0;

	if (!status) {
		roster_release(r);
		return CF_ENOMEM;
	}
	mask = heard_ask(c->heard, c->links, enough, ticks_ms() + timeout_ms / 2, status);
	if ((unsigned)__builtin_popcount(mask) >= enough)
		height = heard_sure(c->heard, r->members.count);
	for (unsigned i = 0; i < MEMBERS_MAX && (unsigned)__builtin_popcount(mask) < enough; i++) {
		if (((mask >> i) & 1) && status[i].height > height)
			height = status[i].height;
	}
	if (!mask)
		err = err_set(CF_ENOQUORUM, "no peer answers");
	else
		*ret_height = height;
	mem_free(status);
	roster_release(r);
	return err;
}

int client_wait(struct client *c, uint64_t height, unsigned timeout_ms)
{
	uint64_t until = ticks_ms() + timeout_ms;
	int err = 0;

	assert(c);
	if (height == 0)
		err = ask_height(c, timeout_ms, &height);
	if (err)
		return err;
	if (!follower_wait(c->follower, height, until))
		return err_set(CF_ENOQUORUM, "own height %llu, not yet %llu",
			       (unsigned long long)follower_height(c->follower), (unsigned long long)height);
	return 0;
}

/* --- transactions --- */

int client_submit(struct client *c, const struct client_tx *tx, struct client_job **ret_job)
{
	assert(c && tx && ret_job);
	return submit_tx(c->submitter, c->store.chain, tx, ret_job);
}

int client_commit(struct client *c, const struct client_tx *tx, unsigned timeout_ms,
		  struct client_result *ret_result)
{
	struct client_job *job;
	int err = client_submit(c, tx, &job);

	if (err)
		return err;
	err = client_job_wait(job, timeout_ms, ret_result);
	client_job_release(job);
	if (!err && ret_result->error)
		err = err_set(ret_result->error, "%s", ret_result->detail);
	return err;
}

/* --- blobs --- */

int client_put(struct client *c, const struct hash *address, struct view bytes, unsigned timeout_ms)
{
	return blob_upload_put(c->upload, address, bytes, timeout_ms);
}

int client_get(struct client *c, const struct hash *address, struct buf *out, unsigned timeout_ms)
{
	return blob_download_get(c->download, address, out, timeout_ms);
}

void client_blobs(struct client *c, struct client_blobs *ret_blobs)
{
	struct blob_counts counts;

	blob_download_counts(c->download, &counts);
	*ret_blobs = (struct client_blobs){
		.fetched = counts.fetched,
		.damaged = blobcache_damaged(c->store.blobs),
		.refused = counts.refused,
		.missing = counts.missing,
		.cached_bytes = blobcache_bytes(c->store.blobs),
	};
}

void client_set_leases(struct client *c, const char *purpose, uint64_t lease_ms, unsigned timeout_ms)
{
	trace_ask_set(c->trace, purpose, lease_ms, timeout_ms);
}
