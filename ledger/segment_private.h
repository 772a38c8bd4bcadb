/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment_private.h - what segment.c and segment_scan.c share.
 */
#ifndef LEDGER_SEGMENT_PRIVATE_H
#define LEDGER_SEGMENT_PRIVATE_H

#include "ledger/segment.h"

#include <pthread.h>

#define SEGMENT_NAME_BYTES 16

struct segments {
	int dirfd;
	bool read_only;
	bool broken;    /* the disk is in doubt: nothing is appended any more */
	bool dir_dirty; /* files were made or removed since the last sync */
	uint64_t file_bytes;
	pthread_rwlock_t lock; /* readers of fd and count against a change of either */
	int *fd;               /* one a file; -1 where none is open */
	uint32_t count;
	unsigned open_files;
	int write_fd; /* of the last file */
	uint64_t end; /* of the last file: where the next record goes */
	uint64_t bytes;
	uint32_t synced_file; /* files before this one are durable */
};

void segment_frame(struct view payload, uint8_t ret_frame[SEGMENT_FRAME_BYTES]);
uint32_t segment_frame_len(const uint8_t frame[SEGMENT_FRAME_BYTES]);
void segment_name(uint32_t file, char ret_name[SEGMENT_NAME_BYTES]);
int segment_fail(const char *what, uint32_t file, int saved_errno);
/* Exactly these bytes. CF_ENOTFOUND past the end of the file or the last file. */
int segment_pread(struct segments *s, uint32_t file, uint64_t offset, uint8_t *data, size_t bytes) must_check;
/* Takes fd in as the next file's, on success. */
int segment_file_add(struct segments *s, int fd) must_check;
/* Makes the next file and writes to it from now on. */
int segment_roll(struct segments *s) must_check;
/* Opens the last file for writing; count > 0 asserted. */
int segment_write_to_last(struct segments *s) must_check;
/* Cuts to keep_count files, the last of `end` bytes, durably. */
int segment_cut(struct segments *s, uint32_t keep_count, uint64_t end) must_check;

#endif
