/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_past.c - a ledger that began with a state is filled with the blocks before it, newest first: it comes
 * to what one has that took them all, and no changed block gets in.
 */
#include "tests/lib/t.h"
#include "acl/change.h"
#include "acl/derive.h"
#include "acl/rowread.h"
#include "acl/snapshot.h"
#include "ledger/log.h"
#include "tests/lib/netfix.h"
#include "tests/lib/tmpdir.h"

#include <string.h>

static const struct patient_id patient = {{9, 9}};

struct world {
	struct netfix *n;
	struct identity me, ada, bob, fifth;
	struct keyring *keys;
	struct node_id dir, first, last; /* the first and last record */
	const char *path;
	struct chain *lean;
};

static void no_log(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

static void put(struct world *w, const char *name)
{
	t_zero(netfix_put(w->n, &w->ada, w->keys, &patient, 5, &w->dir, name, NODE_RECORD, "{\"a\":1}",
			  &w->last));
	if (node_is_zero(&w->first))
		w->first = w->last;
}

/* The members change once, so that blocks of two epochs are there. */
static void add_member(struct world *w)
{
	struct netfix_request r = {.by = &w->n->custodian[0], .op_count = 1};
	struct op_members op = {.change = MEMBERS_ADD,
				.peer_address = view_str("tls+tcp://peer5.example:1"),
				.client_address = view_str("tls+tcp://peer5.example:2")};
	struct buf body;

	t_zero(netfix_person(w->n, "peer5", ROLE_PEER, 0, &w->fifth));
	op.who = w->fifth.id;
	for (unsigned i = 0; i < 3; i++)
		t_zero(change_approve(&op, &w->n->network, &w->n->custodian[i].id, w->n->custodian[i].sign));
	buf_init(&body, 0);
	t_zero(op_members_encode(&op, &body));
	r.op[0] = (struct tx_op){OP_MEMBERS, buf_view(&body)};
	t_zero(netfix_submit(w->n, &r, NULL));
	buf_release(&body);
}

static void world_new(struct world *w)
{
	const unsigned all = VERB_READ | VERB_ADD | VERB_MODIFY;
	struct keyring *owner;

	memset(w, 0, sizeof(*w));
	log_set_sink(no_log, NULL);
	t_zero(netfix_new(1, false, &w->n));
	t_zero(netfix_person(w->n, "p", ROLE_PATIENT, 0, &w->me));
	t_zero(netfix_person(w->n, "dr.ada", ROLE_DOCTOR, 0, &w->ada));
	t_zero(netfix_person(w->n, "dr.bob", ROLE_DOCTOR, 1, &w->bob));
	t_zero(netfix_keyring(w->n, &w->me, &owner));
	t_zero(netfix_keyring(w->n, &w->ada, &w->keys));
	t_zero(netfix_admit(w->n, &w->me, owner, &patient));
	t_zero(netfix_grant(w->n, &w->me, owner, &patient, 1u << 5, &w->ada, all, 0));
	w->dir = op_section_node(&patient, 5);
	put(w, "a.json");
	t_zero(netfix_grant(w->n, &w->me, owner, &patient, 1u << 5, &w->bob, VERB_READ, 0));
	add_member(w);
	put(w, "b.json");
	t_zero(netfix_revoke(w->n, &w->me, owner, &patient, 1u << 5, &w->bob));
	put(w, "c.json");
	t_zero(netfix_block(w->n, NULL, 0, NULL));
	w->path = tmpdir_path(tmpdir_new(), "chain");
	keyring_free(owner);
}

/* Zeros: of the whole patient. */
static void erase(struct world *w, const struct node_id *node)
{
	struct netfix_request r = {.by = &w->me, .patient = &patient, .op_count = 1};
	const struct op_erase op = {.node = *node};
	struct buf body;

	buf_init(&body, 0);
	t_zero(op_erase_encode(&op, &body));
	r.op[0] = (struct tx_op){OP_ERASE, buf_view(&body)};
	t_zero(netfix_submit(w->n, &r, NULL));
	buf_release(&body);
}

static void world_free(struct world *w)
{
	chain_close(w->lean);
	keyring_free(w->keys);
	identity_release(&w->me);
	identity_release(&w->ada);
	identity_release(&w->bob);
	identity_release(&w->fifth);
	netfix_free(w->n);
}

/* A block as a peer hands it out. */
struct served {
	struct buf body;
	struct buf verdicts;
	struct certificate certificate;
};

static struct past_block serve(struct world *w, uint64_t height, struct served *s)
{
	struct chain_block_info info;
	struct db_txn *txn;

	buf_init(&s->body, 0);
	buf_init(&s->verdicts, 0);
	t_zero(chain_read_begin(w->n->chain[0], &txn));
	t_zero(chain_block_info(txn, height, &info));
	t_zero(chain_block_body(w->n->chain[0], txn, height, &s->body));
	t_zero(buf_append_view(&s->verdicts, info.verdicts));
	s->certificate = info.certificate;
	db_abort(txn);
	return (struct past_block){buf_view(&s->body), buf_view(&s->verdicts), &s->certificate};
}

static void served_end(struct served *s)
{
	buf_release(&s->body);
	buf_release(&s->verdicts);
}

/* Where bob's and ada's keys are, as a peer tells; into the snapshot. */
static unsigned take_keys(struct world *w, struct db_txn *txn, const struct identity_id *who,
			  struct snapshot_take *t)
{
	struct snapshot_ask ask = {.part = SNAPSHOT_KEYS}, back;
	struct snapshot_keys keys;
	struct buf bytes, answer;
	unsigned count = 0;

	buf_init(&bytes, 0);
	buf_init(&answer, 0);
	t_zero(snapshot_ask_encode(&ask, &bytes));
	t_zero(snapshot_ask_decode(buf_view(&bytes), &back));
	t_zero(snapshot_hint(w->n->chain[0], txn, who, &back, &answer));
	t_zero(snapshot_keys_decode(buf_view(&answer), &keys));
	t_ok(keys.last);
	for (uint32_t i = 0; i < keys.count; i++) {
		uint64_t height = snapshot_height_next(&keys.items);
		struct served s;
		struct past_block b = serve(w, height, &s);

		struct block_body body;

		t_zero(past_check(snapshot_take_past(t), height, &b, &body));
		t_zero(snapshot_take_keys(t, &body, b.verdicts));
		block_body_release(&body);
		served_end(&s);
		count++;
	}
	buf_release(&bytes);
	buf_release(&answer);
	return count;
}

static void reopen(struct world *w)
{
	chain_close(w->lean);
	w->lean = NULL;
	t_zero(chain_open(w->path, buf_view(&w->n->genesis), CHAIN_NOSYNC, &w->lean));
}

static void take_state(struct world *w)
{
	struct snapshot_ask ask = {.part = SNAPSHOT_OFFER};
	struct snapshot_take *t = NULL;
	struct chain_head head;
	struct db_txn *txn;
	struct buf piece;

	buf_init(&piece, 0);
	chain_head(w->n->chain[0], &head);
	ask.height = head.height;
	t_zero(chain_read_begin(w->n->chain[0], &txn));
	t_zero(snapshot_make(w->n->chain[0], txn, &ask, &piece));
	t_zero(snapshot_take_new(w->path, buf_view(&w->n->genesis), buf_view(&piece), true, NULL, NULL, &t));
	while (snapshot_take_next(t, &ask)) {
		buf_reset(&piece);
		t_zero(snapshot_make(w->n->chain[0], txn, &ask, &piece));
		t_zero(snapshot_take_piece(t, buf_view(&piece)));
	}
	t_ok(take_keys(w, txn, &w->ada.id, t) >= 1);
	db_abort(txn);
	t_zero(snapshot_take_end(t));
	buf_release(&piece);
	reopen(w);
	t_eq(chain_first(w->lean), head.height + 1);
	t_eq(chain_past(w->lean), head.height);
}

static struct past *past_of(struct world *w)
{
	struct past *p = NULL;
	struct buf note;

	buf_init(&note, 0);
	t_zero(chain_fill_note(w->lean, &note));
	t_zero(past_new(buf_view(&w->n->genesis), buf_view(&note), &p));
	buf_release(&note);
	return p;
}

/* So many blocks in one go. */
static void fill(struct world *w, struct past *p, unsigned count)
{
	struct chain_fill *f;

	t_zero(chain_fill_begin(w->lean, &f));
	for (; count > 0 && chain_fill_height(f) > 0; count--) {
		struct served s;
		struct past_block b = serve(w, chain_fill_height(f), &s);
		bool own;

		t_zero(past_fill(p, f, &b, &own));
		served_end(&s);
	}
	t_zero(chain_fill_commit(f));
}

/* The block just made, also here. */
static void follow(struct world *w)
{
	struct served s;
	struct chain_head head;
	struct past_block b;
	struct apply *a;

	chain_head(w->n->chain[0], &head);
	b = serve(w, head.height, &s);
	t_zero(apply_new(w->lean, true, NULL, &a));
	t_zero(apply_commit(a, b.body, b.certificate, true, b.verdicts, NULL, NULL));
	apply_free(a);
	served_end(&s);
}

/* --- what both have --- */

/* Rows with places in the block store are compared by what is there. */
static void same_tx(struct world *w, struct db_txn *mine, struct db_txn *theirs, struct view key)
{
	struct chain_tx_info a, b;
	struct buf x, y;
	struct hash id;

	buf_init(&x, 0);
	buf_init(&y, 0);
	memcpy(id.b, key.data, HASH_BYTES);
	t_zero(chain_tx_info(mine, &id, &a));
	t_zero(chain_tx_info(theirs, &id, &b));
	t_ok(a.height == b.height && a.index == b.index && a.verdict == b.verdict);
	t_zero(chain_tx_read(w->lean, mine, &id, &x));
	t_zero(chain_tx_read(w->n->chain[0], theirs, &id, &y));
	t_ok(view_equal(buf_view(&x), buf_view(&y)));
	buf_release(&x);
	buf_release(&y);
}

struct values {
	struct segments *blocks;
	struct buf out;
};

static int add_value(void *ctx, const struct history_row *row)
{
	struct values *v = ctx;

	t_zero(buf_append(&v->out, &row->version.height, sizeof(row->version.height)));
	t_zero(buf_append(&v->out, &row->version.index, sizeof(row->version.index)));
	t_zero(history_read(v->blocks, row, &v->out));
	return 0;
}

static int add_key(void *ctx, struct view key, const struct history_row *row)
{
	(void)row;
	return buf_append(ctx, key.data, key.len) || buf_append(ctx, "|", 1);
}

static void same_history(struct world *w, struct db_txn *mine, struct db_txn *theirs)
{
	struct state_cursor *c;
	struct state_item row;
	struct buf a, b;
	int err;

	buf_init(&a, 0);
	buf_init(&b, 0);
	t_zero(history_walk_deleted(mine, VIEW_NONE, VIEW_NONE, UINT64_MAX, add_key, &a));
	t_zero(history_walk_deleted(theirs, VIEW_NONE, VIEW_NONE, UINT64_MAX, add_key, &b));
	t_ok(a.len > 0 && view_equal(buf_view(&a), buf_view(&b)));
	buf_release(&a);
	buf_release(&b);
	t_zero(state_cursor_new(theirs, VIEW_NONE, &c));
	for (err = state_cursor_seek(c, VIEW_NONE, &row); !err; err = state_cursor_next(c, &row)) {
		struct values x = {chain_blocks(w->lean), {0}}, y = {chain_blocks(w->n->chain[0]), {0}};

		buf_init(&x.out, 0);
		buf_init(&y.out, 0);
		t_zero(history_walk(mine, row.key, add_value, &x));
		t_zero(history_walk(theirs, row.key, add_value, &y));
		t_ok(view_equal(buf_view(&x.out), buf_view(&y.out)));
		buf_release(&x.out);
		buf_release(&y.out);
	}
	state_cursor_free(c);
}

static void same_table(struct world *w, enum db_table t, struct db_txn *mine, struct db_txn *theirs)
{
	struct db_cursor *a, *b;
	struct view ka, va, kb, vb;
	unsigned rows = 0;
	int ea, eb;

	t_zero(db_cursor_new(mine, t, VIEW_NONE, &a));
	t_zero(db_cursor_new(theirs, t, VIEW_NONE, &b));
	ea = db_cursor_seek(a, VIEW_NONE, &ka, &va);
	eb = db_cursor_seek(b, VIEW_NONE, &kb, &vb);
	while (!ea && !eb) {
		t_ok(view_equal(ka, kb));
		if (t == DB_TX)
			same_tx(w, mine, theirs, ka);
		else if (t == DB_DERIVED && ka.data[0] == 'd')
			t_ok(va.len >= 24 && memcmp(va.data, vb.data, 24) == 0);
		else
			t_ok(view_equal(va, vb));
		rows++;
		ea = db_cursor_next(a, &ka, &va);
		eb = db_cursor_next(b, &kb, &vb);
	}
	t_eq(ea, CF_ENOTFOUND);
	t_eq(eb, CF_ENOTFOUND);
	t_ok(rows > 0);
	db_cursor_free(a);
	db_cursor_free(b);
}

static void same_ledger(struct world *w)
{
	static const enum db_table tables[] = {DB_STATE, DB_TREE, DB_TX, DB_ANNEX, DB_DERIVED, DB_LOG};
	struct db_txn *mine, *theirs;
	struct chain_head head;

	t_zero(chain_read_begin(w->lean, &mine));
	t_zero(chain_read_begin(w->n->chain[0], &theirs));
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		same_table(w, tables[i], mine, theirs);
	same_history(w, mine, theirs);
	chain_head(w->lean, &head);
	for (uint64_t h = 1; h <= head.height; h++) {
		struct buf a, b;

		buf_init(&a, 0);
		buf_init(&b, 0);
		t_zero(chain_block_body(w->lean, mine, h, &a));
		t_zero(chain_block_body(w->n->chain[0], theirs, h, &b));
		t_ok(view_equal(buf_view(&a), buf_view(&b)));
		buf_release(&a);
		buf_release(&b);
	}
	db_abort(mine);
	db_abort(theirs);
}

static int is_there(void *ctx, const struct hash *id)
{
	(void)ctx;
	(void)id;
	return 1;
}

/* Without a block of before: rows, counts, who may know of whom, and the own keys. */
static void shows_what_is(struct world *w)
{
	struct db_txn *mine, *theirs;
	struct derived_dir a, b;
	struct derived_patient p, q;

	t_zero(chain_read_begin(w->lean, &mine));
	t_zero(chain_read_begin(w->n->chain[0], &theirs));
	t_zero(derived_dir(mine, &patient, &w->dir, &a));
	t_zero(derived_dir(theirs, &patient, &w->dir, &b));
	t_eq(a.entries, 3);
	t_ok(a.entries == b.entries && a.subdirs == b.subdirs && a.mtime_ns == b.mtime_ns);
	t_zero(derived_patient(mine, &patient, &p));
	t_zero(derived_patient(theirs, &patient, &q));
	t_ok(memcmp(&p, &q, sizeof(p)) == 0 && p.records == 3);
	t_eq(derived_wraps(mine, &w->ada.id, &patient, 5, 0, is_there, NULL), 1);
	t_eq(derived_wraps(mine, &w->ada.id, &patient, 5, 1, is_there, NULL), 1);
	db_abort(mine);
	db_abort(theirs);
}

T_TEST(filled_it_is_as_any_other)
{
	struct world w;
	struct past *p;

	world_new(&w);
	take_state(&w);
	shows_what_is(&w);
	p = past_of(&w);
	put(&w, "d.json");
	follow(&w);
	fill(&w, p, 2);
	put(&w, "e.json");
	follow(&w);
	/* What was appended and not committed is cut off; all that was committed is there. */
	fill(&w, p, 1);
	reopen(&w);
	put(&w, "f.json");
	follow(&w);
	reopen(&w);
	t_ok(chain_first(w.lean) > 1 && chain_past(w.lean) > 0);
	fill(&w, p, UINT32_MAX);
	t_eq(chain_first(w.lean), 1);
	t_eq(chain_past(w.lean), 0);
	same_ledger(&w);
	reopen(&w);
	t_eq(chain_first(w.lean), 1);
	t_eq(chain_past(w.lean), 0);
	put(&w, "g.json");
	follow(&w);
	same_ledger(&w);
	past_free(p);
	world_free(&w);
}

T_TEST(what_is_erased_stays_so)
{
	const struct node_id all = {{0}};
	struct section_row row;
	struct db_txn *txn;
	struct world w;
	struct past *p;
	struct view annex;

	world_new(&w);
	erase(&w, &w.first);
	take_state(&w);
	p = past_of(&w);
	erase(&w, &w.last);
	follow(&w);
	fill(&w, p, 3);
	erase(&w, &all);
	follow(&w);
	/* the keys that came with the state */
	t_zero(chain_read_begin(w.lean, &txn));
	t_zero(state_section(txn, &patient, 5, &row));
	t_zero(chain_annex(txn, &row.epoch_tx, &annex));
	t_ok(!annex_is_whole(annex));
	t_eq(derived_wraps(txn, &w.ada.id, &patient, 5, 1, is_there, NULL), 0);
	db_abort(txn);
	fill(&w, p, UINT32_MAX);
	same_ledger(&w);
	past_free(p);
	world_free(&w);
}

/* What is in s, into a fresh filling that is given up. */
static int try_block(struct world *w, struct past *p, const struct past_block *b)
{
	struct chain_fill *f;
	bool own;
	int err;

	t_zero(chain_fill_begin(w->lean, &f));
	err = past_fill(p, f, b, &own);
	t_ok(!own);
	chain_fill_discard(f);
	return err;
}

T_TEST(no_changed_block_gets_in)
{
	struct past_block b;
	struct served s;
	struct world w;
	struct past *p;
	uint64_t height;
	size_t step;

	world_new(&w);
	take_state(&w);
	p = past_of(&w);
	fill(&w, p, 1); /* the next one has a transaction with an annex */
	height = chain_first(w.lean) - 1;
	b = serve(&w, height, &s);
	t_ok(s.verdicts.len == 1);
	step = s.body.len / 150 + 1;
	for (size_t i = 0; i < s.body.len; i += step) {
		s.body.data[i] ^= (uint8_t)(1u << (i % 8));
		t_ok(try_block(&w, p, &b) != 0);
		s.body.data[i] ^= (uint8_t)(1u << (i % 8));
	}
	s.verdicts.data[0] = VERDICT_PHANTOM;
	t_err(try_block(&w, p, &b), CF_EINVAL);
	s.verdicts.data[0] = VERDICT_VALID;
	b.verdicts = VIEW_NONE;
	t_err(try_block(&w, p, &b), CF_EINVAL);
	b.verdicts = buf_view(&s.verdicts);
	s.certificate.sig[0][5] ^= 1;
	t_err(try_block(&w, p, &b), CF_ESIG);
	s.certificate.sig[0][5] ^= 1;
	b.body = VIEW(s.body.data, s.body.len - 1);
	t_ok(try_block(&w, p, &b) != 0);
	served_end(&s);
	b = serve(&w, height - 1, &s);
	t_err(try_block(&w, p, &b), CF_EINVAL);
	served_end(&s);
	t_eq(chain_first(w.lean), height + 1);
	fill(&w, p, UINT32_MAX);
	same_ledger(&w);
	past_free(p);
	world_free(&w);
}

T_TEST(a_transaction_is_found_by_its_id)
{
	struct snapshot_ask ask = {.part = SNAPSHOT_PLACE}, back;
	struct snapshot_place place;
	struct buf bytes, answer;
	struct block_body body;
	struct past_block b;
	struct served s;
	struct world w;
	struct past *p;
	struct db_txn *txn;
	struct section_row row;
	struct view annex, kept;

	world_new(&w);
	take_state(&w);
	p = past_of(&w);
	buf_init(&bytes, 0);
	buf_init(&answer, 0);
	t_zero(chain_read_begin(w.n->chain[0], &txn));
	t_zero(state_section(txn, &patient, 5, &row));
	ask.tx = row.epoch_tx;
	t_zero(snapshot_ask_encode(&ask, &bytes));
	t_zero(snapshot_ask_decode(buf_view(&bytes), &back));
	t_zero(snapshot_hint(w.n->chain[0], txn, &w.bob.id, &back, &answer));
	t_zero(snapshot_place_decode(buf_view(&answer), &place));
	b = serve(&w, place.height, &s);
	t_zero(past_check(p, place.height, &b, &body));
	t_zero(past_annex(&body, b.verdicts, &ask.tx, &annex));
	t_zero(chain_annex(txn, &ask.tx, &kept));
	t_ok(view_equal(annex, kept));
	t_err(past_annex(&body, b.verdicts, &(struct hash){{7}}, &annex), CF_ENOTFOUND);
	t_err(past_check(p, place.height + 1, &b, &body), CF_EINVAL);
	block_body_release(&body);
	served_end(&s);
	back.tx = (struct hash){{7}};
	t_err(snapshot_hint(w.n->chain[0], txn, &w.bob.id, &back, &answer), CF_ENOTFOUND);
	db_abort(txn);
	buf_release(&bytes);
	buf_release(&answer);
	past_free(p);
	world_free(&w);
}

T_MAIN
