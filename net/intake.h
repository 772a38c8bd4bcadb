/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake.h - what is asked of the ordering: transactions of clients, requests other members relay, status.
 *
 * Transactions are checked here, off the replica's thread, before they reach its pool. One that is
 * committed already is answered with WIRE_SETTLED, so a client may submit again and again.
 */
#ifndef NET_INTAKE_H
#define NET_INTAKE_H

#include "net/replica.h"

struct intake;

struct intake_config {
	struct chain *chain; /* all borrowed */
	struct apply *apply; /* checks transactions */
	struct mesh *mesh;
	struct replica *replica;
	struct verifier *verifier;
	const char *name; /* for logs */
	void *ctx;
	void (*status)(void *ctx, struct wire_status *ret_status);
};

int intake_new(const struct intake_config *config, struct intake **ret_i) must_check;
int intake_start(struct intake *i) must_check;
void intake_stop(struct intake *i);
void intake_free(struct intake *i); /* accepts NULL */

/*
 * A WIRE_SUBMIT or WIRE_STATUS_ASK with its payload as bytes, or a WIRE_RELAY as the whole frame. Takes
 * ownership.
 */
void intake_take(struct intake *i, struct message *m);

#endif
