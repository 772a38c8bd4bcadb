/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reporter.h - a peer puts on the ledger what its core found out about liars.
 *
 * What is found is kept in `evidence` below the data directory first, so that a peer killed before the ledger
 * has it goes on after its restart. It then submits it (net/courier.h). All correct peers find the same; each
 * waits its turn after the offender's number, looks at the ledger again, and mostly finds it there. One
 * transaction at a time, and of one offender one in REPORTER_PAUSE_MS: a liar must not make its peers spam.
 */
#ifndef NET_REPORTER_H
#define NET_REPORTER_H

#include "acl/apply.h"
#include "acl/identity.h"
#include "net/courier.h"
#include "net/pbft.h"

#define REPORTER_TURN_MS 1500
#define REPORTER_PAUSE_MS 5000

struct reporter;

struct reporter_config {
	struct chain *chain; /* all borrowed */
	struct courier *courier;
	const char *data_dir;
	const char *name; /* for logs */
	uint8_t self;     /* own number */
	uint8_t count;    /* members */
};

/* Reads what is kept. Errors: CF_ECORRUPT, CF_EIO, CF_ENOMEM. */
int reporter_new(const struct reporter_config *config, struct reporter **ret_r) must_check;
int reporter_start(struct reporter *r) must_check;
void reporter_stop(struct reporter *r); /* after the replica's */
void reporter_free(struct reporter *r); /* accepts NULL */

/* From the replica's thread, short: what its core found. */
void reporter_found(struct reporter *r, uint8_t member, struct view first, struct view second);
/* As courier_config's: not verified yet. */
void reporter_on_lie(struct reporter *r, struct view evidence);

#endif
