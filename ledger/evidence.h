/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence.h - proof that a member signed what no correct member signs. FORMAT.md section 11.
 *
 * One checker for the contract, for peers and for whoever verifies offline: a piece of evidence needs nothing
 * but the network's id and the set of members whose numbers it names. What it shows is that two things differ
 * that one key signed, and never that two signatures differ: ECDSA is randomised, so a second signature over
 * the same digest is no evidence. A correct member cannot be shown to have lied:
 *
 *   - votes, VIEW-CHANGEs and NEW-VIEWs: its signing gate signs one digest for each (epoch, height, view,
 * kind) and outlives restarts (net/pbft.h);
 *   - endorsements: the contract is a function of the proposal and of what it reads (acl/contract.h), so two
 *     read-write sets of one proposal with the same reads have the same writes. At two heights reads differ.
 *
 * Pure but for err_detail.
 */
#ifndef LEDGER_EVIDENCE_H
#define LEDGER_EVIDENCE_H

#include "ledger/certificate.h"
#include "ledger/tx.h"

#define EVIDENCE_BYTES_MAX ((size_t)256 << 10)
/* Of one offender in one epoch the ledger takes no more: eight lies prove as much as a thousand. */
#define EVIDENCE_OFFENDER_MAX 8

enum evidence_kind {
	EVIDENCE_PRE_PREPARE = 1, /* two votes: as enum vote_kind */
	EVIDENCE_PREPARE = 2,
	EVIDENCE_COMMIT = 3,
	EVIDENCE_VIEW_CHANGE = 4, /* two for one view */
	EVIDENCE_NEW_VIEW = 5,
	/* Two endorsements of one proposal by one endorser, over the same reads, with different writes. */
	EVIDENCE_ENDORSED_TWICE = 6,
	/* An endorsement that f + 1 members of other organizations contradict: same proposal, same reads,
	 * other writes. One of those is correct. */
	EVIDENCE_ENDORSED_WRONG = 7,
};

/* One of the two things signed. */
struct evidence_side {
	struct hash digest;     /* a vote's block; of a message or a read-write set: of its bytes */
	uint8_t sig[SIG_BYTES]; /* a vote's */
	struct view bytes;      /* the message with its signature, or the read-write set */
	struct sigpath path;    /* an endorsement's */
};

struct evidence {
	enum evidence_kind kind;
	uint8_t member;  /* the offender's number in the set */
	uint64_t epoch;  /* of the set */
	uint64_t height; /* votes; else 0 */
	uint64_t view;   /* votes and messages; else 0 */
	struct hash tx;  /* endorsements: the proposal; else zeros */
	/* By digest ascending; of EVIDENCE_ENDORSED_WRONG the offender's first, the others' second. */
	struct evidence_side side[2];
	uint8_t witness_count; /* EVIDENCE_ENDORSED_WRONG: exactly f + 1 */
	struct {
		uint8_t member; /* ascending */
		struct sigpath path;
	} witness[MEMBERS_MAX];
};

const char *evidence_kind_name(enum evidence_kind kind); /* "commit"; "?" */

/* Writes the two sides in their order. Errors: CF_EINVAL (they do not differ), CF_ETOOBIG, CF_ENOMEM. */
int evidence_encode(const struct evidence *e, const struct hash *network, struct buf *out) must_check;
/* The form alone; views point into bytes. A struct evidence is large: keep it on the heap. Errors:
 * CF_EDECODE, CF_ETOOBIG; CF_EFOREIGN: of another network. */
int evidence_decode(struct view bytes, const struct hash *network, struct evidence *ret_e) must_check;
/*
 * Does it prove what it says, against this set? Errors, each with its reason in err_detail: CF_EINVAL (no
 * lie: another set's, no such member, reads that differ, ...), CF_ESIG (somebody else signed), CF_ENOMEM.
 */
int evidence_check(const struct evidence *e, const struct hash *network, const struct members *m) must_check;

/* Its name: SHA-256 of its bytes. */
struct hash evidence_id(struct view bytes);
/*
 * What it is about: SHA-256("chartfs evidence slot v1" || u8 kind || member || u64 epoch, height, view ||
 * tx). Of one slot the ledger takes one piece, whatever a liar signed a third time.
 */
struct hash evidence_slot(const struct evidence *e);

/*
 * A file that holds one piece and goes to whoever is to verify it: tag, network, how the set is shown (u8; 0:
 * it is the genesis file's), what shows it, the evidence. Errors: CF_EDECODE, CF_EUNSUPPORTED (shown in a way
 * this program does not know), CF_ENOMEM.
 */
enum evidence_set { EVIDENCE_SET_GENESIS = 0 };
int evidence_file_encode(const struct hash *network, struct view evidence, struct buf *out) must_check;
bool evidence_is_file(struct view bytes); /* by its tag */
int evidence_file_decode(struct view bytes, struct hash *ret_network, struct view *ret_evidence) must_check;

#endif
