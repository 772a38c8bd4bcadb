/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_section.h - which section of a chart a piece of clinical data belongs to: the tables of the import.
 *
 * FHIR R4 resources by type, kind of visit and category; documents by their LOINC code, which beats the
 * resource type; HL7 v2 by message type; C-CDA by document code; other files by their kind. Sections are 1
 * to 16.
 */
#ifndef FS_IMPORT_SECTION_H
#define FS_IMPORT_SECTION_H

#include "fs/json.h"

/* Kind of visit: from Encounter.class, and for outpatients a type that tells of a health examination. */
enum import_visit { VISIT_NONE, VISIT_OUT, VISIT_IN, VISIT_WELL };

enum import_scope {
	SCOPE_PATIENT,
	SCOPE_INSTITUTION, /* Organization, Location, Practitioner, ...: EMR16 */
	SCOPE_SKIPPED,     /* Provenance, AuditEvent: the ledger itself tells who did what */
};

struct import_sections {
	enum import_scope scope;
	bool patient_file; /* the Patient resource: also patient.json of the patient's directory */
	unsigned count;
	unsigned section[2];
};

/* Of an Encounter resource. */
enum import_visit import_visit_of(const struct json *encounter);
/* Of the encounter's own words, when it is not in the input: "inpatient encounter". */
enum import_visit import_visit_of_words(const char *words);

/*
 * Of a resource whose type is in the table. Errors: CF_EUNSUPPORTED, a type that is not; CF_EINVAL, no type.
 * err_detail tells.
 */
int import_sections_of(const struct json *resource, enum import_visit visit,
		       struct import_sections *ret) must_check;

/* 0: not a document code of the table. */
unsigned import_section_of_loinc(const char *code, enum import_visit visit);

/* ADT^A01 and so on; visit from PV1-2, TXA-2 for documents. Unknown messages: EMR01. */
unsigned import_section_of_hl7(const char *type, const char *event, const char *document,
			       enum import_visit visit);
/* "I", "E", "O", ... of HL7 v2 table 0004. */
enum import_visit import_visit_of_hl7(const char *patient_class);

/* A reference or an id within the resource: "" when absent. */
void import_subject_of(const struct json *resource, char *ret_id, size_t bytes);
/* The encounter it belongs to: its id, "" when none; words: the display text of the reference or "". */
void import_encounter_of(const struct json *resource, char *ret_id, size_t bytes, const char **ret_words);

#endif
