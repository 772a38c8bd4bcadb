/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contract.c - the contract "emr": what every run checks, and the table of its operations.
 */
#include "acl/content.h"
#include "acl/contract_private.h"
#include "acl/trace.h"
#include "acl/wrap.h"
#include "acl/x509.h"

#include <assert.h>
#include <string.h>

uint32_t contract_window(uint64_t time_ms)
{
	return (uint32_t)(time_ms / CONTRACT_WINDOW_MS);
}

/* Indexed by operation. lone: it fills a proposal by itself. */
static const struct {
	int (*run)(struct run *r, struct view body);
	bool patient;
	bool lone;
	bool wraps; /* its annex hands out keys */
} table[] = {
	[OP_REGISTER] = {contract_register, false, true, false},
	[OP_ADMIT] = {contract_admit, true, true, true},
	[OP_CREATE] = {contract_create, true, false, false},
	[OP_SAVE] = {contract_save, true, false, false},
	[OP_SETATTR] = {contract_setattr, true, false, false},
	[OP_UNLINK] = {contract_unlink, true, false, false},
	[OP_RMDIR] = {contract_rmdir, true, false, false},
	[OP_RENAME] = {contract_rename, true, false, false},
	[OP_GRANT] = {contract_grant, true, true, true},
	[OP_REVOKE] = {contract_revoke, true, true, true},
	[OP_XATTR] = {contract_xattr, true, false, false},
	[OP_MEMBERS] = {contract_members, false, true, false},
	[OP_DEAL] = {contract_deal, false, true, false},
	[OP_TAKE] = {contract_take, false, true, false},
	[OP_ACCUSE] = {contract_accuse, false, true, false},
	[OP_LEASE] = {contract_lease, true, true, false},
	[OP_CLAIM] = {contract_claim, true, true, true},
	[OP_EVIDENCE] = {contract_evidence, false, true, false},
	[OP_ERASE] = {contract_erase, true, false, false},
	[OP_SUSPEND] = {contract_suspend, false, true, false},
	[OP_REINSTATE] = {contract_reinstate, false, true, false},
	[OP_CRL] = {contract_crl, false, true, false},
	[OP_RENEW] = {contract_renew, false, true, false},
	[OP_PROPOSE] = {contract_propose, true, false, false},
	[OP_APPROVE] = {contract_approve, true, false, false},
	[OP_REPLACE] = {contract_replace, true, true, true},
	[OP_RULE] = {contract_rule, true, true, false},
};

static int check_ops(const struct tx_proposal *p)
{
	bool patient = !patient_is_zero(&p->patient);

	for (unsigned i = 0; i < p->op_count; i++) {
		uint8_t code = p->op[i].code;

		if (code >= sizeof(table) / sizeof(table[0]) || !table[code].run)
			return err_set(CF_EINVAL, "operation %u: unknown code %u", i, code);
		if (table[code].patient != patient)
			return err_set(CF_EINVAL, "operation %u: %s %s a patient", i, op_name(code),
				       patient ? "has not" : "needs");
		if (table[code].lone && p->op_count != 1)
			return err_set(CF_EINVAL, "operation %u: %s stands alone in its transaction", i,
				       op_name(code));
	}
	return 0;
}

static int check_item(void *ctx, const struct annex_item *item)
{
	const struct tx_proposal *p = ctx;
	struct trace_wrap t;
	struct wrap w;
	struct dec d;

	if (item->kind == ANNEX_TRACE)
		return op_is_sealing((enum op_code)p->op[0].code) ? trace_wrap_decode(item->body, &t)
								  : CF_EDECODE;
	if (item->kind == ANNEX_WRAP)
		return table[p->op[0].code].wraps ? wrap_decode(item->body, &w) : CF_EDECODE;
	dec_init(&d, item->body);
	if (dec_u16(&d) >= p->op_count)
		return CF_EDECODE;
	(void)dec_take(&d, CONTENT_SECRET_BYTES);
	return dec_done(&d);
}

/* Keys come only with the operations that hand out keys: nobody else can plant a wrong one for somebody. */
static int check_annex(const struct tx_proposal *p, struct view annex)
{
	int err;

	if (annex.len == 0)
		return hash_is_zero(&p->annex_hash) ? 0 : err_set(CF_EINVAL, "the annex is missing");
	err = annex_walk(annex, check_item, (void *)(uintptr_t)p);
	return err == CF_EDECODE ? err_set(CF_EINVAL, "the annex does not fit its operations") : err;
}

static int check_proposal(const struct run *r)
{
	const struct tx_proposal *p = r->p;
	uint64_t off = p->time_ms > r->now_ms ? p->time_ms - r->now_ms : r->now_ms - p->time_ms;
	int err;

	if (!view_equal(p->contract, view_str(CONTRACT_NAME)) || p->contract_version != CONTRACT_VERSION)
		return err_set(CF_EINVAL, "not made for contract %s version %d", CONTRACT_NAME,
			       CONTRACT_VERSION);
	if (p->policy != CONTRACT_POLICY)
		return err_set(CF_EINVAL, "there is no endorsement policy %u", p->policy);
	if (off > r->policy.time_window_ms)
		return err_set(CF_EINVAL, "the proposal's clock is off by %llu ms", (unsigned long long)off);
	err = check_ops(p);
	return err ? err : check_annex(p, r->annex);
}

