/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_apply.c - blocks: built, checked, committed; ledgers fed the same blocks are the same.
 */
#include "ledger/mem.h"
#include "tests/lib/netfix.h"
#include "tests/lib/t.h"

static const struct patient_id patient = {{7, 7, 7}};

/* A fixture with a doctor who admitted the patient. */
struct ward {
	struct netfix *n;
	struct identity doctor;
	struct keyring *keys;
	struct node_id dir; /* of EMR05 */
};

static void open_ward(struct ward *w, unsigned chains, bool trusted)
{
	*w = (struct ward){0};
	t_zero(netfix_new(chains, trusted, &w->n));
	t_zero(netfix_person(w->n, "dr.ada", ROLE_DOCTOR, 0, &w->doctor));
	t_zero(netfix_keyring(w->n, &w->doctor, &w->keys));
	t_zero(netfix_admit(w->n, &w->doctor, w->keys, &patient));
	w->dir = op_section_node(&patient, 5);
}

static void close_ward(struct ward *w)
{
	keyring_free(w->keys);
	identity_release(&w->doctor);
	netfix_free(w->n);
}

/* A transaction that makes a record. */
static void make_tx(struct ward *w, const char *name, struct buf *tx, struct buf *annex)
{
	struct netfix_request r = {.by = &w->doctor, .patient = &patient, .op_count = 1};
	struct netfix_file f;

	buf_init(tx, 0);
	buf_init(annex, 0);
	t_zero(netfix_create(w->n, w->keys, &patient, 5, &w->dir, name, NODE_RECORD, "{}", &f));
	r.op[0] = (struct tx_op){OP_CREATE, buf_view(&f.body)};
	r.annex = buf_view(&f.annex);
	t_zero(netfix_tx(w->n, &r, tx, NULL));
	t_zero(buf_append_view(annex, buf_view(&f.annex)));
	netfix_file_release(&f);
}

T_TEST(chains_fed_the_same_blocks_are_the_same)
{
	struct ward w;
	struct node_id node;

	open_ward(&w, 3, true);
	t_zero(netfix_put(w.n, &w.doctor, w.keys, &patient, 5, &w.dir, "a.json", NODE_RECORD, "{\"a\":1}",
			  &node));
	t_zero(netfix_block(w.n, NULL, 0, NULL)); /* a heartbeat */
	for (unsigned i = 1; i < w.n->chain_count; i++) {
		struct chain_head a, b;

		chain_head(w.n->chain[0], &a);
		chain_head(w.n->chain[i], &b);
		t_eq(a.height, b.height);
		t_bytes(a.hash.b, HASH_BYTES, b.hash.b, HASH_BYTES);
		t_bytes(a.state_root.b, HASH_BYTES, b.state_root.b, HASH_BYTES);
	}
	close_ward(&w);
}

static int count_patient(void *ctx, const struct patient_id *p)
{
	unsigned *count = ctx;

	t_bytes(p->b, PATIENT_BYTES, patient.b, PATIENT_BYTES);
	(*count)++;
	return 0;
}

T_TEST(derived_rows_follow)
{
	struct ward w;
	struct node_id node;
	struct derived_dir dir;
	struct derived_patient counts;
	struct db_txn *txn;
	unsigned known = 0;

	open_ward(&w, 1, false);
	t_zero(netfix_put(w.n, &w.doctor, w.keys, &patient, 5, &w.dir, "a.json", NODE_RECORD, "{}", &node));
	t_zero(netfix_put(w.n, &w.doctor, w.keys, &patient, 5, &w.dir, "d", NODE_DIR, NULL, &node));
	t_zero(chain_read_begin(w.n->chain[0], &txn));
	t_zero(derived_dir(txn, &patient, &w.dir, &dir));
	t_eq(dir.entries, 2);
	t_eq(dir.subdirs, 1);
	t_eq(dir.mtime_ns, (w.n->now_ms - 1000) * 1000000);
	t_zero(derived_patient(txn, &patient, &counts));
	t_eq(counts.records, 1);
	t_eq(counts.directories, SECTION_COUNT + 2);
	t_zero(derived_patients_of(txn, &w.doctor.id, count_patient, &known));
	t_zero(derived_patients_of(txn, &w.n->custodian[0].id, count_patient, &known));
	t_zero(derived_patients_of(txn, &w.n->custodian[1].id, count_patient, &known));
	t_eq(known, 2);
	db_abort(txn);
	close_ward(&w);
}

