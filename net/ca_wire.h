/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca_wire.h - the two frames between a tool and an organization's authority.
 *
 * WIRE_CA_ASK: u8 kind, bytes of acl/ca_request.h. WIRE_CA_ANSWER: u16 error (0, or its negative), short
 * reason, bytes answer (empty with an error). What has to be signed is signed inside; the envelope's network
 * and sender are zeros.
 */
#ifndef NET_CA_WIRE_H
#define NET_CA_WIRE_H

#include "acl/ca_request.h"
#include "net/wire.h"

#define CA_ANSWER_BYTES_MAX ((size_t)32 << 20)

struct ca_ask {
	enum ca_kind kind;
	struct view bytes;
};
struct ca_answer {
	int error;
	struct view detail;
	struct view bytes;
};

int ca_ask_frame(const struct ca_ask *m, uint64_t request, struct buf *out) must_check;
int ca_answer_frame(const struct ca_answer *m, uint64_t request, struct buf *out) must_check;
/* CF_EDECODE also for another kind of frame. */
int ca_ask_decode(struct view frame, struct ca_ask *ret_m, uint64_t *ret_request) must_check;
int ca_answer_decode(struct view frame, struct ca_answer *ret_m, uint64_t *ret_request) must_check;

#endif
