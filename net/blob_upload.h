/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blob_upload.h - blobs from this machine to the members: a window of bytes in flight for each of them.
 *
 * A put waits until a quorum has room, so that a dead or slow member holds nobody up (what it misses it says
 * when it is asked to hold it). An answer frees its blob's bytes. Any thread.
 */
#ifndef NET_BLOB_UPLOAD_H
#define NET_BLOB_UPLOAD_H

#include "net/blobcache.h"
#include "net/client_link.h"

#define BLOB_UPLOAD_WINDOW_BYTES ((size_t)16 << 20)

struct blob_upload;

/* Both borrowed. */
int blob_upload_new(struct links *links, struct blobcache *cache, struct blob_upload **ret_u) must_check;
void blob_upload_free(struct blob_upload *u); /* accepts NULL */

/* As client_put (net/client.h). */
int blob_upload_put(struct blob_upload *u, const struct hash *address, struct view bytes,
		    unsigned timeout_ms) must_check;
/* A member answered the put of this number, with WIRE_PUT_OK or a refusal. From the transport's threads. */
void blob_upload_answered(struct blob_upload *u, unsigned member, uint64_t request);

#endif
