/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t.h - tests that register themselves, and assertions that say what they saw.
 *
 *	T_TEST(buf_grows)
 *	{
 *		t_zero(buf_append(&b, "x", 1));
 *		t_eq(b.len, 1);
 *	}
 *	T_MAIN
 *
 * A failed assertion ends its test; the next one runs. Output is TAP; the program ends with 1 when a test
 * failed. `--list` prints the names; names as arguments run only these. Assertions belong to the thread
 * that runs the tests: on another thread a failure ends the program.
 */
#ifndef TESTS_LIB_T_H
#define TESTS_LIB_T_H

#include "ledger/err.h"

#include <stddef.h>
#include <string.h>

struct t_test {
	const char *name;
	void (*fn)(void);
	struct t_test *next;
};

void t_register(struct t_test *test);
int t_main(int argc, char **argv);

#define T_TEST(test)                                                   \
	static void test(void);                                        \
	__attribute__((constructor)) static void test##_register(void) \
	{                                                              \
		static struct t_test entry = {#test, test, NULL};      \
		t_register(&entry);                                    \
	}                                                              \
	static void test(void)

#define T_MAIN                             \
	int main(int argc, char **argv)    \
	{                                  \
		return t_main(argc, argv); \
	}

/* Fails the running test with a printf text. */
_Noreturn void t_fail_at(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
#define t_fail(...) t_fail_at(__FILE__, __LINE__, __VA_ARGS__)

/* A line of explanation in the output: "# ...". */
void t_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void t_check_ok(const char *file, int line, const char *expr, int ok);
void t_check_eq(const char *file, int line, const char *a_expr, long long a, const char *b_expr, long long b);
void t_check_str(const char *file, int line, const char *expr, const char *a, const char *b);
void t_check_bytes(const char *file, int line, const char *expr, const void *a, size_t a_len, const void *b,
		   size_t b_len);
void t_check_err(const char *file, int line, const char *expr, int got, int want);

/* True; equal integers (pointers: t_ok(a == b)); equal strings, NULL only equal to NULL; equal bytes. */
#define t_ok(expr) t_check_ok(__FILE__, __LINE__, #expr, (expr) ? 1 : 0)
#define t_eq(a, b) t_check_eq(__FILE__, __LINE__, #a, (long long)(a), #b, (long long)(b))
#define t_str(a, b) t_check_str(__FILE__, __LINE__, #a, (a), (b))
#define t_bytes(a, a_len, b, b_len) t_check_bytes(__FILE__, __LINE__, #a, (a), (a_len), (b), (b_len))

/* The call gives this cf_err; the call gives 0. A failure shows both names and err_detail(). */
#define t_err(call, want) t_check_err(__FILE__, __LINE__, #call, (call), (want))
#define t_zero(call) t_check_err(__FILE__, __LINE__, #call, (call), CF_OK)

#endif
