/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_peer.c - four peers in one process: a signed transaction is committed on all, a stopped one catches
 * up.
 */
#include "ledger/blob.h"
#include "ledger/file.h"
#include "ledger/mem.h"
#include "net/ticks.h"
#include "tests/lib/peerfix.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ALL 0xfu

/* A registration: the simplest transaction there is. */
static void make_registration(struct peerfix *f, const char *name, struct identity *ret_id,
			      struct buf *ret_tx, struct hash *ret_tx_id)
{
	struct netfix_request *r = mem_zalloc(sizeof(*r));
	struct op_register op = {.count = 2};
	struct buf body;

	f->n->now_ms = ticks_wall_ms();
	t_zero(netfix_identity(f->n, name, ROLE_DOCTOR, 0, ret_id));
	buf_init(&body, 0);
	op.cert[0] = buf_view(&ret_id->chain[0]);
	op.cert[1] = buf_view(&ret_id->chain[1]);
	t_zero(op_register_encode(&op, &body));
	r->by = ret_id;
	r->op[0] = (struct tx_op){OP_REGISTER, buf_view(&body)};
	r->op_count = 1;
	t_zero(netfix_tx(f->n, r, ret_tx, ret_tx_id));
	buf_release(&body);
	mem_free(r);
}

/* Registers somebody through the peers of mask and waits for the block. */
static void commit_registration(struct peerfix *f, unsigned mask, const char *name)
{
	struct identity id;
	struct chain_tx_info info;
	struct hash tx_id;
	struct db_txn *txn;
	struct buf tx;
	uint64_t before = f->height;

	buf_init(&tx, 0);
	make_registration(f, name, &id, &tx, &tx_id);
	t_ok(peerfix_submit(f, mask, buf_view(&tx), VIEW_NONE) > 0);
	if (!peerfix_wait_height(f, before + 1, 5000))
		t_fail("%s: no block; refused %u: %s %s", name, f->refused, err_name(f->refused_error),
		       f->refused_detail);
	t_zero(chain_read_begin(f->n->chain[0], &txn));
	t_zero(chain_tx_info(txn, &tx_id, &info));
	t_eq(info.verdict, VERDICT_VALID);
	db_abort(txn);
	buf_release(&tx);
	identity_release(&id);
}

static struct peerfix *start_all(void)
{
	struct peerfix *f;

	t_zero(peerfix_new(&f));
	for (unsigned i = 0; i < PEERFIX_PEERS; i++)
		t_zero(peerfix_start(f, i));
	t_zero(peerfix_follow(f, 1));
	return f;
}

static void same_everywhere(struct peerfix *f)
{
	struct wire_status first, other;

	for (unsigned i = 0; i < PEERFIX_PEERS; i++)
		t_ok(peerfix_wait_peer(f, i, f->height, 10000));
	peer_status(f->peer[0], &first);
	for (unsigned i = 1; i < PEERFIX_PEERS; i++) {
		peer_status(f->peer[i], &other);
		t_eq(other.height, first.height);
		t_ok(hash_equal(&other.head, &first.head));
		t_ok(hash_equal(&other.state_root, &first.state_root));
		t_ok(!peer_failed(f->peer[i]));
	}
}

T_TEST(commits_on_all)
{
	struct peerfix *f = start_all();

	commit_registration(f, ALL, "ann");
	commit_registration(f, ALL, "bob");
	commit_registration(f, 1u << 2, "told to one peer only");
	same_everywhere(f);
	peerfix_free(f);
}

T_TEST(submitting_again_is_harmless)
{
	struct peerfix *f = start_all();
	struct identity id;
	struct hash tx_id;
	struct buf tx;

	buf_init(&tx, 0);
	make_registration(f, "ann", &id, &tx, &tx_id);
	for (int i = 0; i < 3; i++)
		t_eq(peerfix_submit(f, ALL, buf_view(&tx), VIEW_NONE), PEERFIX_PEERS);
	t_ok(peerfix_wait_height(f, 1, 5000));
	t_ok(peerfix_wait_peer(f, 0, 1, 5000));
	t_eq(peerfix_submit(f, 1, buf_view(&tx), VIEW_NONE), 1);
	t_ok(peerfix_wait_count(f, &f->settled, 1, 5000));
	t_eq(f->last_settled.height, 1);
	t_ok(hash_equal(&f->last_settled.id, &tx_id));
	t_eq(f->last_settled.verdict, VERDICT_VALID);
	t_eq(f->height, 1);

	/* A changed byte is refused, and named. */
	tx.data[tx.len - 1] ^= 1;
	t_eq(peerfix_submit(f, 1, buf_view(&tx), VIEW_NONE), 1);
	t_ok(peerfix_wait_count(f, &f->refused, 1, 5000) || f->settled > 1);
	t_eq(peerfix_submit(f, 1, view_str("nonsense"), VIEW_NONE), 1);
	t_ok(peerfix_wait_count(f, &f->refused, 1, 5000));
	same_everywhere(f);
	buf_release(&tx);
	identity_release(&id);
	peerfix_free(f);
}

