/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filler.h - brings in the blocks that a mount's ledger lacks which began with a state, newest first, behind
 * everything else and at a bounded rate. On the follower's thread, the ledger's writer.
 *
 * Blocks are asked for a few at a time, of one member; who sends a wrong one, or nothing, is left for the
 * next one. The ledger is right as far as it goes at any moment.
 */
#ifndef NET_FILLER_H
#define NET_FILLER_H

#include "acl/past.h"
#include "net/client_link.h"
#include "net/queue.h"

struct filler;

/* All borrowed. genesis: the bytes of the file. rate_kib: KiB a second. */
int filler_new(struct chain *chain, struct links *links, struct view genesis, uint32_t rate_kib,
	       struct filler **ret_f) must_check;
void filler_free(struct filler *f); /* accepts NULL */

/* A WIRE_BLOCK of this height, of member m->number: true when it is kept, and m is the filler's. */
bool filler_take(struct filler *f, uint64_t height, struct message *m);
/* Goes on; when it wants to be called again at the latest, 0: never, the ledger is whole. */
uint64_t filler_step(struct filler *f, uint64_t now_ms);

#endif
