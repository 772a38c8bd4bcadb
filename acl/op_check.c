/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op_check.c - whether an operation's body is well-formed, whichever operation it is.
 */
#include "acl/op.h"
#include "ledger/tx.h"

/* Of the operations on who decides over a chart. */
static int check_decision(const struct tx_op *op)
{
	union {
		struct op_claim claim;
		struct op_approve approve;
		struct op_rule rule;
		struct op_replace replace;
	} u;

	if (op->code == OP_CLAIM)
		return op_claim_decode(op->body, &u.claim);
	if (op->code == OP_APPROVE)
		return op_approve_decode(op->body, &u.approve);
	return op->code == OP_RULE ? op_rule_decode(op->body, &u.rule)
				   : op_replace_decode(op->body, &u.replace);
}

/* Of the operations on the members and the key they share. */
static int check_members(const struct tx_op *op)
{
	union {
		struct op_members members;
		struct op_deal deal;
		struct op_take take;
		struct op_accuse accuse;
	} u;

	if (op->code == OP_MEMBERS)
		return op_members_decode(op->body, &u.members);
	if (op->code == OP_DEAL)
		return op_deal_decode(op->body, &u.deal);
	return op->code == OP_TAKE ? op_take_decode(op->body, &u.take)
				   : op_accuse_decode(op->body, &u.accuse);
}

int op_check_body(const struct tx_op *op)
{
	union {
		struct op_register reg;
		struct op_admit admit;
		struct op_create create;
		struct op_save save;
		struct op_setattr setattr;
		struct op_remove remove;
		struct op_rename rename;
		struct op_grant grant;
		struct op_revoke revoke;
		struct op_xattr xattr;
		struct op_lease lease;
		struct op_erase erase;
		struct op_standing standing;
		struct op_crl crl;
		struct op_renew renew;
		struct op_evidence evidence;
	} u;

	switch ((enum op_code)op->code) {
	case OP_REGISTER:
		return op_register_decode(op->body, &u.reg);
	case OP_ADMIT:
		return op_admit_decode(op->body, &u.admit);
	case OP_CREATE:
		return op_create_decode(op->body, &u.create);
	case OP_SAVE:
	case OP_PROPOSE:
		return op_save_decode(op->body, &u.save);
	case OP_SETATTR:
		return op_setattr_decode(op->body, &u.setattr);
	case OP_UNLINK:
	case OP_RMDIR:
		return op_remove_decode(op->body, &u.remove);
	case OP_RENAME:
		return op_rename_decode(op->body, &u.rename);
	case OP_GRANT:
		return op_grant_decode(op->body, &u.grant);
	case OP_REVOKE:
		return op_revoke_decode(op->body, &u.revoke);
	case OP_XATTR:
		return op_xattr_decode(op->body, &u.xattr);
	case OP_MEMBERS:
	case OP_DEAL:
	case OP_TAKE:
	case OP_ACCUSE:
		return check_members(op);
	case OP_LEASE:
		return op_lease_decode(op->body, &u.lease);
	case OP_ERASE:
		return op_erase_decode(op->body, &u.erase);
	case OP_SUSPEND:
	case OP_REINSTATE:
		return op_standing_decode(op->body, &u.standing);
	case OP_CRL:
		return op_crl_decode(op->body, &u.crl);
	case OP_RENEW:
		return op_renew_decode(op->body, &u.renew);
	case OP_EVIDENCE:
		return op_evidence_decode(op->body, &u.evidence);
	case OP_CLAIM:
	case OP_APPROVE:
	case OP_RULE:
	case OP_REPLACE:
		return check_decision(op);
	}
	return CF_EDECODE;
}
