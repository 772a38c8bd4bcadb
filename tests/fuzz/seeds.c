/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seeds.c DIRECTORY - writes a corpus for each fuzz target below DIRECTORY: what the encoders make of a small
 * network's genesis, people, patient and record. tests/fuzz/corpus was made by it.
 */
#include "acl/proof.h"
#include "acl/reshare.h"
#include "acl/snapshot.h"
#include "acl/wrap.h"
#include "acl/xattr.h"
#include "fs/manifest.h"
#include "ledger/blob.h"
#include "ledger/file.h"
#include "ledger/mem.h"
#include "net/ca_wire.h"
#include "net/pbft_msg.h"
#include "net/wire.h"
#include "tests/lib/lies.h"
#include "tests/lib/netfix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *out_dir;

static void must(int err)
{
	if (!err)
		return;
	fprintf(stderr, "seeds: %s (%s)\n", err_text(err), err_detail());
	exit(1);
}

static void seed(const char *target, const char *name, struct view bytes)
{
	char path[FILE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", out_dir, target);
	must(file_dir_make(path));
	snprintf(path, sizeof(path), "%s/%s/%s", out_dir, target, name);
	must(file_replace(path, bytes));
}

/* One encoding: into a buffer, and out. */
#define SEED(target, name, call)                    \
	do {                                        \
		struct buf out;                     \
		buf_init(&out, 0);                  \
		must(call);                         \
		seed(target, name, buf_view(&out)); \
		buf_release(&out);                  \
	} while (0)

static void seed_rows(struct db_txn *txn)
{
	struct state_cursor *cursor;
	struct state_item item;
	bool seen[256][16] = {{false}};
	char name[32];
	int err;

	must(state_cursor_new(txn, VIEW_NONE, &cursor));
	for (err = state_cursor_seek(cursor, VIEW_NONE, &item); err == 0;
	     err = state_cursor_next(cursor, &item)) {
		struct statekey_parts parts;
		unsigned sub;

		must(statekey_parse(item.key, &parts));
		sub = parts.kind == SK_PATIENT   ? (unsigned)parts.sub
		      : parts.kind == SK_NETWORK ? item.key.data[1]
						 : 0;
		if (seen[parts.kind][sub % 16])
			continue;
		seen[parts.kind][sub % 16] = true;
		snprintf(name, sizeof(name), "row-%02x-%02x", (unsigned)parts.kind, sub);
		seed("row", name, item.value);
	}
	state_cursor_free(cursor);
}

static int seed_wrap(void *ctx, const struct annex_item *item)
{
	(void)ctx;
	if (item->kind == ANNEX_WRAP)
		seed("row", "wrap", item->body);
	return 0;
}

/* The operations of each committed transaction, and the rows of the state. */
static void seed_chain(struct netfix *n)
{
	struct tx *tx = mem_alloc(sizeof(*tx));
	struct block_body body;
	struct chain_head head;
	struct db_txn *txn;
	struct buf bytes;
	char name[32];

	chain_head(n->chain[0], &head);
	must(chain_read_begin(n->chain[0], &txn));
	for (uint64_t h = 1; h <= head.height; h++) {
		buf_init(&bytes, 0);
		must(chain_block_body(n->chain[0], txn, h, &bytes));
		must(block_body_decode(buf_view(&bytes), &body));
		for (uint32_t i = 0; i < body.block.tx_count; i++) {
			must(tx_decode(body.block.tx[i], tx));
			snprintf(name, sizeof(name), "op-%u", tx->proposal.op[0].code);
			seed("row", name, tx->proposal.op[0].body);
			if (body.annex[i].len)
				must(annex_walk(body.annex[i], seed_wrap, NULL));
		}
		block_body_release(&body);
		buf_release(&bytes);
	}
	seed_rows(txn);
	db_abort(txn);
	mem_free(tx);
}

static void seed_proofs(struct netfix *n, const struct hash *id, const struct node_id *node,
			const struct patient_id *p)
{
	struct statekey key = statekey_patient(p);
	struct db_txn *txn;

	must(chain_read_begin(n->chain[0], &txn));
	SEED("proof", "record", proof_make(n->chain[0], txn, id, node, NULL, &out));
	SEED("proof", "row", state_prove(txn, statekey_view(&key), &out));
	db_abort(txn);
}

static void seed_ops(void)
{
	const struct op_save save = {.node = {{1}}, .base = {2, 3}, .size = 2, .content = view_str("{}")};
	struct buf body;

	buf_init(&body, 0);
	SEED("row", "op-setattr",
	     op_setattr_encode(&(struct op_setattr){.mask = 1, .attrs = {.mode = 0600}}, &out));
	SEED("row", "op-remove", op_remove_encode(&(struct op_remove){.node = {{1}}}, &out));
	SEED("row", "op-rename",
	     op_rename_encode(&(struct op_rename){.node = {{1}}, .sealed_name = view_str("sealed")}, &out));
	SEED("row", "op-revoke", op_revoke_encode(&(struct op_revoke){.sections = 2, .from = {{1}}}, &out));
	SEED("row", "op-lease",
	     op_lease_encode(
		     &(struct op_lease){.section = 1, .use = LEASE_READ, .purpose = view_str("TREAT")},
		     &out));
	SEED("row", "op-standing",
	     op_standing_encode(&(struct op_standing){.who = {{1}}, .reason = view_str("why")}, &out));
	SEED("row", "op-crl",
	     op_crl_encode(&(struct op_crl){.crl = view_str("list"), .count = 1, .cert = {view_str("ca")}},
			   &out));
	SEED("row", "op-renew",
	     op_renew_encode(&(struct op_renew){.who = {{1}}, .count = 1, .cert = {view_str("leaf")}}, &out));
	SEED("row", "row-crl", crl_row_encode(&(struct crl_row){1, 2, 3, 4, {{5}}}, &out));
	SEED("row", "xattrs", xattr_with(VIEW_NONE, view_str("user.a"), view_str("value"), &out));
	SEED("row", "row-xattr",
	     xattr_row_encode(&(struct xattr_row){.epoch = 1, .sealed = view_str("sealed")}, &out));
	SEED("row", "op-deal",
	     op_deal_encode(&(struct op_deal){.generation = 1, .deal = view_str("deal"), .proof_count = 1},
			    &out));
	SEED("row", "op-take", op_take_encode(&(struct op_take){.generation = 1, .epoch = 2}, &out));
	SEED("row", "op-accuse", op_accuse_encode(&(struct op_accuse){.generation = 1, .dealer = 2}, &out));
	SEED("row", "deals",
	     deals_encode(&(struct deals){.epoch = 1, .count = 1, .dealer = {2}, .deal = {view_str("deal")}},
			  &out));
	SEED("row", "op-approve", op_approve_encode(&(struct op_approve){{{1}}, {{2}}, APPROVAL_GIVE}, &out));
	SEED("row", "op-rule", op_rule_encode(&(struct op_rule){2, 1}, &out));
	SEED("row", "op-replace",
	     op_replace_encode(&(struct op_replace){.owner = {{1}}, .approval_count = 1}, &out));
	SEED("row", "op-save", op_save_encode(&save, &out));
	must(op_save_encode(&save, &body));
	SEED("row", "row-waiting",
	     waiting_row_encode(&(struct waiting_row){.save = buf_view(&body), .author = {{1}}}, &out));
	buf_release(&body);
	SEED("row", "op-xattr", op_xattr_encode(&(struct op_xattr){.node = {{1}}}, &out));
}

static struct hash some_hash(void)
{
	return sha256(view_str("some"));
}

static void seed_pbft(const struct certificate *c)
{
	struct vote vote = {.kind = VOTE_PRE_PREPARE, .height = 3, .digest = some_hash()};
	struct msg_pre_prepare pre = {.vote = vote, .has_body = true, .body = view_str("body")};
	struct msg_vote prepare = {.sender = 1, .vote = vote};
	struct msg_view_change change = {.sender = 2, .view = 1, .height = 2, .has_base = true, .base = *c};
	struct msg_new_view *new_view = mem_zalloc(sizeof(*new_view));
	struct buf bytes;

	prepare.vote.kind = VOTE_PREPARE;
	change.has_prepared = true;
	change.prepared = (struct prepared){.height = 3, .digest = some_hash(), .count = 2, .index = {1, 2}};
	buf_init(&bytes, 0);
	must(msg_view_change_encode(&change, &bytes));
	new_view->sender = 1;
	new_view->view = 1;
	new_view->count = 1;
	new_view->change[0] = buf_view(&bytes);
	SEED("pbft", "pre-prepare", msg_pre_prepare_encode(&pre, &out));
	SEED("pbft", "prepare", msg_vote_encode(&prepare, &out));
	SEED("pbft", "view-change", msg_view_change_encode(&change, &out));
	SEED("pbft", "new-view", msg_new_view_encode(new_view, &out));
	SEED("pbft", "status", msg_status_encode(&(struct msg_status){.sender = 1, .active = true}, &out));
	SEED("pbft", "certificate", msg_certificate_encode(c, &out));
	SEED("pbft", "fetch",
	     msg_fetch_encode(&(struct msg_fetch){.height = 3, .digest = some_hash()}, &out));
	SEED("pbft", "body",
	     msg_body_encode(&(struct msg_body){.height = 3, .body = view_str("body")}, &out));
	SEED("pbft", "request", msg_request_encode(view_str("request"), &out));
	buf_release(&bytes);
	mem_free(new_view);
}

static void seed_wire(const struct certificate *c)
{
	struct wire_submit *submit = mem_zalloc(sizeof(*submit));
	struct wire_endorse *endorse = mem_zalloc(sizeof(*endorse));
	struct wire_hold *hold = mem_zalloc(sizeof(*hold));
	struct wire_receipt *receipt = mem_zalloc(sizeof(*receipt));
	struct sigpath path = {.count = 1};
	struct wire_endorsed_item item = {.id = some_hash(), .rwset = view_str("rwset"), .signature = path};
	struct wire_block block = {.height = 3, .body = view_str("body"), .certificate = *c};
	const struct identity_id sender = {{1}};
	struct buf payload;

	submit->count = endorse->count = hold->count = 1;
	submit->tx[0] = endorse->proposal[0] = view_str("tx");
	endorse->signature = &path;
	hold->blob[0] = (struct tx_blob){some_hash(), 7};
	receipt->held = true;
	receipt->signature = path;
	SEED("wire", "submit", wire_submit_encode(submit, &out));
	SEED("wire", "endorse", wire_endorse_encode(endorse, &out));
	SEED("wire", "endorsed",
	     wire_endorsed_encode(&(struct wire_endorsed){.count = 1, .item = &item}, &out));
	SEED("wire", "block", wire_block_encode(&block, &out));
	SEED("wire", "hold", wire_hold_encode(hold, &out));
	SEED("wire", "receipt", wire_receipt_encode(receipt, &out));
	SEED("wire", "blob",
	     wire_blob_encode(&(struct wire_blob){some_hash(), true, view_str("bytes")}, &out));
	SEED("wire", "status", wire_status_encode(&(struct wire_status){.detail = view_str("full")}, &out));
	SEED("wire", "refused",
	     wire_refused_encode(&(struct wire_refused){.error = CF_EINVAL, .detail = view_str("no")}, &out));
	SEED("wire", "settled", wire_settled_encode(&(struct wire_settled){.height = 3}, &out));
	SEED("wire", "share-ask",
	     wire_share_ask_encode(&(struct wire_share_ask){some_hash(), 1, 2, 3}, &out));
	SEED("wire", "share",
	     wire_share_encode(&(struct wire_share){{some_hash(), 1, 2, 3}, view_str("sealed")}, &out));
	buf_init(&payload, 0);
	must(wire_hold_encode(hold, &payload));
	SEED("wire", "frame",
	     wire_frame_encode(WIRE_SUBSCRIBE, 1, &sender, buf_view(&payload), &c->digest, NULL, &out));
	buf_release(&payload);
	mem_free(submit);
	mem_free(endorse);
	mem_free(hold);
	mem_free(receipt);
}

static void seed_evidence(const struct netfix *n)
{
	const struct liar l = {n->network, 1, 0, n->peer[1].sign, n->peer[1].endorse};
	const struct liar witness[] = {{n->network, 2, 0, n->peer[2].sign, n->peer[2].endorse},
				       {n->network, 3, 0, n->peer[3].sign, n->peer[3].endorse}};
	const struct hash tx = some_hash();
	struct buf votes;

	buf_init(&votes, 0);
	must(lie_votes(&l, EVIDENCE_COMMIT, 3, 1, &votes));
	seed("evidence", "votes", buf_view(&votes));
	SEED("evidence", "file", evidence_file_encode(&n->network, buf_view(&votes), &out));
	SEED("evidence", "messages", lie_messages(&l, EVIDENCE_NEW_VIEW, 2, &out));
	SEED("evidence", "twice", lie_endorsed_twice(&l, &tx, &out));
	SEED("evidence", "wrong", lie_endorsed_wrong(&l, witness, 2, &tx, &out));
	SEED("row", "op-16", op_evidence_encode(&(struct op_evidence){buf_view(&votes)}, &out));
	SEED("row", "row-20-00", evidence_row_encode(&(struct evidence_row){.kind = EVIDENCE_COMMIT}, &out));
	SEED("row", "row-21-00", offender_row_encode(&(struct offender_row){.count = 1}, &out));
	buf_release(&votes);
}

/* An application, signed requests, their bodies and frames, a revocation list. */
static void seed_ca(const struct netfix *n, const struct identity *by)
{
	struct application a = {
		.role = ROLE_DOCTOR, .org = "Aster", .name = "dr.bo", .time_ms = NETFIX_TIME_MS};
	struct hash authority = crypto_key_fingerprint(by->info.sign_point);
	struct ca_decide decide = {.approve = true, .days = 30, .reason = view_str("as agreed")};
	struct ca_revoke revoke = {view_str("dr.bo"), view_str("left")};
	struct ca_collected collected = {CA_APPROVED, view_str("chain"), view_str("tls")};
	struct ca_ask ask = {CA_COLLECT, VIEW(authority.b, APPLICATION_ID_BYTES)};
	struct ca_answer answer = {.error = CF_EDENIED, .detail = view_str("a manager decides")};

	memcpy(a.sign_point, by->info.sign_point, POINT_BYTES);
	memcpy(a.kem_point, by->info.kem_point, POINT_BYTES);
	SEED("ca", "application", application_encode(&a, by->sign, &out));
	SEED("ca", "request", ca_request_encode(CA_PENDING, &authority, NETFIX_TIME_MS, VIEW_NONE, by, &out));
	SEED("ca", "decide", ca_decide_encode(&decide, &out));
	SEED("ca", "revoke", ca_revoke_encode(&revoke, &out));
	SEED("ca", "collected", ca_collected_encode(&collected, &out));
	SEED("ca", "ask", ca_ask_frame(&ask, 7, &out));
	SEED("ca", "answer", ca_answer_frame(&answer, 7, &out));
	SEED("ca", "list",
	     cert_crl_issue(buf_view(&n->ca_cert[0]), n->ca_key[0], (const uint8_t(*)[20])by->info.serial, 1,
			    1, NETFIX_TIME_MS, NETFIX_TIME_MS + 1000000, &out));
}

/* What is asked, and the pieces of the head's state; the rows begin late, so that they are few. */
static struct hash first_tx(struct db_txn *txn)
{
	struct view key, value;
	struct db_cursor *c;
	struct hash id;

	must(db_cursor_new(txn, DB_TX, VIEW_NONE, &c));
	must(db_cursor_seek(c, VIEW_NONE, &key, &value));
	memcpy(id.b, key.data, HASH_BYTES);
	db_cursor_free(c);
	return id;
}

static void seed_snapshot(const struct netfix *n, const struct patient_id *patient)
{
	struct statekey key = statekey_patient_prefix(patient);
	struct snapshot_ask ask = {.part = SNAPSHOT_OFFER, .after = statekey_view(&key)};
	struct chain_head head;
	struct db_txn *txn;

	chain_head(n->chain[0], &head);
	ask.height = head.height;
	ask.from = head.height - 1;
	must(chain_read_begin(n->chain[0], &txn));
	SEED("snapshot", "offer", snapshot_make(n->chain[0], txn, &ask, &out));
	ask.part = SNAPSHOT_ROWS;
	SEED("snapshot", "ask-rows", snapshot_ask_encode(&ask, &out));
	SEED("snapshot", "rows", snapshot_make(n->chain[0], txn, &ask, &out));
	ask.part = SNAPSHOT_BRIEFS;
	SEED("snapshot", "ask-briefs", snapshot_ask_encode(&ask, &out));
	SEED("snapshot", "briefs", snapshot_make(n->chain[0], txn, &ask, &out));
	ask = (struct snapshot_ask){.part = SNAPSHOT_KEYS};
	SEED("snapshot", "ask-keys", snapshot_ask_encode(&ask, &out));
	SEED("snapshot", "keys", snapshot_hint(n->chain[0], txn, &n->custodian[0].id, &ask, &out));
	SEED("snapshot", "keys-none", snapshot_hint(n->chain[0], txn, &n->peer[0].id, &ask, &out));
	ask = (struct snapshot_ask){.part = SNAPSHOT_PLACE, .tx = first_tx(txn)};
	SEED("snapshot", "ask-place", snapshot_ask_encode(&ask, &out));
	SEED("snapshot", "place", snapshot_hint(n->chain[0], txn, &n->peer[0].id, &ask, &out));
	db_abort(txn);
}

static void seed_conf(void)
{
	seed("conf", "peer",
	     view_str("[peer]\nname = peer1\ndata = data\nidentity = id\ngenesis = genesis\n"
		      "root = root.pem\n[listen]\npeer = tcp://127.0.0.1:7001\n"
		      "[roles]\nendorse = yes\n[consensus]\nblock-max-txs = 500\n"
		      "[log]\nlevel = info\n"));
	seed("conf", "mount",
	     view_str("[mount]\nidentity = id\ngenesis = genesis\nroot = root.pem\n"
		      "data = data\ntimeout-ms = 10000\n"));
}

static void seed_manifest(const struct netfix *n, const struct identity *by)
{
	static const char kinds[] = "dfxln";
	struct manifest_head *h = mem_zalloc(sizeof(*h));
	struct manifest_entry *e = mem_zalloc(sizeof(*e));
	uint8_t sig[SIG_BYTES];
	struct hash lines, digest;
	struct buf text;
	size_t head;

	must(h && e ? 0 : CF_ENOMEM);
	buf_init(&text, 0);
	buf_init(&e->value, 0);
	h->network = n->network;
	strcpy(h->path, "patients/p one");
	must(manifest_put_head(h, &text));
	head = text.len;
	must(buf_append(&e->value, "\0v", 2));
	for (size_t i = 0; kinds[i]; i++) {
		e->kind = kinds[i];
		strcpy(e->path, i ? "a b%/c" : ".");
		strcpy(e->target, "../t");
		must(manifest_put(e, &text));
	}
	seed("manifest", "entries", VIEW(text.data + head, text.len - head));
	must(manifest_put_certificate(buf_view(&by->chain[0]), &text));
	lines = sha256(buf_view(&text));
	digest = manifest_digest(&n->network, &lines);
	must(crypto_sign(by->sign, &digest, sig));
	must(manifest_put_signature(sig, &text));
	seed("manifest", "whole", buf_view(&text));
	buf_release(&e->value);
	buf_release(&text);
	mem_free(e);
	mem_free(h);
}

int main(int argc, char **argv)
{
	static const struct patient_id patient = {{7}};
	const struct hash child = some_hash();
	struct node_id dir = op_section_node(&patient, 5), node;
	struct identity doctor;
	struct keyring *keys;
	struct netfix *n;
	struct netfix_request *r = mem_zalloc(sizeof(*r));
	struct netfix_file f;
	struct hash id;

	if (argc != 2 || !r)
		return 1;
	out_dir = argv[1];
	must(file_dir_make(out_dir));
	must(netfix_new(1, false, &n));
	must(netfix_person(n, "dr.ada", ROLE_DOCTOR, 0, &doctor));
	must(netfix_keyring(n, &doctor, &keys));
	must(netfix_admit(n, &doctor, keys, &patient));
	must(netfix_grant(n, &doctor, keys, &patient, 1u << 5, &n->custodian[1], VERB_READ, 0));
	must(netfix_create(n, keys, &patient, 5, &dir, "a.json", NODE_RECORD, "{}", &f));
	*r = (struct netfix_request){.by = &doctor, .patient = &patient, .op_count = 1};
	r->op[0] = (struct tx_op){OP_CREATE, buf_view(&f.body)};
	r->annex = buf_view(&f.annex);
	must(netfix_submit(n, r, &id));
	node = op_new_node(&id, 0);
	seed_chain(n);
	seed_proofs(n, &id, &node, &patient);
	seed_ops();
	seed_pbft(&n->certificate);
	seed_wire(&n->certificate);
	seed_evidence(n);
	seed_ca(n, &doctor);
	seed_snapshot(n, &patient);
	seed_manifest(n, &doctor);
	seed_conf();
	seed("genesis", "genesis", buf_view(&n->genesis));
	seed("genesis", "person", buf_view(&doctor.chain[0]));
	SEED("blob", "chunk", blob_chunk_encode(view_str("sealed"), &out));
	SEED("blob", "node", blob_node_encode(1, &child, 1, view_str("sealed"), &out));
	netfix_file_release(&f);
	keyring_free(keys);
	identity_release(&doctor);
	netfix_free(n);
	mem_free(r);
	return 0;
}
