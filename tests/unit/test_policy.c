/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_policy.c - the one decision, and the matrix of roles, verbs and operations through the contract.
 */
#include "tests/lib/netstage.h"
#include "tests/lib/t.h"

static const struct patient_id patient = {{1, 6, 1, 8}};

#define PEOPLE 5

/* An owner with some files in EMR05, and one of each role beside them. */
struct ward {
	struct netfix *n;
	struct identity owner, person[PEOPLE];
	struct keyring *keys;
	struct node_id section, file, other, dir;
	struct version base;
};

static const enum role roles[PEOPLE] = {ROLE_PATIENT, ROLE_DOCTOR, ROLE_MANAGER, ROLE_GOVERNOR, ROLE_PEER};

static void open_ward(struct ward *w)
{
	struct node_row row;
	struct version version;
	struct db_txn *txn;

	*w = (struct ward){0};
	t_zero(netfix_new(1, false, &w->n));
	t_zero(netfix_person(w->n, "owner", ROLE_PATIENT, 0, &w->owner));
	t_zero(netfix_keyring(w->n, &w->owner, &w->keys));
	for (unsigned i = 0; i < PEOPLE; i++)
		t_zero(netfix_person(w->n, role_name(roles[i]), roles[i], 1, &w->person[i]));
	t_zero(netfix_admit(w->n, &w->owner, w->keys, &patient));
	w->section = op_section_node(&patient, 5);
	t_zero(netfix_put(w->n, &w->owner, w->keys, &patient, 5, &w->section, "f.json", NODE_RECORD, "{}",
			  &w->file));
	t_zero(netfix_put(w->n, &w->owner, w->keys, &patient, 5, &w->section, "o.json", NODE_RECORD, "[]",
			  &w->other));
	t_zero(netfix_put(w->n, &w->owner, w->keys, &patient, 5, &w->section, "d", NODE_DIR, NULL, &w->dir));
	t_zero(chain_read_begin(w->n->chain[0], &txn));
	t_zero(state_node(txn, &patient, &w->file, &row, &version));
	w->base = row.content;
	db_abort(txn);
}

static void close_ward(struct ward *w)
{
	keyring_free(w->keys);
	identity_release(&w->owner);
	for (unsigned i = 0; i < PEOPLE; i++)
		identity_release(&w->person[i]);
	netfix_free(w->n);
}

T_TEST(a_grant_says_what_it_says)
{
	struct ward w;
	struct netstage s;

	open_ward(&w);
	t_zero(netstage_begin(w.n, &s));
	for (unsigned i = 0; i < PEOPLE; i++) {
		t_err(policy_check(s.txn, &patient, 5, &w.person[i].id, VERB_READ, w.n->now_ms, NULL),
		      CF_EDENIED);
		for (unsigned granted = 0; granted <= VERB_ALL; granted++) {
			t_zero(netstage_grant(&s, &patient, 5, &w.person[i], granted, 0));
			for (unsigned verb = VERB_READ; verb <= VERB_GRANT; verb <<= 1) {
				bool may = (granted & verb) && (role_verbs(roles[i]) & verb);
				int err = policy_check(s.txn, &patient, 5, &w.person[i].id, verb, w.n->now_ms,
						       NULL);

				if (err != (may ? 0 : CF_EDENIED))
					t_fail("%s, granted %u, wants %u: %s", role_name(roles[i]), granted,
					       verb, err_name(err));
				t_err(policy_check(s.txn, &patient, 6, &w.person[i].id, verb, w.n->now_ms,
						   NULL),
				      CF_EDENIED);
			}
		}
	}
	netstage_end(&s);
	close_ward(&w);
}

T_TEST(a_grant_ends)
{
	struct ward w;
	struct netstage s;
	const struct identity *doctor = &w.person[1];

	open_ward(&w);
	t_zero(netstage_begin(w.n, &s));
	t_zero(netstage_grant(&s, &patient, 5, doctor, VERB_READ, w.n->now_ms + 10));
	t_zero(policy_check(s.txn, &patient, 5, &doctor->id, VERB_READ, w.n->now_ms + 10, NULL));
	t_err(policy_check(s.txn, &patient, 5, &doctor->id, VERB_READ, w.n->now_ms + 11, NULL), CF_EDENIED);
	netstage_end(&s);
	close_ward(&w);
}

