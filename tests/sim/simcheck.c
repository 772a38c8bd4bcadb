/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simcheck.c - watches what correct replicas send and execute. See simcheck.h.
 */
#include "tests/sim/simcheck.h"

#include "ledger/mem.h"
#include "net/pbft_msg.h"

#include <assert.h>
#include <string.h>

#define VIEW_MAX 2000
#define MESSAGES_A_STEP_MAX 600

struct said {
	bool used;
	uint8_t member;
	uint8_t kind;
	uint64_t height;
	uint64_t view;
	struct hash digest;
};

struct decided {
	struct hash digest;
	struct hash previous;
};

struct checker {
	struct said *said;
	size_t said_count, said_cap; /* a power of two */
	struct decided *decided;     /* 1..height */
	uint64_t height;
	size_t decided_cap;
	uint64_t in_block[REQUESTS_MAX]; /* 0: in none */
	struct {
		bool used;
		uint64_t height, view;
	} committed[MEMBERS_MAX]; /* last COMMIT sent */
};

struct checker *check_new(void)
{
	struct checker *c = mem_zalloc(sizeof(*c));

	assert(c != NULL);
	c->said_cap = 1024;
	c->said = mem_zalloc(c->said_cap * sizeof(*c->said));
	assert(c->said != NULL);
	return c;
}

void check_free(struct checker *c)
{
	mem_free(c->said);
	mem_free(c->decided);
	mem_free(c);
}

static struct said *said_slot(struct said *table, size_t cap, const struct said *key)
{
	uint64_t mix = (key->height * 0x9e3779b97f4a7c15u) ^ (key->view * 0xc2b2ae3d27d4eb4fu) ^
		       ((uint64_t)key->member << 7 | key->kind) * 0x165667b19e3779f9u;
	size_t at = (size_t)(mix >> 20) & (cap - 1);

	while (table[at].used && (table[at].member != key->member || table[at].kind != key->kind ||
				  table[at].height != key->height || table[at].view != key->view))
		at = (at + 1) & (cap - 1);
	return &table[at];
}

static void said_grow(struct checker *c)
{
	size_t cap = c->said_cap * 2;
	struct said *larger = mem_zalloc(cap * sizeof(*larger));

	assert(larger != NULL);
	for (size_t i = 0; i < c->said_cap; i++) {
		if (c->said[i].used)
			*said_slot(larger, cap, &c->said[i]) = c->said[i];
	}
	mem_free(c->said);
	c->said = larger;
	c->said_cap = cap;
}

/* NOEQUIV */
static void says(struct node *n, uint8_t kind, uint64_t height, uint64_t view, const struct hash *digest)
{
	struct checker *c = n->sim->checker;
	struct said key = {true, n->member, kind, height, view, *digest};
	struct said *slot = said_slot(c->said, c->said_cap, &key);

	if (slot->used && !hash_equal(&slot->digest, digest))
		sim_fail(n->sim, "NOEQUIV", "node %u: kind %u height %llu view %llu", n->at, kind,
			 (unsigned long long)height, (unsigned long long)view);
	if (slot->used)
		return;
	*slot = key;
	if (++c->said_count * 2 > c->said_cap)
		said_grow(c);
}

/* LOCK */
static void check_change(struct node *n, const struct msg_view_change *m)
{
	const struct checker *c = n->sim->checker;

	if (!c->committed[n->member].used || c->committed[n->member].height < m->height + 1)
		return;
	if (c->committed[n->member].height > m->height + 1 || !m->has_prepared ||
	    m->prepared.view < c->committed[n->member].view)
		sim_fail(n->sim, "LOCK",
			 "node %u: VIEW-CHANGE to %llu at height %llu hides its COMMIT at %llu", n->at,
			 (unsigned long long)m->view, (unsigned long long)m->height,
			 (unsigned long long)c->committed[n->member].height);
}

static void check_vote_sent(struct node *n, const struct msg_vote *m)
{
	struct checker *c = n->sim->checker;
	const uint64_t height = m->vote.height, view = m->vote.view;

	says(n, (uint8_t)m->vote.kind, height, view, &m->vote.digest);
	if (m->vote.kind != VOTE_COMMIT)
		return;
	if (c->committed[n->member].used &&
	    (c->committed[n->member].height > height ||
	     (c->committed[n->member].height == height && c->committed[n->member].view >= view)))
		return;
	c->committed[n->member].used = true;
	c->committed[n->member].height = height;
	c->committed[n->member].view = view;
}

