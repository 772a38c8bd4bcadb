/* SPDX-License-Identifier: Apache-2.0 */
/* What an import is made of: the scanner of JSON texts, safe names, the tables, the kinds of files. */
#include "fs/import_json.h"
#include "fs/import_kind.h"
#include "fs/import_names.h"
#include "fs/import_section.h"
#include "tests/lib/t.h"

#include <stdio.h>
#include <stdlib.h>

/* --- the scanner ------------------------------------------------------------------------------------- */

T_TEST(slices_are_exact)
{
	struct view v = import_json_trim(
		view_str("\xef\xbb\xbf {\"a\" : [1, {\"x\":\"}]\\\"\"} ,\"t\"], \"b\":-1.50e3 }\n"));
	struct view key = VIEW_NONE, value = VIEW_NONE, list = VIEW_NONE;
	struct import_cursor c;

	t_ok(import_json_find(v, "a", &list));
	t_ok(import_json_enter(list, &c));
	t_ok(import_json_next(&c, &key, &value));
	t_bytes(value.data, value.len, "1", 1);
	t_ok(import_json_next(&c, &key, &value));
	t_bytes(value.data, value.len, "{\"x\":\"}]\\\"\"}", 12);
	t_ok(import_json_next(&c, &key, &value));
	t_bytes(value.data, value.len, "\"t\"", 3);
	t_ok(!import_json_next(&c, &key, &value));
	t_ok(import_json_find(v, "b", &value));
	t_bytes(value.data, value.len, "-1.50e3", 7);
	t_ok(!import_json_find(v, "c", &value));
	t_ok(import_json_find(view_str("{\"a\":1,\"a\":2}"), "a", &value));
	t_bytes(value.data, value.len, "2", 1);
}

static void walk(struct view v, int depth)
{
	struct view key, value;
	struct import_cursor c;

	if (depth > 4 || !import_json_enter(v, &c))
		return;
	for (int i = 0; i < 64 && import_json_next(&c, &key, &value); i++) {
		t_ok(value.data >= v.data && value.data + value.len <= v.data + v.len && value.len < v.len);
		walk(value, depth + 1);
	}
}

T_TEST(scanner_takes_any_bytes)
{
	static const char text[] = "{\"a\":[{\"b\\\\\":\"c\\\"\"},[],{}],\"d\":null , \"e\":{\"f\":[1,2]}}";

	for (size_t n = 0; n < sizeof(text); n++) {
		/* memory of just that size, so that a read past the end is seen */
		char *copy = malloc(n ? n : 1);

		memcpy(copy, text, n);
		walk(import_json_trim(VIEW(copy, n)), 0);
		for (size_t i = 0; i < n; i++) {
			for (const char *bad = "{}[]\",:\\ "; *bad; bad++) {
				copy[i] = *bad;
				walk(import_json_trim(VIEW(copy, n)), 0);
			}
			copy[i] = text[i];
		}
		free(copy);
	}
}

/* --- names -------------------------------------------------------------------------------------------- */

static const char *safe(const char *text, bool strict)
{
	static char name[NAME_BYTES_MAX + 1];

	import_safe_name(text, strict, NAME_BYTES_MAX, name);
	return name;
}

T_TEST(names_are_safe)
{
	static const char *const bad[] = {"",     ".",        "..",    "../../etc", "a/b", ".hidden", "x~",
					  "a\nb", ".history", "n.bak", "a-tmp-b",   " x",  "x "};
	char text[600], first[NAME_BYTES_MAX + 1];

	t_str(safe("Ramona980_Godínez202", false), "Ramona980_Godínez202");
	t_str(safe("Observation-1.2-x_3", true), "Observation-1.2-x_3");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *name = safe(bad[i], i % 2 == 0);

		t_ok(name[0] && name[0] != '.' && !strchr(name, '/') && !strchr(name, '\n'));
		t_zero(name_check(name));
		t_ok(!name_is_scratch(name) && !name_is_reserved(name) && strcmp(name, bad[i]) != 0);
	}
	/* what is alike once made safe stays apart */
	snprintf(first, sizeof(first), "%s", safe("a/b", true));
	t_ok(strcmp(first, safe("a:b", true)) != 0);
	memset(text, 0, sizeof(text));
	for (size_t i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "í", 2);
	t_ok(strlen(safe(text, false)) <= NAME_BYTES_MAX);
}

