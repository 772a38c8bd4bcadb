/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot_client.h - the thread that looks whether the network is far ahead and takes the state from one of
 * the members then, instead of waiting for all blocks.
 *
 * Begins at the start and when the replica hears of a height that is far above: asks one member after the
 * other. The first that offers a state `blocks` blocks above the own ledger is asked for all of it; what it
 * says is checked against the genesis alone (acl/snapshot.h). A wrong piece names the member in the log, and
 * the next one is asked; nothing of it stays. The ledger is made in `snapshot.new` and renamed to `snapshot`
 * when it is complete and synced: then the peer begins anew and votes by it, while net/backfill.h brings what
 * it lacks. Fetching blocks goes on meanwhile, and makes it superfluous when it is faster.
 */
#ifndef NET_SNAPSHOT_CLIENT_H
#define NET_SNAPSHOT_CLIENT_H

#include "acl/identity.h"
#include "ledger/chain.h"
#include "net/mesh.h"
#include "net/queue.h"
#include "net/verifier.h"

#define SNAPSHOT_DIR "snapshot"         /* a complete one, in the data directory */
#define SNAPSHOT_DIR_NEW "snapshot.new" /* one that is being made */
#define SNAPSHOT_DIR_OLD "snapshot.old" /* one that is being removed */

struct snapshot_client;

struct snapshot_client_config {
	struct chain *chain; /* the own ledger. All borrowed */
	struct mesh *mesh;
	struct verifier *verifier;
	const struct identity *identity;
	struct view genesis;
	const char *data_dir;
	const char *name; /* for logs */
	uint64_t blocks;  /* how far ahead the network has to be */
	/* A complete one is there: the peer is to begin anew. On the client's thread. */
	void (*on_ready)(void *ctx);
	void *ctx;
};

int snapshot_client_new(const struct snapshot_client_config *config,
			struct snapshot_client **ret_c) must_check;
int snapshot_client_start(struct snapshot_client *c) must_check;
void snapshot_client_stop(struct snapshot_client *c);
void snapshot_client_free(struct snapshot_client *c); /* accepts NULL */

/* A WIRE_SNAPSHOT, or a WIRE_REFUSED with a request number of the client's; number = the member. Takes
 * ownership. */
void snapshot_client_take(struct snapshot_client *c, struct message *m);
/* Whose answer is it? All others ask by heights. */
bool snapshot_client_asked(uint64_t request);
/* Somebody says that the network is at this height. Any thread. */
void snapshot_client_behind(struct snapshot_client *c, uint64_t height);

#endif
