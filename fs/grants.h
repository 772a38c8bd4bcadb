/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grants.h - what somebody may do with a patient's sections, as lines of text: a file of GRANTS/.
 *
 *   EMR02,EMR04 read,add until 2026-12-31T18:00:00Z for TREAT
 *
 * Sections and verbs as `chartfs grant` has them (acl/role.h); until is left out of a grant without an end,
 * for of one for any purpose. Empty lines and what follows a '#' say nothing. A section stands in one line.
 */
#ifndef FS_GRANTS_H
#define FS_GRANTS_H

#include "acl/contract.h"

#define GRANTS_TEXT_BYTES_MAX 16384

/* By section; no verbs: no grant. */
struct grants {
	struct {
		unsigned verbs;
		uint64_t until_ms;
		uint16_t purpose; /* acl/purpose.h; 0: any */
	} section[SECTION_COUNT + 1];
};

/* What stands in the state. CF_ENOTFOUND: nothing at all. */
int grants_of(struct db_txn *txn, const struct patient_id *p, const struct identity_id *who,
	      struct grants *ret_grants) must_check;
/* The same end, as far as a text tells. */
bool grants_same(const struct grants *a, const struct grants *b, unsigned section);
int grants_format(const struct grants *g, struct buf *out) must_check;
/* CF_EINVAL names the line; also for a text that grants nothing. */
int grants_parse(struct view text, struct grants *ret_grants) must_check;

#endif
