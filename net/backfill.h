/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backfill.h - the thread that makes a peer's ledger whole while it votes by one that began with a state
 * (net/snapshot_client.h).
 *
 * `whole` is the peer's ordinary ledger: blocks are committed to it one after the other from where it is, as
 * in every catch-up. Up to the block that the young ledger began with they are fetched from the members, at a
 * bounded rate; those above it are the young ledger's own. When both are abreast the peer begins anew by the
 * whole one. A crash at any moment leaves two ledgers that are right as far as they go.
 */
#ifndef NET_BACKFILL_H
#define NET_BACKFILL_H

#include "acl/identity.h"
#include "ledger/chain.h"
#include "net/keeper.h"
#include "net/mesh.h"
#include "net/queue.h"
#include "net/verifier.h"

#define BACKFILL_REST 64 /* blocks that backfill_finish brings in before the peer starts */

struct backfill;

struct backfill_config {
	struct chain *whole; /* this thread is its only writer. All borrowed */
	struct chain *young; /* what the peer votes by */
	struct mesh *mesh;
	struct keeper *keeper; /* hears of blobs, and of the height that is whole */
	struct verifier *verifier;
	const struct identity *identity;
	const char *data_dir;
	const char *name;  /* for logs */
	uint32_t rate_kib; /* KiB a second */
	bool votes;        /* the peer does: then it has to remember each vote that it meets */
	/* Both on its thread: the peer is to begin anew; it is to stop for good, as own stores are damaged.
	 */
	void (*on_done)(void *ctx);
	void (*on_failed)(void *ctx);
	void *ctx;
};

int backfill_new(const struct backfill_config *config, struct backfill **ret_b) must_check;
int backfill_start(struct backfill *b) must_check;
void backfill_stop(struct backfill *b);
void backfill_free(struct backfill *b); /* accepts NULL */

/* A WIRE_BLOCK or a WIRE_REFUSED that answers a question for a height that is its own; number = the member.
 * Takes ownership. */
void backfill_take(struct backfill *b, struct message *m);
/* Is a block of this height asked for by the backfill? */
bool backfill_asks(const struct backfill *b, uint64_t height);

/*
 * The last blocks, before any thread runs: CF_EAGAIN when there are more than BACKFILL_REST or some are not
 * in the young ledger, 0 when the whole one is abreast. Other errors: own stores are damaged.
 */
int backfill_finish(struct chain *whole, struct chain *young) must_check;

#endif
