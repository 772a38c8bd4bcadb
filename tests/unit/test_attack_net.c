/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_attack_net.c - what a registered client or a lying peer may try against the running parts: trees of
 * blobs that explode, a disk filled with blobs, blocks from the future, transactions nobody endorsed.
 */
#include "tests/lib/t.h"
#include "ledger/blob.h"
#include "ledger/mem.h"
#include "net/body.h"
#include "net/follower_core.h"
#include "net/pbft_msg.h"
#include "net/ticks.h"
#include "tests/lib/peerfix.h"
#include "tests/lib/smallfs.h"
#include "tests/lib/tmpdir.h"

#include <unistd.h>

#define ALL 0xfu
#define FAN 1000
#define DISK_BYTES ((size_t)96 << 20)
#define BLOB_BYTES ((size_t)400 << 10)
#define EARLY_BYTES ((size_t)8 << 20)

static struct peerfix *start(struct identity *ret_ann)
{
	struct peerfix *f;

	t_zero(peerfix_new(&f));
	t_zero(netfix_person(f->n, "ann", ROLE_DOCTOR, 0, ret_ann));
	for (unsigned i = 0; i < PEERFIX_PEERS; i++)
		t_zero(peerfix_start(f, i));
	t_zero(peerfix_follow(f, 1));
	return f;
}

static void put_node(struct peerfix *f, const struct identity *as, unsigned level, struct hash *at)
{
	struct hash *children = mem_array(NULL, FAN, sizeof(*children));
	unsigned before = f->put_ok_count;
	struct buf node;

	for (unsigned i = 0; i < FAN; i++)
		children[i] = *at;
	buf_init(&node, 0);
	t_zero(blob_node_encode((uint8_t)level, children, FAN, view_str("sealed"), &node));
	*at = blob_address(buf_view(&node));
	t_eq(peerfix_send(f, 1, WIRE_PUT, buf_view(&node), as), 1);
	t_ok(peerfix_wait_count(f, &f->put_ok_count, before + 1, 5000));
	buf_release(&node);
	mem_free(children);
}

/* Four nodes that name each other a thousand times make a thousand million places to look at. */
T_TEST(a_tree_that_names_itself_is_walked_once)
{
	struct wire_hold hold = {.count = 1};
	struct wire_receipt receipt;
	struct hash at = sha256(view_str("nobody has it"));
	struct identity ann;
	struct buf payload;
	struct peerfix *f = start(&ann);

	for (unsigned level = 1; level <= 4; level++)
		put_node(f, &ann, level, &at);
	hold.blob[0] = (struct tx_blob){at, 1};
	buf_init(&payload, 0);
	t_zero(wire_hold_encode(&hold, &payload));
	t_eq(peerfix_send(f, 1, WIRE_HOLD, buf_view(&payload), &ann), 1);
	t_ok(peerfix_wait_count(f, &f->receipt_count, 1, 5000));
	t_zero(wire_receipt_decode(buf_view(&f->receipt), &receipt));
	t_ok(!receipt.held);
	buf_release(&payload);
	identity_release(&ann);
	peerfix_free(f);
}

static void ignore(void *ctx, struct transport_from from, struct transport_link *link, struct view frame)
{
	(void)ctx, (void)from, (void)link, (void)frame;
}

/* A registration that count peers endorsed. */
static void make_registration(struct peerfix *f, const char *name, unsigned count, struct buf *ret_tx)
{
	struct netfix_request *r = mem_zalloc(sizeof(*r));
	struct op_register op = {.count = 2};
	struct identity id;
	struct buf body;

	f->n->now_ms = ticks_wall_ms();
	t_zero(netfix_identity(f->n, name, ROLE_DOCTOR, 0, &id));
	buf_init(&body, 0);
	op.cert[0] = buf_view(&id.chain[0]);
	op.cert[1] = buf_view(&id.chain[1]);
	t_zero(op_register_encode(&op, &body));
	*r = (struct netfix_request){.by = &id, .op_count = 1};
	r->op[0] = (struct tx_op){OP_REGISTER, buf_view(&body)};
	f->n->endorsers = count;
	t_zero(netfix_tx(f->n, r, ret_tx, NULL));
	f->n->endorsers = 2;
	buf_release(&body);
	identity_release(&id);
	mem_free(r);
}

