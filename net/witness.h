/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witness.h - the thread that says of an erasure that nothing of what it took is left in this peer's ledger.
 *
 * It looks (acl/erase.h) when it is asked, also years later, and after the ledger was restored and has caught
 * up; not again within WITNESS_RECENT_MS: then it says what it said, of the same height. Whoever knows the
 * transaction's id may ask: that it erased, and what, stands in the ledger. Refusals carry the id: CF_EAGAIN
 * while the transaction is not in the own ledger, CF_EINVAL (it is no valid erasure), CF_EEXIST.
 */
#ifndef NET_WITNESS_H
#define NET_WITNESS_H

#include "net/mesh.h"
#include "net/queue.h"

#define WITNESS_RECENT 64
#define WITNESS_RECENT_MS 60000

struct witness;

struct witness_config {
	struct chain *chain; /* all borrowed */
	struct mesh *mesh;
	const struct identity *identity; /* a peer's */
	const char *name;                /* for logs */
};

/* Starts it. */
int witness_new(const struct witness_config *config, struct witness **ret_w) must_check;
void witness_free(struct witness *w); /* stops it; accepts NULL */

/* A WIRE_DESTROYED_ASK with its payload as bytes. Takes ownership. */
void witness_take(struct witness *w, struct message *m);

#endif
