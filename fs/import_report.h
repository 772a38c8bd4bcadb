/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_report.h - counts, complaints and the progress bar of an import. For several threads.
 */
#ifndef FS_IMPORT_REPORT_H
#define FS_IMPORT_REPORT_H

#include "fs/import.h"

enum import_event {
	IMPORT_RECORD,
	IMPORT_ATTACHMENT,
	IMPORT_UNCHANGED,
	IMPORT_SKIPPED,
	IMPORT_REFUSED,
	IMPORT_FAILED
};

struct import_report;

int import_report_new(const struct import_options *options, struct import_report **ret_report) must_check;
void import_report_free(struct import_report *r); /* accepts NULL; takes the bar off the line */

/* What is expected in all, for the bar. */
void import_report_expect(struct import_report *r, size_t items);
/* One more. IMPORT_UNCHANGED comes beside IMPORT_RECORD or IMPORT_ATTACHMENT. */
void import_report_count(struct import_report *r, enum import_event event, uint64_t bytes);
/* A line on err: "chartfs import: ...", the bar kept below it. */
void import_report_say(struct import_report *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What a dry run would write. */
void import_report_plan(struct import_report *r, const char *path);
/* Keeps the first error. */
void import_report_error(struct import_report *r, int err);
int import_report_first_error(struct import_report *r);
void import_report_result(struct import_report *r, struct import_result *ret_result);

#endif
