/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_erase.c - who erases, what goes and what stays.
 */
#include "acl/destruction.h"
#include "acl/erase.h"
#include "acl/succession.h"
#include "ledger/mem.h"
#include "tests/lib/netfix.h"
#include "tests/lib/t.h"

#include <string.h>

static const struct patient_id patient = {{6, 2, 8}};

struct fix {
	struct netfix *n;
	struct identity owner;
	struct identity doctor;
	struct keyring *owners;
	struct keyring *doctors;
	struct node_id dir; /* EMR04 */
};

static void fix_new(struct fix *f)
{
	t_zero(netfix_new(2, false, &f->n));
	t_zero(netfix_person(f->n, "pat", ROLE_PATIENT, 2, &f->owner));
	t_zero(netfix_person(f->n, "dr", ROLE_DOCTOR, 0, &f->doctor));
	t_zero(netfix_keyring(f->n, &f->owner, &f->owners));
	t_zero(netfix_keyring(f->n, &f->doctor, &f->doctors));
	t_zero(netfix_admit(f->n, &f->owner, f->owners, &patient));
	t_zero(netfix_grant(f->n, &f->owner, f->owners, &patient, 1u << 4, &f->doctor, VERB_ALL, 0));
	f->dir = op_section_node(&patient, 4);
}

static void fix_free(struct fix *f)
{
	keyring_free(f->owners);
	keyring_free(f->doctors);
	identity_release(&f->owner);
	identity_release(&f->doctor);
	netfix_free(f->n);
}

/* Erasures of these nodes in one transaction, run or, with commit, committed. */
static int erase(struct fix *f, const struct identity *by, const struct node_id *nodes, unsigned count,
		 bool commit)
{
	struct netfix_request r = {.by = by, .patient = &patient, .op_count = count};
	struct buf body[4];
	int err;

	for (unsigned i = 0; i < count; i++) {
		struct op_erase op = {.node = nodes[i]};

		buf_init(&body[i], 0);
		t_zero(op_erase_encode(&op, &body[i]));
		r.op[i] = (struct tx_op){OP_ERASE, buf_view(&body[i])};
	}
	err = commit ? netfix_submit(f->n, &r, NULL) : netfix_run(f->n, &r, NULL);
	for (unsigned i = 0; i < count; i++)
		buf_release(&body[i]);
	return err;
}

/* Is there a secret for the node's content? CF_ENOKEY when it is erased. The same on both ledgers. */
static int secret(struct fix *f, const struct node_id *n)
{
	int err[2];

	for (int i = 0; i < 2; i++) {
		uint8_t bytes[CONTENT_SECRET_BYTES];
		struct content_row row;
		struct version version;
		struct db_txn *txn;
		struct view annex;

		t_zero(chain_read_begin(f->n->chain[i], &txn));
		t_zero(state_content(txn, &patient, n, &row, &version));
		t_zero(chain_annex(txn, &row.secret_tx, &annex));
		err[i] = content_secret_find(annex, row.secret_index, bytes);
		db_abort(txn);
	}
	t_eq(err[0], err[1]);
	return err[0];
}

T_TEST(who_erases)
{
	struct node_id node, none = {{0}}, never = {{9}}, two[2];
	struct fix f;

	fix_new(&f);
	t_zero(netfix_put(f.n, &f.doctor, f.doctors, &patient, 4, &f.dir, "a.json", NODE_RECORD, "{}",
			  &node));
	t_err(erase(&f, &f.doctor, &node, 1, false), CF_EDENIED); /* its author, with every verb */
	t_err(erase(&f, &f.doctor, &none, 1, false), CF_EDENIED);
	t_err(erase(&f, &f.n->custodian[0], &node, 1, false), CF_EDENIED);
	t_err(erase(&f, &f.owner, &f.dir, 1, false), CF_EISDIR);
	two[0] = none;
	two[1] = node;
	t_err(erase(&f, &f.owner, two, 2, false), CF_EINVAL); /* a patient stands alone */
	t_zero(erase(&f, &f.owner, &never, 1, false));        /* it may be long deleted */
	t_zero(erase(&f, &f.owner, &node, 1, false));
	t_zero(erase(&f, &f.owner, &none, 1, false));
	fix_free(&f);
}

