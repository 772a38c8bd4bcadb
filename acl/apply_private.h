/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply_private.h - what apply.c (checking, committing) and apply_build.c (staging, building) share.
 */
#ifndef ACL_APPLY_PRIVATE_H
#define ACL_APPLY_PRIVATE_H

#include "acl/apply.h"
#include "acl/validate.h"

/* A block being staged: everything it changes is in the open stage. */
struct batch {
	struct chain_stage *stage; /* NULL: no batch */
	uint64_t height;
	uint64_t time_ms;
	uint32_t count;
	uint32_t cap;
	struct hash *id;
	uint8_t *verdict;
	struct view *tx; /* borrowed from the caller, while staging only */
	struct view *annex;
	bool changes_members;
	bool revokes;
	uint64_t bytes;    /* of what a wire body of it has so far */
	struct hash block; /* its hash, once sealed */
};

struct apply {
	struct chain *chain;
	bool trusted;
	bool grouped; /* inside a group: as trusted */
	struct apply_observer observer;
	struct validator *validator;
	struct members members;
	uint32_t revoked; /* of the members */
	struct hash members_hash;
	struct member_keys keys;
	struct batch staged;
	struct tx *tx; /* one transaction at a time: it is large */
};

/* How transactions come into a batch. */
enum batch_mode {
	BATCH_FRESH,     /* all checks; annexes must be there */
	BATCH_CERTIFIED, /* all checks; what was ordered long ago may have lost the annex of an invalid
			    transaction */
	BATCH_TRUSTED,   /* the verdict is given, bound by the certified root; no signature is verified */
};

int batch_begin(struct apply *a, uint64_t height, uint64_t time_ms) must_check;
void batch_discard(struct apply *a);
/*
 * Judges and stages one more. verdict is read for BATCH_TRUSTED alone. A refusal (validate_is_refusal) leaves
 * the batch as it was; after another error it must be discarded.
 */
int batch_add(struct apply *a, struct view tx, struct view annex, enum batch_mode mode,
	      uint8_t verdict) must_check;
/* The header that these transactions give after the chain's head, but for proposer and view. */
int batch_header(struct apply *a, struct block_header *ret_h) must_check;

#endif
