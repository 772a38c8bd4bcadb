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
#include <string.h>

#define QUEUE_BYTES_MAX ((size_t)1 << 20)

struct sharer {
	struct sharer_config config;
	struct worker *worker;
	bool holds;
	uint8_t share[SCALAR_BYTES];
};

static uint64_t sharer_handle(void *ctx, struct message *m);

static int open_share(struct sharer *s, const struct genesis *g)
{
	const struct identity *id = s->config.identity;
	uint8_t kem_point[POINT_BYTES];
	struct db_txn *txn = NULL;
	struct holders h;
	unsigned holder;
	int err = chain_read_begin(s->config.chain, &txn);

	if (!err)
		err = state_holders(txn, &h);
	db_abort(txn);
	if (err)
		return err;
	holder = holders_find(&h, &id->id);
	crypto_key_point(id->kem, kem_point);
	s->holds = holder < h.count && memcmp(kem_point, h.holder[holder].kem_point, POINT_BYTES) == 0;
	return s->holds ? trace_share(g, holder, id->kem, s->share) : 0;
}

int sharer_new(const struct sharer_config *config, struct view genesis, struct sharer **ret_s)
{
	struct worker_config worker = {config->name, QUEUE_BYTES_MAX, NULL, sharer_handle};
	struct genesis *g = mem_zalloc(sizeof(*g));
	struct sharer *s = mem_zalloc(sizeof(*s));
	int err = g && s ? genesis_decode(genesis, g) : CF_ENOMEM;

	if (!err) {
		s->config = *config;
		worker.ctx = s;
		err = open_share(s, g);
	}
	if (!err)
		err = worker_new(&worker, &s->worker);
	if (!err)
		err = worker_start(s->worker);
	mem_free(g);
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
	mem_wipe(s->share, sizeof(s->share));
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

static int seal(struct sharer *s, const struct wire_share_ask *ask, const struct leased *l, struct buf *out)
{
	const struct hash *network = mesh_network(s->config.mesh);
	struct trace_answer_to to = {network, &ask->query, &s->config.identity->id, &l->reader, &l->name};
	uint8_t point[POINT_BYTES];
	struct prf_answer answer;
	int err = trace_point(network, &l->name, point);

	if (!err)
		err = prf_answer(s->share, point, &answer);
	if (!err)
		err = trace_answer_seal(&to, l->kem_point, &answer, out);
	mem_wipe(&answer, sizeof(answer));
	return err;
}

static int answer(struct sharer *s, const struct message *m, struct wire_share_ask *ask)
{
	struct wire_share share;
	struct leased leased;
	struct buf sealed, payload;
	struct db_txn *txn = NULL;
	int err = wire_share_ask_decode(message_view(m), ask);

	if (!err && !s->holds)
		err = err_set(CF_EDENIED, "this peer holds no share");
	if (!err)
		err = chain_read_begin(s->config.chain, &txn);
	if (err)
		return err;
	err = look_up(s, txn, ask, &leased);
	db_abort(txn);
	buf_init(&sealed, 0);
	buf_init(&payload, 0);
	if (!err)
		err = seal(s, ask, &leased, &sealed);
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
