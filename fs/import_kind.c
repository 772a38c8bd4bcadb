/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/import_kind.h"

#include "fs/import_section.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#define DICOM_PREAMBLE_BYTES 128

static bool has(struct view text, const char *wanted)
{
	return text.len && memmem(text.data, text.len, wanted, strlen(wanted)) != NULL;
}

/* One of "a|b|c", letter case ignored. */
static bool one_of(const char *word, const char *list)
{
	size_t len = strlen(word);

	for (const char *at = list; *at;) {
		size_t n = strcspn(at, "|");

		if (n == len && strncasecmp(at, word, n) == 0)
			return true;
		at += n + (at[n] == '|');
	}
	return false;
}

static const char *extension(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && dot != name ? dot + 1 : "";
}

/* Behind a byte order mark, MLLP's start byte and white space. */
static struct view text_start(struct view head)
{
	size_t at = head.len >= 3 && memcmp(head.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

	while (at < head.len && (isspace(head.data[at]) || head.data[at] == 0x0b))
		at++;
	return VIEW(head.data + at, head.len - at);
}

static bool starts(struct view text, const char *with)
{
	return text.len >= strlen(with) && memcmp(text.data, with, strlen(with)) == 0;
}

static bool is_hl7(struct view text)
{
	return text.len > 8 && (starts(text, "MSH") || starts(text, "FHS") || starts(text, "BHS")) &&
	       ispunct(text.data[3]);
}

static bool is_image(struct view head, const char *ext)
{
	return starts(head, "\xff\xd8\xff") || starts(head, "\x89PNG") || starts(head, "GIF8") ||
	       starts(head, "II*") || starts(head, "MM") ||
	       one_of(ext, "jpg|jpeg|png|gif|tif|tiff|bmp|webp|svg|jp2");
}

/* No NUL and hardly a control character in the first bytes. */
static bool is_text(struct view head)
{
	size_t n = head.len < 4096 ? head.len : 4096;

	for (size_t i = 0; i < n; i++) {
		if (head.data[i] < 0x20 && !isspace(head.data[i]) && head.data[i] != 0x1b)
			return false;
	}
	return true;
}

/* UTF-16 is looked at as if it had no zero bytes, which is enough for names of elements. */
static enum import_kind kind_of_xml(struct view head)
{
	uint8_t narrow[8192];
	struct view text = head;
	size_t n = 0;

	if (starts(head, "\xff\xfe") || starts(head, "\xfe\xff")) {
		for (size_t i = 2; i < head.len && n < sizeof(narrow); i++) {
			if (head.data[i])
				narrow[n++] = head.data[i];
		}
		text = VIEW(narrow, n);
	}
	if (has(text, "ClinicalDocument"))
		return IMPORT_CDA;
	if (has(text, "restingecgdata") || has(text, "AnnotatedECG") || has(text, "RestingECG") ||
	    has(text, "CardiologyXML") || has(text, "CardiologyECG"))
		return IMPORT_ECG;
	return IMPORT_TEXT;
}

enum import_kind import_kind_of(const char *name, struct view head, bool in_media)
{
	const char *ext = extension(name);
	struct view text = text_start(head);

	if (in_media || strcmp(name, "DICOMDIR") == 0 || one_of(ext, "dcm|dicom|ima") ||
	    (head.len >= DICOM_PREAMBLE_BYTES + 4 &&
	     memcmp(head.data + DICOM_PREAMBLE_BYTES, "DICM", 4) == 0))
		return IMPORT_DICOM;
	if (one_of(ext, "ndjson|jsonl"))
		return IMPORT_NDJSON;
	if (one_of(ext, "json") || (starts(text, "{") && has(text, "\"resourceType\"")))
		return IMPORT_FHIR;
	if (is_hl7(text) || one_of(ext, "hl7"))
		return IMPORT_HL7;
	if (has(VIEW(head.data, head.len < 1024 ? head.len : 1024), "%PDF"))
		return IMPORT_PDF;
	if (one_of(ext, "hea|dat|atr|xyz|qrs|edf|bdf|scp|ecg|mit"))
		return IMPORT_ECG;
	if (one_of(ext, "xml|cda") || starts(text, "<?xml"))
		return kind_of_xml(head);
	if (is_image(head, ext))
		return IMPORT_IMAGE;
	if (one_of(ext, "txt|md|rtf|doc|docx|odt|html|htm") || (head.len && is_text(head)))
		return IMPORT_TEXT;
	return IMPORT_OTHER;
}

/* --- HL7 v2 ------------------------------------------------------------------------------------------ */

/* The segment of that name in the first message, "" when there is none. */
static struct view hl7_segment(struct view text, const char *name)
{
	for (size_t at = 0; at < text.len;) {
		size_t end = at;

		while (end < text.len && text.data[end] != '\r' && text.data[end] != '\n')
			end++;
		if (end - at > 4 && memcmp(text.data + at, name, 3) == 0)
			return VIEW(text.data + at, end - at);
		at = end + 1;
	}
	return VIEW_NONE;
}

/* n-th part (from 0) between separators. */
static struct view part(struct view text, uint8_t separator, size_t n)
{
	size_t start = 0;

