/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask.h - the requests about patients, files and the ledger behind .chartfs/control (fs/control_request.c).
 *
 * Each reads a request and fills the answer; an error is told with its err_detail.
 */
#ifndef FS_ASK_H
#define FS_ASK_H

#include "fs/control.h"
#include "fs/json.h"

/* The patient whose directory the request's path is, or lies in. */
int ask_patient(struct control *c, const struct json *request, struct patient_id *ret_patient) must_check;
/* "name@organization" */
void ask_name(const struct identity *identity, char *ret_name, size_t bytes);

/* Facts about places. */
int ask_whoami(struct control *c, const struct json *request, struct json *answer) must_check;
int ask_resolve(struct control *c, const struct json *request, struct json *answer) must_check; /* path */
int ask_log(struct control *c, const struct json *request, struct json *answer) must_check;     /* path */
int ask_prove(struct control *c, const struct json *request, struct json *answer) must_check;   /* path */
int ask_block(struct control *c, const struct json *request, struct json *answer) must_check;   /* height */
int ask_tx(struct control *c, const struct json *request,
	   struct json *answer) must_check; /* id, signed_bytes */
int ask_evidence(struct control *c, const struct json *request, struct json *answer) must_check; /* id */
int ask_report(struct control *c, const struct json *request, struct json *answer) must_check;   /* file */
int ask_verify(struct control *c, const struct json *request, struct json *answer) must_check;

/* path: a directory -> network, height, block of the tree it is in; lines (SHA-256) -> certificates,
 * signature (fs/manifest.h) */
int ask_manifest(struct control *c, const struct json *request, struct json *answer) must_check;
int ask_sign(struct control *c, const struct json *request, struct json *answer) must_check;

int ask_orgs(struct control *c, const struct json *request, struct json *answer) must_check;

/* Rights on a patient: path is anything below their directory. sections, verbs: as sections_parse,
 * verbs_parse. */
int ask_grant(struct control *c, const struct json *request,
	      struct json *answer) must_check; /* to, sections, verbs, until */
int ask_revoke(struct control *c, const struct json *request,
	       struct json *answer) must_check; /* from, sections */
int ask_claim(struct control *c, const struct json *request, struct json *answer) must_check; /* consent */
int ask_replace(struct control *c, const struct json *request,
		struct json *answer) must_check; /* replacement */
/* patient (hexadecimal), custodian -> consent */
int ask_consent(struct control *c, const struct json *request, struct json *answer) must_check;
/* path: a file, also one that is deleted; with patient true a patient's directory */
int ask_erase(struct control *c, const struct json *request, struct json *answer) must_check;
/* path: a patient's directory; or patient (hexadecimal); or neither of both: all patients, for governors.
 * since, until: times in milliseconds; with fhir true AuditEvents */
int ask_accesses(struct control *c, const struct json *request, struct json *answer) must_check;
int ask_grants(struct control *c, const struct json *request, struct json *answer) must_check;

/* Changes that wait for the patient. */
int ask_pending(struct control *c, const struct json *request, struct json *answer) must_check;
/* path: in pending/; what: approve, refuse or withdraw */
int ask_approve(struct control *c, const struct json *request, struct json *answer) must_check;
/* sections; changes: approved or granted */
int ask_rule(struct control *c, const struct json *request, struct json *answer) must_check;

#endif
