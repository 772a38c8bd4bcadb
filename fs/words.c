/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/words.h"

#include "fs/cmd.h"

#include <assert.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define FIRST 256 /* getopt's value of the first option: none of a character's */

/* What getopt wants. letters: ':' and 'x', or "x:" for each option of one letter. */
static void describe(const struct word *table, unsigned count, struct option *ret_longs, char *ret_letters)
{
	unsigned longs = 0;
	size_t len = 0;

	for (unsigned i = 0; i < count; i++) {
		bool has_value = table[i].text != NULL;

		if (table[i].name[1]) {
			ret_longs[longs++] =
				(struct option){table[i].name, has_value ? required_argument : no_argument,
						NULL, FIRST + (int)i};
			continue;
		}
		ret_letters[len++] = table[i].name[0];
		if (has_value)
			ret_letters[len++] = ':';
	}
	ret_letters[len] = '\0';
	ret_longs[longs] = (struct option){NULL, 0, NULL, 0};
}

static const struct word *word_of(const struct word *table, unsigned count, int letter)
{
	if (letter >= FIRST)
		return &table[letter - FIRST];
	for (unsigned i = 0; i < count; i++) {
		if (table[i].name[0] == letter && !table[i].name[1])
			return &table[i];
	}
	return NULL;
}

int words_parse(int argc, char **argv, const struct word *table, unsigned count, char ***ret_arg,
		int *ret_args)
{
	struct option longs[WORDS_MAX + 1];
	char letters[2 * WORDS_MAX + 1];
	int letter;

	assert(count <= WORDS_MAX);
	describe(table, count, longs, letters);
	for (unsigned i = 0; i < count; i++) {
		if (table[i].text)
			*table[i].text = NULL;
		else
			*table[i].flag = false;
	}
	optind = 1;
	opterr = 0;
	while ((letter = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		const struct word *w = word_of(table, count, letter);

		if (!w)
			return cmd_usage(argv[0], "%s: no such option, or its value is missing",
					 argv[optind - 1]);
		if (w->text)
			*w->text = optarg;
		else
			*w->flag = true;
	}
	*ret_arg = argv + optind;
	*ret_args = argc - optind;
	return 0;
}
