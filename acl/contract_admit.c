/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contract_admit.c - register an identity, admit a patient.
 */
#include "acl/contract_private.h"
#include "acl/wrap.h"
#include "acl/x509.h"

#include <assert.h>
#include <string.h>

/* The chain to the network's root, at this endorser's time. */
static int check_chain(struct run *r, const struct op_register *op, const struct view *intermediates,
		       size_t count)
{
	struct statekey key = statekey_network("root");
	struct version version;
	struct view root;
	int err = row_read(r->txn, r->out, &key, &root, &version);

	return err ? err : cert_check_chain(op->cert[0], intermediates, count, root, VIEW_NONE, r->now_ms);
}

/*
 * The organization's own authority must stand in the chain: it is there, and without it nothing leads to the
 * root. A certificate put beside a chain proves nothing.
 */
static int check_authority(struct run *r, const struct op_register *op, const struct hash *ca_fingerprint)
{
	struct view others[CERT_CHAIN_MAX];
	size_t count = 0;

	for (unsigned i = 1; i < op->count; i++) {
		struct hash fingerprint = sha256(op->cert[i]);

		if (!hash_equal(&fingerprint, ca_fingerprint))
			others[count++] = op->cert[i];
	}
	if (count + 1 == op->count || check_chain(r, op, others, count) == 0)
		return err_set(CF_EFOREIGN,
			       "the certificate is not issued below its organization's authority");
	return 0;
}

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

/* A certificate is renewed under the same key; another key for a name that is taken is somebody else. */
static int check_renewal(struct run *r, const struct cert_info *info)
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
	if (old.status != IDENTITY_ACTIVE)
		return err_set(CF_EREVOKED, "'%s' of '%s' is not active", info->name, info->org);
	if (old.role != info->role)
		return err_set(CF_EEXIST, "'%s' of '%s' is registered as %s", info->name, info->org,
			       role_name(old.role));
	if (info->not_after_ms <= old.not_after_ms)
		return err_set(CF_EEXIST, "'%s' of '%s' is registered with a certificate as new", info->name,
			       info->org);
	return 0;
}

static int check_register(struct run *r, const struct op_register *op, struct cert_info *ret_info)
{
	static const uint8_t no_point[POINT_BYTES];
	struct identity_id id;
	struct hash key;
	int err = check_chain(r, op, op->cert + 1, op->count - 1u);

	if (err == 0)
		err = cert_parse(op->cert[0], ret_info);
	if (err)
		return err;
	id = identity_id_of(ret_info->org, ret_info->name);
	key = crypto_key_fingerprint(ret_info->sign_point);
	if (!identity_equal(&id, &r->p->creator) || !hash_equal(&key, &r->p->creator_key))
		return err_set(CF_EDENIED, "everybody registers themselves alone");
	if (memcmp(ret_info->kem_point, no_point, POINT_BYTES) == 0)
		return err_set(CF_EINVAL, "the certificate of '%s' carries no key-agreement key",
			       ret_info->name);
	return check_renewal(r, ret_info);
}

/* One key is one identity: a fingerprint leads back to whom it signs for. */
static int put_key(struct run *r, struct buf *value)
{
	struct statekey key = statekey_key(&r->p->creator_key);
	struct version version;
	struct view old;
	int err = row_read(r->txn, r->out, &key, &old, &version);

	if (err == 0 && !view_equal(old, VIEW(r->p->creator.b, IDENTITY_BYTES)))
		return err_set(CF_EEXIST, "the key is another identity's");
	if (err && err != CF_ENOTFOUND)
		return err;
	return run_put(r, key, buf_append(value, r->p->creator.b, IDENTITY_BYTES), value);
}

int contract_register(struct run *r, struct view body)
{
	struct op_register op;
	struct cert_info info;
	struct org_row org;
	struct identity_row row = {.status = IDENTITY_ACTIVE};
	struct buf value;
	int err = op_register_decode(body, &op);

	if (err == 0)
		err = check_register(r, &op, &info);
	if (err == 0)
		err = find_org(r, info.org, &org);
	if (err == 0)
		err = check_authority(r, &op, &org.ca_fingerprint);
	if (err)
		return err;
	row.role = info.role;
	row.org = org.number;
	memcpy(row.name, info.name, sizeof(row.name));
	memcpy(row.sign_point, info.sign_point, POINT_BYTES);
	memcpy(row.endorse_point, info.endorse_point, POINT_BYTES);
	memcpy(row.kem_point, info.kem_point, POINT_BYTES);
	row.not_before_ms = info.not_before_ms;
	row.not_after_ms = info.not_after_ms;
	row.cert = op.cert[0];
	buf_init(&value, 0);
	err = run_put(r, statekey_identity(&r->p->creator), identity_row_encode(&row, &value), &value);
	if (err == 0)
		err = put_key(r, &value);
	buf_release(&value);
	return err;
}

