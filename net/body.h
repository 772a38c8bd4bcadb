/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body.h - what a replica needs to know of a block's wire body besides acl/apply: its name, and a verdict by
 * sight.
 */
#ifndef NET_BODY_H
#define NET_BODY_H

#include "ledger/block.h"

/*
 * The block's hash, once every byte of the body is known to be bound by it: the body root binds the
 * transactions, their proposals bind the annexes. Pure. CF_EDECODE.
 */
int body_digest(const struct hash *network, struct view body, struct hash *ret_digest) must_check;

/*
 * The verdicts of a block before it is applied: only if they are all VALID, which the verdict root shows.
 * Appends one byte a transaction. CF_ENOTFOUND when they are not all VALID; CF_EDECODE, CF_ENOMEM.
 */
int body_verdicts_if_valid(struct view body, struct buf *out) must_check;

/* A request of the PBFT core: bytes transaction || bytes annex. */
int body_request_encode(struct view tx, struct view annex, struct buf *out) must_check;
int body_request_decode(struct view request, struct view *ret_tx, struct view *ret_annex) must_check;

#endif
