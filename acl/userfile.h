/* SPDX-License-Identifier: Apache-2.0 */
/*
 * userfile.h - files a person names: certificates, keys, passphrases, genesis. They may be symbolic links,
 * pipes or /dev/fd/N; errors name them.
 */
#ifndef ACL_USERFILE_H
#define ACL_USERFILE_H

#include "ledger/buf.h"

#define USERFILE_PATH_MAX 4096

/* dir/name. CF_ENAMETOOLONG. */
int userfile_path(const char *dir, const char *name, char ret_path[USERFILE_PATH_MAX]) must_check;

/*
 * Appends the whole file. is_secret: a regular file that group or others may access is CF_EPERM.
 * Errors: CF_ENOTFOUND, CF_EPERM, CF_ETOOBIG (over max bytes), others of the system.
 */
int userfile_read(const char *path, size_t max, bool is_secret, struct buf *out) must_check;

/* A new file, on disk when this returns; nothing stays of one that failed. CF_EEXIST when there is one. */
int userfile_create(const char *path, unsigned mode, struct view bytes) must_check;

/* Makes a directory of mode 0700; one that is there is taken when it is empty, else CF_ENOTEMPTY. */
int userfile_dir_create(const char *path) must_check;

#endif
