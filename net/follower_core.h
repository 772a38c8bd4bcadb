/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follower_core.h - what the two files of the follower share.
 *
 * follower.c has the thread and decides whom to follow; follower_block.c takes blocks in.
 */
#ifndef NET_FOLLOWER_CORE_H
#define NET_FOLLOWER_CORE_H

#include "net/filler.h"
#include "net/follower.h"
#include "net/worker.h"

#include <pthread.h>

#define FOLLOWER_LOG "follower"
#define FOLLOWER_EARLY_MAX 64                       /* blocks kept above the next one */
#define FOLLOWER_EARLY_BYTES_MAX ((size_t)64 << 20) /* of all these: they are not verified yet */
#define FOLLOWER_CONFIRM_BLOCKS 64                  /* taken in before they are confirmed */
#define FOLLOWER_CONFIRM_BYTES ((size_t)4 << 20)
#define FOLLOWER_NOBODY MEMBERS_MAX

/* A block that came before its predecessor. */
struct early {
	struct message *m; /* NULL: free */
	uint64_t height;
};

struct follower {
	struct follower_config config;
	struct apply *apply;
	struct worker *worker;
	struct filler *filler;
	_Atomic uint64_t height;
	_Atomic uint64_t subscribe_request;
	_Atomic bool kicked;         /* look now */
	_Atomic uint32_t refused_by; /* members that refused the subscription or sent bad blocks */

	pthread_mutex_t lock; /* grown, stopping */
	pthread_cond_t grown;
	bool stopping;

	/* The thread's own. */
	struct early early[FOLLOWER_EARLY_MAX]; /* by height % FOLLOWER_EARLY_MAX */
	unsigned subscribed;                    /* member, or FOLLOWER_NOBODY */
	uint64_t subscribed_ms, block_ms, behind_since_ms, polled_ms, gap_asked_ms, trouble_until_ms, tick_ms;
	uint64_t gap_asked_to; /* blocks below it were asked for at gap_asked_ms */
	uint64_t confirmed;    /* height the subscription was last told of */
	size_t unconfirmed_bytes;
	uint64_t bad_height;
	uint32_t bad_members; /* who sent a block of bad_height that does not fit the own stores */
	bool damaged;
};

/* On the follower's thread. */
void follower_send(struct follower *f, unsigned member, enum wire_kind kind, uint64_t request,
		   uint64_t height);
void follower_subscribe(struct follower *f, unsigned member, uint64_t now_ms);
/* Tells whom it follows how far it is: the next blocks may come. */
void follower_confirm(struct follower *f);
/* Takes a WIRE_BLOCK in, and ownership of it; true when the own height grew. */
bool follower_take(struct follower *f, struct message *m);
/* Applies kept blocks whose turn has come. */
void follower_drain(struct follower *f);
/* Asks for what is missing below the blocks that are kept. */
void follower_ask_gap(struct follower *f);

#endif