T_TEST(references_and_ids)
{
	static const struct {
		const char *reference, *id;
	} cases[] = {
		{"Patient/p1", "p1"},
		{"urn:uuid:3f-1", "3f-1"},
		{"http://h/fhir/Patient/7/_history/2", "7"},
		{"#contained", ""},
		{"", ""},
		{"Encounter?identifier=sys|e9", "e9"},
	};
	char id[16];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		import_reference_id(cases[i].reference, id, sizeof(id));
		t_str(id, cases[i].id);
	}
	t_ok(import_name_is_id("129c6ac7-8d06-89de-ad63-0204a93e76c3", 36));
	t_ok(import_name_is_id("99912345", 8));
	t_ok(!import_name_is_id("20261122", 8) && !import_name_is_id("202611", 6) &&
	     !import_name_is_id("2026", 4));
	t_ok(!import_name_is_id("CR1", 3) && !import_name_is_id("dicom", 5));
}

/* --- the tables ---------------------------------------------------------------------------------------- */

static unsigned sections(const char *json, enum import_visit visit, unsigned *ret_second)
{
	struct import_sections s = {0};
	struct json *value = NULL;

	t_zero(json_parse(view_str(json), &value));
	t_zero(import_sections_of(value, visit, &s));
	json_free(value);
	if (ret_second)
		*ret_second = s.count > 1 ? s.section[1] : 0;
	return s.count ? s.section[0] : 0;
}

#define CATEGORY(type, code) \
	"{\"resourceType\":\"" type "\",\"category\":[{\"coding\":[{\"code\":\"" code "\"}]}]}"
#define TEXT(type, text) "{\"resourceType\":\"" type "\",\"code\":{\"text\":\"" text "\"}}"
#define TYPE(type) "{\"resourceType\":\"" type "\"}"
#define DOCUMENT(type, code) "{\"resourceType\":\"" type "\",\"type\":{\"coding\":[{\"code\":\"" code "\"}]}}"

T_TEST(resources_to_sections)
{
	static const struct {
		const char *json;
		uint8_t section[4]; /* none, outpatient, inpatient, health examination */
	} cases[] = {
		{TYPE("AllergyIntolerance"), {1, 1, 1, 1}},
		{TYPE("Immunization"), {1, 1, 1, 13}},
		{TYPE("ExplanationOfBenefit"), {1, 1, 1, 1}},
		{TYPE("Encounter"), {2, 2, 8, 13}},
		{TYPE("Condition"), {1, 2, 8, 13}},
		{TYPE("MedicationRequest"), {3, 3, 11, 3}},
		{TYPE("MedicationAdministration"), {5, 5, 6, 5}},
		{CATEGORY("Observation", "laboratory"), {4, 4, 4, 4}},
		{CATEGORY("Observation", "vital-signs"), {2, 2, 6, 13}},
		{CATEGORY("Observation", "survey"), {1, 1, 6, 13}},
		{TEXT("Procedure", "Depression Screening"), {6, 6, 6, 6}},
		{TEXT("Procedure", "Appendectomy"), {5, 5, 5, 5}},
		{TEXT("ServiceRequest", "Portable X-ray"), {4, 4, 11, 4}},
		{TEXT("ServiceRequest", "Food pantry referral"), {14, 14, 14, 14}},
		{TYPE("CarePlan"), {6, 6, 6, 6}},
		{TYPE("Consent"), {7, 7, 7, 7}},
		{TYPE("Practitioner"), {16, 16, 16, 16}},
		{DOCUMENT("DocumentReference", "34117-2"), {2, 2, 9, 2}},
		{DOCUMENT("DocumentReference", "11506-3"), {2, 2, 10, 2}},
		{DOCUMENT("DocumentReference", "18842-5"), {12, 12, 12, 12}},
		{DOCUMENT("Composition", "34133-9"), {1, 1, 1, 1}},
		{CATEGORY("DocumentReference", "42348-3"), {7, 7, 7, 7}},
		{"{\"resourceType\":\"DiagnosticReport\",\"code\":{\"coding\":[{\"code\":\"69409-1\"}]}}",
		 {15, 15, 15, 15}},
		{TYPE("DiagnosticReport"), {4, 4, 4, 4}},
	};
	unsigned second;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int visit = VISIT_NONE; visit <= VISIT_WELL; visit++) {
			if (sections(cases[i].json, visit, NULL) != cases[i].section[visit])
				t_fail("%s, visit %d: not EMR%02u", cases[i].json, visit,
				       cases[i].section[visit]);
		}
	}
	t_eq(sections(TYPE("Encounter"), VISIT_IN, &second), 8);
	t_eq(second, 9);
	t_eq(sections("{\"resourceType\":\"Patient\",\"deceasedBoolean\":true}", VISIT_NONE, &second), 1);
	t_eq(second, 15);
	t_eq(sections(TYPE("Provenance"), VISIT_NONE, NULL), 0);
}

