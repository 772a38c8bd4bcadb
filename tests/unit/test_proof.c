/* SPDX-License-Identifier: Apache-2.0 */
#include "acl/change.h"
#include "acl/keyring.h"
#include "acl/proof.h"
#include "ledger/mem.h"
#include "tests/lib/netfix.h"
#include "tests/lib/t.h"

#define PLAIN "{\"note\": \"ward round\"}"

/* A doctor's record of a patient, proven from the ledger of the second chain. */
struct scene {
	struct netfix *n;
	struct identity doctor;
	struct keyring *keys;
	struct patient_id patient;
	struct node_id node;
	struct section_keys section;
	struct hash tx_id;
	struct buf bytes;
	struct proof *proof;
};

static void make(struct scene *s, bool with_key)
{
	struct chain *chain = s->n->chain[1];
	struct db_txn *txn;

	buf_reset(&s->bytes);
	t_zero(chain_read_begin(chain, &txn));
	t_zero(proof_make(chain, txn, &s->tx_id, &s->node, with_key ? s->section.commit : NULL, &s->bytes));
	db_abort(txn);
	t_zero(proof_decode(buf_view(&s->bytes), s->proof));
}

/* A record with its commitment, as a mount writes it. */
static void put(struct scene *s, const struct identity *by, const char *name)
{
	struct node_id dir = op_section_node(&s->patient, 5);
	struct netfix_request r = {.by = by, .patient = &s->patient, .op_count = 1};
	struct hash plain = sha256(view_str(PLAIN));
	struct netfix_file file;
	struct op_create op;
	struct buf body;

	buf_init(&body, 0);
	t_zero(netfix_create(s->n, s->keys, &s->patient, 5, &dir, name, NODE_RECORD, PLAIN, &file));
	t_zero(op_create_decode(buf_view(&file.body), &op));
	op.commitment = content_commitment(&s->section, &plain);
	t_zero(op_create_encode(&op, &body));
	r.op[0] = (struct tx_op){OP_CREATE, buf_view(&body)};
	r.annex = buf_view(&file.annex);
	t_zero(netfix_submit(s->n, &r, &s->tx_id));
	s->node = op_new_node(&s->tx_id, 0);
	netfix_file_release(&file);
	buf_release(&body);
}

/* by_custodian: by somebody of the genesis, who was never registered. */
static void set_up(struct scene *s, bool by_custodian)
{
	const struct identity *by;
	struct db_txn *txn;

	memset(s, 0, sizeof(*s));
	buf_init(&s->bytes, 0);
	t_zero(netfix_new(2, false, &s->n));
	s->proof = mem_alloc(sizeof(*s->proof));
	random_bytes(s->patient.b, PATIENT_BYTES);
	if (!by_custodian)
		t_zero(netfix_person(s->n, "doctor1", ROLE_DOCTOR, 0, &s->doctor));
	by = by_custodian ? &s->n->custodian[0] : &s->doctor;
	t_zero(netfix_keyring(s->n, by, &s->keys));
	t_zero(netfix_admit(s->n, by, s->keys, &s->patient));
	if (!by_custodian) {
		struct keyring *custodian;

		t_zero(netfix_keyring(s->n, &s->n->custodian[0], &custodian));
		t_zero(netfix_grant(s->n, &s->n->custodian[0], custodian, &s->patient, 1u << 5, by, VERB_ALL,
				    0));
		keyring_free(custodian);
	}
	t_zero(chain_read_begin(s->n->chain[1], &txn));
	t_zero(keyring_current(s->keys, txn, &s->patient, 5, s->n->now_ms, &s->section));
	db_abort(txn);
	put(s, by, "a.json");
}

static void tear_down(struct scene *s)
{
	buf_release(&s->bytes);
	mem_free(s->proof);
	keyring_free(s->keys);
	identity_release(&s->doctor);
	netfix_free(s->n);
}

T_TEST(a_proof_says_who_when_and_where)
{
	struct proof_facts f;
	struct scene s;

	set_up(&s, false);
	make(&s, false);
	t_zero(proof_verify(s.proof, buf_view(&s.n->genesis), &f));
	t_str(f.author, "doctor1");
	t_eq(f.author_role, ROLE_DOCTOR);
	t_eq(f.section, 5);
	t_eq(f.size, strlen(PLAIN));
	t_eq(f.op, OP_CREATE);
	t_eq(f.type, TX_MEDICAL);
	t_eq(f.votes, 3);
	t_eq(f.endorsements, 2);
	t_bytes(f.node.b, NODE_BYTES, s.node.b, NODE_BYTES);
	t_bytes(f.patient.b, PATIENT_BYTES, s.patient.b, PATIENT_BYTES);
	t_ok(hash_equal(&f.tx_id, &s.tx_id));
	tear_down(&s);
}