/* Builds a block of one record on the first chain and leaves its body in w->n->body. */
static void build(struct ward *w, struct hash *ret_hash)
{
	struct apply_request request;
	struct buf tx, annex;
	struct hash *ids;
	uint32_t count;

	make_tx(w, "b.json", &tx, &annex);
	request = (struct apply_request){buf_view(&tx), buf_view(&annex)};
	buf_reset(&w->n->body);
	w->n->now_ms += 1000;
	t_zero(apply_build(w->n->apply[0], &request, 1, false, w->n->now_ms, 4, 0, &w->n->body, ret_hash,
			   &ids, &count));
	t_eq(count, 1);
	mem_free(ids);
	buf_release(&tx);
	buf_release(&annex);
}

T_TEST(a_backup_agrees_and_both_commit_what_they_staged)
{
	struct ward w;
	struct hash built, checked, *ids;
	struct certificate c;
	struct chain_head head, other;
	struct buf verdicts;
	uint32_t count;

	open_ward(&w, 2, false);
	buf_init(&verdicts, 0);
	build(&w, &built);
	t_err(apply_staged_verdicts(w.n->apply[1], &built, &verdicts), CF_ENOTFOUND);
	t_zero(apply_check(w.n->apply[1], buf_view(&w.n->body), true, w.n->now_ms + 5, &checked));
	t_bytes(built.b, HASH_BYTES, checked.b, HASH_BYTES);
	for (unsigned i = 0; i < 2; i++)
		t_zero(apply_staged_verdicts(w.n->apply[i], &built, &verdicts));
	t_bytes(verdicts.data, verdicts.len, "\0\0", 2);
	/* a re-proposal, much later: time is not checked again */
	t_zero(apply_check(w.n->apply[1], buf_view(&w.n->body), false, w.n->now_ms + 500000, &checked));
	chain_head(w.n->chain[0], &head);
	t_zero(netfix_certify(w.n, &built, head.height + 1, &c));
	t_zero(apply_commit(w.n->apply[0], buf_view(&w.n->body), &c, true, VIEW_NONE, &ids, &count));
	t_eq(count, 1);
	mem_free(ids);
	t_zero(apply_commit(w.n->apply[1], buf_view(&w.n->body), &c, true, VIEW_NONE, NULL, NULL));
	chain_head(w.n->chain[0], &head);
	chain_head(w.n->chain[1], &other);
	t_bytes(head.state_root.b, HASH_BYTES, other.state_root.b, HASH_BYTES);
	t_err(apply_staged_verdicts(w.n->apply[1], &built, &verdicts), CF_ENOTFOUND);
	buf_release(&verdicts);
	/* what was staged for it is gone: the same body is not the next block */
	t_err(apply_check(w.n->apply[1], buf_view(&w.n->body), false, 0, &checked), CF_EINVAL);
	close_ward(&w);
}

T_TEST(out_of_memory_makes_no_block_invalid)
{
	struct ward w;
	struct hash hash;
	int err = CF_ENOMEM;

	open_ward(&w, 2, false);
	build(&w, &hash);
	for (long i = 0; err; i++) {
		mem_fail_after(i);
		err = apply_check(w.n->apply[1], buf_view(&w.n->body), true, w.n->now_ms, &hash);
		mem_fail_after(-1);
		if (err)
			t_err(err, CF_ENOMEM);
	}
	close_ward(&w);
}

T_TEST(a_fresh_block_has_a_time_near_ours)
{
	struct ward w;
	struct hash hash;

	open_ward(&w, 2, false);
	build(&w, &hash);
	t_err(apply_check(w.n->apply[1], buf_view(&w.n->body), true, w.n->now_ms + 60001, &hash), CF_EINVAL);
	t_err(apply_check(w.n->apply[1], buf_view(&w.n->body), true, w.n->now_ms - 60001, &hash), CF_EINVAL);
	t_zero(apply_check(w.n->apply[1], buf_view(&w.n->body), true, w.n->now_ms + 60000, &hash));
	close_ward(&w);
}

/* The body again with another header. */
static void with_header(const struct block_body *b, const struct block_header *h, struct buf *out)
{
	struct buf header, block;

	buf_init(&header, 0);
	buf_init(&block, 0);
	buf_reset(out);
	t_zero(block_header_encode(h, &header));
	t_zero(buf_append_view(&block, buf_view(&header)));
	t_zero(buf_append(&block, b->block.bytes.data + header.len, b->block.bytes.len - header.len));
	t_zero(block_body_encode(buf_view(&block), b->annex, b->block.tx_count, out));
	buf_release(&header);
	buf_release(&block);
}

