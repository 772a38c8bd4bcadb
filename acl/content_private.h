/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content_private.h - what content.c and content_chunk.c share.
 */
#ifndef ACL_CONTENT_PRIVATE_H
#define ACL_CONTENT_PRIVATE_H

#include "acl/content.h"

/*
 * Where a key is derived from something that is never used twice (a version's random secret) or from the very
 * bytes it seals (a convergent chunk), the nonce is zero: no key meets two plaintexts, and a stored nonce
 * would only cost space. Names share a key, so each carries a random nonce.
 */
extern const uint8_t content_nonce_zero[AEAD_NONCE_BYTES];

/* tag NUL, patient, section, epoch, window: what every info and every additional data of a section begins
 * with. */
void content_bind(struct enc *e, struct buf *out, const char *tag, const struct section_keys *k);

#endif
