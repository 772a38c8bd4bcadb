/* SPDX-License-Identifier: Apache-2.0 */
/*
 * accuse.c - finds who stands alone among the answers to one proposal, and who contradicts him.
 */
#include "net/accuse.h"

#include "ledger/evidence.h"
#include "ledger/mem.h"

#include <string.h>

static bool endorsed(const struct client_job *job, unsigned member)
{
	return job->tally.answer[member].kind == TALLY_ENDORSED && job->endorsement[member];
}

static struct view rwset_of(const struct client_job *job, const struct hash *hash)
{
	for (unsigned i = 0; i < JOB_RWSETS_MAX; i++) {
		if (job->rwset[i].bytes.len && hash_equal(&job->rwset[i].hash, hash))
			return buf_view(&job->rwset[i].bytes);
	}
	return VIEW_NONE;
}

/* f + 1 of as many organizations, the offender's not among them, that all endorsed this set. */
static bool gather(const struct client_job *job, const struct roster *r, const struct hash *hash,
		   struct evidence *e)
{
	const struct member *m = r->members.member;
	unsigned needed = members_faults(r->members.count) + 1;

	e->witness_count = 0;
	for (unsigned i = 0; i < job->tally.count && e->witness_count < needed; i++) {
		bool counts = endorsed(job, i) && hash_equal(&job->tally.answer[i].rwset, hash) &&
			      m[i].org != m[e->member].org;

		for (unsigned k = 0; k < e->witness_count && counts; k++)
			counts = m[e->witness[k].member].org != m[i].org;
		if (!counts)
			continue;
		e->witness[e->witness_count].member = (uint8_t)i;
		e->witness[e->witness_count++].path = *job->endorsement[i];
	}
	return e->witness_count == needed;
}

bool accuse_endorser(const struct client_job *job, const struct roster *r, const struct hash *network,
		     unsigned member, struct view rwset, const struct sigpath *sig, struct buf *out)
{
	const struct hash own = sha256(rwset);
	struct evidence *e = NULL;
	bool done = false;

	for (unsigned i = 0; i < job->tally.count && !done; i++) {
		const struct hash *other = &job->tally.answer[i].rwset;

		if (i == member || !endorsed(job, i) || hash_equal(other, &own))
			continue;
		if (!e)
			e = mem_zalloc(sizeof(*e)); /* mostly all say the same, and it is not needed */
		if (!e)
			break;
		e->kind = EVIDENCE_ENDORSED_WRONG;
		e->member = (uint8_t)member;
		e->epoch = r->members.epoch;
		e->tx = job->id;
		e->side[0].bytes = rwset;
		e->side[0].path = *sig;
		e->side[1].bytes = rwset_of(job, other);
		done = e->side[1].bytes.len > 0 && gather(job, r, other, e) &&
		       evidence_encode(e, network, out) == 0;
	}
	mem_free(e);
	return done;
}

/* Mostly all say the same, and nothing is to be hashed. */
static bool answers_differ(const struct client_job *job)
{
	const struct hash *first = NULL;

	for (unsigned i = 0; i < job->tally.count; i++) {
		if (!endorsed(job, i))
			continue;
		if (first && !hash_equal(first, &job->tally.answer[i].rwset))
			return true;
		first = &job->tally.answer[i].rwset;
	}
	return false;
}

bool accuse_any(const struct client_job *job, const struct roster *r, const struct hash *network,
		struct buf *out)
{
	if (!answers_differ(job))
		return false;
	for (unsigned i = 0; i < job->tally.count; i++) {
		struct view rwset;

		if (!endorsed(job, i))
			continue;
		rwset = rwset_of(job, &job->tally.answer[i].rwset);
		if (rwset.len && accuse_endorser(job, r, network, i, rwset, job->endorsement[i], out))
			return true;
	}
	return false;
}
