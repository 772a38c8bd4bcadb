/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attachment_private.h - what attachment.c (reading) and attachment_build.c share.
 */
#ifndef FS_ATTACHMENT_PRIVATE_H
#define FS_ATTACHMENT_PRIVATE_H

#include "fs/attachment.h"

#include <pthread.h>

#define ATTACHMENT_FANOUT_BITS 10 /* BLOB_FANOUT == 1 << 10 */

struct opened;

struct attachments {
	struct attachment_io io;
	pthread_mutex_t lock; /* over the cache; never held while fetching */
	uint64_t clock;
	struct opened *chunks;
	struct opened *nodes;
};

#endif
