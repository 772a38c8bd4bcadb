/* SPDX-License-Identifier: Apache-2.0 */
/*
 * derive_past.c - derived rows of a ledger that began with a state: what the state says, then what the blocks
 * before it add, newest first.
 *
 * A directory's time is that of the last transaction that changed an entry, which no row of the state tells.
 * Until that block is here it is the time of the newest node in it, and its row has a version behind its
 * numbers: that of the transaction it is from, 0 at first. A later block replaces such a row as any other.
 */
#include "acl/derive_private.h"
#include "acl/rowread.h"

#include <assert.h>
#include <string.h>

#define BATCH_ROWS 20000

/* --- the state --- */

/* Rows come by patient, kind and node: sums of one directory, and of one patient, end when the next begins.
 */
struct sums {
	struct db_txn *txn;
	struct derive_key dir, patient; /* len 0: none */
	uint64_t in_dir[DERIVE_NUMBERS_PAST];
	uint64_t of_patient[DERIVE_NUMBERS];
	struct buf at; /* the last key */
	bool end;
};

static int put_dir(struct sums *s)
{
	int err = s->dir.len ? derive_numbers_put(s->txn, &s->dir, s->in_dir, DERIVE_NUMBERS_PAST) : 0;

	s->dir.len = 0;
	memset(s->in_dir, 0, sizeof(s->in_dir));
	return err;
}

static int put_patient(struct sums *s)
{
	int err = s->patient.len ? derive_numbers_put(s->txn, &s->patient, s->of_patient, DERIVE_NUMBERS) : 0;

	s->patient.len = 0;
	memset(s->of_patient, 0, sizeof(s->of_patient));
	return err;
}

static bool same_key(const struct derive_key *a, const struct derive_key *b)
{
	return view_equal(derive_key_view(a), derive_key_view(b));
}

static int get_node(struct db_txn *txn, const struct patient_id *p, const struct node_id *n,
		    struct node_row *ret_row)
{
	struct statekey key = statekey_node(p, SKP_NODE, n);
	struct version version;
	struct view value;
	int err = state_get(txn, statekey_view(&key), &value, &version);

	return err ? err : node_row_decode(value, ret_row);
}

static int take_entry(struct sums *s, const struct statekey_parts *parts, struct view value)
{
	struct derive_key k = derive_dir_key(&parts->patient, &parts->node);
	struct entry_row entry;
	struct node_row node;
	int err = same_key(&k, &s->dir) ? 0 : put_dir(s);

	s->dir = k;
	if (!err)
		err = derive_count_entry(value, s->in_dir, 1);
	if (!err)
		err = entry_row_decode(value, &entry);
	if (!err)
		err = get_node(s->txn, &parts->patient, &entry.node, &node);
	if (!err && node.crtime_ns > s->in_dir[2])
		s->in_dir[2] = node.crtime_ns;
	return err == CF_ENOTFOUND ? 0 : err;
}

static int take_node(struct sums *s, const struct statekey_parts *parts, struct view value)
{
	struct derive_key k = derive_patient_key(&parts->patient);
	enum node_type type;
	int err = same_key(&k, &s->patient) ? 0 : put_patient(s);

	s->patient = k;
	return err ? err : derive_count_node(value, s->of_patient, 1, &type);
}

static int take_row(struct sums *s, const struct state_item *row)
{
	struct statekey_parts parts;

	if (statekey_parse(row->key, &parts) || parts.kind != SK_PATIENT)
		return 0;
	switch (parts.sub) {
	case SKP_ENTRY:
		return take_entry(s, &parts, row->value);
	case SKP_NODE:
		return take_node(s, &parts, row->value);
	case SKP_PATIENT:
	case SKP_GRANT:
		return derive_known(s->txn, &parts.patient, &parts, row->value);
	default:
		return 0;
	}
}

/* Rows behind the last key; the transaction writes meanwhile, into another table. */
static int take_batch(struct sums *s)
{
	struct state_cursor *cursor;
	struct state_item row;
	unsigned count = 0;
	int err = state_cursor_new(s->txn, VIEW_NONE, &cursor);

	if (err)
		return err;
	err = state_cursor_seek(cursor, buf_view(&s->at), &row);
	if (!err && view_equal(row.key, buf_view(&s->at)))
		err = state_cursor_next(cursor, &row);
	while (!err && count++ < BATCH_ROWS) {
		buf_reset(&s->at);
		err = buf_append_view(&s->at, row.key);
		if (!err)
			err = take_row(s, &row);
		if (!err)
			err = state_cursor_next(cursor, &row);
	}
	state_cursor_free(cursor);
	s->end = err == CF_ENOTFOUND;
	if (s->end)
		err = put_dir(s);
	if (s->end && !err)
		err = put_patient(s);
	return err;
}

