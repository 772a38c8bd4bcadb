/* SPDX-License-Identifier: Apache-2.0 */
/* The first pass: what later lookups need, and how much there is. Nonsense is passed over; the second pass
 * tells. */
#include "fs/import_json.h"
#include "fs/import_private.h"
#include "ledger/file.h"
#include "ledger/mem.h"

#include <string.h>

void import_scope_of(const struct import_file *file, char ret_scope[IMPORT_PATH_BYTES])
{
	bool dir = file->kind == IMPORT_NDJSON || file->single;
	size_t len = dir ? (size_t)(strrchr(file->path, '/') - file->path) : strlen(file->path);

	snprintf(ret_scope, IMPORT_PATH_BYTES, "%.*s", (int)len, file->path);
}

bool import_next_line(struct view text, size_t *at, struct view *ret_line)
{
	while (*at < text.len) {
		const uint8_t *start = text.data + *at, *end = memchr(start, '\n', text.len - *at);
		size_t len = end ? (size_t)(end - start) : text.len - *at;
		struct view line = import_json_trim(VIEW(start, len));

		*at += len + 1;
		if (line.len) {
			*ret_line = line;
			return true;
		}
	}
	return false;
}

bool import_entry(struct view entry, struct view *ret_resource, char *ret_id, size_t bytes)
{
	char url[512];

	ret_id[0] = '\0';
	if (!import_json_find(entry, "resource", ret_resource))
		return false;
	import_json_member(entry, "fullUrl", url, sizeof(url));
	import_reference_id(url, ret_id, bytes);
	return true;
}

static int note_encounter(struct import_run *run, const char *scope, struct view resource, const char *id,
			  const char *url_id)
{
	struct json *value;
	char visit[2] = "";
	int err = 0;

	if (json_parse(resource, &value) != 0)
		return 0;
	visit[0] = (char)('0' + import_visit_of(value));
	json_free(value);
	if (id[0])
		err = import_names_put(run->names, IMPORT_ENCOUNTER, scope, id, visit);
	if (id[0] && !err)
		err = import_names_put(run->names, IMPORT_ENCOUNTER, "", id, visit);
	if (!err && url_id[0])
		err = import_names_put(run->names, IMPORT_ENCOUNTER, scope, url_id, visit);
	return err;
}

struct tally {
	size_t resources;
	size_t patients;
	char first[IMPORT_ID_BYTES]; /* the first Patient's id, and what its fullUrl ends in */
	char first_url[IMPORT_ID_BYTES];
};

static int survey_resource(struct import_run *run, const struct import_file *file, struct view resource,
			   const char *url_id, struct tally *t)
{
	char type[64], id[IMPORT_ID_BYTES], scope[IMPORT_PATH_BYTES];

	t->resources++;
	import_json_member(resource, "resourceType", type, sizeof(type));
	import_json_member(resource, "id", id, sizeof(id));
	if (strcmp(type, "Encounter") == 0) {
		import_scope_of(file, scope);
		return note_encounter(run, scope, resource, id, url_id);
	}
	if (strcmp(type, "Patient") == 0 && t->patients++ == 0) {
		snprintf(t->first, sizeof(t->first), "%s", id[0] ? id : url_id);
		snprintf(t->first_url, sizeof(t->first_url), "%s", url_id);
	}
	return 0;
}

/* The directories of a bundle's patients. With several, each has its id. */
static int note_bundle(struct import_run *run, struct import_file *file, const struct tally *t)
{
	int err;

	if (t->patients != 1)
		return 0;
	file->patient = import_bundle_patient(run, file, t->first);
	if (!file->patient)
		return CF_ENOMEM;
	err = import_note_patient(run, t->first, file->patient);
	if (!err && t->first_url[0])
		err = import_names_put(run->names, IMPORT_PATIENT, "", t->first_url, file->patient);
	return err;
}

static int survey_bundle(struct import_run *run, struct import_file *file, struct view bundle)
{
	char url_id[IMPORT_ID_BYTES];
	struct view entries, key, entry, resource = VIEW_NONE;
	struct import_cursor c;
	struct tally t = {0, 0, "", ""};
	int err = 0;

	if (!import_json_find(bundle, "entry", &entries) || !import_json_enter(entries, &c))
		return 0;
	while (!err && import_json_next(&c, &key, &entry)) {
		if (import_entry(entry, &resource, url_id, sizeof(url_id)))
			err = survey_resource(run, file, resource, url_id, &t);
	}
	if (!err)
		err = note_bundle(run, file, &t);
	import_report_expect(run->report, t.resources + 1);
	return err;
}

/* One resource, or one a line: their patients' directories are by where the file lies. */
static int survey_loose(struct import_run *run, struct import_file *file, struct view text)
{
	struct import_where where;
	struct view line = text;
	size_t at = 0, count = 0;
	int err = 0;

	while (!err && (file->single ? at++ == 0 : import_next_line(text, &at, &line))) {
		struct tally t = {0, 0, "", ""};

		err = survey_resource(run, file, line, "", &t);
		count++;
		if (!err && t.patients) {
			import_where(run, file, SCOPE_PATIENT, t.first, &where);
			err = import_note_patient(run, t.first, where.patient);
		}
	}
	import_report_expect(run->report, count + !file->single);
	return err;
}

static int survey_file(struct import_run *run, struct import_file *file, bool bundles)
{
	struct view text, entries;
	struct buf b;
	char type[64];
	int err = 0;

	buf_init(&b, 0);
	/* an unreadable file is reported by the second pass */
	if (file_read(file->path, BUF_BYTES_MAX, &b) != 0)
		goto out;
	text = import_json_trim(buf_view(&b));
	if (bundles) {
		import_json_member(text, "resourceType", type, sizeof(type));
		file->single = strcmp(type, "Bundle") != 0;
		if (!file->single)
			err = import_json_find(text, "entry", &entries) ? survey_bundle(run, file, text) : 0;
	} else {
		err = survey_loose(run, file, text);
	}
out:
	buf_release(&b);
	return err;
}

/* Bundles first: their patients' directories decide where other files belong. */
int import_survey(struct import_run *run)
{
	int err = 0;

	for (size_t i = 0; i < run->files.count && !err; i++) {
		struct import_file *file = &run->files.files[i];

		if (file->kind == IMPORT_FHIR)
			err = survey_file(run, file, true);
		else if (file->kind != IMPORT_NDJSON)
			import_report_expect(run->report, 1);
	}
	for (size_t i = 0; i < run->files.count && !err; i++) {
		struct import_file *file = &run->files.files[i];

		if (file->kind == IMPORT_NDJSON || (file->kind == IMPORT_FHIR && file->single))
			err = survey_file(run, file, false);
	}
	return err;
}