T_TEST(resources_without_section)
{
	struct import_sections s;
	struct json *value = NULL;

	t_zero(json_parse(view_str(TYPE("CodeSystem")), &value));
	t_err(import_sections_of(value, VISIT_NONE, &s), CF_EUNSUPPORTED);
	t_ok(strstr(err_detail(), "CodeSystem"));
	json_free(value);
	t_zero(json_parse(view_str("[1]"), &value));
	t_err(import_sections_of(value, VISIT_NONE, &s), CF_EINVAL);
	json_free(value);
}

T_TEST(visits)
{
	static const struct {
		const char *json;
		enum import_visit visit;
	} cases[] = {
		{"{\"class\":{\"code\":\"AMB\"}}", VISIT_OUT},
		{"{\"class\":{\"code\":\"IMP\"},\"type\":[{\"text\":\"Check up\"}]}", VISIT_IN},
		{"{\"class\":[{\"coding\":[{\"code\":\"ACUTE\"}]}]}", VISIT_IN},
		{"{\"class\":{\"code\":\"AMB\"},\"type\":[{\"coding\":[{\"display\":\"Well child "
		 "visit\"}]}]}",
		 VISIT_WELL},
		{"{}", VISIT_OUT},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json *value = NULL;

		t_zero(json_parse(view_str(cases[i].json), &value));
		t_eq(import_visit_of(value), cases[i].visit);
		json_free(value);
	}
}

