/* SPDX-License-Identifier: Apache-2.0 */
/*
 * validate_rwset.c - a read-write set against the state, and against what its proposal may write.
 */
#include "acl/op.h"
#include "acl/reshare.h"
#include "acl/rowread.h"
#include "acl/validate.h"

#include <assert.h>

#define DECODES(name, value)                          \
	({                                            \
		struct name##_row row_;               \
		name##_row_decode(value, &row_) == 0; \
	})

/* A row nobody can read would stop every peer that meets it, so it does not get in. */
static bool row_decodes(const struct statekey_parts *parts, struct view value)
{
	switch (parts->sub) {
	case SKP_PATIENT:
		return DECODES(patient, value);
	case SKP_SECTION:
		return parts->section <= SECTION_COUNT && DECODES(section, value);
	case SKP_GRANT:
		return parts->section <= SECTION_COUNT && DECODES(grant, value);
	case SKP_NODE:
		return DECODES(node, value);
	case SKP_CONTENT:
		return DECODES(content, value);
	case SKP_ENTRY:
		return DECODES(entry, value);
	case SKP_XATTR:
		return DECODES(xattr, value);
	case SKP_ERASURE:
		return DECODES(erasure, value);
	case SKP_WAITING:
		return DECODES(waiting, value);
	case SKP_RIGHTS:
	case SKP_HOLD:
		break;
	}
	return false; /* no operation writes such a row */
}

/* What is named below goes with its file; patients, sections and grants never do. */
static bool may_delete(enum statekey_patient_kind sub)
{
	return sub == SKP_NODE || sub == SKP_CONTENT || sub == SKP_ENTRY || sub == SKP_XATTR ||
	       sub == SKP_WAITING;
}

/* A proposal about a patient writes below that patient's prefix. */
static bool patient_write(const struct tx_proposal *p, const struct rw_write *w)
{
	struct statekey_parts parts;

	if (statekey_parse(w->key, &parts) || parts.kind != SK_PATIENT)
		return false;
	if (__builtin_memcmp(parts.patient.b, p->patient.b, PATIENT_BYTES) != 0)
		return false;
	return w->deleted ? may_delete(parts.sub) : row_decodes(&parts, w->value);
}

static bool same_id(const uint8_t a[IDENTITY_BYTES], struct view b)
{
	return view_equal(VIEW(a, IDENTITY_BYTES), b);
}

/* Whose rows an operation about identities may write; false: no one identity's. */
static bool subject(const struct tx_proposal *p, struct identity_id *ret_who)
{
	struct op_standing standing;
	struct op_members members;
	struct op_renew renew;

	switch (p->op[0].code) {
	case OP_REGISTER:
		*ret_who = p->creator;
		return true;
	case OP_SUSPEND:
	case OP_REINSTATE:
		if (op_standing_decode(p->op[0].body, &standing))
			return false;
		*ret_who = standing.who;
		return true;
	case OP_RENEW:
		if (op_renew_decode(p->op[0].body, &renew))
			return false;
		*ret_who = renew.who;
		return true;
	case OP_MEMBERS:
		if (op_members_decode(p->op[0].body, &members) || members.change != MEMBERS_EXPEL)
			return false;
		*ret_who = members.who;
		return true;
	default:
		return false;
	}
}

static bool identity_row_write(const struct tx_proposal *p, const struct identity_id *at, struct view value)
{
	static const uint8_t status[] = {[OP_REGISTER] = IDENTITY_ACTIVE,  [OP_SUSPEND] = IDENTITY_SUSPENDED,
					 [OP_REINSTATE] = IDENTITY_ACTIVE, [OP_CRL] = IDENTITY_REVOKED,
					 [OP_MEMBERS] = IDENTITY_REVOKED,  [OP_RENEW] = IDENTITY_ACTIVE};
	struct identity_id who;
	struct identity_row row;
	struct hash fingerprint;

	if (identity_row_decode(value, &row) || p->op[0].code >= sizeof(status) ||
	    row.status != status[p->op[0].code])
		return false;
	if (p->op[0].code == OP_CRL)
		return true;
	if (!subject(p, &who) || !identity_equal(at, &who))
		return false;
	fingerprint = crypto_key_fingerprint(row.sign_point);
	return p->op[0].code != OP_REGISTER || hash_equal(&fingerprint, &p->creator_key);
}

/* A certificate on record: a registration's or renewal's own, or what a list revokes. */
static bool issued_row_write(const struct tx_proposal *p, struct view value)
{
	struct identity_id who;
	struct issued_row row;

	if (issued_row_decode(value, &row))
		return false;
	if (p->op[0].code == OP_CRL)
		return row.revoked;
	return (p->op[0].code == OP_REGISTER || p->op[0].code == OP_RENEW) && !row.revoked &&
	       subject(p, &who) && identity_equal(&row.identity, &who);
}

/* The set without its epoch, which only the block gives it. */
static bool members_row_write(const struct tx_proposal *p, const struct rw_write *w)
{
	struct statekey key = statekey_network("members");
	struct members m;
	struct dec d;

	if (p->op[0].code != OP_MEMBERS || !view_equal(w->key, statekey_view(&key)))
		return false;
	dec_init(&d, w->value);
	members_decode(&d, &m);
	return dec_done(&d) == 0 && m.epoch == 0;
}

