/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replica.h - the one thread that drives the PBFT core and writes the chain.
 *
 * An event goes into the core; what comes out is done in this order: records to the vote log, sync, messages,
 * then build, check or execute, which give the next event (net/pbft.h). A block is published to
 * followers when its certificate exists, before the stores take it: the certificate shows that a quorum
 * has its body on disk. Catches up by certified blocks when it is behind.
 */
#ifndef NET_REPLICA_H
#define NET_REPLICA_H

#include "acl/apply.h"
#include "net/conf.h"
#include "net/endorser.h"
#include "net/feed.h"
#include "net/keeper.h"
#include "net/mesh.h"
#include "net/reporter.h"

struct replica;

struct replica_config {
	struct chain *chain; /* all borrowed; with its genesis state */
	struct apply *apply; /* from replica_start on this thread is its only user but for checks */
	struct mesh *mesh;
	struct feed *feed;
	struct keeper *keeper;     /* hears what height is reached; NULL: the backfill tells it */
	struct endorser *endorser; /* NULL: this peer endorses nothing */
	struct verifier *verifier;
	const struct identity *identity;
	const struct conf_peer *conf;
	uint8_t self;  /* own index, or PBFT_LEARNER */
	bool stranger; /* no member: nobody sends it votes, it asks for blocks */
	struct reporter *reporter;
	const char *data_dir; /* votes/ in it */
	const char *name;     /* for logs */
	/* The replica has stopped for good: own stores or disk in doubt. On its thread. */
	void (*on_failed)(void *ctx);
	/* A block has changed the members: it goes no further, another replica does. On its thread. */
	void (*on_changed)(void *ctx);
	/* A member says that it is at this height, above the own one. On its thread; may be a lie. */
	void (*on_behind)(void *ctx, uint64_t height);
	void *ctx;
};

/* Reads the vote log back. Errors: CF_ECORRUPT (vote log damaged: never vote with it), CF_EIO, CF_ENOMEM. */
int replica_new(const struct replica_config *config, struct replica **ret_r) must_check;
int replica_start(struct replica *r) must_check;
void replica_stop(struct replica *r);
void replica_free(struct replica *r); /* accepts NULL */

/*
 * Takes ownership. Kinds: WIRE_PBFT, a core's message; WIRE_SUBMIT, a checked request (body_request_encode)
 * with id, number = valid_until and relayed set; WIRE_BLOCK and WIRE_REFUSED, answers to the catch-up, with
 * number = the member. CF_EAGAIN.
 */
int replica_take(struct replica *r, enum queue_lane lane, struct message *m) must_check;

/* The link that carries votes to a member came up or went down. Any thread. */
void replica_link(struct replica *r, uint8_t member, bool up);

/* Did a replica with stores in this directory find that it has forgotten votes of its own? It is a learner
 * then. */
bool replica_has_forgotten(const char *data_dir);
/* Notes that it has: found by others than the replica. CF_EIO, CF_EFULL. */
int replica_forget(const char *data_dir) must_check;

/* Own trouble is never a fault of the block (CORRECTNESS 2, V8). */
bool replica_is_trouble(int err);

/* All but by, blobs. detail stays valid. Any thread. */
void replica_status(struct replica *r, struct wire_status *ret_status);

#endif