T_TEST(an_author_is_named_by_the_organizations_own_authority)
{
	struct cert_request req = {.kind = CERT_INTERMEDIATE, .name = "CA", .path_len = 0};
	struct proof_facts facts;
	struct crypto_key *key;
	struct buf ca, leaf;
	struct scene s;

	set_up(&s, false);
	make(&s, false);
	t_zero(proof_verify(s.proof, buf_view(&s.n->genesis), &facts));
	/* the root made another one of the same name, and that one a certificate of the author's key */
	buf_init(&ca, 0);
	buf_init(&leaf, 0);
	t_zero(crypto_key_generate(&key));
	req.org = s.doctor.info.org;
	req.subject = key;
	req.not_before_ms = s.doctor.info.not_before_ms;
	req.not_after_ms = s.doctor.info.not_after_ms;
	t_zero(cert_issue(&req, buf_view(&s.n->root_cert), s.n->root_key, &ca));
	req.kind = CERT_LEAF;
	req.name = s.doctor.info.name;
	req.role = s.doctor.info.role;
	req.kem_point = s.doctor.info.kem_point;
	req.subject = s.doctor.sign;
	t_zero(cert_issue(&req, buf_view(&ca), key, &leaf));
	s.proof->chain_count = 2;
	s.proof->chain[0] = buf_view(&leaf);
	s.proof->chain[1] = buf_view(&ca);
	t_err(proof_verify(s.proof, buf_view(&s.n->genesis), &facts), CF_EFOREIGN);
	t_ok(strstr(err_detail(), "not issued below its organization's authority"));
	/* the right one put beside proves nothing */
	s.proof->chain_count = 3;
	s.proof->chain[2] = buf_view(&s.n->ca_cert[0]);
	t_err(proof_verify(s.proof, buf_view(&s.n->genesis), &facts), CF_EFOREIGN);
	crypto_key_free(key);
	buf_release(&ca);
	buf_release(&leaf);
	tear_down(&s);
}

T_TEST(a_suspension_takes_no_proof_away)
{
	struct op_standing op;
	struct netfix_request r = {.op_count = 1};
	struct proof_facts facts;
	struct buf body;
	struct scene s;

	set_up(&s, false);
	buf_init(&body, 0);
	op = (struct op_standing){.who = s.doctor.id};
	t_zero(op_standing_encode(&op, &body));
	r.by = &s.n->custodian[0];
	r.op[0] = (struct tx_op){OP_SUSPEND, buf_view(&body)};
	t_zero(netfix_submit(s.n, &r, NULL));
	r.op[0].code = OP_REINSTATE;
	t_zero(netfix_submit(s.n, &r, NULL));
	/* written after the row was: its certificate is in the registration all the same */
	put(&s, &s.doctor, "b.json");
	make(&s, true);
	t_zero(proof_verify(s.proof, buf_view(&s.n->genesis), &facts));
	t_str(facts.author, s.doctor.info.name);
	buf_release(&body);
	tear_down(&s);
}

T_TEST(authors_of_the_genesis_are_proven_by_it)
{
	struct proof_facts f;
	struct scene s;

	set_up(&s, true);
	make(&s, true);
	t_zero(proof_verify(s.proof, buf_view(&s.n->genesis), &f));
	t_eq(f.author_role, ROLE_MANAGER);
	tear_down(&s);
}

T_TEST(plaintext_is_proven_with_the_key_and_not_without)
{
	struct hash plain = sha256(view_str(PLAIN)), other = sha256(view_str("{}"));
	struct proof_facts f;
	struct scene s;

	set_up(&s, false);
	make(&s, true);
	t_zero(proof_verify(s.proof, buf_view(&s.n->genesis), &f));
	t_zero(proof_check_plain(s.proof, &f, &plain));
	t_err(proof_check_plain(s.proof, &f, &other), CF_ECORRUPT);
	make(&s, false);
	t_zero(proof_verify(s.proof, buf_view(&s.n->genesis), &f));
	t_err(proof_check_plain(s.proof, &f, &plain), CF_ENOKEY);
	tear_down(&s);
}

/* One bit of every byte; the signatures, which cost a millisecond, of every few. Refused, or it proves the
 * same. */
