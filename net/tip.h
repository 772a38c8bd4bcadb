/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tip.h - do a peer's own stores belong together? Looked at when it starts: a wrong state stops it instead of
 * voting.
 */
#ifndef NET_TIP_H
#define NET_TIP_H

#include "ledger/certificate.h"
#include "ledger/chain.h"

/*
 * The newest block: its bytes, the state root it names, and its certificate by the set in force. CF_ECORRUPT,
 * and what does not fit.
 */
int tip_check(struct chain *c, struct db_txn *txn, const struct members *m,
	      const struct member_keys *keys) must_check;

#endif
