/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simnode.c - the driver of one core: obeys updates, holds the signing gate, applies blocks, crashes between
 * any two effects and starts again from its disk.
 */
#include "ledger/mem.h"
#include "tests/sim/simcheck.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum answer { ANSWER_BUILD = 1, ANSWER_CHECK, ANSWER_EXECUTE };

#define CLOCK_START_MS 100000

static void step(struct node *n, const struct pbft_event *event, bool honest);

void node_step(struct node *n, const struct pbft_event *event)
{
	step(n, event, false);
}

static int node_sign(void *ctx, const struct pbft_slot *slot, const struct hash *digest,
		     uint8_t ret_sig[SIG_BYTES])
{
	struct node *n = ctx;

	if (n->liar != LIAR_EQUIVOCATE && !gate_allows(&n->gate, slot, digest)) {
		if (n->liar == HONEST)
			sim_fail(n->sim, "GATE", "node %u: kind %d height %llu view %llu refused", n->at,
				 slot->kind, (unsigned long long)slot->height,
				 (unsigned long long)slot->view);
		return CF_EPERM;
	}
	gate_keep(&n->gate, slot, digest);
	sim_sign(n->sim, &n->set, n->member, digest, ret_sig);
	return 0;
}

static int node_verify(void *ctx, uint8_t member, const struct hash *digest, const uint8_t sig[SIG_BYTES])
{
	const struct node *n = ctx;

	return sim_verify(n->sim, &n->set, member, digest, sig);
}

static int node_digest(void *ctx, struct view body, struct hash *ret_digest)
{
	(void)ctx;
	return app_digest(body, ret_digest);
}

/* --- crash and start --- */

static void forget_asks(struct node *n)
{
	n->build = n->check = n->execute = false;
	packet_drop(n->check_body);
	packet_drop(n->execute_body);
	n->check_body = n->execute_body = NULL;
}

/* What is above this height is gone; epoch, members and settled requests are read from what is left. */
static void chain_cut(struct node *n, uint64_t height)
{
	struct body_view b;

	while (n->height > height)
		packet_drop(n->chain[n->height--].body);
	memset(n->settled, 0, sizeof(n->settled));
	n->epoch = 0;
	set_genesis(n->sim, &n->set);
	for (uint64_t h = 1; h <= n->height; h++) {
		int err = app_body_decode(VIEW(n->chain[h].body->data, n->chain[h].body->len), &b);

		assert(err == 0);
		for (uint32_t i = 0; i < b.id_count; i++)
			n->settled[app_request_number(&b.ids[i])] = true;
		if (!app_block_is_config(n->sim, &b))
			continue;
		n->epoch = h;
		set_change(n->sim, app_request_number(&b.ids[0]), &n->set);
	}
}

void node_crash(struct node *n)
{
	if (!n->up)
		return;
	n->up = false;
	n->life++;
	n->crash_in = 0;
	n->wake_ms = 0;
	pbft_free(n->core);
	n->core = NULL;
	forget_asks(n);
	memset(&n->gate, 0, sizeof(n->gate));
	if (n->liar == LIAR_AMNESIA) {
		disk_wipe(&n->disk);
		n->stored = rng_below(&n->sim->rng, n->stored + 1);
	}
	disk_crash(n->sim, &n->disk);
	chain_cut(n, n->stored);
	sim_say(n->sim, n, "crashes: %zu records, height %llu", n->disk.count, (unsigned long long)n->height);
}

void node_start(struct node *n)
{
	struct pbft_config config = n->sim->config;
	struct pbft_event event = {.kind = PBFT_START};
	int err;

	if (n->up)
		return;
	chain_cut(n, n->height);
	config.self = n->member = set_index(&n->set, n->person);
	config.n = (uint8_t)n->set.n;
	config.height = n->height;
	config.epoch = n->epoch;
	config.keys = (struct pbft_keys){n, node_sign, node_verify, node_digest};
	if (n->height > 0)
		config.head = n->chain[n->height].digest;
	if (n->height > n->epoch)
		config.certificate = &n->chain[n->height].certificate;
	gate_load(&n->gate, &n->disk, &n->sim->network);
	err = pbft_new(&config, &n->core);
	assert(err == 0);
	n->up = true;
	for (size_t i = 0; i < n->disk.count; i++) {
		const struct packet *r = n->disk.record[i];

		err = pbft_restore(n->core, VIEW(r->data, r->len));
		if (err != 0) {
			sim_fail(n->sim, "DURABLE", "node %u: record %zu: %s", n->at, i, err_name(err));
			return;
		}
	}
	sim_say(n->sim, n, "starts: %zu records, height %llu, view %llu, state %d", n->disk.count,
		(unsigned long long)n->height, (unsigned long long)pbft_view(n->core), pbft_state(n->core));
	step(n, &event, false);
	if (n->sim->changes > 0)
		catch_start(n);
}

