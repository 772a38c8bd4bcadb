/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf.h - growable bytes with a hard maximum, and borrowed views of bytes.
 */
#ifndef LEDGER_BUF_H
#define LEDGER_BUF_H

#include "ledger/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes somebody else owns. data may be NULL when len is 0. */
struct view {
	const uint8_t *data;
	size_t len;
};

#define VIEW(ptr, bytes) ((struct view){(const uint8_t *)(ptr), (bytes)})
#define VIEW_NONE ((struct view){NULL, 0})

bool view_equal(struct view a, struct view b);
/* memcmp order, the shorter first when one is a prefix of the other. */
int view_compare(struct view a, struct view b);
struct view view_str(const char *s);

#define BUF_BYTES_MAX ((size_t)1 << 30)

struct buf {
	uint8_t *data;
	size_t len;
	size_t cap;
	size_t max; /* growth beyond it is CF_ETOOBIG */
};

/* An empty buffer that may grow to max bytes (0: BUF_BYTES_MAX). Allocates nothing. */
void buf_init(struct buf *b, size_t max);
/* Frees; the buffer is then as after buf_init with the same maximum. */
void buf_release(struct buf *b);
/* Wipes, then frees. For secrets. */
void buf_release_secret(struct buf *b);
/* Length 0, memory kept. */
void buf_reset(struct buf *b);

/* Errors: CF_ENOMEM, CF_ETOOBIG; the buffer is then unchanged. */
int buf_reserve(struct buf *b, size_t more) must_check;
int buf_append(struct buf *b, const void *data, size_t bytes) must_check;
int buf_append_view(struct buf *b, struct view v) must_check;
/* Appends bytes of value 0 and hands out their start. */
int buf_extend(struct buf *b, size_t bytes, uint8_t **ret_start) must_check;
/* printf, without a closing NUL in len (one stands behind it). */
int buf_printf(struct buf *b, const char *fmt, ...) must_check __attribute__((format(printf, 2, 3)));

struct view buf_view(const struct buf *b);
/* Moves the memory out (caller frees with mem_free) and leaves b empty. */
uint8_t *buf_steal(struct buf *b, size_t *ret_len);

/* Lower-case hex. hex_encode writes 2*bytes characters and a NUL. hex_decode wants exactly 2*bytes digits:
 * CF_EDECODE. */
void hex_encode(const void *data, size_t bytes, char *ret_hex);
int hex_decode(const char *hex, void *ret_data, size_t bytes) must_check;

#endif
