/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/grants.h"

#include "fs/place.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

int grants_of(struct db_txn *txn, const struct patient_id *p, const struct identity_id *who,
	      struct grants *ret_grants)
{
	struct grants g;
	bool any = false;

	memset(&g, 0, sizeof g);
	for (unsigned i = 0; i <= SECTION_COUNT; i++) {
		struct grant_row row;
		int err = state_grant(txn, p, i, who, &row);

		if (err && err != CF_ENOTFOUND)
			return err;
		if (err || !row.verbs)
			continue;
		g.section[i].verbs = row.verbs;
		g.section[i].until_ms = row.until_ms;
		any = true;
	}
	if (!any)
		return CF_ENOTFOUND;
	*ret_grants = g;
	return 0;
}

bool grants_same(const struct grants *a, const struct grants *b, unsigned section)
{
	return a->section[section].verbs == b->section[section].verbs &&
	       a->section[section].until_ms / 1000 == b->section[section].until_ms / 1000;
}

static int format_end(uint64_t until_ms, struct buf *out)
{
	time_t seconds = (time_t)(until_ms / 1000);
	char text[32];
	struct tm tm;

	if (until_ms == 0)
		return buf_printf(out, "\n");
	gmtime_r(&seconds, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return buf_printf(out, " until %s\n", text);
}

int grants_format(const struct grants *g, struct buf *out)
{
	uint32_t done = 0;
	char verbs[64];
	int err = 0;

	for (unsigned i = 0; i <= SECTION_COUNT && !err; i++) {
		if (!g->section[i].verbs || (done & 1u << i))
			continue;
		for (unsigned j = i; j <= SECTION_COUNT && !err; j++) {
			if (g->section[j].verbs != g->section[i].verbs ||
			    g->section[j].until_ms != g->section[i].until_ms)
				continue;
			err = buf_printf(out, "%s%s", j > i ? "," : "", section_name(j));
			done |= 1u << j;
		}
		verbs_format(g->section[i].verbs, verbs, sizeof verbs);
		if (!err)
			err = buf_printf(out, " %s", verbs);
		if (!err)
			err = format_end(g->section[i].until_ms, out);
	}
	return err;
}

static int parse_until(const char *word, const char *time, const char *more, uint64_t *ret_until_ms)
{
	uint64_t height = 0, until_ms = 0;
	bool latest = false;

	if (!word) {
		*ret_until_ms = 0;
		return 0;
	}
	if (strcmp(word, "until") != 0 || !time || more)
		return err_set(CF_EINVAL, "'%s': behind the verbs stands nothing, or until and a time", word);
	if (name_parse_at(time, &latest, &height, &until_ms) || until_ms == 0)
		return err_set(CF_EINVAL,
			       "'%s': neither a day (2026-12-31) nor a time in UTC (2026-12-31T18:00:00Z)",
			       time);
	*ret_until_ms = until_ms;
	return 0;
}

static int parse_line(char *line, struct grants *g)
{
	char *rest = NULL, *comment = strchr(line, '#');
	const char *word[5] = {NULL};
	uint64_t until_ms = 0;
	uint32_t sections;
	unsigned verbs;
	int err;

	if (comment)
		*comment = '\0';
	for (size_t i = 0; i < 5; i++) {
		word[i] = strtok_r(i ? NULL : line, " \t\r", &rest);
		if (!word[i])
			break;
	}
	if (!word[0])
		return 0;
	if (!word[1])
		return err_set(CF_EINVAL, "'%s': sections and verbs are needed", word[0]);
	err = sections_parse(word[0], &sections);
	if (!err)
		err = verbs_parse(word[1], &verbs);
	if (err)
		return err_set(CF_EINVAL, "%s", err_detail());
	err = parse_until(word[2], word[3], word[4], &until_ms);
	for (unsigned i = 0; i <= SECTION_COUNT && !err; i++) {
		if (!(sections & 1u << i))
			continue;
		if (g->section[i].verbs)
			err = err_set(CF_EINVAL, "%s stands in two lines", section_name(i));
		g->section[i].verbs = verbs;
		g->section[i].until_ms = until_ms;
	}
	return err;
}

int grants_parse(struct view text, struct grants *ret_grants)
{
	char line[512];
	struct grants g;
	unsigned number = 0;
	bool any = false;

	memset(&g, 0, sizeof g);
	while (text.len) {
		const uint8_t *end = memchr(text.data, '\n', text.len);
		size_t len = end ? (size_t)(end - text.data) : text.len, used = end ? len + 1 : len;
		int err;

		number++;
		if (len >= sizeof line || memchr(text.data, 0, len))
			return err_set(CF_EINVAL, "line %u: no line of text, or one of more than %zu bytes",
				       number, sizeof line - 1);
		memcpy(line, text.data, len);
		line[len] = '\0';
		err = parse_line(line, &g);
		if (err)
			return err_set(err, "line %u: %s", number, err_detail());
		text = VIEW(text.data + used, text.len - used);
	}
	for (unsigned i = 0; i <= SECTION_COUNT; i++)
		any |= g.section[i].verbs != 0;
	if (!any)
		return err_set(CF_EINVAL, "it grants nothing: remove the file to revoke");
	*ret_grants = g;
	return 0;
}
