/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca_office.h - an organization's authority at work: takes applications, lets managers decide, issues,
 * renews, revokes. The same for the offline tool, which opens it for one request, and for `chartfs-ca serve`.
 *
 * Who may what: anybody applies and collects; managers of the organization see applications, decide and
 * revoke; an identity renews its own certificate, by its key. A certificate of somebody who asks is checked
 * up to the root and against the authority's own memory of what it has revoked. One thread at a time.
 */
#ifndef ACL_CA_OFFICE_H
#define ACL_CA_OFFICE_H

#include "acl/ca_crowd.h"
#include "acl/ca_request.h"

#define CA_CRL_DAYS 30
#define CA_IDENTITY_DAYS 365

struct ca_office {
	struct ca ca;
	char dir[4096];
	struct buf root;   /* DER */
	unsigned days;     /* validity of what it issues; 0: CA_IDENTITY_DAYS */
	unsigned crl_days; /* 0: CA_CRL_DAYS */
	int lock;          /* the open lock file */
	struct ca_crowd crowd;
};

/*
 * root_path: the root's certificate (PEM). Errors: those of ca_load, CF_EBUSY (another process has it open),
 * CF_EFOREIGN (the authority does not lead to this root).
 */
int ca_office_open(const char *dir, const char *passphrase, const char *root_path,
		   struct ca_office *ret_o) must_check;
void ca_office_close(struct ca_office *o);

/*
 * One question, from a machine (the transport's name for it; 0: this one). bytes: the body of an open kind, a
 * ca_request of a signed one; the answer is appended. A refusal's reason is in err_detail. Errors:
 * CF_EDECODE, CF_ESIG, CF_EDENIED, CF_EEXIST, CF_ENOTFOUND, CF_EREVOKED, CF_EEXPIRED, CF_EFOREIGN, CF_EINVAL,
 * CF_EAGAIN.
 */
int ca_office_handle(struct ca_office *o, uint64_t machine, enum ca_kind kind, struct view bytes,
		     uint64_t now_ms, struct buf *ret_answer) must_check;

#endif
