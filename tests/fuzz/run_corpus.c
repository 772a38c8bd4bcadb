/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_corpus.c FILE... - runs a fuzz target over files, each also with every byte changed and cut at every
 * length. *.hex files are read as hexadecimal text, others as they are.
 */
#include "ledger/mem.h"
#include "tests/fuzz/fuzz.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define CHANGED_BYTES_MAX 8192 /* of longer files only the beginning is changed and cut */

static int read_file(const char *path, struct buf *out)
{
	uint8_t chunk[4096];
	FILE *f = fopen(path, "rb");
	size_t n;
	int err = 0;

	if (!f)
		return CF_ENOTFOUND;
	while (err == 0 && (n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		err = buf_append(out, chunk, n);
	if (err == 0 && ferror(f))
		err = CF_EIO;
	fclose(f);
	return err;
}

/* In place: two digits become a byte, line ends go. */
static int from_hex(struct buf *b)
{
	size_t digits = 0;
	int err;

	for (size_t i = 0; i < b->len; i++) {
		if (!isspace(b->data[i]))
			b->data[digits++] = b->data[i];
	}
	b->len = digits / 2;
	for (size_t i = 0; i < b->len; i++) {
		char two[3] = {(char)b->data[2 * i], (char)b->data[2 * i + 1], '\0'};

		err = hex_decode(two, &b->data[i], 1);
		if (err)
			return err;
	}
	return digits % 2 ? CF_EDECODE : 0;
}

/* A copy of exactly this size, so that AddressSanitizer sees a read past the end. */
static void run(const uint8_t *data, size_t size)
{
	uint8_t *copy = mem_dup(data, size);

	FUZZ_CHECK(copy);
	LLVMFuzzerTestOneInput(copy, size);
	mem_free(copy);
}

static void run_changed(struct buf *b)
{
	static const uint8_t changes[] = {0x01, 0x80, 0xff};
	size_t bytes = b->len < CHANGED_BYTES_MAX ? b->len : CHANGED_BYTES_MAX;

	run(b->data, b->len);
	for (size_t i = 0; i < bytes; i++) {
		run(b->data, i);
		for (size_t k = 0; k < sizeof(changes); k++) {
			b->data[i] ^= changes[k];
			run(b->data, b->len);
			b->data[i] ^= changes[k];
		}
	}
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *dot = strrchr(argv[i], '.');
		struct buf b;
		int err;

		buf_init(&b, 0);
		err = read_file(argv[i], &b);
		if (err == 0 && dot && strcmp(dot, ".hex") == 0)
			err = from_hex(&b);
		if (err) {
			fprintf(stderr, "run_corpus: %s: %s\n", argv[i], err_text(err));
			return err_exit_code(err);
		}
		run_changed(&b);
		buf_release(&b);
	}
	printf("%d inputs\n", argc - 1);
	return argc > 1 ? 0 : 1;
}
