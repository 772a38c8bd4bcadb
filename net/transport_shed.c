/* SPDX-License-Identifier: Apache-2.0 */
/* transport_shed.c - sums by origin; the square of a thousand, once in a flood. */
#include "net/transport_shed.h"

#include <string.h>

static size_t of_origin(const struct shed_item *items, uint32_t count, const struct shed_item *like)
{
	size_t sum = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (items[i].bytes && memcmp(items[i].origin, like->origin, ORIGIN_BYTES) == 0)
			sum += items[i].bytes;
	}
	return sum;
}

uint32_t shed_choose(const struct shed_item *items, uint32_t count)
{
	uint32_t chosen = count;
	size_t most = 0;

	for (uint32_t i = 0; i < count; i++) {
		size_t sum = items[i].bytes ? of_origin(items, count, &items[i]) : 0;

		if (sum > most || (sum && sum == most && items[i].bytes > items[chosen].bytes)) {
			chosen = i;
			most = sum;
		}
	}
	return chosen;
}
