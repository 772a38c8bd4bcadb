/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence_verify.h - a piece of evidence against nothing but the genesis file: offline, by anybody.
 */
#ifndef ACL_EVIDENCE_VERIFY_H
#define ACL_EVIDENCE_VERIFY_H

#include "acl/genesis.h"
#include "ledger/evidence.h"

#include <stdio.h>

struct evidence_facts {
	struct hash network;
	struct hash id;
	enum evidence_kind kind;
	char offender[2 * ROW_NAME_MAX +
		      2]; /* "peer2@hospitalB"; its id in hex when the genesis has no name */
	struct identity_id offender_id;
	uint8_t member;
	uint64_t epoch;
	uint64_t height;
	uint64_t view;
	struct hash tx; /* of endorsements */
	uint8_t witnesses;
};

/*
 * Against the members of the genesis file, who are those of epoch 0. Errors: CF_ECORRUPT (it proves nothing;
 * err_detail says why), CF_EDECODE (the genesis file), CF_ENOMEM.
 */
int evidence_verify(struct view genesis, struct view evidence, struct evidence_facts *ret_facts) must_check;

/* One fact a line, for people. */
void evidence_facts_print(const struct evidence_facts *f, FILE *to);

#endif
