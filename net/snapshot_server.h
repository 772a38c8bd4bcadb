/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot_server.h - the thread that hands the state over to other peers and to mounts, piece by piece
 * (acl/snapshot.h), and tells mounts where in the past something is.
 *
 * An offer opens a session: a read transaction at the head of that moment, which pins what later blocks
 * replace. So there are SNAPSHOT_SESSIONS_MAX of them at most for peers and SNAPSHOT_MOUNTS_MAX for mounts,
 * one for each that asks, and of the latter one for those who are not in the ledger yet; a session ends after
 * SNAPSHOT_IDLE_MS without a question and after SNAPSHOT_LIFE_MS in any case, and all together get
 * SNAPSHOT_RATE_BYTES a second.
 */
#ifndef NET_SNAPSHOT_SERVER_H
#define NET_SNAPSHOT_SERVER_H

#include "ledger/chain.h"
#include "net/mesh.h"
#include "net/queue.h"
#include "net/verifier.h"

#define SNAPSHOT_SESSIONS_MAX 2
#define SNAPSHOT_MOUNTS_MAX 2
#define SNAPSHOT_IDLE_MS 10000
#define SNAPSHOT_LIFE_MS (15 * 60 * 1000)
#define SNAPSHOT_RATE_BYTES ((uint64_t)32 << 20)

struct snapshot_server;

/* All borrowed. name: for logs. */
int snapshot_server_new(struct chain *chain, struct mesh *mesh, struct verifier *verifier, const char *name,
			struct snapshot_server **ret_s) must_check;
int snapshot_server_start(struct snapshot_server *s) must_check;
void snapshot_server_stop(struct snapshot_server *s);
void snapshot_server_free(struct snapshot_server *s); /* accepts NULL */

/* A WIRE_SNAPSHOT_ASK, the whole frame as bytes: its signature is checked here. Takes ownership. */
void snapshot_server_take(struct snapshot_server *s, struct message *m);

#endif