T_TEST(stopped_peer_catches_up)
{
	struct peerfix *f = start_all();
	char name[32];

	commit_registration(f, ALL, "first");
	peerfix_stop(f, 3);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "while away %d", i);
		commit_registration(f, 7, name);
	}
	t_zero(peerfix_start(f, 3));
	t_ok(peerfix_wait_peer(f, 3, f->height, 10000));
	/* It votes again: one of the others may be missing now. */
	peerfix_stop(f, 2);
	commit_registration(f, 3, "with three");
	t_zero(peerfix_start(f, 2));
	t_ok(peerfix_wait_peer(f, 2, f->height, 10000));
	same_everywhere(f);
	peerfix_free(f);
}

T_TEST(leader_is_replaced)
{
	struct peerfix *f;

	t_zero(peerfix_new(&f));
	for (unsigned i = 0; i < PEERFIX_PEERS; i++) {
		f->conf[i].timers.request_forward_ms = 100;
		f->conf[i].timers.request_complain_ms = 300;
		f->conf[i].timers.view_change_ms = 500;
	}
	for (unsigned i = 0; i < PEERFIX_PEERS; i++)
		t_zero(peerfix_start(f, i));
	t_zero(peerfix_follow(f, 1));
	commit_registration(f, ALL, "first");
	peerfix_stop(f, 0);
	commit_registration(f, 0xe, "without the leader");
	commit_registration(f, 0xe, "and again");
	t_zero(peerfix_start(f, 0));
	t_ok(peerfix_wait_peer(f, 0, f->height, 10000));
	same_everywhere(f);
	peerfix_free(f);
}

T_TEST(all_restart)
{
	struct peerfix *f = start_all();

	commit_registration(f, ALL, "before");
	transport_free(f->transport);
	for (unsigned i = 0; i < PEERFIX_PEERS; i++)
		peerfix_stop(f, i);
	for (unsigned i = 0; i < PEERFIX_PEERS; i++)
		t_zero(peerfix_start(f, i));
	f->up = 0;
	t_zero(peerfix_follow(f, 2));
	commit_registration(f, ALL, "after");
	same_everywhere(f);
	peerfix_free(f);
}

T_TEST(foreign_identities_are_refused)
{
	struct peerfix *f, *other;
	struct identity mine;

	t_zero(peerfix_new(&f));
	t_zero(peerfix_new(&other));
	mine = f->n->peer[0];
	f->n->peer[0] = other->n->peer[0]; /* of the same name, under another root */
	t_err(peerfix_start(f, 0), CF_EFOREIGN);
	t_ok(strstr(err_detail(), "") != NULL);
	f->n->peer[0] = f->n->custodian[0]; /* of this network, and no peer */
	t_err(peerfix_start(f, 0), CF_EFOREIGN);
	t_ok(strstr(err_detail(), "not in consortium") != NULL);
	f->n->peer[0] = mine;
	t_zero(peerfix_start(f, 0));
	peerfix_free(f);
	peerfix_free(other);
}

/* Blocks and no vote log: what it signed before is unknown, so it follows and does not vote. */
T_TEST(amnesia_does_not_vote)
{
	struct peerfix *f = start_all();
	struct wire_status status;
	char path[FILE_PATH_MAX];

	commit_registration(f, ALL, "before");
	t_ok(peerfix_wait_peer(f, 3, 1, 5000));
	peerfix_stop(f, 3);
	t_zero(file_path(f->conf[3].data_dir, "votes", path));
	t_zero(file_remove_tree(path));
	t_zero(peerfix_start(f, 3));
	peer_status(f->peer[3], &status);
	t_ok(!status.voting);
	commit_registration(f, ALL, "after");
	commit_registration(f, ALL, "and again");
	t_ok(peerfix_wait_peer(f, 3, f->height, 10000));
	peerfix_stop(f, 3);
	t_zero(peerfix_start(f, 3));
	peer_status(f->peer[3], &status);
	t_ok(!status.voting);
	peerfix_free(f);
}

