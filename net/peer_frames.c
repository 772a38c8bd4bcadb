/* SPDX-License-Identifier: Apache-2.0 */
/* peer_frames.c - each frame that arrives goes to the thread it is for; nng's threads only enqueue. */
#include "net/peer_private.h"

/* Nothing is known of who sends but the connection: each has its turn in the queues (net/queue.h). */
static uint64_t sender_of(struct transport_from from)
{
	return (uint64_t)from.listener << 32 | from.connection;
}

static void hand(struct peer *p, struct transport_from from, const struct wire_frame *f, struct view bytes)
{
	struct message *m = NULL;

	if (message_new(f->kind, bytes, &m))
		return; /* lost, as a frame may be */
	m->from = from;
	m->sender = sender_of(from);
	m->request = f->request;
	m->gateway = (uint8_t)(from.listener == p->public_listener ? GATEWAY_PUBLIC
								   : p->config.conf->client_profile);
	switch (f->kind) {
	case WIRE_SUBMIT:
	case WIRE_STATUS_ASK:
		intake_take(p->intake, m);
		return;
	case WIRE_SUBSCRIBE:
	case WIRE_FETCH:
		feed_take(p->feed, m);
		return;
	case WIRE_GET:
		m->relayed = mesh_is_member(p->mesh, &f->sender);
		keeper_take(p->keeper, m);
		return;
	case WIRE_PUT:
	case WIRE_HOLD:
		keeper_take(p->keeper, m);
		return;
	case WIRE_SHARE_ASK:
		sharer_take(p->sharer, m);
		return;
	case WIRE_DESTROYED_ASK:
		witness_take(p->witness, m);
		return;
	case WIRE_SNAPSHOT_ASK:
		snapshot_server_take(p->snapshots, m);
		return;
	case WIRE_ENDORSE:
		if (p->endorser) {
			endorser_take(p->endorser, m);
			return;
		}
		mesh_refuse(p->mesh, from, f->request, NULL, CF_EUNSUPPORTED, "endorses nothing");
		break;
	default:
		break; /* an answer nobody asked for */
	}
	message_free(m);
}

/* From a client, or from a member as a client. */
static void on_request(struct peer *p, struct transport_from from, struct view bytes)
{
	struct wire_frame f = {.request = 0};

	if (!atomic_load(&p->open))
		return; /* whoever asks asks again */
	/* What is signed is decoded on the keeper's thread: its digest takes longer than nng's may wait. */
	if (bytes.len > 2 && wire_kind_enveloped((enum wire_kind)bytes.data[1])) {
		f.kind = (enum wire_kind)bytes.data[1];
		hand(p, from, &f, bytes);
		return;
	}
	if (wire_frame_decode(bytes, mesh_network(p->mesh), &f) == 0)
		hand(p, from, &f, f.payload);
}

/* Blocks are asked for by their heights; those that a young ledger lacks are the backfill's. */
static void hand_answer(struct peer *p, struct message *m)
{
	if (m->kind == WIRE_BLOB)
		keeper_take(p->keeper, m);
	else if (p->taker && snapshot_client_asked(m->request))
		snapshot_client_take(p->taker, m);
	else if (m->kind == WIRE_SNAPSHOT || snapshot_client_asked(m->request))
		message_free(m); /* late */
	else if (p->backfill && backfill_asks(p->backfill, m->request))
		backfill_take(p->backfill, m);
	else
		(void)!replica_take(p->replica, QUEUE_BULK, m);
}

/* An answer to what this peer asked of another. */
static void on_answer(struct peer *p, const struct transport_link *link, struct view bytes)
{
	struct wire_frame f;
	struct message *m = NULL;

	if (bytes.len > 2 && wire_kind_enveloped((enum wire_kind)bytes.data[1]))
		return;
	if (wire_frame_decode(bytes, mesh_network(p->mesh), &f))
		return;
	if (f.kind != WIRE_BLOCK && f.kind != WIRE_REFUSED && f.kind != WIRE_BLOB && f.kind != WIRE_SNAPSHOT)
		return;
	if (message_new(f.kind, f.payload, &m))
		return;
	m->number = mesh_answerer(p->mesh, link);
	m->request = f.request;
	hand_answer(p, m);
}

/* A vote, or a request that a member relays, which is checked as any other, its member's signature first. */
static void on_vote(struct peer *p, struct transport_from from, struct view bytes)
{
	struct message *m = NULL;
	struct wire_frame f;

	if (bytes.len < 2)
		return;
	if (bytes.data[1] == WIRE_RELAY) {
		if (message_new(WIRE_RELAY, bytes, &m))
			return;
		m->sender = sender_of(from);
		intake_take(p->intake, m);
		return;
	}
	if (bytes.data[1] != WIRE_PBFT || wire_frame_decode(bytes, mesh_network(p->mesh), &f) ||
	    !pbft_is_message(f.payload) || message_new(WIRE_PBFT, f.payload, &m))
		return;
	m->sender = sender_of(from);
	(void)!replica_take(p->replica, QUEUE_URGENT, m); /* full: it is sent again */
}

void peer_on_recv(void *ctx, struct transport_from from, struct transport_link *link, struct view frame)
{
	struct peer *p = ctx;

	if (link)
		on_answer(p, link, frame);
	else if (from.pipe == 0)
		on_vote(p, from, frame);
	else
		on_request(p, from, frame);
}

void peer_on_state(void *ctx, struct transport_link *link, bool up)
{
	struct peer *p = ctx;
	uint8_t member = mesh_voter(p->mesh, link);

	if (member != MESH_ALL)
		replica_link(p->replica, member, up);
}

void peer_on_gone(void *ctx, uint32_t listener, uint32_t pipe)
{
	feed_gone(((struct peer *)ctx)->feed, listener, pipe);
}
