/* SPDX-License-Identifier: Apache-2.0 */
/* ask_grants.c - granting, revoking, and who was granted what on a patient. */
#include "fs/ask.h"

#include "acl/contract.h"
#include "acl/purpose.h"
#include "acl/rowread.h"
#include "fs/show.h"
#include "ledger/mem.h"

#include <string.h>

#define NAME_TEXT_BYTES (2 * ROW_NAME_MAX + 2)
#define VERBS_TEXT_BYTES 64

int ask_patient(struct control *c, const struct json *request, struct patient_id *ret_patient)
{
	const char *path = json_get_text(request, "path");
	struct chart_attr attr;
	int err;

	if (!path)
		return err_set(CF_EUSAGE, "no \"path\" in the request");
	err = chart_path(control_chart(c), path, &attr);
	if (!err && patient_is_zero(&attr.place.patient))
		err = err_set(CF_EUSAGE, "%s: not a patient's directory", path);
	if (!err)
		*ret_patient = attr.place.patient;
	return err;
}

static int sections_of(const struct json *request, uint32_t *ret_sections)
{
	const char *sections = json_get_text(request, "sections");

	return sections_parse(sections ? sections : "all", ret_sections);
}

int ask_grant(struct control *c, const struct json *request, struct json *answer)
{
	const char *to = json_get_text(request, "to"), *verbs_text = json_get_text(request, "verbs");
	const char *purpose = json_get_text(request, "purpose");
	struct patient_id patient;
	uint64_t until_ms = 0;
	uint32_t sections = 0;
	unsigned verbs = 0;
	int err;

	if (!to || !verbs_text)
		return err_set(CF_EUSAGE, "a grant wants \"to\", \"sections\" and \"verbs\"");
	if (json_get(request, "until") && !json_get_uint(request, "until", &until_ms))
		return err_set(CF_EUSAGE, "\"until\" is a time in milliseconds");
	err = ask_patient(c, request, &patient);
	if (!err)
		err = sections_of(request, &sections);
	if (!err)
		err = verbs_parse(verbs_text, &verbs);
	if (!err && purpose)
		err = purpose_parse(purpose, &purpose);
	if (!err)
		err = chart_grant(control_chart(c), &patient, sections, to, verbs, until_ms,
				  purpose ? purpose_number(view_str(purpose)) : 0);
	if (!err)
		json_set(answer, "height", json_uint(client_height(chart_client(control_chart(c)))));
	return err;
}

int ask_revoke(struct control *c, const struct json *request, struct json *answer)
{
	const char *from = json_get_text(request, "from");
	struct patient_id patient;
	uint32_t sections = 0;
	int err;

	if (!from)
		return err_set(CF_EUSAGE, "a revocation wants \"from\"");
	err = ask_patient(c, request, &patient);
	if (!err)
		err = sections_of(request, &sections);
	if (!err)
		err = chart_revoke(control_chart(c), &patient, sections, from);
	if (!err)
		json_set(answer, "height", json_uint(client_height(chart_client(control_chart(c)))));
	return err;
}

int ask_claim(struct control *c, const struct json *request, struct json *answer)
{
	const char *consent = json_get_text(request, "consent");
	struct patient_id patient;
	int err;

	if (!consent)
		return err_set(CF_EUSAGE, "a claim wants \"consent\"");
	err = ask_patient(c, request, &patient);
	if (!err)
		err = chart_claim(control_chart(c), &patient, consent);
	if (!err)
		json_set(answer, "height", json_uint(client_height(chart_client(control_chart(c)))));
	return err;
}

int ask_replace(struct control *c, const struct json *request, struct json *answer)
{
	const char *text = json_get_text(request, "replacement");
	struct patient_id patient;
	int err;

	if (!text)
		return err_set(CF_EUSAGE, "a new owner wants a \"replacement\"");
	err = ask_patient(c, request, &patient);
	if (!err)
		err = chart_replace(control_chart(c), &patient, view_str(text));
	if (!err)
		json_set(answer, "height", json_uint(client_height(chart_client(control_chart(c)))));
	return err;
}

