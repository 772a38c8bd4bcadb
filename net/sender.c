/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sender.c - the identity's row, then the signature.
 */
#include "net/sender.h"

#include "acl/contract.h"
#include "ledger/mem.h"

/* A peer whose identity has new keys goes on as a member by its old ones until they are replaced, too. */
static int check_member(struct chain *c, struct verifier *v, const struct wire_frame *f)
{
	struct members *members = mem_zalloc(sizeof(*members));
	struct db_txn *txn = NULL;
	int at = -1, err = members ? chain_read_begin(c, &txn) : CF_ENOMEM;

	if (!err)
		err = state_members(txn, members);
	db_abort(txn);
	if (!err)
		at = members_find(members, &f->sender);
	if (!err)
		err = at < 0 ? CF_ESIG
			     : verifier_check(v, members->member[at].endorse_point, &f->digest, f->sig);
	mem_free(members);
	return err;
}

int sender_check(struct chain *c, struct verifier *v, const struct wire_frame *f,
		 int (*on_role)(void *ctx, enum role role), void *ctx)
{
	struct identity_row row = {.status = IDENTITY_REVOKED};
	struct db_txn *txn = NULL;
	int err = chain_read_begin(c, &txn);
	bool is_peer;

	if (!err)
		err = state_identity(txn, &f->sender, &row);
	row.cert = VIEW_NONE; /* it goes with the transaction */
	db_abort(txn);
	if (err == CF_ENOTFOUND)
		return err_set(CF_EFOREIGN, "the sender is not registered");
	if (!err && row.status != IDENTITY_ACTIVE)
		return err_set(CF_EREVOKED, "the sender is not active");
	if (!err)
		err = on_role(ctx, row.role);
	if (err)
		return err;
	is_peer = row.role == ROLE_PEER;
	err = verifier_check(v, is_peer ? row.endorse_point : row.sign_point, &f->digest, f->sig);
	return err == CF_ESIG && is_peer ? check_member(c, v, f) : err;
}
