/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper.h - the thread that keeps blobs: takes, hands out, gives receipts, repairs.
 *
 * A receipt says that everything below the named roots is here and durable, and stays as long as the ledger
 * may take a proposal of its time that names them; it is signed after the sync. What is missing or damaged
 * here and asked for, or named by a committed transaction, is fetched from other members and put in its
 * place; passes over all that is stored find what has rotted (scrub.h) and remove what nothing needs
 * (sweep.h). Nothing that does not hash to its address leaves.
 */
#ifndef NET_KEEPER_H
#define NET_KEEPER_H

#include "ledger/chain.h"
#include "net/conf.h"
#include "net/mesh.h"
#include "net/queue.h"
#include "net/verifier.h"

struct keeper;

struct keeper_config {
	struct chain *chain;  /* who may ask: the present state. Borrowed, as the next four */
	struct chain *blocks; /* whose blocks name blobs; keeper_height tells how far they were looked at */
	struct mesh *mesh;
	struct verifier *verifier;
	const struct identity *identity;
	const struct conf_peer *conf; /* borrowed: blobs/ and wanted are in its data_dir */
};

/* Errors: those of blob_dir_open and wanted_open. */
int keeper_new(const struct keeper_config *config, struct keeper **ret_k) must_check;
int keeper_start(struct keeper *k) must_check;
void keeper_stop(struct keeper *k);
void keeper_free(struct keeper *k); /* accepts NULL */

/*
 * Takes ownership. WIRE_PUT, WIRE_HOLD: the whole frame as bytes, its signature is checked here. WIRE_GET:
 * the payload, relayed set when a member asks. WIRE_BLOB: the payload of an answer to this peer.
 */
void keeper_take(struct keeper *k, struct message *m);

/* A valid transaction of a committed block; then: all up to height has been told. Any thread, each height
 * once it is in `blocks`. */
void keeper_committed(struct keeper *k, const struct tx *tx);
void keeper_height(struct keeper *k, uint64_t height);

/* blobs, scrubs, scrubbed, damaged, repaired. Any thread. */
void keeper_counts(const struct keeper *k, struct wire_status *ret_status);

#endif
