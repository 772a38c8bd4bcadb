/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_replacement.c - a lost key's replacement: its text, and who can make it count.
 */
#include "tests/lib/t.h"
#include "acl/content.h"
#include "acl/replacement.h"
#include "acl/rowread.h"
#include "acl/wrap.h"
#include "ledger/mem.h"
#include "tests/lib/netfix.h"

#include <string.h>

static const struct patient_id patient = {{9, 1, 9}};

struct fix {
	struct netfix *n;
	struct identity owner, anew, reader, part, governor[3];
	struct keyring *owners, *readers, *parts;
	struct replacement r;
};

static void since_now(struct fix *f)
{
	const struct statekey key = statekey_patient(&patient);
	struct db_txn *txn;
	struct view bytes;

	t_zero(chain_read_begin(f->n->chain[0], &txn));
	t_zero(state_get(txn, statekey_view(&key), &bytes, &f->r.since));
	db_abort(txn);
}

static void fix_new(struct fix *f)
{
	static const char *const names[] = {"g1", "g2", "g3"};

	memset(f, 0, sizeof(*f));
	t_zero(netfix_new(2, false, &f->n));
	t_zero(netfix_person(f->n, "lost", ROLE_PATIENT, 2, &f->owner));
	t_zero(netfix_person(f->n, "anew", ROLE_PATIENT, 2, &f->anew));
	t_zero(netfix_person(f->n, "reader", ROLE_DOCTOR, 0, &f->reader));
	t_zero(netfix_person(f->n, "part", ROLE_DOCTOR, 1, &f->part));
	for (unsigned i = 0; i < 3; i++)
		t_zero(netfix_person(f->n, names[i], ROLE_GOVERNOR, i, &f->governor[i]));
	t_zero(keyring_new(&f->owner, &f->n->network, &f->owners));
	t_zero(keyring_new(&f->reader, &f->n->network, &f->readers));
	t_zero(keyring_new(&f->part, &f->n->network, &f->parts));
	t_zero(netfix_admit(f->n, &f->owner, f->owners, &patient));
	t_zero(netfix_grant(f->n, &f->owner, f->owners, &patient, SECTIONS_ALL, &f->reader, VERB_READ, 0));
	t_zero(netfix_grant(f->n, &f->owner, f->owners, &patient, 2, &f->part, VERB_READ, 0));
	f->r = (struct replacement){.patient = patient, .op = {.old = f->owner.id, .owner = f->anew.id}};
	since_now(f);
	t_zero(replacement_consent(&f->r, &f->n->network, f->anew.sign));
}

static void fix_free(struct fix *f)
{
	keyring_free(f->owners);
	keyring_free(f->readers);
	keyring_free(f->parts);
	identity_release(&f->owner);
	identity_release(&f->anew);
	identity_release(&f->reader);
	identity_release(&f->part);
	for (unsigned i = 0; i < 3; i++)
		identity_release(&f->governor[i]);
	netfix_free(f->n);
}

static int replace(struct fix *f, const struct identity *by, struct keyring *k, uint32_t sections,
		   bool commit)
{
	struct netfix_request *r = mem_zalloc(sizeof(*r));
	struct buf body, annex;
	struct db_txn *txn;
	int err;

	buf_init(&body, 0);
	buf_init(&annex, 0);
	t_zero(op_replace_encode(&f->r.op, &body));
	t_zero(chain_read_begin(f->n->chain[0], &txn));
	t_zero(keyring_wrap_grant(k, txn, &patient, sections, &f->r.op.owner, &annex));
	db_abort(txn);
	*r = (struct netfix_request){.by = by, .patient = &patient, .op_count = 1, .annex = buf_view(&annex)};
	r->op[0] = (struct tx_op){OP_REPLACE, buf_view(&body)};
	err = commit ? netfix_submit(f->n, r, NULL) : netfix_run(f->n, r, NULL);
	buf_release(&body);
	buf_release(&annex);
	mem_free(r);
	return err;
}

static int approve(struct fix *f, const struct identity *by)
{
	return replacement_approve(&f->r, &f->n->network, &by->id, by->sign);
}

