/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lie.h - from what the core, or a client, saw to the canonical piece of evidence; and what the ledger has of
 * it already.
 */
#ifndef NET_LIE_H
#define NET_LIE_H

#include "acl/contract.h"
#include "ledger/evidence.h"
#include "net/pbft.h"

/*
 * Two messages of the core's evidence (net/pbft.h) become one piece, appended. Errors: CF_EINVAL (they are
 * none), CF_ETOOBIG, CF_ENOMEM.
 */
int lie_of_messages(const struct hash *network, uint8_t member, struct view first, struct view second,
		    struct buf *out) must_check;

/*
 * Is there something to do about this piece? 0: it proves a lie and would be taken. CF_EEXIST: it is on the
 * ledger, or another one of its slot, or enough of its offender. CF_EINVAL, CF_ESIG, CF_EDECODE: it proves
 * nothing against the present members. ret_member: the offender's number.
 */
int lie_is_news(struct db_txn *txn, const struct hash *network, struct view evidence,
		uint8_t *ret_member) must_check;

#endif
