/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job.h - one transaction on its way: what was made, what has been collected, how it ended.
 *
 * Two owners: the submitter, until the job is settled or abandoned, and the one who saved, until
 * client_job_release. Fields below "submitter" are guarded by the submitter's lock; the rest is set once or
 * behind the job's own lock.
 */
#ifndef NET_JOB_H
#define NET_JOB_H

#include "net/client.h"
#include "net/client_link.h"
#include "net/tally.h"

#include <pthread.h>

enum job_state {
	JOB_QUEUED,    /* waits for its batch to be signed */
	JOB_ENDORSING, /* proposals are out */
	JOB_HOLDING,   /* endorsed; too few receipts yet */
	JOB_SENDING,   /* one thread assembles it; nobody else touches it */
	JOB_ORDERED,   /* submitted, repeated until a block holds it */
	JOB_SETTLED,
};

#define JOB_RWSETS_MAX (MEMBERS_MAX + 1) /* one is free while each member's answer needs one */
#define JOB_MISSING_MAX 256

struct job_missing {
	unsigned member;
	struct hash address;
};

struct job_rwset {
	struct hash hash;
	struct buf bytes; /* empty: free */
};

struct client_job {
	_Atomic unsigned refs;

	/* Set once. */
	struct hash id;
	struct buf proposal;
	struct buf annex;
	struct tx_blob *blobs;
	uint16_t blob_count;
	struct hash blobs_digest; /* what a receipt signs */
	uint64_t time_ms;         /* of the proposal */
	uint64_t valid_until;
	uint64_t seen_height; /* of the state it was made from, which endorsers have to have */
	unsigned orgs_needed;
	unsigned receipts_needed; /* 0: no blobs, or Q of the members when receipts_quorum */
	bool receipts_quorum;

	/* The submitter's. */
	enum job_state state;
	struct client_job *chain; /* in the table of ids */
	struct client_job *next;  /* in the queue, later in the list of the settled */
	uint64_t batch;
	uint64_t epoch;   /* of the members that tally and receipts are of, */
	uint32_t revoked; /* and those of them that were revoked */
	struct sigpath signature;
	bool is_signed;
	bool is_out; /* a block may hold it, whoever refuses it now */
	struct tally tally;
	uint32_t endorsers; /* those that count, once it is endorsed */
	struct sigpath *endorsement[MEMBERS_MAX];
	struct job_rwset rwset[JOB_RWSETS_MAX];
	struct sigpath *receipt[MEMBERS_MAX];
	struct job_missing *missing;
	unsigned missing_count;
	struct buf tx;
	struct client_result outcome; /* once it is settled */
	uint64_t send_ms;             /* when to repeat */
	uint32_t backoff_ms;

	/* Behind lock. */
	pthread_mutex_t lock;
	pthread_cond_t done;
	_Atomic int stage; /* enum job_state, for people */
	bool settled, abandoned;
	struct client_result result;
	void (*on_settled)(void *ctx, const struct client_result *r);
	void *on_settled_ctx;
};

/* Copies. refs is 1. Errors: CF_ENOMEM, CF_ETOOBIG. */
int job_new(const struct hash *network, struct view proposal, const struct client_tx *tx, uint64_t time_ms,
	    uint64_t valid_until, const struct policy_row *policy, struct client_job **ret_job) must_check;
void job_ref(struct client_job *job);
void job_unref(struct client_job *job); /* accepts NULL */

/* Forgets all answers; further ones are of this set. */
void job_begin(struct client_job *job, const struct roster *r);
/* Is what it has of this set? */
bool job_is_of(const struct client_job *job, const struct roster *r);
/* Enters a verified endorsement; a copy of the read-write set is kept while an answer needs it. CF_ENOMEM. */
int job_endorsed(struct client_job *job, unsigned member, uint64_t height, struct view rwset,
		 const struct sigpath *sig) must_check;
/* Enters a verified receipt. CF_ENOMEM. */
int job_held(struct client_job *job, unsigned member, const struct sigpath *sig) must_check;
unsigned job_receipts(const struct client_job *job);
/* Too many are dropped: the member names them again. */
void job_missing(struct client_job *job, unsigned member, const struct hash *address);
/* Writes the transaction's bytes with the endorsements that count and the receipts needed. */
int job_assemble(struct client_job *job, const struct roster *r) must_check;

/* Wakes the waiters and calls on_settled, once; later calls do nothing. No lock of the submitter's may be
 * held. */
void job_settle(struct client_job *job, const struct client_result *result);
/* Wakes the waiters without a result. */
void job_abandon(struct client_job *job);

#endif
