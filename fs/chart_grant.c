/* SPDX-License-Identifier: Apache-2.0 */
/* Grants and who they go to. */
#include "fs/chart_private.h"

#include "acl/replacement.h"
#include "acl/rowread.h"
#include "acl/x509.h"

#include <stdio.h>
#include <string.h>

/* "doctor2@hospitalB": the id follows from the text. */
static int find_full(struct tree_look *l, const char *who, const char *at, struct identity_id *ret_id)
{
	char name[ROW_NAME_MAX + 1];
	struct identity_row row;
	struct identity_id id;
	int err;

	if ((size_t)(at - who) >= sizeof name)
		return err_set(CF_ENOTFOUND, "nobody is registered as %s", who);
	snprintf(name, sizeof name, "%.*s", (int)(at - who), who);
	id = identity_id_of(at + 1, name);
	err = state_identity(l->txn, &id, &row);
	if (err == CF_ENOTFOUND)
		return err_set(CF_ENOTFOUND, "nobody is registered as %s", who);
	if (!err)
		*ret_id = id;
	return err;
}

static int find_short(struct tree_look *l, const char *who, struct identity_id *ret_id)
{
	const uint8_t prefix = SK_IDENTITY;
	struct state_cursor *c = NULL;
	struct state_item item;
	unsigned found = 0;
	int err = state_cursor_new(l->txn, VIEW(&prefix, 1), &c);

	if (err)
		return err;
	for (err = state_cursor_seek(c, VIEW(&prefix, 1), &item); !err; err = state_cursor_next(c, &item)) {
		struct statekey_parts parts;
		struct identity_row row;

		if (statekey_parse(item.key, &parts) || identity_row_decode(item.value, &row)) {
			err = CF_ECORRUPT;
			break;
		}
		if (strcmp(row.name, who) != 0)
			continue;
		*ret_id = parts.identity;
		found++;
	}
	state_cursor_free(c);
	if (err != CF_ENOTFOUND)
		return err;
	if (found == 0)
		return err_set(CF_ENOTFOUND, "nobody is registered as %s", who);
	return found == 1 ? 0
			  : err_set(CF_EINVAL, "%s are %u identities; say which: %s@ORGANIZATION", who, found,
				    who);
}

int chart_find_identity(struct chart *c, const char *who, struct identity_id *ret_id)
{
	const char *at = strchr(who, '@');
	struct identity_id id;
	struct tree_look l;
	int err = tree_look_begin(c->tree, 0, &l);

	if (err)
		return err;
	err = at ? find_full(&l, who, at, &id) : find_short(&l, who, &id);
	tree_look_end(&l);
	if (!err)
		*ret_id = id;
	return err;
}

/* One operation with its wrapped keys. */
static int commit_keys(struct chart *c, struct commit *m, enum op_code code, struct buf *body)
{
	struct client_result result;
	int err = commit_add(m, code, body);

	if (!err)
		err = commit_run(c, m, &result);
	keyring_forget(client_keyring(c->client), &m->patient);
	tree_forget_patients(c->tree);
	return err;
}

/* Who grants nothing here is told so, and not what would fail before the contract says it: a key that is
 * missing, a grant that is not there. */
static int may_grant(struct tree_look *l, const struct patient_id *p, uint32_t sections)
{
	int err = CF_EDENIED;

	for (unsigned i = 0; i <= SECTION_COUNT && err; i++) {
		if (sections & (1u << i))
			err = tree_may(l, p, i, VERB_GRANT);
	}
	return err;
}

int chart_grant(struct chart *c, const struct patient_id *p, uint32_t sections, const char *to,
		unsigned verbs, uint64_t until_ms, uint16_t purpose)
{
	struct op_grant op = {
		.sections = sections, .verbs = (uint8_t)verbs, .until_ms = until_ms, .purpose = purpose};
	struct tree_look l;
	struct commit m;
	struct buf body;
	int err = chart_find_identity(c, to, &op.to);

	if (!err)
		err = tree_look_begin(c->tree, 0, &l);
	if (err)
		return err;
	commit_init(&m, p);
	buf_init(&body, 0);
	err = may_grant(&l, p, sections | 1);
	/* whoever sees a section sees whose it is */
	if (!err)
		err = keyring_wrap_grant(client_keyring(c->client), l.txn, p, sections | 1, &op.to, &m.annex);
	tree_look_end(&l);
	if (!err)
		err = op_grant_encode(&op, &body);
	if (!err)
		err = commit_keys(c, &m, OP_GRANT, &body);
	commit_release(&m);
	buf_release(&body);
	return err;
}

/*
 * Of the sections asked for, those on which somebody has a grant. Who keeps no section loses the patient's
 * directory (bit 0) as well: nothing is left there to be known.
 */