int derive_state(struct chain *c)
{
	struct sums s = {.end = false};
	int err = 0;

	buf_init(&s.at, 0);
	while (!err && !s.end) {
		struct db_txn *txn;

		err = db_begin_write(chain_db(c), &txn);
		if (err)
			break;
		s.txn = txn;
		err = take_batch(&s);
		if (err)
			db_abort(txn);
		else
			err = db_commit(txn);
	}
	buf_release(&s.at);
	return err == CF_EDECODE ? CF_ECORRUPT : err;
}

/* --- blocks before it --- */

/* The row of a directory as it stands. CF_ENOTFOUND; CF_EEXIST: its time is in no doubt. */
static int dir_get(struct db_txn *txn, const struct derive_key *k, uint64_t n[DERIVE_NUMBERS_PAST])
{
	struct view value;
	struct dec d;
	int err = db_get(txn, DB_DERIVED, derive_key_view(k), &value);

	if (err)
		return err;
	if (value.len != DERIVE_NUMBERS_PAST * sizeof(*n))
		return CF_EEXIST;
	dec_init(&d, value);
	for (unsigned i = 0; i < DERIVE_NUMBERS_PAST; i++)
		n[i] = dec_u64(&d);
	return dec_done(&d) ? CF_ECORRUPT : 0;
}

static int past_entry(struct db_txn *txn, const struct tx *tx, const struct statekey_parts *parts,
		      struct version version)
{
	struct derive_key k = derive_dir_key(&parts->patient, &parts->node);
	uint64_t n[DERIVE_NUMBERS_PAST] = {0};
	struct node_row node;
	int err = dir_get(txn, &k, n);

	if (err == CF_EEXIST)
		return 0;
	if (err == CF_ENOTFOUND) /* empty by now, or gone */
		err = get_node(txn, &parts->patient, &parts->node, &node);
	if (err)
		return err == CF_ENOTFOUND ? 0 : err;
	if (n[3] > version.height || (n[3] == version.height && n[4] > version.index))
		return 0;
	n[2] = tx->proposal.time_ms * NS_PER_MS;
	n[3] = version.height;
	n[4] = version.index;
	return derive_numbers_put(txn, &k, n, DERIVE_NUMBERS_PAST);
}

int derive_past(struct db_txn *txn, const struct tx *tx, const struct rwset *rwset, struct view annex,
		struct version version)
{
	int err = derive_annex(txn, tx, annex);

	for (size_t i = 0; i < rwset->write_count && err == 0; i++) {
		struct statekey_parts parts;

		if (statekey_parse(rwset->writes[i].key, &parts) == 0 && parts.kind == SK_PATIENT &&
		    parts.sub == SKP_ENTRY)
			err = past_entry(txn, tx, &parts, version);
	}
	return err == CF_EDECODE ? CF_ECORRUPT : err;
}

/* --- whose keys are where --- */

static int walk_kind(struct db_txn *txn, char kind, const struct identity_id *who, struct buf *from,
		     unsigned *left, int (*on_height)(void *ctx, uint64_t height), void *ctx)
{
	struct derive_key prefix = derive_key(kind);
	struct db_cursor *cursor = NULL;
	struct chain_tx_info info;
	struct view key, value;
	struct hash id;
	int err;

	derive_key_add(&prefix, who->b, IDENTITY_BYTES);
	err = db_cursor_new(txn, DB_DERIVED, derive_key_view(&prefix), &cursor);
	if (err)
		return err;
	err = db_cursor_seek(cursor, from->len ? buf_view(from) : derive_key_view(&prefix), &key, &value);
	if (!err && view_equal(key, buf_view(from)))
		err = db_cursor_next(cursor, &key, &value);
	for (; !err && *left > 0; (*left)--) {
		memcpy(id.b, key.data + key.len - HASH_BYTES, HASH_BYTES);
		err = chain_tx_info(txn, &id, &info);
		if (!err)
			err = on_height(ctx, info.height);
		buf_reset(from);
		if (!err)
			err = buf_append_view(from, key);
		if (!err)
			err = db_cursor_next(cursor, &key, &value);
	}
	db_cursor_free(cursor);
	return err;
}

int derived_key_heights(struct db_txn *txn, const struct identity_id *who, struct buf *from, unsigned most,
			int (*on_height)(void *ctx, uint64_t height), void *ctx)
{
	int err = CF_ENOTFOUND;

	if (from->len == 0 || from->data[0] == KEY_TRACE) {
		err = walk_kind(txn, KEY_TRACE, who, from, &most, on_height, ctx);
		if (err != CF_ENOTFOUND || most == 0)
			return err == CF_ENOTFOUND ? 0 : err;
		buf_reset(from);
	}
	return walk_kind(txn, KEY_WRAP, who, from, &most, on_height, ctx);
}
