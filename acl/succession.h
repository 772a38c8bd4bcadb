/* SPDX-License-Identifier: Apache-2.0 */
/*
 * succession.h - how a set of members follows from the genesis: one proof for each change in between.
 *
 * Bytes: count8 {header [320], certificate, bytes members}, oldest first. The header is of the block that
 * decided the change: its certificate is the old set's, its next_members is the hash of the new one. So who
 * has the genesis file needs no peer to know whose votes count at a height.
 */
#ifndef ACL_SUCCESSION_H
#define ACL_SUCCESSION_H

#include "ledger/certificate.h"

struct chain;
struct db_txn;

#define SUCCESSION_MAX 255

/* Takes one from a decoder: its bytes, well-formed. */
struct view succession_take(struct dec *d);

/*
 * m: in, the set of the genesis; out, the one that the last change made. Errors: CF_ESIG (a certificate),
 * CF_EFOREIGN (a block of another network, or by others than the set before it), CF_ECORRUPT (the members are
 * not those that were decided), CF_EDECODE.
 */
int succession_verify(struct view bytes, const struct hash *network, struct members *m) must_check;

/* The same up to the set of one epoch; CF_EFOREIGN, too: there was no such epoch. */
int succession_at(struct view bytes, const struct hash *network, uint64_t epoch,
		  struct members *m) must_check;

/* The set that the block of this height decided, from own stores. CF_ENOTFOUND: it decided none. */
int succession_decided(struct chain *c, struct db_txn *txn, uint64_t height,
		       struct members *ret_m) must_check;

/* From the genesis to the set of this epoch, appended. Errors: CF_ETOOBIG (more than SUCCESSION_MAX changes),
 * CF_ENOTFOUND (there was no such epoch), CF_ECORRUPT, CF_EIO. */
int succession_make(struct chain *c, struct db_txn *txn, uint64_t epoch, struct buf *out) must_check;

#endif
