/* SPDX-License-Identifier: Apache-2.0 */
/*
 * endorser.c - creator's signature, contract, own signature; a slice of a frame at a time.
 */
#include "net/endorser.h"

#include "acl/contract.h"
#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/gateway.h"
#include "net/ticks.h"
#include "net/worker.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define MODULE "endorser"
#define QUEUE_BYTES_MAX ((size_t)64 << 20)

struct endorser {
	struct endorser_config config;
	struct worker *worker;
	uint8_t point[POINT_BYTES]; /* of the key that endorses */
	struct message *waiting;    /* for a height; number is the deadline */
	unsigned waiting_count;
	size_t waiting_bytes;
	atomic_uint waiting_any; /* waiting_count, for other threads */
};

/* One proposal of a frame. */
struct work {
	struct wire_endorsed_item item;
	char detail[256];
	struct buf rwset;
};

static uint64_t endorser_handle(void *ctx, struct message *m);

int endorser_new(const struct endorser_config *config, struct endorser **ret_e)
{
	struct worker_config worker = {config->name, QUEUE_BYTES_MAX, NULL, endorser_handle};
	struct endorser *e = mem_zalloc(sizeof(*e));
	int err;

	assert(config->identity->endorse);
	if (!e)
		return CF_ENOMEM;
	e->config = *config;
	crypto_key_point(config->identity->endorse, e->point);
	worker.ctx = e;
	err = worker_new(&worker, &e->worker);
	if (err) {
		mem_free(e);
		return err;
	}
	*ret_e = e;
	return 0;
}

int endorser_start(struct endorser *e)
{
	return worker_start(e->worker);
}

void endorser_stop(struct endorser *e)
{
	worker_stop(e->worker);
}

void endorser_free(struct endorser *e)
{
	if (!e)
		return;
	while (e->waiting) {
		struct message *m = e->waiting;

		e->waiting = m->next;
		message_free(m);
	}
	worker_free(e->worker);
	mem_free(e);
}

void endorser_take(struct endorser *e, struct message *m)
{
	(void)!worker_push(e->worker, QUEUE_BULK, m); /* full: the client asks again */
}

void endorser_wake(struct endorser *e)
{
	if (atomic_load(&e->waiting_any) > 0)
		worker_wake(e->worker);
}

/* --- one proposal --- */

static int endorse_one(struct endorser *e, struct db_txn *txn, enum gateway gateway, struct view proposal,
		       const struct sigpath *signature, struct view annex, struct hash *ret_id,
		       struct buf *ret_rwset)
{
	struct rwset_builder *builder = NULL;
	struct tx_proposal *p = mem_alloc(sizeof(*p));
	int err;

	if (!p)
		return CF_ENOMEM;
	err = apply_check_proposal(e->config.apply, txn, proposal, signature, annex, p, ret_id);
	if (!err)
		err = gateway_check(gateway, txn, p);
	if (!err)
		err = rwset_builder_new(&builder);
	if (!err)
		err = contract_run(txn, p, ret_id, annex, ticks_wall_ms(), builder);
	if (!err)
		err = rwset_encode(builder, ret_rwset);
	rwset_builder_free(builder);
	mem_free(p);
	return err;
}

/* --- one frame --- */

/* From the proposal `first` on, one at least, until the slice of time is over; how many. */
static unsigned run_slice(struct endorser *e, struct db_txn *txn, enum gateway gateway,
			  const struct wire_endorse *m, unsigned first, struct work *work)
{
	uint64_t end = ticks_ms() + ENDORSER_SLICE_MS;
	unsigned count = 0;

	for (unsigned i = first; i < m->count && (i == first || ticks_ms() < end); i++) {
		struct work *w = &work[count++];

		err_clear();
		buf_init(&w->rwset, RWSET_BYTES_MAX);
		w->item.id = tx_id(m->proposal[i]);
		w->item.error = endorse_one(e, txn, gateway, m->proposal[i], &m->signature[i], m->annex[i],
					    &w->item.id, &w->rwset);
		if (w->item.error) {
			(void)snprintf(w->detail, sizeof(w->detail), "%s", err_detail());
			buf_reset(&w->rwset);
		}
		w->item.detail = view_str(w->detail);
		w->item.rwset = buf_view(&w->rwset);
	}
	return count;
}

static int sign_all(struct endorser *e, struct work *work, unsigned count)
{
	struct hash *digests = mem_array(NULL, count, sizeof(*digests));
	struct sigpath *paths = mem_array(NULL, count, sizeof(*paths));
	size_t good = 0, at = 0;
	int err = digests && paths ? 0 : CF_ENOMEM;

	for (unsigned i = 0; !err && i < count; i++) {
		if (!work[i].item.error)
			digests[good++] = tx_endorsement_digest(mesh_network(e->config.mesh),
								&work[i].item.id, work[i].item.rwset);
	}
	if (!err && good > 0)
		err = sigpath_sign(SIG_ENDORSEMENT, mesh_network(e->config.mesh), digests, good,
				   e->config.identity->endorse, paths);
	for (unsigned i = 0; !err && i < count; i++) {
		if (work[i].item.error)
			continue;
		/* It comes back in the transaction. */
		apply_endorsed(e->config.apply, &digests[at], &paths[at], e->point);
		work[i].item.signature = paths[at++];
	}
	mem_free(digests);
	mem_free(paths);
	return err;
}

