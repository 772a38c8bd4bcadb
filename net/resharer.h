/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resharer.h - the thread by which a peer does its part when the members share their key anew
 * (acl/reshare.h).
 *
 * It looks at the ledger: while the holders are not the members it deals, takes or accuses, as is its turn,
 * and looks again. What it has done is on the ledger and nowhere else, so that a kill at any time costs
 * nothing. A change of the members restarts it with the peer (net/PROTOCOL.md); when all is as it should be
 * it sleeps.
 */
#ifndef NET_RESHARER_H
#define NET_RESHARER_H

#include "acl/reshare.h"
#include "net/courier.h"

#define RESHARER_TURN_MS 2000 /* after which the next one deals, where somebody does not */

struct resharer;

struct resharer_config {
	struct chain *chain; /* all borrowed */
	struct courier *courier;
	const struct identity *identity; /* the peer's */
	struct view genesis;
	const char *name; /* for logs */
};

/* Errors: CF_EDECODE, CF_ENOMEM. */
int resharer_new(const struct resharer_config *config, struct resharer **ret_r) must_check;
int resharer_start(struct resharer *r) must_check;
void resharer_stop(struct resharer *r); /* accepts NULL */
void resharer_free(struct resharer *r); /* accepts NULL */

/* From the replica's thread, short: a valid transaction that the chain has taken in. */
void resharer_committed(struct resharer *r, const struct tx *tx);

#endif
