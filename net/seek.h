/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seek.h - blobs this peer lacks and asks the other members for, one member after the other.
 *
 * A blob is looked for on behalf of clients that wait for it, or of nobody (repair). One thread, the
 * keeper's.
 */
#ifndef NET_SEEK_H
#define NET_SEEK_H

#include "net/mesh.h"

#define SEEK_MAX 256   /* under way at once */
#define SEEK_CLIENTS 4 /* that wait for one blob; further ones ask again */
#define SEEK_PATIENCE_MS 1000
#define SEEK_ROUNDS 3 /* as long as somebody's link is down */
#define SEEK_PAUSE_MS 200

struct seek_client {
	struct transport_from from;
	uint64_t request;
};

struct seek_entry {
	bool used;
	struct hash address;
	uint8_t member; /* asked now */
	uint8_t asked;  /* how many had their turn in this round */
	bool unreached; /* in this round somebody's link was down */
	uint8_t rounds; /* that are over */
	uint64_t deadline_ms;
	struct seek_client client[SEEK_CLIENTS];
	unsigned clients;
};

struct seek {
	struct mesh *mesh;
	struct seek_entry entry[SEEK_MAX];
	unsigned used;
};

void seek_init(struct seek *s, struct mesh *mesh);
/* client may be NULL. CF_EAGAIN: too many are under way. */
int seek_start(struct seek *s, const struct hash *address, const struct seek_client *client,
	       uint64_t now_ms) must_check;
/* NULL: not looked for. */
struct seek_entry *seek_find(struct seek *s, const struct hash *address);
/* The member asked does not have it: asks the next one. False: all were asked, the entry is the caller's to
 * end. */
bool seek_next(struct seek *s, struct seek_entry *e, uint64_t now_ms);
void seek_end(struct seek *s, struct seek_entry *e);
/* One whose time is up; NULL: none. *ret_next_ms: when to come back, 0: nothing is under way. */
struct seek_entry *seek_overdue(struct seek *s, uint64_t now_ms, uint64_t *ret_next_ms);

#endif
