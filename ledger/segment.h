/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment.h - append-only files of framed records: the block store, and (with reset) the vote log.
 *
 * A record on disk: u32 length, u32 check (first 4 bytes of the SHA-256 of the payload), payload. Files
 * are NNNNNNNN.seg, rolled at a size. A torn tail (a crash in the middle of an append) is cut when opened;
 * a damaged record before the last good one is CF_ECORRUPT and is never cut away. FORMAT.md section 8.
 */
#ifndef LEDGER_SEGMENT_H
#define LEDGER_SEGMENT_H

#include "ledger/buf.h"

#define SEGMENT_FILE_BYTES ((uint64_t)256 << 20)
#define SEGMENT_RECORD_BYTES_MAX ((size_t)64 << 20)
#define SEGMENT_FRAME_BYTES 8

/* Where a record's payload is. */
struct segment_place {
	uint32_t file;
	uint64_t offset;
	uint32_t len;
};

struct segments;

/*
 * dir is made when missing. read_only never cuts a tail. A damaged record of the last file is taken for a
 * torn tail unless whole records follow it up to the end of the file. Errors: CF_ECORRUPT, CF_EIO,
 * CF_ENOTFOUND (read_only and nothing there).
 */
int segments_open(const char *dir, bool read_only, struct segments **ret_s) must_check;
/*
 * Opens a store for which an index knows the last record that counts: nothing up to it is read or ever cut,
 * all behind it is cut off. CF_ECORRUPT when the files end before it.
 */
int segments_open_after(const char *dir, bool read_only, struct segment_place last,
			struct segments **ret_s) must_check;
/* Rolls at another size than SEGMENT_FILE_BYTES: for small disks. */
void segments_set_file_bytes(struct segments *s, uint64_t bytes);
void segments_close(struct segments *s); /* accepts NULL */
/*
 * One writer. An empty payload is CF_EINVAL. Errors: CF_EFULL, CF_EIO, CF_ETOOBIG; what was half written is
 * cut off again.
 */
int segments_append(struct segments *s, struct view payload, struct segment_place *ret_place) must_check;
/* fdatasync. A failure is final: the kernel may have dropped the bytes; stop the process. */
int segments_sync(struct segments *s) must_check;
/* Appends the payload to out. Errors: CF_ECORRUPT, CF_EIO, CF_ENOTFOUND (no such place). Any thread. */
int segments_read(struct segments *s, struct segment_place place, struct buf *out) must_check;
/* Reads len bytes at an absolute place inside a payload, unchecked: for values whose hash the caller knows.
 */
int segments_read_part(struct segments *s, uint32_t file, uint64_t offset, uint32_t len,
		       struct buf *out) must_check;
/* All records in order. A non-zero answer of on_record ends the walk and is returned. */
int segments_walk(struct segments *s,
		  int (*on_record)(void *ctx, struct segment_place place, struct view payload),
		  void *ctx) must_check;
/* Cuts everything after this record, durably: records of a block that was appended but not committed to the
 * index. */
int segments_truncate_after(struct segments *s, struct segment_place last) must_check;
/* Empties the store, durably (for the vote log once the stores cover it). */
int segments_reset(struct segments *s) must_check;
uint64_t segments_bytes(struct segments *s);

#endif