T_TEST(an_identity_that_is_not_active_does_nothing)
{
	struct ward w;
	struct netstage s;
	uint64_t later;

	open_ward(&w);
	later = w.owner.info.not_after_ms + 1;
	t_zero(netstage_begin(w.n, &s));
	t_zero(policy_check(s.txn, &patient, 5, &w.owner.id, VERB_MODIFY, w.n->now_ms, NULL));
	t_err(policy_check(s.txn, &patient, 5, &w.owner.id, VERB_MODIFY, later, NULL), CF_EEXPIRED);
	t_err(policy_check(s.txn, &patient, 5, &w.owner.id, VERB_MODIFY, 5, NULL), CF_EEXPIRED);
	t_zero(netstage_status(&s, &w.owner, IDENTITY_SUSPENDED));
	t_err(policy_check(s.txn, &patient, 5, &w.owner.id, VERB_READ, w.n->now_ms, NULL), CF_EREVOKED);
	t_zero(netstage_status(&s, &w.owner, IDENTITY_REVOKED));
	t_err(policy_check(s.txn, &patient, 5, &w.owner.id, VERB_READ, w.n->now_ms, NULL), CF_EREVOKED);
	netstage_end(&s);
	close_ward(&w);
}

T_TEST(nobody_and_nothing)
{
	struct ward w;
	struct db_txn *txn;
	struct identity_id nobody = {{0}};
	struct patient_id nothing = {{9}};

	open_ward(&w);
	t_zero(chain_read_begin(w.n->chain[0], &txn));
	t_err(policy_check(txn, &patient, 5, &nobody, VERB_READ, w.n->now_ms, NULL), CF_EDENIED);
	t_err(policy_check(txn, &nothing, 5, &w.owner.id, VERB_READ, w.n->now_ms, NULL), CF_EDENIED);
	t_err(policy_check(txn, &patient, 17, &w.owner.id, VERB_READ, w.n->now_ms, NULL), CF_EDENIED);
	t_err(policy_check(txn, &patient, 5, &w.n->custodian[0].id, VERB_READ, w.n->now_ms, NULL),
	      CF_EDENIED);
	db_abort(txn);
	close_ward(&w);
}

T_TEST(what_was_read_is_noted)
{
	struct ward w;
	struct db_txn *txn;
	struct rwset_builder *builder;
	struct rwset set;
	struct buf bytes;

	open_ward(&w);
	buf_init(&bytes, 0);
	t_zero(chain_read_begin(w.n->chain[0], &txn));
	t_zero(rwset_builder_new(&builder));
	t_err(policy_check(txn, &patient, 5, &w.person[1].id, VERB_READ, w.n->now_ms, builder), CF_EDENIED);
	t_zero(rwset_encode(builder, &bytes));
	t_zero(rwset_decode(buf_view(&bytes), &set));
	t_eq(set.read_count, 3); /* identity, patient, the grant that is absent */
	t_ok(set.reads[0].present && set.reads[1].present && !set.reads[2].present);
	rwset_release(&set);
	rwset_builder_free(builder);
	db_abort(txn);
	buf_release(&bytes);
	close_ward(&w);
}

/* ---- operations ---- */

enum act { CREATE, SAVE, SETATTR, XATTR, UNLINK, RMDIR, RENAME, REPLACE, GRANT, REVOKE, ACTS };

static const struct {
	const char *name;
	enum op_code code;
	unsigned needs;
} acts[ACTS] = {
	[CREATE] = {"create", OP_CREATE, VERB_ADD},
	[SAVE] = {"save", OP_SAVE, VERB_MODIFY},
	[SETATTR] = {"setattr", OP_SETATTR, VERB_MODIFY},
	[XATTR] = {"xattr", OP_XATTR, VERB_MODIFY},
	[UNLINK] = {"unlink", OP_UNLINK, VERB_DELETE},
	[RMDIR] = {"rmdir", OP_RMDIR, VERB_DELETE},
	[RENAME] = {"rename", OP_RENAME, VERB_MODIFY},
	[REPLACE] = {"rename over", OP_RENAME, VERB_MODIFY | VERB_DELETE},
	[GRANT] = {"grant", OP_GRANT, VERB_GRANT},
	[REVOKE] = {"revoke", OP_REVOKE, VERB_GRANT},
};

