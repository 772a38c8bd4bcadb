/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_waiting.c - the patient's co-signature: who sets the rule, who proposes, what becomes of a change.
 */
#include "acl/rowread.h"
#include "acl/waiting.h"
#include "tests/lib/netfix.h"
#include "tests/lib/t.h"

#include <string.h>

#define SECTION 10

static const struct patient_id patient = {{7, 7, 1}};

struct fix {
	struct netfix *n;
	struct identity owner;
	struct identity doctor;
	struct identity other; /* a doctor, too */
	struct keyring *owners;
	struct keyring *doctors;
	struct keyring *others;
	struct node_id node; /* a record of the doctor's */
};

static int run_or_commit(struct fix *f, const struct identity *by, enum op_code code, const struct buf *body,
			 const struct buf *annex, bool commit)
{
	struct netfix_request r = {.by = by, .patient = &patient, .op_count = 1};

	r.op[0] = (struct tx_op){(uint8_t)code, buf_view(body)};
	if (annex)
		r.annex = buf_view(annex);
	return commit ? netfix_submit(f->n, &r, NULL) : netfix_run(f->n, &r, NULL);
}

static int rule(struct fix *f, const struct identity *by, uint8_t amend)
{
	const struct op_rule op = {.sections = 1u << SECTION, .amend = amend};
	struct buf body;
	int err;

	buf_init(&body, 0);
	t_zero(op_rule_encode(&op, &body));
	err = run_or_commit(f, by, OP_RULE, &body, NULL, true);
	buf_release(&body);
	return err;
}

static void fix_new(struct fix *f)
{
	struct node_id dir = op_section_node(&patient, SECTION);

	t_zero(netfix_new(2, false, &f->n));
	t_zero(netfix_person(f->n, "pat", ROLE_PATIENT, 2, &f->owner));
	t_zero(netfix_person(f->n, "dr", ROLE_DOCTOR, 0, &f->doctor));
	t_zero(netfix_person(f->n, "ot", ROLE_DOCTOR, 1, &f->other));
	t_zero(netfix_keyring(f->n, &f->owner, &f->owners));
	t_zero(netfix_keyring(f->n, &f->doctor, &f->doctors));
	t_zero(netfix_keyring(f->n, &f->other, &f->others));
	t_zero(netfix_admit(f->n, &f->owner, f->owners, &patient));
	t_zero(netfix_grant(f->n, &f->owner, f->owners, &patient, 1u << SECTION, &f->doctor, VERB_ALL, 0));
	t_zero(netfix_grant(f->n, &f->owner, f->owners, &patient, 1u << SECTION, &f->other, VERB_ALL, 0));
	t_zero(netfix_put(f->n, &f->doctor, f->doctors, &patient, SECTION, &dir, "a.json", NODE_RECORD,
			  "{\"n\":1}", &f->node));
	t_zero(rule(f, &f->owner, 1));
}

static void fix_free(struct fix *f)
{
	keyring_free(f->owners);
	keyring_free(f->doctors);
	keyring_free(f->others);
	identity_release(&f->owner);
	identity_release(&f->doctor);
	identity_release(&f->other);
	netfix_free(f->n);
}

static struct version content_version(struct fix *f)
{
	struct content_row row;
	struct version version;
	struct db_txn *txn;

	t_zero(chain_read_begin(f->n->chain[0], &txn));
	t_zero(state_content(txn, &patient, &f->node, &row, &version));
	db_abort(txn);
	return version;
}

/* A save, or the proposal of one, of the content that is there now. */
static int change_of(struct fix *f, enum op_code code, const struct identity *by, struct keyring *k,
		     struct version base, const char *plain)
{
	struct netfix_file file;
	int err;

	t_zero(netfix_save(f->n, k, &patient, SECTION, &f->node, base, plain, &file));
	err = run_or_commit(f, by, code, &file.body, &file.annex, true);
	netfix_file_release(&file);
	return err;
}

static int propose(struct fix *f, const char *plain)
{
	return change_of(f, OP_PROPOSE, &f->doctor, f->doctors, content_version(f), plain);
}

/* The hash of the change that waits; zeros: none does. */
static struct hash waiting(struct fix *f)
{
	struct statekey key = statekey_node(&patient, SKP_WAITING, &f->node);
	struct hash h = {{0}};
	struct version version;
	struct db_txn *txn;
	struct view value;

	t_zero(chain_read_begin(f->n->chain[1], &txn));
	if (state_get(txn, statekey_view(&key), &value, &version) == 0)
		h = sha256(value);
	db_abort(txn);
	return h;
}

