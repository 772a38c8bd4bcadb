/* SPDX-License-Identifier: Apache-2.0 */
/* The tables. Reading of FHIR's members is in import_visit.c. */
#include "fs/import_section.h"

#include "fs/import_private.h"

#include <assert.h>
#include <string.h>

/*
 * type, a word to be found in the resource's category or code (NULL: any), and the sections by kind of visit:
 * none known, outpatient, inpatient, health examination. The first row that fits counts.
 */
struct rule {
	const char *type;
	const char *word;
	uint8_t section[4];
};

#define ALL(s)             \
	{                  \
		s, s, s, s \
	}

static const struct rule rules[] = {
	{"Patient", NULL, ALL(1)},
	{"RelatedPerson", NULL, ALL(1)},
	{"AllergyIntolerance", NULL, ALL(1)},
	{"FamilyMemberHistory", NULL, ALL(1)},
	{"Flag", NULL, ALL(1)},
	{"EpisodeOfCare", NULL, ALL(1)},
	{"Immunization", NULL, {1, 1, 1, 13}},
	{"ImmunizationEvaluation", NULL, {1, 1, 1, 13}},
	{"ImmunizationRecommendation", NULL, {1, 1, 1, 13}},
	/* costs */
	{"Coverage", NULL, ALL(1)},
	{"CoverageEligibilityRequest", NULL, ALL(1)},
	{"CoverageEligibilityResponse", NULL, ALL(1)},
	{"Account", NULL, ALL(1)},
	{"ChargeItem", NULL, ALL(1)},
	{"Invoice", NULL, ALL(1)},
	{"Claim", NULL, ALL(1)},
	{"ClaimResponse", NULL, ALL(1)},
	{"ExplanationOfBenefit", NULL, ALL(1)},
	/* visits; an inpatient Encounter also gives EMR09 */
	{"Encounter", NULL, {2, 2, 8, 13}},
	{"Condition", NULL, {1, 2, 8, 13}},
	{"ClinicalImpression", NULL, {2, 2, 10, 13}},
	{"Appointment", NULL, ALL(2)},
	{"AppointmentResponse", NULL, ALL(2)},
	{"RiskAssessment", NULL, {1, 1, 6, 13}},
	{"AdverseEvent", NULL, {2, 2, 10, 2}},
	{"DetectedIssue", NULL, {2, 2, 10, 2}},
	{"Communication", NULL, {2, 2, 10, 2}},
	/* medication */
	{"MedicationRequest", NULL, {3, 3, 11, 3}},
	{"MedicationStatement", NULL, {3, 3, 11, 3}},
	{"Medication", NULL, {3, 3, 11, 3}},
	{"MedicationDispense", NULL, ALL(3)},
	{"VisionPrescription", NULL, ALL(3)},
	{"MedicationAdministration", NULL, {5, 5, 6, 5}},
	/* examinations; the word is one of the category's */
	{"Observation", "laboratory", ALL(4)},
	{"Observation", "imaging", ALL(4)},
	{"Observation", "procedure", ALL(4)},
	{"Observation", "vital-sign", {2, 2, 6, 13}},
	{"Observation", "social-history", {1, 1, 6, 13}},
	{"Observation", "survey", {1, 1, 6, 13}},
	{"Observation", "exam", {1, 1, 6, 13}},
	{"Observation", "activity", {1, 1, 6, 13}},
	{"Observation", NULL, ALL(4)},
	{"DiagnosticReport", NULL, ALL(4)},
	{"ImagingStudy", NULL, ALL(4)},
	{"Media", NULL, ALL(4)},
	{"Specimen", NULL, ALL(4)},
	{"BodyStructure", NULL, ALL(4)},
	{"MolecularSequence", NULL, ALL(4)},
	{"QuestionnaireResponse", NULL, {1, 1, 6, 13}},
	/* treatment and nursing */
	{"Procedure", "nursing", ALL(6)},
	{"Procedure", "education", ALL(6)},
	{"Procedure", "assessment", ALL(6)},
	{"Procedure", "screening", ALL(6)},
	{"Procedure", NULL, ALL(5)},
	{"CarePlan", NULL, ALL(6)},
	{"CareTeam", NULL, ALL(6)},
	{"Goal", NULL, ALL(6)},
	{"NutritionOrder", NULL, ALL(6)},
	{"Device", NULL, ALL(6)},
	{"DeviceUseStatement", NULL, ALL(6)},
	{"DeviceRequest", NULL, ALL(6)},
	{"SupplyDelivery", NULL, ALL(6)},
	{"SupplyRequest", NULL, ALL(6)},
	/* consent, orders, referral */
	{"Consent", NULL, ALL(7)},
	{"ServiceRequest", "resuscitat", ALL(7)},
	{"ServiceRequest", "polst", ALL(7)},
	{"ServiceRequest", "referral", ALL(14)},
	{"ServiceRequest", "patient transfer", ALL(14)},
	{"ServiceRequest", NULL, {4, 4, 11, 4}},
	{"Task", NULL, {2, 2, 11, 2}},
	/* documents without a code of the table below */
	{"Composition", NULL, {1, 2, 10, 13}},
	{"DocumentReference", NULL, {1, 2, 10, 13}},
	{"Binary", NULL, ALL(1)},
	{"List", NULL, ALL(1)},
	/* institution */
	{"Organization", NULL, ALL(16)},
	{"OrganizationAffiliation", NULL, ALL(16)},
	{"Location", NULL, ALL(16)},
	{"Practitioner", NULL, ALL(16)},
	{"PractitionerRole", NULL, ALL(16)},
	{"HealthcareService", NULL, ALL(16)},
	{"Endpoint", NULL, ALL(16)},
	{"Schedule", NULL, ALL(16)},
	{"Slot", NULL, ALL(16)},
};

