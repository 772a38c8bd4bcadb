/* SPDX-License-Identifier: Apache-2.0 */
/* ask_accesses.c - who read what, of a patient or of all. */
#include "fs/ask.h"

#include "acl/rowread.h"
#include "fs/audit.h"

#include <string.h>

/* Zeros: none was named. */
static int patient_of(struct control *c, const struct json *request, struct patient_id *ret_patient)
{
	const char *path = json_get_text(request, "path"), *id = json_get_text(request, "patient");
	struct patient_id patient = {{0}};
	struct chart_attr attr;
	int err = 0;

	if (id && (strlen(id) != 2 * PATIENT_BYTES || hex_decode(id, patient.b, PATIENT_BYTES)))
		return err_set(CF_EUSAGE, "a patient's id has %d hexadecimal digits", 2 * PATIENT_BYTES);
	if (!id && path && *path) {
		err = chart_path(control_chart(c), path, &attr);
		if (!err)
			patient = attr.place.patient;
	}
	if (!err)
		*ret_patient = patient;
	return err;
}

static int time_of(const struct json *request, const char *key, uint64_t *ret_ms)
{
	if (json_get(request, key) && !json_get_uint(request, key, ret_ms))
		return err_set(CF_EUSAGE, "\"%s\" is a time in milliseconds", key);
	return 0;
}

struct list {
	struct json *to;
	struct db_txn *txn;
	const struct hash *network;
	bool fhir;
};

static int add(void *ctx, const struct access *a)
{
	const struct list *list = ctx;

	json_add(list->to, list->fhir ? audit_event(list->network, list->txn, a) : audit_json(list->txn, a));
	return 0;
}

int ask_accesses(struct control *c, const struct json *request, struct json *answer)
{
	struct client *client = chart_client(control_chart(c));
	const struct identity *me = client_identity(client);
	struct list list = {.network = client_network(client), .fhir = json_get_bool(request, "fhir", false)};
	uint64_t since_ms = 0, until_ms = UINT64_MAX;
	struct patient_id patient;
	bool all;
	int err = chain_past_check(client_chain(client), 0);

	if (!err)
		err = patient_of(c, request, &patient);
	if (!err)
		err = time_of(request, "since", &since_ms);
	if (!err)
		err = time_of(request, "until", &until_ms);
	if (err)
		return err;
	all = patient_is_zero(&patient);
	if (all && me->info.role != ROLE_GOVERNOR)
		return err_set(CF_EDENIED, "of all patients for governors: name one patient's directory");
	err = chain_read_begin(client_chain(client), &list.txn);
	if (err)
		return err;
	list.to = json_new_array();
	if (!all)
		err = audit_may(list.txn, me, &patient);
	if (!err)
		err = trail_walk(list.txn, all ? NULL : &patient, since_ms, until_ms, add, &list);
	db_abort(list.txn);
	json_set(answer, "accesses", list.to);
	return err;
}
