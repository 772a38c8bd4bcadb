/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca_store_private.h - files of an authority's directory, shared by ca_store*.c.
 */
#ifndef ACL_CA_STORE_PRIVATE_H
#define ACL_CA_STORE_PRIVATE_H

#include "acl/ca_store.h"
#include "ledger/file.h"

/* dir/folder/HEX and the suffix. CF_ENAMETOOLONG. */
int ca_store_path(const char *dir, const char *folder, const uint8_t *id, size_t bytes, const char *suffix,
		  char ret_path[FILE_PATH_MAX]) must_check;

/* Each regular name of a folder, whole path; half-written ones (file_replace) are left out. An answer other
 * than 0 ends the walk and is returned. */
int ca_store_walk_files(const char *dir, const char *folder,
			int (*on_file)(void *ctx, const char *path, const char *name), void *ctx) must_check;

#endif
