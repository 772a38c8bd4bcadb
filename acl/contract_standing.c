/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contract_standing.c - suspend, reinstate, and revocation lists.
 */
#include "acl/contract_private.h"
#include "acl/x509.h"

#include <assert.h>
#include <string.h>

static int put_status(struct run *r, const struct identity_id *who, const struct identity_row *row,
		      enum identity_status status)
{
	struct identity_row changed = *row;
	struct buf value;
	int err;

	changed.status = (uint8_t)status;
	buf_init(&value, 0);
	err = run_put(r, statekey_identity(who), identity_row_encode(&changed, &value), &value);
	buf_release(&value);
	return err;
}

/*
 * A manager administers the own organization. A governor alone holds up doctors, of any organization, and
 * nobody whose voice counts or whose work others need: one governor would stop every hospital's managers and
 * peers. Nobody suspends a governor, and nobody a patient, who could take no grant back then: their authority
 * revokes certificates, and governors expel peers by their majority.
 */
static bool may_suspend(enum role by, enum role who)
{
	if (by == ROLE_GOVERNOR)
		return who == ROLE_DOCTOR;
	return who == ROLE_DOCTOR || who == ROLE_MANAGER || who == ROLE_PEER;
}

static int check_administrator(const struct run *r, const struct op_standing *op,
			       const struct identity_row *row)
{
	if (!role_may_configure(r->creator.role))
		return err_set(CF_EDENIED, "a %s suspends and reinstates nobody", role_name(r->creator.role));
	if (r->creator.role == ROLE_MANAGER && r->creator.org != row->org)
		return err_set(CF_EDENIED, "%s is of another organization than its manager %s", row->name,
			       r->creator.name);
	if (!may_suspend(r->creator.role, row->role))
		return err_set(CF_EDENIED, "a %s suspends no %s", role_name(r->creator.role),
			       role_name(row->role));
	if (identity_equal(&op->who, &r->p->creator))
		return err_set(CF_EDENIED, "nobody changes their own standing");
	return 0;
}

static int change(struct run *r, struct view body, enum identity_status from, enum identity_status to)
{
	struct op_standing op;
	struct identity_row row;
	int err = op_standing_decode(body, &op);

	if (err)
		return err;
	err = row_identity(r->txn, r->out, &op.who, &row);
	if (err == CF_ENOTFOUND)
		return err_set(err, "there is no such identity");
	if (err == 0)
		err = check_administrator(r, &op, &row);
	if (err)
		return err;
	if (row.status == IDENTITY_REVOKED)
		return err_set(CF_EREVOKED, "%s is revoked, for good", row.name);
	if (row.status != from)
		return err_set(CF_EEXIST, "%s is %s already", row.name,
			       to == IDENTITY_ACTIVE ? "active" : "suspended");
	return put_status(r, &op.who, &row, to);
}

int contract_suspend(struct run *r, struct view body)
{
	return change(r, body, IDENTITY_ACTIVE, IDENTITY_SUSPENDED);
}

int contract_reinstate(struct run *r, struct view body)
{
	return change(r, body, IDENTITY_SUSPENDED, IDENTITY_ACTIVE);
}

/* The identity, if the revoked certificate is the one it has now: an older one takes nothing away. */
static int revoke_identity(struct run *r, const struct identity_id *who, const struct hash *issued)
{
	struct identity_row row;
	struct cert_info info;
	int err = row_identity(r->txn, r->out, who, &row);

	if (err == 0)
		err = cert_parse(row.cert, &info);
	if (err || row.status == IDENTITY_REVOKED || !hash_equal(&info.issued, issued))
		return err;
	return put_status(r, who, &row, IDENTITY_REVOKED);
}

/* One certificate of a list. What an earlier list has revoked stays as it is, and is not read again. */
static int revoke(void *ctx, const struct hash *issued)
{
	struct run *r = ctx;
	struct issued_row row = {.revoked = false};
	struct buf value;
	int err = row_issued(r->txn, NULL, issued, &row);

	if (err == 0 && row.revoked)
		return 0;
	if (err == 0 || err == CF_ENOTFOUND)
		err = row_issued(r->txn, r->out, issued, &row);
	if (err == 0 && !identity_is_zero(&row.identity))
		err = revoke_identity(r, &row.identity, issued);
	if (err && err != CF_ENOTFOUND)
		return err;
	row.revoked = true;
	buf_init(&value, 0);
	err = run_put(r, statekey_issued(issued), issued_row_encode(&row, &value), &value);
	buf_release(&value);
	return err;
}

/* Lists of one authority come in order: with an older one somebody would be forgotten. */
static int check_number(struct run *r, const struct crl_info *info)
{
	struct crl_row old;
	int err = row_crl(r->txn, r->out, &info->issuer_key, &old);

	if (err == 0 && info->number <= old.number)
		return err_set(CF_EEXIST, "revocation list %llu of '%s' is stale: list %llu is on the ledger",
			       (unsigned long long)info->number, info->issuer,
			       (unsigned long long)old.number);
	return err == CF_ENOTFOUND ? 0 : err;
}

int contract_crl(struct run *r, struct view body)
{
	struct statekey root_key = statekey_network("root");
	struct version version;
	struct crl_info info;
	struct crl_row row;
	struct op_crl op;
	struct view root;
	struct buf value;
	int err = op_crl_decode(body, &op);

	if (err)
		return err;
	err = row_read(r->txn, r->out, &root_key, &root, &version);
	if (err == 0)
		err = cert_crl_check(op.crl, op.cert, op.count, root, r->now_ms, &info);
	if (err == 0)
		err = check_number(r, &info);
	if (err == 0)
		err = cert_crl_walk(op.crl, revoke, r);
	if (err)
		return err == CF_EDECODE ? CF_EINVAL : err; /* the reason is in err_detail */
	row = (struct crl_row){.number = info.number,
			       .this_update_ms = info.this_update_ms,
			       .next_update_ms = info.next_update_ms,
			       .count = (uint32_t)info.count,
			       .hash = sha256(op.crl)};
	buf_init(&value, 0);
	err = run_put(r, statekey_crl(&info.issuer_key), crl_row_encode(&row, &value), &value);
	buf_release(&value);
	return err;
}
