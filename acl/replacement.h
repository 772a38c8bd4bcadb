/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replacement.h - another owner for the chart of a patient whose keys are lost, as people carry it around
 * until enough governors have approved.
 *
 * What is signed, by the new owner and by each who approves, names network, patient, old and new owner, and
 * since when the old one owns the chart: it serves for no other chart, no second time, and not when the chart
 * has come back to that owner. Between people it is a text file, hexadecimal but for SINCE, HEIGHT.INDEX:
 *
 *     chartfs-replacement-v1 PATIENT OLD NEW SINCE CONSENT      CONSENT: the new owner's signature
 *     approval IDENTITY SIGNATURE                         of each who approves
 */
#ifndef ACL_REPLACEMENT_H
#define ACL_REPLACEMENT_H

#include "acl/op.h"
#include "ledger/crypto.h"

#define REPLACEMENT_TEXT_MAX 16384

struct replacement {
	struct patient_id patient;
	struct version since; /* of the patient's row, which every change of the owner writes */
	struct op_replace op;
};

/* SHA-256("chartfs replacement v2" NUL network patient old owner, height u64 and index u32 of since). */
struct hash replacement_digest(const struct patient_id *p, const struct op_replace *op, struct version since,
			       const struct hash *network);
int replacement_consent(struct replacement *r, const struct hash *network,
			const struct crypto_key *owner_key) must_check;
/* Adds or replaces who's approval. CF_ETOOBIG: there are OP_APPROVALS_MAX already. */
int replacement_approve(struct replacement *r, const struct hash *network, const struct identity_id *who,
			const struct crypto_key *key) must_check;

int replacement_format(const struct replacement *r, struct buf *out) must_check;
/* CF_EINVAL, and what is wrong in which line. */
int replacement_parse(struct view text, struct replacement *ret_r) must_check;

#endif
