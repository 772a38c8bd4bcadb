/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/grants.h"

#include "fs/place.h"

#include "acl/purpose.h"

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
		g.section[i].purpose = row.purpose;
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
	       a->section[section].purpose == b->section[section].purpose &&
	       a->section[section].until_ms / 1000 == b->section[section].until_ms / 1000;
}

static int format_limits(uint64_t until_ms, uint16_t purpose, struct buf *out)
{
	time_t seconds = (time_t)(until_ms / 1000);
	char text[40] = "";
	struct tm tm;

	if (until_ms) {
		gmtime_r(&seconds, &tm);
		strftime(text, sizeof text, " until %Y-%m-%dT%H:%M:%SZ", &tm);
	}
	return buf_printf(out, "%s%s%s\n", text, purpose ? " for " : "",
			  purpose ? purpose_code(purpose) : "");
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
			    g->section[j].until_ms != g->section[i].until_ms ||
			    g->section[j].purpose != g->section[i].purpose)
				continue;
			err = buf_printf(out, "%s%s", j > i ? "," : "", section_name(j));
			done |= 1u << j;
		}
		verbs_format(g->section[i].verbs, verbs, sizeof verbs);
		if (!err)
			err = buf_printf(out, " %s", verbs);
		if (!err)
			err = format_limits(g->section[i].until_ms, g->section[i].purpose, out);
	}
	return err;
}

/* What stands behind the verbs: until and a time, for and a purpose, in this order, or nothing. */
static int parse_limits(const char *const *word, uint64_t *ret_until_ms, uint16_t *ret_purpose)
{
	uint64_t height = 0, until_ms = 0;
	uint16_t purpose = 0;
	bool latest = false;
	const char *code;

	if (word[0] && word[1] && strcmp(word[0], "until") == 0) {
		if (name_parse_at(word[1], &latest, &height, &until_ms) || until_ms == 0)
			return err_set(
				CF_EINVAL,
				"'%s': neither a day (2026-12-31) nor a time in UTC (2026-12-31T18:00:00Z)",
				word[1]);
		word += 2;
	}
	if (word[0] && word[1] && strcmp(word[0], "for") == 0) {
		if (purpose_parse(word[1], &code))
			return err_set(CF_EINVAL, "%s", err_detail());
		purpose = purpose_number(view_str(code));
		word += 2;
	}
	if (word[0])
		return err_set(
			CF_EINVAL,
			"'%s': behind the verbs stands nothing, until and a time, or for and a purpose",
			word[0]);
	*ret_until_ms = until_ms;
	*ret_purpose = purpose;
	return 0;
}

static int parse_line(char *line, struct grants *g)
{
	char *rest = NULL, *comment = strchr(line, '#');
	const char *word[8] = {NULL}; /* the last stays NULL */
	uint64_t until_ms = 0;
	uint16_t purpose = 0;
	uint32_t sections;
	unsigned verbs;
	int err;

	if (comment)
		*comment = '\0';
	for (size_t i = 0; i < 7; i++) {
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
	err = parse_limits(word + 2, &until_ms, &purpose);
	for (unsigned i = 0; i <= SECTION_COUNT && !err; i++) {
		if (!(sections & 1u << i))
			continue;
		if (g->section[i].verbs)
			err = err_set(CF_EINVAL, "%s stands in two lines", section_name(i));
		g->section[i].verbs = verbs;
		g->section[i].until_ms = until_ms;
		g->section[i].purpose = purpose;
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
