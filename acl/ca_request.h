/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca_request.h - what an authority is asked, and by whom: the bytes that tool and authority exchange.
 *
 * Open questions carry nothing but their body. What only some may ask is signed: tag "chartfs ca request v1";
 * u8 kind; [32] fingerprint of the authority's key, so that no other authority takes it; u64 time in ms;
 * bytes body; u8 count {bytes} the asker's certificates, leaf first; [64] signature by the leaf's key over
 * SHA-256 of all before it. A request counts for CA_REQUEST_WINDOW_MS around its time; within it a copy does
 * what the first one did and nothing else.
 */
#ifndef ACL_CA_REQUEST_H
#define ACL_CA_REQUEST_H

#include "acl/ca_store.h"

#define CA_REQUEST_BYTES_MAX ((size_t)1 << 20)
#define CA_REQUEST_WINDOW_MS ((uint64_t)5 * 60 * 1000)

enum ca_kind {
	CA_ABOUT = 1,      /* open, no body -> count8 {bytes} the authority's certificates, its own first */
	CA_APPLY = 2,      /* open, an application -> its id */
	CA_COLLECT = 3,    /* open, an application's id -> ca_collected */
	CA_LIST_CRL = 4,   /* open, no body -> the newest revocation list, DER */
	CA_PENDING = 5,    /* signed by a manager, no body -> count16 {bytes} applications */
	CA_DECIDE = 6,     /* signed by a manager, ca_decide -> ca_collected */
	CA_REENROLL = 7,   /* signed by the identity, an application -> ca_collected */
	CA_REVOKE = 8,     /* signed by a manager, ca_revoke -> the new revocation list */
	CA_IDENTITIES = 9, /* signed by a manager, no body -> count32 {bytes certificate, bool revoked} */
};

bool ca_kind_signed(enum ca_kind kind);

struct ca_request {
	enum ca_kind kind;
	struct hash authority; /* fingerprint of its key */
	uint64_t time_ms;
	struct view body;
	uint8_t count;
	struct view cert[CERT_CHAIN_MAX];
};

/* Signs as `by`; appended. */
int ca_request_encode(enum ca_kind kind, const struct hash *authority, uint64_t time_ms, struct view body,
		      const struct identity *by, struct buf *out) must_check;
/* Checks the signature by the first certificate, and nothing about that certificate. CF_EDECODE, CF_ESIG. */
int ca_request_decode(struct view bytes, struct ca_request *ret_r) must_check;

struct ca_decide {
	struct application_id id;
	bool approve;
	uint32_t days;      /* 0: the authority's own number */
	struct view reason; /* of a denial */
};
struct ca_revoke {
	struct view name;
	struct view reason;
};
/* What became of an application. chain and tls are PEM texts. */
struct ca_collected {
	enum ca_decision decision;
	struct view chain; /* denied: the reason */
	struct view tls;
};

int ca_decide_encode(const struct ca_decide *m, struct buf *out) must_check;
int ca_decide_decode(struct view bytes, struct ca_decide *ret_m) must_check;
int ca_revoke_encode(const struct ca_revoke *m, struct buf *out) must_check;
int ca_revoke_decode(struct view bytes, struct ca_revoke *ret_m) must_check;
int ca_collected_encode(const struct ca_collected *m, struct buf *out) must_check;
int ca_collected_decode(struct view bytes, struct ca_collected *ret_m) must_check;

#endif
