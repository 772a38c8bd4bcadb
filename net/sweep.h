/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep.h - removes the blobs that nothing needs: brought by clients who never named them, or named only by
 * versions that are erased.
 *
 * A blob goes when, at the time of the newest block here, it has not been touched for an age, hangs below no
 * root that a version names, and below no blob that was touched since. Time is the ledger's: a peer that is
 * behind removes nothing that a block it has yet to see may name. Whoever signs a receipt touches the root
 * with the last time at which the ledger may take the transaction (net/keeper.c), so that none is removed
 * between its receipt and its block.
 *
 * A pass marks first, and removes then; both in small steps. Where a node of a named tree cannot be read
 * nobody knows what is below it: such a pass removes nothing. One thread; keeps the time it is given.
 */
#ifndef NET_SWEEP_H
#define NET_SWEEP_H

#include "ledger/blob.h"

#define SWEEP_PASSES 4                     /* in an age, */
#define SWEEP_PERIOD_MS_MIN UINT64_C(1000) /* with at least this, */
#define SWEEP_PERIOD_MS_MAX \
	UINT64_C(21600000) /* and at most this from the begin of one to that of the next */
#define SWEEP_ROOTS 256    /* of named ones that are asked for at once */

struct sweep;

struct sweep_config {
	struct blob_store *store; /* borrowed */
	uint64_t age_ms;          /* 0: nothing is ever removed */
	uint64_t bytes_per_s;     /* at most, on average */
	void *ctx;
	/* The time of the newest block. A negative answer puts the pass off. */
	int (*time)(void *ctx, uint64_t *ret_ms);
	/* As derived_blobs (acl/derive.h), of the state now. */
	int (*named)(void *ctx, struct buf *from, unsigned most,
		     int (*on_root)(void *arg, const struct hash *root, uint8_t level), void *arg);
	/* A blob that something needs is damaged or missing. */
	void (*on_bad)(void *ctx, const struct hash *address);
	/* Some were removed. */
	void (*on_removed)(void *ctx, uint64_t blobs, uint64_t bytes);
};

int sweep_new(const struct sweep_config *config, struct sweep **ret_s) must_check;
void sweep_free(struct sweep *s); /* accepts NULL */

/* One step. When to call again, monotonic; 0: never. */
uint64_t sweep_run(struct sweep *s, uint64_t now_ms);

/* All below it is needed, whatever the pass under way has found. */
void sweep_keep_tree(struct sweep *s, const struct hash *root);

#endif
