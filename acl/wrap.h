/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wrap.h - sections' keys sealed to one recipient: the body of an ANNEX_WRAP item.
 *
 * recipient[16], u16 count, count x {u8 section, u32 epoch} strictly ascending, in clear; then count x
 * {K_grant[32], name key[32]} sealed by HPKE (info: "chartfs wrap v1" NUL network patient recipient; aad: the
 * clear part). So a wrap fits no other network, patient, recipient, section or epoch.
 */
#ifndef ACL_WRAP_H
#define ACL_WRAP_H

#include "acl/hpke.h"
#include "acl/keyring.h"

#define WRAP_KEYS_MAX 4096

struct wrap_key {
	uint8_t section;
	uint32_t epoch;
	uint8_t grant[SECTION_KEY_BYTES]; /* K_grant of the epoch */
	uint8_t name[SECTION_KEY_BYTES];  /* the same in all epochs */
};

struct wrap {
	struct identity_id recipient;
	uint16_t count;
	const uint8_t *pair; /* count pairs, view into the body */
	struct view clear;
	struct view sealed;
};

/* CF_EDECODE. Views point into the body. */
int wrap_decode(struct view body, struct wrap *ret_w) must_check;
/* The i-th pair; i < count is asserted. */
void wrap_pair(const struct wrap *w, unsigned i, uint8_t *ret_section, uint32_t *ret_epoch);
bool wrap_has(const struct wrap *w, uint8_t section, uint32_t epoch);
/*
 * Does an annex wrap this section and epoch to the recipient? ret_lowest gets the first of the unbroken
 * epochs up to it that are wrapped, too. Looks at the clear parts alone. CF_ENOTFOUND, CF_EDECODE.
 */
int wrap_find(struct view annex, const struct identity_id *recipient, uint8_t section, uint32_t epoch,
	      uint32_t *ret_lowest) must_check;

/* Appends a body. keys must be strictly ascending by section and epoch, 1 to WRAP_KEYS_MAX. */
int wrap_seal(const struct hash *network, const struct patient_id *p, const struct identity_id *recipient,
	      const uint8_t kem_point[POINT_BYTES], const struct wrap_key *keys, size_t count,
	      struct buf *out) must_check;
/* ret_keys has room for w->count and is wiped by the caller. CF_ECORRUPT: not for this key, network or
 * patient. */
int wrap_open(const struct wrap *w, const struct crypto_key *kem, const struct hash *network,
	      const struct patient_id *p, struct wrap_key *ret_keys) must_check;

#endif
