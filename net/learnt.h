/* SPDX-License-Identifier: Apache-2.0 */
/*
 * learnt.h - certified blocks that were fetched, in a row, until there are enough of them for one commit.
 *
 * What a sender can be blamed for is checked as they come; those that wait are committed in one group (acl/
 * apply.h), with one sync for all. Used by the replica for what it lacks below the network's height, and by
 * the backfill for what a ledger that began with a state lacks. One thread each.
 */
#ifndef NET_LEARNT_H
#define NET_LEARNT_H

#include "acl/apply.h"
#include "acl/identity.h"
#include "net/catchup.h"
#include "net/queue.h"
#include "net/verifier.h"

#define LEARNT_BLOCKS_MAX (CATCHUP_AHEAD_MAX / 2)
#define LEARNT_BYTES_MAX ((size_t)4 << 20)

struct learnt {
	struct message *m[LEARNT_BLOCKS_MAX]; /* WIRE_BLOCK payloads, number = the member it is of */
	unsigned count;
	size_t bytes;
	uint64_t last;                  /* height of the last one */
	struct certificate certificate; /* of the last one that was committed: the event points to it */
};

/* Frees those that wait. */
void learnt_forget(struct learnt *l);
/* Height of the first one that waits. */
uint64_t learnt_first(const struct learnt *l);
/* Frees those up to this height: had already. */
void learnt_skip(struct learnt *l, uint64_t height);
/* Takes ownership of m, a block of height l->last + 1 (or the first). */
void learnt_add(struct learnt *l, struct message *m, uint64_t height);
/*
 * Is this the block that the certificate is of, and is that a quorum's of the set in force? All that a sender
 * can be blamed for. *ret_last: another set of members decides the next one.
 */
int learnt_check(struct apply *a, const struct hash *network, const struct wire_block *block,
		 bool *ret_last) must_check;
/* Logs that a member's block is of no use, and why. */
void learnt_blame(const char *module, uint64_t height, uint64_t member, const char *what, int err);
/*
 * The first *count of those that wait in one group, or none. *count: how many there are up to a change of the
 * set of members, or that come before one that is refused. The ids inside them go behind *ids (may be NULL).
 * Errors: those of apply_commit.
 */
int learnt_commit(struct learnt *l, struct apply *a, unsigned *count, struct hash **ids,
		  uint32_t *id_count) must_check;

/* Does a good COMMIT vote by the key of this identity stand in it? m: the set that it is of. */
bool learnt_own_vote(const struct certificate *c, const struct hash *network, const struct members *m,
		     const struct identity *id, struct verifier *v);

#endif
