/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contract_identity.c - register an identity, renew its certificate, also with another key.
 */
#include "acl/contract_private.h"
#include "acl/x509.h"

#include <assert.h>
#include <string.h>

/* A chain of certificates as register and renew bring it, leaf first. */
struct chain {
	unsigned count;
	const struct view *cert;
	struct cert_info info; /* of the leaf */
	struct org_row org;
};

static int find_org(struct run *r, const char *name, struct org_row *ret_org)
{
	const uint8_t prefix = SK_ORG;
	struct state_cursor *cursor = NULL;
	struct state_item item;
	struct org_row org;
	int err = state_cursor_new(r->txn, VIEW(&prefix, 1), &cursor);

	if (err)
		return err;
	for (err = state_cursor_seek(cursor, VIEW(&prefix, 1), &item); err == 0;
	     err = state_cursor_next(cursor, &item)) {
		err = org_row_decode(item.value, &org);
		if (err || strcmp(org.name, name) == 0)
			break;
	}
	state_cursor_free(cursor);
	if (err == CF_ENOTFOUND)
		return err_set(CF_EFOREIGN, "organization '%s' is not of this network", name);
	if (err)
		return err == CF_EDECODE ? CF_ECORRUPT : err;
	return row_org(r->txn, r->out, org.number, ret_org); /* noted: the walk itself is not */
}

static int read_root(struct run *r, struct view *ret_root)
{
	struct statekey key = statekey_network("root");
	struct version version;

	return row_read(r->txn, r->out, &key, ret_root, &version);
}

/* An authority that once had a list on the ledger keeps it up to date, or names nobody any more. */
static int check_list_of(struct run *r, const struct cert_info *authority)
{
	struct hash key = crypto_key_fingerprint(authority->sign_point);
	struct crl_row row;
	int err = row_crl(r->txn, r->out, &key, &row);

	if (err == CF_ENOTFOUND)
		return 0;
	if (err == 0 && r->now_ms > row.next_update_ms)
		return err_set(CF_EEXPIRED, "the revocation list of '%s' on the ledger is out of date",
			       authority->name);
	return err;
}

/*
 * No certificate of the chain is revoked. The rows are in the read set, also those that are not there: a
 * list that is ordered first invalidates.
 */
static int check_revocation(struct run *r, const struct chain *c, struct view root)
{
	struct cert_info info;
	struct issued_row row;
	int err = cert_parse(root, &info);

	if (err == 0)
		err = check_list_of(r, &info);
	for (unsigned i = 0; i < c->count && err == 0; i++) {
		err = cert_parse(c->cert[i], &info);
		if (err == 0)
			err = row_issued(r->txn, r->out, &info.issued, &row);
		if (err == 0 && row.revoked)
			return err_set(CF_EREVOKED, "certificate of '%s' is revoked", info.name);
		if (err == CF_ENOTFOUND)
			err = 0;
		if (err == 0 && info.is_ca)
			err = check_list_of(r, &info);
	}
	return err;
}

/* The whole chain at this endorser's time: to the root, through the organization's authority, not revoked. */
static int check_chain(struct run *r, struct chain *c)
{
	static const uint8_t no_point[POINT_BYTES];
	struct view root;
	int err = read_root(r, &root);

	if (err == 0)
		err = cert_parse(c->cert[0], &c->info);
	if (err == 0)
		err = cert_check_chain(c->cert[0], c->cert + 1, c->count - 1u, root, VIEW_NONE, r->now_ms);
	if (err == 0)
		err = find_org(r, c->info.org, &c->org);
	if (err == 0)
		err = cert_check_member(c->cert[0], c->cert + 1, c->count - 1u, root, &c->org.ca_fingerprint,
					r->now_ms);
	if (err == 0)
		err = check_revocation(r, c, root);
	if (err == 0 && memcmp(c->info.kem_point, no_point, POINT_BYTES) == 0)
		err = err_set(CF_EINVAL, "the certificate of '%s' carries no key-agreement key",
			      c->info.name);
	return err == CF_EDECODE ? CF_EINVAL : err; /* the reason is in err_detail */
}

/* The identity's row, its key's, and that the certificate was issued to it. */
static int put_identity(struct run *r, const struct chain *c, const struct identity_id *who)
{
	struct identity_row row = {.status = IDENTITY_ACTIVE,
				   .role = c->info.role,
				   .org = c->org.number,
				   .not_before_ms = c->info.not_before_ms,
				   .not_after_ms = c->info.not_after_ms,
				   .cert = c->cert[0]};
	struct issued_row issued = {.identity = *who};
	struct hash fingerprint = crypto_key_fingerprint(c->info.sign_point);
	struct buf value;
	int err;

	memcpy(row.name, c->info.name, sizeof(row.name));
	memcpy(row.sign_point, c->info.sign_point, POINT_BYTES);
	memcpy(row.endorse_point, c->info.endorse_point, POINT_BYTES);
	memcpy(row.kem_point, c->info.kem_point, POINT_BYTES);
	buf_init(&value, 0);
	err = run_put(r, statekey_identity(who), identity_row_encode(&row, &value), &value);
	if (err == 0)
		err = run_put(r, statekey_key(&fingerprint), buf_append(&value, who->b, IDENTITY_BYTES),
			      &value);
	if (err == 0)
		err = run_put(r, statekey_issued(&c->info.issued), issued_row_encode(&issued, &value),
			      &value);
	buf_release(&value);
	return err;
}

