/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hashset.h - a set of hashes: exact, grows on demand. Who fills it bounds it.
 *
 * Where a hash lies depends on a secret of the set: hashes that somebody chose lie as far apart as others.
 */
#ifndef LEDGER_HASHSET_H
#define LEDGER_HASHSET_H

#include "ledger/crypto.h"

struct hashset;

/* An empty one takes next to no memory. CF_ENOMEM. */
int hashset_new(struct hashset **ret_s) must_check;
void hashset_free(struct hashset *s); /* accepts NULL */
/* Of any hash but zeros. *ret_added (may be NULL): it was not in it before. CF_ENOMEM. */
int hashset_add(struct hashset *s, const struct hash *h, bool *ret_added) must_check;
/* For what is only good to know: all is forgotten first when so many are in it, and this one for lack of
 * memory.
 */
void hashset_remember(struct hashset *s, const struct hash *h, size_t most);
bool hashset_has(const struct hashset *s, const struct hash *h);
void hashset_clear(struct hashset *s); /* gives its memory back */

#endif
