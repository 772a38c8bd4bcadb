/* SPDX-License-Identifier: Apache-2.0 */
/* validate.c - static checks, and the order of the verdicts. */
#include "acl/validate.h"
#include "acl/genesis.h"
#include "acl/rowread.h"
#include "acl/sigcache.h"
#include "acl/x509.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

struct validator {
	struct hash network;
	struct sigcache *signatures;
};

int validate_new(const struct hash *network, struct validator **ret_v)
{
	struct validator *v = mem_zalloc(sizeof(*v));
	int err;

	assert(network && ret_v);
	if (!v)
		return CF_ENOMEM;
	v->network = *network;
	err = sigcache_new(&v->signatures);
	if (err) {
		mem_free(v);
		return err;
	}
	*ret_v = v;
	return 0;
}

void validate_free(struct validator *v)
{
	if (!v)
		return;
	sigcache_free(v->signatures);
	mem_free(v);
}

bool validate_is_refusal(int err)
{
	return err && err != CF_ENOMEM && err != CF_EIO && err != CF_EFULL && err != CF_ECORRUPT;
}

/* What stands in the proposal alone. */
static int check_form(const struct validator *v, const struct tx_proposal *p)
{
	unsigned keys = tx_type_keys(p->type);
	bool about_patient = op_about_patient((enum op_code)p->op[0].code);

	if (!hash_equal(&p->network, &v->network))
		return err_set(CF_EINVAL, "transaction of another network");
	if (((keys & TX_KEY_PATIENT) && hash_is_zero(&p->patient_key)) ||
	    ((keys & TX_KEY_DOCTOR) && hash_is_zero(&p->doctor_key)))
		return err_set(CF_EINVAL, "type %s without the keys it must carry", tx_type_name(p->type));
	if (about_patient ? patient_is_zero(&p->patient) : p->op_count != 1 || !patient_is_zero(&p->patient))
		return err_set(CF_EINVAL, "operations and patient do not fit");
	if (p->policy != CONTRACT_POLICY)
		return err_set(CF_EINVAL, "there is no endorsement policy %u", p->policy);
	for (unsigned i = 0; i < p->op_count; i++) {
		if (op_check_body(&p->op[i]) ||
		    op_about_patient((enum op_code)p->op[i].code) != about_patient)
			return err_set(CF_EDECODE, "operation %u does not decode", i);
	}
	return 0;
}

/* May it be in the block at this height, and is it not in the ledger already? */
static int check_life(struct db_txn *txn, const struct tx_proposal *p, const struct hash *id, uint64_t height)
{
	struct policy_row policy;
	struct chain_tx_info info;
	int err = state_policy(txn, &policy);

	if (err)
		return err == CF_ENOTFOUND ? CF_ECORRUPT : err;
	if (p->valid_until < height)
		return err_set(CF_EEXPIRED, "transaction was valid until block %llu",
			       (unsigned long long)p->valid_until);
	if (p->valid_until - height > policy.valid_blocks_max)
		return err_set(CF_EINVAL, "transaction would be valid for too long");
	err = chain_tx_info(txn, id, &info);
	if (err == 0)
		return err_set(CF_EEXIST, "transaction is in block %llu already",
			       (unsigned long long)info.height);
	return err == CF_ENOTFOUND ? 0 : err;
}

static int check_annex(const struct validator *v, const struct tx_proposal *p, struct view annex,
		       bool annex_kept)
{
	struct hash hash;
	int err;

	if (annex.len == 0 && hash_is_zero(&p->annex_hash))
		return 0;
	if (annex.len == 0)
		return annex_kept ? err_set(CF_EINVAL, "the annex is missing") : 0;
	err = tx_annex_hash(&v->network, annex, &hash);
	if (err)
		return err == CF_EDECODE ? err_set(CF_EDECODE, "the annex does not decode") : err;
	if (!hash_equal(&hash, &p->annex_hash))
		return err_set(CF_EINVAL, "the annex is not the transaction's");
	if (annex_kept && !annex_is_whole(annex))
		return err_set(CF_EINVAL, "something is erased in the annex");
	return 0;
}

