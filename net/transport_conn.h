/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transport_conn.h - frames over one nng byte stream.
 *
 * A connection begins with a hello of 8 bytes each way: "CFS1", the kind of socket, three zero bytes. Over
 * TLS a hello arrives only when both certificates were accepted, so it is what makes a connection ready. A
 * frame is u32 length (big-endian) and that many bytes; the length 0xffffffff is a ping and stands alone. A
 * side that has nothing to say pings once a second; one that was not heard of for 5 s is gone. What waits to
 * be sent goes out together, in one TLS record when it fits.
 *
 * Not nng's sockets: in 1.5.2 a message that reaches a TLS pipe just after its connection broke is never
 * completed, and the one thread that buries pipes waits for it for good; from then on no broken connection of
 * the whole process is noticed or dialled again.
 */
#ifndef NET_TRANSPORT_CONN_H
#define NET_TRANSPORT_CONN_H

#include "net/transport_private.h"
#include "net/transport_shed.h"

struct conn; /* used again for one stream after the other */

/* On nng's threads, on_end also on the one that ticks; one at a time for each connection, no lock held. */
struct conn_events {
	void (*on_ready)(void *ctx, uint32_t tag);
	void (*on_frame)(void *ctx, uint32_t tag, struct view frame);
	/* The stream is gone, no more is said of it; from here on conn_start may be called again. */
	void (*on_end)(void *ctx, uint32_t tag, bool was_ready);
	/* What came in has made the sum larger than its bound; any connection may be closed. May be NULL. */
	void (*on_crowded)(void *ctx, uint32_t tag);
};

/* events and ctx are borrowed for good. tag: the owner's name for it; of limits frame_max and frame_ms count.
 * Errors: CF_ENOMEM. */
int conn_new(const struct conn_events *events, void *ctx, uint32_t tag, enum transport_kind kind,
	     const struct transport_config *limits, struct conn **ret_c) must_check;
/* Adds what it holds to *sum, from here on and for good; not of one that was started. */
void conn_count_into(struct conn *c, atomic_size_t *sum, size_t max);
/* Bytes that wait to be sent, or are being sent, and those of a frame that is not whole yet. */
size_t conn_held(struct conn *c);
/* Only of one that was never started: nng may still know another. Accepts NULL. */
void conn_free(struct conn *c);
/* Takes the stream over. */
void conn_start(struct conn *c, nng_stream *stream);
/* Copies and queues. CF_EAGAIN: bytes_max wait already; CF_ENETWORK: not ready or closed. */
int conn_send(struct conn *c, struct view frame, size_t bytes_max) must_check;
/* The machine on the other side; a /64 of IPv6 is one. Zeros when it is gone already. */
void conn_origin(nng_stream *stream, uint8_t ret_origin[ORIGIN_BYTES]);
/* Was the other side's hello heard: with TLS, does it have a certificate? */
bool conn_is_ready(struct conn *c);
/* To be called once a second: pings, and closes what is silent or too slow. */
void conn_tick(struct conn *c);
/* on_end follows, unless there is no stream. */
void conn_close(struct conn *c);

#endif
