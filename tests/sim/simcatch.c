/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simcatch.c - catching up: a node asks another for certified blocks. What a driver does when the core says
 * that it is behind.
 */
#include "tests/sim/simcheck.h"

#include <string.h>

#define CATCHUP_ASK 0x43555031u
#define CATCHUP_TELL 0x43555032u
#define CATCHUP_BLOCKS 16
#define CATCHUP_EVERY_MS 50
#define POLL_LEARNER_MS 300
#define POLL_MEMBER_MS 3000

static void send_frame(struct node *n, uint8_t person, struct buf *frame)
{
	struct packet *p = packet_new(buf_view(frame), n->liar == HONEST);

	for (unsigned i = 0; i < n->sim->nodes; i++) {
		if (n->sim->node[i].person == person && i != n->at)
			net_send(n->sim, n->at, i, p);
	}
	packet_drop(p);
	buf_release(frame);
}

void catch_ask(struct node *n, uint8_t from)
{
	struct buf frame;
	struct enc e;

	if (n->sim->now < n->catchup_ms + CATCHUP_EVERY_MS)
		return;
	n->catchup_ms = n->sim->now;
	if (from == n->member || from >= n->set.n || rng_chance(&n->sim->rng, 300))
		from = (uint8_t)rng_below(&n->sim->rng, n->set.n);
	buf_init(&frame, 0);
	enc_init(&e, &frame);
	enc_u32(&e, CATCHUP_ASK);
	enc_u8(&e, n->person);
	enc_u64(&e, n->height);
	send_frame(n, n->set.who[from], &frame);
}

void catch_start(struct node *n)
{
	n->catchup_ms = 0;
	catch_ask(n, PBFT_LEARNER);
}

void catch_poll(struct node *n)
{
	if (n->up && n->height == n->polled)
		catch_ask(n, PBFT_LEARNER);
	n->polled = n->height;
	net_add(n->sim, (struct agenda){.kind = AGENDA_POLL, .node = n->at},
		n->member == PBFT_LEARNER ? POLL_LEARNER_MS : POLL_MEMBER_MS);
}

static void tell_blocks(struct node *n, uint8_t to, uint64_t above)
{
	struct buf frame;
	struct enc e;

	buf_init(&frame, 0);
	enc_init(&e, &frame);
	enc_u32(&e, CATCHUP_TELL);
	for (uint64_t h = above + 1; h <= n->height && h <= above + CATCHUP_BLOCKS; h++) {
		certificate_encode(&n->chain[h].certificate, &e);
		enc_bytes(&e, VIEW(n->chain[h].body->data, n->chain[h].body->len));
	}
	if (above < n->height)
		send_frame(n, to, &frame);
	buf_release(&frame);
}

static bool is_certified(const struct node *n, const struct certificate *c, struct view body)
{
	const struct vote vote = {VOTE_COMMIT, c->epoch, c->height, c->view, c->digest};
	const struct hash signed_digest = vote_digest(&n->sim->network, &vote);
	struct hash digest;
	unsigned good = 0;

	if (c->epoch != n->epoch || c->height != n->height + 1 || app_digest(body, &digest) != 0 ||
	    !hash_equal(&digest, &c->digest))
		return false;
	for (unsigned i = 0; i < c->count; i++)
		good += c->index[i] < n->set.n &&
			sim_verify(n->sim, &n->set, c->index[i], &signed_digest, c->sig[i]) == 0;
	return good >= members_quorum(n->set.n);
}

static void hear_blocks(struct node *n, struct dec *d)
{
	struct pbft_event event = {.kind = PBFT_EXECUTED};
	struct hash ids[REQUESTS_MAX];
	struct certificate c, last = {0};
	struct body_view b;
	uint32_t id_count = 0;

	while (d->err == 0 && d->at < d->len) {
		struct view body;

		memset(&c, 0, sizeof(c));
		certificate_decode(d, &c);
		body = dec_bytes(d, PBFT_BODY_BYTES_MAX);
		if (d->err != 0 || !is_certified(n, &c, body))
			continue;
		if (n->liar == HONEST)
			check_executed(n, &c, body);
		node_apply(n, &c, body, &b);
		for (uint32_t i = 0; i < b.id_count && id_count < REQUESTS_MAX; i++)
			ids[id_count++] = b.ids[i];
		last = c;
		if (app_block_is_config(n->sim, &b)) {
			node_begin_epoch(n);
			return;
		}
	}
	if (last.height == 0 || last.height != n->height)
		return;
	sim_say(n->sim, n, "learns blocks up to %llu", (unsigned long long)n->height);
	event.u.executed.height = last.height;
	event.u.executed.digest = last.digest;
	event.u.executed.certificate = &last;
	event.u.executed.ids = ids;
	event.u.executed.id_count = id_count;
	node_step(n, &event);
}

void catch_hear(struct node *n, struct view frame)
{
	struct dec d;
	uint32_t magic;

	dec_init(&d, frame);
	magic = dec_u32(&d);
	if (magic == CATCHUP_ASK) {
		uint8_t to = dec_u8(&d);
		uint64_t above = dec_u64(&d);

		if (dec_done(&d) == 0)
			tell_blocks(n, to, above);
	} else if (magic == CATCHUP_TELL) {
		hear_blocks(n, &d);
	}
}
