/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heard.h - what the members have told of themselves: heights, when, and answers to WIRE_STATUS_ASK.
 *
 * A member may lie about its height; heard_sure() is a height that at least one honest member has. Any
 * thread.
 */
#ifndef NET_HEARD_H
#define NET_HEARD_H

#include "net/client_link.h"

struct heard;

int heard_new(struct heard **ret_h) must_check;
void heard_free(struct heard *h); /* accepts NULL */

/* A member told of a height, in whatever message. */
void heard_height(struct heard *h, unsigned member, uint64_t height);
/* A status came; request is the number of the ask it answers. */
void heard_status(struct heard *h, unsigned member, uint64_t request, const struct wire_status *s);

/* The greatest height told and when a member was last heard (0: never); both may be NULL. */
void heard_newest(struct heard *h, uint64_t *ret_height, uint64_t *ret_heard_ms);
/* The (f+1)-th greatest height told by a set of n members; 0 when fewer have told any. */
uint64_t heard_sure(struct heard *h, unsigned n);

/* Sends an ask to all members without waiting; its number. */
uint64_t heard_poll(struct heard *h, struct links *l);

/*
 * Asks all members and waits until `wanted` of them have answered (0: all that are connected), or until_ms.
 * Fills ret_status (MEMBERS_MAX places) of those in the mask it returns. A detail lives as long as h.
 */
uint32_t heard_ask(struct heard *h, struct links *l, unsigned wanted, uint64_t until_ms,
		   struct wire_status *ret_status);

#endif
