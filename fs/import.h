/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import.h - clinical data into charts through ordinary file operations: FHIR R4, DICOM, HL7 v2, C-CDA, PDF,
 * ...
 *
 * A FHIR resource becomes the record <patient>/<section>/<Type>-<id>.json with the very bytes it has in the
 * input; above 64 KiB it lies in <section>/attachments/. Every other file, and the file of each bundle, is
 * kept as it is below attachments/, with the directories it lay in. Sections: fs/import_section.h.
 *
 * The patient's directory is, in this order:
 *   1. options.into;
 *   2. for a bundle with one Patient: the stem of the file's name (the Patient's id where that directory
 * stands for another patient already);
 *   3. a directory of the file's path, innermost first, that names a patient: the directory of a bundle of
 * this input, one that stands in the target already, a UUID, or five digits and more that are no date. Below
 * a directory with a DICOMDIR the search begins above it: media are kept whole;
 *   4. the patient the data names: subject and patient references of FHIR, PID-3 of HL7 v2, patientRole of
 * C-CDA;
 *   5. "institution" for organizations, locations and practitioners; "unassigned".
 *
 * A file whose content stands there already is left alone, so that an import may be repeated or resumed.
 */
#ifndef FS_IMPORT_H
#define FS_IMPORT_H

#include "ledger/buf.h"

#include <stdio.h>

#define IMPORT_RECORD_BYTES_MAX 65536
#define IMPORT_THREADS 8

struct import_options {
	const char *const *inputs; /* files and directories */
	size_t input_count;
	const char *target; /* the directory patients/ of a mount, or any directory */
	const char *into;   /* NULL, or the one patient's directory */
	unsigned section;   /* 0, or the section of all that is not FHIR */
	unsigned threads;   /* 0: IMPORT_THREADS */
	bool dry_run;       /* lists on out what would be written */
	bool bar;           /* a progress bar on err */
	FILE *out;
	FILE *err; /* complaints, one line each */
	/* A patient's directory was made; may be NULL. Its error is counted as a failure. */
	int (*on_patient)(void *ctx, const char *dir);
	void *ctx;
};

struct import_result {
	size_t patients; /* directories written to */
	size_t records;
	size_t attachments;
	uint64_t bytes;
	size_t unchanged; /* of both: stood there already */
	size_t skipped;   /* left out on purpose: Provenance, scratch and hidden files, README */
	size_t refused;   /* not understood */
	size_t failed;    /* could not be written */
	double seconds;
};

/*
 * Goes on after a refusal or a failure. Errors: CF_EINVAL, something was refused; the first failure's error;
 * the import stops where going on is pointless (no quorum, the mount is gone, no space). ret_result is
 * always set.
 */
int import_run(const struct import_options *options, struct import_result *ret_result) must_check;

/* The verb `chartfs import`, in fs/cmd_import.c. */
int cmd_import(int argc, char **argv);

#endif