int ask_consent(struct control *c, const struct json *request, struct json *answer)
{
	const char *id = json_get_text(request, "patient"), *custodian = json_get_text(request, "custodian");
	char text[CLAIM_TEXT_BYTES];
	struct patient_id patient;
	int err;

	if (!id || !custodian || strlen(id) != 2 * PATIENT_BYTES || hex_decode(id, patient.b, PATIENT_BYTES))
		return err_set(CF_EUSAGE,
			       "a consent wants the patient's id, %d hexadecimal digits, and a custodian",
			       2 * PATIENT_BYTES);
	err = chart_consent(control_chart(c), &patient, custodian, text);
	if (!err)
		json_set(answer, "consent", json_text(text));
	return err;
}

struct granted {
	struct identity_id to;
	uint8_t verbs;
	uint64_t until_ms;
	uint16_t purpose;
	uint32_t sections;
};

struct grant_list {
	struct granted *item;
	size_t count;
	size_t cap;
	unsigned section;
};

/* Same person, verbs, end and purpose: one line with all its sections. */
static int collect(void *ctx, const struct identity_id *to, const struct grant_row *row)
{
	struct grant_list *list = ctx;

	for (size_t i = 0; i < list->count; i++) {
		struct granted *g = &list->item[i];

		if (identity_equal(&g->to, to) && g->verbs == row->verbs && g->until_ms == row->until_ms &&
		    g->purpose == row->purpose) {
			g->sections |= 1u << list->section;
			return 0;
		}
	}
	if (list->count == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 16;
		struct granted *more = mem_array(list->item, cap, sizeof(*more));

		if (!more)
			return CF_ENOMEM;
		list->item = more;
		list->cap = cap;
	}
	list->item[list->count++] =
		(struct granted){*to, row->verbs, row->until_ms, row->purpose, 1u << list->section};
	return 0;
}

static struct json *granted_json(struct db_txn *txn, const struct granted *g)
{
	struct json *j = json_new_object(), *sections = json_new_array();
	char name[NAME_TEXT_BYTES], verbs[VERBS_TEXT_BYTES];

	show_identity(txn, &g->to, name, sizeof(name));
	verbs_format(g->verbs, verbs, sizeof(verbs));
	for (unsigned i = 0; i <= SECTION_COUNT; i++) {
		if (g->sections & 1u << i)
			json_add(sections, json_text(section_name(i)));
	}
	json_set(j, "to", json_text(name));
	json_set(j, "sections", sections);
	json_set(j, "verbs", json_text(verbs));
	if (g->until_ms)
		json_set(j, "until", json_time(g->until_ms));
	if (g->purpose)
		json_set(j, "purpose", json_text(purpose_code(g->purpose)));
	return j;
}

static void set_owner(struct db_txn *txn, const struct patient_id *p, const struct patient_row *row,
		      struct json *answer)
{
	char name[NAME_TEXT_BYTES];
	bool owned = row->status == PATIENT_OWNED;

	show_identity(txn, owned ? &row->owner : &row->custodian, name, sizeof(name));
	json_set(answer, owned ? "owner" : "custodian", json_text(name));
	json_set(answer, "patient", json_hex(p->b, PATIENT_BYTES));
}

int ask_grants(struct control *c, const struct json *request, struct json *answer)
{
	struct json *grants = json_new_array();
	struct grant_list list = {NULL, 0, 0, 0};
	struct patient_id patient;
	struct patient_row row;
	struct db_txn *txn = NULL;
	int err;

	err = ask_patient(c, request, &patient);
	if (!err)
		err = chain_read_begin(client_chain(chart_client(control_chart(c))), &txn);
	if (!err)
		err = state_patient(txn, &patient, &row);
	for (list.section = 0; list.section <= SECTION_COUNT && !err; list.section++)
		err = state_grants(txn, &patient, list.section, collect, &list);
	if (!err)
		set_owner(txn, &patient, &row, answer);
	for (size_t i = 0; i < list.count && !err; i++)
		json_add(grants, granted_json(txn, &list.item[i]));
	db_abort(txn);
	mem_free(list.item);
	json_set(answer, "grants", grants);
	return err;
}
