/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transport.h - the only user of nng: frames between nodes, untrusted and lossy.
 *
 * Two kinds of link. PEER: one listener a node, one dialer to each other peer, frames go one way. GATEWAY: a
 * listener for mounts and tools, a dialer on their side: both ways, so that a peer can push blocks and answer
 * out of order. Nothing is known of who sends: identity comes from the signature in the frame (net/wire.h).
 * Delivery, order and uniqueness are not promised; callers retransmit.
 *
 * URLs: tls+tcp:// between machines, tcp:// for links a site protects otherwise, inproc:// inside one
 * process. Links are made once and never freed before the process ends (nng 1.5.2; CORRECTNESS 4.1). Call
 * nothing here before a fork.
 */
#ifndef NET_TRANSPORT_H
#define NET_TRANSPORT_H

#include "ledger/buf.h"

#define TRANSPORT_FRAME_BYTES_MAX ((size_t)40 << 20) /* a longer one ends the connection it came on */
#define TRANSPORT_FRAME_MS 30000
#define TRANSPORT_QUEUE_BYTES_MAX ((size_t)256 << 20) /* waiting to be sent on one link */
#define TRANSPORT_HELD_BYTES_MAX ((size_t)256 << 20)

enum transport_kind { TRANSPORT_PEER = 1, TRANSPORT_GATEWAY = 2 };

struct transport;
struct transport_link; /* a dialer */

/* Where a frame came from, for an answer through transport_reply. */
struct transport_from {
	uint32_t listener;
	uint32_t pipe;       /* the client of a GATEWAY listener; 0: came to a PEER listener */
	uint32_t header;     /* inproc: nng's request header */
	uint32_t connection; /* of the listener, also of a PEER one: which frames came together; never 0 there
			      */
	uint64_t machine;    /* an IPv4 address or a /64 of IPv6, as a number; 0: this process.
			      * All ones: not known */
};

/*
 * Called on nng's threads: it may only copy and enqueue. link is set for frames that came back on a GATEWAY
 * dialer, else NULL.
 */
typedef void (*transport_recv_fn)(void *ctx, struct transport_from from, struct transport_link *link,
				  struct view frame);
/* A dialer's connection came up or went down. On nng's threads. */
typedef void (*transport_state_fn)(void *ctx, struct transport_link *link, bool up);
/* The client behind listener and pipe of a GATEWAY listener is gone. On nng's threads. */
typedef void (*transport_gone_fn)(void *ctx, uint32_t listener, uint32_t pipe);

struct transport_tls {
	const char *cert_pem; /* own chain, leaf first; NULL: none is shown (who only dials) */
	const char *key_pem;
	const char *ca_pem; /* the consortium's root: the other side must lead to it */
	bool strangers;     /* listeners take who shows no certificate */
};

struct transport_config {
	const struct transport_tls
		*tls; /* borrowed for the transport's life; NULL: tls+tcp URLs are refused */
	void *ctx;
	transport_recv_fn on_recv;
	transport_state_fn on_state; /* may be NULL */
	transport_gone_fn on_gone;   /* may be NULL */
	size_t frame_max;            /* bytes of a frame that comes in; a longer one ends its connection. 0:
					TRANSPORT_FRAME_BYTES_MAX */
	/* So long a frame may take, and 1 ms more for each 256 bytes of it that are there: who stops in the
	 * middle, or trickles, holds no memory for good. 0: TRANSPORT_FRAME_MS. Not by inproc. */
	unsigned frame_ms;
	/* bytes that may be held for all clients of a listener together: answers that nobody reads, frames
	 * that are not whole yet. Beyond that the greediest is cut off (net/transport_shed.h). 0:
	 * TRANSPORT_HELD_BYTES_MAX */
	size_t held_max;
};

int transport_new(const struct transport_config *config, struct transport **ret_t) must_check;
/*
 * Stops callbacks, frees the addresses and lets go of the TLS material: its key is wiped when the last
 * connection has ended, moments later. Sockets, links and t itself stay until the process ends. Not to be
 * called from a callback. Accepts NULL.
 */
void transport_free(struct transport *t);

/* Errors: CF_ENETWORK (address in use, no such address; err_detail names the URL), CF_ECONFIG (URL). */
int transport_listen(struct transport *t, enum transport_kind kind, const char *url) must_check;
/* The number in transport_from of the listener that was made last. */
uint32_t transport_last_listener(struct transport *t);
/*
 * Returns at once; connects and reconnects in the background. *ret_link is set before on_state is first
 * called with it. tls_name: the name expected in the other's certificate, NULL: none.
 */
int transport_dial(struct transport *t, enum transport_kind kind, const char *url, const char *tls_name,
		   struct transport_link **ret_link) must_check;
/* Copies and queues. CF_EAGAIN when the link's queue is full; CF_ENETWORK when it is not connected (nothing
 * queued). */
int transport_send(struct transport_link *link, struct view frame) must_check;
/*
 * Answers or pushes to a client of a GATEWAY listener. CF_ENETWORK when the client is gone, CF_EAGAIN when
 * 64 MiB wait for it; inproc drops silently when it is gone or over 64 frames wait: a client keeps at most 32
 * requests open on one link.
 */
int transport_reply(struct transport *t, struct transport_from to, struct view frame) must_check;
bool transport_is_up(const struct transport_link *link);

#endif
