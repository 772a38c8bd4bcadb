/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reporter.c - keeps what was found, waits its turn, looks at the ledger, submits, looks again.
 */
#include "net/reporter.h"

#include "ledger/file.h"
#include "ledger/log.h"
#include "ledger/mem.h"
#include "ledger/segment.h"
#include "net/lie.h"
#include "net/ticks.h"
#include "net/worker.h"

#include <string.h>

#define MODULE "reporter"
#define QUEUE_BYTES_MAX ((size_t)4 << 20)
#define STORE_BYTES_MAX ((uint64_t)4 << 20) /* more of the same proves no more */
#define PIECES_MAX 64
#define LOOK_MS 250
#define BACKOFF_MAX_MS 60000

/* What was found and is, as far as is known, not on the ledger. */
struct piece {
	struct buf evidence;
	struct hash slot;
	uint8_t member;
	uint64_t due_ms;
	uint64_t backoff_ms;
};

struct reporter {
	struct reporter_config config;
	struct worker *worker;
	struct segments *store;
	struct piece piece[PIECES_MAX];
	unsigned count;
	uint64_t pause_ms[MEMBERS_MAX]; /* before then nothing more about this member */

	struct client_job *job; /* the one that is on its way, about job_slot */
	struct hash job_slot;
};

static uint64_t reporter_handle(void *ctx, struct message *m);

/* --- what is known --- */

static void forget(struct reporter *r, unsigned i)
{
	buf_release(&r->piece[i].evidence);
	r->piece[i] = r->piece[--r->count];
}

/* Of each slot one; of one member no more than the ledger takes. */
static bool is_wanted(const struct reporter *r, const struct evidence *e, const struct hash *slot)
{
	unsigned of_member = 0;

	for (unsigned i = 0; i < r->count; i++) {
		of_member += r->piece[i].member == e->member;
		if (hash_equal(&r->piece[i].slot, slot))
			return false;
	}
	return r->count < PIECES_MAX && of_member < EVIDENCE_OFFENDER_MAX;
}

/* Own turn after the offender's number: the next member reports first, the offender itself last. */
static uint64_t turn_ms(const struct reporter *r, uint8_t member)
{
	unsigned n = r->config.count;

	return (uint64_t)((r->config.self + n - member % n + n - 1) % n) * REPORTER_TURN_MS;
}

/* True when it is new to this reporter, which then has it in its list. */
static bool add_piece(struct reporter *r, struct view bytes)
{
	struct evidence *e = mem_alloc(sizeof(*e));
	bool added = false;

	if (e && evidence_decode(bytes, chain_network(r->config.chain), e) == 0) {
		struct piece *p = &r->piece[r->count];
		struct hash slot = evidence_slot(e);

		if (is_wanted(r, e, &slot)) {
			*p = (struct piece){.slot = slot, .member = e->member, .backoff_ms = 1000};
			buf_init(&p->evidence, EVIDENCE_BYTES_MAX);
			p->due_ms = ticks_ms() + turn_ms(r, e->member);
			added = buf_append_view(&p->evidence, bytes) == 0;
			r->count += added;
		}
	}
	mem_free(e);
	return added;
}

static int restore_piece(void *ctx, struct segment_place place, struct view payload)
{
	(void)place;
	(void)add_piece(ctx, payload); /* what the ledger has goes at the first look */
	return 0;
}

static bool is_news(struct reporter *r, struct view bytes)
{
	struct db_txn *txn = NULL;
	uint8_t member;
	int err = chain_read_begin(r->config.chain, &txn);

	if (err == 0)
		err = lie_is_news(txn, chain_network(r->config.chain), bytes, &member);
	db_abort(txn);
	return err == 0;
}

/* On disk before anything is sent: after a kill it is found there. */
static void take_found(struct reporter *r, struct view bytes)
{
	struct segment_place place;

	if (!is_news(r, bytes) || !add_piece(r, bytes))
		return;
	log_warn(MODULE, "member %u signed two things where a correct one signs one -> evidence is kept",
		 r->piece[r->count - 1].member);
	if (segments_bytes(r->store) < STORE_BYTES_MAX &&
	    (segments_append(r->store, bytes, &place) || segments_sync(r->store)))
		log_warn(MODULE, "evidence cannot be written: %s", err_detail());
}

/* --- as a client --- */

