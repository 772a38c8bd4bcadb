/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca_store.h - what an authority remembers, as files below its directory, each whole or not there:
 *
 *	issued/SERIAL.pem     every certificate it made
 *	names/NAME/SERIAL.pem empty: which of them are of one name (SHA-256 of it, in hex)
 *	revoked/SERIAL        "TIME REASON": which of them it has revoked
 *	waiting/ID            applications nobody has decided on
 *	decided/ID.pem        what became of them: the chain, ID.tls.pem the one for TLS,
 *	decided/ID.denied     or why not
 *	crl.pem, crl.number   the newest revocation list
 *
 * One process at a time writes (ca_office.h holds the lock). SERIAL and ID are lower-case hex.
 */
#ifndef ACL_CA_STORE_H
#define ACL_CA_STORE_H

#include "acl/application.h"

#define CA_WAITING_MAX 1000
#define CA_REASON_BYTES_MAX 200

/* Makes the directories that are missing, and names/ out of issued/. */
int ca_store_open(const char *dir) must_check;

/* Remembers a certificate (DER); the same again is fine. */
int ca_store_issued(const char *dir, struct view cert) must_check;
bool ca_store_has_issued(const char *dir, const uint8_t serial[20]);
/* Every certificate, in no order; an answer other than 0 ends the walk and is returned. */
int ca_store_walk(const char *dir, int (*on_cert)(void *ctx, struct view der, const struct cert_info *info),
		  void *ctx) must_check;

/* Those of one name alone, at the cost of these. */
int ca_store_walk_name(const char *dir, struct view name,
		       int (*on_cert)(void *ctx, struct view der, const struct cert_info *info),
		       void *ctx) must_check;

/* Has this identity a TLS certificate for the host, now? CF_ENOTFOUND. */
int ca_store_find_host(const char *dir, const struct cert_info *of, const char *host,
		       uint64_t now_ms) must_check;

/* CF_EEXIST: it is revoked already. The reason's control characters become spaces. */
int ca_store_revoke(const char *dir, const uint8_t serial[20], uint64_t now_ms,
		    struct view reason) must_check;
bool ca_store_is_revoked(const char *dir, const uint8_t serial[20]);

/* CF_EAGAIN: CA_WAITING_MAX applications wait. */
int ca_store_check_room(const char *dir) must_check;
/* As above. The same again is fine. */
int ca_store_apply(const char *dir, struct view application) must_check;
bool ca_store_waits(const char *dir, const struct application_id *id);
/* CF_ENOTFOUND. */
int ca_store_waiting(const char *dir, const struct application_id *id, struct buf *out) must_check;
int ca_store_walk_waiting(const char *dir, int (*on_application)(void *ctx, struct view bytes),
			  void *ctx) must_check;
/* What became of it; it waits no more. tls may be empty. */
int ca_store_approve(const char *dir, const struct application_id *id, const struct view *chain, size_t count,
		     const struct view *tls, size_t tls_count) must_check;
int ca_store_deny(const char *dir, const struct application_id *id, struct view reason) must_check;

enum ca_decision { CA_UNKNOWN = 0, CA_WAITING = 1, CA_APPROVED = 2, CA_DENIED = 3 };
/* approved: *ret_chain and *ret_tls get PEM texts (appended); denied: *ret_chain gets the reason. */
int ca_store_decision(const char *dir, const struct application_id *id, enum ca_decision *ret_decision,
		      struct buf *ret_chain, struct buf *ret_tls) must_check;

/* Makes the next list, valid for so many days, writes crl.pem; ret_der (may be NULL) gets it, appended. */
int ca_store_make_crl(const char *dir, const struct ca *ca, uint64_t now_ms, unsigned days,
		      struct buf *ret_der) must_check;
/* The newest one's DER, appended. CF_ENOTFOUND. */
int ca_store_crl(const char *dir, struct buf *ret_der) must_check;

#endif
