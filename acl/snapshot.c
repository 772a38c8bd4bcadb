/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot.c - the encoding of what is asked for and of the pieces.
 */
#include "acl/snapshot.h"

#include <assert.h>

#define SUCCESSION_BYTES_MAX ((size_t)5 << 20)
#define ITEMS_MAX UINT16_MAX

int snapshot_ask_encode(const struct snapshot_ask *a, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_u8(&e, (uint8_t)a->part);
	enc_u64(&e, a->height);
	if (a->part == SNAPSHOT_ROWS || a->part == SNAPSHOT_KEYS)
		enc_short(&e, a->after);
	if (a->part == SNAPSHOT_BRIEFS)
		enc_u64(&e, a->from);
	if (a->part == SNAPSHOT_PLACE)
		enc_fixed(&e, a->tx.b, HASH_BYTES);
	return enc_done(&e);
}

/* Part and height, with which all begin. */
static uint64_t take_head(struct dec *d, enum snapshot_part want)
{
	if (dec_u8(d) != (uint8_t)want)
		dec_fail(d, CF_EDECODE);
	return dec_u64(d);
}

int snapshot_ask_decode(struct view bytes, struct snapshot_ask *ret_a)
{
	struct snapshot_ask a = {.part = SNAPSHOT_OFFER};
	struct dec d;
	uint8_t part;
	int err;

	dec_init(&d, bytes);
	part = dec_u8(&d);
	a.height = dec_u64(&d);
	if (part < SNAPSHOT_OFFER || part > SNAPSHOT_PLACE)
		dec_fail(&d, CF_EDECODE);
	a.part = (enum snapshot_part)part;
	if (a.part == SNAPSHOT_ROWS || a.part == SNAPSHOT_KEYS)
		a.after = dec_short(&d);
	if (a.part == SNAPSHOT_ROWS && a.after.len > STATE_KEY_BYTES_MAX)
		dec_fail(&d, CF_EDECODE);
	if (a.part == SNAPSHOT_BRIEFS)
		a.from = dec_u64(&d);
	if (a.part == SNAPSHOT_PLACE)
		dec_fixed(&d, a.tx.b, HASH_BYTES);
	if (a.part >= SNAPSHOT_KEYS && a.height != 0)
		dec_fail(&d, CF_EDECODE);
	err = dec_done(&d);
	if (!err)
		*ret_a = a;
	return err;
}

int snapshot_offer_encode(const struct snapshot_offer *o, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_u8(&e, SNAPSHOT_OFFER);
	enc_u64(&e, o->height);
	enc_u64(&e, o->rows);
	certificate_encode(&o->certificate, &e);
	enc_bytes(&e, o->block);
	enc_bytes(&e, o->succession);
	return enc_done(&e);
}

int snapshot_offer_decode(struct view bytes, struct snapshot_offer *ret_o)
{
	struct snapshot_offer o;
	struct dec d;
	int err;

	dec_init(&d, bytes);
	o.height = take_head(&d, SNAPSHOT_OFFER);
	o.rows = dec_u64(&d);
	certificate_decode(&d, &o.certificate);
	o.block = dec_bytes(&d, BLOCK_BYTES_MAX);
	o.succession = dec_bytes(&d, SUCCESSION_BYTES_MAX);
	err = dec_done(&d);
	if (!err)
		*ret_o = o;
	return err;
}

void snapshot_row_encode(const struct state_item *row, struct enc *e)
{
	enc_short(e, row->key);
	enc_u64(e, row->version.height);
	enc_u32(e, row->version.index);
	enc_bytes(e, row->value);
}

static struct state_item take_row(struct dec *d)
{
	struct state_item row;

	row.key = dec_short(d);
	row.version.height = dec_u64(d);
	row.version.index = dec_u32(d);
	row.value = dec_bytes(d, STATE_VALUE_BYTES_MAX);
	return row;
}

int snapshot_rows_decode(struct view bytes, struct snapshot_rows *ret_r)
{
	struct snapshot_rows r;
	struct view before = VIEW_NONE;
	struct dec d;
	size_t start;
	int err;

	dec_init(&d, bytes);
	r.height = take_head(&d, SNAPSHOT_ROWS);
	r.last = dec_bool(&d);
	r.count = dec_count32(&d, ITEMS_MAX);
	start = d.at;
	if (r.count == 0 && !r.last)
		dec_fail(&d, CF_EDECODE);
	for (uint32_t i = 0; i < r.count && !d.err; i++) {
		struct state_item row = take_row(&d);

		if (row.key.len > STATE_KEY_BYTES_MAX || view_compare(row.key, before) <= 0 ||
		    row.version.height > r.height)
			dec_fail(&d, CF_EDECODE);
		before = row.key;
	}
	err = dec_done(&d);
	r.items = VIEW(bytes.data + start, d.at - start);
	if (!err)
		*ret_r = r;
	return err;
}

