/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove.h - the portable proof (acl/proof.h) of what a file shows, with the key that lets its plaintext be
 * checked.
 */
#ifndef FS_PROVE_H
#define FS_PROVE_H

#include "fs/chart.h"

/*
 * file: a PLACE_NODE of a record or attachment, live or past. Appends; facts of the version proven. Errors:
 * CF_EDENIED (who may not read it may not prove it), CF_ENOTFOUND (nothing committed), CF_ECORRUPT.
 */
int prove_file(struct chart *c, const struct place *file, struct buf *out,
	       struct chart_facts *ret_facts) must_check;

#endif
