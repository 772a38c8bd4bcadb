/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resharer.c - one look at the ledger after the other: what is this peer to do?
 */
#include "net/resharer.h"

#include "acl/op.h"
#include "acl/rowread.h"
#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/ticks.h"
#include "net/worker.h"

#include <string.h>

#define MODULE "resharer"
#define QUEUE_BYTES_MAX ((size_t)1 << 16)
#define LOOK_MS 300
#define APART_MS 400 /* all write one row: not all at once */

struct resharer {
	struct resharer_config config;
	struct genesis *genesis;
	struct worker *worker;
	struct client_job *job;
	const char *doing;
	uint64_t since_ms; /* when the deals were first seen as they are */
	struct hash seen;
	uint16_t accused;
	bool working;
};

/* What one look sees; the deals' bytes are as long there as the transaction. */
struct sight {
	struct db_txn *txn;
	struct members members;
	struct holders holders;
	struct deals deals;
	unsigned number; /* own */
};

static int send_op(struct resharer *r, enum op_code code, int encoded, const struct buf *body)
{
	const struct tx_op ops[] = {{.code = code, .body = buf_view(body)}};
	const struct client_tx tx = {.ops = ops, .op_count = 1};

	r->doing = op_name(code);
	return encoded ? encoded : courier_send(r->config.courier, &tx, &r->job);
}

static int deal(struct resharer *r, const struct sight *s)
{
	struct op_deal op = {.generation = (uint16_t)(s->holders.generation + 1),
			     .epoch = s->members.epoch,
			     .proof_count = s->members.count};
	const struct contribution_dealer by = {chain_network(r->config.chain), &r->config.identity->id,
					       op.epoch, op.generation};
	uint8_t share[SCALAR_BYTES];
	struct buf bytes, body;
	int err = reshare_share(s->txn, r->genesis, s->holders.generation, r->config.identity, share);

	buf_init(&bytes, CONTRIBUTION_BYTES_MAX);
	buf_init(&body, 0);
	if (!err)
		err = contribution_deal(&by, &s->members, share, op.proof, &bytes);
	mem_wipe(share, sizeof(share));
	op.deal = buf_view(&bytes);
	if (!err)
		err = send_op(r, OP_DEAL, op_deal_encode(&op, &body), &body);
	buf_release(&bytes);
	buf_release(&body);
	return err;
}

/* number: own, among those whom these deals are for. */
static int accuse(struct resharer *r, unsigned generation, const struct deals *d, unsigned number,
		  unsigned dealer)
{
	struct op_accuse op = {
		.generation = (uint16_t)generation, .epoch = d->epoch, .dealer = (uint8_t)dealer};
	unsigned at = 0;
	struct buf body;
	int err;

	while (d->dealer[at] != dealer)
		at++;
	op.deal = sha256(d->deal[at]);
	err = contribution_accuse(d->deal[at], number, r->config.identity->kem, &op.opening);
	buf_init(&body, 0);
	if (!err)
		err = send_op(r, OP_ACCUSE, op_accuse_encode(&op, &body), &body);
	buf_release(&body);
	return err;
}

static int take(struct resharer *r, const struct sight *s)
{
	const struct op_take op = {.generation = (uint16_t)(s->holders.generation + 1),
				   .epoch = s->members.epoch,
				   .deals = deals_digest(&s->deals)};
	uint8_t share[SCALAR_BYTES];
	unsigned dealer = 0;
	struct buf body;
	int err = reshare_open(&s->deals, s->number, &r->config.identity->id, r->config.identity->kem,
			       &dealer, share);

	mem_wipe(share, sizeof(share)); /* it is there when it is needed */
	if (err == CF_ECORRUPT)
		return accuse(r, op.generation, &s->deals, s->number, dealer);
	buf_init(&body, 0);
	if (!err)
		err = send_op(r, OP_TAKE, op_take_encode(&op, &body), &body);
	buf_release(&body);
	return err;
}

/* How long after the last change of the deals is it this peer's turn to deal? UINT64_MAX: never. */
static uint64_t deal_turn(const struct sight *s, const struct identity_id *self)
{
	unsigned own = reshare_dealer(&s->holders, &s->members, self), before = 0;
	unsigned missing = (unsigned)s->holders.threshold - s->deals.count;
	uint32_t out = s->deals.accused;

	for (unsigned i = 0; i < s->deals.count; i++)
		out |= 1u << s->deals.dealer[i];
	if (own == s->holders.count || (out >> own & 1))
		return UINT64_MAX;
	for (unsigned i = 0; i < own; i++)
		before += !(out >> i & 1) &&
			  reshare_dealer(&s->holders, &s->members, &s->holders.holder[i].id) == i;
	return before < missing ? (uint64_t)before * APART_MS
				: (uint64_t)(before - missing + 1) * RESHARER_TURN_MS;
}

