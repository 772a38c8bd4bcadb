/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mem.h - allocation that tests can make fail, and wiping of secrets.
 *
 * All allocation of chartfs goes through here. Out of memory is an error value, never an abort.
 */
#ifndef LEDGER_MEM_H
#define LEDGER_MEM_H

#include <stddef.h>

/*
 * As malloc, calloc, realloc (array form, overflow checked), strdup; NULL when out of memory. Size 0 gives
 * a valid pointer.
 */
void *mem_alloc(size_t bytes);
void *mem_zalloc(size_t bytes);
void *mem_array(void *old, size_t count, size_t bytes_each);
void *mem_dup(const void *data, size_t bytes);
char *mem_strdup(const char *s);

/* Accepts NULL. */
void mem_free(void *p);

/* Overwrites with zeros in a way the compiler keeps. Accepts NULL with 0 bytes. */
void mem_wipe(void *p, size_t bytes);

/* Overwrites what calls that have returned left on this thread's stack, 64 KiB of it: libraries keep copies.
 */
void mem_wipe_stack(void);

/* malloc, realloc and free for a library that handles secrets: what is given back is wiped. */
void *mem_secret_alloc(size_t bytes);
void *mem_secret_resize(void *p, size_t bytes);
void mem_secret_free(void *p);

/* For tests: the n-th allocation from now fails, once (n = 0: the next); negative switches it off. */
void mem_fail_after(long n);

#endif
