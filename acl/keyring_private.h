/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring_private.h - what keyring.c (holding keys), keyring_find.c (out of annexes) and keyring_wrap.c
 * (handing them out) share.
 */
#ifndef ACL_KEYRING_PRIVATE_H
#define ACL_KEYRING_PRIVATE_H

#include "acl/wrap.h"

const struct identity *keyring_identity(const struct keyring *k);
const struct hash *keyring_network(const struct keyring *k);

/* The unwrapped keys of an epoch, from memory or from the ledger. Errors as keyring_get. Wipe after use. */
int keyring_find(struct keyring *k, struct db_txn *txn, const struct patient_id *p, uint8_t section,
		 uint32_t epoch, struct wrap_key *ret_key) must_check;
/* The same from memory alone. */
bool keyring_recall(struct keyring *k, const struct patient_id *p, uint8_t section, uint32_t epoch,
		    struct wrap_key *ret_key);
/* Remembers. */
int keyring_hold(struct keyring *k, const struct patient_id *p, const struct wrap_key *keys,
		 size_t count) must_check;

/* Names of one epoch, without a keyring: what derive_names gives. */
int keyring_names_of(const struct wrap_key *key, const struct patient_id *p, uint32_t window,
		     struct section_keys *ret_keys) must_check;

/* Of the names right below the section that were sealed in the key's epoch, some. */
struct keyring_score {
	unsigned tried;
	unsigned opened;
};
/* Is this the key of its epoch? It is, as far as names open with it (keyring_probe.c). */
int keyring_probe(struct keyring *k, struct db_txn *txn, const struct patient_id *p,
		  const struct wrap_key *key, struct keyring_score *ret_score) must_check;

/*
 * Halves of window keys that came from the peers, in locked memory (keyring_trace.c). One held for reading
 * does for both uses; one that has ended is no longer there.
 */
struct traces;
int traces_new(struct traces **ret_t) must_check;
void traces_free(struct traces *t);                                     /* wipes; accepts NULL */
void traces_forget(struct traces *t, const struct patient_id *patient); /* NULL: all */
/* Fills trace and until_ms. */
bool traces_recall(struct traces *t, struct section_keys *keys, enum keys_use use);
int traces_hold(struct traces *t, const struct section_keys *keys, enum keys_use use,
		const struct trace_answers *a) must_check;
/* keys->trace from the peers' answers. CF_ECORRUPT. */
int traces_key(struct db_txn *txn, const struct hash *network, const struct trace_answers *a,
	       struct section_keys *keys) must_check;
/* From an annex. CF_ENOTFOUND: none is for this identity, or opens. */
int traces_unwrap(struct db_txn *txn, const struct identity *identity, const struct hash *network,
		  struct section_keys *keys, struct trace_answers *ret_answers) must_check;
struct traces *keyring_traces(struct keyring *k);

#endif
