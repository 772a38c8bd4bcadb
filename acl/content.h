/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content.h - sealing and opening of contents and names with section keys. Pure. FORMAT.md section 9.
 *
 * record key = HKDF(salt: the version's random secret, ikm: content key, info). Chunks and manifest nodes are
 * sealed convergently within a section, epoch and window: content id = HMAC(dedup key, plaintext), key
 * derived from content key and content id, so that equal chunks have equal addresses and peers can check
 * addresses without any key.
 */
#ifndef ACL_CONTENT_H
#define ACL_CONTENT_H

#include "acl/keyring.h"
#include "acl/row.h"
#include "ledger/blob.h"

#define CONTENT_SECRET_BYTES 32

/* Names: at most 255 bytes, no '/' and no NUL. */
struct name_token content_token(const struct section_keys *k, const struct node_id *dir, struct view name);
int content_seal_name(const struct section_keys *k, const struct node_id *dir, struct view name,
		      struct buf *out) must_check;
int content_open_name(const struct section_keys *k, const struct node_id *dir, struct view sealed,
		      struct buf *out) must_check;

struct hash content_commitment(const struct section_keys *k, const struct hash *plain_hash);

/* A record inside the ledger, or the reference to an attachment's root. Appends nonce-less ciphertext and
 * tag. */
int content_seal(const struct section_keys *k, const uint8_t secret[CONTENT_SECRET_BYTES], struct view plain,
		 struct buf *out) must_check;
int content_open(const struct section_keys *k, const uint8_t secret[CONTENT_SECRET_BYTES], struct view sealed,
		 struct buf *out) must_check;
/* The ANNEX_SECRET item body for op index, and its reading back: CF_ENOKEY when the annex has none (erased).
 */
int content_secret_item(uint16_t op_index, const uint8_t secret[CONTENT_SECRET_BYTES],
			struct buf *out) must_check;
int content_secret_find(struct view annex, uint16_t op_index,
			uint8_t ret_secret[CONTENT_SECRET_BYTES]) must_check;

/* How a parent refers to a chunk or manifest node. A hole has address and id zero. */
struct content_ref {
	struct hash address; /* of the stored blob */
	struct hash id;      /* HMAC of the plaintext: gives the key */
	uint32_t epoch;      /* under whose keys it was sealed */
	uint32_t window;
};

bool content_ref_is_hole(const struct content_ref *r);

/* Seals a chunk (<= BLOB_CHUNK_BYTES of plaintext): appends the blob's bytes, gives the reference. */
int content_seal_chunk(const struct section_keys *k, struct view plain, struct buf *ret_blob,
		       struct content_ref *ret_ref) must_check;
/* k must be the keys of ref's epoch and window. CF_ECORRUPT when address or tag do not verify. */
int content_open_chunk(const struct section_keys *k, const struct content_ref *ref, struct view blob,
		       struct buf *out) must_check;
/* A manifest node of level >= 1 over children. */
int content_seal_node(const struct section_keys *k, uint8_t level, const struct content_ref *children,
		      uint32_t count, struct buf *ret_blob, struct content_ref *ret_ref) must_check;
/* ret_children has room for BLOB_FANOUT. */
int content_open_node(const struct section_keys *k, const struct content_ref *ref, struct view blob,
		      uint8_t level, struct content_ref *ret_children, uint32_t *ret_count) must_check;
/* The root reference, sealed into content_row.sealed by content_seal; its plaintext form. */
int content_ref_encode(const struct content_ref *r, uint64_t size, struct buf *out) must_check;
int content_ref_decode(struct view bytes, struct content_ref *ret_ref, uint64_t *ret_size) must_check;

#endif