T_TEST(every_version_of_a_file_goes_and_no_other)
{
	struct node_id a, b;
	struct content_row first, row;
	struct netfix_request r = {.patient = &patient, .op_count = 1};
	struct netfix_file file;
	struct version version;
	uint8_t bytes[CONTENT_SECRET_BYTES];
	struct db_txn *txn;
	struct view annex;
	struct fix f;

	fix_new(&f);
	t_zero(netfix_put(f.n, &f.doctor, f.doctors, &patient, 4, &f.dir, "a.json", NODE_RECORD, "{}", &a));
	t_zero(netfix_put(f.n, &f.owner, f.owners, &patient, 4, &f.dir, "b.json", NODE_RECORD, "{}", &b));
	t_zero(chain_read_begin(f.n->chain[0], &txn));
	t_zero(state_content(txn, &patient, &a, &first, &version));
	db_abort(txn);
	t_zero(netfix_save(f.n, f.doctors, &patient, 4, &a, version, "{\"n\":2}", &file));
	r.by = &f.doctor;
	r.op[0] = (struct tx_op){OP_SAVE, buf_view(&file.body)};
	r.annex = buf_view(&file.annex);
	t_zero(netfix_submit(f.n, &r, NULL));
	netfix_file_release(&file);
	t_zero(secret(&f, &a));
	t_zero(erase(&f, &f.owner, &a, 1, true));
	t_err(secret(&f, &a), CF_ENOKEY);
	t_zero(secret(&f, &b));
	t_zero(chain_read_begin(f.n->chain[1], &txn));
	t_zero(chain_annex(txn, &first.secret_tx, &annex)); /* the first version, too */
	t_err(content_secret_find(annex, first.secret_index, bytes), CF_ENOKEY);
	t_zero(state_content(txn, &patient, &a, &row, &version));
	db_abort(txn);
	t_zero(erase(&f, &f.owner, &a, 1, true)); /* again: nothing is left to erase */
	fix_free(&f);
}

/* As a peer does before it signs: here, of what is not committed. */
static int check(struct fix *f, enum op_code code, const struct node_id *n, struct version at)
{
	const struct op_erase op = {.node = *n};
	struct tx *tx = mem_zalloc(sizeof(*tx));
	struct db_txn *txn;
	struct buf body;
	int err;

	buf_init(&body, 0);
	t_zero(op_erase_encode(&op, &body));
	tx->proposal.patient = patient;
	tx->proposal.op_count = 1;
	tx->proposal.op[0] = (struct tx_op){code, buf_view(&body)};
	t_zero(chain_read_begin(f->n->chain[1], &txn));
	err = erase_check(f->n->chain[1], txn, tx, at);
	db_abort(txn);
	buf_release(&body);
	mem_free(tx);
	return err;
}

T_TEST(what_is_left_is_found)
{
	const struct version early = {1, 0}, late = {UINT64_MAX, 0};
	const struct node_id all = {{0}};
	struct node_id a, b;
	struct fix f;

	fix_new(&f);
	t_zero(netfix_put(f.n, &f.doctor, f.doctors, &patient, 4, &f.dir, "a.json", NODE_RECORD, "{}", &a));
	t_zero(netfix_put(f.n, &f.owner, f.owners, &patient, 4, &f.dir, "b.json", NODE_RECORD, "{}", &b));
	t_err(check(&f, OP_ERASE, &a, late), CF_EEXIST);
	t_zero(check(&f, OP_ERASE, &a, early)); /* it was written since */
	t_err(check(&f, OP_SAVE, &a, late), CF_EINVAL);
	t_zero(erase(&f, &f.owner, &a, 1, true));
	t_zero(check(&f, OP_ERASE, &a, late));
	t_err(check(&f, OP_ERASE, &b, late), CF_EEXIST);
	t_err(check(&f, OP_ERASE, &all, late), CF_EEXIST);
	t_zero(erase(&f, &f.owner, &all, 1, true));
	t_zero(check(&f, OP_ERASE, &all, late));
	t_zero(check(&f, OP_ERASE, &b, late));
	fix_free(&f);
}

struct certified {
	struct hash tx;
	struct proof proof; /* of verification */
	struct proof_facts facts;
	struct members members;
	struct destruction d;
	struct buf proof_bytes;
	struct buf succession;
};

static void erase_and_prove(struct fix *f, const struct node_id *n, struct certified *c)
{
	struct netfix_request r = {.by = &f->owner, .patient = &patient, .op_count = 1};
	const struct op_erase op = {.node = *n};
	struct db_txn *txn;
	struct buf body;

	buf_init(&body, 0);
	t_zero(op_erase_encode(&op, &body));
	r.op[0] = (struct tx_op){OP_ERASE, buf_view(&body)};
	t_zero(netfix_submit(f->n, &r, &c->tx));
	buf_release(&body);
	t_zero(chain_read_begin(f->n->chain[1], &txn));
	t_zero(proof_make(f->n->chain[1], txn, &c->tx, n, NULL, &c->proof_bytes));
	t_zero(succession_make(f->n->chain[1], txn, 0, &c->succession));
	db_abort(txn);
	c->d.proof = buf_view(&c->proof_bytes);
	c->d.succession = buf_view(&c->succession);
}

static void say(struct fix *f, struct certified *c, unsigned member, uint64_t height)
{
	struct destroyed *said = &c->d.said[c->d.count++];
	struct hash digest = destroyed_digest(&f->n->network, &c->tx, height, &f->n->peer[member].id);

	*said = (struct destroyed){.member = (uint8_t)member, .height = height};
	t_zero(crypto_sign(f->n->peer[member].endorse, &digest, said->sig));
}

static int verify(struct fix *f, struct certified *c)
{
	return destruction_verify(&c->d, buf_view(&f->n->genesis), &c->proof, &c->facts, &c->members);
}

