/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attachment.h - files outside the chain: a copy-on-write tree of sealed chunks (DESIGN section 3).
 *
 * Level 0 is a chunk of up to 128 KiB at a fixed boundary, a node of level l has up to 1024 children of level
 * l - 1, a reference of zeros is a hole. A chunk shorter than its place, and children a node does not have,
 * read as zeros. Every byte handed out was opened under the reference that its parents bind. Any thread.
 */
#ifndef FS_ATTACHMENT_H
#define FS_ATTACHMENT_H

#include "acl/content.h"

#define ATTACHMENT_BYTES_MAX ((uint64_t)1 << 40)
#define ATTACHMENT_CACHE_CHUNKS 192
#define ATTACHMENT_CACHE_NODES 96

/* Where blobs and keys come from. put: strictly before the transaction that names the root; any order. */
struct attachment_io {
	void *ctx;
	int (*put)(void *ctx, const struct hash *address, struct view bytes);
	int (*get)(void *ctx, const struct hash *address, struct buf *out);
	int (*keys)(void *ctx, const struct patient_id *p, unsigned section, uint32_t epoch, uint32_t window,
		    struct section_keys *ret_keys);
};

/* The reader with its cache of opened nodes and chunks (about 32 MiB, wiped when dropped). */
struct attachments;
int attachments_new(const struct attachment_io *io, struct attachments **ret_a) must_check;
void attachments_free(struct attachments *a);   /* accepts NULL */
void attachments_forget(struct attachments *a); /* empties the cache */

/* One version of one file. */
struct attachment {
	struct patient_id patient;
	uint8_t section;
	uint8_t level;
	struct content_ref root;
	uint64_t size;
};

/* The level of the root of a file of this size. */
uint8_t attachment_level(uint64_t size);
/* The range must lie within the file (CF_EINVAL). Errors: CF_ECORRUPT, CF_ENOTFOUND, CF_ENETWORK, CF_EDENIED,
 * CF_ENOMEM. */
int attachment_read(struct attachments *a, const struct attachment *f, uint64_t offset, size_t bytes,
		    uint8_t *ret_data) must_check;

/*
 * What a new version is made of: the base's bytes up to base_limit, and on top of them what changed. read
 * gives the merged bytes. sealed: a chunk that was sealed and put before and did not change since; may be
 * NULL.
 */
struct attachment_source {
	void *ctx;
	uint64_t size;
	uint64_t base_limit; /* <= size of base and <= size */
	bool (*changed)(void *ctx, uint64_t from, uint64_t to);
	int (*read)(void *ctx, uint64_t offset, size_t bytes, uint8_t *ret_data);
	bool (*sealed)(void *ctx, uint64_t chunk, struct content_ref *ret_ref);
};

/*
 * Seals and puts the chunks that changed and the nodes above them, under keys. base may be NULL. hash: NULL,
 * or a context that is fed all bytes of the file from hashed on (hashed a multiple of the chunk size).
 */
int attachment_build(struct attachments *a, const struct section_keys *keys, const struct attachment *base,
		     const struct attachment_source *source, struct sha256_ctx *hash, uint64_t hashed,
		     struct attachment *ret_f) must_check;
/* Seals and puts one chunk. A chunk of zeros is a hole. */
int attachment_put_chunk(struct attachments *a, const struct section_keys *keys, struct view plain,
			 struct content_ref *ret_ref) must_check;

/* What is committed to where a file was changed in part and not read as a whole: SHA-256 over tag, size,
 * level and root id. */
struct hash attachment_tree_hash(const struct attachment *f);

/* The reference of the subtree at (level, index), level <= that of the root; a hole when there is none. */
int attachment_ref(struct attachments *a, const struct attachment *f, uint8_t level, uint64_t index,
		   struct content_ref *ret_ref) must_check;

#endif