T_TEST(what_nobody_endorsed_takes_no_room)
{
	struct identity ann;
	struct peerfix *f = start(&ann);
	struct buf tx;

	for (unsigned count = 0; count < 2; count++) {
		buf_init(&tx, 0);
		make_registration(f, "bob", count, &tx);
		t_eq(peerfix_submit(f, ALL, buf_view(&tx), VIEW_NONE), 4);
		t_ok(peerfix_wait_count(f, &f->refused, 4 * (count + 1), 5000));
		t_eq(f->refused_error, CF_EDENIED);
		buf_release(&tx);
	}
	identity_release(&ann);
	peerfix_free(f);
}

/* By the listener for members, where no gateway looks at who has signed it. */
static void relay(struct peerfix *f, struct view tx, enum wire_kind kind, const struct identity *as,
		  const struct crypto_key *key)
{
	const struct transport_config config = {.ctx = NULL, .on_recv = ignore};
	struct transport_link *link[PEERFIX_PEERS];
	struct transport *t;
	struct buf request, message, frame;

	buf_init(&request, 0);
	buf_init(&message, 0);
	buf_init(&frame, 0);
	t_zero(body_request_encode(tx, VIEW_NONE, &request));
	t_zero(msg_request_encode(buf_view(&request), &message));
	t_zero(wire_frame_encode(kind, 0, &as->id, buf_view(&message), &f->n->network, key, &frame));
	t_zero(transport_new(&config, &t));
	for (unsigned i = 0; i < PEERFIX_PEERS; i++) {
		t_zero(transport_dial(t, TRANSPORT_PEER,
				      apply_members(f->n->apply[0])->member[i].peer_address, NULL, &link[i]));
		for (unsigned n = 0; n < 2000 && transport_send(link[i], buf_view(&frame)); n++)
			usleep(1000);
	}
	usleep(300000);
	transport_free(t);
	buf_release(&request);
	buf_release(&message);
	buf_release(&frame);
}

T_TEST(only_members_relay)
{
	struct identity ann;
	struct peerfix *f = start(&ann);
	uint64_t before = f->height;
	struct buf tx;

	buf_init(&tx, 0);
	make_registration(f, "dora", 2, &tx);
	relay(f, buf_view(&tx), WIRE_PBFT, &f->n->peer[1], NULL);                   /* unsigned */
	relay(f, buf_view(&tx), WIRE_RELAY, &ann, ann.sign);                        /* no member */
	relay(f, buf_view(&tx), WIRE_RELAY, &f->n->peer[1], f->n->peer[2].endorse); /* in another's name */
	t_ok(!peerfix_wait_height(f, before + 1, 500));
	relay(f, buf_view(&tx), WIRE_RELAY, &f->n->peer[1], f->n->peer[1].endorse);
	t_ok(peerfix_wait_height(f, before + 1, 10000));
	buf_release(&tx);
	identity_release(&ann);
	peerfix_free(f);
}

/* Blobs of so many bytes to peer 1 until it refuses one. */
static void fill(struct peerfix *f, const struct identity *as, size_t bytes)
{
	unsigned refused = f->refused;
	uint8_t *plain = mem_zalloc(bytes);
	struct buf chunk;

	for (unsigned i = 0; i < DISK_BYTES / BLOB_BYTES + BLOB_BYTES / 1000 && f->refused == refused; i++) {
		unsigned stored = f->put_ok_count;

		memcpy(plain, &i, sizeof(i));
		buf_init(&chunk, 0);
		t_zero(blob_chunk_encode(VIEW(plain, bytes), &chunk));
		t_eq(peerfix_send(f, 1, WIRE_PUT, buf_view(&chunk), as), 1);
		t_ok(peerfix_wait_count(f, &f->put_ok_count, stored + 1, 200) || f->refused > refused);
		buf_release(&chunk);
	}
	mem_free(plain);
}

