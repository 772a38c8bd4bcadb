/* SPDX-License-Identifier: Apache-2.0 */
/* derive.c - derived rows: keys begin with a letter that says of what kind they are ('b': derive_blob.c). */
#include "acl/derive_private.h"
#include "acl/rowread.h"

#include <assert.h>
#include <string.h>

/* Why an identity may know of a patient. */
#define KNOWN_OWNER 1u
#define KNOWN_CUSTODIAN 2u
#define KNOWN_GRANT 4u

struct derive_key derive_key(char kind)
{
	return (struct derive_key){.b = {(uint8_t)kind}, .len = 1};
}

void derive_key_add(struct derive_key *k, const void *data, size_t bytes)
{
	assert(k->len + bytes <= sizeof(k->b));
	memcpy(k->b + k->len, data, bytes);
	k->len += bytes;
}

struct view derive_key_view(const struct derive_key *k)
{
	return VIEW(k->b, k->len);
}

int derive_numbers_get(struct db_txn *txn, const struct derive_key *k, uint64_t *ret_numbers, unsigned count)
{
	uint64_t numbers[DERIVE_NUMBERS];
	struct view value;
	struct dec d;
	int err = db_get(txn, DB_DERIVED, derive_key_view(k), &value);

	assert(count <= DERIVE_NUMBERS);
	if (err && err != CF_ENOTFOUND)
		return err;
	memset(numbers, 0, sizeof(numbers));
	if (err == 0) {
		dec_init(&d, value);
		for (unsigned i = 0; i < count; i++)
			numbers[i] = dec_u64(&d);
		if (count == DERIVE_NUMBERS && value.len == DERIVE_NUMBERS_PAST * sizeof(uint64_t))
			(void)dec_take(&d, value.len - DERIVE_NUMBERS * sizeof(uint64_t));
		if (dec_done(&d))
			return err_set(CF_ECORRUPT, "a derived row does not decode");
	}
	memcpy(ret_numbers, numbers, count * sizeof(*numbers));
	return 0;
}

int derive_numbers_put(struct db_txn *txn, const struct derive_key *k, const uint64_t *numbers,
		       unsigned count)
{
	struct buf value;
	struct enc e;
	int err;

	buf_init(&value, 0);
	enc_init(&e, &value);
	for (unsigned i = 0; i < count; i++)
		enc_u64(&e, numbers[i]);
	err = enc_done(&e);
	if (err == 0)
		err = db_put(txn, DB_DERIVED, derive_key_view(k), buf_view(&value));
	buf_release(&value);
	return err;
}

struct derive_key derive_dir_key(const struct patient_id *p, const struct node_id *dir)
{
	struct derive_key k = derive_key(KEY_DIR);

	derive_key_add(&k, p->b, PATIENT_BYTES);
	derive_key_add(&k, dir->b, NODE_BYTES);
	return k;
}

struct derive_key derive_patient_key(const struct patient_id *p)
{
	struct derive_key k = derive_key(KEY_PATIENT);

	derive_key_add(&k, p->b, PATIENT_BYTES);
	return k;
}

int derived_dir(struct db_txn *txn, const struct patient_id *p, const struct node_id *dir,
		struct derived_dir *ret)
{
	struct derive_key k = derive_dir_key(p, dir);
	uint64_t n[3];
	int err = derive_numbers_get(txn, &k, n, 3);

	if (err == 0)
		*ret = (struct derived_dir){.entries = n[0], .subdirs = n[1], .mtime_ns = n[2]};
	return err;
}

int derived_patient(struct db_txn *txn, const struct patient_id *p, struct derived_patient *ret)
{
	struct derive_key k = derive_patient_key(p);
	uint64_t n[3];
	int err = derive_numbers_get(txn, &k, n, 3);

	if (err == 0)
		*ret = (struct derived_patient){.records = n[0], .attachments = n[1], .directories = n[2]};
	return err;
}

static struct derive_key known_key(const struct identity_id *who, const struct patient_id *p)
{
	struct derive_key k = derive_key(KEY_KNOWN);

	derive_key_add(&k, who->b, IDENTITY_BYTES);
	derive_key_add(&k, p->b, PATIENT_BYTES);
	return k;
}

