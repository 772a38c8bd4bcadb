/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/codec.h"
#include "ledger/mem.h"
#include "tests/lib/t.h"

#define ITEMS_MAX 10

/* One of everything, so that each read and write is under the tampering tests below. */
struct sample {
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	bool flag;
	uint8_t fixed[4];
	struct view bytes, name, inner;
	uint32_t count16, count32;
};

static const uint8_t golden[] = {'t',  'a',  'g',  0,   0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09,
				 0x0a, 0x0b, 0x0c, 0xd, 0x0e, 0xf,  1,    'f',  'i',  'x',  'd',  0,    0,
				 0,    5,    'b',  'y', 't',  'e',  's',  3,    'a',  'n',  'n',  0,    2,
				 0,    0,    0,    3,   0,    0,    0,    2,    0xab, 0xcd};

static void sample_encode(struct buf *out)
{
	struct enc e;
	size_t open;

	enc_init(&e, out);
	enc_tag(&e, "tag");
	enc_u8(&e, 0x01);
	enc_u16(&e, 0x0203);
	enc_u32(&e, 0x04050607);
	enc_u64(&e, 0x08090a0b0c0d0e0f);
	enc_bool(&e, true);
	enc_fixed(&e, "fixd", 4);
	enc_bytes(&e, view_str("bytes"));
	enc_short(&e, view_str("ann"));
	enc_u16(&e, 2);
	enc_u32(&e, 3);
	open = enc_len_open(&e);
	enc_u16(&e, 0xabcd);
	enc_len_close(&e, open);
	t_zero(enc_done(&e));
}

static int sample_decode(struct view in, struct sample *s)
{
	struct dec d;

	dec_init(&d, in);
	dec_tag(&d, "tag");
	s->u8 = dec_u8(&d);
	s->u16 = dec_u16(&d);
	s->u32 = dec_u32(&d);
	s->u64 = dec_u64(&d);
	s->flag = dec_bool(&d);
	dec_fixed(&d, s->fixed, 4);
	s->bytes = dec_bytes(&d, 16);
	s->name = dec_short(&d);
	s->count16 = dec_count16(&d, ITEMS_MAX);
	s->count32 = dec_count32(&d, ITEMS_MAX);
	s->inner = dec_bytes(&d, 16);
	return dec_done(&d);
}

T_TEST(golden_bytes)
{
	struct buf b;

	buf_init(&b, 0);
	sample_encode(&b);
	t_bytes(b.data, b.len, golden, sizeof(golden));
	buf_release(&b);
}

T_TEST(round_trip)
{
	struct sample s;

	t_zero(sample_decode(VIEW(golden, sizeof(golden)), &s));
	t_eq(s.u8, 1);
	t_eq(s.u16, 0x0203);
	t_eq(s.u32, 0x04050607);
	t_eq(s.u64, 0x08090a0b0c0d0e0f);
	t_eq(s.flag, true);
	t_bytes(s.fixed, 4, "fixd", 4);
	t_ok(view_equal(s.bytes, view_str("bytes")));
	t_ok(view_equal(s.name, view_str("ann")));
	t_eq(s.count16, 2);
	t_eq(s.count32, 3);
	t_bytes(s.inner.data, s.inner.len, "\xab\xcd", 2);
}

T_TEST(every_truncation_is_refused)
{
	for (size_t len = 0; len < sizeof(golden); len++) {
		uint8_t *copy = mem_dup(golden, len); /* exact size, for AddressSanitizer */
		struct sample s;

		t_ok(copy);
		t_err(sample_decode(VIEW(copy, len), &s), CF_EDECODE);
		t_eq(s.inner.len, 0);
		mem_free(copy);
	}
}

T_TEST(trailing_byte_is_refused)
{
	uint8_t longer[sizeof(golden) + 1] = {0};
	struct sample s;

	memcpy(longer, golden, sizeof(golden));
	t_err(sample_decode(VIEW(longer, sizeof(longer)), &s), CF_EDECODE);
}

/* A tampered byte is either refused or a different value: nothing has two encodings. */
T_TEST(every_byte_tampered)
{
	uint8_t copy[sizeof(golden)];
	struct sample s;

	for (size_t i = 0; i < sizeof(golden); i++) {
		for (int v = 0; v < 256; v++) {
			struct buf again;
			struct enc e;
			size_t open;

			memcpy(copy, golden, sizeof(golden));
			copy[i] = (uint8_t)v;
			if (sample_decode(VIEW(copy, sizeof(copy)), &s) != 0)
				continue;
			buf_init(&again, 0);
			enc_init(&e, &again);
			enc_tag(&e, "tag");
			enc_u8(&e, s.u8);
			enc_u16(&e, s.u16);
			enc_u32(&e, s.u32);
			enc_u64(&e, s.u64);
			enc_bool(&e, s.flag);
			enc_fixed(&e, s.fixed, 4);
			enc_bytes(&e, s.bytes);
			enc_short(&e, s.name);
			enc_u16(&e, (uint16_t)s.count16);
			enc_u32(&e, s.count32);
			open = enc_len_open(&e);
			enc_fixed(&e, s.inner.data, s.inner.len);
			enc_len_close(&e, open);
			t_zero(enc_done(&e));
			t_bytes(again.data, again.len, copy, sizeof(copy));
			buf_release(&again);
		}
	}
}

