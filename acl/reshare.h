/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reshare.h - the members share the key of acl/trace.h anew, so that those who came hold a share, too.
 *
 * A generation of holders (acl/holders.h) makes the next one, of the members of now: as many holders as make
 * the key each deal their share (acl/contribution.h), and a member that has opened its share in every deal
 * takes it. Once all members but as many as may fail have taken theirs, the generation is in force. The key
 * stays what it was (ledger/crypto_prf.h). A deal that is not of the dealer's own share is refused; one that
 * holds no share for some member is undone when that member shows it, and its dealer deals no more among
 * these members. Who shows it after the generation is in force counts as holding no share, and another
 * generation is made. Each step is a transaction of a peer: all peers know the same deals.
 *
 * SK_NETWORK "deals <generation>": u8 version 1, u64 epoch, u16 accused, u16 taken, count8 {u8 dealer, bytes
 * deal}. Dealers are places among the holders, ascending in time; accused are bits of such places; taken,
 * bits of members' numbers. Another set of members (epoch) begins again. The row stays: shares are opened
 * from it.
 */
#ifndef ACL_RESHARE_H
#define ACL_RESHARE_H

#include "acl/contribution.h"
#include "acl/holders.h"
#include "acl/identity.h"

struct deals {
	uint64_t epoch;
	uint16_t accused;
	uint16_t taken;
	uint8_t count;
	uint8_t dealer[HOLDERS_THRESHOLD_MAX];
	struct view deal[HOLDERS_THRESHOLD_MAX];
};

int deals_encode(const struct deals *d, struct buf *out) must_check;
int deals_decode(struct view bytes, struct deals *ret_d) must_check; /* CF_EDECODE */
struct statekey deals_key(unsigned generation);
/* Those of a generation, as the readers of acl/rowread.h. */
int row_deals(struct db_txn *txn, struct rwset_builder *out, unsigned generation,
	      struct deals *ret_d) must_check;
/* Those for the generation after h, by the members of this epoch. There are none yet: who was found out when
 * h was made, among the same members, is accused from the beginning. */
int row_next_deals(struct db_txn *txn, struct rwset_builder *out, const struct holders *h, uint64_t epoch,
		   struct deals *ret_d) must_check;
/* SHA-256("chartfs deals v1" NUL, count8 {u8 dealer, SHA-256 of the deal}). */
struct hash deals_digest(const struct deals *d);

/* Is somebody a holder who is no member any more, or a member none? */
bool reshare_is_due(const struct holders *h, const struct members *m);
/* May this member, or somebody of this name, deal? Its place; holders' count: no. */
unsigned reshare_dealer(const struct holders *h, const struct members *m, const struct identity_id *id);
/* How many members have to take their shares. */
unsigned reshare_takers(const struct members *m);
/* The holders that these deals of all dealers make. CF_ECORRUPT. */
int reshare_holders(const struct holders *old, const struct deals *d, const struct members *m,
		    struct holders *ret_new) must_check;

/*
 * An own share of a generation, opened and checked. Generation 0 is opened from the genesis. Caller wipes.
 * CF_ENOTFOUND: this identity, with this key, holds none. CF_ECORRUPT.
 */
int reshare_share(struct db_txn *txn, const struct genesis *g, unsigned generation, const struct identity *id,
		  uint8_t ret_share[SCALAR_BYTES]) must_check;
/* The share that the member of this number was dealt, before it has taken it. ret_dealer: of CF_ECORRUPT,
 * whose deal holds none. Caller wipes. */
int reshare_open(const struct deals *d, unsigned number, const struct identity_id *id,
		 const struct crypto_key *kem, unsigned *ret_dealer,
		 uint8_t ret_share[SCALAR_BYTES]) must_check;

/* May a proposal of these operations write this value to this key? */
struct tx_proposal;
bool reshare_may_write(const struct tx_proposal *p, struct view key, struct view value);

#endif
