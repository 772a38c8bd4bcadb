/* SPDX-License-Identifier: Apache-2.0 */
/* filehash.h - the SHA-256 of an open file, copying it on the way. */
#ifndef FS_FILEHASH_H
#define FS_FILEHASH_H

#include "ledger/crypto.h"

/* From where `from` stands to its end; to: -1, or where it is written. Errors of the system. */
int filehash_copy(int from, int to, struct hash *ret_hash) must_check;

#endif
