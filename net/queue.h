/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue.h - messages from nng's threads to one of ours: bounded in bytes, two lanes, waiting with a deadline.
 *
 * A message owns a copy of its bytes. The urgent lane (votes) goes first, so that a flood of requests never
 * delays agreement - 16 in a row at most while others wait; each lane has the whole bound for itself.
 *
 * Within a lane each sender has its turn, one message at a time, and when the lane is full the sender with
 * the most bytes in it loses its oldest. So a sender that floods delays and displaces itself and no other.
 */
#ifndef NET_QUEUE_H
#define NET_QUEUE_H

#include "ledger/certificate.h"
#include "ledger/crypto.h"
#include "net/transport.h"

struct message {
	struct message *next;
	unsigned kind;              /* enum wire_kind, or the receiver's own */
	struct transport_from from; /* for an answer; zeros: none wanted */
	struct transport_link *link;
	uint64_t request;           /* of the frame */
	struct hash id;             /* of a request */
	uint64_t number;            /* the receiver's own */
	struct identity_id creator; /* of a request */
	uint64_t sender;            /* whose turn it takes; 0: the program's own */
	uint8_t gateway;            /* enum gateway of the listener it came by */
	bool relayed;               /* a request that came from a member and not from a client */
	size_t len;
	uint8_t bytes[];
};

/* A copy of bytes, all else zero. CF_ENOMEM. */
int message_new(unsigned kind, struct view bytes, struct message **ret_m) must_check;
void message_free(struct message *m); /* accepts NULL */
struct view message_view(const struct message *m);

enum queue_lane { QUEUE_URGENT, QUEUE_BULK, QUEUE_LANES };

struct queue;

/* bytes_max: of one lane, its last message may go over it. CF_ENOMEM. */
int queue_new(size_t bytes_max, struct queue **ret_q) must_check;
void queue_free(struct queue *q); /* drops what is in it; accepts NULL */

/* Any thread. Takes ownership in any case; a refused message is freed. CF_EAGAIN: the lane is full and this
 * sender has the most in it, or the queue is closed. */
int queue_push(struct queue *q, enum queue_lane lane, struct message *m) must_check;
/*
 * Waits for a message, a queue_wake or the monotonic time until_ms (0: none), whichever is first; *ret_m is
 * NULL for the latter two. False once the queue is closed: what is still in it stays there.
 */
bool queue_pop(struct queue *q, uint64_t until_ms, struct message **ret_m);
/* Makes the next queue_pop return. Any thread. */
void queue_wake(struct queue *q);
void queue_close(struct queue *q);

#endif
