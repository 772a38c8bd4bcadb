/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire_msg.c - the payloads of the frames between clients and peers: each written and read side by side.
 */
#include "ledger/blob.h"
#include "ledger/mem.h"
#include "ledger/rwset.h"
#include "net/wire.h"

#include <assert.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* An error on the wire is how far it is below zero; 0 is none. Unknown ones of a newer peer stay negative. */
static void error_encode(struct enc *e, int error)
{
	assert(error <= 0 && error >= -UINT16_MAX);
	enc_u16(e, (uint16_t)-error);
}

static int error_decode(struct dec *d)
{
	return -(int)dec_u16(d);
}

/* A detail is for people: cut, never refused. */
static void detail_encode(struct enc *e, struct view v)
{
	enc_short(e, VIEW(v.data, v.len > 255 ? 255 : v.len));
}

int wire_submit_encode(const struct wire_submit *m, struct buf *out)
{
	struct enc e;

	assert(m->count <= WIRE_BATCH_MAX);
	enc_init(&e, out);
	enc_u16(&e, m->count);
	for (unsigned i = 0; i < m->count; i++) {
		enc_bytes(&e, m->tx[i]);
		enc_bytes(&e, m->annex[i]);
	}
	return enc_done(&e);
}

int wire_submit_decode(struct view payload, struct wire_submit *ret_m)
{
	struct dec d;

	dec_init(&d, payload);
	ret_m->count = (uint16_t)dec_count16(&d, WIRE_BATCH_MAX);
	for (unsigned i = 0; i < ret_m->count; i++) {
		ret_m->tx[i] = dec_bytes(&d, TX_BYTES_MAX);
		ret_m->annex[i] = dec_bytes(&d, TX_ANNEX_BYTES_MAX);
	}
	return dec_done(&d);
}

int wire_endorse_encode(const struct wire_endorse *m, struct buf *out)
{
	struct enc e;

	assert(m->count <= WIRE_BATCH_MAX);
	enc_init(&e, out);
	enc_u64(&e, m->min_height);
	enc_u16(&e, m->count);
	for (unsigned i = 0; i < m->count; i++) {
		enc_bytes(&e, m->proposal[i]);
		sigpath_encode(&m->signature[i], &e);
		enc_bytes(&e, m->annex[i]);
	}
	return enc_done(&e);
}

int wire_endorse_decode(struct view payload, struct wire_endorse *ret_m)
{
	struct dec d;
	int err;

	dec_init(&d, payload);
	ret_m->min_height = dec_u64(&d);
	ret_m->count = (uint16_t)dec_count16(&d, WIRE_BATCH_MAX);
	ret_m->signature = mem_array(NULL, ret_m->count, sizeof(*ret_m->signature));
	if (!ret_m->signature)
		return CF_ENOMEM;
	for (unsigned i = 0; i < ret_m->count; i++) {
		ret_m->proposal[i] = dec_bytes(&d, TX_BYTES_MAX);
		sigpath_decode(&d, &ret_m->signature[i]);
		ret_m->annex[i] = dec_bytes(&d, TX_ANNEX_BYTES_MAX);
	}
	err = dec_done(&d);
	if (err)
		wire_endorse_release(ret_m);
	return err;
}

void wire_endorse_release(struct wire_endorse *m)
{
	mem_free(m->signature);
	m->signature = NULL;
	m->count = 0;
}

int wire_endorsed_encode(const struct wire_endorsed *m, struct buf *out)
{
	struct enc e;

	assert(m->count <= WIRE_BATCH_MAX);
	enc_init(&e, out);
	enc_fixed(&e, m->by.b, IDENTITY_BYTES);
	enc_u64(&e, m->height);
	enc_u16(&e, m->count);
	for (unsigned i = 0; i < m->count; i++) {
		const struct wire_endorsed_item *item = &m->item[i];

		enc_fixed(&e, item->id.b, HASH_BYTES);
		error_encode(&e, item->error);
		detail_encode(&e, item->detail);
		enc_bytes(&e, item->rwset);
		if (item->error == 0)
			sigpath_encode(&item->signature, &e);
	}
	return enc_done(&e);
}

int wire_endorsed_decode(struct view payload, struct wire_endorsed *ret_m)
{
	struct dec d;
	int err;

	dec_init(&d, payload);
	dec_fixed(&d, ret_m->by.b, IDENTITY_BYTES);
	ret_m->height = dec_u64(&d);
	ret_m->count = (uint16_t)dec_count16(&d, WIRE_BATCH_MAX);
	ret_m->item = mem_array(NULL, ret_m->count, sizeof(*ret_m->item));
	if (!ret_m->item)
		return CF_ENOMEM;
	for (unsigned i = 0; i < ret_m->count; i++) {
		struct wire_endorsed_item *item = &ret_m->item[i];

		dec_fixed(&d, item->id.b, HASH_BYTES);
		item->error = error_decode(&d);
		item->detail = dec_short(&d);
		item->rwset = dec_bytes(&d, RWSET_BYTES_MAX);
		if (item->error == 0)
			sigpath_decode(&d, &item->signature);
	}
	err = dec_done(&d);
	if (err)
		wire_endorsed_release(ret_m);
	return err;
}