/* A slice of the frame: its number is the first proposal of it, and then the one after. */
static int answer(struct endorser *e, struct message *m, const struct wire_endorse *frame)
{
	struct wire_endorsed endorsed = {.by = e->config.identity->id};
	struct work *work = mem_array(NULL, frame->count, sizeof(*work));
	struct chain_head head;
	struct db_txn *txn = NULL;
	struct buf payload;
	int err;

	buf_init(&payload, 0);
	endorsed.item = mem_array(NULL, frame->count, sizeof(*endorsed.item));
	if (!work || !endorsed.item) {
		err = CF_ENOMEM;
		goto out;
	}
	memset(work, 0, frame->count * sizeof(*work));
	/* The head first: the transaction's state is then this block's or a newer one's. */
	chain_head(e->config.chain, &head);
	endorsed.height = head.height;
	err = chain_read_begin(e->config.chain, &txn);
	if (err)
		goto out;
	endorsed.count =
		(uint16_t)run_slice(e, txn, (enum gateway)m->gateway, frame, (unsigned)m->number, work);
	db_abort(txn);
	m->number += endorsed.count;
	err = sign_all(e, work, endorsed.count);
	for (unsigned i = 0; i < endorsed.count; i++)
		endorsed.item[i] = work[i].item;
	if (!err)
		err = wire_endorsed_encode(&endorsed, &payload);
	if (!err)
		mesh_answer(e->config.mesh, m->from, WIRE_ENDORSED, m->request, buf_view(&payload));
	for (unsigned i = 0; i < endorsed.count; i++)
		buf_release(&work[i].rwset);
out:
	mem_free(work);
	wire_endorsed_release(&endorsed);
	buf_release(&payload);
	return err;
}

/* What is left of a frame after a slice goes behind the others in the queue, where each sender has its turn.
 */
static void process(struct endorser *e, struct message *m)
{
	struct wire_endorse frame = {.signature = NULL};
	int err = wire_endorse_decode(message_view(m), &frame);
	bool more = false;

	if (!err) {
		err = answer(e, m, &frame);
		more = !err && m->number < frame.count;
		wire_endorse_release(&frame);
	}
	if (err)
		mesh_refuse(e->config.mesh, m->from, m->request, NULL, err, err_detail());
	if (more)
		endorser_take(e, m);
	else
		message_free(m);
}

/* --- waiting for a height --- */

static uint64_t min_height(const struct message *m)
{
	struct dec d;

	dec_init(&d, message_view(m));
	return dec_u64(&d);
}

/* Those whose height is there go on, those whose time has come are refused; the next deadline, 0: nobody
 * waits. */
static uint64_t serve_waiting(struct endorser *e, uint64_t height)
{
	struct message **at = &e->waiting;
	uint64_t now = ticks_ms(), next = 0;

	while (*at) {
		struct message *m = *at;

		if (min_height(m) > height && now < m->number) {
			next = next == 0 || m->number < next ? m->number : next;
			at = &m->next;
			continue;
		}
		*at = m->next;
		e->waiting_count--;
		e->waiting_bytes -= m->len;
		if (min_height(m) <= height) {
			m->number = 0;
			endorser_take(e, m); /* its turn in the queue */
		} else {
			mesh_refuse(e->config.mesh, m->from, m->request, NULL, CF_EAGAIN, "behind the chain");
			message_free(m);
		}
	}
	atomic_store(&e->waiting_any, e->waiting_count);
	return next;
}

static unsigned waiting_of(const struct endorser *e, uint64_t sender, size_t *ret_bytes)
{
	unsigned count = 0;

	*ret_bytes = 0;
	for (const struct message *m = e->waiting; m; m = m->next) {
		if (m->sender != sender)
			continue;
		count++;
		*ret_bytes += m->len;
	}
	return count;
}

/* Who has most of what waits: frames, or bytes where those are too many. */
static uint64_t greediest(const struct endorser *e, bool by_bytes)
{
	uint64_t sender = 0;
	size_t most = 0, bytes;

	for (const struct message *m = e->waiting; m; m = m->next) {
		size_t count = waiting_of(e, m->sender, &bytes);

		count = by_bytes ? bytes : count;
		sender = count > most ? m->sender : sender;
		most = count > most ? count : most;
	}
	return sender;
}

/* Its oldest one. */
static void refuse_waiting(struct endorser *e, uint64_t sender)
{
	struct message **at = &e->waiting, *m;

	while (*at && (*at)->sender != sender)
		at = &(*at)->next;
	m = *at;
	if (!m)
		return;
	*at = m->next;
	e->waiting_count--;
	e->waiting_bytes -= m->len;
	mesh_refuse(e->config.mesh, m->from, m->request, NULL, CF_EAGAIN, "too many wait");
	message_free(m);
}

/* Behind the others. A connection displaces its own; where many wait, the one with the most does. */
static void wait_for_height(struct endorser *e, struct message *m)
{
	struct message **at = &e->waiting;
	uint64_t sender = m->sender;
	size_t bytes;

	while (*at)
		at = &(*at)->next;
	m->number = ticks_ms() + ENDORSER_WAIT_MS;
	m->next = NULL;
	*at = m;
	e->waiting_count++;
	e->waiting_bytes += m->len;
	if (waiting_of(e, sender, &bytes) > ENDORSER_WAITING_OF_ONE_MAX)
		refuse_waiting(e, sender);
	if (e->waiting_count > ENDORSER_WAITING_MAX)
		refuse_waiting(e, greediest(e, false));
	while (e->waiting_bytes > QUEUE_BYTES_MAX)
		refuse_waiting(e, greediest(e, true));
	/* Said before the height is looked at again, so that no commit between the two is missed. */
	atomic_store(&e->waiting_any, e->waiting_count);
}

static uint64_t endorser_handle(void *ctx, struct message *m)
{
	struct endorser *e = ctx;
	struct chain_head head;

	if (m) {
		chain_head(e->config.chain, &head);
		if (min_height(m) <= head.height)
			process(e, m);
		else
			wait_for_height(e, m);
	}
	chain_head(e->config.chain, &head);
	return serve_waiting(e, head.height);
}
