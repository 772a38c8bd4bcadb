/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holders.h - which peers hold a share of the key behind K_trace (acl/trace.h): SK_NETWORK "trace".
 *
 * Value: u8 version 1, u16 generation, u8 threshold, count8 {identity[16], key-agreement point[65], public
 * share[65]}, the holders in the order of their numbers, from 1. A peer that has another key-agreement key by
 * now has lost its share (zeros: it was dealt none), and one that is no member gives none. Generation 0 are
 * the founders; acl/reshare.h makes the next ones, and leaves the one before as SK_NETWORK "trace
 * <generation>": answers that were wrapped then are verified against it.
 */
#ifndef ACL_HOLDERS_H
#define ACL_HOLDERS_H

#include "acl/genesis.h"
#include "ledger/crypto_prf.h"

#define HOLDERS_THRESHOLD_MAX 6 /* of 16 members */

struct holder {
	struct identity_id id;
	uint8_t kem_point[POINT_BYTES]; /* what the share was sealed to */
	uint8_t public[POINT_BYTES];
};

struct holders {
	uint16_t generation;
	uint8_t threshold;
	uint8_t count;
	struct holder holder[MEMBERS_MAX];
};

/* The members of a genesis, by its contributions. */
int holders_of_genesis(const struct genesis *g, struct holders *ret_h) must_check;
int holders_encode(const struct holders *h, struct buf *out) must_check;
int holders_decode(struct view bytes, struct holders *ret_h) must_check; /* CF_EDECODE */
/* As the readers of acl/rowread.h. */
int row_holders(struct db_txn *txn, struct rwset_builder *out, struct holders *ret_h) must_check;
int state_holders(struct db_txn *txn, struct holders *ret_h) must_check;

int state_holders_of(struct db_txn *txn, unsigned generation, struct holders *ret_h) must_check;
int row_holders_of(struct db_txn *txn, struct rwset_builder *out, unsigned generation,
		   struct holders *ret_h) must_check;
struct statekey holders_key(unsigned generation); /* of those that no longer are the newest */

/* The place of an identity among them; count: it is none. */
unsigned holders_find(const struct holders *h, const struct identity_id *id);
/* How many of these members still have the share they were given. */
unsigned holders_left(const struct holders *h, const struct members *m);

#endif
