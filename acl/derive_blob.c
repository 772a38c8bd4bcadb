/* SPDX-License-Identifier: Apache-2.0 */
/*
 * derive_blob.c - which blobs versions are made of: a row for each secret that opens a root.
 *
 * Several versions of a patient may have one root. Its blobs are needed as long as one of their rows is
 * there.
 */
#include "acl/derive.h"
#include "acl/waiting.h"

#include <string.h>

#define KEY_BLOB 'b' /* patient, transaction, secret -> root, level */
#define KEY_LEN (1 + PATIENT_BYTES + HASH_BYTES + 2)

struct blob_key {
	uint8_t b[KEY_LEN];
};

static struct blob_key blob_key(const struct patient_id *p, const struct hash *tx, uint16_t secret_index)
{
	struct blob_key k = {{KEY_BLOB}};

	memcpy(k.b + 1, p->b, PATIENT_BYTES);
	memcpy(k.b + 1 + PATIENT_BYTES, tx->b, HASH_BYTES);
	k.b[KEY_LEN - 2] = (uint8_t)(secret_index >> 8);
	k.b[KEY_LEN - 1] = (uint8_t)secret_index;
	return k;
}

int derive_blob(struct db_txn *txn, const struct patient_id *p, enum statekey_patient_kind kind,
		struct view bytes)
{
	struct content_row row = {.form = CONTENT_INLINE};
	uint8_t value[HASH_BYTES + 1];
	struct waiting_row waiting;
	struct op_save save;
	struct blob_key k;

	if (bytes.len == 0)
		return 0;
	if (kind == SKP_CONTENT && content_row_decode(bytes, &row))
		return CF_ECORRUPT;
	if (kind == SKP_WAITING &&
	    (waiting_row_decode(bytes, &waiting) || waiting_content(&waiting, &save, &row)))
		return CF_ECORRUPT;
	if (row.form != CONTENT_BLOB || hash_is_zero(&row.root))
		return 0;
	k = blob_key(p, &row.secret_tx, row.secret_index);
	memcpy(value, row.root.b, HASH_BYTES);
	value[HASH_BYTES] = row.level;
	return db_put(txn, DB_DERIVED, VIEW(k.b, KEY_LEN), VIEW(value, sizeof(value)));
}

int derive_blob_erased(struct db_txn *txn, const struct patient_id *p, const struct hash *tx,
		       uint16_t secret_index)
{
	struct blob_key k = blob_key(p, tx, secret_index);
	int err = db_del(txn, DB_DERIVED, VIEW(k.b, KEY_LEN));

	return err == CF_ENOTFOUND ? 0 : err;
}

/* Items that were erased before they came here are not walked, so the rows are what is gone through. */
int derive_blobs_erased(struct db_txn *txn, const struct patient_id *p)
{
	static const struct hash none;
	struct blob_key k = blob_key(p, &none, 0);
	const struct view prefix = VIEW(k.b, 1 + PATIENT_BYTES);
	struct db_cursor *cursor = NULL;
	struct view key, value;
	struct buf keys;
	int err = db_cursor_new(txn, DB_DERIVED, prefix, &cursor);

	if (err)
		return err;
	buf_init(&keys, 0);
	for (err = db_cursor_seek(cursor, prefix, &key, &value); err == 0;
	     err = db_cursor_next(cursor, &key, &value)) {
		err = key.len == KEY_LEN ? buf_append_view(&keys, key)
					 : err_set(CF_ECORRUPT, "a derived row does not decode");
		if (err)
			break;
	}
	db_cursor_free(cursor);
	if (err == CF_ENOTFOUND)
		err = 0;
	for (size_t at = 0; err == 0 && at < keys.len; at += KEY_LEN)
		err = db_del(txn, DB_DERIVED, VIEW(keys.data + at, KEY_LEN));
	buf_release(&keys);
	return err;
}

int derived_blobs(struct db_txn *txn, struct buf *from, unsigned most,
		  int (*on_root)(void *ctx, const struct hash *root, uint8_t level), void *ctx)
{
	static const uint8_t prefix[] = {KEY_BLOB};
	struct db_cursor *cursor = NULL;
	struct view key, value, start = from->len ? buf_view(from) : VIEW(prefix, 1);
	int err = db_cursor_new(txn, DB_DERIVED, VIEW(prefix, 1), &cursor);

	if (err)
		return err;
	err = db_cursor_seek(cursor, start, &key, &value);
	for (unsigned i = 0; err == 0 && i < most; i++) {
		struct hash root;

		if (value.len != HASH_BYTES + 1) {
			err = err_set(CF_ECORRUPT, "a derived row does not decode");
			break;
		}
		memcpy(root.b, value.data, HASH_BYTES);
		err = on_root(ctx, &root, value.data[HASH_BYTES]);
		if (!err)
			err = db_cursor_next(cursor, &key, &value);
	}
	if (!err) {
		buf_reset(from);
		err = buf_append_view(from, key);
	}
	db_cursor_free(cursor);
	return err;
}
