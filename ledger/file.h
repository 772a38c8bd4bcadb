/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.h - the few things the stores do with files and directories: whole reads, durable replacement, trees.
 */
#ifndef LEDGER_FILE_H
#define LEDGER_FILE_H

#include "ledger/buf.h"

#define FILE_PATH_MAX 4096

/* dir/name into ret_path. CF_ENAMETOOLONG. */
int file_path(const char *dir, const char *name, char ret_path[FILE_PATH_MAX]) must_check;

/* Appends the whole file. Errors: CF_ENOTFOUND, CF_ETOOBIG (over max bytes), CF_EIO. */
int file_read(const char *path, size_t max, struct buf *out) must_check;

/* Writes all or fails; a descriptor at its own position. Errors: CF_EFULL, CF_EIO. */
int file_write_all(int fd, struct view bytes) must_check;

/*
 * Puts a file of mode 0600 in place, whole or not at all: temporary file, fsync, rename, fsync of the
 * directory. What stood there before is replaced.
 */
int file_replace(const char *path, struct view bytes) must_check;

bool file_exists(const char *path);
/* Bytes of the file system that path is on: still free, and all. CF_EIO. */
int file_room(const char *path, uint64_t *ret_free, uint64_t *ret_all) must_check;

/* Makes one directory of mode 0700; one that is there is fine. */
int file_dir_make(const char *path) must_check;
/* fsync of a directory, so that names made or removed in it last. */
int file_dir_sync(const char *path) must_check;
/* fsync of the directory that holds path. */
int file_parent_sync(const char *path) must_check;
/* Removes a file or a directory with all below it; nothing there is fine. Never follows symbolic links. */
int file_remove_tree(const char *path) must_check;

#endif