/*
 * Another core for another epoch. The block that began it is durable first: else a loss of power could bring
 * back the epoch before, and with it a core that does not know what was signed in this one.
 */
void node_begin_epoch(struct node *n)
{
	n->stored = n->height;
	n->up = false;
	n->life++;
	n->wake_ms = 0;
	pbft_free(n->core);
	n->core = NULL;
	forget_asks(n);
	memset(&n->gate, 0, sizeof(n->gate));
	node_start(n);
	sim_say(n->sim, n, "epoch %llu: member %u of %u", (unsigned long long)n->epoch, n->member, n->set.n);
}

void node_free(struct node *n)
{
	pbft_free(n->core);
	forget_asks(n);
	chain_cut(n, 0);
	mem_free(n->chain);
	disk_wipe(&n->disk);
	packet_drop(n->old);
}

/* --- blocks --- */

void node_apply(struct node *n, const struct certificate *c, struct view body, struct body_view *ret_b)
{
	struct block *b;
	int err = app_body_decode(body, ret_b);

	assert(err == 0);
	if (n->height + 2 > n->chain_cap) {
		n->chain_cap = n->chain_cap ? n->chain_cap * 2 : 64;
		n->chain = mem_array(n->chain, n->chain_cap, sizeof(*n->chain));
		assert(n->chain != NULL);
	}
	b = &n->chain[++n->height];
	b->certificate = *c;
	b->digest = c->digest;
	b->body = packet_new(body, true);
	for (uint32_t i = 0; i < ret_b->id_count; i++)
		n->settled[app_request_number(&ret_b->ids[i])] = true;
	net_add(n->sim, (struct agenda){.kind = AGENDA_STORE, .node = n->at, .life = n->life},
		rng_below(&n->sim->rng, rng_chance(&n->sim->rng, 200) ? 2000 : 20));
}

void node_store(struct node *n)
{
	struct pbft_update u;

	n->stored = n->height;
	if (!rng_chance(&n->sim->rng, 300) || pbft_compact(n->core, &u) != 0)
		return;
	disk_replace(&n->disk, u.records, u.record_count);
	sim_say(n->sim, n, "cuts its log to %zu records at height %llu", u.record_count,
		(unsigned long long)n->height);
}

static bool is_good(const struct node *n, struct view body, bool fresh)
{
	struct body_view b;
	int64_t off;

	if (app_body_decode(body, &b) != 0 || b.height != n->height + 1)
		return false;
	if (n->height > 0 && !hash_equal(&b.previous, &n->chain[n->height].digest))
		return false;
	off = (int64_t)b.time_ms - ((int64_t)n->sim->now + n->skew_ms);
	if (fresh && (off > CLOCK_DRIFT_MS || off < -CLOCK_DRIFT_MS - n->sim->age_ms))
		return false;
	for (uint32_t i = 0; i < b.id_count; i++) {
		unsigned number = app_request_number(&b.ids[i]);

		if (number >= n->sim->issued || n->settled[number])
			return false;
		if (b.id_count > 1 && app_is_config(n->sim, number))
			return false;
		for (uint32_t k = 0; k < i; k++) {
			if (hash_equal(&b.ids[k], &b.ids[i]))
				return false;
		}
	}
	return true;
}

static void answer_build(struct node *n)
{
	struct pbft_event event = {.kind = PBFT_BUILT};
	struct body_view b;
	struct packet *body;
	int err;

	memset(&b, 0, sizeof(b));
	b.height = n->height + 1;
	b.time_ms = (uint64_t)((int64_t)n->sim->now + n->skew_ms);
	if (n->height > 0)
		b.previous = n->chain[n->height].digest;
	for (uint32_t i = 0; i < n->batch_count; i++) {
		const unsigned number = app_request_number(&n->batch[i]);

		if (n->settled[number] || (n->liar == LIAR_CENSOR && app_is_censored(number)))
			continue;
		if (app_is_config(n->sim, number) && b.id_count > 0)
			break;
		b.ids[b.id_count++] = n->batch[i];
		if (app_is_config(n->sim, number))
			break;
	}
	body = app_body_encode(&b, n->at);
	event.u.built.body = VIEW(body->data, body->len);
	event.u.built.ids = b.ids;
	event.u.built.id_count = b.id_count;
	err = app_digest(event.u.built.body, &event.u.built.digest);
	assert(err == 0);
	n->build = false;
	step(n, &event, false);
	packet_drop(body);
}

