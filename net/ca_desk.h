/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca_desk.h - where a tool asks an authority: at its directory on this machine, or over the network. The same
 * questions, the same answers.
 */
#ifndef NET_CA_DESK_H
#define NET_CA_DESK_H

#include "acl/ca_office.h"

struct ca_desk;

/*
 * target: a directory (ca_passphrase opens its key), or a tls+tcp:// URL. root_path: the root's certificate,
 * to which the authority must lead. Errors: those of ca_office_open; CF_ECONFIG (URL).
 */
int ca_desk_open(const char *target, const char *root_path, const char *ca_passphrase,
		 struct ca_desk **ret_d) must_check;
void ca_desk_close(struct ca_desk *d); /* accepts NULL */
bool ca_desk_is_remote(const char *target);

/* Asks; the answer is appended. The authority's own error and reason, or CF_ENETWORK when none came in time.
 */
int ca_desk_ask(struct ca_desk *d, enum ca_kind kind, struct view bytes, struct buf *ret_answer) must_check;
/* Signs the body as `by` for this authority, then asks. */
int ca_desk_ask_as(struct ca_desk *d, enum ca_kind kind, struct view body, const struct identity *by,
		   struct buf *ret_answer) must_check;
/* The authority's certificates, checked up to the root; views into *text, which the caller releases. */
int ca_desk_about(struct ca_desk *d, struct buf *text, struct view ret_chain[CERT_CHAIN_MAX],
		  size_t *ret_count, struct cert_info *ret_info) must_check;
/* DER of the root. */
struct view ca_desk_root(const struct ca_desk *d);

#endif
