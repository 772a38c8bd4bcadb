/* SPDX-License-Identifier: Apache-2.0 */
/*
 * submit_core.h - what the files of the submitter share: its state and the steps of a job.
 *
 * submit.c has table, queue and batches; submit_answer.c what comes in; submit_repeat.c the thread.
 */
#ifndef NET_SUBMIT_CORE_H
#define NET_SUBMIT_CORE_H

#include "net/submit.h"
#include "net/worker.h"

#define SUBMIT_TABLE 1024
#define SUBMIT_REPEAT_MS 500
#define SUBMIT_REPEAT_MAX_MS 2000
#define SUBMIT_SOON_MS 50                    /* to ask endorsers again that disagreed or were behind */
#define SUBMIT_STUCK_MS 20                   /* a batch waiting so long no longer holds back the next */
#define SUBMIT_FRAME_BYTES ((size_t)8 << 20) /* a frame is closed when it has grown over it */

/* A bounded list of referenced jobs. */
struct job_list {
	unsigned count;
	struct client_job *job[WIRE_BATCH_MAX];
};

/* What the worker found to be due. */
struct submit_due {
	struct job_list endorse;
	struct job_list hold;
	struct job_list order;
	struct job_list missing;
	struct job_list ended;
	bool full; /* some list was: look again at once */
	uint64_t next_ms;
};

struct submitter {
	struct submit_config config;
	struct worker *worker; /* repeats; gets no messages, only woken */

	pthread_mutex_t lock;
	bool stopping;
	bool asleep; /* the worker waits for the first job */
	struct client_job *table[SUBMIT_TABLE];
	unsigned count;
	struct client_job *first, **last; /* queue */
	uint64_t batch;                   /* the newest one */
	unsigned batch_open;              /* its jobs that are still without endorsement */
	uint64_t batch_ms;
	bool signing;               /* one thread is sending a batch */
	struct client_job *settled; /* of the block being applied */

	struct submit_due due; /* the worker's own */
	unsigned idle_looks;   /* the worker's own */
};

/* Takes a reference. False when full. */
bool job_list_add(struct job_list *list, struct client_job *job);
void job_list_release(struct job_list *list);

/* Under the lock. */
struct client_job *submit_find(struct submitter *s, const struct hash *id);
struct client_job *submit_find_request(struct submitter *s, uint64_t request);
void submit_remove(struct submitter *s, struct client_job *job); /* drops the table's reference */
void submit_set_state(struct submitter *s, struct client_job *job, enum job_state state);

/* Without the lock. */
uint64_t submit_request(const struct hash *id); /* the number of WIRE_HOLD frames for this transaction */
void submit_pump(struct submitter *s);          /* the next batch, when it may go */
void submit_hold(struct submitter *s, const struct client_job *job, uint32_t members);
void submit_endorse(struct submitter *s, const struct job_list *list, uint32_t members);
void submit_order(struct submitter *s, const struct job_list *list);
/* Jobs in JOB_SENDING: assembles, submits, makes them JOB_ORDERED. */
void submit_deliver(struct submitter *s, const struct roster *r, const struct job_list *list);
/* Takes a job out in any state and settles it with an error of the client's own. */
void submit_fail(struct submitter *s, struct client_job *job, int error, const char *detail);

/* The worker's handler. */
uint64_t submit_repeat(void *ctx, struct message *m);

#endif