/* What others have come to meanwhile starts the turns again. */
static void note_changes(struct resharer *r, const struct sight *s, uint64_t now)
{
	struct hash digest = deals_digest(&s->deals);
	unsigned fresh = s->deals.accused & (unsigned)~r->accused;

	if (!r->since_ms || !hash_equal(&digest, &r->seen)) {
		r->since_ms = now;
		r->seen = digest;
	}
	for (unsigned i = 0; i < s->holders.count; i++) {
		struct identity_row row;

		if ((fresh >> i & 1) && state_identity(s->txn, &s->holders.holder[i].id, &row) == 0)
			log_warn(MODULE, "%s dealt a wrong share of the members' key -> its deal is undone",
				 row.name);
	}
	r->accused = s->deals.accused;
}

static int act(struct resharer *r, const struct sight *s, uint64_t now)
{
	uint64_t waited = now - r->since_ms, turn;

	if (s->deals.count < s->holders.threshold) {
		turn = deal_turn(s, &r->config.identity->id);
		return turn != UINT64_MAX && waited >= turn ? deal(r, s) : 0;
	}
	if ((s->deals.taken >> s->number & 1) || waited < (uint64_t)s->number * APART_MS)
		return 0;
	return take(r, s);
}

/* A generation may come into force while one who was dealt no share is away. ret_due: it says so now. */
static int check_own(struct resharer *r, const struct sight *s, bool *ret_due)
{
	const struct identity *id = r->config.identity;
	unsigned place = reshare_dealer(&s->holders, &s->members, &id->id), dealer = 0;
	uint8_t share[SCALAR_BYTES];
	struct deals deals;
	int err;

	if (s->holders.generation == 0 || place == s->holders.count)
		return 0;
	err = row_deals(s->txn, NULL, s->holders.generation, &deals);
	if (!err)
		err = reshare_open(&deals, place, &id->id, id->kem, &dealer, share);
	mem_wipe(share, sizeof(share));
	if (err != CF_ECORRUPT)
		return err;
	*ret_due = true;
	return accuse(r, s->holders.generation, &deals, place, dealer);
}

/* ret_due: there is something to do, by this peer or another. */
static int look(struct resharer *r, uint64_t now, bool *ret_due)
{
	struct sight s = {.txn = NULL};
	int at = -1, err = chain_read_begin(r->config.chain, &s.txn);

	if (!err)
		err = state_members(s.txn, &s.members);
	if (!err)
		err = state_holders(s.txn, &s.holders);
	if (!err)
		at = members_find(&s.members, &r->config.identity->id);
	*ret_due = !err && at >= 0 && reshare_is_due(&s.holders, &s.members);
	if (*ret_due) {
		s.number = (unsigned)at;
		err = row_next_deals(s.txn, NULL, &s.holders, s.members.epoch, &s.deals);
		if (!err) {
			note_changes(r, &s, now);
			err = act(r, &s, now);
		}
	} else if (!err && at >= 0) {
		err = check_own(r, &s, ret_due);
		if (r->working && !*ret_due)
			log_info(MODULE, "the members' key is shared among %u, any %u of whom make it",
				 s.holders.count, s.holders.threshold);
	}
	r->working = *ret_due;
	db_abort(s.txn);
	return err;
}

static bool job_is_over(struct resharer *r)
{
	struct client_result result;

	if (!r->job)
		return true;
	if (client_job_wait(r->job, 0, &result))
		return false;
	if (result.error)
		log_debug(MODULE, "%s was not taken: %s (%s) -> looks again", r->doing,
			  err_name(result.error), result.detail);
	client_job_release(r->job);
	r->job = NULL;
	return true;
}

static uint64_t resharer_handle(void *ctx, struct message *m)
{
	struct resharer *r = ctx;
	bool due = true;
	int err = 0;

	message_free(m);
	if (job_is_over(r)) {
		err_clear();
		err = look(r, ticks_ms(), &due);
	}
	if (err) {
		log_warn(MODULE, "the key cannot be shared now: %s (%s) -> tries again", err_name(err),
			 err_detail());
		return ticks_ms() + RESHARER_TURN_MS;
	}
	return due ? ticks_ms() + LOOK_MS : 0;
}

int resharer_new(const struct resharer_config *config, struct resharer **ret_r)
{
	struct worker_config worker = {config->name, QUEUE_BYTES_MAX, NULL, resharer_handle};
	struct resharer *r = mem_zalloc(sizeof(*r));
	int err = r ? 0 : CF_ENOMEM;

	if (!err) {
		r->config = *config;
		worker.ctx = r;
		r->genesis = mem_zalloc(sizeof(*r->genesis));
		err = r->genesis ? genesis_decode(config->genesis, r->genesis) : CF_ENOMEM;
	}
	if (!err)
		err = worker_new(&worker, &r->worker);
	if (err)
		resharer_free(r);
	else
		*ret_r = r;
	return err;
}

int resharer_start(struct resharer *r)
{
	return worker_start(r->worker);
}

void resharer_stop(struct resharer *r)
{
	if (r && r->worker)
		worker_stop(r->worker);
}

void resharer_free(struct resharer *r)
{
	if (!r)
		return;
	client_job_release(r->job);
	worker_free(r->worker);
	mem_free(r->genesis);
	mem_free(r);
}

void resharer_committed(struct resharer *r, const struct tx *tx)
{
	uint8_t code = tx->proposal.op[0].code;

	if (code == OP_DEAL || code == OP_TAKE || code == OP_ACCUSE)
		worker_wake(r->worker);
}
