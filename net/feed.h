/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed.h - the block service of a peer: blocks from a height on to whoever subscribes, single ones on demand.
 *
 * A subscriber first gets what is stored, as far ahead as it confirms and in bursts that shrink when it shows
 * that frames were lost (it subscribes again below what was sent), then each new block the moment its
 * certificate exists: the certificate means that a quorum holds the body, so nobody waits for this peer's
 * stores. PROTOCOL.md.
 */
#ifndef NET_FEED_H
#define NET_FEED_H

#include "ledger/chain.h"
#include "net/mesh.h"
#include "net/queue.h"

#define FEED_SUBSCRIBERS_MAX 1024
/* Stored blocks that a subscriber is sent ahead of what it has confirmed: by the same SUBSCRIBE once more,
 * from a later height. */
#define FEED_AHEAD_BLOCKS 256

struct feed;

/* All borrowed. whole: the ledger that has the blocks below chain_first(chain), or some of them; may be the
 * same. name: for logs. */
int feed_new(struct chain *chain, struct chain *whole, struct mesh *mesh, const char *name,
	     struct feed **ret_f) must_check;
int feed_start(struct feed *f) must_check;
void feed_stop(struct feed *f);
void feed_free(struct feed *f); /* accepts NULL */

/* A WIRE_SUBSCRIBE or WIRE_FETCH with its payload as bytes. Takes ownership. */
void feed_take(struct feed *f, struct message *m);
/* The client behind this pipe is gone. */
void feed_gone(struct feed *f, uint32_t listener, uint32_t pipe);

/* The next block, in order: a WIRE_BLOCK payload. On the replica's thread, before it is in the stores. */
void feed_publish(struct feed *f, uint64_t height, struct view payload);

/* The blocks up to this height are in the stores: those subscribed get them from there. Replica's thread. */
void feed_advance(struct feed *f, uint64_t height);

/* A stored block as a WIRE_BLOCK payload, appended. Errors: CF_ENOTFOUND (also below chain_first),
 * CF_ECORRUPT, CF_EIO, CF_ENOMEM. */
int feed_block(struct chain *chain, uint64_t height, struct buf *out) must_check;

#endif
