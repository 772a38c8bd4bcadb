/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool_private.h - what spool.c (names, labels) and spool_io.c (slots) share.
 */
#ifndef FS_SPOOL_PRIVATE_H
#define FS_SPOOL_PRIVATE_H

#include "fs/spool.h"

#include <pthread.h>

#define SPOOL_PATH_MAX 4096
#define SPOOL_ID_BYTES 16
#define SPOOL_SLOT_BYTES (AEAD_NONCE_BYTES + SPOOL_BLOCK_BYTES + AEAD_TAG_BYTES)
#define SPOOL_BATCH 64 /* slots a system call */
#define SPOOL_HEADS 2
#define SPOOL_HEAD_BYTES 4096 /* a page each, which no write to anything else touches */
#define SPOOL_DATA_AT ((uint64_t)SPOOL_HEADS * SPOOL_HEAD_BYTES)

struct spool {
	char dir[SPOOL_PATH_MAX - SPOOL_NAME_BYTES - 1];
	uint8_t key[AEAD_KEY_BYTES];
	_Atomic bool is_locked; /* there is no key */
	pthread_mutex_t lock;
	struct spool_file *files; /* all that are open */
};

struct spool_file {
	struct spool *spool;
	struct spool_file *next, **at; /* of the spool's, under its lock */
	uint8_t id[SPOOL_ID_BYTES];
	uint64_t size;
	int fd; /* -1: in memory */
	bool kept;
	bool synced;     /* what lies before the heads is on the disk, and the file's name */
	uint64_t head;   /* number of the newest head; 0: none */
	uint8_t *memory; /* memory_cap bytes; those past size are zeros */
	size_t memory_cap;
};

void spool_path(const struct spool_file *f, char ret_path[SPOOL_PATH_MAX]);
/* Moves a file in memory to disk; nothing to do for others. */
int spool_to_disk(struct spool_file *f) must_check;
/* count <= SPOOL_BATCH whole blocks from or to the slots first, first + 1, ...: block i of the file is slot
 * i. */
int spool_slots_read(struct spool_file *f, uint64_t first, size_t count, uint8_t *ret_blocks) must_check;
int spool_slots_write(struct spool_file *f, uint64_t first, size_t count, const uint8_t *blocks) must_check;
/* One of the two pages of heads. read: CF_ENOTFOUND when it was never written, CF_ECORRUPT. */
int spool_head_read(struct spool_file *f, unsigned which, struct buf *out) must_check;
int spool_head_write(struct spool_file *f, unsigned which, struct view plain) must_check;

#endif
