/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destroyed_ask.h - asks the members for what a certificate of destruction is made of (acl/destruction.h).
 */
#ifndef NET_DESTROYED_ASK_H
#define NET_DESTROYED_ASK_H

#include "acl/destruction.h"
#include "net/client_link.h"

struct destroyed_ask_config {
	const struct transport_tls *tls; /* NULL with inproc and tcp URLs */
	struct hash network;
	const struct identity *identity; /* who asks; borrowed */
};

/*
 * Fills count and said of ret_d with what members say of this erasure, each verified: of all who answer
 * within timeout_ms, and no longer than it takes once a quorum has. Errors: CF_ENOQUORUM, and what a member
 * who refuses says; CF_ECONFIG.
 */
int destroyed_ask(const struct destroyed_ask_config *config, const struct members *m, const struct hash *tx,
		  unsigned timeout_ms, struct destruction *ret_d) must_check;

#endif
