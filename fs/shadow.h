/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shadow.h - names of <directory>/.snapshots/, and which times stand in its listing. Pure.
 *
 * A name is a second in UTC, "@GMT-2026.11.22-15.03.11": what Samba's vfs_shadow_copy2 looks for unless it is
 * told otherwise, and what clients send. It stands for the state after the last block of that second or of
 * one before.
 *
 * Every second answers by name. Listed are few enough for the dialogs of those who choose one (Windows shows
 * at most 512): changes of the directory itself, the newest blocks, and the last block of hours, days,
 * months.
 */
#ifndef FS_SHADOW_H
#define FS_SHADOW_H

#include "fs/place.h"

#define SHADOW_DIR_NAME ".snapshots"
#define SHADOW_CHANGES 128 /* of the directory itself, newest first */
#define SHADOW_BLOCKS 32   /* newest of the ledger */
#define SHADOW_HOURS 48
#define SHADOW_DAYS 31
#define SHADOW_MONTHS 120
#define SHADOW_MARKS (SHADOW_HOURS + SHADOW_DAYS + SHADOW_MONTHS)
#define SHADOW_TIMES_MAX (SHADOW_CHANGES + SHADOW_BLOCKS + SHADOW_MARKS)

void shadow_name(uint64_t seconds, char ret_name[NAME_BYTES_MAX + 1]);
/* CF_EINVAL for what is no name that shadow_name writes. */
int shadow_parse(const char *name, uint64_t *ret_seconds) must_check;

/* The last milliseconds of the hours, days and months (UTC) that had ended by now; their number. */
size_t shadow_marks(uint64_t now_ms, uint64_t ret_ms[SHADOW_MARKS]);

/* The greatest max values put, each once, ascending. */
struct shadow_set {
	uint64_t value[SHADOW_TIMES_MAX];
	size_t count;
	size_t max; /* at most SHADOW_TIMES_MAX */
};
/* False: it is full, and all in it are greater. */
bool shadow_add(struct shadow_set *s, uint64_t value);

#endif
