/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_write.h - one file put in place as copying tools do it: created, written, closed. close() is the
 * commit.
 */
#ifndef FS_IMPORT_WRITE_H
#define FS_IMPORT_WRITE_H

#include "ledger/buf.h"

#define IMPORT_WRITE_DONE 1
#define IMPORT_WRITE_UNCHANGED 0

/* IMPORT_WRITE_DONE, IMPORT_WRITE_UNCHANGED or -errno, also close's. */
int import_write_file(const char *path, struct view content, uint64_t *ret_bytes) must_check;
int import_copy_file(const char *path, const char *source, uint64_t *ret_bytes) must_check;

#endif