/* The managers of three organizations add or remove this peer. */
static void change_members(struct scene *s, enum members_change change, const struct identity *peer)
{
	struct op_members op = {
		.change = change, .epoch = apply_members(s->n->apply[0])->epoch, .who = peer->id};
	struct netfix_request r = {.by = &s->n->custodian[0], .op_count = 1};
	struct buf body;

	if (change == MEMBERS_ADD)
		op.peer_address = op.client_address = view_str("tls+tcp://peer5.example:1");
	for (unsigned i = 0; i < 3; i++)
		t_zero(change_approve(&op, &s->n->network, &s->n->custodian[i].id, s->n->custodian[i].sign));
	buf_init(&body, 0);
	t_zero(op_members_encode(&op, &body));
	r.op[0] = (struct tx_op){OP_MEMBERS, buf_view(&body)};
	t_zero(netfix_submit(s->n, &r, NULL));
	buf_release(&body);
}

T_TEST(a_proof_tells_how_the_members_changed)
{
	struct proof_facts facts;
	struct identity fifth;
	struct scene s;
	size_t at;

	set_up(&s, false);
	t_zero(netfix_person(s.n, "peer5", ROLE_PEER, 0, &fifth));
	change_members(&s, MEMBERS_ADD, &fifth);
	change_members(&s, MEMBERS_REMOVE, &fifth);
	make(&s, false); /* of before */
	t_eq(s.proof->succession.len, 1);
	t_zero(proof_verify(s.proof, buf_view(&s.n->genesis), &facts));
	put(&s, &s.doctor, "b.json");
	make(&s, false);
	t_eq(s.proof->succession.data[0], 2);
	t_zero(proof_verify(s.proof, buf_view(&s.n->genesis), &facts));
	t_eq(facts.endorsements, s.n->endorsers);
	at = (size_t)(s.proof->succession.data - s.bytes.data);
	for (size_t i = at, end = at + s.proof->succession.len; i < end; i += 5) {
		s.bytes.data[i] ^= 0x20;
		t_ok(proof_decode(buf_view(&s.bytes), s.proof) ||
		     proof_verify(s.proof, buf_view(&s.n->genesis), &facts));
		s.bytes.data[i] ^= 0x20;
	}
	t_zero(proof_decode(buf_view(&s.bytes), s.proof));
	s.proof->succession = VIEW("\0", 1); /* without them it proves nothing */
	t_err(proof_verify(s.proof, buf_view(&s.n->genesis), &facts), CF_EFOREIGN);
	identity_release(&fifth);
	tear_down(&s);
}

T_TEST(no_byte_can_be_changed)
{
	struct proof_facts f, good;
	struct scene s;

	set_up(&s, false);
	make(&s, false);
	t_zero(proof_verify(s.proof, buf_view(&s.n->genesis), &good));
	for (size_t i = 0; i < s.bytes.len; i++) {
		s.bytes.data[i] ^= (uint8_t)(1u << i % 8);
		if (proof_decode(buf_view(&s.bytes), s.proof) == 0 && i % 11 == 0 &&
		    proof_verify(s.proof, buf_view(&s.n->genesis), &f) == 0)
			t_ok(hash_equal(&f.tx_id, &good.tx_id) && hash_equal(&f.block, &good.block));
		s.bytes.data[i] ^= (uint8_t)(1u << i % 8);
	}
	tear_down(&s);
}

T_TEST(truncated_proofs_are_refused)
{
	struct scene s;

	set_up(&s, false);
	make(&s, true);
	for (size_t len = 0; len < s.bytes.len; len++)
		t_ok(proof_decode(VIEW(s.bytes.data, len), s.proof) != 0);
	t_zero(buf_append(&s.bytes, "", 1));
	t_err(proof_decode(buf_view(&s.bytes), s.proof), CF_EDECODE);
	tear_down(&s);
}

T_TEST(another_network_proves_nothing)
{
	struct netfix *other;
	struct proof_facts f;
	struct scene s;

	set_up(&s, false);
	make(&s, false);
	t_zero(netfix_new(1, false, &other));
	t_err(proof_verify(s.proof, buf_view(&other->genesis), &f), CF_EFOREIGN);
	netfix_free(other);
	tear_down(&s);
}

T_TEST(what_a_transaction_did_not_write_has_no_proof)
{
	struct db_txn *txn;
	struct scene s;

	set_up(&s, false);
	s.node.b[0] ^= 1;
	t_zero(chain_read_begin(s.n->chain[1], &txn));
	t_err(proof_make(s.n->chain[1], txn, &s.tx_id, &s.node, NULL, &s.bytes), CF_ENOTFOUND);
	s.tx_id.b[0] ^= 1;
	t_err(proof_make(s.n->chain[1], txn, &s.tx_id, &s.node, NULL, &s.bytes), CF_ENOTFOUND);
	db_abort(txn);
	tear_down(&s);
}

T_MAIN