static void answer_check(struct node *n)
{
	struct pbft_event event = {.kind = PBFT_CHECKED};
	struct packet *body = n->check_body;

	event.u.checked.digest = n->check_digest;
	event.u.checked.ok =
		n->height + 1 == n->check_height && is_good(n, VIEW(body->data, body->len), n->check_fresh);
	n->check = false;
	n->check_body = NULL;
	packet_drop(body);
	step(n, &event, false);
}

static void answer_execute(struct node *n)
{
	struct pbft_event event = {.kind = PBFT_EXECUTED};
	const struct certificate c = n->execute_certificate;
	struct packet *body = n->execute_body;
	struct body_view b;

	n->execute = false;
	n->execute_body = NULL;
	b.id_count = 0;
	if (c.height == n->height + 1)
		node_apply(n, &c, VIEW(body->data, body->len), &b);
	packet_drop(body);
	if (app_block_is_config(n->sim, &b)) {
		node_begin_epoch(n);
		return;
	}
	event.u.executed.height = c.height;
	event.u.executed.digest = c.digest;
	event.u.executed.ids = b.ids;
	event.u.executed.id_count = b.id_count;
	step(n, &event, false);
}

void node_answer(struct node *n, unsigned what)
{
	if (what == ANSWER_BUILD && n->build)
		answer_build(n);
	else if (what == ANSWER_CHECK && n->check)
		answer_check(n);
	else if (what == ANSWER_EXECUTE && n->execute)
		answer_execute(n);
}

/* --- events in --- */

void node_request(struct node *n, unsigned number, bool relayed)
{
	struct pbft_event event = {.kind = PBFT_REQUEST};

	if (number >= n->sim->issued || n->settled[number])
		return;
	event.u.request.id = app_request_id(number);
	event.u.request.bytes = VIEW(event.u.request.id.b, HASH_BYTES);
	event.u.request.relayed = relayed;
	step(n, &event, false);
}

void node_packet(struct node *n, struct packet *packet)
{
	const struct view bytes = VIEW(packet->data, packet->len);
	struct pbft_event event = {.kind = PBFT_MESSAGE};
	struct view request;

	if (n->liar != HONEST)
		liar_hears(n, bytes);
	if (pbft_is_message(bytes)) {
		event.u.message.bytes = bytes;
		step(n, &event, packet->honest);
		return;
	}
	if (pbft_is_relay(bytes, &request)) {
		struct hash id;

		if (request.len != HASH_BYTES)
			return;
		memcpy(id.b, request.data, HASH_BYTES);
		node_request(n, app_request_number(&id), true);
		return;
	}
	catch_hear(n, bytes);
}

void node_wake(struct node *n)
{
	struct pbft_event event = {.kind = PBFT_TIMEOUT};

	n->wake_ms = 0;
	step(n, &event, false);
}

/* What a driver says of its link to a member. */
void node_link(struct node *n, uint8_t member, bool up)
{
	struct pbft_event event = {.kind = PBFT_LINK};

	event.u.link.member = member;
	event.u.link.up = up;
	step(n, &event, false);
}

/* --- updates out --- */

/* A replica that cannot write stops before it speaks, and is started again; true: it has stopped. */
static bool disk_is_full(struct node *n)
{
	if (n->sim->now >= n->full_until_ms)
		return false;
	sim_say(n->sim, n, "cannot write");
	node_crash(n);
	net_add(n->sim, (struct agenda){.kind = AGENDA_RESTART, .node = n->at}, 200);
	return true;
}

/* One effect is done; true: the node crashes behind it. */
static bool crashed(struct node *n)
{
	if (n->crash_in == 0 || --n->crash_in > 0)
		return false;
	node_crash(n);
	net_add(n->sim, (struct agenda){.kind = AGENDA_RESTART, .node = n->at},
		rng_below(&n->sim->rng, n->sim->healed ? 100 : 3000));
	return true;
}

static void answer_later(struct node *n, enum answer what)
{
	struct rng *r = &n->sim->rng;
	uint64_t delay = rng_chance(r, 20) ? rng_below(r, 300) : rng_below(r, 4);

	net_add(n->sim,
		(struct agenda){.kind = AGENDA_ANSWER, .node = n->at, .life = n->life, .number = what},
		delay);
}

