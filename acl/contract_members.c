/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contract_members.c - a change of the ordering members, decided by those whom it concerns.
 */
#include "acl/change.h"
#include "acl/contract_private.h"
#include "acl/holders.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Who has to approve: managers; of an expulsion the governors. */
static enum role approver(enum members_change change)
{
	return change == MEMBERS_EXPEL ? ROLE_GOVERNOR : ROLE_MANAGER;
}

static int check_approval(struct run *r, const struct op_approval *a, enum role role, const char *what,
			  const struct hash *digest, uint16_t *ret_org)
{
	struct crypto_key *key = NULL;
	struct identity_row row;
	int err = row_identity(r->txn, r->out, &a->by, &row);

	if (err == CF_ENOTFOUND)
		return err_set(CF_EDENIED, "an approval is of somebody who is not registered");
	if (err)
		return err;
	if (row.status != IDENTITY_ACTIVE || r->now_ms < row.not_before_ms || r->now_ms > row.not_after_ms)
		return err_set(CF_EDENIED, "%s, who approves, is not active", row.name);
	if (row.role != role)
		return err_set(CF_EDENIED, "a %s does not approve %s", role_name(row.role), what);
	err = crypto_key_from_point(row.sign_point, &key);
	if (err == 0)
		err = crypto_verify(key, digest, a->sig);
	crypto_key_free(key);
	*ret_org = row.org;
	return err == CF_ESIG ? err_set(CF_EDENIED, "%s has not approved this", row.name) : err;
}

#define ORGS (1u << 16)

/* Counts an organization once. */
static bool org_is_new(uint8_t seen[ORGS / 8], uint16_t org)
{
	bool is_new = !((seen[org / 8] >> (org % 8)) & 1);

	seen[org / 8] |= (uint8_t)(1u << (org % 8));
	return is_new;
}

/* The walk itself is not in the read set: who comes meanwhile is not asked. */
static int count_voters(struct run *r, bool governors, unsigned *ret_count)
{
	const uint8_t prefix = governors ? SK_IDENTITY : SK_ORG;
	uint8_t seen[ORGS / 8] = {0};
	struct state_cursor *cursor = NULL;
	struct state_item item;
	unsigned count = 0;
	int err = state_cursor_new(r->txn, VIEW(&prefix, 1), &cursor);

	if (err)
		return err;
	for (err = state_cursor_seek(cursor, VIEW(&prefix, 1), &item); err == 0;
	     err = state_cursor_next(cursor, &item)) {
		struct identity_row row;

		if (governors && identity_row_decode(item.value, &row)) {
			err = CF_ECORRUPT;
			break;
		}
		count += !governors || (row.role == ROLE_GOVERNOR && row.status != IDENTITY_REVOKED &&
					org_is_new(seen, row.org));
	}
	state_cursor_free(cursor);
	*ret_count = count;
	return err == CF_ENOTFOUND ? 0 : err;
}

int run_majority(struct run *r, const struct op_approval *approval, unsigned count, enum role role,
		 const char *what, const struct hash *digest)
{
	uint8_t seen[ORGS / 8] = {0};
	unsigned given = 0, all = 0;
	uint16_t org = 0;
	int err = 0;

	for (unsigned i = 0; i < count && err == 0; i++) {
		err = check_approval(r, &approval[i], role, what, digest, &org);
		given += err == 0 && org_is_new(seen, org);
	}
	if (err == 0 && given == 0)
		return err_set(CF_EDENIED, "nobody approves %s", what);
	if (err == 0)
		err = count_voters(r, role == ROLE_GOVERNOR, &all);
	if (err == 0 && 2 * given <= all)
		err = err_set(CF_EDENIED, "%u of %u organizations %sapprove: more than half are needed",
			      given, all, role == ROLE_GOVERNOR ? "that have governors " : "");
	return err;
}

static int check_approvals(struct run *r, const struct op_members *op)
{
	struct hash digest;
	char what[64];
	int err = change_digest(op, &r->p->network, &digest);

	snprintf(what, sizeof(what), "that a member is to %s", change_name(op->change));
	return err ? err
		   : run_majority(r, op->approval, op->approval_count, approver(op->change), what, &digest);
}

/* What the ledger knows of the peer, as a member. */
static int member_of(struct run *r, const struct op_members *op, struct member *ret_m)
{
	struct identity_row row;
	int err = row_identity(r->txn, r->out, &op->who, &row);

	if (err == CF_ENOTFOUND)
		return err_set(err, "the peer is not registered");
	if (err)
		return err;
	if (row.role != ROLE_PEER)
		return err_set(CF_EINVAL, "%s is a %s and no peer", row.name, role_name(row.role));
	if (row.status != IDENTITY_ACTIVE)
		return err_set(CF_EREVOKED, "peer %s is not active", row.name);
	*ret_m = (struct member){.id = op->who, .org = row.org};
	memcpy(ret_m->sign_point, row.sign_point, POINT_BYTES);
	memcpy(ret_m->endorse_point, row.endorse_point, POINT_BYTES);
	memcpy(ret_m->kem_point, row.kem_point, POINT_BYTES);
	memcpy(ret_m->peer_address, op->peer_address.data, op->peer_address.len);
	memcpy(ret_m->client_address, op->client_address.data, op->client_address.len);
	return 0;
}

