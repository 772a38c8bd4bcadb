/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replica_private.h - what the files of the replica share. replica.c steps the core and obeys it;
 * replica_chain.c builds, checks, commits and publishes blocks; replica_learn.c commits fetched ones;
 * replica_votes.c keeps the vote log.
 */
#ifndef NET_REPLICA_PRIVATE_H
#define NET_REPLICA_PRIVATE_H

#include "net/gate.h"
#include "net/learnt.h"
#include "net/pending.h"
#include "net/replica.h"
#include "net/votelog.h"
#include "net/worker.h"

#include <pthread.h>
#include <stdatomic.h>

struct replica {
	struct replica_config config;
	struct worker *worker;
	struct members members; /* the set whose index `self` counts in */
	struct votelog *votes;
	struct gate *gate;
	struct pbft *pbft;
	struct pending *pending;
	struct catchup catchup;
	struct learnt learnt;
	bool started;
	bool forgot; /* has signed what it does not remember: to go on as a learner */
	bool full;   /* waits for space on the disk */
	uint64_t wake_ms;
	uint64_t poll_ms; /* when blocks are asked for that nobody told of */
	uint64_t polled;  /* height at which poll_ms was set */
	unsigned polls;   /* since the start */
	uint64_t height;  /* committed */

	/* What an event to the core points to, until it was stepped. */
	struct buf body;
	struct hash *ids;
	uint32_t id_count;

	atomic_bool stopping;
	atomic_bool failed;
	pthread_mutex_t status_lock;
	struct wire_status status;
};

#define REPLICA_MODULE "replica"

/* Stops for good; the first reason is kept for the status. */
void replica_fail(struct replica *r, int err, const char *what);
/* One word for people in the status: "", "disk full". The text is borrowed for good. */
void replica_say(struct replica *r, const char *detail);

/* A write found the disk full: says so once and pauses, before it is tried again. */
void replica_wait_for_room(struct replica *r, const char *what);
/* It succeeded, or failed otherwise. */
void replica_has_room(struct replica *r);

/*
 * A certificate of a quorum names this replica as a voter, and its signature is good: does it remember? What
 * it forgot it could vote on once more, so it would be a liar (CORRECTNESS 1.5, amnesia). False: it votes no
 * more, now and after a restart.
 */
bool replica_remembers(struct replica *r, const struct certificate *c);

/* A core over the stores as they are. */
int replica_core_new(struct replica *r) must_check;
/* The records of an update, durable when it says so. */
int replica_log(struct replica *r, const struct pbft_update *u) must_check;
/* When it is long: the stores hold all that is executed, so the log needs only what the core names. */
void replica_cut_log(struct replica *r);
/* Goes on as a learner, from the block just committed. *ret_event is the new core's first. */
void replica_become_learner(struct replica *r, struct pbft_event *ret_event);

/* Each fills the event that answers; false when the replica has failed. */
bool replica_build(struct replica *r, const struct pbft_update *u, struct pbft_event *ret_event);
bool replica_check(struct replica *r, const struct pbft_update *u, struct pbft_event *ret_event);
bool replica_execute(struct replica *r, const struct pbft_update *u, struct pbft_event *ret_event);

/* Forgets the ids of the last event. */
void replica_forget_ids(struct replica *r);
/* One certified body, waiting out a full disk. */
int replica_commit(struct replica *r, struct view body, const struct certificate *c,
		   struct view verdicts) must_check;
/* Whoever waits for blocks hears of the height reached; r->ids are those of the blocks. */
void replica_reached(struct replica *r, uint64_t height);
void replica_publish_stored(struct replica *r, uint64_t height);
void replica_executed_event(struct replica *r, const struct certificate *c, bool learnt,
			    struct pbft_event *ret_event);

/*
 * A fetched block; takes ownership of m. True: it, and those that waited for it, were committed, ret_event
 * tells the core.
 */
bool replica_learn(struct replica *r, struct message *m, struct pbft_event *ret_event);
/* Commits those that wait. */
bool replica_learn_now(struct replica *r, struct pbft_event *ret_event);

#endif
