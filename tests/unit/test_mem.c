/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/mem.h"
#include "tests/lib/t.h"

#include <stdint.h>

T_TEST(allocates)
{
	char *s = mem_strdup("chart");
	uint8_t *z = mem_zalloc(100);
	void *none = mem_alloc(0), *dup = mem_dup("abc", 2), *empty = mem_dup(NULL, 0);

	t_str(s, "chart");
	t_ok(z && none && dup && empty);
	for (int i = 0; i < 100; i++)
		t_eq(z[i], 0);
	t_bytes(dup, 2, "ab", 2);
	mem_free(s);
	mem_free(z);
	mem_free(none);
	mem_free(dup);
	mem_free(empty);
	mem_free(NULL);
}

T_TEST(array_grows_and_refuses_overflow)
{
	uint32_t *a = mem_array(NULL, 2, sizeof(*a));

	t_ok(a);
	a[0] = 7;
	a = mem_array(a, 1000, sizeof(*a));
	t_ok(a);
	t_eq(a[0], 7);
	t_ok(!mem_array(a, SIZE_MAX / 2, 4));
	t_ok(!mem_array(a, SIZE_MAX, 1));
	mem_free(a);
}

T_TEST(fails_once_when_told)
{
	void *first, *second, *third;

	mem_fail_after(1);
	first = mem_alloc(1);
	second = mem_zalloc(1);
	third = mem_alloc(1);
	t_ok(first && !second && third);
	mem_free(first);
	mem_free(third);

	mem_fail_after(0);
	t_ok(!mem_strdup("x"));
	mem_fail_after(0);
	t_ok(!mem_array(NULL, 1, 1));
	mem_fail_after(0);
	mem_fail_after(-1);
	first = mem_alloc(1);
	t_ok(first);
	mem_free(first);
}

T_TEST(wipes)
{
	char secret[] = "secret";

	mem_wipe(secret, 3);
	t_bytes(secret, 6, "\0\0\0ret", 6);
	mem_wipe(NULL, 0);
}

T_TEST(mem_of_libraries_keeps_its_bytes)
{
	uint8_t *p = mem_secret_alloc(40);

	t_ok(p != NULL);
	memset(p, 7, 40);
	p = mem_secret_resize(p, 100000);
	t_ok(p != NULL && p[0] == 7 && p[39] == 7);
	p = mem_secret_resize(p, 10);
	t_ok(p != NULL && p[0] == 7 && p[9] == 7);
	t_ok(mem_secret_resize(p, 0) == NULL);
	p = mem_secret_resize(NULL, 10);
	t_ok(p != NULL);
	mem_secret_free(p);
	mem_secret_free(NULL);
	mem_wipe_stack();
}

T_MAIN
