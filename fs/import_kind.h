/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_kind.h - what kind a file is, by its first bytes and then its name, and what files that are not FHIR
 * say about their section and patient. Never trusts a length in the file; reads at most IMPORT_HEAD_BYTES of
 * it.
 */
#ifndef FS_IMPORT_KIND_H
#define FS_IMPORT_KIND_H

#include "ledger/buf.h"

enum import_kind {
	IMPORT_FHIR,   /* JSON: a bundle or one resource */
	IMPORT_NDJSON, /* FHIR bulk data: one resource a line */
	IMPORT_DICOM,
	IMPORT_HL7, /* HL7 v2, ER7 encoding */
	IMPORT_CDA, /* C-CDA and other clinical documents */
	IMPORT_PDF,
	IMPORT_ECG, /* WFDB, EDF, ECG in XML */
	IMPORT_IMAGE,
	IMPORT_TEXT,
	IMPORT_OTHER,
};

#define IMPORT_HEAD_BYTES ((size_t)128 << 10)

/* in_media: somewhere below a directory that holds a DICOMDIR. */
enum import_kind import_kind_of(const char *name, struct view head, bool in_media);

/* Section and the patient's id as the file has it ("" when it names none). */
unsigned import_section_of_file(enum import_kind kind, const char *name, struct view head);
void import_patient_of_file(enum import_kind kind, struct view head, char *ret_id, size_t bytes);

#endif
