/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_attack.c - what a lying peer, a client without checks of its own, or somebody with a peer's disk may
 * try against transactions, grants, genesis files and ledgers.
 */
#include "acl/verify.h"
#include "ledger/file.h"
#include "ledger/mem.h"
#include "tests/lib/netfix.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

static const struct patient_id patient = {{4, 5, 6}};

struct ward {
	struct netfix *n;
	struct identity owner;
	struct identity doctor;
	struct keyring *keys; /* the owner's */
	struct node_id dir;   /* of EMR05 */
};

static void open_ward(struct ward *w)
{
	*w = (struct ward){0};
	t_zero(netfix_new(1, false, &w->n));
	t_zero(netfix_person(w->n, "paul", ROLE_PATIENT, 0, &w->owner));
	t_zero(netfix_person(w->n, "dr.ada", ROLE_DOCTOR, 0, &w->doctor));
	t_zero(netfix_keyring(w->n, &w->owner, &w->keys));
	t_zero(netfix_admit(w->n, &w->owner, w->keys, &patient));
	w->dir = op_section_node(&patient, 5);
}

static void close_ward(struct ward *w)
{
	keyring_free(w->keys);
	identity_release(&w->owner);
	identity_release(&w->doctor);
	netfix_free(w->n);
}

/* A transaction that makes a record, and names a blob. */
static void make_tx(struct ward *w, struct buf *tx, struct buf *annex)
{
	struct netfix_request *r = mem_zalloc(sizeof(*r));
	struct netfix_file f;

	t_zero(netfix_create(w->n, w->keys, &patient, 5, &w->dir, "a.json", NODE_RECORD, "{}", &f));
	*r = (struct netfix_request){.by = &w->owner, .patient = &patient, .op_count = 1, .blob_count = 1};
	r->op[0] = (struct tx_op){OP_CREATE, buf_view(&f.body)};
	r->blob[0] = (struct tx_blob){sha256(view_str("blob")), 7};
	r->annex = buf_view(&f.annex);
	t_zero(netfix_tx(w->n, r, tx, NULL));
	t_zero(buf_append_view(annex, buf_view(&f.annex)));
	netfix_file_release(&f);
	mem_free(r);
}

/* The same proposal with fewer of the signatures that its author does not make, or another read-write set. */
static void strip(struct view tx_bytes, unsigned endorsements, unsigned receipts, struct view rwset,
		  struct buf *out)
{
	struct tx *tx = mem_zalloc(sizeof(*tx));

	t_zero(tx_decode(tx_bytes, tx));
	tx->endorsement_count = (uint8_t)endorsements;
	tx->receipt_count = (uint8_t)receipts;
	if (rwset.len)
		tx->rwset_bytes = rwset;
	t_zero(tx_encode(tx, out));
	mem_free(tx);
}

/* No peer pools it, no leader builds with it, no backup votes for a block that has it. */
static void refused_everywhere(struct ward *w, const struct buf *tx, const struct buf *annex)
{
	const struct apply_request request = {buf_view(tx), buf_view(annex)};
	static struct tx tx_checked;
	struct hash hash, *ids;
	struct db_txn *txn;
	uint32_t count;

	t_zero(chain_read_begin(w->n->chain[0], &txn));
	t_err(apply_precheck(w->n->apply[0], txn, request.tx, request.annex, w->n->now_ms, &tx_checked),
	      CF_EDENIED);
	db_abort(txn);
	buf_reset(&w->n->body);
	t_err(apply_build(w->n->apply[0], &request, 1, false, w->n->now_ms, 0, 0, &w->n->body, &hash, &ids,
			  &count),
	      CF_ENOTFOUND);
}

/* Who sees a proposal cannot burn its id by submitting it before its author, with something left out. */
T_TEST(a_stripped_transaction_burns_nothing)
{
	struct apply_request request;
	struct buf tx, annex, bad, empty;
	struct rwset_builder *b;
	struct ward w;
	uint8_t verdict;

	open_ward(&w);
	buf_init(&tx, 0);
	buf_init(&annex, 0);
	buf_init(&bad, 0);
	buf_init(&empty, 0);
	make_tx(&w, &tx, &annex);
	for (unsigned endorsements = 0; endorsements < 2; endorsements++) {
		buf_reset(&bad);
		strip(buf_view(&tx), endorsements, 3, VIEW_NONE, &bad);
		refused_everywhere(&w, &bad, &annex);
	}
	for (unsigned receipts = 0; receipts < 3; receipts++) {
		buf_reset(&bad);
		strip(buf_view(&tx), 2, receipts, VIEW_NONE, &bad);
		refused_everywhere(&w, &bad, &annex);
	}
	/* another read-write set than was endorsed */
	t_zero(rwset_builder_new(&b));
	t_zero(rwset_encode(b, &empty));
	rwset_builder_free(b);
	buf_reset(&bad);
	strip(buf_view(&tx), 2, 3, buf_view(&empty), &bad);
	refused_everywhere(&w, &bad, &annex);
	/* the author's own still goes through */
	request = (struct apply_request){buf_view(&tx), buf_view(&annex)};
	t_zero(netfix_block(w.n, &request, 1, &verdict));
	t_eq(verdict, VERDICT_VALID);
	buf_release(&tx);
	buf_release(&annex);
	buf_release(&bad);
	buf_release(&empty);
	close_ward(&w);
}

