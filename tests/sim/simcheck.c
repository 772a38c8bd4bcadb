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
	uint64_t epoch;
	uint64_t height;
	uint64_t view;
	struct hash digest;
};

struct decided {
	struct hash digest;
	struct hash previous;
};

/* Enough correct members sent COMMIT for it that liars can decide it at any time. */
struct bound {
	bool used;
	uint64_t view;
	struct hash digest;
};

struct checker {
	struct bound *bound; /* by height */
	size_t bound_cap;
	struct said *said;
	size_t said_count, said_cap; /* a power of two */
	struct decided *decided;     /* 1..height */
	uint64_t height;
	uint64_t epoch; /* of the height above */
	size_t decided_cap;
	uint64_t in_block[REQUESTS_MAX]; /* 0: in none */
	struct {
		bool used;
		uint64_t height, view;
	} committed[NODES_MAX]; /* last COMMIT sent, by person */
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
	mem_free(c->bound);
	mem_free(c);
}

/* By its meaning: any two of them share a correct member. Not the function that the core uses. */
static unsigned quorum(unsigned n)
{
	const unsigned f = (n - 1) / 3;
	unsigned q = 1;

	while (2 * q < n + f + 1)
		q++;
	return q;
}

static struct said *said_slot(struct said *table, size_t cap, const struct said *key)
{
	uint64_t mix = (key->height * 0x9e3779b97f4a7c15u) ^ (key->view * 0xc2b2ae3d27d4eb4fu) ^
		       (key->epoch << 16 | (uint64_t)key->member << 7 | key->kind) * 0x165667b19e3779f9u;
	size_t at = (size_t)(mix >> 20) & (cap - 1);

	while (table[at].used && (table[at].member != key->member || table[at].kind != key->kind ||
				  table[at].epoch != key->epoch || table[at].height != key->height ||
				  table[at].view != key->view))
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
	struct said key = {true, n->member, kind, n->epoch, height, view, *digest};
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

static struct bound *bound_at(struct checker *c, uint64_t height)
{
	const size_t had = c->bound_cap;

