/* SPDX-License-Identifier: Apache-2.0 */
/*
 * submit_answer.c - endorsements, receipts and blocks come in; what is complete goes on from here.
 */
#include "net/accuse.h"
#include "net/submit_core.h"

#include "ledger/evidence.h"
#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/outcome.h"
#include "net/ticks.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define LOG_MODULE "submit"

/* What one frame brought about, done when the lock is free. */
struct consequences {
	struct job_list ready;
	struct job_list refused;
	struct buf lie; /* evidence against an endorser; empty: none */
};

/* Repeats before the usual time: endorsers disagree, or some peer was behind. */
static void ask_soon(struct submitter *s, struct client_job *job)
{
	uint64_t soon = ticks_ms() + SUBMIT_SOON_MS;

	if (job->send_ms <= soon)
		return;
	job->send_ms = soon;
	worker_wake(s->worker);
}

static bool all_answered(const struct tally *t)
{
	for (unsigned i = 0; i < t->count; i++) {
		if (t->answer[i].kind == TALLY_NONE)
			return false;
	}
	return true;
}

static void refuse(struct client_job *job, const struct tally_answer *a)
{
	job->outcome = (struct client_result){.error = a->error, .id = job->id};
	if (a->error < -(int)CF_ERR_COUNT)
		job->outcome.error = CF_EINVAL; /* one of a newer peer's */
	snprintf(job->outcome.detail, sizeof(job->outcome.detail), "%s", a->detail);
}

/* Under the lock, with a reference of the caller's: what was entered may be enough for the next state. */
static void advance(struct submitter *s, struct client_job *job, struct consequences *c)
{
	bool listed = true;
	unsigned speaker;

	if (job->state == JOB_ENDORSING) {
		switch (tally_decide(&job->tally, job->orgs_needed, &job->endorsers, &speaker)) {
		case TALLY_AGREED:
			submit_set_state(s, job, JOB_HOLDING);
			break;
		case TALLY_REJECTED:
			if (job->is_out)
				break;
			refuse(job, &job->tally.answer[speaker]);
			listed = job_list_add(&c->refused, job);
			submit_remove(s, job);
			break;
		case TALLY_OPEN:
			if (all_answered(&job->tally))
				ask_soon(s, job);
			break;
		}
	}
	if (job->state == JOB_HOLDING && job_receipts(job) >= job->receipts_needed) {
		submit_set_state(s, job, JOB_SENDING);
		listed = job_list_add(&c->ready, job);
	}
	assert(listed); /* a frame has no more items than a list */
}

void submit_deliver(struct submitter *s, const struct roster *r, const struct job_list *list)
{
	struct job_list whole = {0};

	for (unsigned i = 0; i < list->count; i++) {
		int err = job_assemble(list->job[i], r);

		if (err)
			submit_fail(s, list->job[i], err, "the transaction could not be assembled");
		else
			(void)job_list_add(&whole, list->job[i]); /* not longer than list */
	}
	submit_order(s, &whole);
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < whole.count; i++) {
		struct client_job *job = whole.job[i];

		if (job->state != JOB_SENDING)
			continue; /* a block holds it already */
		submit_set_state(s, job, JOB_ORDERED);
		job->backoff_ms = SUBMIT_REPEAT_MS;
		job->send_ms = ticks_ms() + job->backoff_ms;
	}
	pthread_mutex_unlock(&s->lock);
	job_list_release(&whole);
}

static void conclude(struct submitter *s, const struct roster *r, struct consequences *c)
{
	if (c->ready.count)
		submit_deliver(s, r, &c->ready);
	submit_pump(s);
	for (unsigned i = 0; i < c->refused.count; i++)
		job_settle(c->refused.job[i], &c->refused.job[i]->outcome);
	job_list_release(&c->ready);
	job_list_release(&c->refused);
	if (c->lie.len && s->config.on_lie)
		s->config.on_lie(s->config.ctx, buf_view(&c->lie));
	buf_release(&c->lie);
}

/* A batch has one signature under many paths: the last one that verified is not verified again. */
struct verified {
	bool any;
	struct hash digest;
	uint8_t sig[SIG_BYTES];
};

