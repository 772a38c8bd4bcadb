/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.h - the signing gate: the one holder of the voting key, which never signs two things for one slot.
 *
 * CORRECTNESS 1.5; the rules are those of struct pbft_keys (net/pbft.h). It remembers per kind the last slot
 * and digest signed. After a restart it is filled from the vote log before anything is signed. One thread.
 */
#ifndef NET_GATE_H
#define NET_GATE_H

#include "net/pbft.h"

struct gate;

/* The key is borrowed. CF_ENOMEM. */
int gate_new(const struct crypto_key *key, struct gate **ret_g) must_check;
void gate_free(struct gate *g); /* accepts NULL */

/* Fills in what was signed before: from the vote log, oldest first. */
void gate_remember(struct gate *g, const struct pbft_slot *slot, const struct hash *digest);

/*
 * Could this have been signed here? False: the slot is above all that is remembered of its kind, or holds
 * another digest. When the signature is good, what was signed has been forgotten: the log is not the one
 * there was.
 */
bool gate_may_have_signed(const struct gate *g, const struct pbft_slot *slot, const struct hash *digest);

/* Errors: CF_EPERM (refused: err_detail says why), and those of crypto_sign. */
int gate_sign(struct gate *g, const struct pbft_slot *slot, const struct hash *digest,
	      uint8_t ret_sig[SIG_BYTES]) must_check;

#endif