int derive_walk(struct db_txn *txn, const struct derive_key *prefix,
		int (*on_rest)(void *ctx, struct view rest), void *ctx)
{
	struct db_cursor *cursor = NULL;
	struct view key, value;
	int err = db_cursor_new(txn, DB_DERIVED, derive_key_view(prefix), &cursor);

	if (err)
		return err;
	for (err = db_cursor_seek(cursor, derive_key_view(prefix), &key, &value); err == 0;
	     err = db_cursor_next(cursor, &key, &value)) {
		err = on_rest(ctx, VIEW(key.data + prefix->len, key.len - prefix->len));
		if (err)
			break;
	}
	db_cursor_free(cursor);
	return err == CF_ENOTFOUND ? 0 : err;
}

struct patients_walk {
	int (*on_patient)(void *ctx, const struct patient_id *p);
	void *ctx;
};

static int on_known(void *ctx, struct view rest)
{
	const struct patients_walk *w = ctx;
	struct patient_id p;

	if (rest.len != PATIENT_BYTES)
		return err_set(CF_ECORRUPT, "a derived row does not decode");
	memcpy(p.b, rest.data, PATIENT_BYTES);
	return w->on_patient(w->ctx, &p);
}

int derived_patients_of(struct db_txn *txn, const struct identity_id *who,
			int (*on_patient)(void *ctx, const struct patient_id *p), void *ctx)
{
	struct patients_walk w = {on_patient, ctx};
	struct derive_key prefix = derive_key(KEY_KNOWN);

	derive_key_add(&prefix, who->b, IDENTITY_BYTES);
	return derive_walk(txn, &prefix, on_known, &w);
}

/* What deriving one transaction needs at every step. */
struct derive {
	struct db_txn *txn;
	const struct tx *tx;
	const struct patient_id *patient;
};

/* The value a write replaces; absent is an empty view. */
static int old_value(struct db_txn *txn, struct view key, struct view *ret_value)
{
	struct version version;
	int err = state_get(txn, key, ret_value, &version);

	if (err == CF_ENOTFOUND)
		*ret_value = VIEW_NONE;
	return err == CF_ENOTFOUND ? 0 : err;
}

/* Adds what a row contributes, or takes it away. The counters' words wrap, the sums never do. */
static void count(uint64_t *number, bool counts, int by)
{
	if (counts)
		*number += (uint64_t)(int64_t)by;
}

int derive_count_entry(struct view value, uint64_t n[3], int by)
{
	struct entry_row row;

	if (value.len == 0)
		return 0;
	if (entry_row_decode(value, &row))
		return CF_ECORRUPT;
	count(&n[0], true, by);
	count(&n[1], row.type == NODE_DIR, by);
	return 0;
}

static int derive_entry(const struct derive *d, const struct statekey_parts *parts, struct view old,
			struct view new)
{
	struct derive_key k = derive_dir_key(d->patient, &parts->node);
	uint64_t n[3];
	int err = derive_numbers_get(d->txn, &k, n, 3);

	if (err == 0)
		err = derive_count_entry(old, n, -1);
	if (err == 0)
		err = derive_count_entry(new, n, 1);
	n[2] = d->tx->proposal.time_ms * NS_PER_MS;
	return err ? err : derive_numbers_put(d->txn, &k, n, 3);
}

int derive_count_node(struct view value, uint64_t n[3], int by, enum node_type *ret_type)
{
	struct node_row row;

	if (value.len == 0)
		return 0;
	if (node_row_decode(value, &row))
		return CF_ECORRUPT;
	count(&n[0], row.type == NODE_RECORD, by);
	count(&n[1], row.type == NODE_ATTACHMENT, by);
	count(&n[2], row.type == NODE_DIR, by);
	*ret_type = row.type;
	return 0;
}

static int derive_node(const struct derive *d, const struct statekey_parts *parts, struct view old,
		       struct view new)
{
	struct derive_key k = derive_patient_key(d->patient), dir = derive_dir_key(d->patient, &parts->node);
	enum node_type was = NODE_RECORD, is;
	uint64_t n[3];
	int err;

	if ((old.len == 0) == (new.len == 0))
		return 0; /* a change counts nothing: a node keeps its type */
	err = derive_numbers_get(d->txn, &k, n, 3);
	if (err == 0)
		err = derive_count_node(old, n, -1, &was);
	if (err == 0)
		err = derive_count_node(new, n, 1, &is);
	if (err == 0)
		err = derive_numbers_put(d->txn, &k, n, 3);
	if (err || old.len == 0 || was != NODE_DIR)
		return err;
	err = db_del(d->txn, DB_DERIVED, derive_key_view(&dir));
	return err == CF_ENOTFOUND ? 0 : err;
}

