/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_members.c - changes of the ordering members: who decides, what is refused, and what follows for
 * blocks.
 */
#include "acl/change.h"
#include "tests/lib/lies.h"
#include "tests/lib/netfix.h"
#include "tests/lib/t.h"

#include <string.h>

struct fix {
	struct netfix *n;
	struct identity fifth; /* a peer of the first organization, registered */
	struct identity governor;
};

static void fix_new(struct fix *f)
{
	t_zero(netfix_new(2, false, &f->n));
	t_zero(netfix_person(f->n, "peer5", ROLE_PEER, 0, &f->fifth));
	t_zero(netfix_person(f->n, "gov", ROLE_GOVERNOR, 1, &f->governor));
}

static void fix_free(struct fix *f)
{
	identity_release(&f->fifth);
	identity_release(&f->governor);
	netfix_free(f->n);
}

static struct op_members change(const struct fix *f, enum members_change what, const struct identity *who)
{
	struct op_members op = {
		.change = what, .epoch = apply_members(f->n->apply[0])->epoch, .who = who->id};

	if (what == MEMBERS_ADD || what == MEMBERS_REFRESH) {
		op.peer_address = view_str("tls+tcp://peer5.example:1");
		op.client_address = view_str("tls+tcp://peer5.example:2");
	}
	return op;
}

static void approve(const struct fix *f, struct op_members *op, const struct identity *who)
{
	t_zero(change_approve(op, &f->n->network, &who->id, who->sign));
}

static void approve_by_managers(const struct fix *f, struct op_members *op, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		approve(f, op, &f->n->custodian[i]);
}

static int submit(struct fix *f, const struct identity *by, const struct op_members *op, bool commit)
{
	struct netfix_request r = {.by = by, .op_count = 1};
	struct buf body;
	int err;

	buf_init(&body, 0);
	t_zero(op_members_encode(op, &body));
	r.op[0] = (struct tx_op){OP_MEMBERS, buf_view(&body)};
	err = commit ? netfix_submit(f->n, &r, NULL) : netfix_run(f->n, &r, NULL);
	buf_release(&body);
	return err;
}

T_TEST(the_lines_of_a_change)
{
	struct fix f;
	struct op_members op, back;
	struct buf text, again, hold;

	fix_new(&f);
	op = change(&f, MEMBERS_ADD, &f.fifth);
	approve_by_managers(&f, &op, 3);
	approve_by_managers(&f, &op, 2); /* again: replaced */
	t_eq(op.approval_count, 3);
	buf_init(&text, 0);
	buf_init(&again, 0);
	buf_init(&hold, 0);
	t_zero(change_format(&op, &text));
	t_zero(change_parse(buf_view(&text), &hold, &back));
	t_zero(change_format(&back, &again));
	t_bytes(text.data, text.len, again.data, again.len);
	t_eq(back.approval_count, 3);
	for (size_t len = 0; len + 1 < text.len; len++) {
		if (change_parse(VIEW(text.data, len), &hold, &back) == 0)
			t_ok(len > 0 && back.approval_count < 3 &&
			     (text.data[len] == '\n' || text.data[len - 1] == '\n'));
	}
	buf_release(&text);
	buf_release(&again);
	buf_release(&hold);
	fix_free(&f);
}

T_TEST(who_decides)
{
	struct fix f;
	struct op_members op;
	const struct identity *manager;

	fix_new(&f);
	manager = &f.n->custodian[0];
	op = change(&f, MEMBERS_ADD, &f.fifth);
	approve_by_managers(&f, &op, 2);
	t_err(submit(&f, manager, &op, false), CF_EDENIED); /* two of four organizations */
	approve(&f, &op, &f.n->custodian[2]);
	t_zero(submit(&f, manager, &op, false));
	t_zero(submit(&f, &f.governor, &op, false)); /* whoever configures may carry it */
	t_err(submit(&f, &f.fifth, &op, false), CF_EDENIED);
	op.approval[1].sig[7] ^= 1;
	t_err(submit(&f, manager, &op, false), CF_EDENIED);
	op = change(&f, MEMBERS_ADD, &f.fifth);
	approve_by_managers(&f, &op, 3);
	op.peer_address = view_str("tls+tcp://elsewhere.example:1"); /* not what was approved */
	t_err(submit(&f, manager, &op, false), CF_EDENIED);
	op = change(&f, MEMBERS_ADD, &f.fifth);
	approve_by_managers(&f, &op, 2);
	approve(&f, &op, &f.governor);
	t_err(submit(&f, manager, &op, false), CF_EDENIED); /* a governor is no manager */
	op = change(&f, MEMBERS_ADD, &f.fifth);
	op.epoch = 7; /* of another set */
	approve_by_managers(&f, &op, 3);
	t_err(submit(&f, manager, &op, false), CF_ECONFLICT);
	fix_free(&f);
}

