/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace_ask.h - a client's way to the peers' half of a window's keys: a lease, committed, then their shares.
 *
 * One lease a section and use, to read for all windows from the patient's admission to now, to write for the
 * present one; it is asked for when the first key is missing and used until it ends. Shares come from any
 * threshold of the holders, each verified against its public share; who sends a wrong one is logged and left
 * out. Any thread.
 */
#ifndef NET_TRACE_ASK_H
#define NET_TRACE_ASK_H

#include "acl/keyring.h"
#include "acl/trace.h"
#include "net/client.h"
#include "net/client_link.h"

#define TRACE_LEASE_MS ((uint64_t)3600 * 1000)

struct trace_ask;

struct trace_ask_config {
	struct links *links; /* borrowed, as the next */
	const struct identity *identity;
	struct hash network;
	struct client *ctx;
	/* Commits the query: client_commit. */
	int (*commit)(struct client *ctx, const struct client_tx *tx, unsigned timeout_ms,
		      struct client_result *ret_result);
};

int trace_ask_new(const struct trace_ask_config *config, struct trace_ask **ret_t) must_check;
void trace_ask_free(struct trace_ask *t); /* accepts NULL */
/* What the leases to come say, how long they last (0: TRACE_LEASE_MS), and how long each step may take.
 * purpose: a code, for good. */
void trace_ask_set(struct trace_ask *t, const char *purpose, uint64_t lease_ms, unsigned timeout_ms);

/* The next reading is another access: leases that are held are used no more. */
void trace_ask_forget(struct trace_ask *t);

/* A keyring_trace_fn; ctx is the struct trace_ask. */
int trace_ask_get(void *ctx, struct db_txn *txn, const struct section_keys *of, enum keys_use use,
		  struct trace_answers *ret_answers, uint64_t *ret_until_ms) must_check;

/* From the transport's threads. */
void trace_ask_on_share(struct trace_ask *t, const struct identity_id *by, uint64_t request,
			struct view payload);
void trace_ask_on_refused(struct trace_ask *t, const struct identity_id *by, uint64_t request,
			  const struct wire_refused *m);

#endif
