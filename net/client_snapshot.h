/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_snapshot.h - a mount that is far behind begins with the state after a certified block instead of
 * taking all blocks (acl/snapshot.h, net/PROTOCOL.md "A snapshot").
 *
 * Before anything uses its stores, which are replaced. Members are asked one after the other, the own
 * organization's first; what one sends is checked against the genesis alone, and who sends something wrong is
 * named in the log and left. With the state come the blocks that wrap keys to the mount's identity, wherever
 * in the past they are: so it can read at once. All others come behind (net/filler.h).
 */
#ifndef NET_CLIENT_SNAPSHOT_H
#define NET_CLIENT_SNAPSHOT_H

#include "net/past_ask.h"

struct client_snapshot {
	struct past_ask *ask; /* borrowed, as all */
	struct view genesis;
	const char *dir;     /* where the ledger is made; nothing of it counts before */
	uint64_t own_height; /* of the stores that there are */
	uint64_t blocks;     /* how far ahead the network has to be */
	unsigned faults;     /* so many members may lie */
};

/* 0: complete and closed in dir. CF_ENOTFOUND: the members are not that far ahead, or none can give one.
 * Other errors: own trouble. */
int client_snapshot_take(const struct client_snapshot *s) must_check;

#endif
