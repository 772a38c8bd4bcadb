/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simbyz.c - what liars do. Each runs the true core, so that it knows what would hurt, and bends what goes
 * out.
 */
#include "net/pbft_msg.h"
#include "tests/sim/sim.h"

#include <assert.h>
#include <string.h>

static void send_to(struct node *n, unsigned to, struct view bytes)
{
	struct packet *p = packet_new(bytes, false);

	if (n->sim->node[to].person != n->person)
		net_send(n->sim, n->at, to, p);
	packet_drop(p);
}

/* Another block for the same height and view, to some of the others. */
static void second_proposal(struct node *n, const struct msg_pre_prepare *m)
{
	struct msg_pre_prepare other = *m;
	struct body_view b;
	struct packet *body;
	struct hash digest;
	struct buf bytes;
	int err;

	if (app_body_decode(m->body, &b) != 0)
		return;
	if (b.id_count > 0)
		b.id_count--;
	body = app_body_encode(&b, rng_next(&n->sim->rng));
	other.body = VIEW(body->data, body->len);
	err = app_digest(other.body, &other.vote.digest);
	assert(err == 0);
	digest = vote_digest(&n->sim->network, &other.vote);
	sim_sign(n->sim, &n->set, n->member, &digest, other.sig);
	buf_init(&bytes, 0);
	err = msg_pre_prepare_encode(&other, &bytes);
	assert(err == 0);
	for (unsigned i = 0; i < n->sim->nodes; i++) {
		if (rng_chance(&n->sim->rng, 500))
			send_to(n, i, buf_view(&bytes));
	}
	buf_release(&bytes);
	packet_drop(body);
}

static bool equivocate(struct node *n, const struct pbft_send *send)
{
	struct msg_pre_prepare m;

	if (msg_pre_prepare_decode(send->bytes, &m) != 0 || !m.has_body)
		return true;
	second_proposal(n, &m);
	for (unsigned i = 0; i < n->sim->nodes; i++) {
		if (rng_chance(&n->sim->rng, 500))
			send_to(n, i, send->bytes);
	}
	return false;
}

/* Votes for whatever anybody proposes or votes for, in both phases. */
static void vote_for_all(struct node *n, struct view message)
{
	struct msg_pre_prepare pp;
	struct msg_vote m;
	struct vote vote;

	memset(&m, 0, sizeof(m));
	if (msg_pre_prepare_decode(message, &pp) == 0)
		vote = pp.vote;
	else if (msg_vote_decode(message, &m) == 0)
		vote = m.vote;
	else
		return;
	if (!rng_chance(&n->sim->rng, 300))
		return;
	for (int kind = VOTE_PREPARE; kind <= VOTE_COMMIT; kind++) {
		struct hash digest;
		struct buf bytes;
		int err;

		m.sender = n->member;
		m.vote = vote;
		m.vote.kind = (enum vote_kind)kind;
		digest = vote_digest(&n->sim->network, &m.vote);
		sim_sign(n->sim, &n->set, n->member, &digest, m.sig);
		buf_init(&bytes, 0);
		err = msg_vote_encode(&m, &bytes);
		assert(err == 0);
		for (unsigned i = 0; i < n->sim->nodes; i++) {
			if (rng_chance(&n->sim->rng, 500))
				send_to(n, i, buf_view(&bytes));
		}
		buf_release(&bytes);
	}
}

static bool garble(struct node *n, const struct pbft_send *send)
{
	struct packet *p;

	if (n->old != NULL && rng_chance(&n->sim->rng, 50))
		send_to(n, (unsigned)rng_below(&n->sim->rng, n->sim->nodes), VIEW(n->old->data, n->old->len));
	if (rng_chance(&n->sim->rng, 20)) {
		packet_drop(n->old);
		n->old = packet_new(send->bytes, false);
	}
	if (!rng_chance(&n->sim->rng, 100))
		return true;
	p = packet_new(send->bytes, false);
	p->data[rng_below(&n->sim->rng, p->len)] ^= (uint8_t)(1u << rng_below(&n->sim->rng, 8));
	if (rng_chance(&n->sim->rng, 200))
		p->len = (size_t)rng_below(&n->sim->rng, p->len);
	for (unsigned i = 0; i < n->sim->nodes; i++) {
		if (n->sim->node[i].person != n->person)
			net_send(n->sim, n->at, i, p);
	}
	packet_drop(p);
	return false;
}