static int send_piece(struct reporter *r, const struct piece *p)
{
	const struct op_evidence op = {buf_view(&p->evidence)};
	struct buf body;
	int err;

	buf_init(&body, 0);
	err = op_evidence_encode(&op, &body);
	if (err == 0) {
		const struct tx_op ops[] = {{.code = OP_EVIDENCE, .body = buf_view(&body)}};
		const struct client_tx tx = {.ops = ops, .op_count = 1};

		err = courier_send(r->config.courier, &tx, &r->job);
	}
	buf_release(&body);
	r->job_slot = p->slot;
	return err;
}

/* --- one look --- */

/* The transaction that is on its way: has it come to an end? */
static void look_at_job(struct reporter *r)
{
	struct client_result result;

	if (!r->job || client_job_wait(r->job, 0, &result))
		return;
	if (result.error == 0)
		log_info(MODULE, "evidence is on the ledger in block %llu",
			 (unsigned long long)result.height);
	else
		log_info(MODULE, "evidence was not taken: %s (%s) -> looks again", err_name(result.error),
			 result.detail);
	client_job_release(r->job);
	r->job = NULL;
}

static void submit_due(struct reporter *r, uint64_t now)
{
	for (unsigned i = 0; i < r->count && !r->job; i++) {
		struct piece *p = &r->piece[i];
		int err;

		if (p->due_ms > now || r->pause_ms[p->member] > now)
			continue;
		r->pause_ms[p->member] = now + REPORTER_PAUSE_MS;
		p->due_ms = now + p->backoff_ms;
		p->backoff_ms = 2 * p->backoff_ms < BACKOFF_MAX_MS ? 2 * p->backoff_ms : BACKOFF_MAX_MS;
		err = send_piece(r, p);
		if (err)
			log_warn(MODULE,
				 "evidence against member %u cannot be submitted: %s (%s) -> tries again",
				 p->member, err_name(err), err_detail());
	}
}

static uint64_t reporter_handle(void *ctx, struct message *m)
{
	struct reporter *r = ctx;

	if (m)
		take_found(r, message_view(m));
	message_free(m);
	look_at_job(r);
	for (unsigned i = r->count; i-- > 0;) {
		if (!is_news(r, buf_view(&r->piece[i].evidence)))
			forget(r, i);
	}
	submit_due(r, ticks_ms());
	return r->count || r->job ? ticks_ms() + LOOK_MS : 0;
}

/* --- life --- */

int reporter_new(const struct reporter_config *config, struct reporter **ret_r)
{
	struct worker_config worker = {config->name, QUEUE_BYTES_MAX, NULL, reporter_handle};
	struct reporter *r = mem_zalloc(sizeof(*r));
	char path[FILE_PATH_MAX];
	int err;

	if (!r)
		return CF_ENOMEM;
	r->config = *config;
	worker.ctx = r;
	err = worker_new(&worker, &r->worker);
	if (err == 0)
		err = file_path(config->data_dir, "evidence", path);
	if (err == 0)
		err = segments_open(path, false, &r->store);
	if (err == 0)
		err = segments_walk(r->store, restore_piece, r);
	if (err) {
		reporter_free(r);
		return err;
	}
	*ret_r = r;
	return 0;
}

int reporter_start(struct reporter *r)
{
	return worker_start(r->worker);
}

void reporter_stop(struct reporter *r)
{
	worker_stop(r->worker);
}

void reporter_free(struct reporter *r)
{
	if (!r)
		return;
	client_job_release(r->job);
	while (r->count)
		forget(r, r->count - 1);
	segments_close(r->store);
	worker_free(r->worker);
	mem_free(r);
}

void reporter_found(struct reporter *r, uint8_t member, struct view first, struct view second)
{
	struct message *m = NULL;
	struct buf bytes;

	buf_init(&bytes, EVIDENCE_BYTES_MAX);
	if (lie_of_messages(chain_network(r->config.chain), member, first, second, &bytes) == 0 &&
	    message_new(WIRE_PBFT, buf_view(&bytes), &m) == 0)
		(void)!worker_push(r->worker, QUEUE_BULK, m); /* full: there is enough of it */
	buf_release(&bytes);
}

/* An endorser of the peer's own transactions may lie, too. */
void reporter_on_lie(struct reporter *r, struct view evidence)
{
	struct message *m = NULL;

	if (message_new(WIRE_PBFT, evidence, &m) == 0)
		(void)!worker_push(r->worker, QUEUE_BULK, m);
}
