/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally.h - the endorsers' answers to one proposal: do enough organizations agree, have enough refused?
 *
 * Pure. Answers are kept by member index; only organizations count (CORRECTNESS 2, V9): two peers of one
 * hospital are one voice. Signatures are verified by the caller before an endorsement is entered.
 */
#ifndef NET_TALLY_H
#define NET_TALLY_H

#include "ledger/certificate.h"

#define TALLY_DETAIL_MAX 160

enum tally_kind { TALLY_NONE, TALLY_ENDORSED, TALLY_REFUSED };

struct tally_answer {
	enum tally_kind kind;
	uint64_t height;   /* the endorser's when it simulated */
	struct hash rwset; /* TALLY_ENDORSED: SHA-256 of the read-write set */
	int error;         /* TALLY_REFUSED: a judgement (outcome_is_judgement) */
	char detail[TALLY_DETAIL_MAX];
};

struct tally {
	uint8_t count; /* members */
	uint16_t org[MEMBERS_MAX];
	struct tally_answer answer[MEMBERS_MAX];
};

void tally_init(struct tally *t, const struct members *m);
/* A later answer of a member replaces its earlier one: it simulated again. */
void tally_endorsed(struct tally *t, unsigned member, uint64_t height, const struct hash *rwset);
/* detail is cut, and bytes that do not print are replaced. */
void tally_refused(struct tally *t, unsigned member, uint64_t height, int error, struct view detail);

enum tally_state {
	TALLY_OPEN,
	TALLY_AGREED,   /* ret_members: one of each of orgs_needed organizations, all over the same bytes */
	TALLY_REJECTED, /* ret_speaker: a member that gave the error which counts */
};

/*
 * Rejected when orgs_needed organizations gave the same error, or when too few are left that could still
 * endorse; then the error that most organizations gave counts, of equals the one of the lowest member.
 */
enum tally_state tally_decide(const struct tally *t, unsigned orgs_needed, uint32_t *ret_members,
			      unsigned *ret_speaker);

/* A member whose endorsement was made at the same height as this member's and differs from it: one of both
 * lies. */
bool tally_differs(const struct tally *t, unsigned member, unsigned *ret_other);

#endif
