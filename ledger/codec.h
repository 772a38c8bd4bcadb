/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec.h - the one canonical encoding of all that is hashed, signed, stored or sent.
 *
 * Fixed layout, big-endian, lengths before bytes; a cursor with a sticky error on both sides, so that a
 * caller checks once at the end. A value has exactly one encoding; the decoder refuses every other
 * (trailing bytes, over-long lengths, a flag that is neither 0 nor 1). FORMAT.md section 1.
 */
#ifndef LEDGER_CODEC_H
#define LEDGER_CODEC_H

#include "ledger/buf.h"

/* Writer. The buffer is borrowed. After an error further writes do nothing. */
struct enc {
	struct buf *out;
	size_t begin; /* length of out before */
	int err;
};

void enc_init(struct enc *e, struct buf *out);
void enc_u8(struct enc *e, uint8_t v);
void enc_u16(struct enc *e, uint16_t v);
void enc_u32(struct enc *e, uint32_t v);
void enc_u64(struct enc *e, uint64_t v);
void enc_bool(struct enc *e, bool v);
/* Bytes of a fixed size: no length before them. */
void enc_fixed(struct enc *e, const void *data, size_t bytes);
/* u32 length, then the bytes. */
void enc_bytes(struct enc *e, struct view v);
/* u8 length, then the bytes: names and short words. Over 255 bytes: CF_ETOOBIG. */
void enc_short(struct enc *e, struct view v);
/* A domain tag: its characters and a NUL, no length. */
void enc_tag(struct enc *e, const char *tag);
/* Reserves a u32 to be filled by enc_len_close with the bytes written since. Returns the position. */
size_t enc_len_open(struct enc *e);
void enc_len_close(struct enc *e, size_t position);
/* 0, or the first error: out is as long then as it was before. */
int enc_done(struct enc *e) must_check;

/* Reader over borrowed bytes. After an error every read gives zeros and empty views. */
struct dec {
	const uint8_t *data;
	size_t len;
	size_t at;
	int err;
};

void dec_init(struct dec *d, struct view in);
uint8_t dec_u8(struct dec *d);
uint16_t dec_u16(struct dec *d);
uint32_t dec_u32(struct dec *d);
uint64_t dec_u64(struct dec *d);
bool dec_bool(struct dec *d);
void dec_fixed(struct dec *d, void *ret_data, size_t bytes);
/* A view into the input of exactly `bytes` bytes. */
struct view dec_take(struct dec *d, size_t bytes);
/* u32 length and bytes, as a view into the input; over max bytes is an error. */
struct view dec_bytes(struct dec *d, size_t max);
/* u8 length and bytes, as a view. */
struct view dec_short(struct dec *d);
/* Expects this tag with its NUL. */
void dec_tag(struct dec *d, const char *tag);
/* A u16 or u32 count; over max is an error and gives 0. */
uint32_t dec_count16(struct dec *d, uint32_t max);
uint32_t dec_count32(struct dec *d, uint32_t max);
/* Everything not yet read. */
struct view dec_rest(struct dec *d);
/* Marks the input malformed from outside (a set out of order, an unknown version). Keeps the first error. */
void dec_fail(struct dec *d, int err);
/* 0 when all was read and well-formed; CF_EDECODE also for trailing bytes. */
int dec_done(struct dec *d) must_check;

#endif