/* The creator's signature, key and right type. */
static int check_creator(struct validator *v, const struct tx_proposal *p, const struct hash *id,
			 const struct sigpath *signature, const uint8_t point[POINT_BYTES], enum role role)
{
	struct hash key = crypto_key_fingerprint(point);

	if (!hash_equal(&key, &p->creator_key))
		return err_set(CF_ESIG, "the creator has another key");
	if (p->type != op_tx_type((enum op_code)p->op[0].code, role))
		return err_set(CF_EINVAL, "%s by a %s is not of type %s",
			       op_name((enum op_code)p->op[0].code), role_name(role), tx_type_name(p->type));
	return sigcache_verify(v->signatures, signature, SIG_PROPOSAL, &v->network, id, point);
}

/* Somebody new says in the certificate who they are; an endorser finds out whether that is true. */
static int applicant(const struct tx_proposal *p, uint8_t ret_point[POINT_BYTES], enum role *ret_role)
{
	struct op_register op;
	struct cert_info info;

	if (p->op[0].code != OP_REGISTER)
		return err_set(CF_EFOREIGN, "the creator is not registered");
	if (op_register_decode(p->op[0].body, &op) || cert_parse(op.cert[0], &info))
		return err_set(CF_EDECODE, "the certificate does not decode");
	memcpy(ret_point, info.sign_point, POINT_BYTES);
	*ret_role = info.role;
	return 0;
}

int validate_proposal(struct validator *v, struct db_txn *txn, struct view proposal_bytes,
		      const struct sigpath *signature, struct view annex, uint64_t height,
		      struct tx_proposal *ret_p, struct hash *ret_id)
{
	uint8_t point[POINT_BYTES];
	struct identity_row row;
	struct tx_proposal p;
	struct hash id = tx_id(proposal_bytes);
	int err = tx_proposal_decode(proposal_bytes, &p);

	if (err == 0)
		err = check_form(v, &p);
	if (err == 0)
		err = check_annex(v, &p, annex, true);
	if (err == 0)
		err = check_life(txn, &p, &id, height);
	if (err)
		return err;
	err = state_identity(txn, &p.creator, &row);
	if (err == CF_ENOTFOUND)
		err = applicant(&p, point, &row.role);
	else if (err == 0)
		memcpy(point, row.sign_point, POINT_BYTES);
	if (err == 0)
		err = check_creator(v, &p, &id, signature, point, row.role);
	if (err)
		return err;
	*ret_p = p;
	*ret_id = id;
	return 0;
}

static bool written_identity(const struct tx_proposal *p, const struct rwset *rwset,
			     struct identity_row *ret_row)
{
	struct statekey key = statekey_identity(&p->creator);

	for (size_t i = 0; p->op[0].code == OP_REGISTER && i < rwset->write_count; i++) {
		if (view_equal(rwset->writes[i].key, statekey_view(&key)))
			return identity_row_decode(rwset->writes[i].value, ret_row) == 0;
	}
	return false;
}

/*
 * The creator's row in the state or, for somebody new, in the write set: its endorsers have parsed the
 * certificate, so that validation needs not (two releases of a library may disagree on one).
 */
static int creator_row(struct db_txn *txn, const struct tx_proposal *p, const struct rwset *rwset,
		       struct identity_row *ret_row)
{
	int err = state_identity(txn, &p->creator, ret_row);

	if (err != CF_ENOTFOUND || written_identity(p, rwset, ret_row))
		return err == CF_ENOTFOUND ? 0 : err;
	return err_set(CF_EFOREIGN, "the creator is not registered");
}

int validate_decode(struct validator *v, struct view tx_bytes, struct view annex, struct tx *ret_tx,
		    struct rwset *ret_rwset)
{
	int err = tx_decode(tx_bytes, ret_tx);

	if (err == 0)
		err = check_annex(v, &ret_tx->proposal, annex, false);
	return err ? err : rwset_decode(ret_tx->rwset_bytes, ret_rwset);
}

int validate_static(struct validator *v, struct db_txn *txn, struct view tx_bytes, struct view annex,
		    bool annex_kept, uint64_t height, struct tx *ret_tx, struct rwset *ret_rwset)
{
	const struct tx_proposal *p = &ret_tx->proposal;
	struct identity_row row;
	struct rwset rwset;
	int err = tx_decode(tx_bytes, ret_tx);

	if (err == 0)
		err = check_form(v, p);
	if (err == 0)
		err = check_annex(v, p, annex, annex_kept);
	if (err == 0)
		err = check_life(txn, p, &ret_tx->id, height);
	if (err == 0)
		err = rwset_decode(ret_tx->rwset_bytes, &rwset);
	if (err)
		return err;
	err = creator_row(txn, p, &rwset, &row);
	if (err == 0)
		err = check_creator(v, p, &ret_tx->id, &ret_tx->signature, row.sign_point, row.role);
	if (err)
		rwset_release(&rwset);
	else
		*ret_rwset = rwset;
	return err;
}