T_TEST(endorses)
{
	struct peerfix *f = start_all();
	struct wire_endorse *m = mem_zalloc(sizeof(*m));
	struct netfix_request *r = mem_zalloc(sizeof(*r));
	struct op_register op = {.count = 2};
	struct wire_endorsed answer;
	struct buf body, proposal, payload;
	struct hash id, digest;
	struct identity ann;

	buf_init(&body, 0);
	buf_init(&proposal, 0);
	buf_init(&payload, 0);
	f->n->now_ms = ticks_wall_ms();
	t_zero(netfix_identity(f->n, "ann", ROLE_DOCTOR, 0, &ann));
	op.cert[0] = buf_view(&ann.chain[0]);
	op.cert[1] = buf_view(&ann.chain[1]);
	t_zero(op_register_encode(&op, &body));
	r->by = &ann;
	r->op[0] = (struct tx_op){OP_REGISTER, buf_view(&body)};
	r->op_count = 1;
	t_zero(netfix_proposal(f->n, r, &proposal, &id));
	m->count = 2;
	m->signature = mem_zalloc(2 * sizeof(*m->signature));
	m->proposal[0] = buf_view(&proposal);
	m->proposal[1] = view_str("no proposal");
	t_zero(sigpath_sign(SIG_PROPOSAL, &f->n->network, &id, 1, ann.sign, m->signature));
	m->signature[1] = m->signature[0];
	t_zero(wire_endorse_encode(m, &payload));
	t_eq(peerfix_send(f, 2, WIRE_ENDORSE, buf_view(&payload), &ann), 1);
	t_ok(peerfix_wait_count(f, &f->endorsed_count, 1, 5000));
	t_zero(wire_endorsed_decode(buf_view(&f->endorsed), &answer));
	t_eq(answer.count, 2);
	t_ok(hash_equal(&answer.item[0].id, &id));
	if (answer.item[0].error)
		t_fail("%s: %.*s", err_name(answer.item[0].error), (int)answer.item[0].detail.len,
		       (const char *)answer.item[0].detail.data);
	t_ok(answer.item[1].error != 0);
	digest = tx_endorsement_digest(&f->n->network, &id, answer.item[0].rwset);
	t_zero(sigpath_verify(&answer.item[0].signature, SIG_ENDORSEMENT, &f->n->network, &digest,
			      f->n->peer[1].endorse));
	wire_endorsed_release(&answer);

	/* A height that does not come is waited for, and then refused. */
	m->min_height = 1;
	buf_reset(&payload);
	t_zero(wire_endorse_encode(m, &payload));
	t_eq(peerfix_send(f, 2, WIRE_ENDORSE, buf_view(&payload), &ann), 1);
	t_ok(peerfix_wait_count(f, &f->refused, 1, 5000));
	t_eq(f->refused_error, CF_EAGAIN);
	wire_endorse_release(m);
	mem_free(m);
	mem_free(r);
	buf_release(&body);
	buf_release(&proposal);
	buf_release(&payload);
	identity_release(&ann);
	peerfix_free(f);
}

static void put(struct peerfix *f, unsigned mask, const struct identity *as, struct view bytes)
{
	unsigned before = f->put_ok_count, sent = peerfix_send(f, mask, WIRE_PUT, bytes, as);

	t_ok(peerfix_wait_count(f, &f->put_ok_count, before + sent, 5000));
}

static struct wire_blob get(struct peerfix *f, unsigned mask, const struct hash *address)
{
	struct wire_blob blob;
	unsigned before = f->blob_count;

	t_eq(peerfix_send(f, mask, WIRE_GET, VIEW(address->b, HASH_BYTES), NULL), 1);
	t_ok(peerfix_wait_count(f, &f->blob_count, before + 1, 10000));
	t_zero(wire_blob_decode(buf_view(&f->blob), &blob));
	t_ok(hash_equal(&blob.address, address));
	return blob;
}

static const char *blob_file(struct peerfix *f, unsigned i, const struct hash *address)
{
	static char path[FILE_PATH_MAX + 80];
	char hex[2 * HASH_BYTES + 1];

	hex_encode(address->b, HASH_BYTES, hex);
	snprintf(path, sizeof(path), "%s/blobs/%.2s/%s", f->conf[i].data_dir, hex, hex + 2);
	return path;
}

static void wait_repaired(struct peerfix *f, unsigned i, uint64_t count)
{
	struct wire_status status;
	unsigned tries = 0;

	do {
		usleep(10000);
		peer_status(f->peer[i], &status);
	} while (status.repaired < count && ++tries < 2000);
	t_eq(status.repaired, count);
	t_eq(status.damaged, count);
	t_ok(status.scrubs > 0 && status.scrubbed > 0);
}

/* Nobody asks for them: passes over the store find what a disk lost. */
static void scrub_blobs(struct peerfix *f, const struct hash *leaf, struct view chunk)
{
	struct buf bytes;

	buf_init(&bytes, 0);
	t_ok(file_exists(blob_file(f, 1, leaf)));
	t_zero(file_replace(blob_file(f, 1, leaf), view_str("rot")));
	wait_repaired(f, 1, 1);
	t_zero(file_read(blob_file(f, 1, leaf), 4096, &bytes));
	t_bytes(bytes.data, bytes.len, chunk.data, chunk.len);
	t_zero(unlink(blob_file(f, 1, leaf)));
	wait_repaired(f, 1, 2);
	t_ok(file_exists(blob_file(f, 1, leaf)));
	buf_release(&bytes);
}

