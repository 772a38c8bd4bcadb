/* SPDX-License-Identifier: Apache-2.0 */
/*
 * courier.h - a peer's own transactions: what any client does, with the peer's own key.
 *
 * Endorsements, submission and repetition (net/submit.h), over links that are dialled with the first thing to
 * send. It knows of its transactions' ends by what the own chain takes in.
 */
#ifndef NET_COURIER_H
#define NET_COURIER_H

#include "net/submit.h"
#include "net/transport.h"

struct courier;

struct courier_config {
	struct chain *chain;             /* all borrowed */
	const struct identity *identity; /* the peer's */
	const struct transport_tls *tls; /* NULL with inproc and tcp */
	void *ctx;
	void (*on_lie)(void *ctx, struct view evidence); /* as of struct submit_config */
};

int courier_new(const struct courier_config *config, struct courier **ret_c) must_check;
void courier_stop(struct courier *c); /* after the threads that send; accepts NULL */
void courier_free(struct courier *c); /* accepts NULL */

/* Proposes and begins; the job is the caller's to release. Any thread. Errors as submit_tx. */
int courier_send(struct courier *c, const struct client_tx *tx, struct client_job **ret_job) must_check;

/* From the replica's thread, both short: what the chain has taken in. */
void courier_on_tx(struct courier *c, const struct hash *id, uint64_t height, uint32_t index,
		   uint8_t verdict);
void courier_on_block(struct courier *c);

#endif
