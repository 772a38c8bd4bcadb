/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sharer.h - the thread that answers for this peer's share of the window keys (acl/trace.h).
 *
 * Only against a committed, valid query: a lease of the key's section and window that has not ended, whose
 * creator may still use the section by this peer's newest state. The answer is signed and sealed to that
 * creator, whoever asks, so that asking needs no signature. Refusals carry the query's id: CF_EAGAIN while
 * the query is not in the own ledger, CF_EDENIED, CF_EEXPIRED.
 */
#ifndef NET_SHARER_H
#define NET_SHARER_H

#include "acl/reshare.h"
#include "acl/trace.h"
#include "net/mesh.h"
#include "net/queue.h"

struct sharer;

struct sharer_config {
	struct chain *chain; /* all borrowed */
	struct mesh *mesh;
	const struct identity *identity;
	const char *name; /* for logs */
};

/* Starts it. genesis: the file whose contributions hold the founders' shares; borrowed. It answers by its
 * share of the newest generation of holders, and of the one before for who has not heard of it. A peer that
 * is no holder, or whose key-agreement key is another by now, refuses all. Errors: CF_ECORRUPT (a
 * contribution's share is not ours), CF_EDECODE, CF_ENOMEM. */
int sharer_new(const struct sharer_config *config, struct view genesis, struct sharer **ret_s) must_check;
void sharer_free(struct sharer *s); /* stops it; accepts NULL */

/* A WIRE_SHARE_ASK with its payload as bytes. Takes ownership. */
void sharer_take(struct sharer *s, struct message *m);

#endif
