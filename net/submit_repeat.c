/* SPDX-License-Identifier: Apache-2.0 */
/*
 * submit_repeat.c - the submitter's thread: repeats what got no answer, sends blobs again, ends what is no
 * longer valid.
 */
#include "net/submit_core.h"

#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/ticks.h"

#include <assert.h>

#define LOG_MODULE "submit"
#define TICK_MS 250
#define LINGER_LOOKS 8 /* without a job before the thread sleeps: most saves then need not wake it */

/*
 * The members changed, or one was revoked: what was collected is of the old set. That goes for what is on its
 * way to a block, too: no block up to the change held it, and the new members may find too few of their own
 * under it. It stays the same transaction, with other endorsements.
 */
static void begin_again(struct submitter *s, struct client_job *job, const struct roster *r, uint64_t now)
{
	if (job_is_of(job, r) ||
	    (job->state != JOB_ENDORSING && job->state != JOB_HOLDING && job->state != JOB_ORDERED))
		return;
	job->is_out = job->is_out || job->state == JOB_ORDERED;
	job_begin(job, r);
	submit_set_state(s, job, JOB_ENDORSING);
	job->send_ms = now;
}

/* Under the lock. */
static void look_at(struct submitter *s, struct client_job *job, const struct roster *r, uint64_t height,
		    uint64_t now, struct submit_due *d)
{
	struct job_list *list = NULL;

	if (job->state == JOB_SENDING)
		return;
	if (height >= job->valid_until) {
		d->full |= !job_list_add(&d->ended, job);
		return;
	}
	if (!job->is_signed)
		return;
	begin_again(s, job, r, now);
	if (job->missing_count)
		d->full |= !job_list_add(&d->missing, job);
	if (job->send_ms <= now) {
		list = job->state == JOB_ENDORSING ? &d->endorse
		       : job->state == JOB_ORDERED ? &d->order
						   : NULL;
		if ((list && !job_list_add(list, job)) ||
		    (list != &d->order && job_receipts(job) < job->receipts_needed &&
		     !job_list_add(&d->hold, job))) {
			d->full = true;
			return;
		}
		job->backoff_ms = 2 * job->backoff_ms < SUBMIT_REPEAT_MAX_MS ? 2 * job->backoff_ms
									     : SUBMIT_REPEAT_MAX_MS;
		job->send_ms = now + job->backoff_ms;
	}
	if (job->send_ms < d->next_ms)
		d->next_ms = job->send_ms;
}

/* Blobs that members said they miss, then the question again. */
static void put_missing(struct submitter *s, struct client_job *job)
{
	struct job_missing *missing;
	unsigned count;
	uint32_t members = 0;
	int err = 0;

	pthread_mutex_lock(&s->lock);
	missing = job->missing;
	count = job->missing_count;
	job->missing = NULL;
	job->missing_count = 0;
	pthread_mutex_unlock(&s->lock);
	for (unsigned i = 0; i < count && !err; i++) {
		err = s->config.put_again(s->config.ctx, missing[i].member, &missing[i].address);
		members |= 1u << missing[i].member;
	}
	if (err)
		log_warn(LOG_MODULE, "a blob that a peer misses is not at hand: %s -> asked again later",
			 err_name(err));
	else if (members)
		submit_hold(s, job, members);
	mem_free(missing);
}

static void act(struct submitter *s, const struct submit_due *d)
{
	for (unsigned i = 0; i < d->ended.count; i++)
		submit_fail(s, d->ended.job[i], CF_ENOQUORUM, "validity ended");
	if (d->endorse.count)
		submit_endorse(s, &d->endorse, LINKS_ALL);
	if (d->order.count)
		submit_order(s, &d->order);
	for (unsigned i = 0; i < d->hold.count; i++)
		submit_hold(s, d->hold.job[i], LINKS_ALL);
	for (unsigned i = 0; i < d->missing.count; i++)
		put_missing(s, d->missing.job[i]);
}

static void release(struct submit_due *d)
{
	job_list_release(&d->endorse);
	job_list_release(&d->hold);
	job_list_release(&d->order);
	job_list_release(&d->ended);
	job_list_release(&d->missing);
}

uint64_t submit_repeat(void *ctx, struct message *m)
{
	struct submitter *s = ctx;
	struct submit_due *d = &s->due;
	uint64_t height = s->config.height(s->config.ctx), now = ticks_ms(), next;
	struct roster *r = links_roster(s->config.links);

	assert(!m);
	d->full = false;
	d->next_ms = now + TICK_MS;
	pthread_mutex_lock(&s->lock);
	s->idle_looks = s->count ? 0 : s->idle_looks + 1;
	s->asleep = s->idle_looks > LINGER_LOOKS;
	for (unsigned i = 0; i < SUBMIT_TABLE && r && s->count; i++) {
		for (struct client_job *job = s->table[i]; job; job = job->chain)
			look_at(s, job, r, height, now, d);
	}
	next = s->asleep ? 0 : d->full ? now : d->next_ms;
	pthread_mutex_unlock(&s->lock);
	roster_release(r);
	act(s, d);
	release(d);
	submit_pump(s); /* a batch may have been waiting for too long */
	return next;
}
