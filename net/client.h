/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h - a mount's or tool's side of the network: follows the chain, submits transactions, moves blobs.
 *
 * A committing peer without a vote (DESIGN 6): subscribes to blocks at its organization's peer (another when
 * that one is silent), verifies each certificate, applies to its own stores. Saves in flight together share
 * one signature, one endorsement round and one submission. Any thread.
 */
#ifndef NET_CLIENT_H
#define NET_CLIENT_H

#include "acl/apply.h"
#include "acl/genesis.h"
#include "acl/identity.h"
#include "acl/keyring.h"
#include "net/transport.h"
#include "net/wire.h"

struct client;

struct client_observer {
	void *ctx;
	/* On the follower's thread, after the block is in the own stores and before any waiter of
	 * client_job_wait is woken. Must not block on anything that waits for a commit. */
	void (*on_tx)(void *ctx, uint64_t height, uint32_t index, const struct tx *tx, uint8_t verdict,
		      const struct rwset *rwset);
	void (*on_block)(void *ctx, const struct block *block);
};

struct client_config {
	const char *data_dir;                   /* own stores: chain/ and blobs/ */
	struct view genesis;                    /* borrowed */
	const struct identity *identity;        /* borrowed */
	const char *gateways;                   /* URLs instead of the members' own, in their order; NULL */
	const struct transport_tls *tls;        /* NULL with inproc and tcp */
	const struct client_observer *observer; /* may be NULL */
	size_t blob_cache_bytes;                /* 0: 1 GiB */
	/* So far ahead of the own stores at the start the network's state is taken (net/client_snapshot.h),
	 * and client_open waits for that; 0: never. */
	uint32_t snapshot_blocks;
	uint32_t backfill_rate_kib; /* of the blocks behind it, KiB a second; 0: 8192 */
};

/* Opens the stores, connects in the background. Errors as peer_start; CF_EBUSY: another process has data_dir.
 */
int client_open(const struct client_config *config, struct client **ret_c) must_check;
/* Waits for the follower to end; jobs not settled are abandoned. Accepts NULL. */
void client_close(struct client *c);

/*
 * While the private keys are locked away (identity_lock) a client has no connection and follows nothing; what
 * needs a key answers CF_ELOCKED. lock: between the last job (client_busy) and identity_lock; wipes the keys
 * of sections and forgets the leases. unlock: after identity_unlock, with tls as it was given; the errors of
 * links_open.
 */
bool client_busy(struct client *c); /* there are jobs that are not settled */
void client_lock(struct client *c);
int client_unlock(struct client *c) must_check;

struct chain *client_chain(struct client *c);
struct keyring *client_keyring(struct client *c);
const struct hash *client_network(struct client *c);
const struct identity *client_identity(struct client *c);

/* Waits until own height >= height, or caught up with what the peer says (height 0). CF_ENOQUORUM after
 * timeout_ms. */
int client_wait(struct client *c, uint64_t height, unsigned timeout_ms) must_check;
/* The newest height any peer has told of, and when (monotonic ms) a peer was last heard; for status. */
void client_heard(struct client *c, uint64_t *ret_height, uint64_t *ret_heard_ms);
uint64_t client_height(struct client *c);

/*
 * A transaction to be: the client fills network, time, nonce, validity, contract, policy and keys of the
 * proposal. Everything is copied.
 */
struct client_tx {
	struct patient_id patient; /* zeros: none */
	const struct tx_op *ops;   /* encoded bodies */
	uint16_t op_count;
	struct view annex;           /* annex_encode bytes; empty: none */
	const struct tx_blob *blobs; /* strictly ascending; uploaded before with client_put */
	uint16_t blob_count;
};

struct client_result {
	int error; /* 0: VALID; else what the caller should see (verdict or endorsement refusal mapped) */
	char detail[256];
	struct hash id;
	uint64_t height;
	uint32_t index;
	uint8_t verdict;
};

struct client_job;

/* Starts the save. The job goes on in the background until it is settled or its validity ends, always as the
 * very same transaction. */
int client_submit(struct client *c, const struct client_tx *tx, struct client_job **ret_job) must_check;
/* 0 when settled (ret_result says how); CF_ENOQUORUM when not within timeout_ms: the job goes on. */
int client_job_wait(struct client_job *job, unsigned timeout_ms, struct client_result *ret_result) must_check;
/* Called once when the job settles, on a client thread; at once when it has. For jobs nobody waits for any
 * more. */
void client_job_on_settled(struct client_job *job, void (*fn)(void *ctx, const struct client_result *r),
			   void *ctx);
/* Of its transaction. */
struct hash client_job_id(const struct client_job *job);
/* "staged", "endorsed", "ordered", "committed". */
const char *client_job_stage(const struct client_job *job);
void client_job_release(struct client_job *job); /* accepts NULL; the job itself goes on */

/* Submit and wait: the common case. Errors: result's error, CF_ENOQUORUM. */
int client_commit(struct client *c, const struct client_tx *tx, unsigned timeout_ms,
		  struct client_result *ret_result) must_check;

/*
 * Blobs. put: keeps it in the local cache and sends it to all connected peers; returns once queued (bounded
 * in flight: blocks while the window is full, CF_ENOQUORUM after timeout_ms). get: cache, then peers in turn;
 * verified against the address; CF_ENOTFOUND when no peer has good bytes (a reader sees EIO), CF_ENETWORK
 * when none answers.
 */
int client_put(struct client *c, const struct hash *address, struct view bytes,
	       unsigned timeout_ms) must_check;
int client_get(struct client *c, const struct hash *address, struct buf *out, unsigned timeout_ms) must_check;

/* Of the reads since client_open: blobs that came from a peer; that were damaged in the cache and dropped;
 * that a peer sent and did not verify; that no peer had good bytes of. And what the cache holds. */
struct client_blobs {
	uint64_t fetched, damaged, refused, missing;
	uint64_t cached_bytes;
};
void client_blobs(struct client *c, struct client_blobs *ret_blobs);

/*
 * What the stores lack that began with a state (chain_past) is asked of the members: the annex of a
 * transaction, which the block at height hint may have (0: unknown); a block without annexes. Appended.
 * Errors: CF_ENOTFOUND (there is none), CF_ENETWORK (nobody hands it out), as chain_annex.
 */
int client_annex(struct client *c, const struct hash *id, uint64_t hint, struct buf *out) must_check;
int client_block(struct client *c, uint64_t height, struct buf *out) must_check;

/*
 * Asks every peer; ret has MEMBERS_MAX places; *ret_mask has bit i set for members that answered in time.
 * Details live as long as c.
 */
int client_peer_status(struct client *c, unsigned timeout_ms, struct wire_status *ret_status,
		       uint32_t *ret_mask) must_check;

/*
 * What the leases say that the keyring asks for from now on: a code of acl/purpose.h (TREAT without), how
 * long they last (0: TRACE_LEASE_MS), and how long a commit and the peers' answers may take each. See
 * net/trace_ask.h.
 */
void client_set_leases(struct client *c, const char *purpose, uint64_t lease_ms, unsigned timeout_ms);

/* Registers the identity on the ledger when it is not there yet (or waits until it is). */
int client_register(struct client *c, unsigned timeout_ms) must_check;

#endif