T_TEST(an_organization_counts_once)
{
	struct fix f;
	struct identity second;
	struct op_members op;

	fix_new(&f);
	t_zero(netfix_person(f.n, "man2", ROLE_MANAGER, 0, &second));
	op = change(&f, MEMBERS_ADD, &f.fifth);
	approve_by_managers(&f, &op, 2);
	approve(&f, &op, &second);
	t_err(submit(&f, &f.n->custodian[0], &op, false), CF_EDENIED);
	identity_release(&second);
	fix_free(&f);
}

T_TEST(what_no_majority_can_do)
{
	struct fix f;
	struct op_members op;
	struct identity stranger;
	const struct identity *manager;

	fix_new(&f);
	manager = &f.n->custodian[0];
	op = change(&f, MEMBERS_REMOVE, &f.n->peer[1]); /* below four */
	approve_by_managers(&f, &op, 4);
	t_err(submit(&f, manager, &op, false), CF_EINVAL);
	op = change(&f, MEMBERS_EXPEL, &f.n->peer[1]);
	approve(&f, &op, &f.governor);
	t_err(submit(&f, manager, &op, false), CF_EINVAL);
	op = change(&f, MEMBERS_ADD, &f.n->peer[1]); /* twice */
	approve_by_managers(&f, &op, 4);
	t_err(submit(&f, manager, &op, false), CF_EEXIST);
	op = change(&f, MEMBERS_REMOVE, &f.fifth); /* no member */
	approve_by_managers(&f, &op, 4);
	t_err(submit(&f, manager, &op, false), CF_ENOTFOUND);
	op = change(&f, MEMBERS_ADD, manager); /* no peer */
	approve_by_managers(&f, &op, 4);
	t_err(submit(&f, manager, &op, false), CF_EINVAL);
	t_zero(netfix_identity(f.n, "peer9", ROLE_PEER, 1, &stranger)); /* not registered */
	op = change(&f, MEMBERS_ADD, &stranger);
	approve_by_managers(&f, &op, 4);
	t_err(submit(&f, manager, &op, false), CF_ENOTFOUND);
	identity_release(&stranger);
	fix_free(&f);
}

T_TEST(a_change_is_in_force_from_the_next_block)
{
	struct fix f;
	struct op_members op;
	struct identity_row row;
	const struct members *m;
	struct db_txn *txn;
	struct identity late;
	uint64_t first, second;

	fix_new(&f);
	op = change(&f, MEMBERS_ADD, &f.fifth);
	approve_by_managers(&f, &op, 3);
	t_zero(submit(&f, &f.n->custodian[0], &op, true));
	for (int i = 0; i < 2; i++) {
		m = apply_members(f.n->apply[i]);
		t_eq(m->count, 5);
		t_ok(m->epoch > 0);
		t_bytes(m->member[4].id.b, IDENTITY_BYTES, f.fifth.id.b, IDENTITY_BYTES);
		t_bytes(m->member[4].sign_point, POINT_BYTES, f.fifth.info.sign_point, POINT_BYTES);
	}
	first = m->epoch;
	t_err(submit(&f, &f.n->custodian[0], &op, false), CF_ECONFLICT); /* it serves once */
	t_zero(netfix_person(f.n, "late", ROLE_DOCTOR, 0, &late));       /* decided by the five */
	op = change(&f, MEMBERS_EXPEL, &f.fifth);
	approve_by_managers(&f, &op, 4);
	t_err(submit(&f, &f.n->custodian[0], &op, false), CF_EDENIED); /* the governors' to say */
	op = change(&f, MEMBERS_EXPEL, &f.fifth);
	approve(&f, &op, &f.governor);
	t_zero(submit(&f, &f.governor, &op, true));
	m = apply_members(f.n->apply[1]);
	second = m->epoch;
	t_eq(m->count, 4);
	t_ok(second > first);
	t_zero(chain_read_begin(f.n->chain[1], &txn));
	t_zero(state_identity(txn, &f.fifth.id, &row));
	t_eq(row.status, IDENTITY_REVOKED);
	db_abort(txn);
	t_zero(netfix_block(f.n, NULL, 0, NULL));
	op = change(&f, MEMBERS_ADD, &f.fifth); /* expelled for good */
	approve_by_managers(&f, &op, 4);
	t_err(submit(&f, &f.n->custodian[0], &op, false), CF_EREVOKED);
	identity_release(&late);
	fix_free(&f);
}

static int expel_because(struct fix *f, const struct hash *evidence)
{
	struct op_members op = change(f, MEMBERS_EXPEL, &f->fifth);

	op.evidence = *evidence;
	approve(f, &op, &f->governor);
	return submit(f, &f->governor, &op, false);
}

/* Lies as this member and tells the ledger. */
static struct hash lie_of(struct fix *f, unsigned member, const struct identity *keys)
{
	const struct members *m = apply_members(f->n->apply[0]);
	const struct liar liar = {f->n->network, (uint8_t)member, m->epoch, keys->sign, keys->endorse};
	struct netfix_request r = {.by = &f->n->peer[0], .op_count = 1};
	struct op_evidence op;
	struct buf bytes, body;
	struct hash id;

