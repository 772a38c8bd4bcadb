/* SPDX-License-Identifier: Apache-2.0 */
/*
 * t.c - runs the registered tests and prints TAP.
 */
#include "tests/lib/t.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define BYTES_SHOWN 32

static struct t_test *first;
static struct t_test **last = &first;

static jmp_buf after_test;
static pthread_t runner;
static char failure[2048];

void t_register(struct t_test *test)
{
	*last = test;
	last = &test->next;
}

void t_fail_at(const char *file, int line, const char *fmt, ...)
{
	va_list ap;
	int at = snprintf(failure, sizeof(failure), "%s:%d: ", file, line);

	va_start(ap, fmt);
	vsnprintf(failure + at, sizeof(failure) - (size_t)at, fmt, ap);
	va_end(ap);
	if (!pthread_equal(pthread_self(), runner)) {
		printf("Bail out! %s\n", failure);
		fflush(stdout);
		_Exit(1);
	}
	longjmp(after_test, 1);
}

/* Each line of the text as a TAP diagnostic. */
static void print_note(const char *text)
{
	while (*text) {
		int len = (int)strcspn(text, "\n");

		printf("# %.*s\n", len, text);
		text += len;
		text += *text == '\n';
	}
}

void t_note(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	print_note(text);
}

void t_check_ok(const char *file, int line, const char *expr, int ok)
{
	if (!ok)
		t_fail_at(file, line, "%s\n  is false", expr);
}

void t_check_eq(const char *file, int line, const char *a_expr, long long a, const char *b_expr, long long b)
{
	if (a != b)
		t_fail_at(file, line, "%s == %s\n  left  %lld (0x%llx)\n  right %lld (0x%llx)", a_expr,
			  b_expr, a, (unsigned long long)a, b, (unsigned long long)b);
}

void t_check_str(const char *file, int line, const char *expr, const char *a, const char *b)
{
	if (a && b ? strcmp(a, b) != 0 : a != b)
		t_fail_at(file, line, "%s\n  got  \"%.400s\"\n  want \"%.400s\"", expr, a ? a : "(null)",
			  b ? b : "(null)");
}

/* Hex of up to BYTES_SHOWN bytes from `from` on. */
static void put_hex(char *out, const uint8_t *data, size_t len, size_t from)
{
	size_t end = len - from > BYTES_SHOWN ? from + BYTES_SHOWN : len;

	out[0] = '\0';
	for (size_t i = from; i < end; i++)
		out += sprintf(out, "%02x", data[i]);
	if (end < len)
		strcpy(out, "...");
}

void t_check_bytes(const char *file, int line, const char *expr, const void *a, size_t a_len, const void *b,
		   size_t b_len)
{
	char a_hex[2 * BYTES_SHOWN + 8], b_hex[2 * BYTES_SHOWN + 8];
	const uint8_t *x = a, *y = b;
	size_t common = a_len < b_len ? a_len : b_len, at = 0;

	while (at < common && x[at] == y[at])
		at++;
	if (at == common && a_len == b_len)
		return;
	put_hex(a_hex, x, a_len, at);
	put_hex(b_hex, y, b_len, at);
	t_fail_at(file, line, "%s\n  differs at byte %zu\n  got  %zu bytes: %s\n  want %zu bytes: %s", expr,
		  at, a_len, a_hex, b_len, b_hex);
}

void t_check_err(const char *file, int line, const char *expr, int got, int want)
{
	if (got != want)
		t_fail_at(file, line, "%s\n  got  %s (%d)\n  want %s (%d)\n  detail: %s", expr, err_name(got),
			  got, err_name(want), want, err_detail());
}

static bool wanted(const struct t_test *test, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], test->name) == 0)
			return true;
	}
	return argc < 2;
}

static bool run(const struct t_test *test, int number)
{
	bool passed = setjmp(after_test) == 0;

	if (passed) {
		err_clear();
		test->fn();
	}
	printf("%s %d - %s\n", passed ? "ok" : "not ok", number, test->name);
	if (!passed)
		print_note(failure);
	fflush(stdout);
	return passed;
}

int t_main(int argc, char **argv)
{
	int count = 0, number = 0, failed = 0;

	runner = pthread_self();
	if (argc == 2 && strcmp(argv[1], "--list") == 0) {
		for (const struct t_test *test = first; test; test = test->next)
			puts(test->name);
		return 0;
	}
	for (const struct t_test *test = first; test; test = test->next)
		count += wanted(test, argc, argv);
	if (count == 0) {
		fprintf(stderr, "%s: no such test\n", argv[0]);
		return 1;
	}
	printf("1..%d\n", count);
	fflush(stdout);
	for (const struct t_test *test = first; test; test = test->next) {
		if (wanted(test, argc, argv) && !run(test, ++number))
			failed++;
	}
	return failed ? 1 : 0;
}
