/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role.c - the tables of roles, verbs and sections, and the words people write for them.
 */
#include "acl/role.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/*
 * The rights of each role. What an owner or a custodian may do is bounded by its row, too: patients own
 * their charts (and are guardians of others'), doctors and managers act as custodians. A peer orders and
 * stores what it cannot read, and tells of members that lie; a governor looks and never touches.
 */
static const struct role_row {
	const char *name;
	unsigned verbs;
	bool may_admit;
	bool may_configure;
	bool may_report;
	bool is_public;
} roles[] = {
	[ROLE_PATIENT] = {"patient", VERB_ALL | VERB_GRANT, false, false, false, true},
	[ROLE_DOCTOR] = {"doctor", VERB_ALL | VERB_GRANT, true, false, true, false},
	[ROLE_MANAGER] = {"manager", VERB_ALL | VERB_GRANT, true, true, true, false},
	[ROLE_GOVERNOR] = {"governor", VERB_READ, false, true, true, true},
	[ROLE_PEER] = {"peer", 0, false, false, true, false},
};

static const struct verb_row {
	const char *name;
	unsigned verb;
} verbs_table[] = {
	{"read", VERB_READ},     {"add", VERB_ADD},     {"modify", VERB_MODIFY},
	{"delete", VERB_DELETE}, {"grant", VERB_GRANT},
};

/* EMR01 to EMR16 are the domains of the 2009 trial standard for electronic medical records (WS 445). */
static const struct section_row_text {
	const char *name;
	const char *title;
} sections[SECTION_COUNT + 1] = {
	{"patient", "Patient"},
	{"EMR01", "Record summary"},
	{"EMR02", "Outpatient / emergency record"},
	{"EMR03", "Outpatient prescriptions"},
	{"EMR04", "Examinations and laboratory"},
	{"EMR05", "Treatment records"},
	{"EMR06", "Nursing"},
	{"EMR07", "Informed consent"},
	{"EMR08", "Inpatient front page"},
	{"EMR09", "Admission record"},
	{"EMR10", "Inpatient progress notes"},
	{"EMR11", "Inpatient orders"},
	{"EMR12", "Discharge summary"},
	{"EMR13", "Health examination"},
	{"EMR14", "Referral"},
	{"EMR15", "Statutory certificates and reports"},
	{"EMR16", "Institution"},
};

#define LENGTH(table) (sizeof(table) / sizeof((table)[0]))

/* NULL for a number that is no role: it may come from the wire. */
static const struct role_row *find(enum role r)
{
	if ((unsigned)r >= LENGTH(roles) || !roles[r].name)
		return NULL;
	return &roles[r];
}

const char *role_name(enum role r)
{
	const struct role_row *row = find(r);

	return row ? row->name : "?";
}

int role_parse(const char *name, enum role *ret_role)
{
	assert(name && ret_role);
	for (unsigned i = 1; i < LENGTH(roles); i++) {
		if (strcmp(roles[i].name, name) == 0) {
			*ret_role = (enum role)i;
			return 0;
		}
	}
	return err_set(CF_EUSAGE, "no role '%s': patient, doctor, manager, governor or peer", name);
}

unsigned role_verbs(enum role r)
{
	const struct role_row *row = find(r);

	return row ? row->verbs : 0;
}

bool role_may_admit(enum role r)
{
	const struct role_row *row = find(r);

	return row && row->may_admit;
}

bool role_may_report(enum role r)
{
	const struct role_row *row = find(r);

	return row && row->may_report;
}

bool role_is_public(enum role r)
{
	const struct role_row *row = find(r);

	return row && row->is_public;
}

bool role_may_configure(enum role r)
{
	const struct role_row *row = find(r);

	return row && row->may_configure;
}

/* The next word of a list parted by commas, NULL after the last. Its length is in *ret_len. */
static const char *next_word(const char **rest, size_t *ret_len)
{
	const char *word = *rest;

	if (!word)
		return NULL;
	*ret_len = strcspn(word, ",");
	*rest = word[*ret_len] ? word + *ret_len + 1 : NULL;
	return word;
}

static bool word_is(const char *word, size_t len, const char *name)
{
	return strlen(name) == len && memcmp(word, name, len) == 0;
}

int verbs_parse(const char *list, unsigned *ret_verbs)
{
	unsigned verbs = 0;
	const char *word;
	size_t len;

	assert(list && ret_verbs);
	while ((word = next_word(&list, &len))) {
		unsigned verb = 0;

		for (size_t i = 0; i < LENGTH(verbs_table); i++) {
			if (word_is(word, len, verbs_table[i].name))
				verb = verbs_table[i].verb;
		}
		if (!verb)
			return err_set(CF_EUSAGE, "no verb '%.*s': read, add, modify, delete or grant",
				       (int)len, word);
		verbs |= verb;
	}
	*ret_verbs = verbs;
	return 0;
}

void verbs_format(unsigned verbs, char *ret_text, size_t bytes)
{
	size_t at = 0;

	assert(ret_text && bytes > 0);
	ret_text[0] = '\0';
	for (size_t i = 0; i < LENGTH(verbs_table) && at < bytes; i++) {
		if (verbs & verbs_table[i].verb)
			at += (size_t)snprintf(ret_text + at, bytes - at, "%s%s", at ? "," : "",
					       verbs_table[i].name);
	}
}

/* The number of a section, SECTION_COUNT + 1 for a word that names none. */
static unsigned section_of_word(const char *word, size_t len)
{
	unsigned i = 0;

	while (i <= SECTION_COUNT && !word_is(word, len, sections[i].name))
		i++;
	return i;
}

int sections_parse(const char *list, uint32_t *ret_sections)
{
	uint32_t bits = 0;
	const char *word;
	size_t len;

	assert(list && ret_sections);
	while ((word = next_word(&list, &len))) {
		const char *dash = memchr(word, '-', len);
		size_t first_len = dash ? (size_t)(dash - word) : len;
		unsigned first = section_of_word(word, first_len);
		unsigned last = dash ? section_of_word(dash + 1, len - first_len - 1) : first;

		if (word_is(word, len, "all")) {
			first = 0;
			last = SECTION_COUNT;
		}
		if (first > last || last > SECTION_COUNT)
			return err_set(CF_EUSAGE,
				       "no section '%.*s': EMR01 to EMR16, a range of them, patient or all",
				       (int)len, word);
		for (unsigned i = first; i <= last; i++)
			bits |= (uint32_t)1 << i;
	}
	*ret_sections = bits;
	return 0;
}

unsigned section_of_name(const char *name)
{
	unsigned section;

	assert(name);
	section = section_of_word(name, strlen(name));
	return section <= SECTION_COUNT ? section : 0;
}

const char *section_name(unsigned section)
{
	return section <= SECTION_COUNT ? sections[section].name : "?";
}

const char *section_title(unsigned section)
{
	return section <= SECTION_COUNT ? sections[section].title : "?";
}
