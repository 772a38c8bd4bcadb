/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rowread.c - rows of the state, decoded; for the contract with each read noted.
 */
#include "acl/rowread.h"

#include <assert.h>
#include <string.h>

int row_read(struct db_txn *txn, struct rwset_builder *out, const struct statekey *key,
	     struct view *ret_value, struct version *ret_version)
{
	struct view k = statekey_view(key), value;
	struct version version = {0, 0};
	struct rw_write own;
	int err, noted = 0;

	if (out && rwset_written(out, k, &own)) {
		if (own.deleted)
			return CF_ENOTFOUND;
		*ret_value = own.value;
		*ret_version = version;
		return 0;
	}
	err = state_get(txn, k, &value, &version);
	if (err && err != CF_ENOTFOUND)
		return err;
	if (out)
		noted = rwset_add_read(out, k, err == 0, version);
	if (noted)
		return noted == CF_ETOOBIG ? err_set(noted, "the proposal reads too many rows") : noted;
	if (err == 0) {
		*ret_value = value;
		*ret_version = version;
	}
	return err;
}

/* A row of the state that does not decode was damaged below the check, or written by another release. */
static int decoded(int err, const char *what)
{
	return err == CF_EDECODE ? err_set(CF_ECORRUPT, "state: the %s row does not decode", what) : err;
}

