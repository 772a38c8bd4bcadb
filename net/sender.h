/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sender.h - who signed a frame: by what the ledger says of the identity that it names.
 */
#ifndef NET_SENDER_H
#define NET_SENDER_H

#include "acl/role.h"
#include "ledger/chain.h"
#include "net/verifier.h"
#include "net/wire.h"

/*
 * The envelope's signature by an active identity; a peer's by its endorsement key, or by the one that it has
 * as a member while its identity has new ones already. on_role is asked before the signature is looked at.
 * Errors: CF_EFOREIGN (not registered), CF_EREVOKED, CF_ESIG,
 * what on_role says; CF_EIO, CF_ECORRUPT, CF_ENOMEM.
 */
int sender_check(struct chain *c, struct verifier *v, const struct wire_frame *f,
		 int (*on_role)(void *ctx, enum role role), void *ctx) must_check;

#endif
