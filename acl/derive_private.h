/* SPDX-License-Identifier: Apache-2.0 */
/*
 * derive_private.h - what the derive*.c files share: keys, and rows of numbers.
 */
#ifndef ACL_DERIVE_PRIVATE_H
#define ACL_DERIVE_PRIVATE_H

#include "acl/derive.h"

#define NS_PER_MS UINT64_C(1000000)
#define KEY_DIR 'd'     /* patient, node -> entries, subdirectories, time, in doubt version (derive_past.c) */
#define KEY_PATIENT 'p' /* patient -> counters */
#define KEY_KNOWN 'k'   /* identity, patient -> why */
#define KEY_TRACE 't'   /* identity, patient, section, epoch, window, transaction */
#define KEY_WRAP 'w'    /* identity, patient, section, epoch, transaction */

#define DERIVE_NUMBERS 3      /* of a row */
#define DERIVE_NUMBERS_PAST 5 /* of a directory's row whose time is in doubt */

struct derive_key {
	uint8_t b[1 + IDENTITY_BYTES + PATIENT_BYTES + 1 + 4 + 4 + HASH_BYTES];
	size_t len;
};

struct derive_key derive_key(char kind);
void derive_key_add(struct derive_key *k, const void *data, size_t bytes);
struct view derive_key_view(const struct derive_key *k);
struct derive_key derive_dir_key(const struct patient_id *p, const struct node_id *dir);
struct derive_key derive_patient_key(const struct patient_id *p);

/* A row of count numbers; all zero when there is none. A directory's may have a version behind its three. */
int derive_numbers_get(struct db_txn *txn, const struct derive_key *k, uint64_t *ret_numbers,
		       unsigned count) must_check;
int derive_numbers_put(struct db_txn *txn, const struct derive_key *k, const uint64_t *numbers,
		       unsigned count) must_check;

/* What an entry's or a node's row contributes is added (by 1) or taken away (by -1). */
int derive_count_entry(struct view value, uint64_t n[DERIVE_NUMBERS], int by) must_check;
int derive_count_node(struct view value, uint64_t n[DERIVE_NUMBERS], int by,
		      enum node_type *ret_type) must_check;
/* Who may know of a patient by these rows of the state, which replace nothing. */
int derive_known(struct db_txn *txn, const struct patient_id *p, const struct statekey_parts *parts,
		 struct view value) must_check;

/* One walk over the rows whose key begins so; the rest of each key is handed on. */
int derive_walk(struct db_txn *txn, const struct derive_key *prefix,
		int (*on_rest)(void *ctx, struct view rest), void *ctx) must_check;

#endif
