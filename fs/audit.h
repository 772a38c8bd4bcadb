/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h - an access as people and as other systems read it: a line of text, JSON, FHIR's AuditEvent (R4).
 */
#ifndef FS_AUDIT_H
#define FS_AUDIT_H

#include "acl/identity.h"
#include "acl/trail.h"
#include "fs/json.h"

/* Whom it concerns: the owner (in custody: the custodian), and governors. CF_EDENIED, CF_ENOTFOUND. */
int audit_may(struct db_txn *txn, const struct identity *me, const struct patient_id *p) must_check;

/* Appends one line, fields with tabs between them: time, who, role, section, read or write, purpose, end of
 * the lease, transaction. */
int audit_line(struct db_txn *txn, const struct access *a, struct buf *out) must_check;
/* The same as an object, with the patient. */
struct json *audit_json(struct db_txn *txn, const struct access *a);
/*
 * https://hl7.org/fhir/R4/auditevent.html: a query (DICOM 110112), agent the reader, entities the patient and
 * the section, purpose by v3-ActReason; its id is the transaction's.
 */
struct json *audit_event(const struct hash *network, struct db_txn *txn, const struct access *a);

#endif
