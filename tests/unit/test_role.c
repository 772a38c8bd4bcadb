/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_role.c - roles, verbs and sections: tables and the words for them.
 */
#include "acl/role.h"
#include "tests/lib/t.h"

#include <stdio.h>

T_TEST(role_names_round_trip)
{
	for (int r = ROLE_PATIENT; r <= ROLE_PEER; r++) {
		enum role parsed;

		t_zero(role_parse(role_name((enum role)r), &parsed));
		t_eq(parsed, r);
	}
	t_str(role_name((enum role)0), "?");
	t_str(role_name((enum role)6), "?");
	t_str(role_name((enum role) - 1), "?");
}

T_TEST(role_unknown_is_usage)
{
	enum role r = ROLE_DOCTOR;

	t_err(role_parse("nurse", &r), CF_EUSAGE);
	t_ok(strstr(err_detail(), "nurse"));
	t_err(role_parse("", &r), CF_EUSAGE);
	t_err(role_parse("Doctor", &r), CF_EUSAGE);
	t_eq(r, ROLE_DOCTOR);
}

T_TEST(role_rights_table)
{
	t_eq(role_verbs(ROLE_GOVERNOR), VERB_READ);
	t_eq(role_verbs(ROLE_PEER), 0);
	t_eq(role_verbs((enum role)99), 0);
	t_ok((role_verbs(ROLE_DOCTOR) & VERB_ALL) == VERB_ALL);
	t_ok(role_may_admit(ROLE_DOCTOR) && role_may_admit(ROLE_MANAGER));
	t_ok(!role_may_admit(ROLE_PATIENT) && !role_may_admit(ROLE_GOVERNOR) && !role_may_admit(ROLE_PEER));
	t_ok(role_may_configure(ROLE_MANAGER) && role_may_configure(ROLE_GOVERNOR));
	t_ok(!role_may_configure(ROLE_PATIENT) && !role_may_configure(ROLE_DOCTOR) &&
	     !role_may_configure(ROLE_PEER));
	t_ok(role_may_report(ROLE_PEER) && role_may_report(ROLE_DOCTOR) && role_may_report(ROLE_MANAGER) &&
	     role_may_report(ROLE_GOVERNOR) && !role_may_report(ROLE_PATIENT) &&
	     !role_may_report((enum role)6));
	t_ok(role_is_public(ROLE_PATIENT) && role_is_public(ROLE_GOVERNOR));
	t_ok(!role_is_public(ROLE_DOCTOR) && !role_is_public(ROLE_MANAGER) && !role_is_public((enum role)0));
	t_ok(!role_may_configure((enum role)0) && !role_may_admit((enum role) - 5));
}

T_TEST(verbs_round_trip)
{
	char text[64];

	for (unsigned verbs = 1; verbs < 32; verbs++) {
		unsigned parsed = 0;

		verbs_format(verbs, text, sizeof(text));
		t_zero(verbs_parse(text, &parsed));
		t_eq(parsed, verbs);
	}
	verbs_format(VERB_ALL, text, sizeof(text));
	t_str(text, "read,add,modify,delete");
	verbs_format(0, text, sizeof(text));
	t_str(text, "");
}

T_TEST(verbs_format_cuts)
{
	char text[8];

	verbs_format(VERB_ALL, text, sizeof(text));
	t_str(text, "read,ad");
	verbs_format(VERB_ALL, text, 1);
	t_str(text, "");
}

T_TEST(verbs_wrong_words)
{
	static const char *const wrong[] = {"",         "write", "read,", ",read", "read,,add",
					    "read add", "READ",  "reads", "rea"};
	unsigned verbs = 77;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		t_err(verbs_parse(wrong[i], &verbs), CF_EUSAGE);
	t_err(verbs_parse("read,chmod,add", &verbs), CF_EUSAGE);
	t_ok(strstr(err_detail(), "'chmod'"));
	t_eq(verbs, 77);
}

T_TEST(sections_lists)
{
	static const struct {
		const char *list;
		uint32_t bits;
	} cases[] = {
		{"EMR01", 1u << 1},
		{"EMR16", 1u << 16},
		{"EMR02,EMR04", 1u << 2 | 1u << 4},
		{"EMR04,EMR02,EMR04", 1u << 2 | 1u << 4},
		{"EMR01-EMR16", 0x1fffe},
		{"EMR03-EMR03", 1u << 3},
		{"EMR01-EMR02,EMR15-EMR16", 1u << 1 | 1u << 2 | 1u << 15 | 1u << 16},
		{"patient", 1},
		{"patient,EMR01", 3},
		{"all", 0x1ffff},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t bits = 0;

		t_zero(sections_parse(cases[i].list, &bits));
		t_eq(bits, cases[i].bits);
	}
}

T_TEST(sections_wrong_lists)
{
	static const char *const wrong[] = {"",       "EMR00",       "EMR17",       "EMR1",   "emr01",
					    "EMR01,", "EMR02-EMR01", "EMR01-EMR17", "EMR01-", "-EMR01",
					    "all-x",  "EMR01-all",   "EMR1-EMR2",   "EMR01 ", "EMR001"};
	uint32_t bits = 5;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		t_err(sections_parse(wrong[i], &bits), CF_EUSAGE);
	t_eq(bits, 5);
}

T_TEST(section_names)
{
	char name[8];

	for (unsigned s = 1; s <= SECTION_COUNT; s++) {
		snprintf(name, sizeof(name), "EMR%02u", s);
		t_str(section_name(s), name);
		t_eq(section_of_name(name), s);
		t_ok(strlen(section_title(s)) > 3);
	}
	t_str(section_title(5), "Treatment records");
	t_eq(section_of_name("EMR00"), 0);
	t_eq(section_of_name("EMR17"), 0);
	t_eq(section_of_name("patient.json"), 0);
	t_eq(section_of_name(""), 0);
	t_str(section_name(0), "patient");
	t_str(section_name(17), "?");
	t_str(section_title(17), "?");
}

T_MAIN
