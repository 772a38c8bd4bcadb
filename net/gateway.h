/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway.h - which roles a peer's listener for clients serves (the paper's section 3.1): a public one
 * patients and governors, a private one doctors and managers.
 *
 * nng does not say whose TLS certificate a connection had, so the profile is enforced on what is signed: the
 * creator of a proposal or transaction, the sender of an envelope. What is not signed (blocks, status, sealed
 * blobs) any consortium member may read from any listener it can reach; firewalls draw that line.
 */
#ifndef NET_GATEWAY_H
#define NET_GATEWAY_H

#include "acl/contract.h"

/* As a listener's property; GATEWAY_ALL for members, whose own requests come by every listener. */
enum gateway { GATEWAY_ALL = 0, GATEWAY_PUBLIC = 1, GATEWAY_PRIVATE = 2 };

const char *gateway_name(enum gateway g); /* "public" */
/* CF_EUSAGE. */
int gateway_parse(const char *name, enum gateway *ret_g) must_check;

bool gateway_serves(enum gateway g, enum role role);
/*
 * The creator of a proposal whose signature was checked; somebody new by the certificate that registers them.
 * CF_EDENIED: "role not served here".
 */
int gateway_check(enum gateway g, struct db_txn *txn, const struct tx_proposal *p) must_check;
/* The same for a role that is known. */
int gateway_check_role(enum gateway g, enum role role) must_check;

#endif
