/* SPDX-License-Identifier: Apache-2.0 */
/* chartfs import: files of hospitals into charts; fs/import.h has the rules. */
#include "fs/cmd.h"
#include "fs/import.h"

#include "acl/role.h"

#include <assert.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GRANTS_MAX 16
#define GRANT_BYTES 512

/* WHO:SECTIONS:VERBS, taken apart. */
struct wish {
	char text[GRANT_BYTES];
	char *who, *sections, *verbs;
};

struct words {
	struct import_options options;
	struct wish wishes[GRANTS_MAX];
	size_t wish_count;
	bool quiet;
};

enum { OPT_INTO = 1, OPT_SECTION, OPT_GRANT, OPT_THREADS, OPT_DRY_RUN, OPT_QUIET };

static const struct option longs[] = {
	{"into", required_argument, NULL, OPT_INTO},
	{"section", required_argument, NULL, OPT_SECTION},
	{"grant", required_argument, NULL, OPT_GRANT},
	{"threads", required_argument, NULL, OPT_THREADS},
	{"dry-run", no_argument, NULL, OPT_DRY_RUN},
	{"quiet", no_argument, NULL, OPT_QUIET},
	{NULL, 0, NULL, 0},
};

static int parse_grant(const char *verb, const char *text, struct words *w)
{
	struct wish *g = &w->wishes[w->wish_count];
	uint32_t sections;
	unsigned verbs;
	char *colon;

	if (w->wish_count == GRANTS_MAX || strlen(text) >= sizeof(g->text))
		return cmd_usage(verb, "--grant: at most %d of them, each shorter than %d bytes", GRANTS_MAX,
				 GRANT_BYTES);
	strcpy(g->text, text);
	g->who = g->text;
	colon = strchr(g->text, ':');
	g->sections = colon ? colon + 1 : NULL;
	if (colon)
		*colon = '\0';
	colon = colon ? strchr(g->sections, ':') : NULL;
	g->verbs = colon ? colon + 1 : NULL;
	if (colon)
		*colon = '\0';
	if (!g->verbs || !g->who[0])
		return cmd_usage(verb, "--grant %s: WHO:SECTIONS:VERBS is needed", text);
	if (sections_parse(g->sections, &sections) != 0 || verbs_parse(g->verbs, &verbs) != 0)
		return cmd_usage(verb, "--grant %s: %s", text, err_detail());
	w->wish_count++;
	return 0;
}

/* A patient's name, or the path of their directory. */
static const char *last_component(char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	return strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
}

static int parse_option(const char *verb, int letter, struct words *w)
{
	struct import_options *o = &w->options;
	char *end;

	switch (letter) {
	case OPT_INTO:
		o->into = last_component(optarg);
		return o->into[0] ? 0 : cmd_usage(verb, "--into: a patient's directory is needed");
	case OPT_SECTION:
		o->section = section_of_name(optarg);
		return o->section ? 0 : cmd_usage(verb, "--section %s: EMR01 to EMR16 is needed", optarg);
	case OPT_GRANT:
		return parse_grant(verb, optarg, w);
	case OPT_THREADS:
		o->threads = (unsigned)strtoul(optarg, &end, 10);
		return *end == '\0' && o->threads >= 1 && o->threads <= 64
			       ? 0
			       : cmd_usage(verb, "--threads %s: 1 to 64 is needed", optarg);
	case OPT_DRY_RUN:
		o->dry_run = true;
		return 0;
	case OPT_QUIET:
		w->quiet = true;
		return 0;
	default:
		return cmd_usage(verb, "%s", "no such option, or its value is missing");
	}
}

/* 0, or the exit code. */
static int parse(int argc, char **argv, struct words *w)
{
	int letter, code = 0;

	optind = 1;
	opterr = 0;
	while (!code && (letter = getopt_long(argc, argv, "", longs, NULL)) != -1)
		code = parse_option(argv[0], letter, w);
	if (code)
		return code;
	if (argc - optind < 2)
		return cmd_usage(argv[0],
				 "something to import and the directory patients/ of a mount are needed");
	w->options.inputs = (const char *const *)(argv + optind);
	w->options.input_count = (size_t)(argc - optind - 1);
	w->options.target = argv[argc - 1];
	return 0;
}

/* As `chartfs grant DIR --to WHO --sections SECTIONS --verbs VERBS`. */
static int grant_all(void *ctx, const char *dir)
{
	struct words *w = ctx;
	int code = 0;

	for (size_t i = 0; i < w->wish_count; i++) {
		char *argv[] = {"grant",          (char *)(uintptr_t)dir, "--to",
				w->wishes[i].who, "--sections",           w->wishes[i].sections,
				"--verbs",        w->wishes[i].verbs,     NULL};
		int one = cmd_grant(8, argv);

		code = code ? code : one;
	}
	return code;
}

static void print_result(const struct words *w, const struct import_result *r)
{
	printf("%s%zu patients, %zu records, %zu attachments, %.1f MB in %.1f s",
	       w->options.dry_run ? "would be written: " : "", r->patients, r->records, r->attachments,
	       (double)r->bytes / 1e6, r->seconds);
	if (r->unchanged)
		printf("; %zu stood there already", r->unchanged);
	if (r->skipped)
		printf("; %zu left out", r->skipped);
	if (r->refused)
		printf("; %zu REFUSED", r->refused);
	if (r->failed)
		printf("; %zu FAILED", r->failed);
	printf("\n");
}

int cmd_import(int argc, char **argv)
{
	struct import_result result;
	struct words w;
	int err, code;

	assert(argc > 0);
	memset(&w, 0, sizeof(w));
	code = parse(argc, argv, &w);
	if (code)
		return code;
	w.options.out = stdout;
	w.options.err = stderr;
	w.options.bar = !w.quiet && isatty(STDERR_FILENO);
	if (w.wish_count) {
		w.options.on_patient = grant_all;
		w.options.ctx = &w;
	}
	if (!w.quiet && !w.options.bar)
		printf("importing into %s\n", w.options.target);
	fflush(stdout);
	err_clear();
	err = import_run(&w.options, &result);
	if (!w.quiet || err)
		print_result(&w, &result);
	if (!err)
		return 0;
	if (result.refused || result.failed) /* each was told of when it happened */
		return err_exit_code(err);
	return cmd_fail(argv[0], err);
}
