/* SPDX-License-Identifier: Apache-2.0 */
/* client.c - gives each incoming frame to its part, and what the parts tell to whom it concerns. */
#include "net/client_private.h"

#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/client_evidence.h"
#include "net/ticks.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#define LOG_MODULE "client"
#define PUT_AGAIN_MS 1000 /* for fetching a blob that left the own cache */

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

void client_on_frame(void *ctx, const struct roster *r, unsigned member, const struct wire_frame *f)
{
	struct client *c = ctx;

	if ((f->kind == WIRE_BLOCK || f->kind == WIRE_SNAPSHOT || f->kind == WIRE_REFUSED) &&
	    past_ask_on_frame(c->ask, member, f))
		return;
	if (!atomic_load(&c->ready))
		return; /* whoever asks asks again */
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
	case WIRE_SNAPSHOT:
		break; /* late */
	default:
		log_debug(LOG_MODULE, "peer %u sends a %s, which is not for clients -> dropped", member,
			  wire_kind_name(f->kind));
	}
}

void client_on_up(void *ctx, unsigned member)
{
	struct client *c = ctx;

	(void)member;
	if (atomic_load(&c->ready))
		follower_kick(c->follower);
}

/* --- what the own stores take in --- */

void client_on_tx(void *ctx, uint64_t height, uint32_t index, const struct tx *tx, uint8_t verdict,
		  const struct rwset *rwset)
{
	struct client *c = ctx;

	if (c->observer.on_tx)
		c->observer.on_tx(c->observer.ctx, height, index, tx, verdict, rwset);
	submit_on_tx(c->submitter, &tx->id, height, index, verdict);
}

void client_on_block(void *ctx, const struct block *block)
{
	struct client *c = ctx;

	if (c->observer.on_block)
		c->observer.on_block(c->observer.ctx, block);
}

void client_on_applied(void *ctx)
{
	submit_on_block(((struct client *)ctx)->submitter);
}

void client_on_damaged(void *ctx)
{
	client_store_damaged(&((struct client *)ctx)->store);
}

uint64_t client_own_height(void *ctx)
{
	return follower_height(((struct client *)ctx)->follower);
}

int client_put_again(void *ctx, unsigned member, const struct hash *address)
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

void client_on_lie(void *ctx, struct view evidence)
{
	struct client *c = ctx;

	client_evidence(c, &c->telling, evidence);
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

/* --- the past --- */

/* The stores began with a state, and this checks blocks of before. Under past_lock. */
static int need_past(struct client *c)
{
	struct buf note;
	int err;

	if (c->past)
		return 0;
	buf_init(&note, 0);
	err = chain_fill_note(c->store.chain, &note);
	if (!err)
		err = past_new(c->genesis, buf_view(&note), &c->past);
	buf_release(&note);
	return err;
}

int client_annex(struct client *c, const struct hash *id, uint64_t hint, struct buf *out)
{
	struct db_txn *txn = NULL;
	struct view annex;
	int err = chain_read_begin(c->store.chain, &txn);

	if (!err)
		err = chain_annex(txn, id, &annex);
	if (!err)
		err = buf_append_view(out, annex);
	db_abort(txn);
	if (err != CF_ENOTFOUND || chain_past(c->store.chain) == 0)
		return err;
	pthread_mutex_lock(&c->past_lock);
	err = need_past(c);
	if (!err)
		err = past_ask_annex(c->ask, c->past, id, hint, out);
	pthread_mutex_unlock(&c->past_lock);
	return err;
}

int client_block(struct client *c, uint64_t height, struct buf *out)
{
	struct past_answer answer = {.m = NULL};
	struct db_txn *txn = NULL;
	int err = chain_read_begin(c->store.chain, &txn);

	if (!err)
		err = chain_block_read(c->store.chain, txn, height, out);
	db_abort(txn);
	if (err != CF_ENOTFOUND || height >= chain_first(c->store.chain))
		return err;
	pthread_mutex_lock(&c->past_lock);
	err = need_past(c);
	if (!err)
		err = past_ask_block(c->ask, c->past, MEMBERS_MAX, height, &answer);
	pthread_mutex_unlock(&c->past_lock);
	if (!err)
		err = buf_append_view(out, answer.body.block.bytes);
	past_answer_release(&answer);
	return err;
}
