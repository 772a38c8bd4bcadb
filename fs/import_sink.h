/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_sink.h - writes files below the target with several threads, so that saves share blocks.
 *
 * Writes of one path stay in order. A file that has the content already is left alone. Another writer's
 * conflict (EBUSY) is tried again a few times; other failures are reported and counted.
 */
#ifndef FS_IMPORT_SINK_H
#define FS_IMPORT_SINK_H

#include "fs/import_report.h"

struct import_sink;

/* options and report are borrowed. */
int import_sink_new(const struct import_options *options, struct import_report *report,
		    struct import_sink **ret_sink) must_check;
/* Waits until all is written. Accepts NULL. */
void import_sink_free(struct import_sink *s);

/*
 * Paths are below the target; their directories are made by the call (options.on_patient for the first
 * component when it is new). Directories that cannot be made are reported and counted like files: 0. put
 * copies the content; copy reads the file at source. Errors: CF_ENOMEM; the first failure when the import is
 * to stop.
 */
int import_sink_put(struct import_sink *s, const char *path, struct view content,
		    enum import_event event) must_check;
int import_sink_copy(struct import_sink *s, const char *path, const char *source) must_check;
/* First components that something was written below. */
size_t import_sink_patients(const struct import_sink *s);

#endif
