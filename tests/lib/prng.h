/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prng.h - numbers from a seed, the same on every machine (xorshift64*).
 */
#ifndef TESTS_LIB_PRNG_H
#define TESTS_LIB_PRNG_H

#include <stddef.h>
#include <stdint.h>

struct prng {
	uint64_t state; /* not 0 */
};

static inline uint64_t prng_next(struct prng *p)
{
	p->state ^= p->state >> 12;
	p->state ^= p->state << 25;
	p->state ^= p->state >> 27;
	return p->state * 0x2545f4914f6cdd1du;
}

/* 0 to n-1. */
static inline uint32_t prng_below(struct prng *p, uint32_t n)
{
	return (uint32_t)((prng_next(p) >> 32) % n);
}

static inline void prng_bytes(struct prng *p, void *ret_data, size_t bytes)
{
	uint8_t *out = ret_data;

	for (size_t i = 0; i < bytes; i++)
		out[i] = (uint8_t)(prng_next(p) >> 56);
}

#endif
