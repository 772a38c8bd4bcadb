/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blob.h - off-chain content by address, behind an interface; a directory is the embedded default.
 *
 * address = SHA-256 of the stored bytes, so that a peer can check, scrub and repair what it cannot read. A
 * stored blob is a chunk (sealed bytes) or a manifest node, whose child addresses stand in clear, so that a
 * peer can walk a tree without keys (FORMAT.md section 9).
 */
#ifndef LEDGER_BLOB_H
#define LEDGER_BLOB_H

#include "ledger/codec.h"
#include "ledger/crypto.h"
#include "ledger/hashset.h"

#define BLOB_CHUNK_BYTES ((size_t)128 << 10) /* plaintext a chunk */
#define BLOB_BYTES_MAX ((size_t)512 << 10)   /* stored bytes of any blob */
#define BLOB_FANOUT 1024                     /* children of a manifest node */
#define BLOB_LEVELS_MAX 4

/* The interface. All functions may be called from any thread. */
struct blob_store {
	const struct blob_ops *ops;
};

struct blob_info {
	struct hash address;
	uint64_t bytes;
	uint64_t touched_ms; /* when it was put last, or what it was touched with */
};

struct blob_ops {
	/*
	 * Keeps bytes under their address; CF_ECORRUPT when they do not hash to it. Already there: touched;
	 * there but damaged: repaired. Durable only after sync.
	 */
	int (*put)(struct blob_store *s, const struct hash *address, struct view bytes);
	/* Appends the bytes; CF_ENOTFOUND; CF_ECORRUPT when what is stored does not hash to the address
	 * (never handed out). */
	int (*get)(struct blob_store *s, const struct hash *address, struct buf *out);
	bool (*has)(struct blob_store *s, const struct hash *address);
	/* By its first byte, which alone is read: a manifest node's. False: another blob, or not there. */
	bool (*is_node)(struct blob_store *s, const struct hash *address);
	/* Somebody may need it until this time (wall clock), unless it is marked with a later one. Durable
	 * only after sync. CF_ENOTFOUND. */
	int (*touch)(struct blob_store *s, const struct hash *address, uint64_t time_ms);
	/* Everything put before is durable when it returns. */
	int (*sync)(struct blob_store *s);
	/* Forgets one; CF_ENOTFOUND. */
	int (*remove)(struct blob_store *s, const struct hash *address);
	/* All blobs whose address begins with this byte, in no order. */
	int (*walk)(struct blob_store *s, uint8_t first,
		    int (*on_blob)(void *ctx, const struct blob_info *blob), void *ctx);
	void (*close)(struct blob_store *s);
};

int blob_put(struct blob_store *s, const struct hash *address, struct view bytes) must_check;
int blob_get(struct blob_store *s, const struct hash *address, struct buf *out) must_check;
bool blob_has(struct blob_store *s, const struct hash *address);
bool blob_has_node(struct blob_store *s, const struct hash *address); /* is_node */
int blob_touch(struct blob_store *s, const struct hash *address, uint64_t time_ms) must_check;
int blob_sync(struct blob_store *s) must_check;
int blob_remove(struct blob_store *s, const struct hash *address) must_check;
int blob_walk(struct blob_store *s, int (*on_blob)(void *ctx, const struct blob_info *blob),
	      void *ctx) must_check;
int blob_walk_part(struct blob_store *s, uint8_t first,
		   int (*on_blob)(void *ctx, const struct blob_info *blob), void *ctx) must_check;
void blob_close(struct blob_store *s); /* accepts NULL */

struct hash blob_address(struct view bytes);

/*
 * A directory (made when missing): xx/yyyy... files, written as temporary and renamed; sync is one syncfs.
 * Temporary files that a crash left are removed.
 */
int blob_dir_open(const char *dir, struct blob_store **ret_store) must_check;

/* A manifest node: u8 level >= 1, u32 count, child addresses (zeros: a hole), u32 length and the sealed part
 * (acl/content.h). */
struct blob_node {
	uint8_t level;
	uint32_t count;
	const uint8_t *child; /* count * HASH_BYTES, view into the bytes */
	struct view sealed;
};
bool blob_is_node(struct view bytes); /* chunks begin with another tag */
int blob_node_decode(struct view bytes, struct blob_node *ret_node) must_check;
int blob_node_encode(uint8_t level, const struct hash *children, uint32_t count, struct view sealed,
		     struct buf *out) must_check;
/* A chunk blob: tag and sealed bytes. */
int blob_chunk_encode(struct view sealed, struct buf *out) must_check;
int blob_chunk_decode(struct view bytes, struct view *ret_sealed) must_check;

/*
 * Walks the tree below root, reading and checking every blob; on_missing is called for each address that is
 * absent or damaged. Subtrees (and chunks) for which is_complete answers true are skipped; on_complete is
 * called for each chunk that is good and each node below which all is. The callbacks may be NULL.
 *
 * A tree may name one node very often, and a few nodes may be chosen so that walking them takes forever: each
 * is walked once as long as the visit remembers it in whole (all below it is there) or lacking (something is
 * not). Walks may share the two while nothing is put or removed; either or both may be NULL.
 *
 * Returns 0 when all is there, CF_ENOTFOUND when something is missing, CF_EDECODE when a blob that hashes to
 * its address is not what its place in the tree asks for, or a callback's negative answer.
 */
struct blob_tree_visit {
	void *ctx;
	bool (*is_complete)(void *ctx, const struct hash *address);
	int (*on_complete)(void *ctx, const struct hash *address);
	int (*on_missing)(void *ctx, const struct hash *address);
	struct hashset *whole, *lacking;
};
int blob_tree_check(struct blob_store *s, const struct hash *root,
		    const struct blob_tree_visit *visit) must_check;

#endif
