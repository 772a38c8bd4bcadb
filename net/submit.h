/* SPDX-License-Identifier: Apache-2.0 */
/*
 * submit.h - from a job to a block: batches, endorsements, receipts, submission, repetition. PROTOCOL.md.
 *
 * What is queued while a batch waits for its endorsements goes together in the next one, under one signature;
 * a job that comes when none waits goes at once, on the caller's thread. Answers are verified, transactions
 * assembled and sent on the thread that brought the last answer needed. The submitter's own thread only
 * repeats what got no answer, and ends jobs whose validity has passed. Always the very same
 * transaction is repeated, so that nothing is saved twice.
 */
#ifndef NET_SUBMIT_H
#define NET_SUBMIT_H

#include "net/heard.h"
#include "net/job.h"

struct submitter;

struct submit_config {
	struct hash network;
	const struct identity *identity; /* borrowed */
	struct links *links;             /* borrowed, with members */
	struct heard *heard;             /* borrowed */
	void *ctx;
	/* Own height, all of whose transactions were given to submit_on_tx. */
	uint64_t (*height)(void *ctx);
	/* Sends a blob again to a member that misses it. On the submitter's thread; may take long. */
	int (*put_again)(void *ctx, unsigned member, const struct hash *address);
	/* What may be evidence against an endorser (net/accuse.h), not verified yet. On the transport's
	 * threads; may be NULL. */
	void (*on_lie)(void *ctx, struct view evidence);
};

int submit_new(const struct submit_config *config, struct submitter **ret_s) must_check;
/* Ends the thread and abandons the jobs; then only submit_free may follow. */
void submit_stop(struct submitter *s);
void submit_free(struct submitter *s); /* after submit_stop; accepts NULL */

/* Proposes tx on this chain's state, in the identity's name, and begins. Errors as proposal_build. */
int submit_tx(struct submitter *s, struct chain *chain, const struct client_tx *tx,
	      struct client_job **ret_job) must_check;
/* Takes a reference of its own. */
void submit_add(struct submitter *s, struct client_job *job);

/* Jobs that are not settled. */
unsigned submit_count(struct submitter *s);

/* From the transport's threads. */
void submit_on_endorsed(struct submitter *s, const struct roster *r, unsigned member, struct view payload);
void submit_on_receipt(struct submitter *s, const struct roster *r, unsigned member, uint64_t request,
		       struct view payload);
void submit_on_refused(struct submitter *s, const struct roster *r, unsigned member,
		       const struct wire_refused *m);

/* From the follower's thread: a transaction of a block, then the end of the block, which settles its jobs. */
void submit_on_tx(struct submitter *s, const struct hash *id, uint64_t height, uint32_t index,
		  uint8_t verdict);
void submit_on_block(struct submitter *s);

#endif