static int decide(struct fix *f, const struct identity *by, enum approval what, struct hash change)
{
	const struct op_approve op = {.node = f->node, .change = change, .what = what};
	struct buf body;
	int err;

	buf_init(&body, 0);
	t_zero(op_approve_encode(&op, &body));
	err = run_or_commit(f, by, OP_APPROVE, &body, NULL, true);
	buf_release(&body);
	return err;
}

/* What the owner reads, and who is said to have written it. */
static void shows(struct fix *f, const char *plain, const struct identity *author)
{
	uint8_t secret[CONTENT_SECRET_BYTES];
	struct section_keys keys;
	struct content_row row;
	struct version version;
	struct node_row node;
	struct db_txn *txn;
	struct view annex;
	struct buf out;

	buf_init(&out, 0);
	t_zero(chain_read_begin(f->n->chain[1], &txn));
	t_zero(state_node(txn, &patient, &f->node, &node, &version));
	t_zero(state_content(txn, &patient, &f->node, &row, &version));
	t_zero(chain_annex(txn, &row.secret_tx, &annex));
	t_zero(content_secret_find(annex, row.secret_index, secret));
	t_zero(keyring_get(f->owners, txn, &patient, SECTION, row.epoch, row.window, &keys));
	t_zero(content_open(&keys, secret, row.sealed, &out));
	t_bytes(out.data, out.len, plain, strlen(plain));
	t_eq(node.size, strlen(plain));
	t_ok(identity_equal(&node.author, &author->id));
	db_abort(txn);
	buf_release(&out);
}

T_TEST(the_owner_alone_sets_the_rule)
{
	struct fix f;

	fix_new(&f);
	t_err(rule(&f, &f.doctor, 0), CF_EDENIED);
	t_err(rule(&f, &f.n->custodian[0], 0), CF_EDENIED);
	t_zero(rule(&f, &f.owner, 0));
	/* where none is demanded nothing waits */
	t_err(propose(&f, "{\"n\":2}"), CF_ECONFLICT);
	t_zero(change_of(&f, OP_SAVE, &f.doctor, f.doctors, content_version(&f), "{\"n\":2}"));
	fix_free(&f);
}

/* A new epoch, and grants, leave the rule as it is. */
T_TEST(the_rule_outlives_a_revocation)
{
	struct fix f;

	fix_new(&f);
	t_zero(netfix_revoke(f.n, &f.owner, f.owners, &patient, 1u << SECTION, &f.other));
	t_err(change_of(&f, OP_SAVE, &f.doctor, f.doctors, content_version(&f), "{}"), CF_EDENIED);
	t_zero(propose(&f, "{}"));
	fix_free(&f);
}

T_TEST(a_change_waits_and_is_approved)
{
	struct hash none = {{0}}, change;
	struct fix f;

	fix_new(&f);
	t_err(change_of(&f, OP_SAVE, &f.doctor, f.doctors, content_version(&f), "{}"), CF_EDENIED);
	t_zero(propose(&f, "{\"n\":\"two\"}"));
	shows(&f, "{\"n\":1}", &f.doctor);
	change = waiting(&f);
	t_ok(!hash_equal(&change, &none));
	t_err(decide(&f, &f.doctor, APPROVAL_GIVE, change), CF_EDENIED);
	t_err(decide(&f, &f.n->custodian[0], APPROVAL_GIVE, change), CF_EDENIED);
	t_err(decide(&f, &f.owner, APPROVAL_GIVE, none), CF_ECONFLICT);
	t_zero(decide(&f, &f.owner, APPROVAL_GIVE, change));
	shows(&f, "{\"n\":\"two\"}", &f.doctor);
	change = waiting(&f);
	t_ok(hash_equal(&change, &none));
	t_err(decide(&f, &f.owner, APPROVAL_GIVE, change), CF_ENOTFOUND);
	fix_free(&f);
}

T_TEST(a_change_is_refused_or_withdrawn)
{
	struct hash none = {{0}}, change;
	struct fix f;

	fix_new(&f);
	t_zero(propose(&f, "{}"));
	t_err(decide(&f, &f.doctor, APPROVAL_REFUSE, waiting(&f)), CF_EDENIED);
	t_err(decide(&f, &f.other, APPROVAL_WITHDRAW, waiting(&f)), CF_EDENIED);
	t_zero(decide(&f, &f.owner, APPROVAL_REFUSE, waiting(&f)));
	t_zero(propose(&f, "{}"));
	t_zero(decide(&f, &f.doctor, APPROVAL_WITHDRAW, waiting(&f)));
	change = waiting(&f);
	t_ok(hash_equal(&change, &none));
	shows(&f, "{\"n\":1}", &f.doctor);
	fix_free(&f);
}

