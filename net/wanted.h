/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wanted.h - roots of blob trees that committed transactions name and that are not whole here: the repair
 * list.
 *
 * Kept in a file with the height up to which the chain was looked through; what was committed after the
 * last save is found again by reading those blocks. One thread, the keeper's.
 */
#ifndef NET_WANTED_H
#define NET_WANTED_H

#include "ledger/chain.h"

#define WANTED_MAX 65536

struct wanted;

/* path: the file, need not be there. Reads the blocks above the height in it. CF_ECORRUPT, CF_EIO, CF_ENOMEM.
 */
int wanted_open(const char *path, struct chain *chain, struct wanted **ret_w) must_check;
/* Saves. Accepts NULL. */
void wanted_close(struct wanted *w);

/* CF_ENOMEM, CF_EFULL (WANTED_MAX). One that is there already is fine. */
int wanted_add(struct wanted *w, const struct hash *root) must_check;
void wanted_remove(struct wanted *w, const struct hash *root);
size_t wanted_count(const struct wanted *w);
const struct hash *wanted_at(const struct wanted *w, size_t i);

/* All transactions up to height have been looked at: written when it changed much or a root came or went. */
int wanted_save(struct wanted *w, uint64_t height) must_check;

#endif
