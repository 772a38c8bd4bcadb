/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool.h - scratch files with random access whose plaintext never touches the disk.
 *
 * A file is two heads and a row of slots, each sealed with AES-256-GCM under a key derived from the
 * identity's key-agreement key, so that the same identity can open it again after the process died (LAYOUT.md
 * 9). A slot of zeros is a hole. Small files stay in memory until they grow or are kept. A struct spool_file
 * is used by one thread at a time; a struct spool by any.
 */
#ifndef FS_SPOOL_H
#define FS_SPOOL_H

#include "ledger/buf.h"
#include "ledger/crypto.h"

#define SPOOL_BLOCK_BYTES 4096
#define SPOOL_MEMORY_BYTES ((size_t)256 << 10) /* up to this a file needs no disk */
#define SPOOL_LABEL_BYTES_MAX 2048
#define SPOOL_FILE_BYTES_MAX ((uint64_t)1 << 44)
#define SPOOL_NAME_BYTES 33 /* 32 hex digits and NUL */

struct spool;
struct spool_file;

/*
 * dir is made when missing. Files without a label are leftovers of a process that died while it was writing
 * them and are removed. Errors: CF_EIO, CF_EFULL, CF_ENOMEM.
 */
int spool_open(const char *dir, const struct crypto_key *kem, struct spool **ret_spool) must_check;
void spool_close(struct spool *s); /* after its files; accepts NULL */
/*
 * Puts what is in memory on disk and wipes the key; nobody may be at work on a file. Until spool_unlock with
 * the same key-agreement key nothing can be read or written (CF_ELOCKED). Errors of spool_lock: those of
 * spool_write; nothing is locked then.
 */
int spool_lock(struct spool *s) must_check;
int spool_unlock(struct spool *s, const struct crypto_key *kem) must_check;
/* Of the file system the spool lies on. */
int spool_space(struct spool *s, uint64_t *ret_free_bytes, uint64_t *ret_total_bytes,
		uint64_t *ret_free_files) must_check;

int spool_file_new(struct spool *s, struct spool_file **ret_f) must_check;
/* Wipes memory; removes the file from disk unless it has a label. Accepts NULL. */
void spool_file_free(struct spool_file *f);
/* Removes a kept file from disk, too. */
void spool_file_remove(struct spool_file *f);

uint64_t spool_file_size(const struct spool_file *f);
/* Bytes past the end are CF_EINVAL, holes zeros. CF_ECORRUPT when a slot does not verify. */
int spool_read(struct spool_file *f, uint64_t offset, size_t bytes, uint8_t *ret_data) must_check;
/* Extends the file. Errors: CF_EFULL, CF_ETOOBIG, CF_EIO, CF_ENOMEM. */
int spool_write(struct spool_file *f, uint64_t offset, struct view data) must_check;
int spool_truncate(struct spool_file *f, uint64_t size) must_check;

/* Puts all on disk under this label, durably, so that spool_walk finds it again. A label that was there
 * before is there until the new one is. */
int spool_keep(struct spool_file *f, struct view label) must_check;
/* The same without waiting for the disk: outlives this process, but not the machine. */
int spool_label(struct spool_file *f, struct view label) must_check;
/* All kept files: their names and labels. A non-zero answer ends the walk and is returned; damaged ones are
 * skipped. */
int spool_walk(struct spool *s, int (*on_file)(void *ctx, const char *name, struct view label, uint64_t size),
	       void *ctx) must_check;
/* Opens a kept file. Errors: CF_ENOTFOUND, CF_ECORRUPT (damaged, or another identity's). */
int spool_file_open(struct spool *s, const char *name, struct spool_file **ret_f) must_check;

#endif
