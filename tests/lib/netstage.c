/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netstage.c - rows by transactions that are nobody's.
 */
#include "tests/lib/netstage.h"
#include "ledger/mem.h"

#include <string.h>

int netstage_begin(struct netfix *n, struct netstage *ret_s)
{
	struct netstage s = {.n = n};
	struct chain_head head;
	int err;

	apply_discard(n->apply[0]);
	chain_head(n->chain[0], &head);
	err = chain_stage_begin(n->chain[0], head.height + 1, &s.stage);
	if (err)
		return err;
	s.txn = chain_stage_txn(s.stage);
	*ret_s = s;
	return 0;
}

void netstage_end(struct netstage *s)
{
	chain_stage_discard(s->stage);
}

int netstage_put(struct netstage *s, struct statekey key, int encoded, struct buf *value)
{
	struct rw_write w = {.key = statekey_view(&key), .value = buf_view(value)};
	struct rwset set = {.writes = &w, .write_count = 1};
	struct tx *tx = mem_zalloc(sizeof(*tx));
	int err = tx ? encoded : CF_ENOMEM;

	if (err == 0) {
		memcpy(tx->id.b, &s->rows, sizeof(s->rows));
		tx->id.b[31] = 0xee;
		s->rows++;
		err = chain_stage_tx(s->stage, tx, VERDICT_VALID, &set, VIEW_NONE);
	}
	mem_free(tx);
	buf_reset(value);
	return err;
}

int netstage_grant(struct netstage *s, const struct patient_id *p, unsigned section,
		   const struct identity *to, unsigned verbs, uint64_t until_ms)
{
	struct grant_row row = {.verbs = (uint8_t)verbs, .until_ms = until_ms};
	struct buf value;
	int err;

	buf_init(&value, 0);
	err = netstage_put(s, statekey_grant(p, (uint8_t)section, &to->id), grant_row_encode(&row, &value),
			   &value);
	buf_release(&value);
	return err;
}

int netstage_status(struct netstage *s, const struct identity *who, enum identity_status status)
{
	struct identity_row row;
	struct buf value;
	int err = state_identity(s->txn, &who->id, &row);

	if (err)
		return err;
	row.status = (uint8_t)status;
	buf_init(&value, 0);
	err = netstage_put(s, statekey_identity(&who->id), identity_row_encode(&row, &value), &value);
	buf_release(&value);
	return err;
}

int netstage_run(struct netstage *s, const struct netfix_request *r, uint64_t now_ms)
{
	struct rwset_builder *builder;
	struct tx_proposal *p = mem_zalloc(sizeof(*p));
	struct buf bytes;
	struct hash id;
	int err = p ? 0 : CF_ENOMEM;

	if (err)
		return err;
	buf_init(&bytes, 0);
	err = netfix_proposal(s->n, r, &bytes, &id);
	if (err == 0)
		err = tx_proposal_decode(buf_view(&bytes), p);
	if (err == 0)
		err = rwset_builder_new(&builder);
	if (err == 0) {
		err = contract_run(s->txn, p, &id, r->annex, now_ms, builder);
		rwset_builder_free(builder);
	}
	buf_release(&bytes);
	mem_free(p);
	return err;
}