static int contract_runs(struct db_txn *txn, const struct tx_proposal *p, bool *ret_runs)
{
	struct statekey key = statekey_contract(p->contract);
	struct contract_row row;
	struct version version;
	struct view value;
	int err = row_read(txn, NULL, &key, &value, &version);

	*ret_runs = false;
	if (err)
		return err == CF_ENOTFOUND ? 0 : err;
	if (contract_row_decode(value, &row))
		return CF_ECORRUPT;
	*ret_runs = row.state == CONTRACT_RUNNING && row.version == p->contract_version;
	return 0;
}

/* What a role may do at all, whatever was granted. */
static bool role_permits(const struct tx_proposal *p, enum role role)
{
	switch (p->op[0].code) {
	case OP_REGISTER:
	case OP_CRL: /* what it says its authority has signed */
	case OP_RENEW:
		return true;
	case OP_SUSPEND:
	case OP_REINSTATE:
	case OP_MEMBERS:
		return role_may_configure(role);
	case OP_EVIDENCE:
		return role_may_report(role);
	case OP_DEAL:
	case OP_TAKE:
	case OP_ACCUSE:
		return role == ROLE_PEER;
	case OP_ADMIT:
		return role == ROLE_PATIENT || role_may_admit(role);
	default:
		return (role_verbs(role) & ~(p->op[0].code == OP_LEASE ? 0u : VERB_READ)) != 0;
	}
}

/* Who may sign for a transaction: the members but for those that are revoked at its place in the ledger. */
struct signers {
	struct members members;
	uint32_t revoked;
};

static const struct member *find_signer(const struct signers *s, const struct identity_id *id)
{
	for (unsigned i = 0; i < s->members.count; i++) {
		if (identity_equal(&s->members.member[i].id, id))
			return (s->revoked >> i) & 1 ? NULL : &s->members.member[i];
	}
	return NULL;
}

/*
 * Endorsements of k distinct organizations over this very proposal and read-write set. A wrong one does not
 * count and does no harm; organizations are counted, not keys (V9).
 */
static int count_orgs(struct validator *v, const struct tx *tx, const struct signers *s, unsigned enough,
		      unsigned *ret_count)
{
	struct hash digest = tx_endorsement_digest(&v->network, &tx->id, tx->rwset_bytes);
	uint8_t seen[(UINT16_MAX + 1) / 8] = {0};
	unsigned count = 0;

	for (unsigned i = 0; i < tx->endorsement_count && count < enough; i++) {
		const struct endorsement *e = &tx->endorsement[i];
		const struct member *by = find_signer(s, &e->by);
		int err;

		if (!by || (seen[by->org / 8] & (1u << by->org % 8)))
			continue;
		err = sigcache_verify(v->signatures, &e->sig, SIG_ENDORSEMENT, &v->network, &digest,
				      by->endorse_point);
		if (err == CF_ESIG)
			continue;
		if (err)
			return err;
		seen[by->org / 8] |= (uint8_t)(1u << by->org % 8);
		count++;
	}
	*ret_count = count;
	return 0;
}

/* Distinct members that hold the named blobs durably; ids are strictly ascending (tx_decode). */
static int count_receipts(struct validator *v, const struct tx *tx, const struct signers *s, unsigned enough,
			  unsigned *ret_count)
{
	struct hash digest = tx_receipt_digest(&v->network, tx->proposal.time_ms, tx->proposal.blob,
					       tx->proposal.blob_count);
	unsigned count = 0;

	for (unsigned i = 0; i < tx->receipt_count && count < enough; i++) {
		const struct endorsement *e = &tx->receipt[i];
		const struct member *by = find_signer(s, &e->by);
		int err = by ? sigcache_verify(v->signatures, &e->sig, SIG_RECEIPT, &v->network, &digest,
					       by->endorse_point)
			     : CF_ESIG;

		if (err && err != CF_ESIG)
			return err;
		count += err == 0;
	}
	*ret_count = count;
	return 0;
}

