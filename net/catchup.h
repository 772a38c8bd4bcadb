/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catchup.h - a replica that is behind: which certified blocks to ask whom for, and when to ask somebody
 * else.
 *
 * A few blocks are asked for ahead; when none arrives for CATCHUP_PATIENCE_MS the next member is asked. What
 * others told of being there, the last one is asked for more until it has none. Holds no blocks: the replica
 * applies what fits and drops the rest. One thread, the replica's.
 */
#ifndef NET_CATCHUP_H
#define NET_CATCHUP_H

#include "net/mesh.h"

#define CATCHUP_AHEAD 16
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
	unsigned tries;       /* members asked since the last block; after two rounds the target was a lie */
};

void catchup_init(struct catchup *c, struct mesh *mesh);
/* Somebody (member from, who need not be right) is at height. */
void catchup_want(struct catchup *c, uint64_t height, uint8_t from, uint64_t own_height, uint64_t now_ms);
/* The own height grew, by whatever way. */
/* Asks the next member whether it has more, when nothing is under way: for who is told nothing. */
void catchup_poll(struct catchup *c, uint64_t own_height, uint64_t now_ms);
void catchup_progress(struct catchup *c, uint64_t own_height, uint64_t now_ms);
/* The member asked does not have it, or sent what does not verify. */
void catchup_refused(struct catchup *c, uint64_t now_ms);
/* To be called at deadline_ms. */
void catchup_due(struct catchup *c, uint64_t own_height, uint64_t now_ms);

#endif