static int verify(const struct submitter *s, const struct roster *r, unsigned member,
		  const struct wire_endorsed_item *item, struct verified *last)
{
	struct hash digest = tx_endorsement_digest(&s->config.network, &item->id, item->rwset), root;
	int err =
		sigpath_signed_digest(&item->signature, SIG_ENDORSEMENT, &s->config.network, &digest, &root);

	if (err)
		return CF_ESIG;
	if (last->any && hash_equal(&last->digest, &root) &&
	    memcmp(last->sig, item->signature.sig, SIG_BYTES) == 0)
		return 0;
	err = crypto_verify(r->keys.endorse[member], &root, item->signature.sig);
	if (err)
		return err;
	*last = (struct verified){.any = true, .digest = root};
	memcpy(last->sig, item->signature.sig, SIG_BYTES);
	return 0;
}

static bool is_wanted(const struct client_job *job, const struct roster *r)
{
	return job && job->state == JOB_ENDORSING && job_is_of(job, r);
}

static void log_difference(const struct client_job *job, unsigned member)
{
	unsigned other;
	char hex[2 * HASH_BYTES + 1];

	if (!tally_differs(&job->tally, member, &other))
		return;
	hex_encode(job->id.b, HASH_BYTES, hex);
	log_warn(LOG_MODULE,
		 "peers %u and %u endorse transaction %s differently at height %llu -> one of both lies",
		 other, member, hex, (unsigned long long)job->tally.answer[member].height);
}

/* An answer has come and is kept. */
static void compare(struct submitter *s, const struct client_job *job, const struct roster *r,
		    unsigned member, struct consequences *c)
{
	log_difference(job, member);
	if (c->lie.len == 0)
		(void)!accuse_any(job, r, &s->config.network, &c->lie);
}

/*
 * Enough have agreed before this answer came: it is looked at only for whether it contradicts them. Mostly it
 * does not, and costs a hash and no verification. Under the lock.
 */
static void watch_late(struct submitter *s, const struct client_job *job, const struct roster *r,
		       unsigned member, const struct wire_endorsed_item *item, struct consequences *c)
{
	if (!job || !job_is_of(job, r) || item->error || item->rwset.len == 0 || c->lie.len)
		return;
	if (job->endorsers && !((job->endorsers >> member) & 1))
		(void)!accuse_endorser(job, r, &s->config.network, member, item->rwset, &item->signature,
				       &c->lie);
}

static void take_item(struct submitter *s, const struct roster *r, unsigned member, uint64_t height,
		      const struct wire_endorsed_item *item, struct verified *last, struct consequences *c)
{
	struct client_job *job;
	bool wanted;

	pthread_mutex_lock(&s->lock);
	job = submit_find(s, &item->id);
	wanted = is_wanted(job, r);
	if (!wanted)
		watch_late(s, job, r, member, item, c);
	pthread_mutex_unlock(&s->lock);
	if (!wanted)
		return;
	if (item->error == 0 && (item->rwset.len == 0 || verify(s, r, member, item, last))) {
		log_warn(LOG_MODULE, "peer %u signs an endorsement badly -> dropped", member);
		return;
	}
	pthread_mutex_lock(&s->lock);
	job = submit_find(s, &item->id);
	if (is_wanted(job, r)) {
		job_ref(job);
		if (item->error && outcome_is_judgement(item->error))
			tally_refused(&job->tally, member, height, item->error, item->detail);
		else if (item->error)
			ask_soon(s, job);
		else if (job_endorsed(job, member, height, item->rwset, &item->signature) == 0)
			compare(s, job, r, member, c);
		advance(s, job, c);
		pthread_mutex_unlock(&s->lock);
		job_unref(job);
		return;
	}
	/* others have agreed while this one was verified */
	watch_late(s, job, r, member, item, c);
	pthread_mutex_unlock(&s->lock);
}

void submit_on_endorsed(struct submitter *s, const struct roster *r, unsigned member, struct view payload)
{
	struct verified last = {.any = false};
	struct consequences c = {.lie.max = EVIDENCE_BYTES_MAX};
	struct wire_endorsed m;

	if (wire_endorsed_decode(payload, &m)) {
		log_warn(LOG_MODULE, "peer %u sends malformed endorsements -> dropped", member);
		return;
	}
	if (memcmp(m.by.b, r->members.member[member].id.b, IDENTITY_BYTES) == 0) {
		heard_height(s->config.heard, member, m.height);
		for (unsigned i = 0; i < m.count; i++)
			take_item(s, r, member, m.height, &m.item[i], &last, &c);
		conclude(s, r, &c);
	}
	wire_endorsed_release(&m);
}

