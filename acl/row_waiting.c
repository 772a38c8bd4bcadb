/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row_waiting.c - the bytes of a change that waits, and what it will make of the file.
 */
#include "acl/op.h"
#include "acl/waiting.h"

#define ROW_VERSION 1

int waiting_row_encode(const struct waiting_row *row, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_u8(&e, ROW_VERSION);
	enc_bytes(&e, row->save);
	enc_fixed(&e, row->author.b, IDENTITY_BYTES);
	enc_fixed(&e, row->tx.b, HASH_BYTES);
	enc_u64(&e, row->time_ms);
	return enc_done(&e);
}

int waiting_row_decode(struct view bytes, struct waiting_row *ret_row)
{
	struct waiting_row row = {.time_ms = 0};
	struct op_save save;
	struct dec d;
	int err;

	dec_init(&d, bytes);
	if (dec_u8(&d) != ROW_VERSION)
		dec_fail(&d, CF_EDECODE);
	row.save = dec_bytes(&d, STATE_VALUE_BYTES_MAX);
	dec_fixed(&d, row.author.b, IDENTITY_BYTES);
	dec_fixed(&d, row.tx.b, HASH_BYTES);
	row.time_ms = dec_u64(&d);
	err = dec_done(&d);
	if (err == 0)
		err = op_save_decode(row.save, &save);
	if (err == 0)
		*ret_row = row;
	return err;
}

int waiting_content(const struct waiting_row *row, struct op_save *ret_save, struct content_row *ret_content)
{
	struct content_row content = {.form = CONTENT_INLINE};
	struct op_save save;
	int err = op_save_decode(row->save, &save);

	if (err == 0 && save.content.len) {
		err = content_row_decode(save.content, &content);
		content.secret_tx = row->tx;
	}
	if (err)
		return err_set(CF_ECORRUPT, "a change that waits does not decode");
	*ret_save = save;
	*ret_content = content;
	return 0;
}
