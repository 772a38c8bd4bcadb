/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_lease.c - who may ask for the keys of what, what a lease may say, and the trail it leaves.
 */
#include "acl/trail.h"
#include "acl/validate.h"
#include "tests/lib/netstage.h"
#include "tests/lib/t.h"

#include <string.h>

static const struct patient_id patient = {{1, 6, 1, 8}};

#define PEOPLE 5
#define DAY_MS ((uint64_t)24 * 3600 * 1000)

struct ward {
	struct netfix *n;
	struct identity owner, person[PEOPLE];
	struct keyring *keys;
	struct netstage s;
};

static const enum role roles[PEOPLE] = {ROLE_PATIENT, ROLE_DOCTOR, ROLE_MANAGER, ROLE_GOVERNOR, ROLE_PEER};

static void open_ward(struct ward *w)
{
	*w = (struct ward){0};
	t_zero(netfix_new(2, false, &w->n));
	t_zero(netfix_person(w->n, "owner", ROLE_PATIENT, 0, &w->owner));
	t_zero(netfix_keyring(w->n, &w->owner, &w->keys));
	for (unsigned i = 0; i < PEOPLE; i++)
		t_zero(netfix_person(w->n, role_name(roles[i]), roles[i], 1, &w->person[i]));
	t_zero(netfix_admit(w->n, &w->owner, w->keys, &patient));
}

static void close_ward(struct ward *w)
{
	keyring_free(w->keys);
	identity_release(&w->owner);
	for (unsigned i = 0; i < PEOPLE; i++)
		identity_release(&w->person[i]);
	netfix_free(w->n);
}

static struct op_lease lease(const struct ward *w, unsigned section, uint8_t use)
{
	uint32_t now = contract_window(w->n->now_ms);

	return (struct op_lease){.section = (uint8_t)section,
				 .use = use,
				 .first_window = now,
				 .last_window = now,
				 .until_ms = w->n->now_ms + 3600000,
				 .purpose = view_str("TREAT")};
}

static int try(struct ward *w, const struct identity *by, const struct op_lease *op)
{
	struct netfix_request r = {.by = by, .patient = &patient, .op_count = 1};
	struct buf body;
	int err;

	buf_init(&body, 0);
	t_zero(op_lease_encode(op, &body));
	r.op[0] = (struct tx_op){OP_LEASE, buf_view(&body)};
	err = netstage_run(&w->s, &r, w->n->now_ms);
	buf_release(&body);
	return err;
}

/* Each role, with each set of verbs, for both uses: through the whole contract. */
T_TEST(who_may_lease)
{
	struct ward w;

	open_ward(&w);
	t_zero(netstage_begin(w.n, &w.s));
	for (uint8_t use = LEASE_READ; use <= LEASE_WRITE; use++) {
		unsigned wants = use == LEASE_READ ? VERB_READ : VERB_ADD | VERB_MODIFY;
		struct op_lease here = lease(&w, 5, use), elsewhere = lease(&w, 6, use);

		t_zero(try(&w, &w.owner, &here));
		for (unsigned i = 0; i < PEOPLE; i++) {
			for (unsigned granted = 0; granted <= VERB_ALL; granted++) {
				bool may = (granted & role_verbs(roles[i]) & wants) != 0;
				int err;

				t_zero(netstage_grant(&w.s, &patient, 5, &w.person[i], granted, 0));
				err = try(&w, &w.person[i], &here);
				if (err != (may ? 0 : CF_EDENIED))
					t_fail("%s, granted %u, use %u: %s", role_name(roles[i]), granted,
					       use, err_name(err));
				t_err(try(&w, &w.person[i], &elsewhere), CF_EDENIED);
			}
		}
	}
	netstage_end(&w.s);
	close_ward(&w);
}

T_TEST(what_has_ended_leases_nothing)
{
	const struct identity *doctor;
	struct op_lease op;
	struct ward w;

	open_ward(&w);
	doctor = &w.person[1];
	op = lease(&w, 5, LEASE_READ);
	t_zero(netstage_begin(w.n, &w.s));
	t_zero(netstage_grant(&w.s, &patient, 5, doctor, VERB_READ, w.n->now_ms - 1));
	t_err(try(&w, doctor, &op), CF_EDENIED);
	t_zero(netstage_grant(&w.s, &patient, 5, doctor, VERB_READ, w.n->now_ms + 1));
	t_zero(try(&w, doctor, &op));
	t_zero(netstage_status(&w.s, doctor, IDENTITY_SUSPENDED));
	t_err(try(&w, doctor, &op), CF_EREVOKED);
	netstage_end(&w.s);
	close_ward(&w);
}

