/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe.h - asks one peer how far it is, whoever it is: before it becomes a member.
 */
#ifndef NET_PROBE_H
#define NET_PROBE_H

#include "net/client_link.h"

struct probe_config {
	const struct transport_tls *tls; /* NULL with inproc and tcp URLs */
	struct hash network;
	const struct identity *identity; /* who asks; borrowed */
};

/*
 * m: with its keys. Dials m->client_address and waits for a status that m->endorse_point signed. Its detail
 * is not kept. Errors: CF_ENETWORK (nobody answers there in time, or somebody else does), CF_ECONFIG (no such
 * URL).
 */
int probe_peer(const struct probe_config *config, const struct member *m, unsigned timeout_ms,
	       struct wire_status *ret_status) must_check;

#endif