T_TEST(every_tampered_header_field_is_refused)
{
	struct ward w;
	struct hash hash;
	struct block_body b;
	struct buf bad;

	open_ward(&w, 2, false);
	build(&w, &hash);
	buf_init(&bad, 0);
	t_zero(block_body_decode(buf_view(&w.n->body), &b));
	for (unsigned field = 0; field < 13; field++) {
		struct block_header h = b.block.header;
		int err;

		switch (field) {
		case 0:
			h.network.b[3] ^= 1;
			break;
		case 1:
			h.height++;
			break;
		case 2:
			h.prev.b[0] ^= 1;
			break;
		case 3:
			h.size_bytes++;
			break;
		case 4:
			h.tx_root.b[31] ^= 1;
			break;
		case 5:
			h.tx_count++;
			break;
		case 6:
			h.time_ms -= 1000;
			break;
		case 7:
			h.body_root.b[9] ^= 1;
			break;
		case 8:
			h.state_root.b[1] ^= 1;
			break;
		case 9:
			h.verdict_root.b[1] ^= 1;
			break;
		case 10:
			h.members.b[1] ^= 1;
			break;
		case 11:
			h.next_members.b[1] ^= 1;
			break;
		case 12:
			h.epoch++;
			break;
		}
		with_header(&b, &h, &bad);
		err = apply_check(w.n->apply[1], buf_view(&bad), true, w.n->now_ms, &hash);
		if (err != CF_EINVAL && err != CF_EDECODE)
			t_fail("field %u: %s", field, err_name(err));
	}
	for (unsigned proposer = 1; proposer < MEMBERS_MAX; proposer++) {
		struct block_header h = b.block.header;

		h.proposer = (uint8_t)proposer;
		with_header(&b, &h, &bad);
		t_err(apply_check(w.n->apply[1], buf_view(&bad), true, w.n->now_ms, &hash), CF_EINVAL);
	}
	t_zero(apply_check(w.n->apply[1], buf_view(&w.n->body), true, w.n->now_ms, &hash));
	block_body_release(&b);
	buf_release(&bad);
	close_ward(&w);
}

T_TEST(a_body_cut_anywhere_is_refused)
{
	struct ward w;
	struct hash hash;

	open_ward(&w, 2, false);
	build(&w, &hash);
	for (size_t len = 0; len < w.n->body.len; len += 97)
		t_err(apply_check(w.n->apply[1], VIEW(w.n->body.data, len), true, w.n->now_ms, &hash),
		      CF_EDECODE);
	close_ward(&w);
}

T_TEST(a_certificate_is_of_its_block)
{
	struct ward w;
	struct hash hash, other = {{1}};
	struct chain_head head;
	struct certificate c;

	open_ward(&w, 2, false);
	build(&w, &hash);
	chain_head(w.n->chain[0], &head);
	t_zero(netfix_certify(w.n, &other, head.height + 1, &c));
	t_err(apply_commit(w.n->apply[1], buf_view(&w.n->body), &c, true, VIEW_NONE, NULL, NULL), CF_ESIG);
	t_zero(netfix_certify(w.n, &hash, head.height + 1, &c));
	c.sig[1][4] ^= 1;
	t_err(apply_commit(w.n->apply[1], buf_view(&w.n->body), &c, true, VIEW_NONE, NULL, NULL), CF_ESIG);
	c.sig[1][4] ^= 1;
	c.count--;
	t_err(apply_commit(w.n->apply[1], buf_view(&w.n->body), &c, true, VIEW_NONE, NULL, NULL), CF_ESIG);
	c.count++;
	t_zero(apply_commit(w.n->apply[1], buf_view(&w.n->body), &c, true, VIEW_NONE, NULL, NULL));
	close_ward(&w);
}

T_TEST(a_mount_is_not_fooled_by_sent_verdicts_or_annexes)
{
	struct ward w;
	struct hash hash;
	struct chain_head head;
	struct certificate c;
	struct block_body b;
	struct buf bare;
	const uint8_t valid = VERDICT_VALID, lie = VERDICT_MVCC_CONFLICT;
	struct view none = VIEW_NONE;

	open_ward(&w, 2, true);
	build(&w, &hash);
	chain_head(w.n->chain[0], &head);
	t_zero(netfix_certify(w.n, &hash, head.height + 1, &c));
	t_err(apply_commit(w.n->apply[1], buf_view(&w.n->body), &c, true, VIEW(&lie, 1), NULL, NULL),
	      CF_EINVAL);
	t_err(apply_commit(w.n->apply[1], buf_view(&w.n->body), &c, true, VIEW_NONE, NULL, NULL), CF_EINVAL);
	t_zero(block_body_decode(buf_view(&w.n->body), &b));
	buf_init(&bare, 0);
	t_zero(block_body_encode(b.block.bytes, &none, 1, &bare));
	t_err(apply_commit(w.n->apply[1], buf_view(&bare), &c, true, VIEW(&valid, 1), NULL, NULL), CF_EINVAL);
	t_zero(apply_commit(w.n->apply[1], buf_view(&w.n->body), &c, true, VIEW(&valid, 1), NULL, NULL));
	block_body_release(&b);
	buf_release(&bare);
	close_ward(&w);
}

