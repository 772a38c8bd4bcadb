/* SPDX-License-Identifier: Apache-2.0 */
/*
 * validate_rwset.c - a read-write set against the state, and against what its proposal may write.
 */
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
	case SKP_RIGHTS:
	case SKP_ERASURE:
	case SKP_HOLD:
		break;
	}
	return false; /* no operation writes such a row */
}

/* What is named below goes with its file; patients, sections and grants never do. */
static bool may_delete(enum statekey_patient_kind sub)
{
	return sub == SKP_NODE || sub == SKP_CONTENT || sub == SKP_ENTRY || sub == SKP_XATTR;
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

/* A registration writes its creator's own two rows. */
static bool register_write(const struct tx_proposal *p, const struct rw_write *w)
{
	struct statekey id = statekey_identity(&p->creator), key = statekey_key(&p->creator_key);
	struct identity_row row;
	struct hash fingerprint;

	if (w->deleted)
		return false;
	if (view_equal(w->key, statekey_view(&key)))
		return view_equal(w->value, VIEW(p->creator.b, IDENTITY_BYTES));
	if (!view_equal(w->key, statekey_view(&id)) || identity_row_decode(w->value, &row))
		return false;
	fingerprint = crypto_key_fingerprint(row.sign_point);
	return row.status == IDENTITY_ACTIVE && hash_equal(&fingerprint, &p->creator_key);
}

bool validate_writes(const struct tx_proposal *p, const struct rwset *rwset)
{
	bool patient = !patient_is_zero(&p->patient);

	for (size_t i = 0; i < rwset->write_count; i++) {
		const struct rw_write *w = &rwset->writes[i];

		if (patient ? !patient_write(p, w) : !register_write(p, w))
			return false;
	}
	return rwset->write_count > 0;
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
