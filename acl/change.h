/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change.h - a change of the members, as people carry it around until enough of them have approved.
 *
 * What is approved is the operation without its approvals, and the set it starts from (its epoch): a change
 * serves once. Between people it is a text file, one line each:
 *
 *     chartfs-members-v1 BODY             the operation without approvals (acl/op.h), hexadecimal
 *     approval IDENTITY SIGNATURE         of each who approves
 */
#ifndef ACL_CHANGE_H
#define ACL_CHANGE_H

#include "acl/op.h"
#include "ledger/crypto.h"

#define CHANGE_TEXT_MAX 16384

/* SHA-256("chartfs change of members v1" NUL, network, the operation without approvals). CF_EINVAL:
 * addresses. */
int change_digest(const struct op_members *op, const struct hash *network,
		  struct hash *ret_digest) must_check;

/* Adds or replaces who's approval. CF_ETOOBIG: there are OP_APPROVALS_MAX already. */
int change_approve(struct op_members *op, const struct hash *network, const struct identity_id *who,
		   const struct crypto_key *key) must_check;

/* Appends the lines. */
int change_format(const struct op_members *op, struct buf *out) must_check;
/* Views of ret_op point into hold, which is reset. CF_EINVAL, and what is wrong in which line. */
int change_parse(struct view text, struct buf *hold, struct op_members *ret_op) must_check;

/* "add", "remove", "refresh", "expel"; "?" */
const char *change_name(enum members_change change);

#endif
