/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pbft_quorum.c - votes of distinct members, and the quorums they make.
 *
 * Votes are verified only when enough of them agree, and no more than the quorum needs. A forged vote can
 * therefore lie in a cell; it goes when it is looked at, or when the true one comes and differs.
 */
#include "net/pbft_core.h"

#include <assert.h>
#include <string.h>

static struct tally *tally_of(struct pbft *p, enum vote_kind kind)
{
	assert(kind == VOTE_PREPARE || kind == VOTE_COMMIT);
	return kind == VOTE_PREPARE ? &p->prepares : &p->commits;
}

static int cell_verify(struct pbft *p, enum vote_kind kind, uint8_t sender, struct cell *cell)
{
	const struct vote vote = {kind, p->cfg.epoch, cell->height, cell->view, cell->digest};
	int err = cell->verified ? 0 : core_verify_vote(p, sender, &vote, cell->sig);

	cell->verified = err == 0;
	return err;
}

/*
 * COMMITs of every view count (a quorum of them is a proof in any view); PREPAREs only of this view or of
 * one that may still be entered.
 */
static struct cell *cell_for(struct pbft *p, enum vote_kind kind, uint8_t sender, uint64_t height,
			     uint64_t view)
{
	struct tally *t = tally_of(p, kind);

	if (height == p->open + 1)
		return &t->next[sender];
	if (height != p->open)
		return NULL;
	if (view == p->view)
		return &t->now[sender];
	if (kind == VOTE_PREPARE && view < p->view)
		return NULL;
	return &t->other[sender];
}

static bool same_slot(const struct cell *a, const struct cell *b)
{
	return a->height == b->height && a->view == b->view;
}

int tally_add(struct pbft *p, enum vote_kind kind, uint8_t sender, const struct cell *cell)
{
	struct cell *have = cell_for(p, kind, sender, cell->height, cell->view);
	struct cell new = *cell;
	bool same;
	int err;

	if (have == NULL)
		return 0;
	new.used = true;
	if (!have->used) {
		*have = new;
		return 0;
	}
	same = same_slot(have, &new) && hash_equal(&have->digest, &new.digest);
	if (same && (have->verified || memcmp(have->sig, new.sig, SIG_BYTES) == 0))
		return 0;
	err = cell_verify(p, kind, sender, &new);
	if (err != 0)
		return err;
	if (same || cell_verify(p, kind, sender, have) != 0) {
		*have = new;
		return 0;
	}
	if (same_slot(have, &new))
		out_evidence(p, sender, kind, have, &new);
	else if (new.view > have->view)
		*have = new;
	return 0;
}

static void shift(struct pbft *p, enum vote_kind kind)
{
	struct tally *t = tally_of(p, kind);
	const struct tally old = *t;

	memset(t, 0, sizeof(*t));
	for (uint8_t i = 0; i < p->cfg.n; i++) {
		const struct cell *cells[] = {&old.now[i], &old.other[i], &old.next[i]};

		for (size_t c = 0; c < 3; c++) {
			struct cell *to;

			if (!cells[c]->used)
				continue;
			to = cell_for(p, kind, i, cells[c]->height, cells[c]->view);
			if (to != NULL && (!to->used || to->view < cells[c]->view))
				*to = *cells[c];
		}
	}
}

void tally_shift(struct pbft *p)
{
	shift(p, VOTE_PREPARE);
	shift(p, VOTE_COMMIT);
}

static struct cell *matching(struct pbft *p, enum vote_kind kind, uint8_t sender, uint64_t view,
			     const struct hash *digest)
{
	struct cell *cell = cell_for(p, kind, sender, p->open, view);

#ifndef BUG_COUNT_LEADER
	/* The leader's PREPARE is no vote: its PRE-PREPARE is (CORRECTNESS fact 1). */
	if (kind == VOTE_PREPARE && sender == core_leader(p, view))
		return NULL;
#endif
	if (cell == NULL || !cell->used || cell->view != view || !hash_equal(&cell->digest, digest))
		return NULL;
	return cell;
}

