/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec.c - the two cursors of the canonical encoding.
 */
#include "ledger/codec.h"

#include <assert.h>
#include <string.h>

static void put_be(uint8_t *out, uint64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		out[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
}

static uint64_t get_be(const uint8_t *in, size_t bytes)
{
	uint64_t v = 0;

	for (size_t i = 0; i < bytes; i++)
		v = v << 8 | in[i];
	return v;
}

void enc_init(struct enc *e, struct buf *out)
{
	assert(e && out);
	*e = (struct enc){.out = out, .begin = out->len};
}

void enc_fixed(struct enc *e, const void *data, size_t bytes)
{
	if (e->err == 0)
		e->err = buf_append(e->out, data, bytes);
}

static void enc_number(struct enc *e, uint64_t v, size_t bytes)
{
	uint8_t be[8];

	put_be(be, v, bytes);
	enc_fixed(e, be, bytes);
}

void enc_u8(struct enc *e, uint8_t v)
{
	enc_number(e, v, 1);
}

void enc_u16(struct enc *e, uint16_t v)
{
	enc_number(e, v, 2);
}

void enc_u32(struct enc *e, uint32_t v)
{
	enc_number(e, v, 4);
}

void enc_u64(struct enc *e, uint64_t v)
{
	enc_number(e, v, 8);
}

void enc_bool(struct enc *e, bool v)
{
	enc_number(e, v ? 1 : 0, 1);
}

static void enc_fail(struct enc *e, int err)
{
	if (e->err == 0)
		e->err = err;
}

void enc_bytes(struct enc *e, struct view v)
{
	if (v.len > UINT32_MAX) {
		enc_fail(e, CF_ETOOBIG);
		return;
	}
	enc_number(e, v.len, 4);
	enc_fixed(e, v.data, v.len);
}

void enc_short(struct enc *e, struct view v)
{
	if (v.len > UINT8_MAX) {
		enc_fail(e, CF_ETOOBIG);
		return;
	}
	enc_number(e, v.len, 1);
	enc_fixed(e, v.data, v.len);
}

void enc_tag(struct enc *e, const char *tag)
{
	assert(tag && tag[0]);
	enc_fixed(e, tag, strlen(tag) + 1);
}

size_t enc_len_open(struct enc *e)
{
	size_t position = e->out->len;

	enc_u32(e, 0);
	return position;
}

void enc_len_close(struct enc *e, size_t position)
{
	size_t bytes;

	if (e->err)
		return;
	assert(position + 4 <= e->out->len);
	bytes = e->out->len - position - 4;
	if (bytes > UINT32_MAX) {
		enc_fail(e, CF_ETOOBIG);
		return;
	}
	put_be(e->out->data + position, bytes, 4);
}

int enc_done(struct enc *e)
{
	assert(e->err <= 0);
	if (e->err)
		e->out->len = e->begin;
	return e->err;
}

void dec_init(struct dec *d, struct view in)
{
	assert(d && (in.data || in.len == 0));
	*d = (struct dec){.data = in.data, .len = in.len};
}

void dec_fail(struct dec *d, int err)
{
	assert(err < 0);
	if (d->err == 0)
		d->err = err;
}

struct view dec_take(struct dec *d, size_t bytes)
{
	struct view v;

	if (d->err)
		return VIEW_NONE;
	assert(d->at <= d->len);
	if (bytes > d->len - d->at) {
		dec_fail(d, CF_EDECODE);
		return VIEW_NONE;
	}
	if (bytes == 0)
		return VIEW_NONE;
	v = VIEW(d->data + d->at, bytes);
	d->at += bytes;
	return v;
}

static uint64_t dec_number(struct dec *d, size_t bytes)
{
	struct view v = dec_take(d, bytes);

	return get_be(v.data, v.len);
}

uint8_t dec_u8(struct dec *d)
{
	return (uint8_t)dec_number(d, 1);
}

uint16_t dec_u16(struct dec *d)
{
	return (uint16_t)dec_number(d, 2);
}

uint32_t dec_u32(struct dec *d)
{
	return (uint32_t)dec_number(d, 4);
}

uint64_t dec_u64(struct dec *d)
{
	return dec_number(d, 8);
}

bool dec_bool(struct dec *d)
{
	uint8_t v = dec_u8(d);

	if (v > 1) {
		dec_fail(d, CF_EDECODE);
		return false;
	}
	return v == 1;
}

void dec_fixed(struct dec *d, void *ret_data, size_t bytes)
{
	struct view v = dec_take(d, bytes);

	assert(ret_data || bytes == 0);
	if (v.len)
		memcpy(ret_data, v.data, v.len);
	else if (bytes)
		memset(ret_data, 0, bytes);
}

struct view dec_bytes(struct dec *d, size_t max)
{
	uint32_t bytes = dec_u32(d);

	if (bytes > max) {
		dec_fail(d, CF_EDECODE);
		return VIEW_NONE;
	}
	return dec_take(d, bytes);
}

struct view dec_short(struct dec *d)
{
	return dec_take(d, dec_u8(d));
}

void dec_tag(struct dec *d, const char *tag)
{
	size_t bytes;

	assert(tag && tag[0]);
	bytes = strlen(tag) + 1;
	if (!view_equal(dec_take(d, bytes), VIEW(tag, bytes)))
		dec_fail(d, CF_EDECODE);
}

static uint32_t dec_count(struct dec *d, uint32_t count, uint32_t max)
{
	if (count > max) {
		dec_fail(d, CF_EDECODE);
		return 0;
	}
	return count;
}

uint32_t dec_count16(struct dec *d, uint32_t max)
{
	return dec_count(d, dec_u16(d), max);
}

uint32_t dec_count32(struct dec *d, uint32_t max)
{
	return dec_count(d, dec_u32(d), max);
}

struct view dec_rest(struct dec *d)
{
	return dec_take(d, d->len - d->at);
}

int dec_done(struct dec *d)
{
	if (d->at != d->len)
		dec_fail(d, CF_EDECODE);
	return d->err;
}