T_TEST(what_a_lease_may_say)
{
	uint32_t now;
	struct op_lease op;
	struct ward w;

	open_ward(&w);
	now = contract_window(w.n->now_ms);
	t_zero(netstage_begin(w.n, &w.s));
	op = lease(&w, 5, LEASE_READ);
	op.until_ms = w.n->now_ms;
	t_err(try(&w, &w.owner, &op), CF_EINVAL); /* over before it begins */
	op.until_ms = w.n->now_ms + DAY_MS;
	t_zero(try(&w, &w.owner, &op));
	op.until_ms = w.n->now_ms + 2 * DAY_MS;
	t_err(try(&w, &w.owner, &op), CF_EINVAL);
	op = lease(&w, 5, LEASE_READ);
	op.first_window = 0; /* all that there was */
	t_zero(try(&w, &w.owner, &op));
	op.last_window = contract_window(op.until_ms + 60000); /* it begins meanwhile, by some clock */
	t_zero(try(&w, &w.owner, &op));
	op.last_window++; /* to be read when no grant holds any more */
	t_err(try(&w, &w.owner, &op), CF_EINVAL);
	op = lease(&w, 5, LEASE_WRITE);
	op.first_window = now - 1; /* the window has just begun */
	t_zero(try(&w, &w.owner, &op));
	op.first_window = now - 2;
	t_err(try(&w, &w.owner, &op), CF_EINVAL);
	op = lease(&w, 5, LEASE_READ);
	op.purpose = view_str("CURIOSITY");
	t_err(try(&w, &w.owner, &op), CF_EINVAL);
	op = lease(&w, SECTION_COUNT + 1, LEASE_READ);
	t_err(try(&w, &w.owner, &op), CF_EINVAL);
	op = lease(&w, 5, 3);
	t_err(try(&w, &w.owner, &op), CF_EINVAL);
	op = lease(&w, 5, LEASE_READ);
	op.first_window = op.last_window + 1;
	t_err(try(&w, &w.owner, &op), CF_EINVAL);
	netstage_end(&w.s);
	close_ward(&w);
}

/* It stands alone, about a patient, without an annex. */
T_TEST(how_a_lease_stands)
{
	struct netfix_request r = {.patient = &patient, .op_count = 2};
	struct op_lease op;
	struct buf body;
	struct ward w;

	open_ward(&w);
	op = lease(&w, 5, LEASE_READ);
	buf_init(&body, 0);
	t_zero(op_lease_encode(&op, &body));
	r.by = &w.owner;
	r.op[0] = r.op[1] = (struct tx_op){OP_LEASE, buf_view(&body)};
	t_err(netfix_run(w.n, &r, NULL), CF_EINVAL);
	r.op_count = 1;
	r.patient = &(const struct patient_id){{9}};
	t_err(netfix_run(w.n, &r, NULL), CF_ENOTFOUND);
	r.patient = NULL;
	t_ok(netfix_run(w.n, &r, NULL) != 0);
	buf_release(&body);
	close_ward(&w);
}

static int take(void *ctx, const struct access *a)
{
	struct access **at = ctx;

	*(*at)++ = *a;
	return 0;
}

T_TEST(it_writes_nothing_and_leaves_a_trail)
{
	struct netfix_request r = {.patient = &patient, .op_count = 1};
	struct access found[8], *at = found;
	struct tx_proposal p = {.patient = patient, .op_count = 1};
	struct rwset none = {.write_count = 0};
	struct buf body, rwset;
	struct rwset set;
	struct db_txn *txn;
	struct op_lease op;
	struct hash id;
	struct ward w;

	open_ward(&w);
	op = lease(&w, 5, LEASE_WRITE);
	op.first_window--; /* not the same as the last */
	buf_init(&body, 0);
	buf_init(&rwset, 0);
	t_zero(op_lease_encode(&op, &body));
	r.by = &w.owner;
	r.op[0] = (struct tx_op){OP_LEASE, buf_view(&body)};
	t_zero(netfix_run(w.n, &r, &rwset));
	t_zero(rwset_decode(buf_view(&rwset), &set));
	t_eq(set.write_count, 0);
	p.op[0] = r.op[0];
	t_ok(validate_writes(&p, &none)); /* and of all operations this one alone */
	p.op[0].code = OP_SAVE;
	t_ok(!validate_writes(&p, &none));
	t_zero(netfix_submit(w.n, &r, &id));
	t_eq(w.n->verdict, VERDICT_VALID);
	for (unsigned i = 0; i < 2; i++) {
		at = found;
		t_zero(chain_read_begin(w.n->chain[i], &txn));
		t_zero(trail_walk(txn, &patient, 0, UINT64_MAX, take, &at));
		t_zero(trail_walk(txn, NULL, 0, UINT64_MAX, take, &at));
		t_eq(at - found, 2);
		t_zero(trail_walk(txn, &patient, 0, found[0].time_ms, take, &at));
		t_zero(trail_walk(txn, &patient, found[0].time_ms + 1, UINT64_MAX, take, &at));
		t_zero(trail_walk(txn, &(const struct patient_id){{1, 6, 1, 9}}, 0, UINT64_MAX, take, &at));
		t_eq(at - found, 2);
		t_zero(trail_walk(txn, &patient, found[0].time_ms, found[0].time_ms + 1, take, &at));
		t_eq(at - found, 3);
		db_abort(txn);
	}
	t_bytes(found[1].patient.b, PATIENT_BYTES, patient.b, PATIENT_BYTES);
	t_bytes(found[0].by.b, IDENTITY_BYTES, w.owner.id.b, IDENTITY_BYTES);
	t_ok(hash_equal(&found[0].query, &id));
	t_eq(found[0].section, 5);
	t_eq(found[0].use, LEASE_WRITE);
	t_eq(found[0].until_ms, op.until_ms);
	t_eq(found[0].last_window, op.last_window);
	t_str(found[0].purpose, "TREAT");
	buf_release(&body);
	buf_release(&rwset);
	close_ward(&w);
}

T_MAIN
