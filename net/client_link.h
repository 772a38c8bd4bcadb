/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_link.h - one GATEWAY link to each member: frames out, frames in with who sent them.
 *
 * A member is named by its index in the current set. Frames that must carry an envelope signature are handed
 * on only when the member of that link signed them; the others are signed inside or named by their hash, and
 * their readers check that. Any thread.
 */
#ifndef NET_CLIENT_LINK_H
#define NET_CLIENT_LINK_H

#include "acl/contract.h"
#include "acl/identity.h"
#include "net/transport.h"
#include "net/wire.h"

#define LINKS_ALL 0xffffffffu

/* The set of members with its parsed keys, shared by reference count. */
struct roster {
	_Atomic unsigned refs;
	struct members members;
	struct member_keys keys;
	unsigned quorum;
	uint32_t revoked; /* members whose endorsements, receipts and shares are dropped */
};

struct links;

struct links_config {
	const char
		*gateways; /* "URL,URL": in the order of the members, instead of their own; borrowed; NULL */
	const struct transport_tls *tls;
	struct hash network;
	const struct identity *identity; /* borrowed */
	void *ctx;
	/* On the transport's threads: short work only, no waiting. */
	void (*on_frame)(void *ctx, const struct roster *roster, unsigned member, const struct wire_frame *f);
	void (*on_up)(void *ctx, unsigned member);
};

int links_new(const struct links_config *config, struct links **ret_l) must_check;
/* No callback runs when it returns. Accepts NULL. */
void links_free(struct links *l);
/*
 * Ends all connections and lets go of the TLS material, so that its key can be wiped; a frame that is sent
 * meanwhile is lost. links_open dials the members again, with what config's tls says by then. Each of the two
 * after the other, not from a callback. CF_ENOMEM, CF_ECONFIG, CF_ENETWORK.
 */
void links_close(struct links *l);
int links_open(struct links *l) must_check;

/* Dials the members whose address is new; they connect in the background. Errors: CF_ENOMEM, CF_ECONFIG,
 * CF_ENETWORK. */
int links_set_members(struct links *l, const struct members *m) must_check;

/* The set of the state that txn shows, and who of it is revoked. */
int links_set_members_of(struct links *l, struct db_txn *txn) must_check;
/* Who of the current set is revoked; another answer makes another roster. CF_ENOMEM. */
int links_set_revoked(struct links *l, uint32_t revoked) must_check;

/* The current set; release it with roster_release. */
struct roster *links_roster(struct links *l);
void roster_release(struct roster *r); /* accepts NULL */

/* Members whose link is connected. */
uint32_t links_up(struct links *l);
/* Requests are numbered by the client; answers carry the number. Never 0. */
uint64_t links_next_request(struct links *l);

/*
 * Encodes once, sends to each member of mask whose link is connected and has room; those members. What is
 * sent may be lost: the caller repeats.
 */
uint32_t links_send(struct links *l, uint32_t mask, enum wire_kind kind, uint64_t request,
		    struct view payload);

#endif
