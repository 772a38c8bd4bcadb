/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blobcache.h - blobs kept on this machine, up to a limit; what was used longest ago goes first.
 *
 * A cache: nothing in it is only there, and what is damaged is dropped and not served. Any thread.
 */
#ifndef NET_BLOBCACHE_H
#define NET_BLOBCACHE_H

#include "ledger/blob.h"

struct blobcache;

/* Opens the directory (made when missing) and removes what is over the limit. Errors: as blob_dir_open,
 * CF_ENOMEM. */
int blobcache_open(const char *dir, uint64_t bytes_max, struct blobcache **ret_c) must_check;
void blobcache_close(struct blobcache *c); /* accepts NULL */

/* Errors: CF_ECORRUPT (bytes are not of this address), CF_EFULL, CF_EIO, CF_ENOMEM. */
int blobcache_put(struct blobcache *c, const struct hash *address, struct view bytes) must_check;
/* Appends the bytes. CF_ENOTFOUND also for what was damaged; CF_ENOMEM, CF_EIO. */
int blobcache_get(struct blobcache *c, const struct hash *address, struct buf *out) must_check;
bool blobcache_has(struct blobcache *c, const struct hash *address);
/* Of all blobs in it. */
uint64_t blobcache_bytes(struct blobcache *c);
/* How many were found damaged, and dropped. */
uint64_t blobcache_damaged(struct blobcache *c);

#endif