static int check_signers(struct validator *v, struct db_txn *txn, const struct tx *tx,
			 const struct policy_row *policy, enum verdict *ret_verdict)
{
	struct signers signers;
	unsigned count, receipts;
	int err = state_members(txn, &signers.members);

	if (err == 0)
		err = state_members_revoked(txn, &signers.members, &signers.revoked);
	if (err == 0)
		err = count_orgs(v, tx, &signers, policy->endorsing_orgs, &count);
	if (err)
		return err;
	*ret_verdict = VERDICT_ENDORSEMENT_POLICY;
	if (count < policy->endorsing_orgs)
		return 0;
	receipts = policy->receipts ? policy->receipts : members_quorum(signers.members.count);
	if (tx->proposal.blob_count == 0)
		receipts = 0;
	err = count_receipts(v, tx, &signers, receipts, &count);
	if (err == 0)
		*ret_verdict = count < receipts ? VERDICT_RECEIPTS : VERDICT_VALID;
	return err;
}

void validate_endorsed(struct validator *v, const struct hash *digest, const struct sigpath *s,
		       const uint8_t point[POINT_BYTES])
{
	sigcache_own(v->signatures, s, SIG_ENDORSEMENT, &v->network, digest, point);
}

int validate_signers(struct validator *v, struct db_txn *txn, const struct tx *tx)
{
	enum verdict verdict = VERDICT_VALID;
	struct policy_row policy;
	int err = state_policy(txn, &policy);

	if (err == 0)
		err = check_signers(v, txn, tx, &policy, &verdict);
	if (validate_is_refusal(err))
		return CF_ECORRUPT; /* policy and members are always there */
	if (err == 0 && verdict == VERDICT_ENDORSEMENT_POLICY)
		err = err_set(CF_EDENIED, "fewer than %u organizations endorsed it", policy.endorsing_orgs);
	else if (err == 0 && verdict == VERDICT_RECEIPTS)
		err = err_set(CF_EDENIED, "too few peers signed for its blobs");
	return err;
}

/* What needs no signature and no walk. */
static int check_cheap(struct db_txn *txn, const struct tx *tx, const struct rwset *rwset, uint64_t time_ms,
		       const struct policy_row *policy, enum verdict *ret_verdict)
{
	const struct tx_proposal *p = &tx->proposal;
	uint64_t off = p->time_ms > time_ms ? p->time_ms - time_ms : time_ms - p->time_ms;
	struct identity_row creator, renewed;
	bool runs;
	int err = contract_runs(txn, p, &runs);

	if (err == 0)
		err = creator_row(txn, p, rwset, &creator);
	if (err)
		return err;
	if (written_identity(p, rwset, &renewed)) {
		/* whose certificate has ended may still renew it */
		creator.not_before_ms = renewed.not_before_ms;
		creator.not_after_ms = renewed.not_after_ms;
	}
	if (!runs)
		*ret_verdict = VERDICT_CONTRACT;
	else if (creator.status != IDENTITY_ACTIVE || time_ms < creator.not_before_ms ||
		 time_ms > creator.not_after_ms)
		*ret_verdict = VERDICT_IDENTITY;
	else if (!role_permits(p, creator.role))
		*ret_verdict = VERDICT_NOT_PERMITTED;
	else if (off > policy->time_window_ms)
		*ret_verdict = VERDICT_TIME;
	else if (!validate_writes(p, rwset))
		*ret_verdict = VERDICT_BAD_RWSET;
	else
		*ret_verdict = VERDICT_VALID;
	return 0;
}

int validate_verdict(struct validator *v, struct db_txn *txn, const struct tx *tx, const struct rwset *rwset,
		     uint64_t block_time_ms, enum verdict *ret_verdict)
{
	struct policy_row policy;
	enum verdict verdict;
	int err = state_policy(txn, &policy);

	if (err == 0)
		err = check_cheap(txn, tx, rwset, block_time_ms, &policy, &verdict);
	if (err == 0 && verdict == VERDICT_VALID)
		err = check_signers(v, txn, tx, &policy, &verdict);
	if (err == 0 && verdict == VERDICT_VALID)
		err = validate_reads(txn, rwset, &verdict);
	/* static checks found creator, members and policy; that they are gone now is this machine's trouble
	 */
	if (validate_is_refusal(err))
		err = CF_ECORRUPT;
	if (err == 0)
		*ret_verdict = verdict;
	return err;
}