T_TEST(more_than_half_of_the_governors_decide)
{
	struct patient_row row;
	struct db_txn *txn;
	struct fix f;

	fix_new(&f);
	t_err(replace(&f, &f.reader, f.readers, SECTIONS_ALL, false), CF_EDENIED);
	t_zero(approve(&f, &f.governor[2]));
	t_zero(approve(&f, &f.governor[2])); /* counts once */
	t_eq(f.r.op.approval_count, 1);
	t_err(replace(&f, &f.reader, f.readers, SECTIONS_ALL, false), CF_EDENIED);
	t_zero(approve(&f, &f.governor[0]));
	t_err(replace(&f, &f.part, f.parts, 3, false), CF_EDENIED);                   /* may not read all */
	t_err(replace(&f, &f.reader, f.readers, SECTIONS_ALL - 4, false), CF_EINVAL); /* keys are left out */
	t_err(replace(&f, &f.anew, f.readers, SECTIONS_ALL, false), CF_EDENIED);      /* not by oneself */
	t_zero(replace(&f, &f.reader, f.readers, SECTIONS_ALL, true));
	t_zero(chain_read_begin(f.n->chain[1], &txn));
	t_zero(state_patient(txn, &patient, &row));
	t_ok(identity_equal(&row.owner, &f.anew.id));
	t_err(policy_check(txn, &patient, 4, &f.owner.id, VERB_READ, f.n->now_ms, NULL), CF_EDENIED);
	t_zero(policy_check(txn, &patient, 4, &f.anew.id, VERB_GRANT, f.n->now_ms, NULL));
	t_zero(policy_check(txn, &patient, 1, &f.part.id, VERB_READ, f.n->now_ms, NULL));
	db_abort(txn);
	t_err(replace(&f, &f.reader, f.readers, SECTIONS_ALL, false), CF_ECONFLICT); /* it served once */
	fix_free(&f);
}

/* Keys of all sections that nobody has, or of fewer epochs than there are. */
static int hand_over(struct fix *f, const struct identity *by, uint32_t last_epoch)
{
	struct netfix_request *r = mem_zalloc(sizeof(*r));
	struct wrap_key key[2 * (SECTION_COUNT + 1)];
	struct buf body, annex, wrap;
	size_t count = 0;
	int err;

	buf_init(&body, 0);
	buf_init(&annex, 0);
	buf_init(&wrap, 0);
	for (uint8_t s = 0; s <= SECTION_COUNT; s++) {
		for (uint32_t epoch = s == 1 ? last_epoch : 0; epoch <= (s == 1); epoch++) {
			key[count] = (struct wrap_key){.section = s, .epoch = epoch};
			random_bytes(key[count++].grant, SECTION_KEY_BYTES);
		}
	}
	t_zero(wrap_seal(&f->n->network, &patient, &f->anew.id, f->anew.info.kem_point, key, count, &wrap));
	t_zero(annex_encode(&(struct annex_item){ANNEX_WRAP, buf_view(&wrap)}, 1, &annex));
	t_zero(op_replace_encode(&f->r.op, &body));
	*r = (struct netfix_request){.by = by, .patient = &patient, .op_count = 1, .annex = buf_view(&annex)};
	r->op[0] = (struct tx_op){OP_REPLACE, buf_view(&body)};
	err = netfix_submit(f->n, r, NULL);
	buf_release(&body);
	buf_release(&annex);
	buf_release(&wrap);
	mem_free(r);
	return err;
}

/* Can anew read the patient's own name? */
static bool opens(struct fix *f)
{
	struct node_id none = {{0}};
	struct section_keys keys;
	struct patient_row row;
	struct keyring *k;
	struct db_txn *txn;
	struct buf name;
	bool open;

	buf_init(&name, 0);
	t_zero(keyring_new(&f->anew, &f->n->network, &k));
	t_zero(chain_read_begin(f->n->chain[0], &txn));
	t_zero(state_patient(txn, &patient, &row));
	open = keyring_names(k, txn, &patient, 0, row.epoch, row.window, &keys) == 0 &&
	       content_open_name(&keys, &none, row.sealed_name, &name) == 0;
	db_abort(txn);
	keyring_free(k);
	buf_release(&name);
	return open;
}

/* Peers cannot see what is wrapped: who handed over rubbish did so for good, and somebody else helps. */
T_TEST(keys_that_do_not_open_are_handed_over_once_more)
{
	struct fix f;

	fix_new(&f);
	t_zero(netfix_revoke(f.n, &f.owner, f.owners, &patient, 2, &f.part)); /* EMR01 is in epoch 1 */
	t_zero(approve(&f, &f.governor[0]));
	t_zero(approve(&f, &f.governor[1]));
	t_err(hand_over(&f, &f.reader, 1), CF_EINVAL); /* its past is left out */
	t_zero(hand_over(&f, &f.reader, 0));
	t_ok(!opens(&f));
	f.r.op = (struct op_replace){.old = f.anew.id, .owner = f.anew.id};
	since_now(&f);
	t_err(replace(&f, &f.reader, f.readers, SECTIONS_ALL, false), CF_EDENIED); /* the owner asks for it */
	t_zero(replacement_consent(&f.r, &f.n->network, f.anew.sign));
	t_err(replace(&f, &f.part, f.readers, SECTIONS_ALL, false), CF_EDENIED);
	t_zero(replace(&f, &f.reader, f.readers, SECTIONS_ALL, true));
	t_ok(opens(&f));
	/* and whoever brings rubbish afterwards changes nothing */
	since_now(&f);
	t_zero(replacement_consent(&f.r, &f.n->network, f.anew.sign));
	t_zero(hand_over(&f, &f.reader, 0));
	t_ok(opens(&f));
	fix_free(&f);
}

