/* SPDX-License-Identifier: Apache-2.0 */
/*
 * submit.c - the table of jobs, the queue and its batches, and the frames that are sent.
 */
#include "net/submit_core.h"

#include "ledger/mem.h"
#include "net/proposal.h"
#include "net/ticks.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

bool job_list_add(struct job_list *list, struct client_job *job)
{
	if (list->count == WIRE_BATCH_MAX)
		return false;
	job_ref(job);
	list->job[list->count++] = job;
	return true;
}

void job_list_release(struct job_list *list)
{
	while (list->count)
		job_unref(list->job[--list->count]);
}

uint64_t submit_request(const struct hash *id)
{
	uint64_t request = 0;

	for (unsigned i = 0; i < 8; i++)
		request = request << 8 | id->b[i];
	return request;
}

static struct client_job **bucket(struct submitter *s, uint64_t request)
{
	return &s->table[request % SUBMIT_TABLE];
}

struct client_job *submit_find(struct submitter *s, const struct hash *id)
{
	struct client_job *job = *bucket(s, submit_request(id));

	while (job && !hash_equal(&job->id, id))
		job = job->chain;
	return job;
}

struct client_job *submit_find_request(struct submitter *s, uint64_t request)
{
	struct client_job *job = *bucket(s, request);

	while (job && submit_request(&job->id) != request)
		job = job->chain;
	return job;
}

/* Out of the batch that holds back the next one. */
static void leave_batch(struct submitter *s, struct client_job *job)
{
	if (job->batch && job->batch == s->batch) {
		assert(s->batch_open > 0);
		s->batch_open--;
	}
	job->batch = 0;
}

void submit_set_state(struct submitter *s, struct client_job *job, enum job_state state)
{
	if (state != JOB_ENDORSING)
		leave_batch(s, job);
	job->state = state;
	if (state != JOB_SETTLED) /* job_settle sets that, together with the result */
		atomic_store(&job->stage, (int)state);
}

void submit_remove(struct submitter *s, struct client_job *job)
{
	struct client_job **at = bucket(s, submit_request(&job->id)), **q;

	while (*at != job)
		at = &(*at)->chain;
	*at = job->chain;
	s->count--;
	for (q = &s->first; job->state == JOB_QUEUED && *q; q = &(*q)->next) {
		if (*q != job)
			continue;
		*q = job->next;
		if (!*q)
			s->last = q;
		break;
	}
	submit_set_state(s, job, JOB_SETTLED);
	job_unref(job);
}

void submit_fail(struct submitter *s, struct client_job *job, int error, const char *detail)
{
	struct client_result result = {.error = error, .id = job->id};
	bool mine;

	snprintf(result.detail, sizeof(result.detail), "%s", detail);
	job_ref(job);
	pthread_mutex_lock(&s->lock);
	mine = job->state != JOB_SETTLED;
	if (mine)
		submit_remove(s, job);
	pthread_mutex_unlock(&s->lock);
	if (mine)
		job_settle(job, &result);
	job_unref(job);
}

void submit_hold(struct submitter *s, const struct client_job *job, uint32_t members)
{
	struct wire_hold hold = {.time_ms = job->time_ms, .count = job->blob_count};
	struct buf payload;

	memcpy(hold.blob, job->blobs, job->blob_count * sizeof(hold.blob[0]));
	buf_init(&payload, 0);
	if (wire_hold_encode(&hold, &payload) == 0)
		(void)links_send(s->config.links, members, WIRE_HOLD, submit_request(&job->id),
				 buf_view(&payload));
	buf_release(&payload);
}

static void send_endorse(struct submitter *s, const struct wire_endorse *m, uint32_t members)
{
	struct buf payload;

	buf_init(&payload, 0);
	if (wire_endorse_encode(m, &payload) == 0)
		(void)links_send(s->config.links, members, WIRE_ENDORSE, links_next_request(s->config.links),
				 buf_view(&payload));
	buf_release(&payload);
}

