/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/standing.h"

#include "acl/contract.h"
#include "acl/expiry.h"
#include "ledger/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#define MODULE "identity"
#define DAY_S 86400

struct warnings {
	char expiry[256];
	char status[256];
};

/* "unregistered" until the ledger knows it. */
static const char *status_of(struct client *c)
{
	struct identity_row row;
	struct db_txn *txn;
	int err = chain_read_begin(client_chain(c), &txn);

	if (err)
		return "unknown";
	err = state_identity(txn, &client_identity(c)->id, &row);
	db_abort(txn);
	if (err)
		return err == CF_ENOTFOUND ? "unregistered" : "unknown";
	return row.status == IDENTITY_ACTIVE    ? "active"
	       : row.status == IDENTITY_REVOKED ? "revoked"
						: "suspended";
}

static void find_warnings(const char *status, const struct expiry *e, struct warnings *w)
{
	expiry_text(e, w->expiry, sizeof(w->expiry));
	w->status[0] = '\0';
	if (status[0] == 'r' || status[0] == 's')
		snprintf(w->status, sizeof(w->status), "this identity is %s: it reads and writes nothing",
			 status);
}

void standing_describe(struct client *c, struct json *status)
{
	struct json *list = json_new_array();
	const char *word = status_of(c);
	struct warnings w;
	struct expiry e;

	expiry_of(client_identity(c), (uint64_t)time(NULL) * 1000, &e);
	find_warnings(word, &e, &w);
	json_set(status, "identity_status", json_text(word));
	json_set(status, "certificate_until", json_time(e.not_after_ms));
	json_set(status, "certificate_days", json_uint(e.days));
	json_set(status, "certificate_valid", json_bool(!e.ended));
	if (w.status[0])
		json_add(list, json_text(w.status));
	if (w.expiry[0])
		json_add(list, json_text(w.expiry));
	json_set(status, "warnings", list);
}

void standing_log(struct client *c)
{
	static _Atomic time_t last;
	time_t now = time(NULL), before = atomic_load(&last);
	struct warnings w;
	struct expiry e;

	if (now - before < DAY_S || !atomic_compare_exchange_strong(&last, &before, now))
		return;
	expiry_of(client_identity(c), (uint64_t)now * 1000, &e);
	find_warnings(status_of(c), &e, &w);
	if (w.status[0])
		log_warn(MODULE, "%s", w.status);
	if (w.expiry[0])
		log_warn(MODULE, "%s", w.expiry);
}
