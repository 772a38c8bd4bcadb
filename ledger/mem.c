/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mem.c - allocation with a countdown to failure for tests; wiping.
 */
#include "ledger/mem.h"

#include <assert.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Allocations left before the one that fails; negative: none fails. */
static atomic_long countdown = -1;

/* True once when the countdown runs out; it is then negative, so that later allocations succeed. */
static bool fails_now(void)
{
	if (atomic_load_explicit(&countdown, memory_order_relaxed) < 0)
		return false;
	return atomic_fetch_sub_explicit(&countdown, 1, memory_order_relaxed) == 0;
}

void mem_fail_after(long n)
{
	atomic_store(&countdown, n < 0 ? -1 : n);
}

void *mem_alloc(size_t bytes)
{
	if (fails_now())
		return NULL;
	return malloc(bytes ? bytes : 1);
}

void *mem_zalloc(size_t bytes)
{
	if (fails_now())
		return NULL;
	return calloc(1, bytes ? bytes : 1);
}

void *mem_array(void *old, size_t count, size_t bytes_each)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, bytes_each, &bytes) || bytes > PTRDIFF_MAX)
		return NULL;
	if (fails_now())
		return NULL;
	return realloc(old, bytes ? bytes : 1);
}

void *mem_dup(const void *data, size_t bytes)
{
	void *copy = mem_alloc(bytes);

	assert(data || bytes == 0);
	if (copy && bytes)
		memcpy(copy, data, bytes);
	return copy;
}

char *mem_strdup(const char *s)
{
	assert(s);
	return mem_dup(s, strlen(s) + 1);
}

void mem_free(void *p)
{
	free(p);
}

void mem_wipe(void *p, size_t bytes)
{
	assert(p || bytes == 0);
	if (bytes)
		explicit_bzero(p, bytes);
}

#define STACK_BYTES 65536

__attribute__((noinline)) void mem_wipe_stack(void)
{
	uint8_t area[STACK_BYTES];

	explicit_bzero(area, sizeof(area));
}

void *mem_secret_alloc(size_t bytes)
{
	return malloc(bytes);
}

void mem_secret_free(void *p)
{
	if (p)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

/* Not realloc: it would leave a copy behind. */
void *mem_secret_resize(void *p, size_t bytes)
{
	size_t was = p ? malloc_usable_size(p) : 0;
	void *fresh;

	if (bytes == 0) {
		mem_secret_free(p);
		return NULL;
	}
	fresh = malloc(bytes);
	if (!fresh)
		return NULL;
	if (p)
		memcpy(fresh, p, was < bytes ? was : bytes);
	mem_secret_free(p);
	return fresh;
}
