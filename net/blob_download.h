/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blob_download.h - blobs from the members to this machine: one request a blob, however many wait for it.
 *
 * The own organization's member is asked first, the next one when one is slow or has no good bytes. Any
 * thread.
 */
#ifndef NET_BLOB_DOWNLOAD_H
#define NET_BLOB_DOWNLOAD_H

#include "net/blobcache.h"
#include "net/client_link.h"

struct blob_download;

/* Both borrowed. org: whose members are asked first; 0: none. */
int blob_download_new(struct links *links, struct blobcache *cache, uint16_t org,
		      struct blob_download **ret_d) must_check;
void blob_download_free(struct blob_download *d); /* nobody waits any more; accepts NULL */

/* Since the start: asked for and come; answers whose bytes do not verify; asked for, and no peer had good
 * ones. */
struct blob_counts {
	uint64_t fetched, refused, missing;
};
void blob_download_counts(struct blob_download *d, struct blob_counts *ret_counts);

/* As client_get (net/client.h). */
int blob_download_get(struct blob_download *d, const struct hash *address, struct buf *out,
		      unsigned timeout_ms) must_check;

/* From the transport's threads: a WIRE_BLOB, or a refusal of the request of this number. */
void blob_download_on_blob(struct blob_download *d, unsigned member, struct view payload);
void blob_download_on_refused(struct blob_download *d, unsigned member, uint64_t request);

#endif
