/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.c - rows of DB_HISTORY under a key that keeps the order of state keys.
 *
 * Row key: the state key with each 0x00 written as 0x00 0xff, then 0x00 0x00, u64 height, u32 index. So the
 * rows of a key stand together by version, keys stand in their own order, and a prefix of state keys is a
 * prefix of row keys.
 */
#include "ledger/history.h"

#include <assert.h>
#include <string.h>

#define ESCAPED_BYTES_MAX (2 * STATE_KEY_BYTES_MAX)
#define VERSION_BYTES 12
#define ROW_KEY_BYTES_MAX (ESCAPED_BYTES_MAX + 2 + VERSION_BYTES)

enum row_flags { ROW_DELETED = 1, ROW_INLINE = 2 };

struct row_key {
	size_t len;
	uint8_t b[ROW_KEY_BYTES_MAX];
};

static struct view row_key_view(const struct row_key *k)
{
	return VIEW(k->b, k->len);
}

static void escape(struct view key, struct row_key *ret_key)
{
	assert(key.len <= STATE_KEY_BYTES_MAX);
	ret_key->len = 0;
	for (size_t i = 0; i < key.len; i++) {
		ret_key->b[ret_key->len++] = key.data[i];
		if (key.data[i] == 0x00)
			ret_key->b[ret_key->len++] = 0xff;
	}
}

static void put_end(struct row_key *k, uint8_t second)
{
	k->b[k->len++] = 0x00;
	k->b[k->len++] = second;
}

static void put_version(struct row_key *k, uint64_t height, uint32_t index)
{
	for (int i = 0; i < 8; i++)
		k->b[k->len++] = (uint8_t)(height >> (56 - 8 * i));
	for (int i = 0; i < 4; i++)
		k->b[k->len++] = (uint8_t)(index >> (24 - 8 * i));
}

static int malformed(void)
{
	return err_set(CF_ECORRUPT, "history: a row is malformed");
}

/* Takes a row's key apart. */
static int unescape(struct view row_key, uint8_t ret_key[STATE_KEY_BYTES_MAX], size_t *ret_len,
		    struct version *ret_version)
{
	size_t at = 0, len = 0;
	struct dec d;

	for (;;) {
		if (at + 1 >= row_key.len)
			return malformed();
		if (row_key.data[at] == 0x00 && row_key.data[at + 1] == 0x00)
			break;
		if (len == STATE_KEY_BYTES_MAX || (row_key.data[at] == 0x00 && row_key.data[at + 1] != 0xff))
			return malformed();
		ret_key[len++] = row_key.data[at];
		at += row_key.data[at] == 0x00 ? 2 : 1;
	}
	dec_init(&d, VIEW(row_key.data + at + 2, row_key.len - at - 2));
	ret_version->height = dec_u64(&d);
	ret_version->index = dec_u32(&d);
	*ret_len = len;
	return dec_done(&d) ? malformed() : 0;
}

static int row_parse(struct view value, struct version version, struct history_row *ret_row)
{
	struct history_row row = {.version = version};
	struct dec d;
	uint8_t flags;

	dec_init(&d, value);
	flags = dec_u8(&d);
	row.deleted = flags & ROW_DELETED;
	row.file = dec_u32(&d);
	row.offset = dec_u64(&d);
	row.len = dec_u32(&d);
	dec_fixed(&d, row.value_hash.b, HASH_BYTES);
	if (flags & ROW_INLINE)
		row.inline_value = dec_take(&d, row.len);
	if (dec_done(&d) || flags > (ROW_DELETED | ROW_INLINE))
		return malformed();
	*ret_row = row;
	return 0;
}

int history_put(struct db_txn *txn, struct view key, const struct history_row *row)
{
	bool in_row = !row->deleted && row->file == HISTORY_INLINE;
	struct row_key k;
	struct buf value;
	struct enc e;
	int err;

	assert(txn && key.len > 0 && key.len <= STATE_KEY_BYTES_MAX);
	assert(!in_row || row->inline_value.len == row->len);
	escape(key, &k);
	put_end(&k, 0x00);
	put_version(&k, row->version.height, row->version.index);
	buf_init(&value, 0);
	enc_init(&e, &value);
	enc_u8(&e, (row->deleted ? ROW_DELETED : 0) | (in_row ? ROW_INLINE : 0));
	enc_u32(&e, row->file);
	enc_u64(&e, row->offset);
	enc_u32(&e, row->len);
	enc_fixed(&e, row->value_hash.b, HASH_BYTES);
	if (in_row)
		enc_fixed(&e, row->inline_value.data, row->inline_value.len);
	err = enc_done(&e);
	if (!err)
		err = db_put(txn, DB_HISTORY, row_key_view(&k), buf_view(&value));
	buf_release(&value);
	return err;
}

static int take(struct view row_key, struct view value, struct history_row *ret_row)
{
	uint8_t key[STATE_KEY_BYTES_MAX];
	struct version version;
	size_t len;
	int err = unescape(row_key, key, &len, &version);

	return err ? err : row_parse(value, version, ret_row);
}