void submit_endorse(struct submitter *s, const struct job_list *list, uint32_t members)
{
	struct wire_endorse m = {.min_height = s->config.height(s->config.ctx)};
	size_t bytes = 0;

	m.signature = mem_array(NULL, WIRE_BATCH_MAX, sizeof(*m.signature));
	if (!m.signature)
		return; /* repeated */
	for (unsigned i = 0; i < list->count; i++) {
		const struct client_job *job = list->job[i];

		m.proposal[m.count] = buf_view(&job->proposal);
		m.signature[m.count] = job->signature;
		m.annex[m.count] = buf_view(&job->annex);
		m.count++;
		if (m.min_height < job->seen_height)
			m.min_height = job->seen_height;
		bytes += job->proposal.len + job->annex.len;
		if (bytes < SUBMIT_FRAME_BYTES && i + 1 < list->count)
			continue;
		send_endorse(s, &m, members);
		m.count = 0;
		bytes = 0;
	}
	mem_free(m.signature);
}

static void send_submit(struct submitter *s, const struct wire_submit *m)
{
	struct buf payload;

	buf_init(&payload, 0);
	if (wire_submit_encode(m, &payload) == 0)
		(void)links_send(s->config.links, LINKS_ALL, WIRE_SUBMIT, links_next_request(s->config.links),
				 buf_view(&payload));
	buf_release(&payload);
}

void submit_order(struct submitter *s, const struct job_list *list)
{
	struct wire_submit m = {0};
	size_t bytes = 0;

	for (unsigned i = 0; i < list->count; i++) {
		const struct client_job *job = list->job[i];

		m.tx[m.count] = buf_view(&job->tx);
		m.annex[m.count] = buf_view(&job->annex);
		m.count++;
		bytes += job->tx.len + job->annex.len;
		if (bytes < SUBMIT_FRAME_BYTES && i + 1 < list->count)
			continue;
		send_submit(s, &m);
		m.count = 0;
		bytes = 0;
	}
}

/* The head of the queue becomes the batch in flight. Under the lock. */
static void take_batch(struct submitter *s, const struct roster *r, struct job_list *list)
{
	uint64_t now = ticks_ms();
	size_t bytes = 0;

	s->batch++;
	s->batch_open = 0;
	s->batch_ms = now;
	while (s->first && bytes < SUBMIT_FRAME_BYTES && job_list_add(list, s->first)) {
		struct client_job *job = s->first;

		s->first = job->next;
		if (!s->first)
			s->last = &s->first;
		job_begin(job, r);
		submit_set_state(s, job, JOB_ENDORSING);
		job->batch = s->batch;
		job->backoff_ms = SUBMIT_REPEAT_MS;
		job->send_ms = now + job->backoff_ms;
		bytes += job->proposal.len + job->annex.len;
		s->batch_open++;
	}
}

static int sign_batch(struct submitter *s, const struct job_list *list)
{
	struct hash *id = mem_array(NULL, list->count, sizeof(*id));
	struct sigpath *sig = mem_array(NULL, list->count, sizeof(*sig));
	int err = id && sig ? 0 : CF_ENOMEM;

	for (unsigned i = 0; i < list->count && !err; i++)
		id[i] = list->job[i]->id;
	if (!err)
		err = identity_use(s->config.identity);
	if (!err) {
		err = sigpath_sign(SIG_PROPOSAL, &s->config.network, id, list->count,
				   s->config.identity->sign, sig);
		identity_done(s->config.identity);
	}
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < list->count && !err; i++) {
		list->job[i]->signature = sig[i];
		list->job[i]->is_signed = true;
	}
	pthread_mutex_unlock(&s->lock);
	mem_free(id);
	mem_free(sig);
	return err;
}

static void send_batch(struct submitter *s, const struct job_list *list)
{
	int err = sign_batch(s, list);

	for (unsigned i = 0; i < list->count && err; i++)
		submit_fail(s, list->job[i], err, "the proposal could not be signed");
	if (err)
		return;
	submit_endorse(s, list, LINKS_ALL);
	for (unsigned i = 0; i < list->count; i++) {
		if (list->job[i]->blob_count)
			submit_hold(s, list->job[i], LINKS_ALL);
	}
}