	for (size_t i = 0; i <= text.len; i++) {
		if (i < text.len && text.data[i] != separator)
			continue;
		if (n-- == 0)
			return VIEW(text.data + start, i - start);
		start = i + 1;
	}
	return VIEW_NONE;
}

static void copy_text(struct view v, char *ret_text, size_t bytes)
{
	size_t n = v.len < bytes - 1 ? v.len : bytes - 1;

	assert(bytes > 0);
	if (n)
		memcpy(ret_text, v.data, n);
	ret_text[n] = '\0';
	/* an embedded NUL would make the text end there unseen; it is no part of any id */
	if (strlen(ret_text) != n)
		ret_text[0] = '\0';
}

/* Field by its number as the standard counts (in MSH the separator itself is field 1), first repetition. */
static void hl7_field(struct view head, const char *name, size_t number, size_t component, char *ret_text,
		      size_t bytes)
{
	struct view text = text_start(head), msh = hl7_segment(text, "MSH"),
		    segment = hl7_segment(text, name);
	uint8_t field_separator = '|', component_separator = '^';
	struct view field;

	if (msh.len > 5) {
		field_separator = msh.data[3];
		component_separator = msh.data[4];
	}
	field = part(segment, field_separator, strcmp(name, "MSH") == 0 ? number - 1 : number);
	field = part(field, '~', 0);
	copy_text(part(field, component_separator, component), ret_text, bytes);
}

static unsigned section_of_hl7(struct view head)
{
	char type[8], event[8], document[8], class[8];

	hl7_field(head, "MSH", 9, 0, type, sizeof(type));
	hl7_field(head, "MSH", 9, 1, event, sizeof(event));
	hl7_field(head, "TXA", 2, 0, document, sizeof(document));
	hl7_field(head, "PV1", 2, 0, class, sizeof(class));
	return import_section_of_hl7(type, event, document, import_visit_of_hl7(class));
}

static void patient_of_hl7(struct view head, char *ret_id, size_t bytes)
{
	hl7_field(head, "PID", 3, 0, ret_id, bytes);
	if (!ret_id[0])
		hl7_field(head, "PID", 2, 0, ret_id, bytes);
}

/* --- C-CDA ------------------------------------------------------------------------------------------- */

/* From `from` on: the start tag "<name ...>" or "<prefix:name ...>", comments passed over. */
static bool xml_tag(struct view text, size_t from, const char *name, struct view *ret_tag, size_t *ret_end)
{
	size_t len = strlen(name);

	for (size_t at = from; at < text.len; at++) {
		size_t start, end;

		if (text.data[at] != '<')
			continue;
		if (text.len - at > 4 && memcmp(text.data + at, "<!--", 4) == 0) {
			const uint8_t *close = memmem(text.data + at, text.len - at, "-->", 3);

			if (!close)
				return false;
			at = (size_t)(close - text.data) + 2;
			continue;
		}
		start = at + 1;
		for (end = start; end < text.len && (isalnum(text.data[end]) || text.data[end] == '_'); end++)
			;
		if (end < text.len && text.data[end] == ':') /* a name space's prefix */
			start = end + 1;
		if (text.len - start <= len || memcmp(text.data + start, name, len) != 0 ||
		    (!isspace(text.data[start + len]) && !strchr("/>", text.data[start + len])))
			continue;
		for (end = start; end < text.len && text.data[end] != '>'; end++)
			;
		*ret_tag = VIEW(text.data + start, end - start);
		*ret_end = end;
		return true;
	}
	return false;
}

static void xml_attribute(struct view tag, const char *name, char *ret_text, size_t bytes)
{
	size_t len = strlen(name);

	ret_text[0] = '\0';
	for (size_t at = 1; at + len + 2 < tag.len; at++) {
		const uint8_t *value = tag.data + at + len + 2, *close;

		if (!isspace(tag.data[at - 1]) || memcmp(tag.data + at, name, len) != 0 ||
		    tag.data[at + len] != '=' || !strchr("\"'", tag.data[at + len + 1]))
			continue;
		close = memchr(value, tag.data[at + len + 1], (size_t)(tag.data + tag.len - value));
		if (close)
			copy_text(VIEW(value, (size_t)(close - value)), ret_text, bytes);
		return;
	}
}

/* The text up to the end tag of that name, or all of it. */
static struct view xml_until(struct view text, size_t from, const char *end_tag)
{
	const uint8_t *end = memmem(text.data + from, text.len - from, end_tag, strlen(end_tag));

