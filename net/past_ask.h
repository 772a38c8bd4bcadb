/* SPDX-License-Identifier: Apache-2.0 */
/*
 * past_ask.h - a mount's questions about the past, one member after the other: pieces of a snapshot, and
 * single blocks from before the own ledger's begin, which are checked (acl/past.h). Callers wait. Any thread.
 */
#ifndef NET_PAST_ASK_H
#define NET_PAST_ASK_H

#include "acl/past.h"
#include "net/client_link.h"
#include "net/queue.h"

struct past_ask;

/* links: borrowed. org: whose members are asked first; 0: none. */
int past_ask_new(struct links *links, uint16_t org, struct past_ask **ret_a) must_check;
void past_ask_free(struct past_ask *a); /* nobody waits; accepts NULL */
/* Those who wait come back with CF_ENETWORK, and all later ones. */
void past_ask_stop(struct past_ask *a);

/* From the transport's threads: takes an answer to one of its questions (copied); false: it is none. */
bool past_ask_on_frame(struct past_ask *a, unsigned member, const struct wire_frame *f);

/* The members that are connected and not in `done`, the own organization's first: the next; MEMBERS_MAX:
 * none. */
unsigned past_ask_member(struct past_ask *a, uint32_t done);

/*
 * One question to one member; the answer is the caller's. Errors: CF_ENETWORK (no answer in time), and with
 * which it was refused: CF_ENOTFOUND, CF_EAGAIN, ...
 */
int past_ask(struct past_ask *a, unsigned member, enum wire_kind kind, struct view payload,
	     unsigned timeout_ms, struct message **ret_answer) must_check;

/* A checked block, as it came. */
struct past_answer {
	struct message *m; /* NULL: nothing */
	struct past_block block;
	struct certificate certificate;
	struct block_body body;
};

/*
 * From the first member that has it; `first` is asked first (MEMBERS_MAX: anyone). Errors: CF_ENETWORK.
 */
int past_ask_block(struct past_ask *a, struct past *past, unsigned first, uint64_t height,
		   struct past_answer *ret_answer) must_check;
void past_answer_release(struct past_answer *answer);

/* The block that has a transaction: hint is asked first, when not 0; then members are asked where it is. The
 * annex is appended. CF_ENETWORK: nobody has it. */
int past_ask_annex(struct past_ask *a, struct past *past, const struct hash *id, uint64_t hint,
		   struct buf *out) must_check;

#endif
