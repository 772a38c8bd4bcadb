/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_contract_evidence.c - evidence through the contract, into blocks and into rows.
 */
#include "acl/rowread.h"
#include "acl/validate.h"
#include "ledger/mem.h"
#include "tests/lib/lies.h"
#include "tests/lib/netfix.h"
#include "tests/lib/t.h"

static const struct hash some_tx = {{5}};

static struct netfix *fresh(void)
{
	struct netfix *n;

	t_zero(netfix_new(2, true, &n));
	return n;
}

static struct liar liar(const struct netfix *n, unsigned member)
{
	return (struct liar){n->network, (uint8_t)member, 0, n->peer[member].sign, n->peer[member].endorse};
}

static void request(const struct identity *by, struct view evidence, struct buf *body,
		    struct netfix_request *ret_r)
{
	const struct op_evidence op = {evidence};

	buf_reset(body);
	t_zero(op_evidence_encode(&op, body));
	*ret_r = (struct netfix_request){.by = by, .op_count = 1};
	ret_r->op[0] = (struct tx_op){OP_EVIDENCE, buf_view(body)};
}

static int run(struct netfix *n, const struct identity *by, struct view evidence)
{
	struct netfix_request r;
	struct buf body;
	int err;

	buf_init(&body, 0);
	request(by, evidence, &body, &r);
	err = netfix_run(n, &r, NULL);
	buf_release(&body);
	return err;
}

static int submit(struct netfix *n, const struct identity *by, struct view evidence)
{
	struct netfix_request r;
	struct buf body;
	int err;

	buf_init(&body, 0);
	request(by, evidence, &body, &r);
	err = netfix_submit(n, &r, NULL);
	buf_release(&body);
	return err;
}

static int read_row(struct netfix *n, const struct hash *id, struct evidence_row *ret_row)
{
	struct statekey key = statekey_evidence(id);
	struct version version;
	struct db_txn *txn;
	struct view value;
	int err = chain_read_begin(n->chain[1], &txn);

	if (err == 0)
		err = row_read(txn, NULL, &key, &value, &version);
	if (err == 0)
		err = evidence_row_decode(value, ret_row);
	db_abort(txn);
	return err;
}

T_TEST(a_peer_brings_evidence_and_everybody_has_it)
{
	struct netfix *n = fresh();
	const struct liar l = liar(n, 2);
	struct evidence_row row;
	struct buf bytes;
	struct hash id;

	buf_init(&bytes, 0);
	t_zero(lie_votes(&l, EVIDENCE_COMMIT, 4, 1, &bytes));
	id = evidence_id(buf_view(&bytes));
	t_err(read_row(n, &id, &row), CF_ENOTFOUND);
	t_zero(submit(n, &n->peer[0], buf_view(&bytes)));
	t_zero(read_row(n, &id, &row));
	t_eq(row.kind, EVIDENCE_COMMIT);
	t_eq(row.height, 4);
	t_eq(row.view, 1);
	t_bytes(row.offender.b, IDENTITY_BYTES, n->peer[2].id.b, IDENTITY_BYTES);
	t_bytes(row.reporter.b, IDENTITY_BYTES, n->peer[0].id.b, IDENTITY_BYTES);
	buf_release(&bytes);
	netfix_free(n);
}

T_TEST(the_same_lie_is_written_once)
{
	struct netfix *n = fresh();
	const struct liar l = liar(n, 2);
	struct buf bytes, third;

	buf_init(&bytes, 0);
	buf_init(&third, 0);
	t_zero(lie_votes(&l, EVIDENCE_COMMIT, 4, 1, &bytes));
	t_zero(lie_votes(&l, EVIDENCE_COMMIT, 4, 1, &third)); /* other digests in the same place */
	t_zero(submit(n, &n->peer[0], buf_view(&bytes)));
	t_err(run(n, &n->peer[1], buf_view(&bytes)), CF_EEXIST);
	t_err(run(n, &n->peer[1], buf_view(&third)), CF_EEXIST);
	buf_reset(&third);
	t_zero(lie_votes(&l, EVIDENCE_PREPARE, 4, 1, &third));
	t_zero(run(n, &n->peer[1], buf_view(&third)));
	buf_release(&bytes);
	buf_release(&third);
	netfix_free(n);
}

