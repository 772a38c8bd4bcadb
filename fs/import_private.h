/* SPDX-License-Identifier: Apache-2.0 */
/* import_private.h - what the parts of one import share. */
#ifndef FS_IMPORT_PRIVATE_H
#define FS_IMPORT_PRIVATE_H

#include "fs/import_names.h"
#include "fs/import_section.h"
#include "fs/import_sink.h"
#include "fs/import_source.h"

/* import_visit.c */

#define IMPORT_WORDS_BYTES 2048

/* The lower-case words of the resource's category, and of its code too. Cut at the size. */
void import_words_of(const struct json *resource, bool with_code, char ret_words[IMPORT_WORDS_BYTES]);
/* The section of the first document code in a CodeableConcept or an array of them; 0: none. */
unsigned import_section_of_coded(const struct json *concepts, enum import_visit visit);

#define IMPORT_ID_BYTES 160
#define IMPORT_PATH_BYTES 4096

struct import_run {
	const struct import_options *options;
	struct import_report *report;
	struct import_names *names;
	struct import_sink *sink;
	struct import_files files;
};

/* import_where.c: the patient's directory of what stands in a file. */
struct import_where {
	char patient[NAME_BYTES_MAX + 1];
	const char *rel; /* the path to keep below attachments/: a tail of the file's path */
};

void import_where(struct import_run *run, const struct import_file *file, enum import_scope scope,
		  const char *subject, struct import_where *ret_where);
/*
 * The directory of a bundle with this one Patient: the stem of the file's name, or the id where the stem
 * stands for somebody else. Owned by the caller; NULL: out of memory.
 */
char *import_bundle_patient(struct import_run *run, const struct import_file *file, const char *patient_id);
/* Remembers that references to this Patient mean that directory. */
int import_note_patient(struct import_run *run, const char *patient_id, const char *dir) must_check;
/* Queues the file itself as <patient>/EMR<section>/attachments/<rel>. */
int import_keep_file(struct import_run *run, const struct import_file *file, const struct import_where *where,
		     unsigned section) must_check;

/* import_survey.c: encounters, patients, the number of items; reads every FHIR file once. */
int import_survey(struct import_run *run) must_check;

/* import_fhir.c: places what stands in a bundle, a resource or a file of bulk data. */
int import_fhir(struct import_run *run, const struct import_file *file) must_check;

/* Where encounters of the file's resources are looked for first: the bundle, or the directory. */
void import_scope_of(const struct import_file *file, char ret_scope[IMPORT_PATH_BYTES]);
/* The next line of bulk data, trimmed; false behind the last. */
bool import_next_line(struct view text, size_t *at, struct view *ret_line);
/* Members of Bundle.entry[]: the resource and the id its fullUrl ends in. False: no resource. */
bool import_entry(struct view entry, struct view *ret_resource, char *ret_id, size_t bytes);

#endif