static const char *const skipped_types[] = {"Provenance", "AuditEvent"};

/* LOINC codes of documents: section outside and inside a stay in hospital. */
static const struct {
	const char *code;
	uint8_t out, in;
} documents[] = {
	{"34133-9", 1, 1},   /* summary of episode, CCD */
	{"60591-5", 1, 1},   /* patient summary */
	{"34117-2", 2, 9},   /* history and physical */
	{"51847-2", 2, 10},  /* assessment and plan */
	{"11506-3", 2, 10},  /* progress */
	{"34111-5", 2, 2},   /* emergency department */
	{"11488-4", 2, 10},  /* consultation */
	{"18842-5", 12, 12}, /* discharge summary */
	{"57133-1", 14, 14}, /* referral */
	{"57113-1", 14, 14}, /* referral, as C-CDA's example documents spell it */
	{"18761-7", 14, 14}, /* transfer summary */
	{"11504-8", 5, 5},   /* operative note */
	{"28570-0", 5, 5},   /* procedure note */
	{"18748-4", 4, 4},   /* diagnostic imaging */
	{"11502-2", 4, 4},   /* laboratory report */
	{"34746-8", 6, 6},   /* nurse note */
	{"52521-2", 6, 6},   /* care plan */
	{"59284-0", 7, 7},   /* consent */
	{"42348-3", 7, 7},   /* advance directive (category) */
	{"84095-9", 7, 7},   /* do not resuscitate */
	{"86533-7", 7, 7},   /* living will */
	{"93037-0", 7, 7},   /* POLST */
	{"57833-6", 3, 3},   /* prescription */
	{"69409-1", 15, 15}, /* death certificate */
	{"64297-5", 15, 15}, /* death certificate */
	{"68998-4", 15, 15}, /* live birth report */
	{"71230-7", 15, 15}, /* birth certificate */
};

unsigned import_section_of_loinc(const char *code, enum import_visit visit)
{
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		if (strcmp(documents[i].code, code) == 0)
			return visit == VISIT_IN ? documents[i].in : documents[i].out;
	}
	return 0;
}

static const struct rule *find_rule(const struct json *resource, const char *type)
{
	char words[IMPORT_WORDS_BYTES] = "";
	bool collected = false;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (strcmp(rules[i].type, type) != 0)
			continue;
		if (!rules[i].word)
			return &rules[i];
		if (!collected)
			import_words_of(resource, strcmp(type, "Observation") != 0, words);
		collected = true;
		if (strstr(words, rules[i].word))
			return &rules[i];
	}
	return NULL;
}

static void add(struct import_sections *s, unsigned section)
{
	assert(s->count < sizeof(s->section) / sizeof(s->section[0]));
	s->section[s->count++] = section;
}