int history_at(struct db_txn *txn, struct view key, uint64_t height, struct history_row *ret_row)
{
	struct view found_key, value;
	struct row_key k, from;
	struct db_cursor *c;
	int err;

	assert(txn && ret_row);
	if (key.len == 0 || key.len > STATE_KEY_BYTES_MAX)
		return CF_ENOTFOUND;
	escape(key, &k);
	put_end(&k, 0x00);
	from = k;
	put_version(&from, height, UINT32_MAX);
	err = db_cursor_new(txn, DB_HISTORY, row_key_view(&k), &c);
	if (err)
		return err;
	err = db_cursor_seek_back(c, row_key_view(&from), &found_key, &value);
	if (!err)
		err = take(found_key, value, ret_row);
	db_cursor_free(c);
	return err;
}

int history_walk(struct db_txn *txn, struct view key, int (*on_row)(void *ctx, const struct history_row *row),
		 void *ctx)
{
	struct view found_key, value;
	struct history_row row;
	struct db_cursor *c;
	struct row_key k;
	int err;

	assert(txn && on_row);
	if (key.len == 0 || key.len > STATE_KEY_BYTES_MAX)
		return 0;
	escape(key, &k);
	put_end(&k, 0x00);
	err = db_cursor_new(txn, DB_HISTORY, row_key_view(&k), &c);
	if (err)
		return err;
	err = db_cursor_seek(c, VIEW_NONE, &found_key, &value);
	while (!err) {
		err = take(found_key, value, &row);
		if (!err)
			err = on_row(ctx, &row);
		if (err)
			goto out;
		err = db_cursor_next(c, &found_key, &value);
	}
	if (err == CF_ENOTFOUND)
		err = 0; /* the end of the rows */
out:
	db_cursor_free(c);
	return err;
}

/* Shows the row in force of the key whose first row the cursor found, if it is alive or deleted ones are
 * wanted, too. Leaves the key in ret_rows. */
static int visit_key(struct db_cursor *c, uint64_t height, bool deleted_too, struct view first,
		     int (*on_key)(void *ctx, struct view key, const struct history_row *row), void *ctx,
		     struct row_key *ret_rows)
{
	uint8_t key[STATE_KEY_BYTES_MAX];
	struct view found_key, value;
	struct version version;
	struct history_row row;
	struct row_key at;
	size_t len;
	int err = unescape(first, key, &len, &version);

	if (err)
		return err;
	escape(VIEW(key, len), ret_rows);
	if (version.height > height)
		return 0;
	at = *ret_rows;
	put_end(&at, 0x00);
	put_version(&at, height, UINT32_MAX);
	err = db_cursor_seek_back(c, row_key_view(&at), &found_key, &value);
	if (err) /* the row we came from, at the least, is there */
		return err == CF_ENOTFOUND ? malformed() : err;
	err = take(found_key, value, &row);
	if (err || (row.deleted && !deleted_too))
		return err;
	return on_key(ctx, VIEW(key, len), &row);
}

static int walk_prefix(struct db_txn *txn, struct view prefix, struct view from, uint64_t height,
		       bool deleted_too,
		       int (*on_key)(void *ctx, struct view key, const struct history_row *row), void *ctx)
{
	struct view found_key, value;
	struct row_key p, f;
	struct db_cursor *c;
	int err;

	assert(txn && on_key);
	if (prefix.len > STATE_KEY_BYTES_MAX || from.len > STATE_KEY_BYTES_MAX)
		return CF_EINVAL;
	escape(prefix, &p);
	escape(from, &f);
	err = db_cursor_new(txn, DB_HISTORY, row_key_view(&p), &c);
	if (err)
		return err;
	err = db_cursor_seek(c, row_key_view(&f), &found_key, &value);
	while (!err) {
		err = visit_key(c, height, deleted_too, found_key, on_key, ctx, &f);
		if (err)
			goto out;
		put_end(&f, 0x01); /* behind all rows of this key, before all of the next */
		err = db_cursor_seek(c, row_key_view(&f), &found_key, &value);
	}
	if (err == CF_ENOTFOUND)
		err = 0; /* the end of the rows */
out:
	db_cursor_free(c);
	return err;
}

int history_walk_prefix(struct db_txn *txn, struct view prefix, struct view from, uint64_t height,
			int (*on_key)(void *ctx, struct view key, const struct history_row *row), void *ctx)
{
	return walk_prefix(txn, prefix, from, height, false, on_key, ctx);
}

int history_walk_deleted(struct db_txn *txn, struct view prefix, struct view from, uint64_t height,
			 int (*on_key)(void *ctx, struct view key, const struct history_row *row), void *ctx)
{
	return walk_prefix(txn, prefix, from, height, true, on_key, ctx);
}

int history_read(struct segments *blocks, const struct history_row *row, struct buf *out)
{
	size_t start = out->len;
	struct hash real;
	int err;

	assert(row && out);
	if (row->deleted)
		return 0;
	if (row->file == HISTORY_INLINE)
		err = buf_append_view(out, row->inline_value);
	else
		err = segments_read_part(blocks, row->file, row->offset, row->len, out);
	if (!err) {
		real = sha256(VIEW(out->data + start, out->len - start));
		if (!hash_equal(&real, &row->value_hash))
			err = CF_ECORRUPT;
	}
	if (err == CF_ENOTFOUND || err == CF_ECORRUPT)
		err = err_set(CF_ECORRUPT, "history: value of height %llu in segment %08u does not verify",
			      (unsigned long long)row->version.height, row->file);
	if (err)
		out->len = start;
	return err;
}