/* The set as it will be. Members keep their order; who is added comes last. */
static int change_set(struct run *r, const struct op_members *op, struct members *m)
{
	int at = members_find(m, &op->who);

	if (op->change == MEMBERS_ADD) {
		if (at >= 0)
			return err_set(CF_EEXIST, "the peer is a member already");
		if (m->count == MEMBERS_MAX)
			return err_set(CF_EINVAL, "there are %d members, the most there can be", MEMBERS_MAX);
		return member_of(r, op, &m->member[m->count++]);
	}
	if (at < 0)
		return err_set(CF_ENOTFOUND, "the peer is no member");
	if (op->change == MEMBERS_REFRESH)
		return member_of(r, op, &m->member[at]);
	if (m->count == MEMBERS_MIN)
		return err_set(CF_EINVAL, "there are %d members, the fewest there can be", MEMBERS_MIN);
	memmove(&m->member[at], &m->member[at + 1], (size_t)(m->count - at - 1) * sizeof(m->member[0]));
	m->count--;
	return 0;
}

/* What genesis demands of a set and its policy holds for every set. */
static int check_set(struct run *r, const struct members *m)
{
	unsigned orgs = 0;

	for (unsigned i = 0; i < m->count; i++) {
		bool again = false;

		for (unsigned j = 0; j < i; j++) {
			again = again || m->member[j].org == m->member[i].org;
			if (memcmp(m->member[j].sign_point, m->member[i].sign_point, POINT_BYTES) == 0 ||
			    memcmp(m->member[j].endorse_point, m->member[i].endorse_point, POINT_BYTES) == 0)
				return err_set(CF_EEXIST, "two members would have one key");
		}
		orgs += !again;
	}
	if (r->policy.endorsing_orgs > orgs)
		return err_set(CF_EINVAL, "%u organizations would have members, %u have to endorse", orgs,
			       r->policy.endorsing_orgs);
	if (r->policy.endorsing_orgs <= members_faults(m->count))
		return err_set(CF_EINVAL, "of %u members %u may lie, and only %u organizations endorse",
			       m->count, members_faults(m->count), r->policy.endorsing_orgs);
	if (r->policy.receipts > m->count)
		return err_set(CF_EINVAL, "%u members for %u receipts", m->count, r->policy.receipts);
	return 0;
}

/* Reading goes on, with as many lost as may be, and no fewer than one more than may lie give a key. */
static int check_holders(struct run *r, const struct members *m)
{
	unsigned faults = members_faults(m->count), left;
	struct holders h;
	int err = row_holders(r->txn, r->out, &h);

	if (err)
		return err;
	left = holders_left(&h, m);
	if (left < h.threshold + faults)
		return err_set(
			CF_EINVAL,
			"%u members would hold a share of the peers' key: %u are needed, and %u may fail",
			left, h.threshold, faults);
	if (h.threshold <= faults)
		return err_set(CF_EINVAL, "of %u members %u may lie, and %u compute the peers' key", m->count,
			       faults, h.threshold);
	return 0;
}

static int put_members(struct run *r, struct members *m)
{
	struct buf value;
	struct enc e;
	int err;

	m->epoch = 0; /* whoever reads it takes the height of the block that wrote the row */
	buf_init(&value, 0);
	enc_init(&e, &value);
	members_encode(m, &e);
	err = run_put(r, statekey_network("members"), enc_done(&e), &value);
	buf_release(&value);
	return err;
}

static int put_expelled(struct run *r, const struct identity_id *who)
{
	struct identity_row row;
	struct buf value;
	int err = row_identity(r->txn, r->out, who, &row);

	if (err)
		return err;
	row.status = IDENTITY_REVOKED;
	buf_init(&value, 0);
	err = run_put(r, statekey_identity(who), identity_row_encode(&row, &value), &value);
	buf_release(&value);
	return err;
}

/* Evidence that an expulsion names is on the ledger, and against that peer. */
static int check_reason(struct run *r, const struct op_members *op)
{
	const struct statekey key = statekey_evidence(&op->evidence);
	struct evidence_row row;
	struct version version;
	struct view value;
	int err;

	if (hash_is_zero(&op->evidence))
		return 0;
	err = row_read(r->txn, r->out, &key, &value, &version);
	if (err == CF_ENOTFOUND)
		return err_set(err, "the evidence that is named is not on the ledger");
	if (err == 0)
		err = evidence_row_decode(value, &row) ? CF_ECORRUPT : 0;
	if (err == 0 && !identity_equal(&row.offender, &op->who))
		err = err_set(CF_EINVAL, "the evidence that is named is against somebody else");
	return err;
}

int contract_members(struct run *r, struct view body)
{
	struct op_members op;
	struct members m;
	int err = op_members_decode(body, &op);

	if (err)
		return err;
	if (!role_may_configure(r->creator.role))
		return err_set(CF_EDENIED, "a %s changes no members", role_name(r->creator.role));
	err = row_members(r->txn, r->out, &m);
	if (err == 0 && op.epoch != m.epoch)
		err = err_set(CF_ECONFLICT,
			      "the change was made for the members since block %llu, now are those "
			      "since block %llu",
			      (unsigned long long)op.epoch, (unsigned long long)m.epoch);
	if (err == 0)
		err = check_reason(r, &op);
	if (err == 0)
		err = check_approvals(r, &op);
	if (err == 0)
		err = change_set(r, &op, &m);
	if (err == 0)
		err = check_set(r, &m);
	if (err == 0)
		err = check_holders(r, &m);
	if (err == 0)
		err = put_members(r, &m);
	if (err == 0 && op.change == MEMBERS_EXPEL)
		err = put_expelled(r, &op.who);
	return err;
}