T_TEST(messages_and_documents)
{
	static const char oru[] =
		"\xef\xbb\xbfMSH|^~\\&|LAB|A|B|C|2026||ORU^R01^ORU_R01|1|P|2.5\rPID|1||p7^^^H~other||X^Y\r";
	static const char orm[] = "MSH|^~\\&|LAB|A|B|C|2026||ORM^O01|1|P|2.5\nPID|1|old||\nPV1|1|I|x\n";
	static const char mdm[] = "MSH|^~\\&|LAB|A|B|C|2026||MDM^T02|1|P|2.5\rTXA|1|DS|TX\r";
	static const char cda[] =
		"<?xml version='1.0'?><!-- <code code='1'/> --><n:ClinicalDocument xmlns:n='urn:hl7-org:v3'>"
		"<n:code codeSystem='x' code='11506-3'/><n:recordTarget><n:patientRole>"
		"<n:id root='2.16.840.1.113883.4.1' extension='1-2'/><n:id extension='p8' root='1.2'/>"
		"<n:addr/><n:patient><n:id "
		"extension='guardian'/></n:patient></n:patientRole></n:recordTarget>"
		"<n:componentOf><n:encompassingEncounter><n:code code='IMP'/></n:encompassingEncounter>"
		"</n:componentOf></n:ClinicalDocument>";
	static const char dose[] = "\0\0x1.2.840.10008.5.1.4.1.1.481.2";
	char id[32];

	t_eq(import_kind_of("x", view_str(oru), false), IMPORT_HL7);
	t_eq(import_section_of_file(IMPORT_HL7, "x", view_str(oru)), 4);
	import_patient_of_file(IMPORT_HL7, view_str(oru), id, sizeof(id));
	t_str(id, "p7");
	t_eq(import_section_of_file(IMPORT_HL7, "x", view_str(orm)), 11);
	import_patient_of_file(IMPORT_HL7, view_str(orm), id, sizeof(id));
	t_str(id, "old");
	t_eq(import_section_of_file(IMPORT_HL7, "x", view_str(mdm)), 12);
	t_eq(import_section_of_hl7("ADT", "A08", "", VISIT_OUT), 1);
	t_eq(import_section_of_hl7("ZZZ", "", "", VISIT_OUT), 1);
	t_eq(import_kind_of("a.xml", view_str(cda), false), IMPORT_CDA);
	t_eq(import_section_of_file(IMPORT_CDA, "a.xml", view_str(cda)), 10);
	import_patient_of_file(IMPORT_CDA, view_str(cda), id, sizeof(id));
	t_str(id, "p8");
	t_eq(import_section_of_file(IMPORT_PDF, "operation-consent.pdf", VIEW_NONE), 7);
	t_eq(import_section_of_file(IMPORT_DICOM, "x", VIEW(dose, sizeof(dose))), 5);
	for (size_t n = 0; n < sizeof(oru); n++) {
		import_section_of_file(IMPORT_HL7, "x", VIEW(oru, n));
		import_patient_of_file(IMPORT_HL7, VIEW(oru, n), id, sizeof(id));
	}
	for (size_t n = 0; n < sizeof(cda); n++) {
		char *copy = malloc(n ? n : 1);

		memcpy(copy, cda, n);
		import_kind_of("a.xml", VIEW(copy, n), false);
		import_section_of_file(IMPORT_CDA, "a.xml", VIEW(copy, n));
		import_patient_of_file(IMPORT_CDA, VIEW(copy, n), id, sizeof(id));
		free(copy);
	}
}

T_TEST(kinds)
{
	uint8_t dicom[140] = {0};

	memcpy(dicom + 128, "DICM", 4);
	t_eq(import_kind_of("0001", VIEW(dicom, sizeof(dicom)), false), IMPORT_DICOM);
	t_eq(import_kind_of("0001", VIEW("x\0y", 3), true), IMPORT_DICOM);
	t_eq(import_kind_of("a.DCM", VIEW_NONE, false), IMPORT_DICOM);
	t_eq(import_kind_of("bundle", view_str(" {\"resourceType\":1"), false), IMPORT_FHIR);
	t_eq(import_kind_of("a.json", VIEW_NONE, false), IMPORT_FHIR);
	t_eq(import_kind_of("Patient.ndjson", VIEW_NONE, false), IMPORT_NDJSON);
	t_eq(import_kind_of("scan", view_str("%PDF-1.4"), false), IMPORT_PDF);
	t_eq(import_kind_of("100.hea", view_str("100 2"), false), IMPORT_ECG);
	t_eq(import_kind_of("e.xml", VIEW("\xff\xfe<\0r\0e\0s\0t\0i\0n\0g\0e\0c\0g\0d\0a\0t\0a\0", 32),
			    false),
	     IMPORT_ECG);
	t_eq(import_kind_of("p", view_str("\x89PNG\r\n"), false), IMPORT_IMAGE);
	t_eq(import_kind_of("note", view_str("patient well\n"), false), IMPORT_TEXT);
	t_eq(import_kind_of("blob", VIEW("\0\1\2", 3), false), IMPORT_OTHER);
}

T_MAIN