static int granted_sections(struct db_txn *txn, const struct patient_id *p, const struct identity_id *who,
			    uint32_t asked, uint32_t *ret_sections)
{
	uint32_t held = 0;

	for (unsigned i = 0; i <= SECTION_COUNT; i++) {
		struct grant_row row;
		int err = state_grant(txn, p, i, who, &row);

		if (err && err != CF_ENOTFOUND)
			return err;
		if (!err && row.verbs)
			held |= 1u << i;
	}
	if ((held & ~asked & ~1u) == 0)
		asked |= 1u;
	else
		asked &= ~1u;
	if ((held & asked) == 0)
		return err_set(CF_ENOTFOUND, "there is no grant on these sections to revoke");
	*ret_sections = held & asked;
	return 0;
}

int chart_revoke(struct chart *c, const struct patient_id *p, uint32_t sections, const char *from)
{
	struct op_revoke op = {0};
	struct tree_look l;
	struct commit m;
	struct buf body;
	int err = chart_find_identity(c, from, &op.from);

	if (!err)
		err = tree_look_begin(c->tree, 0, &l);
	if (err)
		return err;
	commit_init(&m, p);
	buf_init(&body, 0);
	err = may_grant(&l, p, sections | 1);
	if (!err)
		err = granted_sections(l.txn, p, &op.from, sections, &op.sections);
	if (!err)
		err = keyring_wrap_revoke(client_keyring(c->client), l.txn, p, op.sections, &op.from,
					  l.now_ms, &m.annex);
	tree_look_end(&l);
	if (!err)
		err = op_revoke_encode(&op, &body);
	if (!err)
		err = commit_keys(c, &m, OP_REVOKE, &body);
	commit_release(&m);
	buf_release(&body);
	return err;
}

/* The consent must be for this chart and for this custodian: said here, since peers only say that it is
 * wrong. */
static int check_consent(struct chart *c, const struct patient_id *p, const struct claim *claim)
{
	if (memcmp(claim->patient.b, p->b, PATIENT_BYTES) != 0)
		return err_set(CF_EINVAL, "the consent is for another patient's chart");
	if (!identity_equal(&claim->custodian, tree_me(c->tree)))
		return err_set(CF_EDENIED, "the consent is for another custodian");
	return 0;
}

int chart_claim(struct chart *c, const struct patient_id *p, const char *consent)
{
	struct op_claim op = {0};
	struct claim claim;
	struct tree_look l;
	struct commit m;
	struct buf body;
	int err = claim_parse(consent, &claim);

	if (!err)
		err = check_consent(c, p, &claim);
	if (!err)
		err = tree_look_begin(c->tree, 0, &l);
	if (err)
		return err;
	op.owner = claim.owner;
	memcpy(op.consent, claim.sig, SIG_BYTES);
	commit_init(&m, p);
	buf_init(&body, 0);
	err = keyring_wrap_grant(client_keyring(c->client), l.txn, p, SECTIONS_ALL, &op.owner, &m.annex);
	tree_look_end(&l);
	if (err == CF_ENOTFOUND)
		err = err_set(CF_ENOTFOUND, "who consented is not registered");
	if (!err)
		err = op_claim_encode(&op, &body);
	if (!err)
		err = commit_keys(c, &m, OP_CLAIM, &body);
	commit_release(&m);
	buf_release(&body);
	return err;
}

int chart_replace(struct chart *c, const struct patient_id *p, struct view text)
{
	struct replacement r;
	struct tree_look l;
	struct commit m;
	struct buf body;
	int err = replacement_parse(text, &r);

	if (!err && memcmp(r.patient.b, p->b, PATIENT_BYTES) != 0)
		err = err_set(CF_EINVAL, "the replacement is for another patient's chart");
	if (!err)
		err = tree_look_begin(c->tree, 0, &l);
	if (err)
		return err;
	commit_init(&m, p);
	buf_init(&body, 0);
	for (unsigned s = 0; s <= SECTION_COUNT && !err; s++)
		err = tree_may(&l, p, s, VERB_READ);
	if (!err)
		err = keyring_wrap_grant(client_keyring(c->client), l.txn, p, SECTIONS_ALL, &r.op.owner,
					 &m.annex);
	tree_look_end(&l);
	if (err == CF_ENOTFOUND)
		err = err_set(CF_ENOTFOUND, "who is to own the chart is not registered");
	if (!err)
		err = op_replace_encode(&r.op, &body);
	if (!err)
		err = commit_keys(c, &m, OP_REPLACE, &body);
	commit_release(&m);
	buf_release(&body);
	return err;
}

int chart_consent(struct chart *c, const struct patient_id *p, const char *custodian,
		  char ret_text[CLAIM_TEXT_BYTES])
{
	const struct identity *me = client_identity(c->client);
	struct claim claim = {.patient = *p, .owner = me->id};
	int err;

	if (me->info.role != ROLE_PATIENT)
		return err_set(CF_EDENIED, "a %s owns no chart", role_name(me->info.role));
	err = chart_find_identity(c, custodian, &claim.custodian);
	if (!err)
		err = identity_use(me);
	if (!err) {
		err = claim_sign(&claim, client_network(c->client), me->sign);
		identity_done(me);
	}
	if (!err)
		claim_format(&claim, ret_text);
	return err;
}
