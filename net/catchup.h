/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catchup.h - a replica that is behind: which certified blocks to ask whom for, and when to ask somebody
 * else.
 *
 * Blocks are asked for ahead: a window that doubles as they arrive, kept below what was lost once (inproc
 * drops the 65th frame that waits for one client) and to about CATCHUP_AHEAD_BYTES by their late sizes. When
 * none arrives for CATCHUP_PATIENCE_MS the next member is asked. What others told of being there, the last
 * one is asked for more until it has none. Holds no blocks: the replica does (replica_learn.c). One thread,
 * the replica's.
 */
#ifndef NET_CATCHUP_H
#define NET_CATCHUP_H

#include "net/mesh.h"

#define CATCHUP_AHEAD_MIN 2
#define CATCHUP_AHEAD_FIRST 16
#define CATCHUP_AHEAD_MAX 1024
#define CATCHUP_AHEAD_BYTES ((size_t)8 << 20)
#define CATCHUP_PROBE 4 /* blocks asked for above what anybody told of */
#define CATCHUP_PATIENCE_MS 500
#define CATCHUP_REFUSED_MS 20

struct catchup {
	struct mesh *mesh;
	uint64_t target;      /* height to reach; not above the own one: idle */
	bool probing;         /* the target is a guess: the first refusal ends it */
	uint64_t asked;       /* blocks up to this height are on their way */
	uint8_t from;         /* member asked */
	uint64_t deadline_ms; /* 0: idle */
	unsigned window;      /* blocks asked for ahead, by number alone */
	unsigned window_max;
	size_t block_bytes; /* of the largest late block; 0: none came yet */
	unsigned tries;     /* members asked since the last block; after two rounds the target was a lie */
};

void catchup_init(struct catchup *c, struct mesh *mesh);
/* Somebody (member from, who need not be right) is at height. */
void catchup_want(struct catchup *c, uint64_t height, uint8_t from, uint64_t own_height, uint64_t now_ms);
/* Asks the next member whether it has more, when nothing is under way: for who is told nothing. */
void catchup_poll(struct catchup *c, uint64_t own_height, uint64_t now_ms);
/* The own height grew, by whatever way. */
void catchup_progress(struct catchup *c, uint64_t own_height, uint64_t now_ms);
/* A block of this many bytes arrived. */
void catchup_size(struct catchup *c, size_t bytes);
/*
 * Is it worth waiting for the block after this one, when count of them wait for one commit? Up to half of the
 * window, so that the rest is under way meanwhile; then deadline_ms is set, too.
 */
bool catchup_more(const struct catchup *c, unsigned count, uint64_t last);
/* The member asked does not have it, or sent what does not verify. */
void catchup_refused(struct catchup *c, uint64_t now_ms);
/* To be called at deadline_ms. */
void catchup_due(struct catchup *c, uint64_t own_height, uint64_t now_ms);

#endif