/* One key is one identity: a fingerprint leads back to whom it signs for. */
static int check_key(struct run *r, const struct chain *c, const struct identity_id *who)
{
	struct hash fingerprint = crypto_key_fingerprint(c->info.sign_point);
	struct statekey key = statekey_key(&fingerprint);
	struct version version;
	struct view old;
	int err = row_read(r->txn, r->out, &key, &old, &version);

	if (err == 0 && !view_equal(old, VIEW(who->b, IDENTITY_BYTES)))
		return err_set(CF_EEXIST, "the key is another identity's");
	return err == CF_ENOTFOUND ? 0 : err;
}

/* What no renewal changes. */
static int check_same(const struct identity_row *old, const struct cert_info *info)
{
	if (old->status != IDENTITY_ACTIVE)
		return err_set(CF_EREVOKED, "'%s' of '%s' is not active", info->name, info->org);
	if (old->role != info->role)
		return err_set(CF_EEXIST, "'%s' of '%s' is registered as %s", info->name, info->org,
			       role_name(old->role));
	return 0;
}

/* A certificate is renewed under the same key; another key for a name that is taken is somebody else. */
static int check_again(struct run *r, const struct cert_info *info)
{
	struct identity_row old;
	int err = row_identity(r->txn, r->out, &r->p->creator, &old);

	if (err == CF_ENOTFOUND)
		return 0;
	if (err)
		return err;
	if (memcmp(old.sign_point, info->sign_point, POINT_BYTES) != 0)
		return err_set(CF_EEXIST, "'%s' of '%s' is registered with another key", info->name,
			       info->org);
	err = check_same(&old, info);
	if (err == 0 && info->not_after_ms <= old.not_after_ms)
		err = err_set(CF_EEXIST, "'%s' of '%s' is registered with a certificate as new", info->name,
			      info->org);
	return err;
}

int contract_register(struct run *r, struct view body)
{
	struct op_register op;
	struct chain c = {.cert = op.cert};
	struct identity_id id;
	struct hash key;
	int err = op_register_decode(body, &op);

	if (err)
		return err;
	c.count = op.count;
	err = check_chain(r, &c);
	if (err)
		return err;
	id = identity_id_of(c.info.org, c.info.name);
	key = crypto_key_fingerprint(c.info.sign_point);
	if (!identity_equal(&id, &r->p->creator) || !hash_equal(&key, &r->p->creator_key))
		return err_set(CF_EDENIED, "everybody registers themselves alone");
	err = check_again(r, &c.info);
	if (err == 0)
		err = check_key(r, &c, &id);
	return err ? err : put_identity(r, &c, &id);
}

/*
 * Who may give an identity another key: itself, by the old one, and then the key-agreement key stays, as what
 * was wrapped to it is wrapped to nothing else. Of a peer, which nobody grants anything, also a manager of
 * its organization. Of nobody else: the hospital would have the grants, the voice or the chart that are
 * theirs.
 */
static int check_renewer(struct run *r, const struct identity_row *old, const struct cert_info *info,
			 const struct identity_id *who)
{
	if (identity_equal(who, &r->p->creator)) {
		if (memcmp(old->kem_point, info->kem_point, POINT_BYTES) != 0)
			return err_set(CF_EINVAL, "the new certificate of '%s' has another key-agreement key",
				       info->name);
		return 0;
	}
	if (old->role != ROLE_PEER)
		return err_set(CF_EDENIED, "only '%s' may renew the keys of this %s", info->name,
			       role_name(old->role));
	if (r->creator.role != ROLE_MANAGER || r->creator.org != old->org)
		return err_set(CF_EDENIED, "only '%s' and the managers of '%s' may renew this peer's keys",
			       info->name, info->org);
	return 0;
}

static int check_proof(struct run *r, const struct op_renew *op, const struct identity_row *old,
		       const struct cert_info *info)
{
	struct hash old_key = crypto_key_fingerprint(old->sign_point);
	struct hash digest = op_renew_digest(&r->p->network, &op->who, &old_key, op->cert[0]);
	struct crypto_key *key = NULL;
	int err = crypto_key_from_point(info->sign_point, &key);

	if (err == 0)
		err = crypto_verify(key, &digest, op->proof);
	crypto_key_free(key);
	return err == CF_ESIG ? err_set(err, "the new key of '%s' has not signed for this", info->name) : err;
}

int contract_renew(struct run *r, struct view body)
{
	struct op_renew op;
	struct chain c = {.cert = op.cert};
	struct identity_row old;
	struct identity_id id;
	int err = op_renew_decode(body, &op);

	if (err)
		return err;
	c.count = op.count;
	err = row_identity(r->txn, r->out, &op.who, &old);
	if (err == CF_ENOTFOUND)
		return err_set(err, "whom to renew is not registered");
	if (err == 0)
		err = check_chain(r, &c);
	if (err)
		return err;
	id = identity_id_of(c.info.org, c.info.name);
	if (!identity_equal(&id, &op.who))
		return err_set(CF_EINVAL, "the certificate is of '%s', which is another identity",
			       c.info.name);
	if (memcmp(old.sign_point, c.info.sign_point, POINT_BYTES) == 0)
		return err_set(CF_EINVAL, "the key of '%s' is the old one: register renews the certificate",
			       c.info.name);
	err = check_same(&old, &c.info);
	if (err == 0)
		err = check_renewer(r, &old, &c.info, &op.who);
	if (err == 0)
		err = check_proof(r, &op, &old, &c.info);
	if (err == 0)
		err = check_key(r, &c, &op.who);
	return err ? err : put_identity(r, &c, &op.who);
}
