/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca_crowd.h - from which machines the applications that wait have come: strangers apply, and one of them
 * shall not take all the room that there is. In memory: of what waited before the process began nothing is
 * known.
 */
#ifndef ACL_CA_CROWD_H
#define ACL_CA_CROWD_H

#include "acl/application.h"

#define CA_WAITING_OF_ONE_MAX 100 /* of one machine, of CA_WAITING_MAX */

struct ca_crowd {
	struct {
		struct application_id id;
		uint64_t machine;
	} * item;
	size_t count;
};

void ca_crowd_release(struct ca_crowd *c);
/* Is there room for one more, of this machine (0: this one, which may take all)? CF_EAGAIN. */
int ca_crowd_check(struct ca_crowd *c, const char *dir, uint64_t machine) must_check;
/* ca_store_apply, remembered. */
int ca_crowd_apply(struct ca_crowd *c, const char *dir, uint64_t machine, struct view application) must_check;

#endif