static struct grant_row directory_grant(struct ward *w)
{
	struct grant_row row;
	struct db_txn *txn;

	t_zero(chain_read_begin(w->n->chain[0], &txn));
	t_zero(state_grant(txn, &patient, 0, &w->doctor.id, &row));
	db_abort(txn);
	return row;
}

/* A right to change the patient's own directory that ended is not revived by a grant on something else. */
T_TEST(an_ended_grant_on_the_directory_is_not_revived)
{
	struct ward w;
	struct grant_row row;
	uint64_t until;

	open_ward(&w);
	until = w.n->now_ms + 60000;
	t_zero(netfix_grant(w.n, &w.owner, w.keys, &patient, 1, &w.doctor, VERB_READ | VERB_MODIFY, until));
	w.n->now_ms = until + 1000;
	t_zero(netfix_grant(w.n, &w.owner, w.keys, &patient, 1u << 3, &w.doctor, VERB_READ, 0));
	row = directory_grant(&w);
	t_eq(row.verbs, VERB_READ);
	t_eq(row.until_ms, 0);
	close_ward(&w);
}

/* Nor is one that stands made longer: reading may last longer, what was said of changes does not. */
T_TEST(a_grant_on_the_directory_is_not_prolonged_by_another)
{
	struct ward w;
	struct grant_row row;
	uint64_t until;

	open_ward(&w);
	until = w.n->now_ms + 3600000;
	t_zero(netfix_grant(w.n, &w.owner, w.keys, &patient, 1, &w.doctor, VERB_READ | VERB_MODIFY, until));
	t_err(netfix_grant(w.n, &w.owner, w.keys, &patient, 1u << 3, &w.doctor, VERB_READ, 0), CF_EINVAL);
	t_zero(netfix_grant(w.n, &w.owner, w.keys, &patient, 1u << 3, &w.doctor, VERB_READ, until));
	row = directory_grant(&w);
	t_eq(row.verbs, VERB_READ | VERB_MODIFY);
	t_ok(row.until_ms == until);
	t_zero(netfix_grant(w.n, &w.owner, w.keys, &patient, 1u << 3 | 1, &w.doctor, VERB_READ, 0));
	row = directory_grant(&w);
	t_eq(row.verbs, VERB_READ);
	t_eq(row.until_ms, 0);
	close_ward(&w);
}

/* Of as many organizations as may lie at least one more must endorse, and hold blobs. */
T_TEST(a_genesis_whose_liars_suffice_is_refused)
{
	struct genesis *g = mem_zalloc(sizeof(*g));
	struct netfix *n;
	struct buf out;

	buf_init(&out, 0);
	t_zero(netfix_new(1, false, &n));
	t_zero(genesis_decode(buf_view(&n->genesis), g));
	t_zero(genesis_encode(g, &out));
	g->policy.endorsing_orgs = 1;
	t_err(genesis_encode(g, &out), CF_EINVAL);
	g->policy.endorsing_orgs = 2;
	g->policy.receipts = 1;
	t_err(genesis_encode(g, &out), CF_EINVAL);
	g->policy.receipts = 2;
	t_zero(genesis_encode(g, &out));
	buf_release(&out);
	mem_free(g);
	netfix_free(n);
}

static void on_problem(void *ctx, const char *line)
{
	(void)line;
	++*(unsigned *)ctx;
}

/* A whole ledger made anew, with keys of one's own in the place of the members': the genesis file says no. */
T_TEST(a_ledger_rewritten_with_other_keys_does_not_verify)
{
	const char *dir = tmpdir_new();
	struct genesis *g = mem_zalloc(sizeof(*g));
	struct netfix *n, *evil;
	struct verify_result result;
	unsigned problems = 0;
	const struct verify_report report = {&problems, on_problem};
	struct certificate certificate;
	char path[FILE_PATH_MAX];
	struct hash hash, *ids;
	struct apply *a;
	struct chain *c;
	uint32_t count;

	t_zero(netfix_new(1, false, &n));
	t_zero(netfix_new(1, false, &evil));
	t_zero(file_path(dir, "chain", path));
	t_zero(chain_open(path, buf_view(&n->genesis), 0, &c));
	t_zero(genesis_decode(buf_view(&n->genesis), g));
	for (unsigned i = 0; i < NETFIX_ORGS; i++)
		memcpy(g->members.member[i].sign_point, evil->peer[i].info.sign_point, POINT_BYTES);
	t_zero(genesis_apply(c, g));
	t_zero(apply_new(c, false, NULL, &a));
	buf_reset(&n->body);
	t_zero(apply_build(a, NULL, 0, true, n->now_ms, 0, 0, &n->body, &hash, &ids, &count));
	mem_free(ids);
	evil->network = n->network;
	t_zero(netfix_certify(evil, &hash, 1, &certificate));
	t_zero(apply_commit(a, buf_view(&n->body), &certificate, true, VIEW_NONE, NULL, NULL));
	t_err(verify_blocks(c, &report, &result), CF_ECORRUPT);
	t_ok(problems > 0);
	apply_free(a);
	chain_close(c);
	for (int chain_only = 0; chain_only < 2; chain_only++) {
		problems = 0;
		t_err(verify_directory(dir, buf_view(&n->genesis), tmpdir_new(), chain_only, &report,
				       &result),
		      CF_ECORRUPT);
		t_ok(problems > 0);
	}
	mem_free(g);
	netfix_free(n);
	netfix_free(evil);
}

T_MAIN
