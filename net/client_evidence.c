/* SPDX-License-Identifier: Apache-2.0 */
#include "net/client_evidence.h"

#include "ledger/log.h"
#include "net/lie.h"

#define LOG_MODULE "client"

static void on_told(void *ctx, const struct client_result *r)
{
	atomic_bool *telling = ctx;

	log_info(LOG_MODULE, "evidence against an endorser: %s",
		 r->error == 0 ? "is on the ledger" : r->detail);
	atomic_store(telling, false);
}

static int tell(struct client *c, atomic_bool *telling, struct view evidence)
{
	const struct op_evidence op = {evidence};
	struct client_job *job;
	struct buf body;
	int err;

	buf_init(&body, 0);
	err = op_evidence_encode(&op, &body);
	if (!err) {
		const struct tx_op ops[] = {{.code = OP_EVIDENCE, .body = buf_view(&body)}};
		const struct client_tx tx = {.ops = ops, .op_count = 1};

		err = client_submit(c, &tx, &job);
	}
	buf_release(&body);
	if (err)
		return err;
	client_job_on_settled(job, on_told, telling);
	client_job_release(job);
	return 0;
}

void client_evidence(struct client *c, atomic_bool *telling, struct view evidence)
{
	struct db_txn *txn = NULL;
	uint8_t member = 0;
	int err = chain_read_begin(client_chain(c), &txn);

	if (!err)
		err = lie_is_news(txn, client_network(c), evidence, &member);
	db_abort(txn);
	if (err)
		return;
	log_warn(LOG_MODULE, "peer %u signed other writes than those who read the same -> it lies", member);
	if (!role_may_report(client_identity(c)->info.role) || atomic_exchange(telling, true))
		return;
	err = tell(c, telling, evidence);
	if (err) {
		log_warn(LOG_MODULE, "evidence cannot be submitted: %s (%s)", err_name(err), err_detail());
		atomic_store(telling, false);
	}
}
