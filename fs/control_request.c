/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_request.c - what can be asked through .chartfs/control: a table of requests, each JSON to JSON.
 *
 * {"request": name, "path": below the mount, ...} -> {"ok": true, ...} or {"ok": false, "error":
 * "CF_EDENIED", "detail": text}. Rights are the mount's identity's: whoever may open the file acts as it.
 */
#include "fs/control_private.h"

#include "acl/contract.h"
#include "fs/ask.h"
#include "fs/standing.h"
#include "ledger/mem.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#define PEERS_TIMEOUT_MS 3000
#define LOCK_TIMEOUT_MS 30000

static uint64_t now_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct json *control_status(struct control *c)
{
	struct client *client = chart_client(c->chart);
	uint64_t heard_height, heard_ms, mono = now_ms(CLOCK_MONOTONIC), now = now_ms(CLOCK_REALTIME);
	const struct identity *identity = client_identity(client);
	struct json *j = json_new_object();
	char who[2 * CERT_NAME_MAX + 2];
	struct chain_head head;

	chain_head(client_chain(client), &head);
	client_heard(client, &heard_height, &heard_ms);
	ask_name(identity, who, sizeof(who));
	json_set(j, "identity", json_text(who));
	json_set(j, "role", json_text(role_name(identity->info.role)));
	standing_describe(client, j);
	json_set(j, "network", json_hex(client_network(client)->b, HASH_BYTES));
	json_set(j, "height", json_uint(head.height));
	json_set(j, "head", json_hex(head.hash.b, HASH_BYTES));
	json_set(j, "state_root", json_hex(head.state_root.b, HASH_BYTES));
	if (head.height) {
		json_set(j, "time", json_time(head.time_ms));
		json_set(j, "age_ms", json_uint(now > head.time_ms ? now - head.time_ms : 0));
	}
	json_set(j, "heard_height", json_uint(heard_height));
	json_set(j, "behind", json_uint(heard_height > head.height ? heard_height - head.height : 0));
	json_set(j, "missing_blocks", json_uint(chain_first(client_chain(client)) - 1));
	if (chain_past(client_chain(client)))
		json_set(j, "past_from", json_uint(chain_past(client_chain(client))));
	if (heard_ms)
		json_set(j, "heard_ms_ago", json_uint(mono > heard_ms ? mono - heard_ms : 0));
	json_set(j, "started", json_time(c->started_ms));
	json_set(j, "pid", json_uint((uint64_t)getpid()));
	if (c->locker)
		locker_describe(c->locker, j);
	return j;
}

static int on_status(struct control *c, const struct json *request, struct json *answer)
{
	(void)request;
	json_set(answer, "status", control_status(c));
	return 0;
}

static struct json *peer_json(unsigned number, const struct wire_status *s)
{
	struct json *j = json_new_object();

	json_set(j, "peer", json_uint(number));
	json_set(j, "answers", json_bool(s));
	if (!s)
		return j;
	json_set(j, "height", json_uint(s->height));
	json_set(j, "head", json_hex(s->head.b, HASH_BYTES));
	json_set(j, "state_root", json_hex(s->state_root.b, HASH_BYTES));
	json_set(j, "view", json_uint(s->view));
	json_set(j, "leader", json_uint(s->leader + 1u));
	json_set(j, "voting", json_bool(s->voting));
	json_set(j, "pool", json_uint(s->pool));
	json_set(j, "blobs", json_uint(s->blobs));
	json_set(j, "scrubs", json_uint(s->scrubs));
	json_set(j, "scrubbed", json_uint(s->scrubbed));
	json_set(j, "damaged", json_uint(s->damaged));
	json_set(j, "repaired", json_uint(s->repaired));
	return j;
}

static int on_peers(struct control *c, const struct json *request, struct json *answer)
{
	struct wire_status *status = mem_zalloc(MEMBERS_MAX * sizeof(*status));
	struct members *members = mem_zalloc(sizeof(*members));
	struct json *list = json_new_array();
	struct db_txn *txn = NULL;
	uint32_t mask = 0;
	int err = status && members ? 0 : CF_ENOMEM;

	(void)request;
	if (!err)
		err = chain_read_begin(client_chain(chart_client(c->chart)), &txn);
	if (!err)
		err = state_members(txn, members);
	db_abort(txn);
	if (!err)
		err = client_peer_status(chart_client(c->chart), PEERS_TIMEOUT_MS, status, &mask);
	for (unsigned i = 0; !err && i < members->count; i++)
		json_add(list, peer_json(i + 1, mask & 1u << i ? &status[i] : NULL));
	json_set(answer, "peers", list);
	mem_free(status);
	mem_free(members);
	return err;
}

