/* SPDX-License-Identifier: Apache-2.0 */
/* Which patient's directory: the rules of import.h. */
#include "fs/import_private.h"

#include "fs/import_json.h"
#include "ledger/file.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>
#include <sys/stat.h>

/* Does a path component name a patient? */
static bool names_patient(struct import_run *run, const char *component, size_t len)
{
	char name[NAME_BYTES_MAX + 1], safe[NAME_BYTES_MAX + 1], path[IMPORT_PATH_BYTES];
	struct stat st;

	if (len > NAME_BYTES_MAX)
		return false;
	memcpy(name, component, len);
	name[len] = '\0';
	import_safe_name(name, false, NAME_BYTES_MAX, safe);
	if (strcmp(name, safe) != 0)
		return false;
	if (import_names_get(run->names, IMPORT_DIRECTORY, "", name) || import_name_is_id(name, len))
		return true;
	return !file_path(run->options->target, name, path) && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The innermost directory of the file's path that names a patient, from the input's own name on. */
static bool find_component(struct import_run *run, const struct import_file *file, struct import_where *w)
{
	const char *path = file->path;
	size_t end = file->media ? file->media : (size_t)(strrchr(path, '/') - path);

	while (end > file->base) {
		size_t start = end;

		while (start > file->base && path[start - 1] != '/')
			start--;
		if (names_patient(run, path + start, end - start)) {
			memcpy(w->patient, path + start, end - start);
			w->patient[end - start] = '\0';
			w->rel = path + end + 1;
			return true;
		}
		end = start > 0 ? start - 1 : 0;
	}
	return false;
}

void import_where(struct import_run *run, const struct import_file *file, enum import_scope scope,
		  const char *subject, struct import_where *ret_where)
{
	struct import_where *w = ret_where;
	const char *known;

	w->rel = file->path + file->below;
	if (run->options->into) {
		import_safe_name(run->options->into, false, NAME_BYTES_MAX, w->patient);
	} else if (file->patient) {
		snprintf(w->patient, sizeof(w->patient), "%s", file->patient);
		w->rel = strrchr(file->path, '/') + 1;
	} else if (find_component(run, file, w)) {
		return;
	} else if (scope == SCOPE_INSTITUTION) {
		snprintf(w->patient, sizeof(w->patient), "institution");
	} else if (subject[0]) {
		known = import_names_get(run->names, IMPORT_PATIENT, "", subject);
		if (known)
			snprintf(w->patient, sizeof(w->patient), "%s", known);
		else
			import_safe_name(subject, false, NAME_BYTES_MAX, w->patient);
	} else {
		snprintf(w->patient, sizeof(w->patient), "unassigned");
	}
}

/* The Patient the directory stands for by its patient.json, "" when there is none. */
static void id_in_target(struct import_run *run, const char *dir, char *ret_id, size_t bytes)
{
	char path[IMPORT_PATH_BYTES];
	struct buf text;

	ret_id[0] = '\0';
	buf_init(&text, IMPORT_RECORD_BYTES_MAX);
	if ((size_t)snprintf(path, sizeof(path), "%s/%s/patient.json", run->options->target, dir) <
		    sizeof(path) &&
	    file_read(path, IMPORT_RECORD_BYTES_MAX, &text) == 0)
		import_json_member(import_json_trim(buf_view(&text)), "id", ret_id, bytes);
	buf_release(&text);
}

char *import_bundle_patient(struct import_run *run, const struct import_file *file, const char *patient_id)
{
	const char *name = strrchr(file->path, '/') + 1, *owner;
	char stem[NAME_BYTES_MAX + 1], dir[NAME_BYTES_MAX + 1], there[IMPORT_ID_BYTES];
	char *dot;

	snprintf(stem, sizeof(stem), "%s", name);
	dot = strrchr(stem, '.');
	if (dot && dot != stem)
		*dot = '\0';
	import_safe_name(stem, false, NAME_BYTES_MAX, dir);
	if (patient_id[0]) {
		owner = import_names_get(run->names, IMPORT_DIRECTORY, "", dir);
		if (!owner) {
			id_in_target(run, dir, there, sizeof(there));
			owner = there;
		}
		if (owner[0] && strcmp(owner, patient_id) != 0)
			import_safe_name(patient_id, false, NAME_BYTES_MAX, dir);
	}
	return mem_strdup(dir);
}

int import_note_patient(struct import_run *run, const char *patient_id, const char *dir)
{
	int err = import_names_put(run->names, IMPORT_DIRECTORY, "", dir, patient_id);

	if (!err && patient_id[0])
		err = import_names_put(run->names, IMPORT_PATIENT, "", patient_id, dir);
	return err;
}

int import_keep_file(struct import_run *run, const struct import_file *file, const struct import_where *where,
		     unsigned section)
{
	char path[IMPORT_PATH_BYTES];
	const char *other;
	int err;

	assert(section >= 1 && section <= 16);
	if ((size_t)snprintf(path, sizeof(path), "%s/EMR%02u/attachments/%s", where->patient, section,
			     where->rel) >= sizeof(path)) {
		import_report_count(run->report, IMPORT_REFUSED, 0);
		import_report_say(run->report, "%s: path too long", file->path);
		return 0;
	}
	other = import_names_get(run->names, IMPORT_COPIED, "", path);
	if (other && strcmp(other, file->path) != 0) {
		import_report_count(run->report, IMPORT_REFUSED, 0);
		import_report_say(run->report,
				  "%s: would replace %s, imported from %s; name a patient with --into",
				  file->path, path, other);
		return 0;
	}
	err = import_names_put(run->names, IMPORT_COPIED, "", path, file->path);
	return err ? err : import_sink_copy(run->sink, path, file->path);
}
