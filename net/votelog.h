/* SPDX-License-Identifier: Apache-2.0 */
/*
 * votelog.h - what a replica has signed, on disk before it is sent: records of the PBFT core, oldest first.
 *
 * Two stores of ledger/segment.h in dir/a and dir/b. One is in use; votelog_replace writes the other one,
 * makes it durable, and only then turns to it. Each begins with its generation and the number of records it
 * was started with, so that a crash at any instruction leaves one whole log: the complete one of the higher
 * generation.
 */
#ifndef NET_VOTELOG_H
#define NET_VOTELOG_H

#include "ledger/buf.h"

struct votelog;

/* dir is made when missing. Errors: CF_ECORRUPT (a record is damaged: this replica must not vote), CF_EIO,
 * CF_EFULL, CF_ENOMEM. */
int votelog_open(const char *dir, struct votelog **ret_v) must_check;
void votelog_close(struct votelog *v); /* accepts NULL */

/* A non-zero answer of on_record ends the walk and is returned. */
int votelog_walk(struct votelog *v, int (*on_record)(void *ctx, struct view record), void *ctx) must_check;

/* Not durable before votelog_sync. A failure of either is final: stop the replica. Errors: CF_EFULL, CF_EIO.
 */
int votelog_append(struct votelog *v, struct view record) must_check;
int votelog_sync(struct votelog *v) must_check;

/* These records are the whole log from here on; durable when it returns. On failure the old log stands. */
int votelog_replace(struct votelog *v, const struct view *records, size_t count) must_check;

uint64_t votelog_bytes(const struct votelog *v);

#endif
