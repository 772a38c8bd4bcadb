/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job.c - the life of a job, and its waiters.
 */
#include "net/job.h"

#include "ledger/mem.h"
#include "net/ticks.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static int copy_in(struct client_job *job, const struct hash *network, struct view proposal,
		   const struct client_tx *tx)
{
	int err = buf_append_view(&job->proposal, proposal);

	if (!err)
		err = buf_append_view(&job->annex, tx->annex);
	if (err || tx->blob_count == 0)
		return err;
	job->blobs = mem_dup(tx->blobs, tx->blob_count * sizeof(*tx->blobs));
	if (!job->blobs)
		return CF_ENOMEM;
	job->blob_count = tx->blob_count;
	job->blobs_digest = tx_receipt_digest(network, job->time_ms, job->blobs, job->blob_count);
	return 0;
}

int job_new(const struct hash *network, struct view proposal, const struct client_tx *tx, uint64_t time_ms,
	    uint64_t valid_until, const struct policy_row *policy, struct client_job **ret_job)
{
	struct client_job *job = mem_zalloc(sizeof(*job));
	int err;

	if (!job)
		return CF_ENOMEM;
	err = ticks_cond_init(&job->done);
	if (err) {
		mem_free(job);
		return err;
	}
	pthread_mutex_init(&job->lock, NULL);
	atomic_init(&job->refs, 1);
	atomic_init(&job->stage, JOB_QUEUED);
	buf_init(&job->proposal, TX_BYTES_MAX);
	buf_init(&job->annex, TX_ANNEX_BYTES_MAX);
	buf_init(&job->tx, TX_BYTES_MAX);
	for (unsigned i = 0; i < JOB_RWSETS_MAX; i++)
		buf_init(&job->rwset[i].bytes, RWSET_BYTES_MAX);
	job->id = tx_id(proposal);
	job->time_ms = time_ms;
	job->valid_until = valid_until;
	job->orgs_needed = policy->endorsing_orgs ? policy->endorsing_orgs : 1;
	job->receipts_needed = policy->receipts;
	job->receipts_quorum = policy->receipts == 0;
	err = copy_in(job, network, proposal, tx);
	if (err) {
		job_unref(job);
		return err;
	}
	*ret_job = job;
	return 0;
}

void job_ref(struct client_job *job)
{
	atomic_fetch_add(&job->refs, 1);
}

static void drop_answers(struct client_job *job)
{
	for (unsigned i = 0; i < MEMBERS_MAX; i++) {
		mem_free(job->endorsement[i]);
		mem_free(job->receipt[i]);
		job->endorsement[i] = job->receipt[i] = NULL;
	}
	for (unsigned i = 0; i < JOB_RWSETS_MAX; i++)
		buf_release(&job->rwset[i].bytes);
	mem_free(job->missing);
	job->missing = NULL;
	job->missing_count = 0;
}

void job_unref(struct client_job *job)
{
	if (!job || atomic_fetch_sub(&job->refs, 1) > 1)
		return;
	drop_answers(job);
	buf_release(&job->proposal);
	buf_release_secret(&job->annex);
	buf_release(&job->tx);
	mem_free(job->blobs);
	pthread_cond_destroy(&job->done);
	pthread_mutex_destroy(&job->lock);
	mem_free(job);
}

void job_begin(struct client_job *job, const struct roster *r)
{
	drop_answers(job);
	tally_init(&job->tally, &r->members);
	job->endorsers = 0;
	job->epoch = r->members.epoch;
	job->revoked = r->revoked;
	if (job->receipts_quorum)
		job->receipts_needed = r->quorum;
	if (job->blob_count == 0)
		job->receipts_needed = 0;
}

bool job_is_of(const struct client_job *job, const struct roster *r)
{
	return job->epoch == r->members.epoch && job->revoked == r->revoked;
}

static bool rwset_is_needed(const struct client_job *job, const struct hash *hash)
{
	for (unsigned i = 0; i < job->tally.count; i++) {
		const struct tally_answer *a = &job->tally.answer[i];

		if (a->kind == TALLY_ENDORSED && hash_equal(&a->rwset, hash))
			return true;
	}
	return false;
}

static struct job_rwset *rwset_find(struct client_job *job, const struct hash *hash)
{
	for (unsigned i = 0; i < JOB_RWSETS_MAX; i++) {
		if (job->rwset[i].bytes.len && hash_equal(&job->rwset[i].hash, hash))
			return &job->rwset[i];
	}
	return NULL;
}

static int rwset_keep(struct client_job *job, const struct hash *hash, struct view bytes)
{
	struct job_rwset *place = NULL;

	if (rwset_find(job, hash))
		return 0;
	for (unsigned i = 0; i < JOB_RWSETS_MAX && !place; i++) {
		if (job->rwset[i].bytes.len == 0 || !rwset_is_needed(job, &job->rwset[i].hash))
			place = &job->rwset[i];
	}
	assert(place);
	buf_reset(&place->bytes);
	place->hash = *hash;
	return buf_append_view(&place->bytes, bytes);
}

