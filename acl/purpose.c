/* SPDX-License-Identifier: Apache-2.0 */
/*
 * purpose.c - the table of purposes.
 */
#include "acl/purpose.h"

#include <string.h>

#define LENGTH(table) (sizeof(table) / sizeof((table)[0]))

/* New ones at the end: grants have their numbers. */
static const struct purpose {
	const char *code;
	const char *name;
} purposes[] = {
	{"TREAT", "TREATMENT"},  {"ETREAT", "EMERGENCY"},       {"CAREMGT", "CARE-MANAGEMENT"},
	{"HPAYMT", "PAYMENT"},   {"COVERAGE", "COVERAGE"},      {"HOPERAT", "OPERATIONS"},
	{"HQUALIMP", "QUALITY"}, {"HRESCH", "RESEARCH"},        {"PUBHLTH", "PUBLIC-HEALTH"},
	{"HLEGAL", "LEGAL"},     {"PATRQT", "PATIENT-REQUEST"}, {"FAMRQT", "FAMILY-REQUEST"},
};

int purpose_parse(const char *word, const char **ret_code)
{
	for (size_t i = 0; i < LENGTH(purposes); i++) {
		if (strcmp(word, purposes[i].code) == 0 || strcmp(word, purposes[i].name) == 0) {
			*ret_code = purposes[i].code;
			return 0;
		}
	}
	return err_set(
		CF_EUSAGE,
		"no purpose '%s': TREAT, ETREAT, CAREMGT, HPAYMT, COVERAGE, HOPERAT, HQUALIMP, HRESCH, "
		"PUBHLTH, HLEGAL, PATRQT or FAMRQT",
		word);
}

uint16_t purpose_number(struct view code)
{
	for (size_t i = 0; i < LENGTH(purposes); i++) {
		if (view_equal(code, view_str(purposes[i].code)))
			return (uint16_t)(i + 1);
	}
	return 0;
}

const char *purpose_code(uint16_t number)
{
	return number >= 1 && number <= LENGTH(purposes) ? purposes[number - 1].code : NULL;
}

bool purpose_is_code(struct view code)
{
	return purpose_number(code) != 0;
}