void wire_endorsed_release(struct wire_endorsed *m)
{
	mem_free(m->item);
	m->item = NULL;
	m->count = 0;
}

int wire_block_encode(const struct wire_block *m, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_u64(&e, m->height);
	enc_bytes(&e, m->body);
	enc_bytes(&e, m->verdicts);
	certificate_encode(&m->certificate, &e);
	return enc_done(&e);
}

int wire_block_decode(struct view payload, struct wire_block *ret_m)
{
	struct dec d;

	dec_init(&d, payload);
	ret_m->height = dec_u64(&d);
	ret_m->body = dec_bytes(&d, BLOCK_BYTES_MAX);
	ret_m->verdicts = dec_bytes(&d, BLOCK_TXS_MAX);
	certificate_decode(&d, &ret_m->certificate);
	return dec_done(&d);
}

int wire_hold_encode(const struct wire_hold *m, struct buf *out)
{
	struct enc e;

	assert(m->count <= TX_BLOBS_MAX);
	enc_init(&e, out);
	enc_u64(&e, m->time_ms);
	enc_u16(&e, m->count);
	for (unsigned i = 0; i < m->count; i++) {
		enc_fixed(&e, m->blob[i].root.b, HASH_BYTES);
		enc_u64(&e, m->blob[i].bytes);
	}
	return enc_done(&e);
}

int wire_hold_decode(struct view payload, struct wire_hold *ret_m)
{
	struct dec d;

	dec_init(&d, payload);
	ret_m->time_ms = dec_u64(&d);
	ret_m->count = (uint16_t)dec_count16(&d, TX_BLOBS_MAX);
	for (unsigned i = 0; i < ret_m->count; i++) {
		dec_fixed(&d, ret_m->blob[i].root.b, HASH_BYTES);
		ret_m->blob[i].bytes = dec_u64(&d);
		/* Strictly ascending, as in the transaction the receipt is for. */
		if (i > 0 && memcmp(ret_m->blob[i - 1].root.b, ret_m->blob[i].root.b, HASH_BYTES) >= 0)
			dec_fail(&d, CF_EDECODE);
	}
	return dec_done(&d);
}

int wire_receipt_encode(const struct wire_receipt *m, struct buf *out)
{
	struct enc e;

	assert(m->missing_count <= COUNT_OF(m->missing));
	enc_init(&e, out);
	enc_fixed(&e, m->by.b, IDENTITY_BYTES);
	enc_bool(&e, m->held);
	if (m->held) {
		sigpath_encode(&m->signature, &e);
		return enc_done(&e);
	}
	enc_u16(&e, m->missing_count);
	for (unsigned i = 0; i < m->missing_count; i++)
		enc_fixed(&e, m->missing[i].b, HASH_BYTES);
	return enc_done(&e);
}

int wire_receipt_decode(struct view payload, struct wire_receipt *ret_m)
{
	struct dec d;

	dec_init(&d, payload);
	dec_fixed(&d, ret_m->by.b, IDENTITY_BYTES);
	ret_m->held = dec_bool(&d);
	ret_m->missing_count = 0;
	if (ret_m->held) {
		sigpath_decode(&d, &ret_m->signature);
		return dec_done(&d);
	}
	ret_m->missing_count = (uint16_t)dec_count16(&d, COUNT_OF(ret_m->missing));
	for (unsigned i = 0; i < ret_m->missing_count; i++)
		dec_fixed(&d, ret_m->missing[i].b, HASH_BYTES);
	return dec_done(&d);
}

int wire_blob_encode(const struct wire_blob *m, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_fixed(&e, m->address.b, HASH_BYTES);
	enc_bool(&e, m->found);
	if (m->found)
		enc_bytes(&e, m->bytes);
	return enc_done(&e);
}

int wire_blob_decode(struct view payload, struct wire_blob *ret_m)
{
	struct dec d;

	dec_init(&d, payload);
	dec_fixed(&d, ret_m->address.b, HASH_BYTES);
	ret_m->found = dec_bool(&d);
	ret_m->bytes = ret_m->found ? dec_bytes(&d, BLOB_BYTES_MAX) : VIEW_NONE;
	return dec_done(&d);
}

int wire_status_encode(const struct wire_status *m, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_fixed(&e, m->by.b, IDENTITY_BYTES);
	enc_u64(&e, m->height);
	enc_fixed(&e, m->head.b, HASH_BYTES);
	enc_fixed(&e, m->state_root.b, HASH_BYTES);
	enc_u64(&e, m->view);
	enc_u8(&e, m->leader);
	enc_bool(&e, m->voting);
	enc_u32(&e, m->pool);
	enc_u64(&e, m->time_ms);
	enc_u64(&e, m->blobs);
	enc_u64(&e, m->scrubs);
	enc_u64(&e, m->scrubbed);
	enc_u64(&e, m->damaged);
	enc_u64(&e, m->repaired);
	detail_encode(&e, m->detail);
	return enc_done(&e);
}