/* Who may admit, and in whose custody: a patient themself, or staff under their own organization's custodian.
 */
static int check_admit(struct run *r, const struct op_admit *op)
{
	const struct identity_id *me = &r->p->creator;
	struct patient_row there;
	struct identity_row custodian;
	struct org_row org;
	int err = row_patient(r->txn, r->out, &r->p->patient, &there);

	if (err == 0)
		return err_set(CF_EEXIST, "the patient is admitted already");
	if (err != CF_ENOTFOUND)
		return err;
	if (identity_is_zero(&op->owner) == identity_is_zero(&op->custodian))
		return err_set(CF_EINVAL, "a patient has either an owner or a custodian");
	if (identity_is_zero(&op->custodian)) {
		if (r->creator.role == ROLE_PATIENT && identity_equal(&op->owner, me))
			return 0;
		return err_set(CF_EDENIED, "a patient with a key admits themself");
	}
	if (!role_may_admit(r->creator.role))
		return err_set(CF_EDENIED, "a %s admits no patients", role_name(r->creator.role));
	err = row_org(r->txn, r->out, r->creator.org, &org);
	if (err)
		return err;
	if (!identity_equal(&op->custodian, &org.custodian))
		return err_set(CF_EDENIED, "the custodian is not the one of '%s'", org.name);
	err = row_identity(r->txn, r->out, &op->custodian, &custodian);
	if (err == 0 && custodian.status != IDENTITY_ACTIVE)
		return err_set(CF_EDENIED, "the custodian of '%s' is not active", org.name);
	return err;
}

static int check_wraps(const struct run *r, const struct identity_id *to)
{
	for (unsigned s = 0; s <= SECTION_COUNT; s++) {
		uint32_t lowest;
		int err = wrap_find(r->annex, to, (uint8_t)s, 0, &lowest);

		if (err == CF_ENOTFOUND)
			return err_set(CF_EINVAL,
				       "the annex does not wrap the keys of %s to all who hold them",
				       section_name(s));
		if (err)
			return err;
	}
	return 0;
}

static int put_directory(struct run *r, const struct op_admit *op, unsigned section)
{
	struct node_id id = op_section_node(&r->p->patient, section);
	struct node_row node = {
		.type = NODE_DIR,
		.section = (uint8_t)section,
		.mode = op->mode,
		.uid = op->uid,
		.gid = op->gid,
		.atime_ns = run_time_ns(r),
		.mtime_ns = run_time_ns(r),
		.ctime_ns = run_time_ns(r),
		.crtime_ns = run_time_ns(r),
		.author = r->p->creator,
	};

	if (section > 0)
		node.parent = op_section_node(&r->p->patient, 0);
	return run_put_node(r, &id, &node);
}

static int put_section(struct run *r, const struct op_admit *op, unsigned section, bool grant,
		       struct buf *value)
{
	const struct patient_id *p = &r->p->patient;
	struct section_row row = {.epoch_tx = *r->id};
	struct grant_row staff = {
		.verbs = (uint8_t)(role_verbs(r->creator.role) | VERB_GRANT),
		.grant_tx = *r->id,
		.granted_by = r->p->creator,
	};
	int err = run_put(r, statekey_section(p, (uint8_t)section), section_row_encode(&row, value), value);

	if (err == 0)
		err = put_directory(r, op, section);
	if (err || !grant)
		return err;
	return run_put(r, statekey_grant(p, (uint8_t)section, &r->p->creator),
		       grant_row_encode(&staff, value), value);
}

int contract_admit(struct run *r, struct view body)
{
	struct op_admit op;
	struct patient_row row;
	bool custody, grant;
	struct buf value;
	int err = op_admit_decode(body, &op);

	if (err == 0)
		err = check_admit(r, &op);
	if (err)
		return err;
	custody = identity_is_zero(&op.owner);
	grant = custody && !identity_equal(&op.custodian, &r->p->creator);
	err = check_wraps(r, custody ? &op.custodian : &op.owner);
	if (err == 0 && grant)
		err = check_wraps(r, &r->p->creator);
	if (err)
		return err;
	row = (struct patient_row){
		.status = custody ? PATIENT_CUSTODY : PATIENT_OWNED,
		.owner = op.owner,
		.custodian = op.custodian,
		.admitted_by = r->p->creator,
		.window = op.window,
		.sealed_name = op.sealed_name,
	};
	buf_init(&value, 0);
	err = run_put(r, statekey_patient(&r->p->patient), patient_row_encode(&row, &value), &value);
	for (unsigned s = 0; s <= SECTION_COUNT && err == 0; s++)
		err = put_section(r, &op, s, grant, &value);
	buf_release(&value);
	return err;
}