	if (height >= had) {
		c->bound_cap = (size_t)height * 2 + 16;
		c->bound = mem_array(c->bound, c->bound_cap, sizeof(*c->bound));
		assert(c->bound != NULL);
		memset(c->bound + had, 0, (c->bound_cap - had) * sizeof(*c->bound));
	}
	return &c->bound[height];
}

/* AGREE, long before a second block: nobody correct votes in a later view against what may be decided. */
static void check_bound(struct node *n, uint64_t height, uint64_t view, const struct hash *digest)
{
	const struct bound *b = bound_at(n->sim->checker, height);

	if (b->used && view > b->view && !hash_equal(&b->digest, digest))
		sim_fail(n->sim, "AGREE", "node %u: view %llu votes against view %llu at height %llu", n->at,
			 (unsigned long long)view, (unsigned long long)b->view, (unsigned long long)height);
}

static void bind(struct node *n, uint64_t height, uint64_t view, const struct hash *digest)
{
	struct checker *c = n->sim->checker;
	struct bound *b = bound_at(c, height);
	unsigned count = set_liars(n->sim, &n->set);

	for (unsigned i = 0; i < n->set.n; i++) {
		const struct said key = {.member = (uint8_t)i,
					 .kind = MSG_COMMIT,
					 .epoch = n->epoch,
					 .height = height,
					 .view = view};
		const struct said *slot = said_slot(c->said, c->said_cap, &key);

		count += slot->used && hash_equal(&slot->digest, digest);
	}
	if (count < quorum(n->set.n) || (b->used && b->view <= view))
		return;
	*b = (struct bound){true, view, *digest};
}

/* QUORUM: PREPAREs of Q-1 backups and the PRE-PREPARE. */
static void check_prepared(struct node *n, const struct prepared *c)
{
	struct vote vote = {VOTE_PRE_PREPARE, n->epoch, c->height, c->view, c->digest};
	const uint8_t leader = (uint8_t)(c->view % n->set.n);
	struct hash digest = vote_digest(&n->sim->network, &vote);
	unsigned good = sim_verify(n->sim, &n->set, leader, &digest, c->leader_sig) == 0;

	vote.kind = VOTE_PREPARE;
	digest = vote_digest(&n->sim->network, &vote);
	for (unsigned i = 0; i < c->count; i++) {
		if (c->index[i] < n->set.n && c->index[i] != leader &&
		    (i == 0 || c->index[i] > c->index[i - 1]))
			good += sim_verify(n->sim, &n->set, c->index[i], &digest, c->sig[i]) == 0;
	}
	if (good < quorum(n->set.n))
		sim_fail(n->sim, "QUORUM", "node %u: prepared by %u at height %llu view %llu", n->at, good,
			 (unsigned long long)c->height, (unsigned long long)c->view);
}

/* LOCK */
static void check_change(struct node *n, const struct msg_view_change *m)
{
	const struct checker *c = n->sim->checker;

	if (m->has_prepared)
		check_prepared(n, &m->prepared);
	if (!c->committed[n->person].used || c->committed[n->person].height < m->height + 1)
		return;
	if (c->committed[n->person].height > m->height + 1 || !m->has_prepared ||
	    m->prepared.view < c->committed[n->person].view)
		sim_fail(n->sim, "LOCK",
			 "node %u: VIEW-CHANGE to %llu at height %llu hides its COMMIT at %llu", n->at,
			 (unsigned long long)m->view, (unsigned long long)m->height,
			 (unsigned long long)c->committed[n->person].height);
}

static void check_vote_sent(struct node *n, const struct msg_vote *m)
{
	struct checker *c = n->sim->checker;
	const uint64_t height = m->vote.height, view = m->vote.view;

	says(n, (uint8_t)m->vote.kind, height, view, &m->vote.digest);
	check_bound(n, height, view, &m->vote.digest);
	if (m->vote.kind != VOTE_COMMIT)
		return;
	bind(n, height, view, &m->vote.digest);
	if (c->committed[n->person].used &&
	    (c->committed[n->person].height > height ||
	     (c->committed[n->person].height == height && c->committed[n->person].view >= view)))
		return;
	c->committed[n->person].used = true;
	c->committed[n->person].height = height;
	c->committed[n->person].view = view;
}

/* QUORUM and CHOICE, worked out once more: the leader of a view has no say in what it carries over. */
static void check_new_view(struct node *n, const struct msg_new_view *m)
{
	const struct prepared *best = NULL;
	struct msg_view_change change[MEMBERS_MAX];
	uint64_t height = 0;
	unsigned good = 0;

	for (unsigned i = 0; i < m->count; i++) {
		int err = msg_view_change_decode(m->change[i], &change[i]);
		struct hash digest = viewmsg_digest(&n->sim->network, m->change[i]);

		assert(err == 0);
		good += change[i].view == m->view && change[i].epoch == n->epoch &&
			(i == 0 || change[i].sender > change[i - 1].sender) &&
			sim_verify(n->sim, &n->set, change[i].sender, &digest,
				   m->change[i].data + m->change[i].len - SIG_BYTES) == 0;
		if (change[i].height > height)
			height = change[i].height;
	}
	if (good < quorum(n->set.n))
		sim_fail(n->sim, "QUORUM", "node %u: NEW-VIEW %llu of %u VIEW-CHANGEs", n->at,
			 (unsigned long long)m->view, good);
	for (unsigned i = 0; i < m->count; i++) {
		const struct prepared *c = &change[i].prepared;

		if (change[i].has_prepared && change[i].height == height &&
		    (best == NULL || c->view > best->view))
			best = c;
	}
	if (m->has_proposal != (best != NULL) ||
	    (best != NULL && (m->height != height + 1 || !hash_equal(&m->digest, &best->digest))))
		sim_fail(n->sim, "CHOICE", "node %u: NEW-VIEW %llu at height %llu", n->at,
			 (unsigned long long)m->view, (unsigned long long)m->height);
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
		check_bound(n, pp.vote.height, pp.vote.view, &pp.vote.digest);
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
		check_new_view(n, &new_view);
		if (new_view.has_proposal)
			says(n, MSG_PRE_PREPARE, new_view.height, new_view.view, &new_view.digest);
		if (message.len > NEW_VIEW_BYTES_MAX)
			sim_fail(n->sim, "BOUND", "NEW-VIEW of %zu bytes", message.len);
	}
}

void check_epoch(struct node *n, struct view message)
{
	const struct message_place place = message_place(message);

	if (place.kind >= MSG_PRE_PREPARE && place.kind <= MSG_NEW_VIEW && place.epoch != n->epoch)
		sim_fail(n->sim, "EPOCH", "node %u in epoch %llu takes kind %u of epoch %llu", n->at,
			 (unsigned long long)n->epoch, place.kind, (unsigned long long)place.epoch);
}

static void check_quorum(struct node *n, const struct certificate *c)
{
	const struct vote vote = {VOTE_COMMIT, c->epoch, c->height, c->view, c->digest};
	const struct hash digest = vote_digest(&n->sim->network, &vote);
	unsigned good = 0;

	for (unsigned i = 0; i < c->count; i++) {
		if (i > 0 && c->index[i] <= c->index[i - 1])
			sim_fail(n->sim, "QUORUM", "members not ascending");
		good += c->index[i] < n->set.n &&
			sim_verify(n->sim, &n->set, c->index[i], &digest, c->sig[i]) == 0;
	}
	if (good < quorum(n->set.n))
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
	if (c->epoch != k->epoch)
		sim_fail(n->sim, "QUORUM", "height %llu by epoch %llu", (unsigned long long)c->height,
			 (unsigned long long)c->epoch);
	if (app_block_is_config(n->sim, b))
		k->epoch = c->height;
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