/* One who may store blobs stores blobs until there is no room: the peer goes on with blocks. */
T_TEST(a_disk_full_of_blobs_stops_no_peer)
{
	struct identity ann;
	struct peerfix *f;
	struct buf tx;
	uint64_t before;

	t_zero(peerfix_new(&f));
	if (!smallfs_mount(f->dir[0], DISK_BYTES)) {
		t_note("skipped: no file system may be mounted here");
		peerfix_free(f);
		return;
	}
	t_zero(netfix_person(f->n, "ann", ROLE_DOCTOR, 0, &ann));
	for (unsigned i = 0; i < PEERFIX_PEERS; i++)
		t_zero(peerfix_start(f, i));
	t_zero(peerfix_follow(f, 1));
	fill(f, &ann, BLOB_BYTES);
	fill(f, &ann, 1000); /* into what is left */
	t_eq(f->refused, 2);
	t_eq(f->refused_error, CF_EFULL);
	before = f->height;
	buf_init(&tx, 0);
	make_registration(f, "carl", 2, &tx);
	t_eq(peerfix_submit(f, ALL, buf_view(&tx), VIEW_NONE), 4);
	t_ok(peerfix_wait_height(f, before + 1, 10000));
	t_ok(peerfix_wait_peer(f, 0, before + 1, 5000));
	buf_release(&tx);
	for (unsigned i = 0; i < PEERFIX_PEERS; i++)
		peerfix_stop(f, i);
	smallfs_unmount(f->dir[0]);
	identity_release(&ann);
	peerfix_free(f);
}

static void no_frame(void *ctx, const struct roster *r, unsigned member, const struct wire_frame *f)
{
	(void)ctx, (void)r, (void)member, (void)f;
}

static void no_link(void *ctx, unsigned member)
{
	(void)ctx, (void)member;
}

static void no_tx(void *ctx, uint64_t height, uint32_t index, const struct tx *tx, uint8_t verdict,
		  const struct rwset *rwset)
{
	(void)ctx, (void)height, (void)index, (void)tx, (void)verdict, (void)rwset;
}

static void no_block(void *ctx, const struct block *block)
{
	(void)ctx, (void)block;
}

static void nothing(void *ctx)
{
	(void)ctx;
}

/* Blocks whose turn has not come are not verified: one liar must not fill a mount's memory with them. */
T_TEST(blocks_from_the_future_are_bounded_in_bytes)
{
	struct wire_block block = {.certificate = {.count = 1}};
	struct links_config lc = {.on_frame = no_frame, .on_up = no_link};
	struct follower_config fc = {.observer = {NULL, no_tx, no_block},
				     .on_applied = nothing,
				     .on_damaged = nothing,
				     .fill_rate_kib = 1};
	struct follower *f;
	struct netfix *n;
	struct buf body, payload;
	size_t kept = 0;
	uint8_t *bytes;

	t_zero(netfix_new(1, false, &n));
	lc.network = n->network;
	lc.identity = &n->custodian[0];
	t_zero(links_new(&lc, &fc.links));
	t_zero(heard_new(&fc.heard));
	fc.chain = n->chain[0];
	t_zero(follower_new(&fc, &f));
	buf_init(&body, 0);
	t_zero(buf_extend(&body, EARLY_BYTES, &bytes));
	block.body = buf_view(&body);
	for (block.height = 2; block.height < 2 + FOLLOWER_EARLY_MAX; block.height++) {
		struct message *m;

		buf_init(&payload, 0);
		t_zero(wire_block_encode(&block, &payload));
		t_zero(message_new(WIRE_BLOCK, buf_view(&payload), &m));
		t_ok(!follower_take(f, m));
		buf_release(&payload);
	}
	for (unsigned i = 0; i < FOLLOWER_EARLY_MAX; i++)
		kept += f->early[i].m ? f->early[i].m->len : 0;
	t_ok(kept > 0);
	t_ok(kept <= FOLLOWER_EARLY_BYTES_MAX);
	buf_release(&body);
	follower_free(f);
	links_free(fc.links);
	heard_free(fc.heard);
	netfix_free(n);
}

T_MAIN