/*
 * Certified blocks of the past in one group, their verdicts with them: one whose annex is gone, or with
 * another verdict, takes back those before it, and no more.
 */
T_TEST(a_group_is_committed_whole_or_not_at_all)
{
	struct ward w;
	struct buf body[3], bare;
	struct certificate c[3];
	struct chain_head before, after, other;
	struct block_body b;
	struct node_id node;
	const uint8_t valid[1] = {VERDICT_VALID}, conflict[1] = {VERDICT_MVCC_CONFLICT};
	const struct view good = VIEW(valid, 1), bad = VIEW(conflict, 1);
	struct view none = VIEW_NONE;
	struct apply *a;

	open_ward(&w, 2, false);
	a = w.n->apply[1];
	w.n->chain_count = 1; /* the second stays behind */
	for (unsigned i = 0; i < 3; i++) {
		const char *const name[] = {"a.json", "b.json", "c.json"};

		t_zero(netfix_put(w.n, &w.doctor, w.keys, &patient, 5, &w.dir, name[i], NODE_RECORD, "{}",
				  &node));
		buf_init(&body[i], 0);
		t_zero(buf_append_view(&body[i], buf_view(&w.n->body)));
		c[i] = w.n->certificate;
	}
	t_zero(block_body_decode(buf_view(&body[1]), &b));
	buf_init(&bare, 0);
	t_zero(block_body_encode(b.block.bytes, &none, 1, &bare));
	chain_head(w.n->chain[1], &before);
	apply_group_begin(a);
	t_zero(apply_commit(a, buf_view(&body[0]), &c[0], true, good, NULL, NULL));
	t_err(apply_commit(a, buf_view(&bare), &c[1], true, good, NULL, NULL), CF_EINVAL);
	t_zero(apply_group_end(a, false));
	chain_head(w.n->chain[1], &after);
	t_eq(after.height, before.height);
	apply_group_begin(a);
	t_zero(apply_commit(a, buf_view(&body[0]), &c[0], true, good, NULL, NULL));
	t_err(apply_commit(a, buf_view(&body[1]), &c[1], true, bad, NULL, NULL), CF_EINVAL);
	t_zero(apply_group_end(a, false));
	apply_group_begin(a);
	t_err(apply_commit(a, buf_view(&body[0]), &c[0], true, none, NULL, NULL), CF_EINVAL);
	t_zero(apply_group_end(a, false));
	apply_group_begin(a);
	for (unsigned i = 0; i < 3; i++)
		t_zero(apply_commit(a, buf_view(&body[i]), &c[i], true, good, NULL, NULL));
	chain_head(w.n->chain[1], &after);
	t_eq(after.height, before.height);
	t_zero(apply_group_end(a, true));
	chain_head(w.n->chain[1], &after);
	chain_head(w.n->chain[0], &other);
	t_eq(after.height, before.height + 3);
	t_bytes(after.hash.b, HASH_BYTES, other.hash.b, HASH_BYTES);
	t_bytes(after.state_root.b, HASH_BYTES, other.state_root.b, HASH_BYTES);
	for (unsigned i = 0; i < 3; i++)
		buf_release(&body[i]);
	block_body_release(&b);
	buf_release(&bare);
	w.n->chain_count = 2;
	close_ward(&w);
}

