/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.c - what a lease says, for readers of three kinds.
 */
#include "fs/audit.h"

#include "acl/contract.h"
#include "acl/rowread.h"
#include "fs/show.h"

#include <stdio.h>
#include <time.h>

#define NAME_TEXT_BYTES (2 * ROW_NAME_MAX + 2)
#define TIME_TEXT_BYTES 32
#define CODES "http://terminology.hl7.org/CodeSystem/"

int audit_may(struct db_txn *txn, const struct identity *me, const struct patient_id *p)
{
	struct patient_row row;
	int err = state_patient(txn, p, &row);

	if (err)
		return err;
	if (me->info.role == ROLE_GOVERNOR ||
	    identity_equal(&me->id, row.status == PATIENT_CUSTODY ? &row.custodian : &row.owner))
		return 0;
	return err_set(CF_EDENIED, "who read a chart is shown to its owner and to governors");
}

static const char *use_name(const struct access *a)
{
	return a->use == LEASE_WRITE ? "write" : "read";
}

static const char *role_of(struct db_txn *txn, const struct identity_id *id)
{
	struct identity_row row;

	return state_identity(txn, id, &row) == 0 ? role_name(row.role) : "?";
}

static void time_text(uint64_t ms, char ret_text[TIME_TEXT_BYTES])
{
	time_t s = (time_t)(ms / 1000);
	struct tm tm;
	size_t n;

	gmtime_r(&s, &tm);
	n = strftime(ret_text, TIME_TEXT_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(ret_text + n, TIME_TEXT_BYTES - n, ".%03uZ", (unsigned)(ms % 1000));
}

int audit_line(struct db_txn *txn, const struct access *a, struct buf *out)
{
	char name[NAME_TEXT_BYTES], hex[2 * HASH_BYTES + 1], at[TIME_TEXT_BYTES], until[TIME_TEXT_BYTES];

	show_identity(txn, &a->by, name, sizeof(name));
	hex_encode(a->query.b, HASH_BYTES, hex);
	time_text(a->time_ms, at);
	time_text(a->until_ms, until);
	return buf_printf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", at, name, role_of(txn, &a->by),
			  section_name(a->section), use_name(a), a->purpose, until, hex);
}

struct json *audit_json(struct db_txn *txn, const struct access *a)
{
	struct json *j = json_new_object();
	char name[NAME_TEXT_BYTES];

	show_identity(txn, &a->by, name, sizeof(name));
	json_set(j, "time", json_time(a->time_ms));
	json_set(j, "by", json_text(name));
	json_set(j, "role", json_text(role_of(txn, &a->by)));
	json_set(j, "patient", json_hex(a->patient.b, PATIENT_BYTES));
	json_set(j, "section", json_text(section_name(a->section)));
	json_set(j, "use", json_text(use_name(a)));
	json_set(j, "purpose", json_text(a->purpose));
	json_set(j, "until", json_time(a->until_ms));
	json_set(j, "query", json_hex(a->query.b, HASH_BYTES));
	return j;
}

static struct json *coding(const char *system, const char *code, const char *display)
{
	struct json *j = json_new_object();

	json_set(j, "system", json_text(system));
	json_set(j, "code", json_text(code));
	if (display)
		json_set(j, "display", json_text(display));
	return j;
}

static struct json *in_array(struct json *value)
{
	struct json *array = json_new_array();

	json_add(array, value);
	return array;
}

static struct json *concept(struct json *code)
{
	struct json *j = json_new_object();

	json_set(j, "coding", in_array(code));
	return j;
}

/* A Reference by an identifier that this network gives out. */
static struct json *reference(const char *system, struct json *value)
{
	struct json *j = json_new_object(), *identifier = json_new_object();

	json_set(identifier, "system", json_text(system));
	json_set(identifier, "value", value);
	json_set(j, "identifier", identifier);
	return j;
}

static struct json *agent_json(struct db_txn *txn, const char *system, const struct access *a)
{
	struct json *j = json_new_object(), *role = json_new_object(), *who;
	char name[NAME_TEXT_BYTES];

	show_identity(txn, &a->by, name, sizeof(name));
	json_set(role, "text", json_text(role_of(txn, &a->by)));
	who = reference(system, json_hex(a->by.b, IDENTITY_BYTES));
	json_set(who, "display", json_text(name));
	json_set(j, "role", in_array(role));
	json_set(j, "who", who);
	json_set(j, "name", json_text(name));
	json_set(j, "requestor", json_bool(true));
	return j;
}

static struct json *patient_json(const char *system, const struct access *a)
{
	struct json *j = json_new_object();

	json_set(j, "what", reference(system, json_hex(a->patient.b, PATIENT_BYTES)));
	json_set(j, "type", coding(CODES "audit-entity-type", "1", "Person"));
	json_set(j, "role", coding(CODES "object-role", "1", "Patient"));
	return j;
}

static struct json *section_json(const struct access *a)
{
	struct json *j = json_new_object(), *detail = json_new_object();
	char windows[32];

	snprintf(windows, sizeof(windows), "%u-%u", a->first_window, a->last_window);
	json_set(detail, "type", json_text("windows"));
	json_set(detail, "valueString", json_text(windows));
	json_set(j, "type", coding(CODES "audit-entity-type", "2", "System Object"));
	json_set(j, "role", coding(CODES "object-role", "4", "Domain Resource"));
	json_set(j, "name", json_text(section_name(a->section)));
	json_set(j, "detail", in_array(detail));
	return j;
}

struct json *audit_event(const struct hash *network, struct db_txn *txn, const struct access *a)
{
	struct json *j = json_new_object(), *period = json_new_object(), *entities, *source, *observer;
	char hex[2 * HASH_BYTES + 1], system[sizeof(hex) + 16];

	hex_encode(network->b, HASH_BYTES, hex);
	snprintf(system, sizeof(system), "urn:chartfs:%s", hex);
	json_set(j, "resourceType", json_text("AuditEvent"));
	json_set(j, "id", json_hex(a->query.b, HASH_BYTES));
	json_set(j, "type", coding("http://dicom.nema.org/resources/ontology/DCM", "110112", "Query"));
	json_set(j, "action", json_text(a->use == LEASE_WRITE ? "U" : "R"));
	json_set(period, "start", json_time(a->time_ms));
	json_set(period, "end", json_time(a->until_ms));
	json_set(j, "period", period);
	json_set(j, "recorded", json_time(a->time_ms));
	json_set(j, "outcome", json_text("0"));
	json_set(j, "purposeOfEvent", in_array(concept(coding(CODES "v3-ActReason", a->purpose, NULL))));
	json_set(j, "agent", in_array(agent_json(txn, system, a)));
	source = json_new_object();
	observer = json_new_object();
	json_set(observer, "display", json_text(system));
	json_set(source, "observer", observer);
	json_set(j, "source", source);
	entities = in_array(patient_json(system, a));
	json_add(entities, section_json(a));
	json_set(j, "entity", entities);
	return j;
}