/* What the operations about identities write: rows of those whom they name. */
static bool identity_write(const struct tx_proposal *p, const struct rw_write *w)
{
	struct statekey_parts parts;
	struct identity_id who;
	struct crl_row crl;

	if (w->deleted || statekey_parse(w->key, &parts))
		return false;
	switch (parts.kind) {
	case SK_NETWORK:
		return members_row_write(p, w) || reshare_may_write(p, w->key, w->value);
	case SK_IDENTITY:
		return identity_row_write(p, &parts.identity, w->value);
	case SK_KEY:
		if (p->op[0].code == OP_REGISTER && !hash_equal(&parts.hash, &p->creator_key))
			return false;
		return (p->op[0].code == OP_REGISTER || p->op[0].code == OP_RENEW) && subject(p, &who) &&
		       same_id(who.b, w->value);
	case SK_ISSUED:
		return issued_row_write(p, w->value);
	case SK_CRL:
		return p->op[0].code == OP_CRL && crl_row_decode(w->value, &crl) == 0;
	default:
		return false;
	}
}

/* Evidence is written under its own name, and counted against the one whom it names: two rows. */
static bool evidence_writes(const struct tx_proposal *p, const struct rwset *rwset)
{
	const struct rw_write *w = rwset->writes;
	struct statekey_parts evidence, offender;
	struct offender_row slots;
	struct evidence_row row;
	struct op_evidence op;
	struct hash id;

	if (rwset->write_count != 2 || w[0].deleted || w[1].deleted ||
	    op_evidence_decode(p->op[0].body, &op) || statekey_parse(w[0].key, &evidence) ||
	    statekey_parse(w[1].key, &offender) || evidence.kind != SK_EVIDENCE ||
	    offender.kind != SK_OFFENDER || evidence_row_decode(w[0].value, &row) ||
	    offender_row_decode(w[1].value, &slots))
		return false;
	id = evidence_id(op.evidence);
	return hash_equal(&id, &evidence.hash) && identity_equal(&row.reporter, &p->creator) &&
	       identity_equal(&row.offender, &offender.identity) && row.epoch == offender.epoch;
}

bool validate_writes(const struct tx_proposal *p, const struct rwset *rwset)
{
	bool patient = !patient_is_zero(&p->patient);

	if (p->op[0].code == OP_EVIDENCE)
		return evidence_writes(p, rwset);
	for (size_t i = 0; i < rwset->write_count; i++) {
		const struct rw_write *w = &rwset->writes[i];

		if (patient ? !patient_write(p, w) : !identity_write(p, w))
			return false;
	}
	/* a lease writes nothing: that it stands in the ledger is all */
	return (rwset->write_count == 0) == (p->op[0].code == OP_LEASE);
}

static int read_is_current(struct db_txn *txn, const struct rw_read *read, bool *ret_current)
{
	struct version version;
	struct view value;
	int err = state_get(txn, read->key, &value, &version);

	if (err && err != CF_ENOTFOUND)
		return err;
	*ret_current =
		err == CF_ENOTFOUND ? !read->present : read->present && version_equal(version, read->version);
	return 0;
}

static const struct rw_write *find_write(const struct rwset *rwset, struct view key)
{
	size_t low = 0, high = rwset->write_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = view_compare(rwset->writes[mid].key, key);

		if (order == 0)
			return &rwset->writes[mid];
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/*
 * Nothing may stand under the prefix once the transaction is done: what stands there now it deletes itself (a
 * tree is removed in one transaction), and it writes nothing there.
 */
static int prefix_is_empty(struct db_txn *txn, const struct rwset *rwset, struct view prefix, bool *ret_empty)
{
	struct state_cursor *cursor = NULL;
	struct state_item item;
	bool empty = true;
	int err;

	for (size_t i = 0; i < rwset->write_count; i++) {
		const struct rw_write *w = &rwset->writes[i];

		if (!w->deleted && w->key.len >= prefix.len &&
		    view_equal(VIEW(w->key.data, prefix.len), prefix)) {
			*ret_empty = false;
			return 0;
		}
	}
	err = state_cursor_new(txn, prefix, &cursor);
	if (err)
		return err;
	for (err = state_cursor_seek(cursor, prefix, &item); err == 0 && empty;) {
		const struct rw_write *w = find_write(rwset, item.key);

		empty = w && w->deleted;
		if (empty)
			err = state_cursor_next(cursor, &item);
	}
	state_cursor_free(cursor);
	if (err && err != CF_ENOTFOUND)
		return err;
	*ret_empty = empty;
	return 0;
}

int validate_reads(struct db_txn *txn, const struct rwset *rwset, enum verdict *ret_verdict)
{
	bool good = true;
	int err = 0;

	for (size_t i = 0; i < rwset->read_count && err == 0 && good; i++)
		err = read_is_current(txn, &rwset->reads[i], &good);
	if (err)
		return err;
	if (!good) {
		*ret_verdict = VERDICT_MVCC_CONFLICT;
		return 0;
	}
	for (size_t i = 0; i < rwset->empty_count && err == 0 && good; i++)
		err = prefix_is_empty(txn, rwset, rwset->empties[i], &good);
	if (err == 0)
		*ret_verdict = good ? VERDICT_VALID : VERDICT_PHANTOM;
	return err;
}
