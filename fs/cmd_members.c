/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_members.c - chartfs members: a change of the ordering peers is written, approved by those whom it
 * concerns, and submitted.
 */
#include "fs/cmd.h"
#include "fs/words.h"

#include "acl/change.h"
#include "acl/rowread.h"
#include "acl/userfile.h"
#include "ledger/file.h"
#include "net/probe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_MS 30000
#define PROBE_MS 5000
#define BEHIND_MAX 100 /* blocks: seconds, at most */

struct words {
	const char *verb;
	const char *target; /* NAME@ORG, or the file of a change */
	const char *config;
	const char *out;
	const char *peer_address;
	const char *client_address;
	const char *evidence;
	bool unseen; /* it is added though nobody knows whether it follows */
};

/* 0, or the exit code. */
static int parse(int argc, char **argv, struct words *w)
{
	const struct word table[] = {
		{"config", &w->config, NULL},
		{"o", &w->out, NULL},
		{"peer-address", &w->peer_address, NULL},
		{"client-address", &w->client_address, NULL},
		{"evidence", &w->evidence, NULL},
		{"unseen", NULL, &w->unseen},
	};
	char **arg;
	int args, code = WORDS_PARSE(argc, argv, table, &arg, &args);

	if (code)
		return code;
	w->verb = args ? arg[0] : "";
	if (args != (strcmp(w->verb, "list") == 0 ? 1 : 2) || !w->config)
		return cmd_usage(argv[0], "what to do, with whom or which file, and --config are needed");
	w->target = arg[1]; /* list: NULL */
	return 0;
}

static int change_of(const char *verb, enum members_change *ret_change)
{
	for (int c = MEMBERS_ADD; c <= MEMBERS_EXPEL; c++) {
		if (strcmp(change_name((enum members_change)c), verb) == 0) {
			*ret_change = (enum members_change)c;
			return 0;
		}
	}
	return err_set(CF_EUSAGE, "%s: list, add, remove, refresh, expel, approve or submit", verb);
}

static int find_peer(const char *text, struct identity_id *ret_id)
{
	const char *at = strchr(text, '@');
	char name[ROW_NAME_MAX + 1];

	if (!at || at == text || (size_t)(at - text) > ROW_NAME_MAX)
		return err_set(CF_EUSAGE, "%s: a peer is named NAME@ORGANIZATION", text);
	snprintf(name, sizeof(name), "%.*s", (int)(at - text), text);
	*ret_id = identity_id_of(at + 1, name);
	return 0;
}

static int fill(const struct words *w, enum members_change change, struct op_members *op)
{
	bool addresses = change == MEMBERS_ADD || change == MEMBERS_REFRESH;

	op->change = change;
	if (addresses != (w->peer_address != NULL) || addresses != (w->client_address != NULL))
		return err_set(CF_EUSAGE, "--peer-address and --client-address go with add and refresh");
	if (addresses) {
		op->peer_address = view_str(w->peer_address);
		op->client_address = view_str(w->client_address);
	}
	if (w->evidence && (change != MEMBERS_EXPEL || strlen(w->evidence) != 2 * HASH_BYTES ||
			    hex_decode(w->evidence, op->evidence.b, HASH_BYTES)))
		return err_set(CF_EUSAGE, "--evidence goes with expel, and is %d hexadecimal digits",
			       2 * HASH_BYTES);
	return find_peer(w->target, &op->who);
}

/* The set that the ledger has now. */
static int read_epoch(struct cmd_session *s, uint64_t *ret_epoch)
{
	struct members members;
	struct db_txn *txn = NULL;
	int err = client_wait(s->client, 0, TIMEOUT_MS);

	if (!err)
		err = chain_read_begin(client_chain(s->client), &txn);
	if (!err)
		err = state_members(txn, &members);
	db_abort(txn);
	if (!err)
		*ret_epoch = members.epoch;
	return err;
}

static int write_change(const struct op_members *op, const char *path)
{
	struct buf text;
	int err;

	buf_init(&text, 0);
	err = change_format(op, &text);
	if (!err && path)
		err = file_replace(path, buf_view(&text));
	else if (!err)
		(void)fwrite(text.data, 1, text.len, stdout);
	buf_release(&text);
	return err;
}

static int propose(const struct words *w, struct cmd_session *s)
{
	struct op_members op = {.epoch = 0};
	enum members_change change = MEMBERS_ADD;
	int err = change_of(w->verb, &change);

	if (!err)
		err = fill(w, change, &op);
	if (!err)
		err = read_epoch(s, &op.epoch);
	return err ? err : write_change(&op, w->out);
}

