/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scrub.h - reads all that a blob store holds, again and again, so that what has rotted is found while other
 * members have good copies.
 *
 * A pass goes through the store by the first byte of the addresses. It begins at a random one: who is often
 * restarted comes to all of them, too. A blob that does not verify is reported, and of a good manifest node
 * each child that is not there. A damaged root without a file is not seen here: it is missed when it is asked
 * for. One thread; keeps the time it is given.
 */
#ifndef NET_SCRUB_H
#define NET_SCRUB_H

#include "ledger/blob.h"

#define SCRUB_AGAIN_MS 500    /* when a report was not taken */
#define SCRUB_BLOB_BYTES 4096 /* counted for each blob beside its bytes: a seek */

struct scrub;

struct scrub_config {
	struct blob_store *store; /* borrowed */
	uint64_t period_ms;       /* from the begin of a pass to that of the next, at least; 0: no passes */
	uint64_t bytes_per_s;     /* at most, on average */
	void *ctx;
	/* A damaged or missing blob. False: not now, it is told again. */
	bool (*on_bad)(void *ctx, const struct hash *address);
};

int scrub_new(const struct scrub_config *config, struct scrub **ret_s) must_check;
void scrub_free(struct scrub *s); /* accepts NULL */

/* Reads at most one blob. When to call again, monotonic; 0: never. */
uint64_t scrub_run(struct scrub *s, uint64_t now_ms);

uint64_t scrub_passes(const struct scrub *s); /* ended */
uint64_t scrub_blobs(const struct scrub *s);  /* read, in all passes */

#endif
