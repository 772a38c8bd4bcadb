/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simevidence.c - invariant ACCUSE: what the core hands out as evidence is proof, and against liars only.
 */
#include "tests/sim/simcheck.h"

static bool is_vote_of(const struct node *n, struct view message, uint8_t member, struct vote *ret_vote)
{
	struct msg_pre_prepare pp;
	struct msg_vote m;
	struct hash digest;

	if (msg_pre_prepare_decode(message, &pp) == 0) {
		digest = vote_digest(&n->sim->network, &pp.vote);
		*ret_vote = pp.vote;
		return sim_verify(n->sim, &n->set, member, &digest, pp.sig) == 0;
	}
	if (msg_vote_decode(message, &m) != 0)
		return false;
	digest = vote_digest(&n->sim->network, &m.vote);
	*ret_vote = m.vote;
	return m.sender == member && sim_verify(n->sim, &n->set, member, &digest, m.sig) == 0;
}

/* Two VIEW-CHANGEs or NEW-VIEWs of this member for one view. */
static bool are_messages_of(const struct node *n, struct view first, struct view second, uint8_t member)
{
	const struct view m[] = {first, second};
	struct viewmsg_head head[2];
	struct hash digest[2];

	for (unsigned i = 0; i < 2; i++) {
		if (viewmsg_head(m[i], &head[i]) != 0 || head[i].sender != member)
			return false;
		digest[i] = viewmsg_digest(&n->sim->network, m[i]);
		if (sim_verify(n->sim, &n->set, member, &digest[i], m[i].data + m[i].len - SIG_BYTES) != 0)
			return false;
	}
	return head[0].kind == head[1].kind && head[0].epoch == head[1].epoch &&
	       head[0].view == head[1].view && !hash_equal(&digest[0], &digest[1]);
}

static bool are_votes_of(const struct node *n, struct view first, struct view second, uint8_t member)
{
	struct vote a, b;

	return is_vote_of(n, first, member, &a) && is_vote_of(n, second, member, &b) && a.kind == b.kind &&
	       a.epoch == b.epoch && a.height == b.height && a.view == b.view &&
	       !hash_equal(&a.digest, &b.digest);
}

void check_evidence(struct node *n, const struct pbft_update *u)
{
	struct sim *s = n->sim;

	if (s->node[n->set.who[u->evidence.member]].liar == HONEST)
		sim_fail(s, "ACCUSE", "node %u accuses %u", n->at, u->evidence.member);
	if (!are_votes_of(n, u->evidence.first, u->evidence.second, u->evidence.member) &&
	    !are_messages_of(n, u->evidence.first, u->evidence.second, u->evidence.member))
		sim_fail(s, "ACCUSE", "node %u has no proof against %u", n->at, u->evidence.member);
}