int job_endorsed(struct client_job *job, unsigned member, uint64_t height, struct view rwset,
		 const struct sigpath *sig)
{
	struct hash hash = sha256(rwset);
	int err;

	assert(member < job->tally.count && rwset.len > 0);
	if (!job->endorsement[member])
		job->endorsement[member] = mem_alloc(sizeof(*sig));
	if (!job->endorsement[member])
		return CF_ENOMEM;
	err = rwset_keep(job, &hash, rwset);
	if (err)
		return err;
	*job->endorsement[member] = *sig;
	tally_endorsed(&job->tally, member, height, &hash);
	return 0;
}

int job_held(struct client_job *job, unsigned member, const struct sigpath *sig)
{
	assert(member < job->tally.count);
	if (!job->receipt[member])
		job->receipt[member] = mem_alloc(sizeof(*sig));
	if (!job->receipt[member])
		return CF_ENOMEM;
	*job->receipt[member] = *sig;
	return 0;
}

unsigned job_receipts(const struct client_job *job)
{
	unsigned count = 0;

	for (unsigned i = 0; i < MEMBERS_MAX; i++)
		count += job->receipt[i] != NULL;
	return count;
}

void job_missing(struct client_job *job, unsigned member, const struct hash *address)
{
	if (!job->missing)
		job->missing = mem_array(NULL, JOB_MISSING_MAX, sizeof(*job->missing));
	if (job->missing && job->missing_count < JOB_MISSING_MAX)
		job->missing[job->missing_count++] = (struct job_missing){member, *address};
}

static int by_id(const void *a, const void *b)
{
	const struct endorsement *x = a, *y = b;

	return memcmp(x->by.b, y->by.b, IDENTITY_BYTES);
}

int job_assemble(struct client_job *job, const struct roster *r)
{
	struct tx *t = mem_zalloc(sizeof(*t));
	const struct job_rwset *rwset;
	int err;

	assert(job->endorsers && job->tally.count == r->members.count);
	if (!t)
		return CF_ENOMEM;
	t->proposal_bytes = buf_view(&job->proposal);
	t->signature = job->signature;
	rwset = rwset_find(job, &job->tally.answer[__builtin_ctz(job->endorsers)].rwset);
	assert(rwset);
	t->rwset_bytes = buf_view(&rwset->bytes);
	for (unsigned i = 0; i < r->members.count; i++) {
		const struct identity_id by = r->members.member[i].id;

		if ((job->endorsers >> i) & 1)
			t->endorsement[t->endorsement_count++] =
				(struct endorsement){by, *job->endorsement[i]};
		if (job->receipt[i] && t->receipt_count < job->receipts_needed)
			t->receipt[t->receipt_count++] = (struct endorsement){by, *job->receipt[i]};
	}
	qsort(t->endorsement, t->endorsement_count, sizeof(t->endorsement[0]), by_id);
	qsort(t->receipt, t->receipt_count, sizeof(t->receipt[0]), by_id);
	buf_reset(&job->tx);
	err = tx_encode(t, &job->tx);
	mem_free(t);
	return err;
}

void job_settle(struct client_job *job, const struct client_result *result)
{
	void (*fn)(void *ctx, const struct client_result *r) = NULL;
	void *ctx = NULL;

	pthread_mutex_lock(&job->lock);
	if (!job->settled) {
		job->settled = true;
		job->result = *result;
		atomic_store(&job->stage, JOB_SETTLED);
		fn = job->on_settled;
		ctx = job->on_settled_ctx;
		pthread_cond_broadcast(&job->done);
	}
	pthread_mutex_unlock(&job->lock);
	if (fn)
		fn(ctx, result);
}

void job_abandon(struct client_job *job)
{
	pthread_mutex_lock(&job->lock);
	job->abandoned = true;
	pthread_cond_broadcast(&job->done);
	pthread_mutex_unlock(&job->lock);
}

int client_job_wait(struct client_job *job, unsigned timeout_ms, struct client_result *ret_result)
{
	uint64_t until = ticks_ms() + timeout_ms;
	bool in_time = true;
	int err = 0;

	assert(job && ret_result);
	pthread_mutex_lock(&job->lock);
	while (!job->settled && !job->abandoned && in_time)
		in_time = ticks_wait(&job->done, &job->lock, until);
	if (job->settled)
		*ret_result = job->result;
	else if (job->abandoned)
		err = err_set(CF_ENOQUORUM, "the client was closed");
	else
		err = err_set(CF_ENOQUORUM, "not settled in %u ms", timeout_ms);
	pthread_mutex_unlock(&job->lock);
	return err;
}

void client_job_on_settled(struct client_job *job, void (*fn)(void *ctx, const struct client_result *r),
			   void *ctx)
{
	bool now;

	assert(job && fn);
	pthread_mutex_lock(&job->lock);
	assert(!job->on_settled);
	job->on_settled = fn;
	job->on_settled_ctx = ctx;
	now = job->settled;
	pthread_mutex_unlock(&job->lock);
	if (now)
		fn(ctx, &job->result);
}

struct hash client_job_id(const struct client_job *job)
{
	return job->id;
}

const char *client_job_stage(const struct client_job *job)
{
	switch ((enum job_state)atomic_load(&job->stage)) {
	case JOB_HOLDING:
	case JOB_SENDING:
		return "endorsed";
	case JOB_ORDERED:
		return "ordered";
	case JOB_SETTLED:
		return "committed";
	default:
		return "staged";
	}
}

void client_job_release(struct client_job *job)
{
	job_unref(job);
}
