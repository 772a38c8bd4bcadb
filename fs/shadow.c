/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/shadow.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define HOUR_MS ((uint64_t)3600 * 1000)
#define DAY_MS (24 * HOUR_MS)
#define FORMAT "@GMT-%Y.%m.%d-%H.%M.%S"

void shadow_name(uint64_t seconds, char ret_name[NAME_BYTES_MAX + 1])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(ret_name, NAME_BYTES_MAX + 1, FORMAT, &tm);
}

int shadow_parse(const char *name, uint64_t *ret_seconds)
{
	char again[NAME_BYTES_MAX + 1];
	struct tm tm = {.tm_mday = 1};
	const char *end = strptime(name, FORMAT, &tm);
	time_t t = end && *end == 0 ? timegm(&tm) : -1;

	if (t < 0)
		return CF_EINVAL;
	/* no other spelling, no 31st of June */
	shadow_name((uint64_t)t, again);
	if (strcmp(again, name) != 0)
		return CF_EINVAL;
	*ret_seconds = (uint64_t)t;
	return 0;
}

static size_t ends_of(uint64_t now_ms, uint64_t unit_ms, size_t units, uint64_t *ret_ms)
{
	uint64_t unit = now_ms / unit_ms;
	size_t n = 0;

	while (n < units && unit > n) {
		ret_ms[n] = (unit - n) * unit_ms - 1;
		n++;
	}
	return n;
}

static size_t ends_of_months(uint64_t now_ms, uint64_t *ret_ms)
{
	time_t now = (time_t)(now_ms / 1000);
	struct tm today;
	size_t n = 0;

	gmtime_r(&now, &today);
	while (n < SHADOW_MONTHS) {
		/* timegm takes a month below zero as one of the year before */
		struct tm first = {.tm_year = today.tm_year, .tm_mon = today.tm_mon - (int)n, .tm_mday = 1};
		time_t t = timegm(&first);

		if (t <= 0)
			break;
		ret_ms[n++] = (uint64_t)t * 1000 - 1;
	}
	return n;
}

size_t shadow_marks(uint64_t now_ms, uint64_t ret_ms[SHADOW_MARKS])
{
	size_t n = ends_of(now_ms, HOUR_MS, SHADOW_HOURS, ret_ms);

	n += ends_of(now_ms, DAY_MS, SHADOW_DAYS, ret_ms + n);
	n += ends_of_months(now_ms, ret_ms + n);
	return n;
}

bool shadow_add(struct shadow_set *s, uint64_t value)
{
	size_t at = s->count;

	assert(s->max <= SHADOW_TIMES_MAX);
	while (at > 0 && s->value[at - 1] > value)
		at--;
	if (at > 0 && s->value[at - 1] == value)
		return true;
	if (s->count < s->max) {
		memmove(&s->value[at + 1], &s->value[at], (s->count - at) * sizeof s->value[0]);
		s->count++;
	} else if (at == 0) {
		return false;
	} else {
		at--;
		memmove(&s->value[0], &s->value[1], at * sizeof s->value[0]);
	}
	s->value[at] = value;
	return true;
}
