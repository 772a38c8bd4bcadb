/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_evidence.h - a client tells the ledger of endorsers that lie (DESIGN 5, step 3).
 */
#ifndef NET_CLIENT_EVIDENCE_H
#define NET_CLIENT_EVIDENCE_H

#include "net/client.h"

#include <stdatomic.h>

/*
 * A piece of evidence against an endorser, not verified yet. What it proves goes to the ledger, when the
 * client's identity may bring evidence; else it is told in the log alone. *telling lives as long as c: one
 * piece is submitted at a time, and what comes meanwhile is dropped, since an endorser that goes on lying is
 * met again. Any thread.
 */
void client_evidence(struct client *c, atomic_bool *telling, struct view evidence);

#endif
