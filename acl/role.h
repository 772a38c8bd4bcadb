/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role.h - roles (the paper's section 3.1), verbs, and what a role may do at all: one table.
 *
 * RBAC says what a role may do at all; a patient's grant says on which sections, with which verbs, until
 * when (acl/contract.h). acl/ACCESS.md explains both.
 */
#ifndef ACL_ROLE_H
#define ACL_ROLE_H

#include "ledger/err.h"

#include <stdbool.h>
#include <stdint.h>

enum role {
	ROLE_PATIENT = 1,
	ROLE_DOCTOR = 2,
	ROLE_MANAGER = 3,
	ROLE_GOVERNOR = 4,
	ROLE_PEER = 5,
};

const char *role_name(enum role r); /* "doctor"; "?" */
int role_parse(const char *name, enum role *ret_role) must_check;

/* Verbs of a grant, as bits. */
#define VERB_READ 1u
#define VERB_ADD 2u
#define VERB_MODIFY 4u
#define VERB_DELETE 8u
#define VERB_GRANT                                                                              \
	16u /* may grant on: the owner, the custodian, and the admitting staff while in custody \
	     */
#define VERB_ALL (VERB_READ | VERB_ADD | VERB_MODIFY | VERB_DELETE)

/* "read,add,modify" <-> bits. CF_EUSAGE names the wrong word. */
int verbs_parse(const char *list, unsigned *ret_verbs) must_check;
void verbs_format(unsigned verbs, char *ret_text, size_t bytes);

/* The verbs a role may ever be granted on patients' sections. */
unsigned role_verbs(enum role r);
/* May this role admit a patient who has no key of their own? */
bool role_may_admit(enum role r);
/* May this role put evidence of a member's lie on the ledger? The evidence proves itself, whoever brings it.
 */
bool role_may_report(enum role r);
/* Does it come by the public gateway (patients, governors) and not by the private one (doctors, managers)? */
bool role_is_public(enum role r);
/* May this role change the network's configuration? */
bool role_may_configure(enum role r);

#define SECTION_COUNT 16 /* EMR01..EMR16 are 1..16; 0 is the patient's own directory (patient.json) */
#define SECTIONS_ALL ((UINT32_C(1) << (SECTION_COUNT + 1)) - 1) /* as bits: sections 0..16 */

/* "EMR02,EMR04", "EMR01-EMR16", "patient", "all" -> bit i for section i (bit 0: the patient directory).
 * CF_EUSAGE. */
int sections_parse(const char *list, uint32_t *ret_sections) must_check;
/* "EMR05" <-> 5; 0 when the name is none. */
unsigned section_of_name(const char *name);
const char *section_name(unsigned section); /* "EMR05"; "patient" for 0 */
const char *
section_title(unsigned section); /* "Treatment records"; a consortium may relabel in its genesis */

#endif
