/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer_private.h - what peer.c (opening and ending) and peer_frames.c (frames that arrive) share.
 */
#ifndef NET_PEER_PRIVATE_H
#define NET_PEER_PRIVATE_H

#include "acl/apply.h"
#include "net/courier.h"
#include "net/intake.h"
#include "net/keeper.h"
#include "net/peer.h"
#include "net/replica.h"
#include "net/resharer.h"
#include "net/sharer.h"
#include "net/witness.h"

#include <stdatomic.h>

struct peer {
	struct peer_config config;
	uint8_t self; /* index among the members; PBFT_LEARNER: none of them */
	struct members members;
	struct chain *chain;
	struct apply *apply;
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
	atomic_bool open; /* the listeners have their numbers */
	uint32_t public_listener;
	atomic_bool failed;
	atomic_bool changed;
};

/* The transport's calls, on nng's threads: ctx is the peer. */
void peer_on_recv(void *ctx, struct transport_from from, struct transport_link *link, struct view frame);
void peer_on_state(void *ctx, struct transport_link *link, bool up);
void peer_on_gone(void *ctx, uint32_t listener, uint32_t pipe);

#endif