static int set_known(const struct derive *d, const struct identity_id *who, unsigned why, bool on)
{
	struct derive_key k = known_key(who, d->patient);
	struct view value;
	uint8_t bits = 0;
	int err;

	if (identity_is_zero(who))
		return 0;
	err = db_get(d->txn, DB_DERIVED, derive_key_view(&k), &value);
	if (err && err != CF_ENOTFOUND)
		return err;
	if (err == 0 && value.len != 1)
		return err_set(CF_ECORRUPT, "a derived row does not decode");
	if (err == 0)
		bits = value.data[0];
	bits = (uint8_t)(on ? bits | why : bits & ~why);
	if (bits)
		return db_put(d->txn, DB_DERIVED, derive_key_view(&k), VIEW(&bits, 1));
	return err == 0 ? db_del(d->txn, DB_DERIVED, derive_key_view(&k)) : 0;
}

static int know_holders(const struct derive *d, struct view value, bool on)
{
	struct patient_row row;
	int err;

	if (value.len == 0)
		return 0;
	if (patient_row_decode(value, &row))
		return CF_ECORRUPT;
	err = set_known(d, &row.owner, KNOWN_OWNER, on && row.status == PATIENT_OWNED);
	return err ? err : set_known(d, &row.custodian, KNOWN_CUSTODIAN, on && row.status == PATIENT_CUSTODY);
}

static int forget_grantee(void *ctx, const struct identity_id *to, const struct grant_row *row)
{
	(void)row;
	return set_known(ctx, to, KNOWN_GRANT, false);
}

/* A patient who is erased is known to nobody. */
static int derive_patient(const struct derive *d, struct view old, struct view new)
{
	struct patient_row row = {0};
	int err = know_holders(d, old, false);

	if (err == 0)
		err = know_holders(d, new, true);
	if (err == 0 && new.len && patient_row_decode(new, &row))
		err = CF_ECORRUPT;
	if (err || row.status != PATIENT_ERASED)
		return err;
	return state_grants(d->txn, d->patient, 0, forget_grantee, (void *)(uintptr_t)d);
}

static int derive_grant(const struct derive *d, const struct statekey_parts *parts, struct view new)
{
	struct grant_row row = {0};

	if (parts->section != 0)
		return 0;
	if (new.len && grant_row_decode(new, &row))
		return CF_ECORRUPT;
	return set_known(d, &parts->identity, KNOWN_GRANT, row.verbs != 0);
}

/* entries: the entries' turn; a directory's row goes only when its last entry is gone from it. */
static int derive_write(const struct derive *d, const struct rw_write *w, bool entries)
{
	struct view old, new = w->deleted ? VIEW_NONE : w->value;
	struct statekey_parts parts;
	int err;

	if (statekey_parse(w->key, &parts) || parts.kind != SK_PATIENT || (parts.sub == SKP_ENTRY) != entries)
		return 0;
	err = old_value(d->txn, w->key, &old);
	if (err)
		return err;
	switch (parts.sub) {
	case SKP_ENTRY:
		return derive_entry(d, &parts, old, new);
	case SKP_NODE:
		return derive_node(d, &parts, old, new);
	case SKP_PATIENT:
		return derive_patient(d, old, new);
	case SKP_GRANT:
		return derive_grant(d, &parts, new);
	default:
		return derive_blob(d->txn, d->patient, parts.sub, new);
	}
}

int derive_tx(struct db_txn *txn, const struct tx *tx, const struct rwset *rwset, struct view annex)
{
	struct derive d = {.txn = txn, .tx = tx, .patient = &tx->proposal.patient};
	int err = 0;

	for (int turn = 1; turn >= 0; turn--) {
		for (size_t i = 0; i < rwset->write_count && err == 0; i++)
			err = derive_write(&d, &rwset->writes[i], turn);
	}
	if (err == 0)
		err = derive_annex(txn, tx, annex);
	return err == CF_EDECODE ? CF_ECORRUPT : err;
}

int derive_known(struct db_txn *txn, const struct patient_id *p, const struct statekey_parts *parts,
		 struct view value)
{
	const struct derive d = {.txn = txn, .patient = p};

	return parts->sub == SKP_GRANT ? derive_grant(&d, parts, value) : know_holders(&d, value, true);
}
