/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer_private.h - what peer.c (opening and ending), peer_stores.c (the ledgers) and peer_frames.c (frames
 * that arrive) share.
 */
#ifndef NET_PEER_PRIVATE_H
#define NET_PEER_PRIVATE_H

#include "acl/apply.h"
#include "net/backfill.h"
#include "net/courier.h"
#include "net/intake.h"
#include "net/keeper.h"
#include "net/peer.h"
#include "net/replica.h"
#include "net/resharer.h"
#include "net/sharer.h"
#include "net/snapshot_client.h"
#include "net/snapshot_server.h"
#include "net/verifier.h"
#include "net/witness.h"

#include <stdatomic.h>

#define PEER_MODULE "peer"

struct peer {
	struct peer_config config;
	uint8_t self;     /* index among the members; PBFT_LEARNER: none of them */
	uint8_t votes_as; /* the same, or PBFT_LEARNER when it may not vote */
	struct members members;
	struct chain *chain; /* what it votes by */
	struct chain *whole; /* the ledger from block 1 on; the same, unless the chain began with a state */
	struct apply *apply; /* of the chain */
	struct verifier *verifier;
	struct transport *transport;
	struct mesh *mesh;
	struct feed *feed;
	struct keeper *keeper;
	struct endorser *endorser; /* NULL: the configuration says no */
	struct courier *courier;
	struct reporter *reporter;
	struct sharer *sharer;
	struct witness *witness;
	struct resharer *resharer;
	struct replica *replica;
	struct intake *intake;
	struct snapshot_server *snapshots;
	struct snapshot_client *taker; /* NULL: takes none */
	struct backfill *backfill;     /* NULL: the ledger is whole */
	atomic_bool open;              /* the listeners have their numbers */
	uint32_t public_listener;
	atomic_bool failed;
	atomic_bool changed;
};

/* Opens the ledgers, finds the peer among the members, chooses its keys. Errors: as peer_start. */
int peer_open_stores(struct peer *p) must_check;
void peer_close_stores(struct peer *p);
/* Its number, or PBFT_LEARNER when it may not vote. */
uint8_t peer_voting_index(const struct peer *p);

/* The transport's calls, on nng's threads: ctx is the peer. */
void peer_on_recv(void *ctx, struct transport_from from, struct transport_link *link, struct view frame);
void peer_on_state(void *ctx, struct transport_link *link, bool up);
void peer_on_gone(void *ctx, uint32_t listener, uint32_t pipe);

#endif
