/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_source.h - the files of an import's inputs: found, sorted by name, their kind known.
 */
#ifndef FS_IMPORT_SOURCE_H
#define FS_IMPORT_SOURCE_H

#include "fs/import_kind.h"
#include "fs/import_report.h"

struct import_file {
	char *path;   /* absolute, links of the input's own path resolved */
	size_t base;  /* where the last component of the input begins in path */
	size_t below; /* where the part below the input begins: its name when the input is a file */
	size_t media; /* length of the directory that holds the DICOMDIR; 0: no media */
	enum import_kind kind;
	/* from the survey */
	bool single;   /* one resource, no bundle */
	char *patient; /* of a bundle with one Patient: the patient's directory; else NULL */
};

struct import_files {
	struct import_file *files;
	size_t count, cap;
};

/*
 * Appends the input, or all files below it. Links below it, hidden and scratch names, READMEs, licences and
 * manifests are left out with a line in the report; so is an input that is not there (refused).
 */
int import_files_add(struct import_files *f, const char *input, struct import_report *report) must_check;
void import_files_release(struct import_files *f);

#endif
