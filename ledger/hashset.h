/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hashset.h - a bounded set of hashes that forgets everything when it is full: for "known to be complete".
 */
#ifndef LEDGER_HASHSET_H
#define LEDGER_HASHSET_H

#include "ledger/crypto.h"

struct hashset;

/* places: a power of two; three quarters of it are used. CF_ENOMEM. */
int hashset_new(size_t places, struct hashset **ret_s) must_check;
void hashset_free(struct hashset *s);                      /* accepts NULL */
void hashset_add(struct hashset *s, const struct hash *h); /* not of zeros */
bool hashset_has(const struct hashset *s, const struct hash *h);
void hashset_clear(struct hashset *s);

#endif