T_TEST(a_quorum_certifies)
{
	struct certified *c = mem_zalloc(sizeof(*c));
	struct destruction back;
	struct node_id a;
	struct buf bytes;
	struct fix f;

	fix_new(&f);
	buf_init(&c->proof_bytes, 0);
	buf_init(&c->succession, 0);
	buf_init(&bytes, 0);
	t_zero(netfix_put(f.n, &f.doctor, f.doctors, &patient, 4, &f.dir, "a.json", NODE_RECORD, "{}", &a));
	erase_and_prove(&f, &a, c);
	say(&f, c, 0, 90);
	say(&f, c, 2, 90);
	t_err(verify(&f, c), CF_EINVAL); /* two of four */
	say(&f, c, 3, 90);
	t_zero(verify(&f, c));
	t_eq(c->facts.op, OP_ERASE);
	t_bytes(c->facts.node.b, NODE_BYTES, a.b, NODE_BYTES);
	t_zero(destruction_encode(&c->d, &bytes));
	t_ok(destruction_is(buf_view(&bytes)));
	t_zero(destruction_decode(buf_view(&bytes), &back));
	t_eq(back.count, 3);
	for (size_t len = 0; len < bytes.len; len++)
		t_ok(destruction_decode(VIEW(bytes.data, len), &back) != 0);
	c->d.said[1].member = 1; /* another one's signature */
	t_err(verify(&f, c), CF_ESIG);
	c->d.said[1].member = 2;
	c->d.said[1].height++;
	t_err(verify(&f, c), CF_ESIG);
	c->d.said[1].height--;
	c->d.count = 2;
	say(&f, c, 3, 1); /* before the erasure */
	t_err(verify(&f, c), CF_EINVAL);
	buf_release(&bytes);
	buf_release(&c->proof_bytes);
	buf_release(&c->succession);
	mem_free(c);
	fix_free(&f);
}

T_TEST(nothing_is_erased_that_was_not_seen)
{
	struct node_id node;
	struct version version;
	struct content_row row;
	struct netfix_request save = {.patient = &patient, .op_count = 1}, r = save;
	struct op_erase op;
	struct netfix_file file;
	struct buf body, late;
	struct hash id;
	struct db_txn *txn;
	struct fix f;
	uint8_t verdict;

	fix_new(&f);
	t_zero(netfix_put(f.n, &f.doctor, f.doctors, &patient, 4, &f.dir, "a.json", NODE_RECORD, "{}",
			  &node));
	buf_init(&body, 0);
	buf_init(&late, 0);
	op.node = node;
	t_zero(op_erase_encode(&op, &body));
	r.by = &f.owner;
	r.op[0] = (struct tx_op){OP_ERASE, buf_view(&body)};
	t_zero(netfix_tx(f.n, &r, &late, &id));
	t_zero(chain_read_begin(f.n->chain[0], &txn));
	t_zero(state_content(txn, &patient, &node, &row, &version));
	db_abort(txn);
	t_zero(netfix_save(f.n, f.doctors, &patient, 4, &node, version, "{\"n\":2}", &file));
	save.by = &f.doctor;
	save.op[0] = (struct tx_op){OP_SAVE, buf_view(&file.body)};
	save.annex = buf_view(&file.annex);
	t_zero(netfix_submit(f.n, &save, NULL));
	t_zero(netfix_block(f.n, &(struct apply_request){.tx = buf_view(&late)}, 1, &verdict));
	t_eq(verdict, VERDICT_MVCC_CONFLICT);
	t_zero(secret(&f, &node));
	netfix_file_release(&file);
	buf_release(&body);
	buf_release(&late);
	fix_free(&f);
}

T_TEST(of_a_patient_nothing_is_left)
{
	struct section_keys keys;
	struct node_id node, none = {{0}};
	struct keyring *fresh;
	struct patient_row row;
	struct db_txn *txn;
	struct fix f;

	fix_new(&f);
	t_zero(netfix_put(f.n, &f.doctor, f.doctors, &patient, 4, &f.dir, "a.json", NODE_RECORD, "{}",
			  &node));
	t_zero(erase(&f, &f.owner, &none, 1, true));
	t_err(secret(&f, &node), CF_ENOKEY);
	t_zero(netfix_keyring(f.n, &f.owner, &fresh));
	t_zero(chain_read_begin(f.n->chain[1], &txn));
	t_err(keyring_get(fresh, txn, &patient, 4, 0, 1, &keys), CF_EDENIED); /* no wrap is known any more */
	t_zero(state_patient(txn, &patient, &row));
	t_eq(row.status, PATIENT_ERASED);
	t_err(policy_check(txn, &patient, 4, &f.owner.id, VERB_READ, f.n->now_ms, NULL), CF_ENOKEY);
	db_abort(txn);
	t_err(erase(&f, &f.owner, &none, 1, false), CF_ENOKEY);
	t_err(netfix_grant(f.n, &f.owner, f.owners, &patient, 1u << 4, &f.doctor, VERB_READ, 0), CF_ENOKEY);
	keyring_free(fresh);
	fix_free(&f);
}

T_MAIN
