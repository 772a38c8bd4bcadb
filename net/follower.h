/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follower.h - the thread that brings the own stores up to date: subscribes to blocks, verifies, applies.
 *
 * Subscribed at one member: the own organization's first, another one when its link is down, when it refuses
 * or sends bad blocks, or when for FOLLOWER_SILENT_MS blocks that others told of did not come. Every block's
 * certificate is verified against the members the own stores name; so one lying peer can delay and never
 * deceive.
 */
#ifndef NET_FOLLOWER_H
#define NET_FOLLOWER_H

#include "acl/apply.h"
#include "net/heard.h"

#define FOLLOWER_SILENT_MS 1500

struct follower;

struct follower_config {
	struct chain *chain;    /* borrowed, with its genesis state; the follower's thread is its writer */
	struct links *links;    /* borrowed */
	struct heard *heard;    /* borrowed */
	uint16_t org;           /* whose members are asked first; 0: none */
	struct view genesis;    /* borrowed */
	uint32_t fill_rate_kib; /* of blocks that a ledger lacks which began with a state (net/filler.h) */
	struct apply_observer observer;
	/* After on_block, when follower_height tells of the block: for those who wait for what is in it. */
	void (*on_applied)(void *ctx);
	/* Own stores disagree with what f+1 members sent and a quorum certified. The follower has stopped. */
	void (*on_damaged)(void *ctx);
};

int follower_new(const struct follower_config *config, struct follower **ret_f) must_check;
/* Starts the thread; the links may then have members. */
int follower_start(struct follower *f) must_check;
/* Ends the thread; what is queued is dropped. */
void follower_stop(struct follower *f);
void follower_free(struct follower *f); /* accepts NULL */

/* From the transport's threads: a WIRE_BLOCK (copied), a refusal of a request, news of links or heights. */
void follower_on_block(struct follower *f, unsigned member, struct view payload);
void follower_on_refused(struct follower *f, unsigned member, uint64_t request);
void follower_kick(struct follower *f);

uint64_t follower_height(struct follower *f);
/* Waits for the own height; false when it was not reached by until_ms. */
bool follower_wait(struct follower *f, uint64_t height, uint64_t until_ms);

#endif