	buf_init(&bytes, 0);
	buf_init(&body, 0);
	t_zero(lie_votes(&liar, EVIDENCE_COMMIT, m->epoch + 3, 1, &bytes));
	op.evidence = buf_view(&bytes);
	id = evidence_id(op.evidence);
	t_zero(op_evidence_encode(&op, &body));
	r.op[0] = (struct tx_op){OP_EVIDENCE, buf_view(&body)};
	t_zero(netfix_submit(f->n, &r, NULL));
	buf_release(&bytes);
	buf_release(&body);
	return id;
}

T_TEST(evidence_that_an_expulsion_names_is_there_and_against_it)
{
	const struct hash never = {{1}};
	struct op_members op;
	struct hash other, own;
	struct fix f;

	fix_new(&f);
	op = change(&f, MEMBERS_ADD, &f.fifth);
	approve_by_managers(&f, &op, 3);
	t_zero(submit(&f, &f.n->custodian[0], &op, true));
	other = lie_of(&f, 2, &f.n->peer[2]);
	own = lie_of(&f, 4, &f.fifth);
	t_err(expel_because(&f, &never), CF_ENOTFOUND);
	t_err(expel_because(&f, &other), CF_EINVAL);
	t_zero(expel_because(&f, &own));
	fix_free(&f);
}

/* Who joins has no share of the peers' key until it is shared anew, so that the founders may not all leave
 * before. */
T_TEST(enough_holders_of_shares_stay)
{
	struct op_members op;
	struct identity sixth;
	struct fix f;

	fix_new(&f);
	t_zero(netfix_person(f.n, "peer6", ROLE_PEER, 1, &sixth));
	op = change(&f, MEMBERS_ADD, &f.fifth);
	approve_by_managers(&f, &op, 3);
	t_zero(submit(&f, &f.n->custodian[0], &op, true));
	op = change(&f, MEMBERS_REMOVE, &f.n->peer[3]);
	approve_by_managers(&f, &op, 3);
	t_zero(submit(&f, &f.n->custodian[0], &op, true));
	op = change(&f, MEMBERS_ADD, &sixth);
	approve_by_managers(&f, &op, 3);
	t_zero(submit(&f, &f.n->custodian[0], &op, true));
	op = change(&f, MEMBERS_REMOVE, &f.n->peer[2]);
	approve_by_managers(&f, &op, 3);
	t_err(submit(&f, &f.n->custodian[0], &op, true), CF_EINVAL);
	op = change(&f, MEMBERS_REMOVE, &f.fifth);
	approve_by_managers(&f, &op, 3);
	t_zero(submit(&f, &f.n->custodian[0], &op, false));
	identity_release(&sixth);
	fix_free(&f);
}

T_TEST(it_stands_alone_in_its_block)
{
	struct netfix_request r = {.op_count = 1}, other = {.op_count = 1};
	struct op_register reg = {.count = 2};
	struct apply_request both[2];
	struct chain_block_info info;
	struct op_members op;
	struct identity late;
	struct buf body, late_body, tx, late_tx;
	struct chain_head head;
	struct db_txn *txn;
	struct fix f;
	struct hash id;

	fix_new(&f);
	op = change(&f, MEMBERS_ADD, &f.fifth);
	approve_by_managers(&f, &op, 3);
	buf_init(&body, 0);
	buf_init(&late_body, 0);
	buf_init(&tx, 0);
	buf_init(&late_tx, 0);
	t_zero(op_members_encode(&op, &body));
	r.by = &f.n->custodian[0];
	r.op[0] = (struct tx_op){OP_MEMBERS, buf_view(&body)};
	t_zero(netfix_tx(f.n, &r, &tx, &id));
	t_zero(netfix_identity(f.n, "late", ROLE_DOCTOR, 0, &late));
	reg.cert[0] = buf_view(&late.chain[0]);
	reg.cert[1] = buf_view(&late.chain[1]);
	t_zero(op_register_encode(&reg, &late_body));
	other.by = &late;
	other.op[0] = (struct tx_op){OP_REGISTER, buf_view(&late_body)};
	t_zero(netfix_tx(f.n, &other, &late_tx, &id));
	for (int turn = 0; turn < 2; turn++) {
		/* the first of both goes alone, whichever it is; what was left is there for the next block */
		both[0] = (struct apply_request){.tx = buf_view(turn ? &tx : &late_tx)};
		both[1] = (struct apply_request){.tx = buf_view(turn ? &late_tx : &tx)};
		t_zero(netfix_block(f.n, both, 2, NULL));
		chain_head(f.n->chain[0], &head);
		t_zero(chain_read_begin(f.n->chain[0], &txn));
		t_zero(chain_block_info(txn, head.height, &info));
		t_eq(info.tx_count, 1);
		db_abort(txn);
	}
	t_eq(apply_members(f.n->apply[0])->count, 5);
	buf_release(&body);
	buf_release(&late_body);
	buf_release(&tx);
	buf_release(&late_tx);
	identity_release(&late);
	fix_free(&f);
}

T_MAIN