bool tally_collect(struct pbft *p, enum vote_kind kind, uint64_t view, const struct hash *digest,
		   unsigned needed, uint8_t ret_index[MEMBERS_MAX], uint8_t ret_sig[MEMBERS_MAX][SIG_BYTES])
{
	uint8_t index[MEMBERS_MAX];
	unsigned seen = 0, good = 0;

	for (uint8_t i = 0; i < p->cfg.n; i++)
		seen += matching(p, kind, i, view, digest) != NULL;
	for (uint8_t i = 0; i < p->cfg.n && good < needed && seen >= needed; i++) {
		struct cell *cell = matching(p, kind, i, view, digest);

		if (cell == NULL)
			continue;
		if (cell_verify(p, kind, i, cell) == 0) {
			index[good++] = i;
		} else {
			cell->used = false;
			seen--;
		}
	}
	if (good < needed)
		return false;
	for (unsigned k = 0; k < needed; k++) {
		ret_index[k] = index[k];
		memcpy(ret_sig[k], matching(p, kind, index[k], view, digest)->sig, SIG_BYTES);
	}
	return true;
}

bool tally_commit_candidate(struct pbft *p, uint64_t *ret_view, struct hash *ret_digest)
{
	const struct cell *cells[2 * MEMBERS_MAX];
	size_t count = 0;

	for (uint8_t i = 0; i < p->cfg.n; i++) {
		if (p->commits.now[i].used)
			cells[count++] = &p->commits.now[i];
		if (p->commits.other[i].used)
			cells[count++] = &p->commits.other[i];
	}
	for (size_t i = 0; i < count; i++) {
		unsigned same = 0;

		for (size_t j = 0; j < count; j++)
			same += cells[j]->view == cells[i]->view &&
				hash_equal(&cells[j]->digest, &cells[i]->digest);
		if (same < core_commits_needed(p))
			continue;
		*ret_view = cells[i]->view;
		*ret_digest = cells[i]->digest;
		return true;
	}
	return false;
}

int quorum_check_certificate(struct pbft *p, const struct certificate *c)
{
	const struct vote vote = {VOTE_COMMIT, c->epoch, c->height, c->view, c->digest};
	const unsigned needed = core_commits_needed(p);
	unsigned good = 0;

	if (core_other_epoch(p, c->epoch) || c->height <= p->cfg.epoch || c->count > p->cfg.n)
		return CF_EINVAL;
	if (p->has_base && memcmp(c, &p->base, sizeof(*c)) == 0)
		return 0;
	for (unsigned i = 0; i < c->count; i++) {
		if (c->index[i] >= p->cfg.n || (i > 0 && c->index[i] <= c->index[i - 1]))
			return CF_EINVAL;
	}
	for (unsigned i = 0; i < c->count && good < needed; i++) {
		if (good + (c->count - i) < needed)
			break;
		good += core_verify_vote(p, c->index[i], &vote, c->sig[i]) == 0;
	}
	return good >= needed ? 0 : CF_ESIG;
}

int quorum_check_prepared(struct pbft *p, const struct prepared *c, uint64_t height, uint64_t below_view)
{
	struct vote vote = {VOTE_PRE_PREPARE, p->cfg.epoch, c->height, c->view, c->digest};
	const uint8_t leader = core_leader(p, c->view);
	int err;

	if (c->height != height || c->view >= below_view || c->count != p->quorum - 1)
		return CF_EINVAL;
	for (unsigned i = 0; i < c->count; i++) {
		if (c->index[i] >= p->cfg.n || (i > 0 && c->index[i] <= c->index[i - 1]))
			return CF_EINVAL;
#ifndef BUG_COUNT_LEADER
		if (c->index[i] == leader)
			return CF_EINVAL;
#endif
	}
	err = core_verify_vote(p, leader, &vote, c->leader_sig);
	vote.kind = VOTE_PREPARE;
	for (unsigned i = 0; i < c->count && err == 0; i++)
		err = core_verify_vote(p, c->index[i], &vote, c->sig[i]);
	return err;
}
