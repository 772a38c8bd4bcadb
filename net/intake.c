/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake.c - decode, check, hand on or answer.
 */
#include "net/intake.h"

#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/body.h"
#include "net/gateway.h"
#include "net/sender.h"
#include "net/ticks.h"
#include "net/worker.h"

#include <assert.h>
#include <string.h>

#define MODULE "intake"
#define QUEUE_BYTES_MAX ((size_t)128 << 20)

struct intake {
	struct intake_config config;
	struct worker *worker;
	struct wire_submit submit; /* of the frame in hand */
	struct tx tx;              /* the transaction in hand; large */
};

static uint64_t intake_handle(void *ctx, struct message *m);

int intake_new(const struct intake_config *config, struct intake **ret_i)
{
	struct worker_config worker = {config->name, QUEUE_BYTES_MAX, NULL, intake_handle};
	struct intake *i = mem_zalloc(sizeof(*i));
	int err;

	if (!i)
		return CF_ENOMEM;
	i->config = *config;
	worker.ctx = i;
	err = worker_new(&worker, &i->worker);
	if (err) {
		mem_free(i);
		return err;
	}
	*ret_i = i;
	return 0;
}

int intake_start(struct intake *i)
{
	return worker_start(i->worker);
}

void intake_stop(struct intake *i)
{
	worker_stop(i->worker);
}

void intake_free(struct intake *i)
{
	if (!i)
		return;
	worker_free(i->worker);
	mem_free(i);
}

void intake_take(struct intake *i, struct message *m)
{
	(void)!worker_push(i->worker, m->kind == WIRE_STATUS_ASK ? QUEUE_URGENT : QUEUE_BULK, m);
}

/* i->tx is what tx is. A client's transaction goes on with the place to answer to; a relayed one without. */
static int hand_on(struct intake *i, const struct message *m, struct view tx, struct view annex)
{
	struct message *request = NULL;
	struct buf bytes;
	int err;

	buf_init(&bytes, PBFT_REQUEST_BYTES_MAX);
	err = body_request_encode(tx, annex, &bytes);
	if (!err)
		err = message_new(WIRE_SUBMIT, buf_view(&bytes), &request);
	buf_release(&bytes);
	if (err)
		return err;
	request->id = i->tx.id;
	request->number = i->tx.proposal.valid_until;
	request->from = m->from;
	request->sender = m->sender;
	request->creator = i->tx.proposal.creator;
	request->request = m->request;
	request->relayed = m->kind != WIRE_SUBMIT;
	return replica_take(i->config.replica, QUEUE_BULK, request);
}

static void answer_settled(struct intake *i, const struct message *m, struct db_txn *txn,
			   const struct hash *id)
{
	struct wire_settled settled = {.id = *id};
	struct chain_tx_info info;
	struct buf payload;

	if (chain_tx_info(txn, id, &info))
		return;
	settled.height = info.height;
	settled.index = info.index;
	settled.verdict = info.verdict;
	buf_init(&payload, 0);
	if (wire_settled_encode(&settled, &payload) == 0)
		mesh_answer(i->config.mesh, m->from, WIRE_SETTLED, m->request, buf_view(&payload));
	buf_release(&payload);
}

static void take_tx(struct intake *i, const struct message *m, struct db_txn *txn, struct view tx,
		    struct view annex)
{
	bool client = m->kind == WIRE_SUBMIT;
	const struct hash *id = &i->tx.id;
	int err;

	err_clear();
	/* Named also when it is refused, if it can be read that far. */
	i->tx.id = (struct hash){{0}};
	err = apply_precheck(i->config.apply, txn, tx, annex, ticks_wall_ms(), &i->tx);
	if (!err && client)
		err = gateway_check((enum gateway)m->gateway, txn, &i->tx.proposal);
	if (!err)
		err = hand_on(i, m, tx, annex);
	if (client && err == CF_EEXIST)
		answer_settled(i, m, txn, id);
	else if (client && err)
		mesh_refuse(i->config.mesh, m->from, m->request, id, err, err_detail());
	else if (err && err != CF_EEXIST)
		log_debug(MODULE, "a relayed request is refused: %s (%s)", err_name(err), err_detail());
}

static int only_peers(void *ctx, enum role role)
{
	(void)ctx;
	return role == ROLE_PEER ? 0 : err_set(CF_EDENIED, "a %s relays nothing", role_name(role));
}

/*
 * Members alone relay, and what came to them by one of their gateways: else whoever reaches this peer's
 * listener for members would pass by all gateways.
 */
static int open_relay(struct intake *i, const struct message *m, struct view *ret_tx, struct view *ret_annex)
{
	struct view request;
	struct wire_frame f;
	int err = wire_frame_decode(message_view(m), mesh_network(i->config.mesh), &f);

	if (err || !pbft_is_relay(f.payload, &request))
		return CF_EDECODE;
	if (!mesh_is_member(i->config.mesh, &f.sender))
		return err_set(CF_EDENIED, "only members relay");
	err = sender_check(i->config.chain, i->config.verifier, &f, only_peers, NULL);
	return err ? err : body_request_decode(request, ret_tx, ret_annex);
}

static void take_frame(struct intake *i, const struct message *m)
{
	struct view tx, annex;
	struct db_txn *txn = NULL;
	int err = chain_read_begin(i->config.chain, &txn);

	if (!err && m->kind == WIRE_SUBMIT) {
		err = wire_submit_decode(message_view(m), &i->submit);
		for (unsigned k = 0; !err && k < i->submit.count; k++)
			take_tx(i, m, txn, i->submit.tx[k], i->submit.annex[k]);
	} else if (!err) {
		err = open_relay(i, m, &tx, &annex);
		if (!err)
			take_tx(i, m, txn, tx, annex);
		else
			log_debug(MODULE, "a relayed request is refused: %s (%s)", err_name(err),
				  err_detail());
	}
	db_abort(txn);
	if (err && m->kind == WIRE_SUBMIT)
		mesh_refuse(i->config.mesh, m->from, m->request, NULL, err, err_detail());
}

static void answer_status(struct intake *i, const struct message *m)
{
	struct wire_status status;
	struct buf payload;

	buf_init(&payload, 0);
	i->config.status(i->config.ctx, &status);
	if (wire_status_encode(&status, &payload) == 0)
		mesh_answer(i->config.mesh, m->from, WIRE_STATUS, m->request, buf_view(&payload));
	buf_release(&payload);
}

static uint64_t intake_handle(void *ctx, struct message *m)
{
	struct intake *i = ctx;

	if (m && m->kind == WIRE_STATUS_ASK)
		answer_status(i, m);
	else if (m)
		take_frame(i, m);
	message_free(m);
	return 0;
}