/* Composition.type, DocumentReference.type then .category, DiagnosticReport.code */
static unsigned document_section(const struct json *resource, const char *type, enum import_visit visit)
{
	unsigned section;

	if (strcmp(type, "DiagnosticReport") == 0)
		return import_section_of_coded(json_get(resource, "code"), visit);
	if (strcmp(type, "DocumentReference") != 0 && strcmp(type, "Composition") != 0)
		return 0;
	section = import_section_of_coded(json_get(resource, "type"), visit);
	return section ? section : import_section_of_coded(json_get(resource, "category"), visit);
}

int import_sections_of(const struct json *resource, enum import_visit visit, struct import_sections *ret)
{
	const char *type = json_get_text(resource, "resourceType");
	struct import_sections s = {SCOPE_PATIENT, false, 0, {0, 0}};
	const struct rule *rule;
	unsigned section;

	if (!type)
		return err_set(CF_EINVAL, "no FHIR resource: resourceType is missing");
	for (size_t i = 0; i < sizeof(skipped_types) / sizeof(skipped_types[0]); i++) {
		if (strcmp(skipped_types[i], type) == 0) {
			s.scope = SCOPE_SKIPPED;
			*ret = s;
			return 0;
		}
	}
	rule = find_rule(resource, type);
	if (!rule)
		return err_set(CF_EUNSUPPORTED, "resources of type '%.64s' have no section", type);
	section = document_section(resource, type, visit);
	add(&s, section ? section : rule->section[visit]);
	if (s.section[0] == 16)
		s.scope = SCOPE_INSTITUTION;
	if (strcmp(type, "Encounter") == 0 && visit == VISIT_IN)
		add(&s, 9);
	if (strcmp(type, "Patient") == 0) {
		s.patient_file = true;
		/* the stub of a death certificate */
		if (json_get_text(resource, "deceasedDateTime") ||
		    json_get_bool(resource, "deceasedBoolean", false))
			add(&s, 15);
	}
	*ret = s;
	return 0;
}

/* HL7 v2: message type, trigger event or NULL, section outside and inside a stay. */
static const struct {
	const char *type, *event;
	uint8_t out, in;
} messages[] = {
	{"ADT", "A01", 9, 9},  {"ADT", "A03", 12, 12}, {"ADT", "A04", 2, 2}, {"ADT", NULL, 1, 1},
	{"SIU", NULL, 2, 2},   {"ORU", NULL, 4, 4},    {"OUL", NULL, 4, 4},  {"ORM", NULL, 4, 11},
	{"OML", NULL, 4, 11},  {"OMG", NULL, 4, 11},   {"OMI", NULL, 4, 11}, {"RDE", NULL, 3, 11},
	{"RDS", NULL, 3, 11},  {"OMP", NULL, 3, 11},   {"RAS", NULL, 5, 6},  {"REF", NULL, 14, 14},
	{"VXU", NULL, 13, 13}, {"MDM", NULL, 10, 10},  {"BAR", NULL, 8, 8},  {"DFT", NULL, 8, 8},
};

/* Documents by HL7 v2 table 0270; the others are progress notes. */
static const struct {
	const char *document;
	uint8_t section;
} mdm[] = {
	{"CD", 4}, {"DI", 4}, {"SP", 4}, {"DS", 12}, {"ED", 2}, {"OP", 5}, {"PN", 5}, {"TS", 14}, {"HP", 9},
};

unsigned import_section_of_hl7(const char *type, const char *event, const char *document,
			       enum import_visit visit)
{
	if (strcmp(type, "MDM") == 0) {
		for (size_t i = 0; i < sizeof(mdm) / sizeof(mdm[0]); i++) {
			if (strcmp(mdm[i].document, document) == 0)
				return mdm[i].section;
		}
	}
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		if (strcmp(messages[i].type, type) == 0 &&
		    (!messages[i].event || strcmp(messages[i].event, event) == 0))
			return visit == VISIT_IN ? messages[i].in : messages[i].out;
	}
	return 1;
}

enum import_visit import_visit_of_hl7(const char *patient_class)
{
	return patient_class[0] == 'I' ? VISIT_IN : VISIT_OUT;
}
