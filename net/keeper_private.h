/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_private.h - one keeper, shared by keeper*.c.
 */
#ifndef NET_KEEPER_PRIVATE_H
#define NET_KEEPER_PRIVATE_H

#include "net/keeper.h"

#include "ledger/blob.h"
#include "ledger/hashset.h"
#include "net/scrub.h"
#include "net/seek.h"
#include "net/sweep.h"
#include "net/wanted.h"
#include "net/worker.h"

#include <stdatomic.h>

#define REPAIR_AT_ONCE 64 /* blobs sought for repair; the rest of the places is for clients */

struct keeper {
	struct keeper_config config;
	struct worker *worker;
	struct blob_store *store;
	struct wanted *wanted;
	struct hashset *known; /* whole trees, and chunks that were put; forgotten when it is full */
	struct hashset
		*whole; /* nodes that were looked at in the turn in hand, all of them: below these all */
	struct hashset *lacking; /* is there, below these it is not */
	struct seek seek;
	bool dirty;       /* something was put since the last sync */
	size_t repair_at; /* the root of the list that is looked at next */
	uint64_t repair_ms;
	bool marked; /* a mark is in the queue */
	uint64_t mark_ms;
	atomic_bool missed;   /* named blobs were not looked at: the height in the file must stay below */
	atomic_ullong height; /* told of */
	struct scrub *scrub;
	struct sweep *sweep;
	atomic_ullong blobs; /* and the next four: what keeper_counts tells */
	atomic_ullong scrubs;
	atomic_ullong scrubbed;
	atomic_ullong damaged;
	atomic_ullong repaired;
};

int keeper_store(struct keeper *k, const struct hash *address, struct view bytes) must_check;
/* Walks a tree. receipt: takes down what is missing; NULL: it is sought. CF_ENOTFOUND: not whole. */
int keeper_look(struct keeper *k, const struct hash *root, struct wire_receipt *receipt) must_check;

/* keeper_repair.c */
void keeper_get(struct keeper *k, const struct message *m);
void keeper_on_blob(struct keeper *k, const struct message *m);
void keeper_named(struct keeper *k, const struct message *m);
/* Nobody has it: tells who waits. */
void keeper_give_up(struct keeper *k, struct seek_entry *e);
/* Looks at wanted roots until enough is being sought. */
void keeper_repair(struct keeper *k, uint64_t now_ms);
/* Something is damaged or missing here. False: too much is sought already. */
bool keeper_on_bad(void *ctx, const struct hash *address);
int keeper_scrub_new(struct keeper *k) must_check;
/* When to call it again; 0: never. */
uint64_t keeper_scrub(struct keeper *k, uint64_t now_ms);

/* keeper_sweep.c */
int keeper_sweep_new(struct keeper *k) must_check;
/* From now on these trees stay until the ledger takes no proposal of that time any more. To be synced. */
int keeper_promise(struct keeper *k, const struct wire_hold *hold) must_check;

#endif
