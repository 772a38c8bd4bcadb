/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expiry.h - how long an identity's certificates last, said in time.
 *
 * The first that ends decides: the own one, or one of the authorities above it that are in its chain.
 */
#ifndef ACL_EXPIRY_H
#define ACL_EXPIRY_H

#include "acl/identity.h"

#define EXPIRY_WARN_DAYS 30

struct expiry {
	char name[CERT_NAME_MAX + 1]; /* of the certificate that ends first */
	uint64_t not_after_ms;
	uint64_t days; /* that are left, rounded down; 0: less than one, or it has ended */
	bool soon;     /* within EXPIRY_WARN_DAYS */
	bool ended;
};

void expiry_of(const struct identity *id, uint64_t now_ms, struct expiry *ret_e);
/* A sentence for people: "the certificate of dr9 ends in 12 days: renew it (chartfs-ca reenroll)"; "" when
 * that is far. */
void expiry_text(const struct expiry *e, char *ret_text, size_t bytes);

#endif
