/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf.c - growable bytes, views and hex.
 */
#include "ledger/buf.h"
#include "ledger/mem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CAP_FIRST 64

bool view_equal(struct view a, struct view b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

int view_compare(struct view a, struct view b)
{
	size_t common = a.len < b.len ? a.len : b.len;
	int order = common ? memcmp(a.data, b.data, common) : 0;

	if (order)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

struct view view_str(const char *s)
{
	assert(s);
	return VIEW(s, strlen(s));
}

void buf_init(struct buf *b, size_t max)
{
	assert(b && max <= BUF_BYTES_MAX);
	*b = (struct buf){.max = max ? max : BUF_BYTES_MAX};
}

void buf_release(struct buf *b)
{
	assert(b);
	mem_free(b->data);
	*b = (struct buf){.max = b->max};
}

void buf_release_secret(struct buf *b)
{
	assert(b);
	mem_wipe(b->data, b->cap);
	buf_release(b);
}

void buf_reset(struct buf *b)
{
	assert(b);
	b->len = 0;
}

/* Room for `more` bytes and `spare` ones that are not content and do not count against the maximum. */
static int grow(struct buf *b, size_t more, size_t spare)
{
	size_t max = b->max ? b->max : BUF_BYTES_MAX;
	size_t want, cap;
	uint8_t *data;

	assert(b->len <= b->cap);
	if (more > max || b->len > max - more)
		return CF_ETOOBIG;
	want = b->len + more + spare;
	if (want <= b->cap)
		return 0;
	cap = b->cap ? b->cap : CAP_FIRST;
	while (cap < want)
		cap *= 2;
	if (cap > max + spare)
		cap = max + spare;

	/* Not realloc: it would leave a copy behind that buf_release_secret() cannot reach. */
	data = mem_alloc(cap);
	if (!data)
		return CF_ENOMEM;
	if (b->len)
		memcpy(data, b->data, b->len);
	mem_wipe(b->data, b->len);
	mem_free(b->data);
	b->data = data;
	b->cap = cap;
	return 0;
}

int buf_reserve(struct buf *b, size_t more)
{
	assert(b);
	return grow(b, more, 0);
}

int buf_append(struct buf *b, const void *data, size_t bytes)
{
	int err;

	assert(b && (data || bytes == 0));
	err = grow(b, bytes, 0);
	if (err)
		return err;
	if (bytes)
		memcpy(b->data + b->len, data, bytes);
	b->len += bytes;
	return 0;
}

int buf_append_view(struct buf *b, struct view v)
{
	return buf_append(b, v.data, v.len);
}

int buf_extend(struct buf *b, size_t bytes, uint8_t **ret_start)
{
	int err;

	assert(b && ret_start);
	err = grow(b, bytes, bytes ? 0 : 1); /* the start is a valid pointer for no bytes, too */
	if (err)
		return err;
	memset(b->data + b->len, 0, bytes);
	*ret_start = b->data + b->len;
	b->len += bytes;
	return 0;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int err, n;

	assert(b && fmt);
	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	err = n < 0 ? CF_EINVAL : grow(b, (size_t)n, 1);
	if (err == 0) {
		vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
	return err;
}

struct view buf_view(const struct buf *b)
{
	assert(b);
	return VIEW(b->data, b->len);
}

uint8_t *buf_steal(struct buf *b, size_t *ret_len)
{
	uint8_t *data;

	assert(b && ret_len);
	data = b->data;
	*ret_len = b->len;
	*b = (struct buf){.max = b->max};
	return data;
}

void hex_encode(const void *data, size_t bytes, char *ret_hex)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *in = data;

	assert((data || bytes == 0) && ret_hex);
	for (size_t i = 0; i < bytes; i++) {
		ret_hex[2 * i] = digits[in[i] >> 4];
		ret_hex[2 * i + 1] = digits[in[i] & 15];
	}
	ret_hex[2 * bytes] = '\0';
}

/* -1 for a character that is no digit, upper case included: a value has one text. */
static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int hex_decode(const char *hex, void *ret_data, size_t bytes)
{
	uint8_t *out = ret_data;

	assert(hex && (ret_data || bytes == 0));
	for (size_t i = 0; i < 2 * bytes; i++) {
		if (hex_digit(hex[i]) < 0)
			return CF_EDECODE; /* the closing NUL ends here, too */
	}
	if (hex[2 * bytes] != '\0')
		return CF_EDECODE;
	for (size_t i = 0; i < bytes; i++)
		out[i] = (uint8_t)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
	return 0;
}
