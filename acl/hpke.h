/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hpke.h - RFC 9180, base mode, single shot: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
 */
#ifndef ACL_HPKE_H
#define ACL_HPKE_H

#include "ledger/buf.h"
#include "ledger/crypto.h"

#define HPKE_AEAD_ID 0x0002 /* AES-256-GCM */
#define HPKE_ENC_BYTES POINT_BYTES
#define HPKE_OVERHEAD_BYTES (HPKE_ENC_BYTES + AEAD_TAG_BYTES)

/* Appends enc || ciphertext || tag. Errors: CF_EDECODE (bad recipient point), CF_ENOMEM. */
int hpke_seal(const uint8_t recipient[POINT_BYTES], struct view info, struct view aad, struct view plain,
	      struct buf *out) must_check;
/* Appends the plaintext. Errors: CF_EDECODE, CF_ECORRUPT (not for this key, info or aad). */
int hpke_open(const struct crypto_key *recipient, struct view info, struct view aad, struct view sealed,
	      struct buf *out) must_check;
/* By somebody who has not the recipient's key and was told the x coordinate of the shared point. Errors as
 * hpke_open. */
int hpke_open_shared(const uint8_t dh[32], const uint8_t recipient[POINT_BYTES], struct view info,
		     struct view aad, struct view sealed, struct buf *out) must_check;
/* The ephemeral key is given: for vectors, and where its owner has to prove that it is theirs. */
int hpke_seal_with(const struct crypto_key *ephemeral, const uint8_t recipient[POINT_BYTES], struct view info,
		   struct view aad, struct view plain, struct buf *out) must_check;

/*
 * The steps before the AEAD, also with the identifier and key length of another AEAD: the RFC's vectors for
 * P-256 are for those. mine and theirs make the shared point. Errors: CF_EDECODE, CF_ENOMEM. Caller wipes.
 */
struct hpke_secrets {
	uint8_t shared[HASH_BYTES];
	uint8_t key[AEAD_KEY_BYTES]; /* key_bytes of it */
	uint8_t nonce[AEAD_NONCE_BYTES];
};
int hpke_derive(const struct crypto_key *mine, const uint8_t theirs[POINT_BYTES],
		const uint8_t enc[POINT_BYTES], const uint8_t recipient[POINT_BYTES], struct view info,
		uint16_t aead_id, size_t key_bytes, struct hpke_secrets *ret_secrets) must_check;

#endif