void submit_pump(struct submitter *s)
{
	struct job_list list = {0};

	pthread_mutex_lock(&s->lock);
	while (!s->signing && !s->stopping && s->first &&
	       (s->batch_open == 0 || ticks_ms() - s->batch_ms > SUBMIT_STUCK_MS)) {
		struct roster *r = links_roster(s->config.links);

		assert(r);
		take_batch(s, r, &list);
		s->signing = true;
		pthread_mutex_unlock(&s->lock);
		roster_release(r);
		send_batch(s, &list);
		job_list_release(&list);
		pthread_mutex_lock(&s->lock);
		s->signing = false;
	}
	pthread_mutex_unlock(&s->lock);
}

void submit_add(struct submitter *s, struct client_job *job)
{
	struct client_job **at = bucket(s, submit_request(&job->id));

	assert(s && job);
	job_ref(job);
	pthread_mutex_lock(&s->lock);
	s->count++;
	if (s->asleep)
		worker_wake(s->worker);
	job->chain = *at;
	*at = job;
	job->next = NULL;
	*s->last = job;
	s->last = &job->next;
	pthread_mutex_unlock(&s->lock);
	submit_pump(s);
}

unsigned submit_count(struct submitter *s)
{
	unsigned count;

	pthread_mutex_lock(&s->lock);
	count = s->count;
	pthread_mutex_unlock(&s->lock);
	return count;
}

int submit_tx(struct submitter *s, struct chain *chain, const struct client_tx *tx,
	      struct client_job **ret_job)
{
	struct policy_row policy;
	struct chain_head seen;
	struct proposal_context pc = {.network = &s->config.network,
				      .creator = s->config.identity,
				      .now_ms = ticks_wall_ms(),
				      .policy = &policy};
	struct client_job *job;
	struct buf proposal;
	struct db_txn *txn;
	int err = chain_read_begin(chain, &txn);

	if (err)
		return err;
	buf_init(&proposal, TX_BYTES_MAX);
	/* Not the follower's height: a block is in the state some moments before it is told of. */
	err = chain_head_at(txn, &seen);
	if (!err)
		err = state_policy(txn, &policy);
	if (!err) {
		pc.height = seen.height;
		err = proposal_build(txn, &pc, tx, &proposal);
	}
	db_abort(txn);
	if (!err)
		err = job_new(&s->config.network, buf_view(&proposal), tx, pc.now_ms,
			      proposal_valid_until(&pc), &policy, &job);
	buf_release(&proposal);
	if (err)
		return err;
	job->seen_height = seen.height;
	submit_add(s, job);
	*ret_job = job;
	return 0;
}

int submit_new(const struct submit_config *config, struct submitter **ret_s)
{
	struct worker_config wc = {.queue_bytes_max = 1, .handle = submit_repeat};
	struct submitter *s;
	int err;

	assert(config && config->links && config->heard && config->height && config->put_again && ret_s);
	s = mem_zalloc(sizeof(*s));
	if (!s)
		return CF_ENOMEM;
	s->config = *config;
	s->last = &s->first;
	pthread_mutex_init(&s->lock, NULL);
	wc.ctx = s;
	err = worker_new(&wc, &s->worker);
	if (!err)
		err = worker_start(s->worker);
	if (err) {
		worker_free(s->worker);
		pthread_mutex_destroy(&s->lock);
		mem_free(s);
		return err;
	}
	*ret_s = s;
	return 0;
}

void submit_stop(struct submitter *s)
{
	assert(s);
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_mutex_unlock(&s->lock);
	worker_stop(s->worker);
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < SUBMIT_TABLE; i++) {
		while (s->table[i]) {
			job_abandon(s->table[i]);
			submit_remove(s, s->table[i]);
		}
	}
	while (s->settled) {
		struct client_job *job = s->settled;

		s->settled = job->next;
		job_unref(job);
	}
	pthread_mutex_unlock(&s->lock);
}

void submit_free(struct submitter *s)
{
	if (!s)
		return;
	worker_free(s->worker);
	pthread_mutex_destroy(&s->lock);
	mem_free(s);
}