/*
 * A refusal of one transaction outside an answer to WIRE_ENDORSE. Of a proposal it counts; a submitted
 * transaction goes on: a peer that does not take it may only be a block behind, so the first time it is sent
 * again soon.
 */
void submit_on_refused(struct submitter *s, const struct roster *r, unsigned member,
		       const struct wire_refused *m)
{
	struct wire_endorsed_item item = {.id = m->id, .error = m->error, .detail = m->detail};
	struct verified last = {.any = false};
	struct consequences c = {.lie.max = EVIDENCE_BYTES_MAX};
	struct client_job *job;

	if ((r->revoked >> member) & 1)
		return;
	pthread_mutex_lock(&s->lock);
	job = submit_find(s, &m->id);
	if (job && job->state == JOB_ORDERED && job->backoff_ms <= SUBMIT_REPEAT_MS)
		ask_soon(s, job);
	else if (job && job->state == JOB_ORDERED)
		log_info(LOG_MODULE,
			 "peer %u does not take a transaction: %s -> sent again until its validity ends",
			 member, err_name(m->error));
	pthread_mutex_unlock(&s->lock);
	take_item(s, r, member, 0, &item, &last, &c);
	conclude(s, r, &c);
}

void submit_on_receipt(struct submitter *s, const struct roster *r, unsigned member, uint64_t request,
		       struct view payload)
{
	struct consequences c = {.lie.max = EVIDENCE_BYTES_MAX};
	struct client_job *job;
	struct wire_receipt m;
	int err = 0;

	if (wire_receipt_decode(payload, &m) ||
	    memcmp(m.by.b, r->members.member[member].id.b, IDENTITY_BYTES) != 0) {
		log_warn(LOG_MODULE, "peer %u sends a malformed receipt -> dropped", member);
		return;
	}
	pthread_mutex_lock(&s->lock);
	job = submit_find_request(s, request);
	if (job && (job->state == JOB_ENDORSING || job->state == JOB_HOLDING) && !job->receipt[member])
		job_ref(job);
	else
		job = NULL;
	pthread_mutex_unlock(&s->lock);
	if (job && m.held)
		err = sigpath_verify(&m.signature, SIG_RECEIPT, &s->config.network, &job->blobs_digest,
				     r->keys.endorse[member]);
	if (err)
		log_warn(LOG_MODULE, "peer %u signs a receipt badly -> dropped", member);
	pthread_mutex_lock(&s->lock);
	if (job && !err && (job->state == JOB_ENDORSING || job->state == JOB_HOLDING) && job_is_of(job, r)) {
		if (m.held && job_held(job, member, &m.signature) == 0)
			advance(s, job, &c);
		for (unsigned i = 0; i < m.missing_count; i++)
			job_missing(job, member, &m.missing[i]);
		if (m.missing_count)
			worker_wake(s->worker);
	}
	pthread_mutex_unlock(&s->lock);
	job_unref(job);
	conclude(s, r, &c);
}

void submit_on_tx(struct submitter *s, const struct hash *id, uint64_t height, uint32_t index,
		  uint8_t verdict)
{
	struct client_job *job;
	const char *text;

	pthread_mutex_lock(&s->lock);
	job = submit_find(s, id);
	if (job) {
		struct client_result *r = &job->outcome;

		*r = (struct client_result){.id = *id, .height = height, .index = index, .verdict = verdict};
		r->error = outcome_of_verdict(verdict, &text);
		snprintf(r->detail, sizeof(r->detail), "%s", text);
		job_ref(job);
		submit_remove(s, job);
		job->next = s->settled;
		s->settled = job;
	}
	pthread_mutex_unlock(&s->lock);
}

void submit_on_block(struct submitter *s)
{
	struct client_job *list;

	pthread_mutex_lock(&s->lock);
	list = s->settled;
	s->settled = NULL;
	pthread_mutex_unlock(&s->lock);
	while (list) {
		struct client_job *job = list;

		list = job->next;
		job_settle(job, &job->outcome);
		job_unref(job);
	}
}