static void send_all(struct node *n, const struct pbft_send *send)
{
	struct packet *p = packet_new(send->bytes, n->liar == HONEST);

	assert(send->to == PBFT_ALL || send->to < n->set.n);
	for (unsigned i = 0; i < n->sim->nodes; i++) {
		const struct node *to = &n->sim->node[i];

		if (to->person != n->person && (send->to == PBFT_ALL || n->set.who[send->to] == to->person))
			net_send(n->sim, n->at, i, p);
	}
	packet_drop(p);
}

/* The asks come first into the node's own memory: what the update lends ends with the next step. */
static void take_asks(struct node *n, const struct pbft_update *u)
{
	if (u->build.wanted) {
		assert(!n->build && u->build.request_count <= REQUESTS_MAX);
		n->build = true;
		n->heartbeat = u->build.heartbeat;
		n->batch_count = (uint32_t)u->build.request_count;
		for (size_t i = 0; i < u->build.request_count; i++)
			n->batch[i] = u->build.requests[i].id;
		answer_later(n, ANSWER_BUILD);
	}
	if (u->check.wanted) {
		assert(!n->check);
		n->check = true;
		n->check_digest = u->check.digest;
		n->check_height = u->check.height;
		n->check_fresh = u->check.fresh;
		n->check_body = packet_new(u->check.body, true);
		answer_later(n, ANSWER_CHECK);
	}
	if (u->execute.wanted) {
		/* After a jump by catch-up the answer to the last one may still be on its way: it is void. */
		packet_drop(n->execute_body);
		n->execute = true;
		n->execute_certificate = u->execute.certificate;
		n->execute_body = packet_new(u->execute.body, true);
		if (n->liar == HONEST)
			check_executed(n, &u->execute.certificate, u->execute.body);
		answer_later(n, ANSWER_EXECUTE);
	}
}

static void obey(struct node *n, const struct pbft_update *u)
{
	if (u->record_count > 0 && disk_is_full(n))
		return;
	for (size_t i = 0; i < u->record_count; i++) {
		disk_append(&n->disk, u->records[i].bytes);
		if (crashed(n))
			return;
	}
	if (u->sync) {
		disk_sync(&n->disk);
		if (crashed(n))
			return;
	}
	for (size_t i = 0; i < u->send_count; i++) {
		if (n->liar == HONEST)
			check_sent(n, u->sends[i].bytes);
		if (n->liar == HONEST || liar_sends(n, &u->sends[i]))
			send_all(n, &u->sends[i]);
		if (crashed(n))
			return;
	}
	take_asks(n, u);
	if (u->behind.wanted)
		catch_ask(n, u->behind.from);
	if (u->evidence.found && n->liar == HONEST)
		check_evidence(n, u);
	if (u->wake_ms != 0 && u->wake_ms != n->wake_ms) {
		uint64_t at = u->wake_ms - CLOCK_START_MS;

		n->wake_ms = u->wake_ms;
		net_add(n->sim,
			(struct agenda){
				.kind = AGENDA_WAKE, .node = n->at, .life = n->life, .number = (unsigned)at},
			at > n->sim->now ? at - n->sim->now : 0);
	}
}

static void step(struct node *n, const struct pbft_event *event, bool honest)
{
	struct pbft_event timed = *event;
	struct pbft_update u;
	int err;

	if (!n->up)
		return;
	timed.now_ms = n->sim->now + CLOCK_START_MS;
	err = pbft_step(n->core, &timed, &u);
	if (err == CF_EPERM && n->liar != HONEST) {
		node_crash(n); /* a twin or a forgetful one ran into its gate */
		net_add(n->sim, (struct agenda){.kind = AGENDA_RESTART, .node = n->at}, 500);
		return;
	}
	if (n->liar == HONEST) {
		if (err == 0 && event->kind == PBFT_MESSAGE)
			check_epoch(n, event->u.message.bytes);
		if (err == CF_EPERM || err == CF_ENOMEM || err == CF_ECORRUPT)
			sim_fail(n->sim, "AGREE", "node %u: the core halts: %s", n->at, err_name(err));
		else if (err != 0 && honest && message_place(event->u.message.bytes).epoch == n->epoch)
			sim_fail(n->sim, "HONEST", "node %u refuses message kind %d: %s", n->at,
				 timed.u.message.bytes.data[4], err_name(err));
		check_step(n, &u);
	}
	obey(n, &u);
}