static void send_all(struct node *n, struct buf *bytes)
{
	for (unsigned i = 0; i < n->sim->nodes; i++)
		send_to(n, i, buf_view(bytes));
	buf_release(bytes);
}

static void resign(struct node *n, struct buf *message)
{
	const struct hash digest = viewmsg_digest(&n->sim->network, buf_view(message));

	sim_sign(n->sim, &n->set, n->member, &digest, message->data + message->len - SIG_BYTES);
}

/* A block of its own at this height and view. */
static void propose_empty(struct node *n, uint64_t height, uint64_t view)
{
	struct msg_pre_prepare m = {.has_body = true};
	struct body_view b = {.height = height, .time_ms = n->sim->now};
	struct packet *body;
	struct hash digest;
	struct buf bytes;
	int err;

	if (height > 1)
		b.previous = n->chain[height - 1].digest;
	body = app_body_encode(&b, rng_next(&n->sim->rng));
	m.body = VIEW(body->data, body->len);
	m.vote = (struct vote){.kind = VOTE_PRE_PREPARE, .epoch = n->epoch, .height = height, .view = view};
	err = app_digest(m.body, &m.vote.digest);
	assert(err == 0);
	digest = vote_digest(&n->sim->network, &m.vote);
	sim_sign(n->sim, &n->set, n->member, &digest, m.sig);
	buf_init(&bytes, 0);
	err = msg_pre_prepare_encode(&m, &bytes);
	assert(err == 0);
	send_all(n, &bytes);
	packet_drop(body);
}

/* A leader that does not carry over what it must, and proposes as it likes. */
static bool take_liberty(struct node *n, const struct pbft_send *send)
{
	struct msg_new_view m;
	struct buf bytes;
	uint64_t height;
	int err;

	if (msg_new_view_decode(send->bytes, &m) != 0 || m.sender != n->member || !m.has_proposal ||
	    m.height != n->height + 1)
		return true;
	height = m.height;
	m.has_proposal = false;
	buf_init(&bytes, 0);
	err = msg_new_view_encode(&m, &bytes);
	assert(err == 0);
	resign(n, &bytes);
	send_all(n, &bytes);
	propose_empty(n, height, m.view);
	return false;
}

/* To each member another story of what it is prepared for: the truth, the oldest certificate, or nothing. */
static bool hold(struct node *n, const struct pbft_send *send)
{
	struct msg_view_change m;

	if (msg_view_change_decode(send->bytes, &m) != 0 || m.sender != n->member)
		return take_liberty(n, send);
	if (m.has_prepared && (!n->has_held || n->held.height != m.prepared.height)) {
		n->has_held = true;
		n->held = m.prepared;
	}
	for (unsigned i = 0; i < n->sim->nodes; i++) {
		struct msg_view_change bent = m;
		struct buf bytes;
		int err;

		if (n->has_held && n->held.height == m.height + 1 && rng_chance(&n->sim->rng, 500)) {
			bent.has_prepared = true;
			bent.prepared = n->held;
		} else if (rng_chance(&n->sim->rng, 500)) {
			bent.has_prepared = false;
		}
		buf_init(&bytes, 0);
		err = msg_view_change_encode(&bent, &bytes);
		assert(err == 0);
		resign(n, &bytes);
		send_to(n, i, buf_view(&bytes));
		buf_release(&bytes);
	}
	return false;
}

bool liar_sends(struct node *n, const struct pbft_send *send)
{
	enum msg_kind kind;

	switch (n->liar) {
	case LIAR_DEAD:
		return false;
	case LIAR_MUTE:
		return msg_kind(send->bytes, &kind) == 0 && kind != MSG_PRE_PREPARE && kind != MSG_NEW_VIEW;
	case LIAR_EQUIVOCATE:
		return equivocate(n, send);
	case LIAR_GARBLE:
		return garble(n, send);
	case LIAR_HOLD:
		return hold(n, send);
	case LIAR_AMNESIA:
	case LIAR_TWINS:
	case LIAR_CENSOR: /* see answer_build() */
	case HONEST:
		break;
	}
	return true;
}

void liar_hears(struct node *n, struct view message)
{
	if (n->liar == LIAR_EQUIVOCATE && n->member != PBFT_LEARNER)
		vote_for_all(n, message);
	if (n->liar == LIAR_AMNESIA && rng_chance(&n->sim->rng, 2)) {
		node_crash(n);
		net_add(n->sim, (struct agenda){.kind = AGENDA_RESTART, .node = n->at}, 5);
	}
}