T_TEST(an_organization_has_one_voice)
{
	static const char *const names[] = {"m1", "m2", "m3", "m4"};
	struct identity minted;
	struct fix f;

	fix_new(&f);
	t_zero(approve(&f, &f.governor[0]));
	for (unsigned i = 0; i < 4; i++) {
		t_zero(netfix_person(f.n, names[i], ROLE_GOVERNOR, 0, &minted));
		t_zero(approve(&f, &minted));
		identity_release(&minted);
	}
	t_err(replace(&f, &f.reader, f.readers, SECTIONS_ALL, false), CF_EDENIED);
	t_ok(strstr(err_detail(), "1 of 3 organizations") != NULL);
	t_zero(approve(&f, &f.governor[1]));
	t_zero(replace(&f, &f.reader, f.readers, SECTIONS_ALL, false));
	fix_free(&f);
}

/* Its keys were found, and the chart went back: the first approvals serve no more. */
T_TEST(approvals_serve_once)
{
	struct replacement first;
	struct fix f;

	fix_new(&f);
	t_zero(approve(&f, &f.governor[0]));
	t_zero(approve(&f, &f.governor[1]));
	first = f.r;
	t_zero(replace(&f, &f.reader, f.readers, SECTIONS_ALL, true));
	f.r.op = (struct op_replace){.old = f.anew.id, .owner = f.owner.id};
	since_now(&f);
	t_zero(replacement_consent(&f.r, &f.n->network, f.owner.sign));
	t_zero(approve(&f, &f.governor[0]));
	t_zero(approve(&f, &f.governor[2]));
	t_zero(replace(&f, &f.reader, f.readers, SECTIONS_ALL, true));
	f.r = first;
	t_err(replace(&f, &f.reader, f.readers, SECTIONS_ALL, false), CF_EDENIED);
	since_now(&f);
	t_err(replace(&f, &f.reader, f.readers, SECTIONS_ALL, false), CF_EDENIED);
	fix_free(&f);
}

T_TEST(signatures_are_over_this_very_replacement)
{
	struct fix f;

	fix_new(&f);
	t_zero(approve(&f, &f.governor[0]));
	t_zero(approve(&f, &f.reader)); /* a doctor's is none */
	t_err(replace(&f, &f.reader, f.readers, SECTIONS_ALL, false), CF_EDENIED);
	f.r.op.approval_count = 0;
	t_zero(approve(&f, &f.governor[0]));
	t_zero(approve(&f, &f.governor[1]));
	f.r.op.consent[5] ^= 1;
	t_err(replace(&f, &f.reader, f.readers, SECTIONS_ALL, false), CF_EDENIED);
	f.r.op.consent[5] ^= 1;
	f.r.op.approval[1].sig[5] ^= 1;
	t_err(replace(&f, &f.reader, f.readers, SECTIONS_ALL, false), CF_EDENIED);
	f.r.op.approval[1].sig[5] ^= 1;
	f.r.op.owner = f.reader.id; /* a doctor owns no chart */
	t_err(replace(&f, &f.reader, f.readers, SECTIONS_ALL, false), CF_EDENIED);
	f.r.op.owner = f.anew.id;
	t_zero(replace(&f, &f.reader, f.readers, SECTIONS_ALL, false));
	fix_free(&f);
}

T_TEST(the_text_is_read_back_and_nothing_else)
{
	struct replacement back;
	struct buf text, again;
	struct fix f;

	fix_new(&f);
	buf_init(&text, 0);
	buf_init(&again, 0);
	t_zero(approve(&f, &f.governor[0]));
	t_zero(approve(&f, &f.governor[1]));
	t_zero(replacement_format(&f.r, &text));
	t_zero(replacement_parse(buf_view(&text), &back));
	t_zero(replacement_format(&back, &again));
	t_bytes(text.data, text.len, again.data, again.len);
	for (size_t i = 0; i < text.len; i++) {
		uint8_t was = text.data[i];

		text.data[i] = 'x';
		t_err(replacement_parse(buf_view(&text), &back), CF_EINVAL);
		text.data[i] = was;
	}
	t_err(replacement_parse(VIEW_NONE, &back), CF_EINVAL);
	t_err(replacement_parse(VIEW(text.data, 100), &back), CF_EINVAL);
	buf_release(&text);
	buf_release(&again);
	fix_free(&f);
}

T_MAIN
