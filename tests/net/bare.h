/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bare.h - a client that checks nothing, shared by bare.c (network) and bare_ops.c (what it asks for).
 */
#ifndef TESTS_NET_BARE_H
#define TESTS_NET_BARE_H

#include "fs/cmd.h"
#include "net/client_link.h"

#include <pthread.h>

struct bare {
	struct cmd_session s;
	struct links *links; /* of its own: what the client's part would not send */
	pthread_mutex_t lock;
	struct hash sent; /* what was sent last, and who refused it */
	uint32_t refused;
	int error;
	char detail[256];
};

/* One order, and the transaction that becomes of it. */
struct order {
	struct patient_id patient;
	unsigned section;
	char word[3][160];
	uint32_t epoch;
	uint32_t window;
	struct buf body;
	struct buf annex;
	uint8_t code;
};

/* Fills code, body and annex; CF_EUSAGE for a name that is no operation. */
int bare_make(struct bare *b, struct db_txn *txn, const char *name, struct order *o) must_check;

#endif
