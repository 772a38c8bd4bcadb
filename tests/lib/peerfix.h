/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peerfix.h - four real peers in this process over inproc, and a client that follows the chain into the
 * ledger of a netfix.
 *
 * Set up people and patients with the netfix first: its blocks are put into the stores of the peers before
 * they start. Then build transactions with netfix_tx and send them with peerfix_submit. Functions return a
 * cf_err.
 */
#ifndef TESTS_LIB_PEERFIX_H
#define TESTS_LIB_PEERFIX_H

#include "net/peer.h"
#include "tests/lib/netfix.h"

#include <pthread.h>

#define PEERFIX_PEERS NETFIX_ORGS

struct peerfix {
	struct netfix *n;
	const char *dir[PEERFIX_PEERS];
	struct conf_peer *conf; /* PEERFIX_PEERS */
	struct peer *peer[PEERFIX_PEERS];
	struct transport *transport;
	struct transport_link *link[PEERFIX_PEERS];
	unsigned follows; /* the peer subscribed at */
	uint64_t request;

	pthread_mutex_t lock; /* all below */
	pthread_cond_t cond;
	uint64_t height;     /* of the netfix's ledger */
	uint64_t arrived_ns; /* when the last block came, monotonic */
	unsigned up;         /* links */
	unsigned refused;
	int refused_error;
	char refused_detail[256];
	unsigned settled;
	struct wire_settled last_settled;
	unsigned endorsed_items,
		items_at_empty; /* proposals answered in all, and when an empty frame's answer came */
	/* The last answer of these kinds, by whoever. */
	unsigned endorsed_count, receipt_count, blob_count, put_ok_count, status_count;
	struct buf endorsed, receipt, blob, status;
};

/* Directories, configurations and a netfix with one ledger, at the present time. */
int peerfix_new(struct peerfix **ret_f) must_check;
void peerfix_free(struct peerfix *f); /* stops what runs; accepts NULL */
/* Starts peer i, the first time with the blocks of the netfix. */
int peerfix_start(struct peerfix *f, unsigned i) must_check;
void peerfix_stop(struct peerfix *f, unsigned i);
/* Dials all peers and subscribes at one. */
int peerfix_follow(struct peerfix *f, unsigned i) must_check;

/* A frame to the peers of mask; how many took it. */
unsigned peerfix_send(struct peerfix *f, unsigned mask, enum wire_kind kind, struct view payload,
		      const struct identity *as);
unsigned peerfix_submit(struct peerfix *f, unsigned mask, struct view tx, struct view annex);
/* Waits until *counter (one of the above, or the height) is at least that; false after ms. */
bool peerfix_wait_height(struct peerfix *f, uint64_t height, unsigned ms);
bool peerfix_wait_count(struct peerfix *f, const unsigned *counter, unsigned at_least, unsigned ms);
/* Waits until a running peer's own stores are at a height. */
bool peerfix_wait_peer(struct peerfix *f, unsigned i, uint64_t height, unsigned ms);

#endif
