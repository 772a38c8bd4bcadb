/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/buf.h"
#include "ledger/mem.h"
#include "tests/lib/t.h"

T_TEST(views_compare)
{
	t_ok(view_equal(view_str("abc"), VIEW("abc", 3)));
	t_ok(!view_equal(view_str("abc"), view_str("ab")));
	t_ok(view_equal(VIEW_NONE, view_str("")));
	t_ok(view_compare(view_str("ab"), view_str("abc")) < 0);
	t_ok(view_compare(view_str("b"), view_str("abc")) > 0);
	t_ok(view_compare(VIEW("\xff", 1), VIEW("\x01", 1)) > 0);
	t_eq(view_compare(VIEW_NONE, view_str("")), 0);
	t_ok(view_compare(VIEW_NONE, view_str("a")) < 0);
}

T_TEST(appends_and_grows)
{
	struct buf b;

	buf_init(&b, 0);
	t_ok(!b.data);
	for (int i = 0; i < 1000; i++) {
		uint8_t c = (uint8_t)i;

		t_zero(buf_append(&b, &c, 1));
	}
	t_eq(b.len, 1000);
	for (int i = 0; i < 1000; i++)
		t_eq(b.data[i], (uint8_t)i);
	t_zero(buf_append(&b, NULL, 0));
	buf_reset(&b);
	t_zero(buf_append_view(&b, view_str("xyz")));
	t_bytes(b.data, b.len, "xyz", 3);
	t_ok(view_equal(buf_view(&b), view_str("xyz")));
	buf_release(&b);
	t_ok(!b.data && b.len == 0 && b.cap == 0);
}

T_TEST(maximum_is_hard)
{
	struct buf b;
	uint8_t *start;

	buf_init(&b, 100);
	t_zero(buf_printf(&b, "%099d", 7));
	t_zero(buf_append(&b, "x", 1));
	t_err(buf_append(&b, "y", 1), CF_ETOOBIG);
	t_err(buf_printf(&b, "y"), CF_ETOOBIG);
	t_err(buf_extend(&b, 1, &start), CF_ETOOBIG);
	t_err(buf_reserve(&b, SIZE_MAX), CF_ETOOBIG);
	t_eq(b.len, 100);
	t_eq(b.data[99], 'x');
	buf_reset(&b);
	t_zero(buf_printf(&b, "%0100d", 7));
	t_eq(b.len, 100);
	t_eq(b.data[100], 0);
	buf_release(&b);
	t_eq(b.max, 100);
}

T_TEST(zeroed_buffer_is_ready)
{
	struct buf b = {0};

	t_zero(buf_append(&b, "a", 1));
	t_eq(b.len, 1);
	buf_release(&b);
}

T_TEST(out_of_memory_leaves_it_unchanged)
{
	struct buf b;

	buf_init(&b, 0);
	t_zero(buf_append(&b, "abc", 3));
	mem_fail_after(0);
	t_err(buf_reserve(&b, 4096), CF_ENOMEM);
	t_bytes(b.data, b.len, "abc", 3);
	mem_fail_after(0);
	t_err(buf_printf(&b, "%04096d", 1), CF_ENOMEM);
	t_bytes(b.data, b.len, "abc", 3);
	buf_release_secret(&b);
	buf_release_secret(&b);
}

T_TEST(extends_with_zeros)
{
	struct buf b;
	uint8_t *start;

	buf_init(&b, 0);
	t_zero(buf_append(&b, "\xff\xff\xff\xff", 4));
	buf_reset(&b);
	t_zero(buf_append(&b, "a", 1));
	t_zero(buf_extend(&b, 3, &start));
	t_ok(start == b.data + 1);
	t_bytes(b.data, b.len, "a\0\0\0", 4);
	buf_release(&b);
	t_zero(buf_extend(&b, 0, &start));
	t_ok(start);
	buf_release(&b);
}

T_TEST(printf_ends_with_nul)
{
	struct buf b;

	buf_init(&b, 0);
	t_zero(buf_printf(&b, "%s-%d", "id", 7));
	t_zero(buf_printf(&b, "%s", ""));
	t_eq(b.len, 4);
	t_str((char *)b.data, "id-7");
	buf_release(&b);
}

T_TEST(steal_hands_memory_out)
{
	struct buf b;
	uint8_t *data;
	size_t len = 9;

	buf_init(&b, 50);
	t_zero(buf_append(&b, "abc", 3));
	data = buf_steal(&b, &len);
	t_bytes(data, len, "abc", 3);
	t_ok(!b.data && b.len == 0 && b.max == 50);
	mem_free(data);
	data = buf_steal(&b, &len);
	t_eq(len, 0);
	mem_free(data);
}

T_TEST(hex_round_trip)
{
	uint8_t all[256], back[256];
	char hex[513];

	for (int i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	hex_encode(all, 256, hex);
	t_eq(strlen(hex), 512);
	t_eq(memcmp(hex, "000102", 6), 0);
	t_str(hex + 508, "feff");
	t_zero(hex_decode(hex, back, 256));
	t_bytes(back, 256, all, 256);
	hex_encode(NULL, 0, hex);
	t_str(hex, "");
	t_zero(hex_decode("", back, 0));
}

T_TEST(hex_refuses)
{
	static const char *const bad[] = {"",     "00",   "000",  "00000", "000000",
					  "0g00", "00 0", "0AFF", "-100",  "0x00"};
	uint8_t out[2] = {7, 7};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		t_err(hex_decode(bad[i], out, 2), CF_EDECODE);
	t_bytes(out, 2, "\7\7", 2);
}

T_MAIN