/* Two peers found it, both submit: the first settles it, the second is in the block and changes nothing. */
T_TEST(two_reports_of_one_lie_in_one_block)
{
	struct netfix *n = fresh();
	const struct liar l = liar(n, 3);
	struct netfix_request r[2];
	struct buf evidence, body[2], tx[2];
	struct apply_request pool[2];
	uint8_t verdict[2];
	struct evidence_row row;
	struct hash id;

	buf_init(&evidence, 0);
	t_zero(lie_messages(&l, EVIDENCE_VIEW_CHANGE, 7, &evidence));
	id = evidence_id(buf_view(&evidence));
	for (unsigned i = 0; i < 2; i++) {
		buf_init(&body[i], 0);
		buf_init(&tx[i], 0);
		request(&n->peer[i], buf_view(&evidence), &body[i], &r[i]);
		t_zero(netfix_tx(n, &r[i], &tx[i], NULL));
		pool[i] = (struct apply_request){buf_view(&tx[i]), VIEW_NONE};
	}
	t_zero(netfix_block(n, pool, 2, verdict));
	t_eq(verdict[0], VERDICT_VALID);
	t_eq(verdict[1], VERDICT_MVCC_CONFLICT);
	t_zero(read_row(n, &id, &row));
	t_bytes(row.reporter.b, IDENTITY_BYTES, n->peer[0].id.b, IDENTITY_BYTES);
	for (unsigned i = 0; i < 2; i++) {
		buf_release(&body[i]);
		buf_release(&tx[i]);
	}
	buf_release(&evidence);
	netfix_free(n);
}

T_TEST(a_liar_cannot_fill_the_ledger)
{
	struct netfix *n = fresh();
	const struct liar l = liar(n, 1), other = liar(n, 2);
	struct buf bytes;

	buf_init(&bytes, 0);
	for (unsigned i = 0; i < EVIDENCE_OFFENDER_MAX; i++) {
		buf_reset(&bytes);
		t_zero(lie_votes(&l, EVIDENCE_PREPARE, 10 + i, 1, &bytes));
		t_zero(submit(n, &n->peer[0], buf_view(&bytes)));
	}
	buf_reset(&bytes);
	t_zero(lie_votes(&l, EVIDENCE_PREPARE, 99, 1, &bytes));
	t_err(run(n, &n->peer[0], buf_view(&bytes)), CF_EEXIST);
	buf_reset(&bytes);
	t_zero(lie_votes(&other, EVIDENCE_PREPARE, 99, 1, &bytes));
	t_zero(run(n, &n->peer[0], buf_view(&bytes))); /* each has an own measure */
	buf_release(&bytes);
	netfix_free(n);
}

T_TEST(who_may_bring_evidence)
{
	static const struct {
		enum role role;
		int err;
	} table[] = {
		{ROLE_PATIENT, CF_EDENIED},
		{ROLE_DOCTOR, 0},
		{ROLE_MANAGER, 0},
		{ROLE_GOVERNOR, 0},
	};
	struct netfix *n = fresh();
	const struct liar l = liar(n, 1);
	struct buf bytes;

	buf_init(&bytes, 0);
	t_zero(lie_endorsed_twice(&l, &some_tx, &bytes));
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct identity who;
		char name[16] = {(char)('a' + i)};

		t_zero(netfix_person(n, name, table[i].role, 0, &who));
		t_err(run(n, &who, buf_view(&bytes)), table[i].err);
		identity_release(&who);
	}
	t_zero(run(n, &n->peer[1], buf_view(&bytes))); /* even the offender itself */
	buf_release(&bytes);
	netfix_free(n);
}

T_TEST(what_proves_nothing_is_refused_with_a_reason)
{
	struct netfix *n = fresh(), *elsewhere = fresh();
	struct liar l = liar(n, 1);
	struct buf bytes;

	buf_init(&bytes, 0);
	t_zero(lie_votes(&l, EVIDENCE_COMMIT, 4, 1, &bytes));
	bytes.data[bytes.len - 1] ^= 1; /* forged */
	t_err(run(n, &n->peer[0], buf_view(&bytes)), CF_EINVAL);
	t_str(err_detail(), "no evidence: the member has not signed this");
	bytes.data[0] ^= 1;
	t_err(run(n, &n->peer[0], buf_view(&bytes)), CF_EINVAL);
	t_str(err_detail(), "evidence does not decode");
	buf_reset(&bytes);
	l.epoch = 3;
	t_zero(lie_votes(&l, EVIDENCE_COMMIT, 4, 1, &bytes));
	t_err(run(n, &n->peer[0], buf_view(&bytes)), CF_EINVAL);
	t_str(err_detail(), "evidence of epoch 3, the set is of epoch 0");
	buf_reset(&bytes);
	l = liar(elsewhere, 1);
	t_zero(lie_votes(&l, EVIDENCE_COMMIT, 4, 1, &bytes));
	t_err(run(n, &n->peer[0], buf_view(&bytes)), CF_EINVAL);
	t_str(err_detail(), "evidence of another network");
	t_err(run(n, &n->peer[0], VIEW("x", 1)), CF_EINVAL);
	buf_release(&bytes);
	netfix_free(n);
	netfix_free(elsewhere);
}