struct state_item snapshot_rows_next(struct view *items)
{
	struct state_item row;
	struct dec d;

	dec_init(&d, *items);
	row = take_row(&d);
	*items = dec_rest(&d);
	assert(!d.err); /* decoded before */
	return row;
}

void snapshot_brief_encode(const struct snapshot_brief *b, struct enc *e)
{
	enc_fixed(e, b->header_bytes.data, b->header_bytes.len);
	certificate_encode(&b->certificate, e);
	enc_fixed(e, b->ids.data, b->ids.len);
	enc_fixed(e, b->verdicts.data, b->verdicts.len);
}

static void take_brief(struct dec *d, struct snapshot_brief *ret_b)
{
	ret_b->header_bytes = dec_take(d, BLOCK_HEADER_BYTES);
	certificate_decode(d, &ret_b->certificate);
	if (d->err || block_header_decode(ret_b->header_bytes, &ret_b->header)) {
		dec_fail(d, CF_EDECODE);
		return;
	}
	ret_b->ids = dec_take(d, (size_t)ret_b->header.tx_count * HASH_BYTES);
	ret_b->verdicts = dec_take(d, ret_b->header.tx_count);
}

int snapshot_briefs_decode(struct view bytes, struct snapshot_briefs *ret_b)
{
	struct snapshot_briefs b;
	struct dec d;
	size_t start;
	int err;

	dec_init(&d, bytes);
	b.height = take_head(&d, SNAPSHOT_BRIEFS);
	b.from = dec_u64(&d);
	b.count = dec_count16(&d, ITEMS_MAX);
	start = d.at;
	if (b.from == 0 || b.from > b.height || b.count == 0 || b.count - 1 > b.height - b.from)
		dec_fail(&d, CF_EDECODE);
	for (uint32_t i = 0; i < b.count && !d.err; i++) {
		struct snapshot_brief brief;

		take_brief(&d, &brief);
		if (!d.err && brief.header.height != b.from + i)
			dec_fail(&d, CF_EDECODE);
	}
	err = dec_done(&d);
	b.items = VIEW(bytes.data + start, d.at - start);
	if (!err)
		*ret_b = b;
	return err;
}

void snapshot_briefs_next(struct view *items, struct snapshot_brief *ret_b)
{
	struct dec d;

	dec_init(&d, *items);
	take_brief(&d, ret_b);
	*items = dec_rest(&d);
	assert(!d.err);
}

int snapshot_keys_decode(struct view bytes, struct snapshot_keys *ret_k)
{
	struct snapshot_keys k;
	struct dec d;
	int err;

	dec_init(&d, bytes);
	if (take_head(&d, SNAPSHOT_KEYS) != 0)
		dec_fail(&d, CF_EDECODE);
	k.last = dec_bool(&d);
	k.after = dec_short(&d);
	k.count = dec_count16(&d, SNAPSHOT_HEIGHTS_MAX);
	k.items = dec_take(&d, k.count * sizeof(uint64_t));
	if (!k.last && (k.after.len == 0 || k.count == 0))
		dec_fail(&d, CF_EDECODE);
	err = dec_done(&d);
	if (!err)
		*ret_k = k;
	return err;
}

uint64_t snapshot_height_next(struct view *items)
{
	uint64_t height;
	struct dec d;

	dec_init(&d, *items);
	height = dec_u64(&d);
	*items = dec_rest(&d);
	assert(!d.err);
	return height;
}

int snapshot_place_decode(struct view bytes, struct snapshot_place *ret_p)
{
	struct snapshot_place p;
	struct dec d;
	int err;

	dec_init(&d, bytes);
	if (take_head(&d, SNAPSHOT_PLACE) != 0)
		dec_fail(&d, CF_EDECODE);
	p.height = dec_u64(&d);
	if (p.height == 0)
		dec_fail(&d, CF_EDECODE);
	err = dec_done(&d);
	if (!err)
		*ret_p = p;
	return err;
}
