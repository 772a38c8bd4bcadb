/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sigcache.h - signatures that were verified once are not verified again, and keys are parsed once.
 *
 * Bounded; forgetting costs time and never a wrong answer. What is remembered is the hash of key, signed
 * digest and signature together, of good ones only. Any thread.
 */
#ifndef ACL_SIGCACHE_H
#define ACL_SIGCACHE_H

#include "ledger/tx.h"

#define SIGCACHE_SIGNATURES 16384
#define SIGCACHE_KEYS 1024

struct sigcache;

int sigcache_new(struct sigcache **ret_c) must_check;
void sigcache_free(struct sigcache *c); /* accepts NULL */

/* As sigpath_verify, with the signer's point. Errors: CF_ESIG (also for a bad point), CF_ENOMEM. */
int sigcache_verify(struct sigcache *c, const struct sigpath *s, enum sig_kind kind,
		    const struct hash *network, const struct hash *digest,
		    const uint8_t point[POINT_BYTES]) must_check;

/* A signature made here: it needs no verification. */
void sigcache_own(struct sigcache *c, const struct sigpath *s, enum sig_kind kind, const struct hash *network,
		  const struct hash *digest, const uint8_t point[POINT_BYTES]);

#endif
