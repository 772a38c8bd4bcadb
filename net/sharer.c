/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sharer.c - looks up the query, asks whether it still holds, answers.
 */
#include "net/sharer.h"

#include "acl/contract.h"
#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/ticks.h"
#include "net/worker.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* A lease with its endorsements is a few KiB; who asks signs nothing, so what is large is not even read. */
#define QUERY_BYTES_MAX ((uint32_t)64 << 10)
#define MODULE "sharer"
#define QUEUE_BYTES_MAX ((size_t)1 << 20)

/* An own share of a generation of holders, if there is one. */
struct held {
	bool known;
	bool holds;
	uint16_t generation;
	uint8_t share[SCALAR_BYTES];
};

struct sharer {
	struct sharer_config config;
	struct worker *worker;
	struct genesis *genesis;
	struct held now;    /* the newest generation */
	struct held before; /* a mount may not have heard of it yet */
};

static uint64_t sharer_handle(void *ctx, struct message *m);

static int open_share(struct sharer *s, struct db_txn *txn, unsigned generation, struct held *ret_held)
{
	struct held held = {.known = true, .generation = (uint16_t)generation};
	int err = reshare_share(txn, s->genesis, generation, s->config.identity, held.share);

	held.holds = err == 0;
	if (err == CF_ECORRUPT && generation) {
		/* a dealer cheated while this peer was away; the next sharing gives it one */
		log_warn(MODULE, "no good share of the members' key was dealt to this peer");
		err = CF_ENOTFOUND;
	}
	if (err == 0 || err == CF_ENOTFOUND)
		*ret_held = held;
	mem_wipe(&held, sizeof(held));
	return err == CF_ENOTFOUND ? 0 : err;
}

/* Two generations at a time. */
static int open_shares(struct sharer *s, struct db_txn *txn)
{
	struct holders h;
	int err = state_holders(txn, &h);

	if (err || (s->now.known && s->now.generation == h.generation))
		return err;
	s->before.known = false;
	if (h.generation)
		err = open_share(s, txn, h.generation - 1u, &s->before);
	if (!err)
		err = open_share(s, txn, h.generation, &s->now);
	if (!err && h.generation)
		log_info(MODULE, "generation %u of the members' key -> %s", h.generation,
			 s->now.holds ? "answers by its share" : "holds no share");
	return err;
}

static const struct held *find_share(const struct sharer *s, unsigned generation)
{
	if (s->now.generation == generation)
		return &s->now;
	return s->before.known && s->before.generation == generation ? &s->before : NULL;
}

int sharer_new(const struct sharer_config *config, struct view genesis, struct sharer **ret_s)
{
	struct worker_config worker = {config->name, QUEUE_BYTES_MAX, NULL, sharer_handle};
	struct sharer *s = mem_zalloc(sizeof(*s));
	struct db_txn *txn = NULL;
	int err = s ? 0 : CF_ENOMEM;

	if (!err) {
		s->config = *config;
		worker.ctx = s;
		s->genesis = mem_zalloc(sizeof(*s->genesis));
		err = s->genesis ? genesis_decode(genesis, s->genesis) : CF_ENOMEM;
	}
	if (!err)
		err = chain_read_begin(config->chain, &txn);
	if (!err)
		err = open_shares(s, txn);
	db_abort(txn);
	if (!err)
		err = worker_new(&worker, &s->worker);
	if (!err)
		err = worker_start(s->worker);
	if (err)
		sharer_free(s);
	else
		*ret_s = s;
	return err;
}

void sharer_free(struct sharer *s)
{
	if (!s)
		return;
	if (s->worker)
		worker_stop(s->worker);
	worker_free(s->worker);
	mem_free(s->genesis);
	mem_wipe(&s->now, sizeof(s->now));
	mem_wipe(&s->before, sizeof(s->before));
	mem_free(s);
}

void sharer_take(struct sharer *s, struct message *m)
{
	(void)!worker_push(s->worker, QUEUE_BULK, m); /* full: the client asks again */
}

/* What a query gives its creator. */
struct leased {
	struct trace_name name;
	struct identity_id reader;
	uint8_t kem_point[POINT_BYTES];
};

/* Does one of the query's leases hold for this key now? */
static int check_lease(struct db_txn *txn, const struct tx_proposal *p, const struct wire_share_ask *ask,
		       struct leased *ret_leased)
{
	uint64_t now_ms = ticks_wall_ms();
	struct section_row section;
	struct op_lease op;
	int err = err_set(CF_EDENIED, "the query leases no such window");