void check_sent(struct node *n, struct view message)
{
	struct msg_pre_prepare pp;
	struct msg_vote vote;
	struct msg_view_change change;
	struct msg_new_view new_view;
	struct hash digest;
	enum msg_kind kind;

	if (msg_kind(message, &kind) != 0) {
		sim_fail(n->sim, "BOUND", "node %u sends no message", n->at);
		return;
	}
	if (kind == MSG_PRE_PREPARE && msg_pre_prepare_decode(message, &pp) == 0) {
		says(n, MSG_PRE_PREPARE, pp.vote.height, pp.vote.view, &pp.vote.digest);
	} else if ((kind == MSG_PREPARE || kind == MSG_COMMIT) && msg_vote_decode(message, &vote) == 0) {
		check_vote_sent(n, &vote);
	} else if (kind == MSG_VIEW_CHANGE && msg_view_change_decode(message, &change) == 0) {
		digest = sha256(message);
		says(n, MSG_VIEW_CHANGE, 0, change.view, &digest);
		check_change(n, &change);
		if (message.len > VIEW_CHANGE_BYTES_MAX)
			sim_fail(n->sim, "BOUND", "VIEW-CHANGE of %zu bytes", message.len);
	} else if (kind == MSG_NEW_VIEW && msg_new_view_decode(message, &new_view) == 0 &&
		   new_view.sender == n->member) {
		digest = sha256(message);
		says(n, MSG_NEW_VIEW, 0, new_view.view, &digest);
		if (new_view.has_proposal)
			says(n, MSG_PRE_PREPARE, new_view.height, new_view.view, &new_view.digest);
		if (message.len > NEW_VIEW_BYTES_MAX)
			sim_fail(n->sim, "BOUND", "NEW-VIEW of %zu bytes", message.len);
	}
}

static void check_quorum(struct node *n, const struct certificate *c)
{
	const struct vote vote = {VOTE_COMMIT, c->epoch, c->height, c->view, c->digest};
	const struct hash digest = vote_digest(&n->sim->network, &vote);
	unsigned good = 0;

	for (unsigned i = 0; i < c->count; i++) {
		if (i > 0 && c->index[i] <= c->index[i - 1])
			sim_fail(n->sim, "QUORUM", "members not ascending");
		good += c->index[i] < n->sim->n && sim_verify(n->sim, c->index[i], &digest, c->sig[i]) == 0;
	}
	if (good < members_quorum(n->sim->n))
		sim_fail(n->sim, "QUORUM", "node %u: %u votes at height %llu", n->at, good,
			 (unsigned long long)c->height);
}

/* A height seen for the first time: its requests are acknowledged from now on. */
static void decide(struct node *n, const struct certificate *c, const struct body_view *b)
{
	struct checker *k = n->sim->checker;

	if (c->height + 1 > k->decided_cap) {
		k->decided_cap = k->decided_cap ? k->decided_cap * 2 : 64;
		k->decided = mem_array(k->decided, k->decided_cap, sizeof(*k->decided));
		assert(k->decided != NULL);
	}
	k->height = c->height;
	k->decided[c->height].digest = c->digest;
	k->decided[c->height].previous = b->previous;
	if (c->height > 1 && !hash_equal(&b->previous, &k->decided[c->height - 1].digest))
		sim_fail(n->sim, "AGREE", "height %llu does not follow", (unsigned long long)c->height);
	for (uint32_t i = 0; i < b->id_count; i++) {
		unsigned number = app_request_number(&b->ids[i]);

		if (number == REQUESTS_MAX || k->in_block[number] != 0)
			sim_fail(n->sim, "ONCE", "request %u at height %llu", number,
				 (unsigned long long)c->height);
		else
			k->in_block[number] = c->height;
	}
}