/* --- what endorsers that lie themselves could write --- */

struct writes {
	struct tx_proposal p;
	struct buf body, evidence, value[2];
	struct statekey key[2];
	struct rw_write w[3];
	struct rwset rwset;
};

static void writes_of(struct netfix *n, struct writes *w)
{
	const struct liar l = liar(n, 1);
	struct offender_row slots = {.count = 1};
	struct netfix_request r;
	struct evidence_row row;
	struct hash id;

	memset(w, 0, sizeof(*w));
	buf_init(&w->evidence, 0);
	buf_init(&w->body, 0);
	t_zero(lie_votes(&l, EVIDENCE_COMMIT, 4, 1, &w->evidence));
	request(&n->peer[0], buf_view(&w->evidence), &w->body, &r);
	w->p.creator = n->peer[0].id;
	w->p.op_count = 1;
	w->p.op[0] = r.op[0];
	id = evidence_id(buf_view(&w->evidence));
	row = (struct evidence_row){
		.kind = EVIDENCE_COMMIT, .offender = n->peer[1].id, .reporter = n->peer[0].id};
	w->key[0] = statekey_evidence(&id);
	w->key[1] = statekey_offender(&n->peer[1].id, 0);
	buf_init(&w->value[0], 0);
	buf_init(&w->value[1], 0);
	t_zero(evidence_row_encode(&row, &w->value[0]));
	t_zero(offender_row_encode(&slots, &w->value[1]));
	for (unsigned i = 0; i < 2; i++) {
		w->w[i].key = statekey_view(&w->key[i]);
		w->w[i].value = buf_view(&w->value[i]);
	}
	w->rwset = (struct rwset){.writes = w->w, .write_count = 2};
}

T_TEST(an_evidence_transaction_writes_its_two_rows_and_nothing_else)
{
	struct netfix *n = fresh();
	struct writes *w = mem_alloc(sizeof(*w));
	struct statekey other = statekey_offender(&n->peer[2].id, 0);
	struct statekey policy = statekey_network("policy");

	writes_of(n, w);
	t_ok(validate_writes(&w->p, &w->rwset));
	w->rwset.write_count = 1;
	t_ok(!validate_writes(&w->p, &w->rwset));
	w->rwset.write_count = 3;
	w->w[2] = w->w[1];
	t_ok(!validate_writes(&w->p, &w->rwset));
	w->rwset.write_count = 2;
	w->w[1].key = statekey_view(&other); /* counted against somebody else */
	t_ok(!validate_writes(&w->p, &w->rwset));
	w->w[1].key = statekey_view(&policy);
	t_ok(!validate_writes(&w->p, &w->rwset));
	w->w[1].key = statekey_view(&w->key[1]);
	w->w[0].deleted = true; /* evidence is never taken back */
	t_ok(!validate_writes(&w->p, &w->rwset));
	w->w[0].deleted = false;
	w->key[0].b[5] ^= 1; /* another name */
	w->w[0].key = statekey_view(&w->key[0]);
	t_ok(!validate_writes(&w->p, &w->rwset));
	w->key[0].b[5] ^= 1;
	w->p.creator = n->peer[3].id; /* another reporter */
	t_ok(!validate_writes(&w->p, &w->rwset));
	w->p.creator = n->peer[0].id;
	t_ok(validate_writes(&w->p, &w->rwset));
	buf_release(&w->evidence);
	buf_release(&w->body);
	buf_release(&w->value[0]);
	buf_release(&w->value[1]);
	mem_free(w);
	netfix_free(n);
}

T_MAIN
