/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring_private.h - what keyring.c (holding keys) and keyring_wrap.c (handing them out) share.
 */
#ifndef ACL_KEYRING_PRIVATE_H
#define ACL_KEYRING_PRIVATE_H

#include "acl/wrap.h"

const struct identity *keyring_identity(const struct keyring *k);
const struct hash *keyring_network(const struct keyring *k);

/* The unwrapped keys of an epoch, from memory or from the ledger. Errors as keyring_get. Wipe after use. */
int keyring_find(struct keyring *k, struct db_txn *txn, const struct patient_id *p, uint8_t section,
		 uint32_t epoch, struct wrap_key *ret_key) must_check;
/* Remembers. */
int keyring_hold(struct keyring *k, const struct patient_id *p, const struct wrap_key *keys,
		 size_t count) must_check;

#endif
