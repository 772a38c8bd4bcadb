/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/shadow.h"
#include "tests/lib/prng.h"
#include "tests/lib/t.h"

#include <string.h>

T_TEST(shadow_names_round_trip)
{
	struct prng p = {5};
	char name[NAME_BYTES_MAX + 1];
	uint64_t seconds;

	shadow_name(UINT64_C(1795359791), name);
	t_str(name, "@GMT-2026.11.22-15.03.11");
	shadow_name(0, name);
	t_str(name, "@GMT-1970.01.01-00.00.00");
	for (int i = 0; i < 5000; i++) {
		uint64_t wanted = prng_below(&p, UINT32_MAX);

		shadow_name(wanted, name);
		t_zero(shadow_parse(name, &seconds));
		t_eq(seconds, wanted);
	}
}

/* What another byte or length makes of a name is another time, or none; never the same. */
T_TEST(shadow_names_have_one_spelling)
{
	static const char good[] = "@GMT-2026.11.22-15.03.11";
	static const char *const bad[] = {"",
					  "@GMT",
					  "2026.11.22-15.03.11",
					  "@GMT-2026.11.22-15.03.11 ",
					  "@GMT-2026.11.22-15.03.11x",
					  "@GMT- 2026.11.22-15.03.11",
					  "@GMT-2026.1.22-15.03.11",
					  "@GMT-2026.06.31-15.03.11",
					  "@GMT-2026.13.01-15.03.11",
					  "@GMT-2026.11.22-24.03.11",
					  "@GMT-2026.11.22-15.60.11",
					  "@GMT-2026.11.22-15.03.60",
					  "@GMT-1969.12.31-23.59.59",
					  "@gmt-2026.11.22-15.03.11"};
	char name[sizeof good], again[NAME_BYTES_MAX + 1];
	uint64_t seconds;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (shadow_parse(bad[i], &seconds) != CF_EINVAL)
			t_fail("'%s' is taken", bad[i]);
	}
	for (size_t at = 0; at < sizeof good - 1; at++) {
		memcpy(name, good, sizeof good);
		name[at] = 0;
		t_err(shadow_parse(name, &seconds), CF_EINVAL);
		for (int c = 1; c < 256; c++) {
			memcpy(name, good, sizeof good);
			name[at] = (char)c;
			if (shadow_parse(name, &seconds))
				continue;
			shadow_name(seconds, again);
			t_str(again, name);
		}
	}
}

static bool has(const uint64_t *ms, size_t n, uint64_t value)
{
	for (size_t i = 0; i < n; i++) {
		if (ms[i] == value)
			return true;
	}
	return false;
}

T_TEST(shadow_marks_are_ends_of_hours_days_and_months)
{
	static const char *const wanted[] = {"@GMT-2026.03.02-13.59.59", "@GMT-2026.03.02-12.59.59",
					     "@GMT-2026.03.01-23.59.59", "@GMT-2026.02.28-23.59.59",
					     "@GMT-2025.12.31-23.59.59", "@GMT-2024.02.29-23.59.59",
					     "@GMT-2016.03.31-23.59.59"};
	static const char *const unwanted[] = {"@GMT-2026.03.02-14.59.59", "@GMT-2026.02.26-12.59.59",
					       "@GMT-2025.12.30-23.59.59", "@GMT-2016.02.29-23.59.59"};
	uint64_t ms[SHADOW_MARKS], seconds, now;
	size_t n;

	t_zero(shadow_parse("@GMT-2026.03.02-14.20.00", &now));
	n = shadow_marks(now * 1000, ms);
	t_eq(n, SHADOW_MARKS);
	for (size_t i = 0; i < n; i++)
		t_ok(ms[i] % 1000 == 999 && ms[i] < now * 1000);
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
		t_zero(shadow_parse(wanted[i], &seconds));
		if (!has(ms, n, seconds * 1000 + 999))
			t_fail("%s is no mark", wanted[i]);
	}
	for (size_t i = 0; i < sizeof unwanted / sizeof unwanted[0]; i++) {
		t_zero(shadow_parse(unwanted[i], &seconds));
		if (has(ms, n, seconds * 1000 + 999))
			t_fail("%s is a mark", unwanted[i]);
	}
	t_eq(shadow_marks(0, ms), 0);
	t_eq(shadow_marks(3 * 3600 * 1000, ms), 3); /* the first hours of 1970 */
}

T_TEST(shadow_sets_keep_the_greatest)
{
	static struct shadow_set s;
	struct prng p = {9};
	bool put[1000] = {false};
	unsigned left = 0;

	s.max = 40;
	for (int i = 0; i < 3000; i++) {
		uint64_t v = prng_below(&p, 1000);

		put[v] = true;
		(void)shadow_add(&s, v);
	}
	t_eq(s.count, s.max);
	for (size_t i = 1; i < s.count; i++)
		t_ok(s.value[i - 1] < s.value[i]);
	for (int v = 999; v >= 0 && left < s.max; v--) {
		if (put[v])
			t_eq(s.value[s.max - 1 - left++], v);
	}
	t_ok(!shadow_add(&s, 0));
	t_ok(shadow_add(&s, s.value[0]));
	t_ok(shadow_add(&s, 5000) && s.value[s.max - 1] == 5000);
}

T_MAIN
