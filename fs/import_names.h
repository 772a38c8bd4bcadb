/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_names.h - what an import remembers by name (patients, encounters, directories made), and names made
 * safe.
 */
#ifndef FS_IMPORT_NAMES_H
#define FS_IMPORT_NAMES_H

#include "fs/place.h"

/* A table of texts by kind, scope and id. Not for several threads. */
struct import_names;

enum import_name_kind {
	IMPORT_ENCOUNTER, /* scope: bundle or directory, or "" for all; text: the digit of its enum
			     import_visit */
	IMPORT_PATIENT,   /* id: Patient.id; text: the patient's directory */
	IMPORT_DIRECTORY, /* id: a patient's directory; text: the Patient.id it stands for, "" when none is
			     known */
	IMPORT_USED,      /* id: a patient's directory something was written to */
	IMPORT_COPIED,    /* id: path of an attachment; text: the file it came from */
	IMPORT_MADE,      /* id: path of a directory that is there */
};

int import_names_new(struct import_names **ret_names) must_check;
void import_names_free(struct import_names *n); /* accepts NULL */

/* The first text put stays. */
int import_names_put(struct import_names *n, enum import_name_kind kind, const char *scope, const char *id,
		     const char *text) must_check;
/* NULL: none. */
const char *import_names_get(const struct import_names *n, enum import_name_kind kind, const char *scope,
			     const char *id);
size_t import_names_count(const struct import_names *n, enum import_name_kind kind);

/*
 * One path component that any file system and the mount take as it is: no '/', no control character, no
 * leading dot, no scratch or reserved name, at most max bytes (16 or more). strict: also nothing but A-Z a-z
 * 0-9 . _ -. A text that had to be changed gets "-" and eight digits of its hash, so that two never become
 * one.
 */
void import_safe_name(const char *text, bool strict, size_t max, char ret_name[NAME_BYTES_MAX + 1]);

/* "X" of "Patient/X", "urn:uuid:X", "http://host/fhir/Patient/X/_history/2"; "" for "#contained". */
void import_reference_id(const char *reference, char *ret_id, size_t bytes);

/* A component that says "patient" by its look: a UUID, or five digits and more that are no date. */
bool import_name_is_id(const char *name, size_t len);

#endif
