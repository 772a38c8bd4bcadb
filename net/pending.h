/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pending.h - until which height each request in the pool may be in a block, so that the pool is told of
 * those whose time is over: no leader would propose them, and nobody may complain about that; and how many
 * are whose, so that no identity fills the pool. One thread.
 */
#ifndef NET_PENDING_H
#define NET_PENDING_H

#include "ledger/certificate.h"
#include "ledger/crypto.h"

/* Waiting requests of one identity, however many connections bring them: further ones have to wait outside.
 */
#define PENDING_OF_ONE_MAX 512
#define PENDING_OF_ONE_BYTES_MAX ((size_t)16 << 20)

struct pending;

int pending_new(struct pending **ret_p) must_check;
void pending_free(struct pending *p); /* accepts NULL */

/* CF_ENOMEM; CF_EAGAIN: its creator has as many as one may have. One that is there already stays as it is. */
int pending_add(struct pending *p, const struct hash *id, uint64_t valid_until,
		const struct identity_id *creator, size_t bytes) must_check;
void pending_remove(struct pending *p, const struct hash *id);
/* Takes out up to max requests that can be in no block above height; how many. */
size_t pending_expire(struct pending *p, uint64_t height, struct hash *ret_ids, size_t max);
size_t pending_count(const struct pending *p);

#endif