static void make_remove(struct ward *w, const char *name, const struct node_id *node, struct buf *body)
{
	struct op_remove op = {.dir = w->section, .node = *node};

	t_zero(netfix_token(w->n, w->keys, &patient, 5, &w->section, name, &op.token));
	t_zero(op_remove_encode(&op, body));
}

static void make_rename(struct ward *w, const char *to, const struct node_id *replaced, struct buf *body)
{
	struct op_rename op = {
		.from_dir = w->section, .to_dir = w->section, .node = w->file, .sealed_name = VIEW("new", 3)};

	op.window = contract_window(w->n->now_ms);
	if (replaced)
		op.replaced = *replaced;
	t_zero(netfix_token(w->n, w->keys, &patient, 5, &w->section, "f.json", &op.from_token));
	t_zero(netfix_token(w->n, w->keys, &patient, 5, &w->section, to, &op.to_token));
	t_zero(op_rename_encode(&op, body));
}

static void make_grant(struct ward *w, enum act act, struct netfix_file *f)
{
	struct op_grant grant = {.sections = 1u << 5, .to = w->person[1].id, .verbs = VERB_READ};
	struct op_revoke revoke = {.sections = 1u << 5, .from = w->person[1].id};
	struct db_txn *txn;

	t_zero(chain_read_begin(w->n->chain[0], &txn));
	if (act == GRANT) {
		t_zero(keyring_wrap_grant(w->keys, txn, &patient, grant.sections, &grant.to, &f->annex));
		t_zero(op_grant_encode(&grant, &f->body));
	} else {
		t_zero(keyring_wrap_revoke(w->keys, txn, &patient, revoke.sections, &revoke.from,
					   w->n->now_ms, &f->annex));
		t_zero(op_revoke_encode(&revoke, &f->body));
	}
	db_abort(txn);
}

/* The operation's body and annex, well-formed in every respect but the right to it. */
static void make(struct ward *w, enum act act, struct netfix_file *f)
{
	struct op_setattr set = {.node = w->file, .mask = OP_SET_MODE, .attrs = {.mode = 0600}};
	struct op_xattr xattr = {.node = w->file};

	buf_init(&f->body, 0);
	buf_init(&f->annex, 0);
	switch (act) {
	case CREATE:
		t_zero(netfix_create(w->n, w->keys, &patient, 5, &w->section, "n.json", NODE_RECORD, "{}",
				     f));
		break;
	case SAVE:
		t_zero(netfix_save(w->n, w->keys, &patient, 5, &w->file, w->base, "{1}", f));
		break;
	case SETATTR:
		t_zero(op_setattr_encode(&set, &f->body));
		break;
	case XATTR:
		t_zero(op_xattr_encode(&xattr, &f->body));
		break;
	case UNLINK:
		make_remove(w, "f.json", &w->file, &f->body);
		break;
	case RMDIR:
		make_remove(w, "d", &w->dir, &f->body);
		break;
	case RENAME:
		make_rename(w, "new.json", NULL, &f->body);
		break;
	case REPLACE:
		make_rename(w, "o.json", &w->other, &f->body);
		break;
	case GRANT:
	case REVOKE:
		make_grant(w, act, f);
		break;
	case ACTS:
		break;
	}
}

static int try_act(struct netstage *s, const struct identity *who, enum act act, const struct netfix_file *f)
{
	struct netfix_request r = {.by = who, .patient = &patient, .op_count = 1};

	r.op[0] = (struct tx_op){acts[act].code, buf_view(&f->body)};
	r.annex = buf_view(&f->annex);
	return netstage_run(s, &r, s->n->now_ms);
}

