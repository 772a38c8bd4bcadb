/* SPDX-License-Identifier: Apache-2.0 */
/*
 * accuse.h - an endorser that signed other writes than f + 1 who read the same (ledger/evidence.h).
 */
#ifndef NET_ACCUSE_H
#define NET_ACCUSE_H

#include "net/job.h"

/*
 * Appends evidence against `member`, who signed this read-write set by this signature, when enough others of
 * the job's answers say something else. False: they do not (or no memory). That they read the same, and what
 * the signatures are worth, is for evidence_check() to find. Under the submitter's lock.
 */
bool accuse_endorser(const struct client_job *job, const struct roster *r, const struct hash *network,
		     unsigned member, struct view rwset, const struct sigpath *sig,
		     struct buf *out) must_check;

/* The same of any member whose answer is kept, once this one's has come. */
bool accuse_any(const struct client_job *job, const struct roster *r, const struct hash *network,
		struct buf *out) must_check;

#endif