void check_executed(struct node *n, const struct certificate *c, struct view body)
{
	struct checker *k = n->sim->checker;
	struct hash digest;
	struct body_view b;

	check_quorum(n, c);
	if (app_digest(body, &digest) != 0 || !hash_equal(&digest, &c->digest) ||
	    app_body_decode(body, &b) != 0) {
		sim_fail(n->sim, "AGREE", "node %u executes a body that is not of the certificate", n->at);
		return;
	}
	if (c->height <= k->height) {
		if (!hash_equal(&k->decided[c->height].digest, &c->digest))
			sim_fail(n->sim, "AGREE", "node %u: two blocks at height %llu", n->at,
				 (unsigned long long)c->height);
	} else if (c->height == k->height + 1) {
		decide(n, c, &b);
	} else {
		sim_fail(n->sim, "AGREE", "height %llu before %llu", (unsigned long long)c->height,
			 (unsigned long long)k->height + 1);
	}
}

static bool is_vote_of(struct sim *s, struct view message, uint8_t member, struct vote *ret_vote)
{
	struct msg_pre_prepare pp;
	struct msg_vote m;
	struct hash digest;

	if (msg_pre_prepare_decode(message, &pp) == 0) {
		digest = vote_digest(&s->network, &pp.vote);
		*ret_vote = pp.vote;
		return sim_verify(s, member, &digest, pp.sig) == 0;
	}
	if (msg_vote_decode(message, &m) != 0)
		return false;
	digest = vote_digest(&s->network, &m.vote);
	*ret_vote = m.vote;
	return m.sender == member && sim_verify(s, member, &digest, m.sig) == 0;
}

void check_evidence(struct node *n, const struct pbft_update *u)
{
	struct sim *s = n->sim;
	struct vote a, b;
	bool liar = false;

	for (unsigned i = 0; i < s->nodes; i++)
		liar = liar || (s->node[i].member == u->evidence.member && s->node[i].liar != HONEST);
	if (!liar)
		sim_fail(s, "ACCUSE", "node %u accuses %u", n->at, u->evidence.member);
	if (!is_vote_of(s, u->evidence.first, u->evidence.member, &a) ||
	    !is_vote_of(s, u->evidence.second, u->evidence.member, &b) || a.kind != b.kind ||
	    a.height != b.height || a.view != b.view || hash_equal(&a.digest, &b.digest))
		sim_fail(s, "ACCUSE", "node %u has no proof against %u", n->at, u->evidence.member);
}

void check_step(struct node *n, const struct pbft_update *u)
{
	if (u->send_count > MESSAGES_A_STEP_MAX)
		sim_fail(n->sim, "BOUND", "node %u sends %zu messages at once", n->at, u->send_count);
	if (pbft_view(n->core) > VIEW_MAX)
		sim_fail(n->sim, "BOUND", "node %u is in view %llu", n->at,
			 (unsigned long long)pbft_view(n->core));
	if (pbft_pool_count(n->core) > n->sim->requests)
		sim_fail(n->sim, "BOUND", "node %u has %zu requests", n->at, pbft_pool_count(n->core));
}

bool check_is_acked(const struct sim *s, unsigned request)
{
	return s->checker->in_block[request] != 0;
}

uint64_t check_height(const struct sim *s)
{
	return s->checker->height;
}

bool check_converged(const struct sim *s)
{
	uint64_t needed = 0;

	for (unsigned i = 0; i < s->requests; i++) {
		if (!check_is_acked(s, i))
			return false;
		if (s->checker->in_block[i] > needed)
			needed = s->checker->in_block[i];
	}
	for (unsigned i = 0; i < s->nodes; i++) {
		if (s->node[i].liar == HONEST && (!s->node[i].up || s->node[i].height < needed))
			return false;
	}
	return true;
}

void check_final(struct sim *s)
{
	const struct checker *k = s->checker;

	for (unsigned i = 0; i < s->nodes; i++) {
		const struct node *n = &s->node[i];

		if (n->liar != HONEST)
			continue;
		for (uint64_t h = 1; h <= n->height; h++) {
			if (!hash_equal(&n->chain[h].digest, &k->decided[h].digest))
				sim_fail(s, "AGREE", "node %u differs at height %llu", i,
					 (unsigned long long)h);
		}
		for (unsigned r = 0; r < s->requests; r++) {
			if (k->in_block[r] != 0 && k->in_block[r] <= n->height && !n->settled[r])
				sim_fail(s, "DURABLE", "node %u has lost request %u", i, r);
		}
	}
}