	for (unsigned i = 0; i < p->op_count; i++) {
		if (p->op[i].code != OP_LEASE || op_lease_decode(p->op[i].body, &op) ||
		    ask->window < op.first_window || ask->window > op.last_window)
			continue;
		if (now_ms > op.until_ms) {
			err = err_set(CF_EEXPIRED, "the lease has ended");
			continue;
		}
		err = policy_check_lease(txn, &p->patient, &op, &p->creator, now_ms, NULL);
		if (!err)
			err = state_section(txn, &p->patient, op.section, &section);
		if (!err && ask->epoch > section.epoch)
			err = err_set(CF_EAGAIN, "that epoch has not begun");
		if (!err) {
			ret_leased->name =
				(struct trace_name){p->patient, op.section, ask->epoch, ask->window};
			return 0;
		}
	}
	return err;
}

static int look_up(struct sharer *s, struct db_txn *txn, const struct wire_share_ask *ask,
		   struct leased *ret_leased)
{
	struct tx *tx = mem_alloc(sizeof(*tx));
	struct identity_row reader;
	struct chain_tx_info info;
	struct buf bytes;
	int err = tx ? chain_tx_info(txn, &ask->query, &info) : CF_ENOMEM;

	buf_init(&bytes, TX_BYTES_MAX);
	if (err == CF_ENOTFOUND)
		err = err_set(CF_EAGAIN, "the query is not in the ledger");
	if (!err && info.verdict != VERDICT_VALID)
		err = err_set(CF_EDENIED, "the query is not valid");
	if (!err && info.len > QUERY_BYTES_MAX)
		err = err_set(CF_EDENIED, "that is no query: %" PRIu32 " bytes", info.len);
	if (!err)
		err = chain_tx_read(s->config.chain, txn, &ask->query, &bytes);
	if (!err)
		err = tx_decode(buf_view(&bytes), tx);
	if (!err)
		err = check_lease(txn, &tx->proposal, ask, ret_leased);
	if (!err)
		err = state_identity(txn, &tx->proposal.creator, &reader);
	if (!err) {
		ret_leased->reader = tx->proposal.creator;
		memcpy(ret_leased->kem_point, reader.kem_point, POINT_BYTES);
	}
	buf_release(&bytes);
	mem_free(tx);
	return err;
}

static int seal(struct sharer *s, const struct held *held, const struct wire_share_ask *ask,
		const struct leased *l, struct buf *out)
{
	const struct hash *network = mesh_network(s->config.mesh);
	struct trace_answer_to to = {network, &ask->query, &s->config.identity->id, &l->reader, &l->name};
	uint8_t point[POINT_BYTES];
	struct prf_answer answer;
	int err = trace_point(network, &l->name, point);

	if (!err)
		err = prf_answer(held->share, point, &answer);
	if (!err)
		err = trace_answer_seal(&to, l->kem_point, &answer, out);
	mem_wipe(&answer, sizeof(answer));
	return err;
}

static int answer(struct sharer *s, const struct message *m, struct wire_share_ask *ask)
{
	const struct held *held = NULL;
	struct wire_share share;
	struct leased leased;
	struct buf sealed, payload;
	struct db_txn *txn = NULL;
	int err = wire_share_ask_decode(message_view(m), ask);

	if (!err)
		err = chain_read_begin(s->config.chain, &txn);
	if (err)
		return err;
	err = open_shares(s, txn);
	if (!err)
		held = find_share(s, ask->generation);
	if (!err && !held && ask->generation > s->now.generation)
		err = err_set(CF_EAGAIN, "the key was not shared so often yet");
	if (!err && (!held || !held->holds))
		err = err_set(CF_EDENIED, "this peer holds no such share");
	if (!err)
		err = look_up(s, txn, ask, &leased);
	db_abort(txn);
	buf_init(&sealed, 0);
	buf_init(&payload, 0);
	if (!err)
		err = seal(s, held, ask, &leased, &sealed);
	share.of = *ask;
	share.sealed = buf_view(&sealed);
	if (!err)
		err = wire_share_encode(&share, &payload);
	if (!err)
		mesh_answer(s->config.mesh, m->from, WIRE_SHARE, m->request, buf_view(&payload));
	buf_release(&sealed);
	buf_release(&payload);
	return err;
}

static uint64_t sharer_handle(void *ctx, struct message *m)
{
	struct wire_share_ask ask = {.epoch = 0};
	struct sharer *s = ctx;
	int err;

	if (!m)
		return 0;
	err_clear();
	err = answer(s, m, &ask);
	if (err)
		mesh_refuse(s->config.mesh, m->from, m->request, &ask.query, err, err_detail());
	message_free(m);
	return 0;
}
