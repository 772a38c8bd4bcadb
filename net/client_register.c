/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_register.c - enrolment: the identity puts its own certificate on the ledger.
 */
#include "net/client.h"
#include "net/ticks.h"

#include <string.h>

/*
 * Is this identity on the ledger, with this certificate or a newer one? CF_ENOTFOUND; CF_EEXIST when its
 * name is there with another key.
 */
static int registered(struct client *c)
{
	const struct identity *me = client_identity(c);
	uint8_t point[POINT_BYTES];
	struct identity_row row;
	struct db_txn *txn;
	int err = chain_read_begin(client_chain(c), &txn);

	if (err)
		return err;
	crypto_key_point(me->sign, point);
	err = state_identity(txn, &me->id, &row);
	if (!err && memcmp(row.sign_point, point, POINT_BYTES) != 0)
		err = err_set(CF_EEXIST, "%s of %s is registered with another key", me->info.name,
			      me->info.org);
	else if (!err && row.status != IDENTITY_ACTIVE)
		err = err_set(CF_EREVOKED, "%s of %s is suspended or revoked", me->info.name, me->info.org);
	else if (!err && row.not_after_ms < me->info.not_after_ms)
		err = CF_ENOTFOUND; /* it was renewed */
	db_abort(txn);
	return err;
}

int client_register(struct client *c, unsigned timeout_ms)
{
	const struct identity *me = client_identity(c);
	struct op_register op = {.count = (uint8_t)me->chain_count};
	uint64_t until = ticks_ms() + timeout_ms, now;
	struct client_result result;
	struct buf body;
	int err = client_wait(c, 0, timeout_ms);

	if (!err)
		err = registered(c);
	if (err != CF_ENOTFOUND)
		return err;
	for (unsigned i = 0; i < op.count; i++)
		op.cert[i] = buf_view(&me->chain[i]);
	buf_init(&body, 0);
	err = op_register_encode(&op, &body);
	now = ticks_ms();
	if (!err) {
		const struct tx_op ops[] = {{.code = OP_REGISTER, .body = buf_view(&body)}};
		const struct client_tx tx = {.ops = ops, .op_count = 1};

		err = client_commit(c, &tx, now < until ? (unsigned)(until - now) : 0, &result);
	}
	buf_release(&body);
	/* Another program of this identity may have been faster. */
	if ((err == CF_EEXIST || err == CF_ECONFLICT) && registered(c) == 0)
		return 0;
	return err;
}
