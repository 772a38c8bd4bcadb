/* SPDX-License-Identifier: Apache-2.0 */
/* The second pass over FHIR: each resource to its sections, the file itself beside them. */
#include "fs/import_json.h"
#include "fs/import_private.h"
#include "ledger/crypto.h"
#include "ledger/file.h"

#include <assert.h>
#include <string.h>

#define LABEL_BYTES 48

/* A file being placed. */
struct placing {
	struct import_run *run;
	const struct import_file *file;
	char scope[IMPORT_PATH_BYTES];
	size_t passed_over;        /* Provenance and AuditEvent */
	struct import_where where; /* of the resources so far */
	bool any, mixed, institution;
};

static void refuse(struct placing *p, const char *label, const char *why)
{
	import_report_count(p->run->report, IMPORT_REFUSED, 0);
	import_report_say(p->run->report, "%s: %s%s%s", p->file->path, label, label[0] ? ": " : "", why);
}

static enum import_visit visit_of(struct placing *p, const struct json *resource)
{
	const char *type = json_get_text(resource, "resourceType"), *words, *known = NULL;
	char id[IMPORT_ID_BYTES];

	if (type && strcmp(type, "Encounter") == 0)
		return import_visit_of(resource);
	import_encounter_of(resource, id, sizeof(id), &words);
	if (id[0]) {
		known = import_names_get(p->run->names, IMPORT_ENCOUNTER, p->scope, id);
		if (!known)
			known = import_names_get(p->run->names, IMPORT_ENCOUNTER, "", id);
	}
	return known ? (enum import_visit)(known[0] - '0') : import_visit_of_words(words);
}

/* <Type>-<id>: without an id, what the entry's URL ends in; without that, the content's hash, so that it
 * stays. */
static void name_record(const struct json *resource, struct view content, const char *url_id,
			char ret_name[NAME_BYTES_MAX + 1])
{
	const char *type = json_get_text(resource, "resourceType"), *id = json_get_text(resource, "id");
	char stem[IMPORT_ID_BYTES + 80], hash[17];
	struct hash h;

	if (!id || !id[0])
		id = url_id;
	if (!id[0]) {
		h = sha256(content);
		hex_encode(h.b, 8, hash);
		id = hash;
	}
	snprintf(stem, sizeof(stem), "%.64s-%.*s", type, IMPORT_ID_BYTES, id);
	import_safe_name(stem, true, NAME_BYTES_MAX - 5, ret_name);
	memcpy(ret_name + strlen(ret_name), ".json", 6);
}

static int put_record(struct placing *p, const struct import_where *w, unsigned section, const char *name,
		      struct view content)
{
	bool fits = content.len <= IMPORT_RECORD_BYTES_MAX;
	char path[IMPORT_PATH_BYTES];

	assert(section >= 1 && section <= 16);
	snprintf(path, sizeof(path), "%s/EMR%02u/%s%s", w->patient, section, fits ? "" : "attachments/",
		 name);
	return import_sink_put(p->run->sink, path, content, fits ? IMPORT_RECORD : IMPORT_ATTACHMENT);
}

static int put_patient(struct placing *p, const struct import_where *w, struct view content)
{
	char path[IMPORT_PATH_BYTES];

	if (content.len > IMPORT_RECORD_BYTES_MAX)
		return 0; /* stands in EMR01/attachments/ */
	snprintf(path, sizeof(path), "%s/patient.json", w->patient);
	return import_sink_put(p->run->sink, path, content, IMPORT_RECORD);
}

static void note_where(struct placing *p, const struct import_where *w, enum import_scope scope)
{
	if (p->any && strcmp(p->where.patient, w->patient) != 0)
		p->mixed = true;
	p->institution = (!p->any || p->institution) && scope == SCOPE_INSTITUTION;
	p->where = *w;
	p->any = true;
}

