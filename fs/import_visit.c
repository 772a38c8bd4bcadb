/* SPDX-License-Identifier: Apache-2.0 */
/* What import_section.h asks of FHIR resources: their words, codes, encounter and patient. */
#include "fs/import_names.h"
#include "fs/import_private.h"

#include <ctype.h>
#include <string.h>

static const struct json *first(const struct json *j)
{
	return json_count(j) ? json_at(j, 0) : j;
}

static void append_word(char words[IMPORT_WORDS_BYTES], const char *word)
{
	size_t at = strlen(words);

	if (!word || at + 2 >= IMPORT_WORDS_BYTES)
		return;
	words[at++] = '\n';
	for (; *word && at + 1 < IMPORT_WORDS_BYTES; word++)
		words[at++] = (char)tolower((unsigned char)*word);
	words[at] = '\0';
}

/* A CodeableConcept's text, codes and displays. */
static void append_concept(char words[IMPORT_WORDS_BYTES], const struct json *concept)
{
	const struct json *coding = json_get(concept, "coding");

	append_word(words, json_get_text(concept, "text"));
	for (size_t i = 0; i < json_count(coding); i++) {
		append_word(words, json_get_text(json_at(coding, i), "code"));
		append_word(words, json_get_text(json_at(coding, i), "display"));
	}
}

/* One or an array of them. */
static void append_concepts(char words[IMPORT_WORDS_BYTES], const struct json *concepts)
{
	append_concept(words, concepts);
	for (size_t i = 0; i < json_count(concepts); i++)
		append_concept(words, json_at(concepts, i));
}

void import_words_of(const struct json *resource, bool with_code, char ret_words[IMPORT_WORDS_BYTES])
{
	ret_words[0] = '\0';
	append_concepts(ret_words, json_get(resource, "category"));
	if (with_code)
		append_concepts(ret_words, json_get(resource, "code"));
}

static unsigned section_of_concept(const struct json *concept, enum import_visit visit)
{
	const struct json *coding = json_get(concept, "coding");
	unsigned section = 0;

	for (size_t i = 0; i < json_count(coding) && !section; i++) {
		const char *code = json_get_text(json_at(coding, i), "code");

		if (code)
			section = import_section_of_loinc(code, visit);
	}
	return section;
}

unsigned import_section_of_coded(const struct json *concepts, enum import_visit visit)
{
	unsigned section = section_of_concept(concepts, visit);

	for (size_t i = 0; i < json_count(concepts) && !section; i++)
		section = section_of_concept(json_at(concepts, i), visit);
	return section;
}

static bool is_wellness(const struct json *encounter)
{
	static const char *const signs[] = {
		"well child", "well visit", "wellness", "general examination",
		"check up",   "check-up",   "checkup",  "healthy individual",
	};
	char words[IMPORT_WORDS_BYTES] = "";

	append_concepts(words, json_get(encounter, "type"));
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		if (strstr(words, signs[i]))
			return true;
	}
	return false;
}

enum import_visit import_visit_of(const struct json *encounter)
{
	static const char *const inpatient[] = {"IMP", "ACUTE", "NONAC"};
	const struct json *class = first(json_get(encounter, "class"));
	const char *code = json_get_text(class, "code");

	if (!code) /* FHIR R5: a CodeableConcept */
		code = json_get_text(first(json_get(class, "coding")), "code");
	for (size_t i = 0; code && i < sizeof(inpatient) / sizeof(inpatient[0]); i++) {
		if (strcmp(code, inpatient[i]) == 0)
			return VISIT_IN;
	}
	return is_wellness(encounter) ? VISIT_WELL : VISIT_OUT;
}

enum import_visit import_visit_of_words(const char *words)
{
	if (strcasestr(words, "inpatient"))
		return VISIT_IN;
	return strcasestr(words, "outpatient") || strcasestr(words, "office") ||
			       strcasestr(words, "ambulatory")
		       ? VISIT_OUT
		       : VISIT_NONE;
}

void import_subject_of(const struct json *resource, char *ret_id, size_t bytes)
{
	static const char *const members[] = {"subject", "patient", "beneficiary", "for", "individual"};
	const char *type = json_get_text(resource, "resourceType"), *id = json_get_text(resource, "id");

	ret_id[0] = '\0';
	if (type && strcmp(type, "Patient") == 0) {
		import_reference_id(id ? id : "", ret_id, bytes);
		return;
	}
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const char *reference = json_get_text(first(json_get(resource, members[i])), "reference");

		if (reference && (strstr(reference, "Patient") || strncmp(reference, "urn:", 4) == 0)) {
			import_reference_id(reference, ret_id, bytes);
			return;
		}
	}
}

void import_encounter_of(const struct json *resource, char *ret_id, size_t bytes, const char **ret_words)
{
	const struct json *context = json_get(resource, "context");
	const struct json *encounter = first(json_get(resource, "encounter"));
	const char *reference, *words;

	if (!encounter)
		encounter = first(json_get(context, "encounter"));
	if (!encounter)
		encounter = first(context);
	reference = json_get_text(encounter, "reference");
	words = json_get_text(encounter, "display");
	import_reference_id(reference ? reference : "", ret_id, bytes);
	*ret_words = words ? words : "";
}
