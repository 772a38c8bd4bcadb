/* SPDX-License-Identifier: Apache-2.0 */
/*
 * endorser.h - the thread that runs contracts on proposals and signs what they would read and write.
 *
 * A frame is worked on for ENDORSER_SLICE_MS at a time, and for one proposal at least; the others have their
 * turn in between, connection by connection (net/queue.h). Each slice is answered by a frame of its own, with
 * one signature over all good ones of it (ledger/tx.h, struct sigpath). A frame that asks for a height not
 * reached yet waits for it, for ENDORSER_WAIT_MS at the most; all others are served as they come. Where too
 * many wait, or too many bytes, the connection with the most loses its oldest.
 */
#ifndef NET_ENDORSER_H
#define NET_ENDORSER_H

#include "acl/apply.h"
#include "net/mesh.h"
#include "net/queue.h"

#define ENDORSER_WAIT_MS 1000
#define ENDORSER_SLICE_MS 10
#define ENDORSER_WAITING_MAX 256       /* frames that wait for a height, */
#define ENDORSER_WAITING_OF_ONE_MAX 32 /* of one connection */

struct endorser;

struct endorser_config {
	struct chain *chain; /* all borrowed */
	struct apply *apply; /* checks proposals */
	struct mesh *mesh;
	const struct identity *identity; /* with its endorsement key */
	const char *name;                /* for logs */
};

int endorser_new(const struct endorser_config *config, struct endorser **ret_e) must_check;
int endorser_start(struct endorser *e) must_check;
void endorser_stop(struct endorser *e);
void endorser_free(struct endorser *e); /* accepts NULL */

/* A WIRE_ENDORSE with its payload as bytes. Takes ownership. */
void endorser_take(struct endorser *e, struct message *m);
/* A block was committed. */
void endorser_wake(struct endorser *e);

#endif