static int approve(const struct words *w, struct cmd_session *s, struct op_members *op)
{
	int err = change_approve(op, client_network(s->client), &s->identity.id, s->identity.sign);

	if (!err)
		err = write_change(op, w->out ? w->out : w->target);
	if (!err)
		printf("%s@%s approves: %s\n", s->identity.info.name, s->identity.info.org,
		       change_name(op->change));
	return err;
}

/* The peer, at the address that the change names. */
static int read_peer(struct cmd_session *s, const struct op_members *op, struct member *ret_m)
{
	struct identity_row row;
	struct db_txn *txn = NULL;
	int err = chain_read_begin(client_chain(s->client), &txn);

	if (!err)
		err = state_identity(txn, &op->who, &row);
	db_abort(txn);
	if (err == CF_ENOTFOUND)
		return err_set(err, "the peer is not registered");
	if (err)
		return err;
	*ret_m = (struct member){.id = op->who, .org = row.org};
	memcpy(ret_m->sign_point, row.sign_point, POINT_BYTES);
	memcpy(ret_m->endorse_point, row.endorse_point, POINT_BYTES);
	memcpy(ret_m->kem_point, row.kem_point, POINT_BYTES);
	memcpy(ret_m->client_address, op->client_address.data, op->client_address.len);
	return 0;
}

/*
 * A member that is not there yet is one that is missing: it follows first. What the ledger cannot know, who
 * submits looks at.
 */
static int check_follows(struct cmd_session *s, const struct op_members *op)
{
	const struct probe_config config = {
		.tls = &s->tls, .network = *client_network(s->client), .identity = &s->identity};
	const uint64_t height = client_height(s->client);
	struct wire_status status;
	struct member m;
	int err = read_peer(s, op, &m);

	if (!err)
		err = probe_peer(&config, &m, PROBE_MS, &status);
	if (err == CF_ENETWORK)
		return err_set(err, "%s: it follows first (--unseen: adds it all the same)",
			       strdupa(err_detail()));
	if (!err && status.height + BEHIND_MAX < height)
		return err_set(CF_EAGAIN,
			       "the peer is at block %" PRIu64 " of %" PRIu64
			       ": it catches up first (--unseen: adds it all the same)",
			       status.height, height);
	return err;
}

static int submit(const struct words *w, struct cmd_session *s, const struct op_members *op)
{
	struct client_result result;
	struct buf body;
	int err = client_wait(s->client, 0, TIMEOUT_MS);

	buf_init(&body, 0);
	if (!err && op->change == MEMBERS_ADD && !w->unseen)
		err = check_follows(s, op);
	if (!err)
		err = op_members_encode(op, &body);
	if (!err) {
		const struct tx_op ops[] = {{.code = OP_MEMBERS, .body = buf_view(&body)}};
		const struct client_tx tx = {.ops = ops, .op_count = 1};

		err = client_commit(s->client, &tx, TIMEOUT_MS, &result);
	}
	buf_release(&body);
	if (!err)
		printf("%s is in force from block %" PRIu64 " on\n", change_name(op->change),
		       result.height + 1);
	return err;
}

static int list(struct cmd_session *s)
{
	int err = client_wait(s->client, 0, TIMEOUT_MS);

	return err ? err : members_list(s->client);
}

static int with_change(const struct words *w, struct cmd_session *s)
{
	struct op_members op;
	struct buf text, hold;
	int err;

	buf_init(&text, 0);
	buf_init(&hold, 0);
	err = userfile_read(w->target, CHANGE_TEXT_MAX, false, &text);
	if (!err)
		err = change_parse(buf_view(&text), &hold, &op);
	if (!err)
		err = strcmp(w->verb, "approve") == 0 ? approve(w, s, &op) : submit(w, s, &op);
	buf_release(&text);
	buf_release(&hold);
	return err;
}

int cmd_members(int argc, char **argv)
{
	struct cmd_session s;
	struct words w;
	bool file;
	int err, code = parse(argc, argv, &w);

	if (code)
		return code;
	file = strcmp(w.verb, "approve") == 0 || strcmp(w.verb, "submit") == 0;
	err = cmd_session_open(w.config, true, NULL, &s);
	if (err)
		return cmd_fail(argv[0], err);
	if (strcmp(w.verb, "list") == 0)
		err = list(&s);
	else
		err = file ? with_change(&w, &s) : propose(&w, &s);
	code = err ? cmd_fail(argv[0], err) : 0;
	cmd_session_close(&s);
	return code;
}