static int check_creator(struct run *r)
{
	struct hash key;
	int err = row_identity(r->txn, r->out, &r->p->creator, &r->creator);

	if (err == CF_ENOTFOUND)
		return err_set(CF_EFOREIGN, "the creator is not registered");
	if (err)
		return err;
	key = crypto_key_fingerprint(r->creator.sign_point);
	if (!hash_equal(&key, &r->p->creator_key))
		return err_set(CF_EINVAL, "the creator %s has another key", r->creator.name);
	if (r->creator.status != IDENTITY_ACTIVE)
		return err_set(CF_EREVOKED, "the creator %s is %s", r->creator.name,
			       r->creator.status == IDENTITY_REVOKED ? "revoked" : "suspended");
	if (r->now_ms < r->creator.not_before_ms || r->now_ms > r->creator.not_after_ms)
		return err_set(CF_EEXPIRED, "the certificate of %s is not valid now", r->creator.name);
	return 0;
}

/* Whose key stands for the patient: the owner's or, in custody, the custodian's. */
static int controller(struct db_txn *txn, struct rwset_builder *out, const struct tx_proposal *p,
		      struct identity_id *ret_id)
{
	struct patient_row row;
	struct op_admit admit;
	int err;

	if (p->op[0].code == OP_ADMIT) {
		if (op_admit_decode(p->op[0].body, &admit))
			return CF_EINVAL;
		*ret_id = identity_is_zero(&admit.owner) ? admit.custodian : admit.owner;
		return 0;
	}
	err = row_patient(txn, out, &p->patient, &row);
	if (err == 0)
		*ret_id = row.status == PATIENT_CUSTODY ? row.custodian : row.owner;
	return err;
}

/* The table of rows 13 and 14: type and keys that follow from operations, creator and patient. */
static int expected_keys(struct db_txn *txn, struct rwset_builder *out, const struct tx_proposal *p,
			 enum role role, struct tx_proposal *ret_p)
{
	struct tx_proposal want = {.type = op_tx_type(p->op[0].code, role)};
	bool patient = !patient_is_zero(&p->patient);
	struct identity_row row;
	struct identity_id id;
	int err;

	if (patient) {
		err = controller(txn, out, p, &id);
		if (err == 0)
			err = row_identity(txn, out, &id, &row);
		if (err)
			return err;
		want.patient_key = crypto_key_fingerprint(row.sign_point);
	}
	if (want.type == TX_DOCTOR || (patient && role != ROLE_PATIENT))
		want.doctor_key = p->creator_key;
	ret_p->type = want.type;
	ret_p->patient_key = want.patient_key;
	ret_p->doctor_key = want.doctor_key;
	return 0;
}

/* The role a creator has, or will have by the registration that this is. */
static int creator_role(struct db_txn *txn, const struct tx_proposal *p, enum role *ret_role)
{
	struct op_register reg;
	struct identity_row row;
	struct cert_info info;
	int err;

	if (p->op[0].code == OP_REGISTER) {
		if (op_register_decode(p->op[0].body, &reg) || cert_parse(reg.cert[0], &info))
			return CF_EINVAL;
		*ret_role = info.role;
		return 0;
	}
	err = state_identity(txn, &p->creator, &row);
	if (err == 0)
		*ret_role = row.role;
	return err;
}

int contract_fill(struct db_txn *txn, struct tx_proposal *p)
{
	enum role role;
	int err;

	assert(txn && p && p->op_count > 0);
	err = creator_role(txn, p, &role);
	return err ? err : expected_keys(txn, NULL, p, role, p);
}

static int check_keys(struct run *r)
{
	const struct tx_proposal *p = r->p;
	struct tx_proposal want;
	enum role role;
	int err = creator_role(r->txn, p, &role);

	if (err == 0)
		err = expected_keys(r->txn, r->out, p, role, &want);
	if (err == CF_ENOTFOUND)
		return err_set(CF_ENOTFOUND, "there is no such patient");
	if (err)
		return err;
	if (p->type != want.type)
		return err_set(CF_EINVAL, "%s by a %s is of type %s, not %s", op_name(p->op[0].code),
			       role_name(role), tx_type_name(want.type), tx_type_name(p->type));
	/* staff may leave out its own key where the type does not demand it */
	if (hash_is_zero(&p->doctor_key) && !(tx_type_keys(p->type) & TX_KEY_DOCTOR))
		want.doctor_key = p->doctor_key;
	if (!hash_equal(&p->patient_key, &want.patient_key) || !hash_equal(&p->doctor_key, &want.doctor_key))
		return err_set(CF_EINVAL, "the keys named are not those of patient and doctor");
	return 0;
}

int contract_run(struct db_txn *txn, const struct tx_proposal *p, const struct hash *id, struct view annex,
		 uint64_t now_ms, struct rwset_builder *out)
{
	struct run r = {.txn = txn, .p = p, .id = id, .annex = annex, .now_ms = now_ms, .out = out};
	int err;

	assert(txn && p && id && out && p->op_count > 0);
	err = row_policy(txn, out, &r.policy);
	if (err == 0)
		err = check_proposal(&r);
	if (err == 0 && p->op[0].code != OP_REGISTER)
		err = check_creator(&r);
	if (err == 0)
		err = check_keys(&r);
	for (r.op = 0; err == 0 && r.op < p->op_count; r.op++) {
		err = table[p->op[r.op].code].run(&r, p->op[r.op].body);
		if (err == CF_EDECODE)
			err = err_set(CF_EINVAL, "operation %u: %s does not decode", r.op,
				      op_name(p->op[r.op].code));
	}
	return err;
}
