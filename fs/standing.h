/* SPDX-License-Identifier: Apache-2.0 */
/*
 * standing.h - what a mount says of its own identity: its status on the ledger, how long its certificate
 * lasts.
 */
#ifndef FS_STANDING_H
#define FS_STANDING_H

#include "fs/json.h"
#include "net/client.h"

/* Adds identity_status, certificate_until, certificate_days,
 * certificate_valid and warnings (a list of sentences, often empty). */
void standing_describe(struct client *c, struct json *status);
/* Says in the log what standing_describe warns of; at most once in a day. Any thread. */
void standing_log(struct client *c);

#endif
