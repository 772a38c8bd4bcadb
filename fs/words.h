/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words.h - the words of a verb's command line by a table of its options. The last of a repeated option
 * counts; options may stand behind arguments; "--" ends them.
 */
#ifndef FS_WORDS_H
#define FS_WORDS_H

#include <stdbool.h>

/* Takes a value when text is set, none when flag is. */
struct word {
	const char *name; /* "patient": --patient VALUE; one letter: "o": -o VALUE */
	const char **text;
	bool *flag;
};

#define WORDS_MAX 16 /* options of one verb */

/*
 * 0: texts (views of argv; NULL: not given) and flags are set, and ret_arg lists the arguments that are no
 * options, ret_args their number. Else the exit code: cmd_usage was told which option is wrong.
 */
int words_parse(int argc, char **argv, const struct word *table, unsigned count, char ***ret_arg,
		int *ret_args);

#define WORDS_PARSE(argc, argv, table, ret_arg, ret_args) \
	words_parse(argc, argv, table, sizeof(table) / sizeof((table)[0]), ret_arg, ret_args)

#endif