T_TEST(bad_requests_are_dropped_and_bad_blocks_refused)
{
	struct ward w;
	struct apply_request requests[5];
	struct buf tx, annex, forged;
	struct hash hash, *ids;
	uint32_t count;

	open_ward(&w, 1, false);
	make_tx(&w, "c.json", &tx, &annex);
	buf_init(&forged, 0);
	t_zero(buf_append_view(&forged, buf_view(&tx)));
	forged.data[forged.len - 1] ^= 1; /* in the receipt count */
	requests[0] = (struct apply_request){buf_view(&forged), buf_view(&annex)};
	requests[1] = (struct apply_request){buf_view(&tx), VIEW_NONE};
	requests[2] = (struct apply_request){VIEW(tx.data, tx.len - 1), buf_view(&annex)};
	requests[3] = (struct apply_request){buf_view(&tx), buf_view(&annex)};
	requests[4] = requests[3]; /* twice */
	buf_reset(&w.n->body);
	t_err(apply_build(w.n->apply[0], requests, 3, false, w.n->now_ms, 0, 0, &w.n->body, &hash, &ids,
			  &count),
	      CF_ENOTFOUND);
	t_zero(apply_build(w.n->apply[0], requests, 5, false, w.n->now_ms, 0, 0, &w.n->body, &hash, &ids,
			   &count));
	t_eq(count, 1);
	mem_free(ids);
	apply_discard(w.n->apply[0]);
	t_zero(netfix_block(w.n, &requests[3], 1, NULL));
	/* in the ledger already */
	t_err(apply_build(w.n->apply[0], requests, 5, false, w.n->now_ms, 0, 0, &w.n->body, &hash, &ids,
			  &count),
	      CF_ENOTFOUND);
	buf_release(&tx);
	buf_release(&annex);
	buf_release(&forged);
	close_ward(&w);
}

T_TEST(an_invalid_transaction_stays_and_changes_nothing)
{
	struct ward w;
	struct apply_request requests[2];
	struct buf tx[2], annex[2], again;
	struct db_txn *txn;
	struct view kept;
	uint8_t verdicts[2];
	struct derived_dir dir;
	struct block_body b;
	struct tx *second;

	open_ward(&w, 2, false);
	make_tx(&w, "same.json", &tx[0], &annex[0]);
	make_tx(&w, "same.json", &tx[1], &annex[1]); /* both endorsed on the state without it */
	requests[0] = (struct apply_request){buf_view(&tx[0]), buf_view(&annex[0])};
	requests[1] = (struct apply_request){buf_view(&tx[1]), buf_view(&annex[1])};
	t_zero(netfix_block(w.n, requests, 2, verdicts));
	t_eq(verdicts[0], VERDICT_VALID);
	t_eq(verdicts[1], VERDICT_MVCC_CONFLICT);
	second = mem_zalloc(sizeof(*second));
	t_zero(tx_decode(buf_view(&tx[1]), second));
	t_zero(chain_read_begin(w.n->chain[1], &txn));
	t_zero(derived_dir(txn, &patient, &w.dir, &dir));
	t_eq(dir.entries, 1);
	t_err(chain_annex(txn, &second->id, &kept), CF_ENOTFOUND);
	/* whoever catches up gets the block without that annex, and comes to the same */
	buf_init(&again, 0);
	t_zero(chain_block_body(w.n->chain[1], txn, 3, &again));
	t_zero(block_body_decode(buf_view(&again), &b));
	t_eq(b.annex[1].len, 0);
	block_body_release(&b);
	db_abort(txn);
	buf_release(&again);
	mem_free(second);
	for (int i = 0; i < 2; i++) {
		buf_release(&tx[i]);
		buf_release(&annex[i]);
	}
	close_ward(&w);
}

struct seen {
	unsigned txs, blocks;
	uint8_t verdict;
	bool rwset;
};

static void on_tx(void *ctx, uint64_t height, uint32_t index, const struct tx *tx, uint8_t verdict,
		  const struct rwset *rwset)
{
	struct seen *s = ctx;

	t_eq(height, 3);
	t_eq(index, 0);
	t_ok(tx->id.b[0] || tx->id.b[1]);
	s->txs++;
	s->verdict = verdict;
	s->rwset = rwset && rwset->write_count > 0;
}

static void on_block(void *ctx, const struct block *block)
{
	struct seen *s = ctx;

	t_eq(block->header.height, 3);
	s->blocks++;
}

T_TEST(followers_are_told)
{
	struct ward w;
	struct seen seen = {.verdict = 99};
	struct apply_observer observer = {&seen, on_tx, on_block};
	struct node_id node;

	open_ward(&w, 1, false);
	apply_free(w.n->apply[0]);
	t_zero(apply_new(w.n->chain[0], false, &observer, &w.n->apply[0]));
	t_zero(netfix_put(w.n, &w.doctor, w.keys, &patient, 5, &w.dir, "a.json", NODE_RECORD, "{}", &node));
	t_eq(seen.txs, 1);
	t_eq(seen.blocks, 1);
	t_eq(seen.verdict, VERDICT_VALID);
	t_ok(seen.rwset);
	close_ward(&w);
}

T_MAIN
