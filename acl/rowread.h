/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rowread.h - reading rows of the state as a contract does: its own writes first, and every read noted.
 *
 * out is the read-write set being collected; NULL reads the state alone (then as state_*() of contract.h).
 * Values are views: into the state as long as txn lives, into out's own write until it is written again.
 */
#ifndef ACL_ROWREAD_H
#define ACL_ROWREAD_H

#include "acl/contract.h"

/* Errors of all: CF_ENOTFOUND (absence is noted, too), CF_ECORRUPT, CF_EIO, CF_ENOMEM. */

/* A key's value; an own write has version zero. */
int row_read(struct db_txn *txn, struct rwset_builder *out, const struct statekey *key,
	     struct view *ret_value, struct version *ret_version) must_check;

int row_identity(struct db_txn *txn, struct rwset_builder *out, const struct identity_id *id,
		 struct identity_row *ret_row) must_check;
int row_issued(struct db_txn *txn, struct rwset_builder *out, const struct hash *issued,
	       struct issued_row *ret_row) must_check;
int row_crl(struct db_txn *txn, struct rwset_builder *out, const struct hash *authority_key,
	    struct crl_row *ret_row) must_check;
/* The epoch is the height of the block that wrote the row, which the row itself cannot know. */
int row_members(struct db_txn *txn, struct rwset_builder *out, struct members *ret_members) must_check;
int row_policy(struct db_txn *txn, struct rwset_builder *out, struct policy_row *ret_row) must_check;
int row_org(struct db_txn *txn, struct rwset_builder *out, uint16_t number,
	    struct org_row *ret_row) must_check;
int row_patient(struct db_txn *txn, struct rwset_builder *out, const struct patient_id *p,
		struct patient_row *ret_row) must_check;
int row_section(struct db_txn *txn, struct rwset_builder *out, const struct patient_id *p, unsigned section,
		struct section_row *ret_row) must_check;
int row_grant(struct db_txn *txn, struct rwset_builder *out, const struct patient_id *p, unsigned section,
	      const struct identity_id *to, struct grant_row *ret_row) must_check;
/* Leaves row->content zero. */
int row_node(struct db_txn *txn, struct rwset_builder *out, const struct patient_id *p,
	     const struct node_id *n, struct node_row *ret_row, struct version *ret_version) must_check;
int row_content(struct db_txn *txn, struct rwset_builder *out, const struct patient_id *p,
		const struct node_id *n, struct content_row *ret_row, struct version *ret_version) must_check;
int row_entry(struct db_txn *txn, struct rwset_builder *out, const struct patient_id *p,
	      const struct node_id *dir, const struct name_token *t, struct entry_row *ret_row,
	      struct version *ret_version) must_check;

/* Live grants of a section, in order of their identities; a non-zero answer of on_grant ends the walk and is
 * returned. */
int state_grants(struct db_txn *txn, const struct patient_id *p, unsigned section,
		 int (*on_grant)(void *ctx, const struct identity_id *to, const struct grant_row *row),
		 void *ctx) must_check;

static inline bool identity_equal(const struct identity_id *a, const struct identity_id *b)
{
	return __builtin_memcmp(a->b, b->b, IDENTITY_BYTES) == 0;
}

static inline bool identity_is_zero(const struct identity_id *id)
{
	return identity_equal(id, &(struct identity_id){{0}});
}

static inline bool node_equal(const struct node_id *a, const struct node_id *b)
{
	return __builtin_memcmp(a->b, b->b, NODE_BYTES) == 0;
}

static inline bool node_is_zero(const struct node_id *n)
{
	return node_equal(n, &(struct node_id){{0}});
}

static inline bool patient_is_zero(const struct patient_id *p)
{
	return __builtin_memcmp(p->b, (struct patient_id){{0}}.b, PATIENT_BYTES) == 0;
}

#endif
