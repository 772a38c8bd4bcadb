/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claim.h - a patient's consent to become the owner of a chart that an organization kept in custody.
 *
 * Two keys change hands over a chart: the custodian signs the transaction, the patient this consent. It names
 * network, patient, custodian and owner, so that it serves for no other handing over; a chart is owned once
 * and for all, so that it serves no second time. Between people it travels as one line of text:
 *
 *     chartfs-consent-v1 PATIENT CUSTODIAN OWNER SIGNATURE        (hexadecimal)
 */
#ifndef ACL_CLAIM_H
#define ACL_CLAIM_H

#include "acl/op.h"
#include "ledger/crypto.h"

#define CLAIM_TEXT_BYTES 256 /* with NUL */

struct claim {
	struct patient_id patient;
	struct identity_id custodian;
	struct identity_id owner;
	uint8_t sig[SIG_BYTES]; /* by the owner's signing key */
};

/* SHA-256("chartfs claim v1" NUL network patient custodian owner) signed. Fills c->sig. */
int claim_sign(struct claim *c, const struct hash *network, const struct crypto_key *owner_key) must_check;
/* CF_ESIG; CF_EDECODE for a point that is none. */
int claim_verify(const struct claim *c, const struct hash *network,
		 const uint8_t owner_point[POINT_BYTES]) must_check;

/* The line, without its end. */
void claim_format(const struct claim *c, char ret_text[CLAIM_TEXT_BYTES]);
/* White space around the line is ignored. CF_EINVAL, and what is wrong. */
int claim_parse(const char *text, struct claim *ret_c) must_check;

#endif