T_TEST(keeps_blobs)
{
	struct peerfix *f;
	struct wire_hold hold = {.count = 1};
	struct wire_receipt receipt;
	struct identity ann;
	struct buf chunk, node, payload;
	struct hash leaf, root, digest, nowhere;
	struct wire_blob blob;

	t_zero(peerfix_new(&f));
	t_zero(netfix_person(f->n, "ann", ROLE_DOCTOR, 0, &ann));
	f->conf[1].scrub_period_s = 1;
	f->conf[1].scrub_rate_kib = 1024;
	for (unsigned i = 0; i < PEERFIX_PEERS; i++)
		t_zero(peerfix_start(f, i));
	t_zero(peerfix_follow(f, 0));
	buf_init(&chunk, 0);
	buf_init(&node, 0);
	buf_init(&payload, 0);
	t_zero(blob_chunk_encode(view_str("sealed bytes"), &chunk));
	leaf = blob_address(buf_view(&chunk));
	t_zero(blob_node_encode(1, &leaf, 1, view_str("sealed"), &node));
	root = blob_address(buf_view(&node));
	hold.blob[0] = (struct tx_blob){root, chunk.len + node.len};
	t_zero(wire_hold_encode(&hold, &payload));

	/* The root without its chunk: no receipt, and the chunk is named. */
	put(f, 0x7, &ann, buf_view(&node));
	t_eq(peerfix_send(f, 1, WIRE_HOLD, buf_view(&payload), &ann), 1);
	t_ok(peerfix_wait_count(f, &f->receipt_count, 1, 5000));
	t_zero(wire_receipt_decode(buf_view(&f->receipt), &receipt));
	t_ok(!receipt.held);
	t_eq(receipt.missing_count, 1);
	t_ok(hash_equal(&receipt.missing[0], &leaf));

	put(f, 0x7, &ann, buf_view(&chunk));
	t_eq(peerfix_send(f, 1, WIRE_HOLD, buf_view(&payload), &ann), 1);
	t_ok(peerfix_wait_count(f, &f->receipt_count, 2, 5000));
	t_zero(wire_receipt_decode(buf_view(&f->receipt), &receipt));
	t_ok(receipt.held);
	digest = tx_receipt_digest(&f->n->network, hold.time_ms, hold.blob, 1);
	t_zero(sigpath_verify(&receipt.signature, SIG_RECEIPT, &f->n->network, &digest,
			      f->n->peer[0].endorse));

	/* Peer 4 never got it: it fetches it for whoever asks. */
	blob = get(f, 0x8, &leaf);
	t_ok(blob.found);
	t_bytes(blob.bytes.data, blob.bytes.len, chunk.data, chunk.len);
	nowhere = sha256(view_str("nowhere"));
	t_ok(!get(f, 0x8, &nowhere).found);

	/* A damaged file is never served: it is mended first. */
	t_ok(file_exists(blob_file(f, 0, &leaf)));
	t_zero(file_replace(blob_file(f, 0, &leaf), view_str("rot")));
	blob = get(f, 0x1, &leaf);
	t_ok(blob.found);
	t_bytes(blob.bytes.data, blob.bytes.len, chunk.data, chunk.len);
	blob = get(f, 0x1, &leaf);
	t_ok(blob.found);

	scrub_blobs(f, &leaf, buf_view(&chunk));

	/* Strangers store nothing. */
	identity_release(&ann);
	t_zero(netfix_identity(f->n, "stranger", ROLE_DOCTOR, 0, &ann));
	t_eq(peerfix_send(f, 1, WIRE_PUT, view_str("x"), &ann), 1);
	t_ok(peerfix_wait_count(f, &f->refused, 1, 5000));
	t_eq(f->refused_error, CF_EFOREIGN);
	buf_release(&chunk);
	buf_release(&node);
	buf_release(&payload);
	identity_release(&ann);
	peerfix_free(f);
}

T_TEST(tells_its_status)
{
	struct peerfix *f = start_all();
	struct wire_status status;

	commit_registration(f, ALL, "ann");
	t_ok(peerfix_wait_peer(f, 2, 1, 5000));
	t_eq(peerfix_send(f, 1u << 2, WIRE_STATUS_ASK, VIEW_NONE, NULL), 1);
	t_ok(peerfix_wait_count(f, &f->status_count, 1, 5000));
	t_zero(wire_status_decode(buf_view(&f->status), &status));
	t_eq(status.height, 1);
	t_ok(status.voting);
	t_eq(status.leader, 0);
	t_bytes(status.by.b, IDENTITY_BYTES, f->n->peer[2].id.b, IDENTITY_BYTES);
	peerfix_free(f);
}

T_MAIN