#define READ(txn, out, key, name, ret_row, ret_version)                                  \
	do {                                                                             \
		struct statekey key_ = (key);                                            \
		struct view value_;                                                      \
		int err_ = row_read(txn, out, &key_, &value_, ret_version);              \
		return err_ ? err_ : decoded(name##_row_decode(value_, ret_row), #name); \
	} while (0)

int row_identity(struct db_txn *txn, struct rwset_builder *out, const struct identity_id *id,
		 struct identity_row *ret_row)
{
	struct version version;

	READ(txn, out, statekey_identity(id), identity, ret_row, &version);
}

int row_issued(struct db_txn *txn, struct rwset_builder *out, const struct hash *issued,
	       struct issued_row *ret_row)
{
	struct version version;

	READ(txn, out, statekey_issued(issued), issued, ret_row, &version);
}

int row_crl(struct db_txn *txn, struct rwset_builder *out, const struct hash *authority_key,
	    struct crl_row *ret_row)
{
	struct version version;

	READ(txn, out, statekey_crl(authority_key), crl, ret_row, &version);
}

int row_policy(struct db_txn *txn, struct rwset_builder *out, struct policy_row *ret_row)
{
	struct version version;

	READ(txn, out, statekey_network("policy"), policy, ret_row, &version);
}

int row_org(struct db_txn *txn, struct rwset_builder *out, uint16_t number, struct org_row *ret_row)
{
	struct version version;

	READ(txn, out, statekey_org(number), org, ret_row, &version);
}

int row_patient(struct db_txn *txn, struct rwset_builder *out, const struct patient_id *p,
		struct patient_row *ret_row)
{
	struct version version;

	READ(txn, out, statekey_patient(p), patient, ret_row, &version);
}

int row_section(struct db_txn *txn, struct rwset_builder *out, const struct patient_id *p, unsigned section,
		struct section_row *ret_row)
{
	struct version version;

	assert(section <= SECTION_COUNT);
	READ(txn, out, statekey_section(p, (uint8_t)section), section, ret_row, &version);
}

int row_grant(struct db_txn *txn, struct rwset_builder *out, const struct patient_id *p, unsigned section,
	      const struct identity_id *to, struct grant_row *ret_row)
{
	struct version version;

	assert(section <= SECTION_COUNT);
	READ(txn, out, statekey_grant(p, (uint8_t)section, to), grant, ret_row, &version);
}

int row_node(struct db_txn *txn, struct rwset_builder *out, const struct patient_id *p,
	     const struct node_id *n, struct node_row *ret_row, struct version *ret_version)
{
	READ(txn, out, statekey_node(p, SKP_NODE, n), node, ret_row, ret_version);
}

int row_content(struct db_txn *txn, struct rwset_builder *out, const struct patient_id *p,
		const struct node_id *n, struct content_row *ret_row, struct version *ret_version)
{
	READ(txn, out, statekey_node(p, SKP_CONTENT, n), content, ret_row, ret_version);
}

int row_entry(struct db_txn *txn, struct rwset_builder *out, const struct patient_id *p,
	      const struct node_id *dir, const struct name_token *t, struct entry_row *ret_row,
	      struct version *ret_version)
{
	READ(txn, out, statekey_entry(p, dir, t), entry, ret_row, ret_version);
}

int state_identity(struct db_txn *txn, const struct identity_id *id, struct identity_row *ret_row)
{
	return row_identity(txn, NULL, id, ret_row);
}

int state_policy(struct db_txn *txn, struct policy_row *ret_row)
{
	return row_policy(txn, NULL, ret_row);
}

int row_members(struct db_txn *txn, struct rwset_builder *out, struct members *ret_members)
{
	struct statekey key = statekey_network("members");
	struct view value;
	struct version version;
	struct dec d;
	int err = row_read(txn, out, &key, &value, &version);

	if (err)
		return err;
	dec_init(&d, value);
	members_decode(&d, ret_members);
	ret_members->epoch = version.height;
	return decoded(dec_done(&d), "members");
}

int state_members(struct db_txn *txn, struct members *ret_members)
{
	return row_members(txn, NULL, ret_members);
}

int state_members_revoked(struct db_txn *txn, const struct members *m, uint32_t *ret_mask)
{
	struct identity_row row;
	uint32_t mask = 0;
	int err = 0;

	for (unsigned i = 0; i < m->count && err == 0; i++) {
		err = state_identity(txn, &m->member[i].id, &row);
		if (err == 0 && row.status == IDENTITY_REVOKED)
			mask |= 1u << i;
		if (err == CF_ENOTFOUND)
			err = 0;
	}
	if (err == 0)
		*ret_mask = mask;
	return err;
}

int state_org(struct db_txn *txn, uint16_t number, struct org_row *ret_row)
{
	return row_org(txn, NULL, number, ret_row);
}

int state_patient(struct db_txn *txn, const struct patient_id *p, struct patient_row *ret_row)
{
	return row_patient(txn, NULL, p, ret_row);
}

int state_section(struct db_txn *txn, const struct patient_id *p, unsigned section,
		  struct section_row *ret_row)
{
	return row_section(txn, NULL, p, section, ret_row);
}

int state_grant(struct db_txn *txn, const struct patient_id *p, unsigned section,
		const struct identity_id *to, struct grant_row *ret_row)
{
	return row_grant(txn, NULL, p, section, to, ret_row);
}

int state_node(struct db_txn *txn, const struct patient_id *p, const struct node_id *n,
	       struct node_row *ret_row, struct version *ret_version)
{
	struct statekey key = statekey_node(p, SKP_CONTENT, n);
	struct version content;
	struct view value;
	int err;

	err = row_node(txn, NULL, p, n, ret_row, ret_version);
	if (err || hash_is_zero(&ret_row->content_hash))
		return err;
	err = row_read(txn, NULL, &key, &value, &content);
	if (err == CF_ENOTFOUND)
		return err_set(CF_ECORRUPT, "state: a node's content row is missing");
	if (err == 0)
		ret_row->content = content;
	return err;
}

int state_content(struct db_txn *txn, const struct patient_id *p, const struct node_id *n,
		  struct content_row *ret_row, struct version *ret_version)
{
	return row_content(txn, NULL, p, n, ret_row, ret_version);
}

int state_entry(struct db_txn *txn, const struct patient_id *p, const struct node_id *dir,
		const struct name_token *t, struct entry_row *ret_row, struct version *ret_version)
{
	return row_entry(txn, NULL, p, dir, t, ret_row, ret_version);
}

int state_grants(struct db_txn *txn, const struct patient_id *p, unsigned section,
		 int (*on_grant)(void *ctx, const struct identity_id *to, const struct grant_row *row),
		 void *ctx)
{
	struct statekey prefix = statekey_patient_kind_prefix(p, SKP_GRANT);
	struct state_cursor *cursor = NULL;
	struct state_item item;
	int err;

	assert(section <= SECTION_COUNT);
	prefix.b[prefix.len++] = (uint8_t)section;
	err = state_cursor_new(txn, statekey_view(&prefix), &cursor);
	if (err)
		return err;
	for (err = state_cursor_seek(cursor, statekey_view(&prefix), &item); err == 0;
	     err = state_cursor_next(cursor, &item)) {
		struct statekey_parts parts;
		struct grant_row row;

		err = statekey_parse(item.key, &parts);
		if (err == 0)
			err = grant_row_decode(item.value, &row);
		err = decoded(err, "grant");
		if (err == 0 && row.verbs)
			err = on_grant(ctx, &parts.identity, &row);
		if (err)
			break;
	}
	state_cursor_free(cursor);
	return err == CF_ENOTFOUND ? 0 : err;
}
