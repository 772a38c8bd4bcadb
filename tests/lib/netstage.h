/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netstage.h - a state that no operation leads to: rows put over a fixture's ledger, seen through the open
 * stage and dropped in the end.
 */
#ifndef TESTS_LIB_NETSTAGE_H
#define TESTS_LIB_NETSTAGE_H

#include "tests/lib/netfix.h"

struct netstage {
	struct netfix *n;
	struct chain_stage *stage;
	struct db_txn *txn;
	uint32_t rows;
};

int netstage_begin(struct netfix *n, struct netstage *ret_s) must_check;
void netstage_end(struct netstage *s);
/* encoded: result of the encoder that filled value, which is emptied. */
int netstage_put(struct netstage *s, struct statekey key, int encoded, struct buf *value) must_check;
int netstage_grant(struct netstage *s, const struct patient_id *p, unsigned section,
		   const struct identity *to, unsigned verbs, uint64_t until_ms) must_check;
/* The identity's row with another status. */
int netstage_status(struct netstage *s, const struct identity *who, enum identity_status status) must_check;
/* Runs the contract on the staged state. */
int netstage_run(struct netstage *s, const struct netfix_request *r, uint64_t now_ms) must_check;

#endif
