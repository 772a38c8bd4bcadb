/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer.h - one peer as an object: replica, endorser, blob keeper and its sockets. chartfsd runs one, `chartfs
 * solo` four.
 *
 * Threads: the replica's (PBFT, chain writes), the endorser's, the keeper's (blobs, block service); nng's
 * threads only enqueue. No globals.
 */
#ifndef NET_PEER_H
#define NET_PEER_H

#include "acl/genesis.h"
#include "acl/identity.h"
#include "net/conf.h"
#include "net/transport.h"
#include "net/wire.h"

struct peer;

struct peer_config {
	const struct conf_peer *conf;    /* borrowed for the peer's life */
	const struct identity *identity; /* borrowed */
	struct view genesis;             /* borrowed */
	const struct transport_tls *tls; /* NULL with inproc and tcp URLs */
	/* The same identity's next keys, used when the members' row has them; NULL: none. All borrowed. */
	const struct identity *next_identity;
	const struct transport_tls *next_tls;
};

/*
 * Opens the stores (conf->data_dir), finds itself among the members, listens, dials, starts its threads. Who
 * is none of them follows, when its configuration has addresses to listen at.
 * Errors: CF_EFOREIGN ("not in consortium": certificate does not lead to the genesis root, or is no
 * member's), CF_ECORRUPT (own stores), CF_EVERSION, CF_ENETWORK, CF_EIO.
 */
int peer_start(const struct peer_config *config, struct peer **ret_peer) must_check;
/* Stops the threads, closes the stores. */
void peer_stop(struct peer *p);
/* True once a block has changed the members: to be stopped, and started with the same configuration. */
bool peer_changed(const struct peer *p);
/* True once the peer gave up (own stores damaged, disk in doubt); the reason is in the log. chartfsd then
 * exits. */
bool peer_failed(const struct peer *p);
void peer_status(struct peer *p, struct wire_status *ret_status);

#endif