/* What is approved is what was seen: neither a newer proposal nor one of an older content. */
T_TEST(an_approval_is_of_one_change_of_one_version)
{
	struct hash first;
	struct fix f;

	fix_new(&f);
	t_zero(propose(&f, "{\"a\":1}"));
	first = waiting(&f);
	t_err(change_of(&f, OP_PROPOSE, &f.other, f.others, content_version(&f), "{}"), CF_EEXIST);
	t_zero(propose(&f, "{\"a\":2}"));
	t_err(decide(&f, &f.owner, APPROVAL_GIVE, first), CF_ECONFLICT);
	t_zero(change_of(&f, OP_SAVE, &f.owner, f.owners, content_version(&f), "{\"mine\":1}"));
	t_err(decide(&f, &f.owner, APPROVAL_GIVE, waiting(&f)), CF_ECONFLICT);
	shows(&f, "{\"mine\":1}", &f.owner);
	t_zero(decide(&f, &f.owner, APPROVAL_REFUSE, waiting(&f)));
	fix_free(&f);
}

/* Revoked meanwhile: what was proposed before may still be approved; it was sealed then. */
T_TEST(a_revocation_does_not_take_the_proposal)
{
	struct fix f;

	fix_new(&f);
	t_zero(propose(&f, "{\"last\":1}"));
	t_zero(netfix_revoke(f.n, &f.owner, f.owners, &patient, 1u << SECTION, &f.doctor));
	t_zero(decide(&f, &f.owner, APPROVAL_GIVE, waiting(&f)));
	shows(&f, "{\"last\":1}", &f.doctor);
	fix_free(&f);
}

static int remove_it(struct fix *f, const struct identity *by)
{
	struct op_remove op = {.dir = op_section_node(&patient, SECTION), .node = f->node};
	struct buf body;
	int err;

	buf_init(&body, 0);
	t_zero(netfix_token(f->n, f->owners, &patient, SECTION, &op.dir, "a.json", &op.token));
	t_zero(op_remove_encode(&op, &body));
	err = run_or_commit(f, by, OP_UNLINK, &body, NULL, true);
	buf_release(&body);
	return err;
}

/* To delete and to make anew is to change. */
T_TEST(a_deletion_is_the_owners_and_takes_what_waits)
{
	struct hash none = {{0}}, change;
	struct fix f;

	fix_new(&f);
	t_zero(propose(&f, "{}"));
	t_err(remove_it(&f, &f.doctor), CF_EDENIED);
	t_zero(remove_it(&f, &f.owner));
	change = waiting(&f);
	t_ok(hash_equal(&change, &none));
	fix_free(&f);
}

static struct waiting_row row_of(struct fix *f, struct buf *hold)
{
	struct statekey key = statekey_node(&patient, SKP_WAITING, &f->node);
	struct waiting_row row;
	struct version version;
	struct db_txn *txn;
	struct view value;

	t_zero(chain_read_begin(f->n->chain[1], &txn));
	t_zero(state_get(txn, statekey_view(&key), &value, &version));
	t_zero(buf_append_view(hold, value));
	db_abort(txn);
	t_zero(waiting_row_decode(buf_view(hold), &row));
	return row;
}

static int secret_of(struct fix *f, const struct hash *tx)
{
	uint8_t secret[CONTENT_SECRET_BYTES];
	struct db_txn *txn;
	struct view annex;
	int err;

	t_zero(chain_read_begin(f->n->chain[1], &txn));
	t_zero(chain_annex(txn, tx, &annex));
	err = content_secret_find(annex, 0, secret);
	db_abort(txn);
	return err;
}

/* Also what was refused, and what waits. */
T_TEST(an_erasure_takes_the_secrets_of_proposals)
{
	struct hash none = {{0}}, refused, waits, change;
	struct buf hold, body;
	struct op_erase op;
	struct fix f;

	fix_new(&f);
	buf_init(&hold, 0);
	buf_init(&body, 0);
	t_zero(propose(&f, "{\"a\":1}"));
	refused = row_of(&f, &hold).tx;
	t_zero(decide(&f, &f.owner, APPROVAL_REFUSE, waiting(&f)));
	t_zero(propose(&f, "{\"a\":2}"));
	buf_reset(&hold);
	waits = row_of(&f, &hold).tx;
	t_zero(secret_of(&f, &refused));
	op.node = f.node;
	t_zero(op_erase_encode(&op, &body));
	t_zero(run_or_commit(&f, &f.owner, OP_ERASE, &body, NULL, true));
	t_err(secret_of(&f, &refused), CF_ENOKEY);
	t_err(secret_of(&f, &waits), CF_ENOKEY);
	change = waiting(&f);
	t_ok(hash_equal(&change, &none));
	buf_release(&hold);
	buf_release(&body);
	fix_free(&f);
}

T_MAIN