int wire_status_decode(struct view payload, struct wire_status *ret_m)
{
	struct dec d;

	dec_init(&d, payload);
	dec_fixed(&d, ret_m->by.b, IDENTITY_BYTES);
	ret_m->height = dec_u64(&d);
	dec_fixed(&d, ret_m->head.b, HASH_BYTES);
	dec_fixed(&d, ret_m->state_root.b, HASH_BYTES);
	ret_m->view = dec_u64(&d);
	ret_m->leader = dec_u8(&d);
	ret_m->voting = dec_bool(&d);
	ret_m->pool = dec_u32(&d);
	ret_m->time_ms = dec_u64(&d);
	ret_m->blobs = dec_u64(&d);
	ret_m->scrubs = dec_u64(&d);
	ret_m->scrubbed = dec_u64(&d);
	ret_m->damaged = dec_u64(&d);
	ret_m->repaired = dec_u64(&d);
	ret_m->detail = dec_short(&d);
	return dec_done(&d);
}

int wire_refused_encode(const struct wire_refused *m, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_fixed(&e, m->id.b, HASH_BYTES);
	error_encode(&e, m->error);
	detail_encode(&e, m->detail);
	return enc_done(&e);
}

int wire_refused_decode(struct view payload, struct wire_refused *ret_m)
{
	struct dec d;

	dec_init(&d, payload);
	dec_fixed(&d, ret_m->id.b, HASH_BYTES);
	ret_m->error = error_decode(&d);
	ret_m->detail = dec_short(&d);
	if (ret_m->error == 0)
		dec_fail(&d, CF_EDECODE);
	return dec_done(&d);
}

int wire_settled_encode(const struct wire_settled *m, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_fixed(&e, m->id.b, HASH_BYTES);
	enc_u64(&e, m->height);
	enc_u32(&e, m->index);
	enc_u8(&e, m->verdict);
	return enc_done(&e);
}

int wire_settled_decode(struct view payload, struct wire_settled *ret_m)
{
	struct dec d;

	dec_init(&d, payload);
	dec_fixed(&d, ret_m->id.b, HASH_BYTES);
	ret_m->height = dec_u64(&d);
	ret_m->index = dec_u32(&d);
	ret_m->verdict = dec_u8(&d);
	return dec_done(&d);
}

static void share_ask_fields(const struct wire_share_ask *m, struct enc *e)
{
	enc_fixed(e, m->query.b, HASH_BYTES);
	enc_u32(e, m->epoch);
	enc_u32(e, m->window);
	enc_u16(e, m->generation);
}

static void share_ask_read(struct dec *d, struct wire_share_ask *m)
{
	dec_fixed(d, m->query.b, HASH_BYTES);
	m->epoch = dec_u32(d);
	m->window = dec_u32(d);
	m->generation = dec_u16(d);
}

int wire_share_ask_encode(const struct wire_share_ask *m, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	share_ask_fields(m, &e);
	return enc_done(&e);
}

int wire_share_ask_decode(struct view payload, struct wire_share_ask *ret_m)
{
	struct dec d;

	dec_init(&d, payload);
	share_ask_read(&d, ret_m);
	return dec_done(&d);
}

int wire_share_encode(const struct wire_share *m, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	share_ask_fields(&m->of, &e);
	enc_bytes(&e, m->sealed);
	return enc_done(&e);
}

int wire_share_decode(struct view payload, struct wire_share *ret_m)
{
	struct dec d;

	dec_init(&d, payload);
	share_ask_read(&d, &ret_m->of);
	ret_m->sealed = dec_bytes(&d, WIRE_SHARE_BYTES_MAX);
	return dec_done(&d);
}

int wire_destroyed_ask_encode(const struct wire_destroyed_ask *m, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_fixed(&e, m->tx.b, HASH_BYTES);
	return enc_done(&e);
}

int wire_destroyed_ask_decode(struct view payload, struct wire_destroyed_ask *ret_m)
{
	struct dec d;

	dec_init(&d, payload);
	dec_fixed(&d, ret_m->tx.b, HASH_BYTES);
	return dec_done(&d);
}

int wire_destroyed_encode(const struct wire_destroyed *m, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_fixed(&e, m->tx.b, HASH_BYTES);
	enc_u64(&e, m->height);
	enc_fixed(&e, m->sig, SIG_BYTES);
	return enc_done(&e);
}

int wire_destroyed_decode(struct view payload, struct wire_destroyed *ret_m)
{
	struct dec d;

	dec_init(&d, payload);
	dec_fixed(&d, ret_m->tx.b, HASH_BYTES);
	ret_m->height = dec_u64(&d);
	dec_fixed(&d, ret_m->sig, SIG_BYTES);
	return dec_done(&d);
}
