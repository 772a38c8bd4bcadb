/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destruction.h - a certificate of destruction: an erasure, proven to be committed, and a quorum of members
 * who each say that nothing of what it took is left in their ledger (acl/erase.h). Checked offline with the
 * genesis file alone. FORMAT.md section 12.
 *
 * Bytes: tag "chartfs destruction v1"; bytes proof of the erasure (acl/proof.h, without a key); a succession
 * up to the members who sign (acl/succession.h); count8 {u8 member's number, u64 height, [64] signature},
 * ascending.
 */
#ifndef ACL_DESTRUCTION_H
#define ACL_DESTRUCTION_H

#include "acl/proof.h"

struct destroyed {
	uint8_t member;
	uint64_t height; /* of the member's ledger when it looked */
	uint8_t sig[SIG_BYTES];
};

struct destruction {
	struct view proof;
	struct view succession;
	uint8_t count;
	struct destroyed said[MEMBERS_MAX];
};

/* What a member signs by its endorsement key: SHA-256("chartfs destroyed v1" NUL network tx u64 height
 * identity). */
struct hash destroyed_digest(const struct hash *network, const struct hash *tx, uint64_t height,
			     const struct identity_id *by);
/* CF_ESIG */
int destroyed_check(const struct hash *network, const struct hash *tx, const struct member *m,
		    const struct destroyed *said) must_check;

int destruction_encode(const struct destruction *d, struct buf *out) must_check;
int destruction_decode(struct view bytes, struct destruction *ret_d) must_check; /* views into bytes */
bool destruction_is(struct view bytes);                                          /* by its tag */

/*
 * Against a genesis file's bytes. ret_p: the proof in it. ret_members: who signed, by numbers. Errors as
 * proof_verify and succession_verify; CF_EINVAL: no erasure, or fewer than a quorum sign; CF_ESIG.
 */
int destruction_verify(const struct destruction *d, struct view genesis, struct proof *ret_p,
		       struct proof_facts *ret_facts, struct members *ret_members) must_check;

#endif
