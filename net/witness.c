/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witness.c - looks for what is left, and signs that nothing is.
 */
#include "net/witness.h"

#include "acl/destruction.h"
#include "acl/erase.h"
#include "ledger/mem.h"
#include "net/ticks.h"
#include "net/worker.h"

#define QUEUE_BYTES_MAX ((size_t)1 << 18)

/* What was said a moment ago is said again: to look costs a walk over all that there was, and anybody asks.
 */
struct recent {
	struct wire_destroyed said;
	uint64_t until_ms; /* 0: none */
};

struct witness {
	struct witness_config config;
	struct worker *worker;
	struct recent recent[WITNESS_RECENT];
	unsigned next;
};

static int look(struct witness *w, struct db_txn *txn, const struct hash *id)
{
	struct tx *tx = mem_alloc(sizeof(*tx));
	struct chain_tx_info info;
	struct buf bytes;
	int err = tx ? chain_tx_info(txn, id, &info) : CF_ENOMEM;

	buf_init(&bytes, TX_BYTES_MAX);
	if (err == CF_ENOTFOUND)
		err = err_set(CF_EAGAIN, "the transaction is not in the ledger");
	if (!err && info.verdict != VERDICT_VALID)
		err = err_set(CF_EINVAL, "the transaction is not valid");
	if (!err)
		err = chain_tx_read(w->config.chain, txn, id, &bytes);
	if (!err)
		err = tx_decode(buf_view(&bytes), tx);
	if (!err)
		err = erase_check(w->config.chain, txn, tx, (struct version){info.height, info.index});
	buf_release(&bytes);
	mem_free(tx);
	return err;
}

static bool recall(const struct witness *w, const struct hash *tx, struct wire_destroyed *ret_said)
{
	uint64_t now = ticks_ms();

	for (unsigned i = 0; i < WITNESS_RECENT; i++) {
		if (w->recent[i].until_ms > now && hash_equal(&w->recent[i].said.tx, tx)) {
			*ret_said = w->recent[i].said;
			return true;
		}
	}
	return false;
}

static int testify(struct witness *w, const struct hash *tx, struct wire_destroyed *ret_said)
{
	const struct identity *id = w->config.identity;
	struct wire_destroyed said = {.tx = *tx};
	struct chain_head head;
	struct db_txn *txn = NULL;
	struct hash digest;
	int err;

	/* what is read is of this head or a newer one */
	chain_head(w->config.chain, &head);
	err = chain_read_begin(w->config.chain, &txn);
	if (!err)
		err = look(w, txn, tx);
	db_abort(txn);
	if (err)
		return err;
	said.height = head.height;
	digest = destroyed_digest(mesh_network(w->config.mesh), &said.tx, said.height, &id->id);
	err = crypto_sign(id->endorse, &digest, said.sig);
	if (err)
		return err;
	w->recent[w->next++ % WITNESS_RECENT] = (struct recent){said, ticks_ms() + WITNESS_RECENT_MS};
	*ret_said = said;
	return 0;
}

static int answer(struct witness *w, const struct message *m, struct wire_destroyed_ask *ask)
{
	struct wire_destroyed said;
	struct buf payload;
	int err = wire_destroyed_ask_decode(message_view(m), ask);

	if (!err && !recall(w, &ask->tx, &said))
		err = testify(w, &ask->tx, &said);
	if (err)
		return err;
	buf_init(&payload, 0);
	err = wire_destroyed_encode(&said, &payload);
	if (!err)
		mesh_answer(w->config.mesh, m->from, WIRE_DESTROYED, m->request, buf_view(&payload));
	buf_release(&payload);
	return err;
}

static uint64_t witness_handle(void *ctx, struct message *m)
{
	struct wire_destroyed_ask ask = {.tx = {{0}}};
	struct witness *w = ctx;
	int err;

	if (!m)
		return 0;
	err_clear();
	err = answer(w, m, &ask);
	if (err)
		mesh_refuse(w->config.mesh, m->from, m->request, &ask.tx, err, err_detail());
	message_free(m);
	return 0;
}

int witness_new(const struct witness_config *config, struct witness **ret_w)
{
	struct worker_config worker = {config->name, QUEUE_BYTES_MAX, NULL, witness_handle};
	struct witness *w = mem_zalloc(sizeof(*w));
	int err = w ? 0 : CF_ENOMEM;

	if (!err) {
		w->config = *config;
		worker.ctx = w;
		err = worker_new(&worker, &w->worker);
	}
	if (!err)
		err = worker_start(w->worker);
	if (err)
		witness_free(w);
	else
		*ret_w = w;
	return err;
}

void witness_free(struct witness *w)
{
	if (!w)
		return;
	if (w->worker)
		worker_stop(w->worker);
	worker_free(w->worker);
	mem_free(w);
}

void witness_take(struct witness *w, struct message *m)
{
	(void)!worker_push(w->worker, QUEUE_BULK, m); /* full: who asks asks again */
}
