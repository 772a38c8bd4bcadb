/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mesh.c - frames into links.
 */
#include "net/mesh.h"

#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/pbft.h"

#include <assert.h>
#include <string.h>

#define MODULE "mesh"

struct mesh {
	struct mesh_config config;
	struct transport_link *peer[MEMBERS_MAX];    /* NULL: oneself */
	struct transport_link *gateway[MEMBERS_MAX]; /* NULL: oneself */
};

int mesh_new(const struct mesh_config *config, struct mesh **ret_m)
{
	struct mesh *m = mem_zalloc(sizeof(*m));

	if (!m)
		return CF_ENOMEM;
	m->config = *config;
	*ret_m = m;
	return 0;
}

void mesh_free(struct mesh *m)
{
	mem_free(m);
}

int mesh_dial(struct mesh *m)
{
	const struct members *members = &m->config.members;
	int err = 0;

	for (unsigned i = 0; !err && i < members->count; i++) {
		if (i == m->config.self)
			continue;
		err = transport_dial(m->config.transport, TRANSPORT_PEER, members->member[i].peer_address,
				     NULL, &m->peer[i]);
		if (!err)
			err = transport_dial(m->config.transport, TRANSPORT_GATEWAY,
					     members->member[i].client_address, NULL, &m->gateway[i]);
	}
	return err;
}

uint8_t mesh_self(const struct mesh *m)
{
	return m->config.self;
}

uint8_t mesh_count(const struct mesh *m)
{
	return m->config.members.count;
}

const struct hash *mesh_network(const struct mesh *m)
{
	return &m->config.network;
}

bool mesh_is_member(const struct mesh *m, const struct identity_id *id)
{
	return members_find(&m->config.members, id) >= 0;
}

static uint8_t member_behind(const struct mesh *m, struct transport_link *const links[MEMBERS_MAX],
			     const struct transport_link *link)
{
	for (unsigned i = 0; link && i < m->config.members.count; i++) {
		if (links[i] == link)
			return (uint8_t)i;
	}
	return MESH_ALL;
}

uint8_t mesh_voter(const struct mesh *m, const struct transport_link *link)
{
	return member_behind(m, m->peer, link);
}

uint8_t mesh_answerer(const struct mesh *m, const struct transport_link *link)
{
	return member_behind(m, m->gateway, link);
}

static int frame_of(struct mesh *m, enum wire_kind kind, uint64_t request, struct view payload,
		    struct buf *out)
{
	buf_init(out, TRANSPORT_FRAME_BYTES_MAX);
	return wire_frame_encode(kind, request, &m->config.identity->id, payload, &m->config.network,
				 m->config.identity->endorse, out);
}

void mesh_vote(struct mesh *m, uint8_t to, struct view message)
{
	struct view request;
	struct buf frame;
	int err = frame_of(m, pbft_is_relay(message, &request) ? WIRE_RELAY : WIRE_PBFT, 0, message, &frame);

	for (unsigned i = 0; !err && i < m->config.members.count; i++) {
		/* Not connected or full: the core sends it again. */
		if (m->peer[i] && (to == MESH_ALL || to == i))
			(void)!transport_send(m->peer[i], buf_view(&frame));
	}
	if (err)
		log_warn(MODULE, "message of %zu bytes not sent: %s", message.len, err_name(err));
	buf_release(&frame);
}

int mesh_ask(struct mesh *m, uint8_t to, enum wire_kind kind, uint64_t request, struct view payload)
{
	struct buf frame;
	int err;

	if (to >= m->config.members.count || !m->gateway[to])
		return CF_EINVAL;
	err = frame_of(m, kind, request, payload, &frame);
	if (!err)
		err = transport_send(m->gateway[to], buf_view(&frame));
	buf_release(&frame);
	return err;
}

void mesh_answer(struct mesh *m, struct transport_from to, enum wire_kind kind, uint64_t request,
		 struct view payload)
{
	struct buf frame;
	int err;

	err = frame_of(m, kind, request, payload, &frame);
	if (!err)
		err = transport_reply(m->config.transport, to, buf_view(&frame));
	if (err)
		log_debug(MODULE, "%s of %zu bytes not sent: %s", wire_kind_name(kind), payload.len,
			  err_name(err));
	buf_release(&frame);
}

void mesh_refuse(struct mesh *m, struct transport_from to, uint64_t request, const struct hash *id, int error,
		 const char *detail)
{
	struct wire_refused refused = {.error = error, .detail = view_str(detail)};
	struct buf payload;

	assert(error < 0);
	if (id)
		refused.id = *id;
	buf_init(&payload, 0);
	if (wire_refused_encode(&refused, &payload) == 0)
		mesh_answer(m, to, WIRE_REFUSED, request, buf_view(&payload));
	buf_release(&payload);
}