static int no_locker(void)
{
	return err_set(CF_EUNSUPPORTED,
		       "the keys of a network in one process stay: its peers have theirs there, too");
}

static int on_lock(struct control *c, const struct json *request, struct json *answer)
{
	(void)request;
	(void)answer;
	return c->locker ? locker_lock(c->locker, LOCK_TIMEOUT_MS) : no_locker();
}

static int on_unlock(struct control *c, const char *passphrase, struct json *answer)
{
	int err = c->locker ? locker_unlock(c->locker, passphrase) : no_locker();

	if (!err)
		json_set(answer, "height", json_uint(client_height(chart_client(c->chart))));
	return err;
}

static const struct {
	const char *name;
	int (*answer)(struct control *c, const struct json *request, struct json *answer);
	enum {
		NO_KEYS, /* is answered while they are locked away, and is no use of the mount */
		LOOKS,
		CHANGES, /* makes a transaction */
	} what;
} requests[] = {
	{"status", on_status, NO_KEYS},    {"peers", on_peers, NO_KEYS},
	{"whoami", ask_whoami, NO_KEYS},   {"lock", on_lock, NO_KEYS},
	{"block", ask_block, NO_KEYS},     {"tx", ask_tx, NO_KEYS},
	{"verify", ask_verify, NO_KEYS},   {"evidence", ask_evidence, NO_KEYS},
	{"orgs", ask_orgs, NO_KEYS},       {"resolve", ask_resolve, LOOKS},
	{"log", ask_log, LOOKS},           {"prove", ask_prove, LOOKS},
	{"grants", ask_grants, LOOKS},     {"accesses", ask_accesses, LOOKS},
	{"manifest", ask_manifest, LOOKS}, {"sign", ask_sign, LOOKS},
	{"pending", ask_pending, LOOKS},   {"grant", ask_grant, CHANGES},
	{"revoke", ask_revoke, CHANGES},   {"claim", ask_claim, CHANGES},
	{"consent", ask_consent, CHANGES}, {"erase", ask_erase, CHANGES},
	{"report", ask_report, CHANGES},   {"approve", ask_approve, CHANGES},
	{"rule", ask_rule, CHANGES},       {"replace", ask_replace, CHANGES},
};

static int ask(struct control *c, size_t i, const struct json *request, struct json *answer)
{
	int err;

	if (requests[i].what == NO_KEYS)
		return requests[i].answer(c, request, answer);
	err = latch_enter(c->latch, LATCH_CALLER);
	if (err)
		return err;
	err = requests[i].answer(c, request, answer);
	latch_leave(c->latch, LATCH_CALLER);
	return err;
}

static int dispatch(struct control *c, struct control_file *f, const struct json *request,
		    struct json *answer)
{
	const char *name = json_get_text(request, "request");

	if (!name)
		return err_set(CF_EUSAGE, "no \"request\" in it");
	if (strcmp(name, "unlock") == 0) {
		char passphrase[PASSPHRASE_BYTES_MAX + 1];
		int err;

		control_passphrase(f, passphrase);
		err = on_unlock(c, passphrase, answer);
		mem_wipe(passphrase, sizeof(passphrase));
		return err;
	}
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (strcmp(requests[i].name, name) != 0)
			continue;
		if (c->read_only && requests[i].what == CHANGES)
			return err_set(CF_EROFS, "%s: this mount is read-only", name);
		return ask(c, i, request, answer);
	}
	return err_set(CF_EUSAGE, "unknown request '%s'", name);
}

int control_request(struct control *c, struct control_file *f, struct view line, struct buf *out)
{
	struct json *request = NULL, *answer = json_new_object();
	int err;

	err_clear();
	err = json_parse(line, &request);
	if (!err)
		err = dispatch(c, f, request, answer);
	json_set(answer, "ok", json_bool(err == 0));
	if (err) {
		json_set(answer, "error", json_text(err_name(err)));
		json_set(answer, "detail", json_text(err_detail()[0] ? err_detail() : err_text(err)));
	}
	err = json_format(answer, out);
	if (!err)
		err = buf_append(out, "\n", 1);
	json_free(answer);
	json_free(request);
	return err;
}
