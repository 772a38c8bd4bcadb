/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mesh.h - how a peer speaks: to the other members, and in answer to clients. Frames out; frames in come to
 * peer.c.
 *
 * A member is named by its index in the set. All of it may be lost; callers repeat. Any thread.
 */
#ifndef NET_MESH_H
#define NET_MESH_H

#include "acl/identity.h"
#include "net/transport.h"
#include "net/wire.h"

#define MESH_ALL 0xff

struct mesh;

struct mesh_config {
	struct transport *transport;     /* borrowed */
	const struct identity *identity; /* borrowed */
	struct hash network;
	struct members members;
	uint8_t self; /* own index, or MESH_ALL: none */
};

int mesh_new(const struct mesh_config *config, struct mesh **ret_m) must_check;
void mesh_free(struct mesh *m); /* accepts NULL */
/* Dials the others, in the background. Errors: CF_ECONFIG, CF_ENETWORK, CF_ENOMEM. */
int mesh_dial(struct mesh *m) must_check;

uint8_t mesh_self(const struct mesh *m);
uint8_t mesh_count(const struct mesh *m);
const struct hash *mesh_network(const struct mesh *m);
/* Is this identity a member? Its word for it; nothing is verified. */
bool mesh_is_member(const struct mesh *m, const struct identity_id *id);

/* Which member this link carries votes to; MESH_ALL: none. For the transport's on_state. */
uint8_t mesh_voter(const struct mesh *m, const struct transport_link *link);
/* Which member answers by this link; MESH_ALL: none. */
uint8_t mesh_answerer(const struct mesh *m, const struct transport_link *link);

/* A message of the PBFT core. A request that it relays is signed: the member has checked it for its clients.
 */
void mesh_vote(struct mesh *m, uint8_t to, struct view message);
/* A request to one member as its client. CF_ENETWORK (not connected), CF_EAGAIN, CF_EINVAL (oneself). */
int mesh_ask(struct mesh *m, uint8_t to, enum wire_kind kind, uint64_t request,
	     struct view payload) must_check;
/* An answer to a client, or a push. Failures are logged at most. */
void mesh_answer(struct mesh *m, struct transport_from to, enum wire_kind kind, uint64_t request,
		 struct view payload);
/* WIRE_REFUSED. id may be NULL. */
void mesh_refuse(struct mesh *m, struct transport_from to, uint64_t request, const struct hash *id, int error,
		 const char *detail);

#endif