/* content: the bytes to keep; resource stands in them. */
static int place(struct placing *p, const char *label, struct view resource, struct view content,
		 const char *url_id)
{
	char subject[IMPORT_ID_BYTES], name[NAME_BYTES_MAX + 1];
	struct import_sections s;
	struct import_where w;
	struct json *value = NULL;
	int err;

	err_clear();
	err = json_parse(resource, &value);
	if (!err)
		err = import_sections_of(value, visit_of(p, value), &s);
	if (err == CF_ENOMEM)
		goto out;
	if (err) {
		refuse(p, label, err_detail());
		err = 0;
		goto out;
	}
	if (s.scope == SCOPE_SKIPPED) {
		import_report_count(p->run->report, IMPORT_SKIPPED, 0);
		p->passed_over++;
		goto out;
	}
	import_subject_of(value, subject, sizeof(subject));
	if (!subject[0] && s.patient_file)
		snprintf(subject, sizeof(subject), "%s", url_id);
	import_where(p->run, p->file, s.scope, subject, &w);
	note_where(p, &w, s.scope);
	name_record(value, content, url_id, name);
	if (s.patient_file)
		err = put_patient(p, &w, content);
	for (unsigned i = 0; i < s.count && !err; i++)
		err = put_record(p, &w, s.section[i], name, content);
out:
	json_free(value);
	return err;
}

/* The file as it is, with the one patient it is about; what is about several belongs to none of them. */
static int keep(struct placing *p)
{
	struct import_where w = p->where;

	if (!p->any || p->mixed) {
		import_where(p->run, p->file, SCOPE_PATIENT, "", &w);
		p->institution = false;
	}
	return import_keep_file(p->run, p->file, &w, p->institution ? 16 : 1);
}

static int place_bundle(struct placing *p, struct view bundle)
{
	char label[LABEL_BYTES], url_id[IMPORT_ID_BYTES];
	struct view entries, key, entry, resource = VIEW_NONE;
	struct import_cursor c;
	size_t index = 0;
	int err = 0;

	if (!import_json_find(bundle, "entry", &entries) || !import_json_enter(entries, &c))
		return keep(p);
	for (; !err && import_json_next(&c, &key, &entry); index++) {
		snprintf(label, sizeof(label), "entry[%zu]", index);
		if (import_entry(entry, &resource, url_id, sizeof(url_id)))
			err = place(p, label, resource, resource, url_id);
	}
	return err ? err : keep(p);
}

static int place_lines(struct placing *p, struct view text)
{
	char label[LABEL_BYTES];
	size_t at = 0, number = 0;
	struct view line;
	int err = 0;

	while (!err && import_next_line(text, &at, &line)) {
		snprintf(label, sizeof(label), "resource %zu", ++number);
		err = place(p, label, line, line, "");
	}
	return err ? err : keep(p);
}

int import_fhir(struct import_run *run, const struct import_file *file)
{
	struct placing p = {.run = run, .file = file};
	char reason[256] = "";
	struct view text;
	size_t mark;
	struct buf b;
	int err;

	import_scope_of(file, p.scope);
	buf_init(&b, 0);
	err_clear();
	err = file_read(file->path, BUF_BYTES_MAX, &b);
	if (err && err != CF_ENOMEM) {
		refuse(&p, "", err_detail()[0] ? err_detail() : err_text(err));
		err = 0;
		goto out;
	}
	if (err)
		goto out;
	mark = b.len >= 3 && memcmp(b.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; /* byte order mark */
	text = import_json_trim(buf_view(&b));
	if (file->kind == IMPORT_NDJSON) {
		err = place_lines(&p, text);
	} else if (json_check(VIEW(b.data + mark, b.len - mark), reason, sizeof(reason)) != 0) {
		refuse(&p, "", reason);
	} else if (file->single) {
		/* a file that is one resource is kept to its last line feed */
		err = place(&p, "", text, mark ? text : buf_view(&b), "");
	} else {
		err = place_bundle(&p, text);
	}
	if (p.passed_over)
		import_report_say(run->report,
				  "%s: %zu Provenance or AuditEvent left out (the ledger tells who did what)",
				  file->path, p.passed_over);
out:
	buf_release(&b);
	return err;
}
