/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pbft_msg.h - the messages of the PBFT core: structs, bytes on the wire, bytes to sign.
 *
 * net/PROTOCOL.md has the table. A message is the magic, one byte of kind and the fields. Decoding checks the
 * form only; who may send what, and whether a signature verifies, is asked elsewhere (what VIEW-CHANGE,
 * NEW-VIEW, STATUS and FETCH-BODY sign is viewmsg_digest()). Views in a decoded
 * message point into the bytes it was read from.
 */
#ifndef NET_PBFT_MSG_H
#define NET_PBFT_MSG_H

#include "net/pbft.h"

#define PBFT_MAGIC VIEWMSG_MAGIC

enum msg_kind {
	MSG_PRE_PREPARE = 1,
	MSG_PREPARE = 2,
	MSG_COMMIT = 3,
	MSG_VIEW_CHANGE = 4,
	MSG_NEW_VIEW = 5,
	MSG_STATUS = 6,
	MSG_CERTIFICATE = 7,
	MSG_FETCH_BODY = 8,
	MSG_BODY = 9,
	MSG_REQUEST = 10,
};

/* VIEW-CHANGE: a base and a prepared certificate are each a quorum of votes. */
#define PREPARED_BYTES_MAX (8 * 2 + HASH_BYTES + SIG_BYTES + 1 + MEMBERS_MAX * (1 + SIG_BYTES))
#define VIEW_CHANGE_BYTES_MAX (5 + 1 + 3 * 8 + 2 + CERTIFICATE_BYTES_MAX + PREPARED_BYTES_MAX + SIG_BYTES)
#define NEW_VIEW_BYTES_MAX \
	(5 + 1 + 2 * 8 + 2 + MEMBERS_MAX * (4 + VIEW_CHANGE_BYTES_MAX) + 1 + 8 + HASH_BYTES + 2 * SIG_BYTES)

/* PREPARE and COMMIT. */
struct msg_vote {
	uint8_t sender;
	struct vote vote;
	uint8_t sig[SIG_BYTES];
};

/* The leader of the view is the sender. A retransmission has no body. */
struct msg_pre_prepare {
	struct vote vote;
	uint8_t sig[SIG_BYTES];
	bool has_body;
	struct view body;
};

/* Castro & Liskov 4.2: PRE-PREPARE and matching PREPAREs of Q-1 distinct backups. */
struct prepared {
	uint64_t height;
	uint64_t view;
	struct hash digest;
	uint8_t leader_sig[SIG_BYTES];
	uint8_t count;
	uint8_t index[MEMBERS_MAX]; /* strictly ascending */
	uint8_t sig[MEMBERS_MAX][SIG_BYTES];
};

struct msg_view_change {
	uint8_t sender;
	uint64_t epoch;
	uint64_t view;   /* the one wanted */
	uint64_t height; /* h*, last certified height of the sender */
	bool has_base;
	struct certificate base; /* of h* */
	bool has_prepared;
	struct prepared prepared; /* of h* + 1 */
	uint8_t sig[SIG_BYTES];
	struct view bytes; /* as received */
};

struct msg_new_view {
	uint8_t sender;
	uint64_t epoch;
	uint64_t view;
	uint8_t count;
	struct view change[MEMBERS_MAX]; /* VIEW-CHANGE messages, senders strictly ascending */
	bool has_proposal;
	uint64_t height; /* of the re-proposal */
	struct hash digest;
	uint8_t proposal_sig[SIG_BYTES]; /* PRE-PREPARE of it in this view */
	uint8_t sig[SIG_BYTES];
};

struct msg_status {
	uint8_t sender;
	uint64_t epoch;
	uint64_t view;
	uint64_t height; /* executed */
	bool active;
	uint8_t sig[SIG_BYTES];
};

struct msg_fetch {
	uint8_t sender;
	uint64_t epoch;
	uint64_t height;
	struct hash digest;
	uint8_t sig[SIG_BYTES];
};

struct msg_body {
	uint64_t epoch;
	uint64_t height;
	struct hash digest;
	struct view body;
};

/* CF_EDECODE when the magic is missing. */
int msg_kind(struct view bytes, enum msg_kind *ret_kind) must_check;

int msg_pre_prepare_encode(const struct msg_pre_prepare *m, struct buf *out) must_check;
int msg_pre_prepare_decode(struct view in, struct msg_pre_prepare *ret_m) must_check;

int msg_vote_encode(const struct msg_vote *m, struct buf *out) must_check;
int msg_vote_decode(struct view in, struct msg_vote *ret_m) must_check;

void prepared_encode(const struct prepared *c, struct enc *e);
void prepared_decode(struct dec *d, struct prepared *ret_c);

/* The signature is the last 64 bytes; encode writes m->sig there. */
int msg_view_change_encode(const struct msg_view_change *m, struct buf *out) must_check;
int msg_view_change_decode(struct view in, struct msg_view_change *ret_m) must_check;

int msg_new_view_encode(const struct msg_new_view *m, struct buf *out) must_check;
int msg_new_view_decode(struct view in, struct msg_new_view *ret_m) must_check;

int msg_status_encode(const struct msg_status *m, struct buf *out) must_check;
int msg_status_decode(struct view in, struct msg_status *ret_m) must_check;

int msg_certificate_encode(const struct certificate *c, struct buf *out) must_check;
int msg_certificate_decode(struct view in, struct certificate *ret_c) must_check;

int msg_fetch_encode(const struct msg_fetch *m, struct buf *out) must_check;
int msg_fetch_decode(struct view in, struct msg_fetch *ret_m) must_check;

int msg_body_encode(const struct msg_body *m, struct buf *out) must_check;
int msg_body_decode(struct view in, struct msg_body *ret_m) must_check;

int msg_request_encode(struct view request, struct buf *out) must_check;
int msg_request_decode(struct view in, struct view *ret_request) must_check;

#endif
