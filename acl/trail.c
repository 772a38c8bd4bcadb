/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trail.c - rows 'a', patient, u64 time, transaction -> reader, and what the lease says.
 */
#include "acl/trail.h"

#include <string.h>

#define KEY_ACCESS 'a'
#define PREFIX_BYTES (1 + PATIENT_BYTES)
#define KEY_BYTES (PREFIX_BYTES + 8 + HASH_BYTES)

static void key_of(const struct patient_id *p, uint64_t time_ms, const struct hash *id,
		   uint8_t ret_key[KEY_BYTES])
{
	ret_key[0] = KEY_ACCESS;
	memcpy(ret_key + 1, p->b, PATIENT_BYTES);
	for (unsigned i = 0; i < 8; i++)
		ret_key[PREFIX_BYTES + i] = (uint8_t)(time_ms >> (56 - 8 * i));
	memcpy(ret_key + PREFIX_BYTES + 8, id->b, HASH_BYTES);
}

int trail_put(struct db_txn *txn, const struct tx *tx)
{
	const struct tx_proposal *p = &tx->proposal;
	uint8_t key[KEY_BYTES];
	struct op_lease op;
	struct buf value;
	struct enc e;
	int err;

	if (p->op[0].code != OP_LEASE)
		return 0;
	if (op_lease_decode(p->op[0].body, &op))
		return CF_ECORRUPT;
	key_of(&p->patient, p->time_ms, &tx->id, key);
	buf_init(&value, 0);
	enc_init(&e, &value);
	enc_fixed(&e, p->creator.b, IDENTITY_BYTES);
	err = enc_done(&e);
	if (err == 0)
		err = buf_append_view(&value, p->op[0].body);
	if (err == 0)
		err = db_put(txn, DB_DERIVED, VIEW(key, sizeof(key)), buf_view(&value));
	buf_release(&value);
	return err;
}

static int decode(struct view key, struct view value, struct access *ret_a)
{
	struct access a = {.time_ms = 0};
	struct op_lease op;
	struct view body;
	struct dec d;

	if (key.len != KEY_BYTES)
		return CF_ECORRUPT;
	memcpy(a.patient.b, key.data + 1, PATIENT_BYTES);
	for (unsigned i = 0; i < 8; i++)
		a.time_ms = a.time_ms << 8 | key.data[PREFIX_BYTES + i];
	memcpy(a.query.b, key.data + PREFIX_BYTES + 8, HASH_BYTES);
	dec_init(&d, value);
	dec_fixed(&d, a.by.b, IDENTITY_BYTES);
	body = dec_rest(&d);
	if (dec_done(&d) || op_lease_decode(body, &op) || op.purpose.len > PURPOSE_BYTES_MAX)
		return err_set(CF_ECORRUPT, "the row of an access does not decode");
	a.section = op.section;
	a.use = op.use;
	a.first_window = op.first_window;
	a.last_window = op.last_window;
	a.until_ms = op.until_ms;
	memcpy(a.purpose, op.purpose.data, op.purpose.len);
	*ret_a = a;
	return 0;
}

int trail_walk(struct db_txn *txn, const struct patient_id *patient, uint64_t from_ms, uint64_t to_ms,
	       int (*on_access)(void *ctx, const struct access *a), void *ctx)
{
	const struct hash none = {{0}};
	struct db_cursor *cursor = NULL;
	uint8_t from[KEY_BYTES] = {KEY_ACCESS};
	struct view key, value;
	struct access a;
	int err;

	if (patient)
		key_of(patient, from_ms, &none, from);
	err = db_cursor_new(txn, DB_DERIVED, VIEW(from, patient ? PREFIX_BYTES : 1), &cursor);
	if (err)
		return err;
	for (err = db_cursor_seek(cursor, VIEW(from, patient ? KEY_BYTES : 1), &key, &value); err == 0;
	     err = db_cursor_next(cursor, &key, &value)) {
		err = decode(key, value, &a);
		if (err)
			break;
		if (a.time_ms >= to_ms && patient)
			break;
		if (a.time_ms < from_ms || a.time_ms >= to_ms)
			continue;
		err = on_access(ctx, &a);
		if (err)
			break;
	}
	db_cursor_free(cursor);
	return err == CF_ENOTFOUND ? 0 : err;
}
