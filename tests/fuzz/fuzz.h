/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz.h - what each fuzz target is: one function that takes any bytes and aborts when a property breaks.
 *
 * The property of all: what decodes is, encoded again, the very bytes that were given. Linked with
 * run_corpus.c a target runs over files; linked with libFuzzer (clang -fsanitize=fuzzer) it hunts.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "ledger/buf.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* abort(), so that a fuzzer keeps the input, also where assertions are off. */
#define FUZZ_CHECK(condition)     \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

#endif