T_TEST(every_role_verb_and_operation)
{
	struct ward w;
	struct netstage s;

	open_ward(&w);
	t_zero(netfix_grant(w.n, &w.owner, w.keys, &patient, 1u << 5, &w.person[1], VERB_READ,
			    0)); /* to be revoked */
	for (enum act act = 0; act < ACTS; act++) {
		struct netfix_file f;

		make(&w, act, &f);
		t_zero(netstage_begin(w.n, &s));
		t_zero(try_act(&s, &w.owner, act, &f)); /* the owner may do all of it */
		for (unsigned i = 0; i < PEOPLE; i++) {
			for (unsigned granted = 0; granted <= (VERB_ALL | VERB_GRANT); granted++) {
				unsigned may =
					granted & role_verbs(roles[i]) & ~VERB_GRANT; /* not in custody */
				bool allowed = (acts[act].needs & may) == acts[act].needs;
				int err;

				t_zero(netstage_grant(&s, &patient, 5, &w.person[i], granted, 0));
				err = try_act(&s, &w.person[i], act, &f);
				if (err != (allowed ? 0 : CF_EDENIED))
					t_fail("%s by %s, granted %u: %s (%s)", acts[act].name,
					       role_name(roles[i]), granted, err_name(err), err_detail());
			}
		}
		netstage_end(&s);
		netfix_file_release(&f);
	}
	close_ward(&w);
}

T_TEST(who_made_a_file_may_set_its_times)
{
	struct ward w;
	struct netstage s;
	struct keyring *keys;
	struct netfix_file f;
	const struct identity *doctor = &w.person[1];

	open_ward(&w);
	t_zero(netfix_grant(w.n, &w.owner, w.keys, &patient, 1u << 5, doctor, VERB_ADD, 0));
	t_zero(netfix_keyring(w.n, doctor, &keys));
	make(&w, SETATTR, &f);
	t_zero(netstage_begin(w.n, &s));
	t_err(try_act(&s, doctor, SETATTR, &f), CF_EDENIED); /* the owner's file */
	netstage_end(&s);
	netfix_file_release(&f);
	t_zero(netfix_put(w.n, doctor, keys, &patient, 5, &w.section, "mine.json", NODE_RECORD, "{}",
			  &w.file));
	make(&w, SETATTR, &f);
	t_zero(netstage_begin(w.n, &s));
	t_zero(try_act(&s, doctor, SETATTR, &f));
	netstage_end(&s);
	netfix_file_release(&f);
	keyring_free(keys);
	close_ward(&w);
}

T_TEST(the_creator_must_be_valid)
{
	struct ward w;
	struct netstage s;
	struct netfix_file f;

	open_ward(&w);
	make(&w, SETATTR, &f);
	t_zero(netstage_begin(w.n, &s));
	t_zero(netstage_status(&s, &w.owner, IDENTITY_REVOKED));
	t_err(try_act(&s, &w.owner, SETATTR, &f), CF_EREVOKED);
	netstage_end(&s);
	netfix_file_release(&f);
	w.n->now_ms = w.owner.info.not_after_ms + 1;
	make(&w, SETATTR, &f);
	t_zero(netstage_begin(w.n, &s));
	t_err(try_act(&s, &w.owner, SETATTR, &f), CF_EEXPIRED);
	netstage_end(&s);
	netfix_file_release(&f);
	close_ward(&w);
}

T_TEST(some_sections_demand_the_patient)
{
	struct ward w;
	struct netstage s;
	struct section_row amend = {.amend = 1};
	struct buf value;
	const struct identity *doctor = &w.person[1];

	open_ward(&w);
	buf_init(&value, 0);
	for (enum act act = 0; act < GRANT; act++) {
		bool change = act == SAVE || act == XATTR || act == RENAME || act == REPLACE || act == UNLINK;
		struct netfix_file f;

		make(&w, act, &f);
		t_zero(netstage_begin(w.n, &s));
		t_zero(netstage_put(&s, statekey_section(&patient, 5), section_row_encode(&amend, &value),
				    &value));
		t_zero(netstage_grant(&s, &patient, 5, doctor, VERB_ALL, 0));
		t_zero(try_act(&s, &w.owner, act, &f));
		t_err(try_act(&s, doctor, act, &f), change ? CF_EDENIED : CF_OK);
		netstage_end(&s);
		netfix_file_release(&f);
	}
	buf_release(&value);
	close_ward(&w);
}

T_MAIN
