/* SPDX-License-Identifier: Apache-2.0 */
/*
 * purpose.h - why somebody reads: codes of HL7's value set PurposeOfUse (v3-ActReason), as a lease records
 * them.
 */
#ifndef ACL_PURPOSE_H
#define ACL_PURPOSE_H

#include "ledger/buf.h"

#define PURPOSE_DEFAULT "TREAT"
#define PURPOSE_BYTES_MAX 16

/* The code of a word: a code itself, or its long name ("TREATMENT"). CF_EUSAGE lists them all. */
int purpose_parse(const char *word, const char **ret_code) must_check;
bool purpose_is_code(struct view code);
/* As a grant has it, from 1 in the order of the table; 0: no such code. */
uint16_t purpose_number(struct view code);
const char *purpose_code(uint16_t number); /* NULL: no such number */

#endif