	return VIEW(text.data + from, end ? (size_t)(end - text.data) - from : text.len - from);
}

static unsigned section_of_cda(struct view head)
{
	char code[32] = "", class[16] = "", words[256] = "";
	enum import_visit visit = VISIT_OUT;
	struct view tag;
	size_t end = 0;
	unsigned section;

	if (xml_tag(head, 0, "encompassingEncounter", &tag, &end)) {
		struct view encounter = xml_until(head, end, "encompassingEncounter>");

		if (xml_tag(encounter, 0, "code", &tag, &end)) {
			xml_attribute(tag, "code", class, sizeof(class));
			xml_attribute(tag, "displayName", words, sizeof(words));
		}
		if (one_of(class, "IMP|ACUTE|NONAC") || import_visit_of_words(words) == VISIT_IN)
			visit = VISIT_IN;
	}
	if (xml_tag(head, 0, "ClinicalDocument", &tag, &end) && xml_tag(head, end, "code", &tag, &end))
		xml_attribute(tag, "code", code, sizeof(code));
	section = import_section_of_loinc(code, visit);
	return section ? section : 1;
}

/* The ids come first in patientRole; those behind any other element are of guardians and organizations. */
static struct view ids_of_role(struct view head, size_t from)
{
	static const char *const others[] = {"addr", "telecom", "patient", "providerOrganization"};
	struct view role = xml_until(head, from, "patientRole>"), tag;
	size_t end;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (xml_tag(role, 0, others[i], &tag, &end))
			role.len = (size_t)(tag.data - role.data);
	}
	return role;
}

/* The first id of the patient that is no social security number; else that. */
static void patient_of_cda(struct view head, char *ret_id, size_t bytes)
{
	struct view tag, ids;
	size_t end = 0;
	char id[128], root[64];

	if (!xml_tag(head, 0, "patientRole", &tag, &end))
		return;
	ids = ids_of_role(head, end);
	for (end = 0; xml_tag(ids, end, "id", &tag, &end);) {
		bool social_security;

		xml_attribute(tag, "extension", id, sizeof(id));
		xml_attribute(tag, "root", root, sizeof(root));
		social_security = strcmp(root, "2.16.840.1.113883.4.1") == 0;
		if (!id[0] || (ret_id[0] && social_security))
			continue;
		copy_text(view_str(id), ret_id, bytes);
		if (!social_security)
			return;
	}
}

/* --- all ---------------------------------------------------------------------------------------------- */

/* Words in the names of PDF files and pictures of paper. */
static const struct {
	const char *word;
	uint8_t section;
} file_words[] = {
	{"consent", 7}, {"discharge", 12}, {"referral", 14}, {"transfer", 14},    {"certificate", 15},
	{"lab", 4},     {"report", 4},     {"result", 4},    {"prescription", 3}, {"operative", 5},
};

static unsigned section_of_pdf(const char *name)
{
	for (size_t i = 0; i < sizeof(file_words) / sizeof(file_words[0]); i++) {
		if (strcasestr(name, file_words[i].word))
			return file_words[i].section;
	}
	return 1;
}

/* Plans, doses and records of radiotherapy are treatment; their SOP classes share a root. */
static unsigned section_of_dicom(struct view head)
{
	return has(VIEW(head.data, head.len < 512 ? head.len : 512), "1.2.840.10008.5.1.4.1.1.481.") ? 5 : 4;
}

unsigned import_section_of_file(enum import_kind kind, const char *name, struct view head)
{
	switch (kind) {
	case IMPORT_DICOM:
		return section_of_dicom(head);
	case IMPORT_HL7:
		return section_of_hl7(head);
	case IMPORT_CDA:
		return section_of_cda(head);
	case IMPORT_PDF:
		return section_of_pdf(name);
	case IMPORT_ECG:
	case IMPORT_IMAGE:
		return 4;
	case IMPORT_TEXT:
		return 2;
	case IMPORT_FHIR:
	case IMPORT_NDJSON:
	case IMPORT_OTHER:
		break;
	}
	return 1;
}

void import_patient_of_file(enum import_kind kind, struct view head, char *ret_id, size_t bytes)
{
	assert(bytes > 0);
	ret_id[0] = '\0';
	if (kind == IMPORT_HL7)
		patient_of_hl7(head, ret_id, bytes);
	else if (kind == IMPORT_CDA)
		patient_of_cda(head, ret_id, bytes);
}