T_TEST(writer_error_is_sticky_and_leaves_nothing)
{
	struct buf b;
	struct enc e;
	size_t open;

	buf_init(&b, 7);
	t_zero(buf_append(&b, "x", 1));
	enc_init(&e, &b);
	open = enc_len_open(&e);
	enc_u32(&e, 1);
	enc_u8(&e, 1); /* would fit */
	enc_len_close(&e, open);
	t_eq(b.len, 5);
	t_err(enc_done(&e), CF_ETOOBIG);
	t_eq(b.len, 1);
	buf_release(&b);
}

T_TEST(writer_bounds)
{
	uint8_t long_name[256] = {0};
	struct buf b;
	struct enc e;

	buf_init(&b, 0);
	enc_init(&e, &b);
	enc_short(&e, VIEW(long_name, 255));
	t_zero(enc_done(&e));
	enc_short(&e, VIEW(long_name, 256));
	t_err(enc_done(&e), CF_ETOOBIG);
	buf_release(&b);

	mem_fail_after(0);
	enc_init(&e, &b);
	enc_u8(&e, 1);
	t_err(enc_done(&e), CF_ENOMEM);
}

T_TEST(nothing_encodes_empty_views)
{
	struct buf b;
	struct enc e;
	struct dec d;

	buf_init(&b, 0);
	enc_init(&e, &b);
	enc_bytes(&e, VIEW_NONE);
	enc_short(&e, VIEW_NONE);
	t_zero(enc_done(&e));
	dec_init(&d, buf_view(&b));
	t_eq(dec_bytes(&d, 0).len, 0);
	t_eq(dec_short(&d).len, 0);
	t_zero(dec_done(&d));
	buf_release(&b);

	dec_init(&d, VIEW_NONE);
	t_eq(dec_rest(&d).len, 0);
	t_zero(dec_done(&d));
}

T_TEST(reader_limits)
{
	static const uint8_t in[] = {0, 0, 0, 3, 'a', 'b', 'c'};
	static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 'a'};
	struct dec d;

	dec_init(&d, VIEW(in, sizeof(in)));
	t_eq(dec_bytes(&d, 3).len, 3);
	t_zero(dec_done(&d));
	dec_init(&d, VIEW(in, sizeof(in)));
	t_eq(dec_bytes(&d, 2).len, 0);
	t_err(dec_done(&d), CF_EDECODE);
	dec_init(&d, VIEW(huge, sizeof(huge)));
	t_eq(dec_bytes(&d, SIZE_MAX).len, 0);
	t_err(dec_done(&d), CF_EDECODE);
	dec_init(&d, VIEW(huge, sizeof(huge)));
	t_eq(dec_count32(&d, 1000), 0);
	t_err(dec_done(&d), CF_EDECODE);
	dec_init(&d, VIEW(huge, 2));
	t_eq(dec_count16(&d, 65534), 0);
	t_err(dec_done(&d), CF_EDECODE);
	dec_init(&d, VIEW(huge, 1));
	t_ok(!dec_bool(&d));
	t_err(dec_done(&d), CF_EDECODE);
}

T_TEST(reader_error_is_sticky_and_gives_zeros)
{
	static const uint8_t in[] = {1, 2, 3, 4, 5, 6, 7, 8};
	uint8_t fixed[2] = {9, 9};
	struct dec d;

	dec_init(&d, VIEW(in, sizeof(in)));
	t_eq(dec_u8(&d), 1);
	dec_fail(&d, CF_EVERSION);
	dec_fail(&d, CF_EDECODE);
	t_eq(dec_u8(&d), 0);
	t_eq(dec_u64(&d), 0);
	dec_fixed(&d, fixed, 2);
	t_bytes(fixed, 2, "\0\0", 2);
	t_eq(dec_rest(&d).len, 0);
	t_eq(dec_take(&d, 1).len, 0);
	dec_tag(&d, "x");
	t_err(dec_done(&d), CF_EVERSION);
}

T_TEST(tag_is_whole)
{
	struct dec d;

	dec_init(&d, VIEW("tag1", 5));
	dec_tag(&d, "tag");
	t_err(dec_done(&d), CF_EDECODE);
	dec_init(&d, VIEW("ta", 3));
	dec_tag(&d, "tag");
	t_err(dec_done(&d), CF_EDECODE);
	dec_init(&d, VIEW("tag\0rest", 8));
	dec_tag(&d, "tag");
	t_ok(view_equal(dec_rest(&d), view_str("rest")));
	t_zero(dec_done(&d));
}

T_MAIN
