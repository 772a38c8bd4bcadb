/* SPDX-License-Identifier: Apache-2.0 */
/* ask_orgs.c - the organizations of the consortium: authority, custodian, members, identities by role. */
#include "fs/ask.h"
#include "fs/show.h"

#include "acl/contract.h"
#include "ledger/mem.h"

#include <string.h>

struct count {
	uint64_t role[ROLE_PEER + 1];
	uint64_t members;
};

/* Counts by the organization's number; numbers over max are not counted. */
struct survey {
	struct db_txn *txn;
	struct count *count; /* by number */
	uint16_t max;
	struct json *list;
};

/* Rows of one kind, decoded by the caller; an answer other than 0 ends the walk. */
static int walk(struct db_txn *txn, uint8_t kind, int (*on_row)(struct survey *s, struct view value),
		struct survey *s)
{
	struct state_cursor *cursor = NULL;
	struct state_item item;
	int err = state_cursor_new(txn, VIEW(&kind, 1), &cursor);

	if (err)
		return err;
	for (err = state_cursor_seek(cursor, VIEW(&kind, 1), &item); !err;
	     err = state_cursor_next(cursor, &item)) {
		err = on_row(s, item.value);
		if (err)
			break;
	}
	state_cursor_free(cursor);
	return err == CF_ENOTFOUND ? 0 : err;
}

static int highest(struct survey *s, struct view value)
{
	struct org_row org;

	if (org_row_decode(value, &org))
		return CF_ECORRUPT;
	if (org.number > s->max)
		s->max = org.number;
	return 0;
}

static int count_identity(struct survey *s, struct view value)
{
	struct identity_row row;

	if (identity_row_decode(value, &row))
		return CF_ECORRUPT;
	if (row.org <= s->max && row.status != IDENTITY_REVOKED)
		s->count[row.org].role[row.role]++;
	return 0;
}

static int list_org(struct survey *s, struct view value)
{
	struct json *j = json_new_object(), *identities = json_new_object();
	char custodian[2 * ROW_NAME_MAX + 2];
	struct org_row org;

	if (org_row_decode(value, &org)) {
		json_free(j);
		json_free(identities);
		return CF_ECORRUPT;
	}
	show_identity(s->txn, &org.custodian, custodian, sizeof(custodian));
	json_set(j, "number", json_uint(org.number));
	json_set(j, "name", json_text(org.name));
	json_set(j, "authority", json_hex(org.ca_fingerprint.b, HASH_BYTES));
	json_set(j, "custodian", json_text(custodian));
	json_set(j, "members", json_uint(s->count[org.number].members));
	for (unsigned r = ROLE_PATIENT; r <= ROLE_PEER; r++)
		json_set(identities, role_name((enum role)r), json_uint(s->count[org.number].role[r]));
	json_set(j, "identities", identities);
	json_add(s->list, j);
	return 0;
}

static int count_members(struct survey *s)
{
	struct members *m = mem_alloc(sizeof(*m));
	int err = m ? state_members(s->txn, m) : CF_ENOMEM;

	for (unsigned i = 0; !err && i < m->count; i++) {
		if (m->member[i].org <= s->max)
			s->count[m->member[i].org].members++;
	}
	mem_free(m);
	return err;
}

int ask_orgs(struct control *c, const struct json *request, struct json *answer)
{
	struct survey s = {.list = json_new_array()};
	int err = chain_read_begin(client_chain(chart_client(control_chart(c))), &s.txn);

	(void)request;
	if (!err)
		err = walk(s.txn, SK_ORG, highest, &s);
	if (!err) {
		s.count = mem_zalloc((s.max + 1u) * sizeof(*s.count));
		err = s.count ? 0 : CF_ENOMEM;
	}
	if (!err)
		err = count_members(&s);
	if (!err)
		err = walk(s.txn, SK_IDENTITY, count_identity, &s);
	if (!err)
		err = walk(s.txn, SK_ORG, list_org, &s);
	db_abort(s.txn);
	mem_free(s.count);
	json_set(answer, "organizations", s.list);
	return err;
}
