/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simcheck.h - the invariants, by name.
 *
 * AGREE    one digest a height, over all correct replicas and every certificate seen; and no vote of a later
 *          view against a digest that so many correct replicas sent COMMIT for that it may be decided
 * NOEQUIV  no correct replica sends two digests for (height, view, kind), or two VIEW-CHANGEs for one view,
 *          over restarts too
 * QUORUM   every certificate that is executed has Q valid votes of distinct members, in the epoch of its
 *          height; every prepared certificate has Q-1 backups; every NEW-VIEW has Q valid VIEW-CHANGEs
 * LOCK     a VIEW-CHANGE shows the highest certificate that its sender ever sent a COMMIT for
 * CHOICE   a NEW-VIEW carries over what its VIEW-CHANGEs demand: the prepared certificate of the highest view
 * FAIR     a request that one leader leaves out commits in bounded time, though all others are served
 * EPOCH    no correct replica takes a vote, VIEW-CHANGE or NEW-VIEW of another epoch
 * ONCE     no request is in the chain twice
 * DURABLE  what was acknowledged (its certificate was known to a correct replica) is in the final chain
 * LIVE     after the network heals, every request commits and all correct replicas come to one height
 * BOUND    pool, views and messages stay within limits
 * ACCUSE   evidence names liars only, and is two valid votes
 * HONEST   no correct replica refuses a message of a correct one
 * GATE     the signing gate never has to refuse a correct replica
 */
#ifndef TESTS_SIM_SIMCHECK_H
#define TESTS_SIM_SIMCHECK_H

#include "tests/sim/sim.h"

struct checker *check_new(void);
void check_free(struct checker *c);
/* A correct node sends this. */
void check_sent(struct node *n, struct view message);
/* A correct node has not refused this. */
void check_epoch(struct node *n, struct view message);
/* A correct node is to execute this. */
void check_executed(struct node *n, const struct certificate *c, struct view body);
void check_evidence(struct node *n, const struct pbft_update *u);
void check_step(struct node *n, const struct pbft_update *u);
bool check_is_acked(const struct sim *s, unsigned request);
uint64_t check_height(const struct sim *s); /* greatest certified one */
/* All requests are in, and all correct nodes are at one height. */
bool check_converged(const struct sim *s);
void check_final(struct sim *s);

#endif
