/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_snapshot.c - a ledger that begins with the state after a certified block: it goes on like any other;
 * and no changed, cut, missing or foreign byte of what it is made from gets past the checks.
 */
#include "tests/lib/t.h"
#include "acl/change.h"
#include "acl/rowread.h"
#include "acl/snapshot.h"
#include "ledger/file.h"
#include "ledger/log.h"
#include "ledger/mem.h"
#include "tests/lib/netfix.h"
#include "tests/lib/tmpdir.h"

#include <string.h>

#define PIECES_MAX 16

static const struct patient_id patient = {{9, 9}};

/* A network with a patient's records, and all pieces of a snapshot of its head. */
struct world {
	struct netfix *n;
	struct identity doctor;
	struct keyring *keys;
	struct node_id dir;
	struct buf piece[PIECES_MAX];
	unsigned count;
	uint64_t height;
	unsigned certificates; /* seen by on_certificate */
};

static void no_log(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

static void on_certificate(void *ctx, const struct certificate *c)
{
	struct world *w = ctx;

	w->certificates++;
	t_ok(c->height <= w->height);
}

static void put(struct world *w, const char *name)
{
	struct node_id node;

	t_zero(netfix_put(w->n, &w->doctor, w->keys, &patient, 5, &w->dir, name, NODE_RECORD, "{\"a\":1}",
			  &node));
}

static void make_piece(struct world *w, struct db_txn *txn, const struct snapshot_ask *ask)
{
	struct snapshot_ask back;
	struct buf bytes;

	buf_init(&bytes, 0);
	t_zero(snapshot_ask_encode(ask, &bytes));
	t_zero(snapshot_ask_decode(buf_view(&bytes), &back));
	t_ok(back.part == ask->part && back.height == ask->height && back.from == ask->from &&
	     view_equal(back.after, ask->after));
	t_ok(w->count < PIECES_MAX);
	buf_init(&w->piece[w->count], 0);
	t_zero(snapshot_make(w->n->chain[0], txn, &back, &w->piece[w->count]));
	w->count++;
	buf_release(&bytes);
}

/* Pieces as a taker asks for them, which is left with all but the end done. */
static struct snapshot_take *take_all(struct world *w, const char *dir)
{
	struct snapshot_ask ask = {.part = SNAPSHOT_OFFER};
	struct snapshot_take *t = NULL;
	struct chain_head head;
	struct db_txn *txn;

	chain_head(w->n->chain[0], &head);
	w->height = ask.height = head.height;
	t_zero(chain_read_begin(w->n->chain[0], &txn));
	make_piece(w, txn, &ask);
	t_zero(snapshot_take_new(dir, buf_view(&w->n->genesis), buf_view(&w->piece[0]), false, on_certificate,
				 w, &t));
	t_eq(snapshot_take_height(t), head.height);
	while (snapshot_take_next(t, &ask)) {
		make_piece(w, txn, &ask);
		t_zero(snapshot_take_piece(t, buf_view(&w->piece[w->count - 1])));
	}
	db_abort(txn);
	return t;
}

static void world_new(struct world *w)
{
	memset(w, 0, sizeof(*w));
	log_set_sink(no_log, NULL);
	t_zero(netfix_new(1, false, &w->n));
	t_zero(netfix_person(w->n, "dr.ada", ROLE_DOCTOR, 0, &w->doctor));
	t_zero(netfix_keyring(w->n, &w->doctor, &w->keys));
	t_zero(netfix_admit(w->n, &w->doctor, w->keys, &patient));
	w->dir = op_section_node(&patient, 5);
	put(w, "a.json");
	put(w, "b.json");
}

static void world_free(struct world *w)
{
	for (unsigned i = 0; i < w->count; i++)
		buf_release(&w->piece[i]);
	keyring_free(w->keys);
	identity_release(&w->doctor);
	netfix_free(w->n);
}

static struct chain *reopen(struct world *w, const char *dir, unsigned flags)
{
	struct chain *c = NULL;

	t_zero(chain_open(dir, buf_view(&w->n->genesis), flags, &c));
	return c;
}

/* The block just made, also here: the same verdicts and roots. */
static void follow(struct world *w, struct chain *lean, struct apply *a)
{
	struct chain_head mine, whole;

	t_zero(apply_check(a, buf_view(&w->n->body), false, 0, &(struct hash){{0}}));
	t_zero(apply_commit(a, buf_view(&w->n->body), &w->n->certificate, true, VIEW_NONE, NULL, NULL));
	chain_head(lean, &mine);
	chain_head(w->n->chain[0], &whole);
	t_eq(mine.height, whole.height);
	t_ok(hash_equal(&mine.hash, &whole.hash) && hash_equal(&mine.state_root, &whole.state_root));
}

static struct hash last_tx(struct world *w, struct buf *out)
{
	struct block_body body;
	struct hash id;
	struct tx *tx = mem_alloc(sizeof(*tx));

	t_zero(block_body_decode(buf_view(&w->n->body), &body));
	t_zero(tx_decode(body.block.tx[0], tx));
	t_zero(buf_append_view(out, body.block.tx[0]));
	id = tx->id;
	block_body_release(&body);
	mem_free(tx);
	return id;
}

T_TEST(it_goes_on_like_any_other)
{
	const char *dir = tmpdir_path(tmpdir_new(), "chain");
	struct world w;
	struct snapshot_take *t;
	struct chain_tx_info info;
	struct chain *lean;
	struct apply *a;
	struct db_txn *txn;
	struct buf tx, bytes;
	static struct tx again;
	struct hash id;

	world_new(&w);
	buf_init(&tx, 0);
	buf_init(&bytes, 0);
	id = last_tx(&w, &tx);
	t = take_all(&w, dir);
	t_eq(w.certificates, w.height);
	t_eq(snapshot_take_members(t)->count, NETFIX_ORGS);
	t_zero(snapshot_take_end(t));
	lean = reopen(&w, dir, 0);
	t_eq(chain_first(lean), w.height + 1);
	t_zero(apply_new(lean, false, NULL, &a));

	/* What has been there does not come again, though only its id is known. */
	t_zero(chain_read_begin(lean, &txn));
	t_err(apply_precheck(a, txn, buf_view(&tx), VIEW_NONE, w.n->now_ms, &again), CF_EINVAL); /* annex */
	t_zero(chain_tx_info(txn, &id, &info));
	t_eq(info.height, w.height);
	t_eq(info.verdict, VERDICT_VALID);
	t_err(chain_tx_read(lean, txn, &id, &bytes), CF_ENOTFOUND);
	t_err(chain_block_read(lean, txn, w.height - 1, &bytes), CF_ENOTFOUND);
	t_zero(chain_block_read(lean, txn, w.height, &bytes));
	db_abort(txn);

	for (int i = 0; i < 3; i++) {
		put(&w, i == 0 ? "c.json" : i == 1 ? "d.json" : "e.json");
		follow(&w, lean, a);
	}
	t_zero(netfix_block(w.n, NULL, 0, NULL));
	follow(&w, lean, a);
	apply_free(a);
	chain_close(lean);
	lean = reopen(&w, dir, 0);
	t_eq(chain_first(lean), w.height + 1);
	/* It hands nothing on: history and annexes are not there. */
	t_zero(chain_read_begin(lean, &txn));
	t_err(snapshot_make(lean, txn, &(struct snapshot_ask){.part = SNAPSHOT_OFFER, .height = w.height},
			    &bytes),
	      CF_ENOTFOUND);
	db_abort(txn);
	chain_close(lean);
	buf_release(&tx);
	buf_release(&bytes);
	world_free(&w);
}

T_TEST(of_a_later_set_of_members)
{
	const char *dir = tmpdir_path(tmpdir_new(), "chain");
	struct netfix_request r = {.op_count = 1};
	struct op_members op = {.change = MEMBERS_ADD,
				.peer_address = view_str("tls+tcp://peer5.example:1"),
				.client_address = view_str("tls+tcp://peer5.example:2")};
	struct identity fifth;
	struct snapshot_take *t;
	struct chain *lean;
	struct apply *a;
	struct world w;
	struct buf body;

	world_new(&w);
	t_zero(netfix_person(w.n, "peer5", ROLE_PEER, 0, &fifth));
	op.who = fifth.id;
	for (unsigned i = 0; i < 3; i++)
		t_zero(change_approve(&op, &w.n->network, &w.n->custodian[i].id, w.n->custodian[i].sign));
	buf_init(&body, 0);
	t_zero(op_members_encode(&op, &body));
	r.by = &w.n->custodian[0];
	r.op[0] = (struct tx_op){OP_MEMBERS, buf_view(&body)};
	t_zero(netfix_submit(w.n, &r, NULL));
	/* At the very block of the change: the old set decided it. */
	t = take_all(&w, dir);
	t_eq(snapshot_take_members(t)->count, NETFIX_ORGS + 1);
	snapshot_take_free(t);
	t_zero(file_remove_tree(dir));
	for (unsigned i = 0; i < w.count; i++)
		buf_release(&w.piece[i]);
	w.count = 0;
	put(&w, "c.json");
	t = take_all(&w, dir);
	t_zero(snapshot_take_end(t));
	lean = reopen(&w, dir, 0);
	t_zero(apply_new(lean, false, NULL, &a));
	t_eq(apply_members(a)->epoch, w.height - 1);
	put(&w, "d.json");
	follow(&w, lean, a);
	apply_free(a);
	chain_close(lean);
	buf_release(&body);
	identity_release(&fifth);
	world_free(&w);
}

/* All pieces into a fresh directory, one of them another; how far it came. 0: to the end. */
static int try_with(struct world *w, struct view genesis, unsigned at, struct view other)
{
	const char *dir = tmpdir_path(tmpdir_new(), "chain");
	struct snapshot_take *t = NULL;
	struct snapshot_ask ask;
	int err = snapshot_take_new(dir, genesis, at == 0 ? other : buf_view(&w->piece[0]), false, NULL, NULL,
				    &t);

	for (unsigned i = 1; !err && snapshot_take_next(t, &ask); i++) {
		t_ok(i < w->count);
		err = snapshot_take_piece(t, i == at ? other : buf_view(&w->piece[i]));
	}
	snapshot_take_free(t);
	t_zero(file_remove_tree(dir));
	return err;
}

/* Of what a brief says, only the votes of its certificate may be others: nobody relies on them. */
static void same_but_votes(struct view a_bytes, struct view b_bytes)
{
	struct snapshot_briefs a, b;

	t_zero(snapshot_briefs_decode(a_bytes, &a));
	t_zero(snapshot_briefs_decode(b_bytes, &b));
	t_ok(a.from == b.from && a.count == b.count && a.height == b.height);
	for (uint32_t i = 0; i < a.count; i++) {
		struct snapshot_brief x, y;

		snapshot_briefs_next(&a.items, &x);
		snapshot_briefs_next(&b.items, &y);
		t_ok(view_equal(x.header_bytes, y.header_bytes) && view_equal(x.ids, y.ids) &&
		     view_equal(x.verdicts, y.verdicts));
	}
}

T_TEST(no_changed_byte_gets_past)
{
	struct world w;
	struct snapshot_take *t;
	struct buf other;
	unsigned tried = 0;

	world_new(&w);
	t = take_all(&w, tmpdir_path(tmpdir_new(), "chain"));
	snapshot_take_free(t);
	t_zero(try_with(&w, buf_view(&w.n->genesis), 0, buf_view(&w.piece[0])));
	buf_init(&other, 0);
	for (unsigned p = 0; p < w.count; p++) {
		size_t len = w.piece[p].len;
		size_t step = len / 120 + 1;

		for (size_t i = 0; i < len; i += step) {
			buf_reset(&other);
			t_zero(buf_append_view(&other, buf_view(&w.piece[p])));
			other.data[i] ^= (uint8_t)(1u << (i % 8));
			if (try_with(&w, buf_view(&w.n->genesis), p, buf_view(&other)) == 0)
				same_but_votes(buf_view(&other), buf_view(&w.piece[p]));
			tried++;
		}
		for (size_t i = 0; i < len; i += step)
			t_ok(try_with(&w, buf_view(&w.n->genesis), p, VIEW(w.piece[p].data, i)) != 0);
	}
	t_ok(tried > 100);
	buf_release(&other);
	world_free(&w);
}

/* Rows are encoded again with one of them other, one too many, or one too few. */
static void rows_with(struct world *w, unsigned at, int what, struct buf *out)
{
	struct snapshot_rows rows;
	struct buf items;
	struct enc e;
	uint32_t count = 0;

	t_zero(snapshot_rows_decode(buf_view(&w->piece[1]), &rows));
	buf_init(&items, 0);
	enc_init(&e, &items);
	for (uint32_t i = 0; i < rows.count; i++) {
		struct state_item row = snapshot_rows_next(&rows.items);
		uint8_t longer[STATE_KEY_BYTES_MAX];

		if (i == at && what == 0)
			continue;
		if (i == at && what == 1)
			row.version.height = row.version.height ? 0 : 1;
		if (i == at && what == 2)
			row.value = view_str("another value");
		snapshot_row_encode(&row, &e);
		count++;
		if (i != at || what != 3 || row.key.len == sizeof(longer))
			continue;
		memcpy(longer, row.key.data, row.key.len);
		longer[row.key.len] = 0;
		row.key = VIEW(longer, row.key.len + 1);
		snapshot_row_encode(&row, &e);
		count++;
	}
	t_zero(enc_done(&e));
	buf_reset(out);
	enc_init(&e, out);
	enc_u8(&e, SNAPSHOT_ROWS);
	enc_u64(&e, w->height);
	enc_bool(&e, true);
	enc_u32(&e, count);
	enc_fixed(&e, items.data, items.len);
	t_zero(enc_done(&e));
	buf_release(&items);
}

T_TEST(no_row_more_or_less_or_other)
{
	struct world w;
	struct snapshot_take *t;
	struct snapshot_rows rows;
	struct buf other;

	world_new(&w);
	t = take_all(&w, tmpdir_path(tmpdir_new(), "chain"));
	snapshot_take_free(t);
	t_zero(snapshot_rows_decode(buf_view(&w.piece[1]), &rows));
	t_ok(rows.last && rows.count > 20);
	buf_init(&other, 0);
	for (unsigned at = 0; at < rows.count; at += 3) {
		for (int what = 0; what < 4; what++) {
			rows_with(&w, at, what, &other);
			t_err(try_with(&w, buf_view(&w.n->genesis), 1, buf_view(&other)), CF_EINVAL);
		}
	}
	rows_with(&w, rows.count, 0, &other); /* none changed */
	t_zero(try_with(&w, buf_view(&w.n->genesis), 1, buf_view(&other)));
	buf_release(&other);
	world_free(&w);
}

T_TEST(of_another_network)
{
	struct world w, x;
	struct snapshot_take *t;

	world_new(&w);
	world_new(&x);
	t = take_all(&w, tmpdir_path(tmpdir_new(), "chain"));
	snapshot_take_free(t);
	t = take_all(&x, tmpdir_path(tmpdir_new(), "chain"));
	snapshot_take_free(t);
	t_err(try_with(&w, buf_view(&x.n->genesis), 0, buf_view(&w.piece[0])), CF_EFOREIGN);
	t_err(try_with(&w, buf_view(&w.n->genesis), 1, buf_view(&x.piece[1])), CF_EINVAL);
	t_err(try_with(&w, buf_view(&w.n->genesis), 2, buf_view(&x.piece[2])), CF_EINVAL);
	t_err(try_with(&w, buf_view(&w.n->genesis), 2, buf_view(&w.piece[1])), CF_EDECODE);
	world_free(&w);
	world_free(&x);
}

T_MAIN
