/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_identity.c - chartfs suspend, reinstate, revocations, renew: what becomes of identities, on the ledger.
 */
#include "fs/cmd.h"
#include "fs/words.h"

#include "acl/keyfile.h"
#include "acl/op.h"
#include "ledger/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COMMIT_TIMEOUT_MS 30000

struct words {
	const char *config;
	const char *reason;
	const char *passphrase_file;
	const char *target;
};

/* 0, or the exit code. what: of the one argument. */
static int parse(int argc, char **argv, const char *what, struct words *w)
{
	const struct word table[] = {
		{"config", &w->config, NULL},
		{"reason", &w->reason, NULL},
		{"passphrase-file", &w->passphrase_file, NULL},
	};
	char **arg;
	int args, code = WORDS_PARSE(argc, argv, table, &arg, &args);

	if (code)
		return code;
	if (args != 1 || !w->config)
		return cmd_usage(argv[0], "--config FILE and %s are needed", what);
	if (w->reason && strlen(w->reason) > OP_REASON_BYTES_MAX)
		return cmd_usage(argv[0], "--reason of more than %d bytes", OP_REASON_BYTES_MAX);
	w->target = arg[0];
	return 0;
}

/* One operation without a patient, committed. */
static int commit(struct cmd_session *s, enum op_code code, int encoded, struct buf *body)
{
	const struct tx_op op = {.code = (uint8_t)code, .body = buf_view(body)};
	const struct client_tx tx = {.ops = &op, .op_count = 1};
	struct client_result result;
	int err = encoded;

	if (!err)
		err = client_wait(s->client, 0, COMMIT_TIMEOUT_MS);
	if (!err)
		err = client_commit(s->client, &tx, COMMIT_TIMEOUT_MS, &result);
	if (!err)
		printf("committed at height %" PRIu64 "\n", result.height);
	return err;
}

/* "doctor2@hospitalB": the id follows from the text. */
static int who_is(const char *text, struct identity_id *ret_id)
{
	const char *at = strchr(text, '@');
	char name[CERT_NAME_MAX + 1];

	if (!at || at == text || !at[1] || (size_t)(at - text) > CERT_NAME_MAX)
		return err_set(CF_EUSAGE, "'%s': want NAME@ORGANIZATION", text);
	snprintf(name, sizeof(name), "%.*s", (int)(at - text), text);
	*ret_id = identity_id_of(at + 1, name);
	return 0;
}

static int change_standing(int argc, char **argv, enum op_code code)
{
	struct op_standing op = {.reason = VIEW_NONE};
	struct cmd_session s;
	struct words w;
	struct buf body;
	int err = parse(argc, argv, "NAME@ORGANIZATION", &w);

	if (err)
		return err;
	buf_init(&body, 0);
	op.reason = view_str(w.reason ? w.reason : "");
	err = who_is(w.target, &op.who);
	if (!err)
		err = cmd_session_open(w.config, true, NULL, &s);
	if (err)
		return cmd_fail(argv[0], err);
	err = commit(&s, code, op_standing_encode(&op, &body), &body);
	if (err)
		err = cmd_fail(argv[0], err);
	buf_release(&body);
	cmd_session_close(&s);
	return err;
}

int cmd_suspend(int argc, char **argv)
{
	return change_standing(argc, argv, OP_SUSPEND);
}

int cmd_reinstate(int argc, char **argv)
{
	return change_standing(argc, argv, OP_REINSTATE);
}

/* A file as chartfs-ca gencrl writes it: the list, behind it the certificates of its authority. */
static int encode_list(const char *path, struct buf *body)
{
	struct buf crl, chain[CERT_CHAIN_MAX];
	struct op_crl op;
	size_t count = 0;
	int err;

	buf_init(&crl, CERT_CRL_BYTES_MAX);
	err = cert_crl_pem_read(path, &crl);
	if (!err)
		err = cert_crl_pem_chain(path, chain, CERT_CHAIN_MAX, &count);
	if (!err) {
		op = (struct op_crl){.crl = buf_view(&crl), .count = (uint8_t)count};
		for (size_t i = 0; i < count; i++)
			op.cert[i] = buf_view(&chain[i]);
		err = op_crl_encode(&op, body);
	}
	for (size_t i = 0; i < count; i++)
		buf_release(&chain[i]);
	buf_release(&crl);
	return err;
}

int cmd_revocations(int argc, char **argv)
{
	struct cmd_session s;
	struct words w;
	struct buf body;
	int err = parse(argc, argv, "the file of a revocation list", &w);

	if (err)
		return err;
	buf_init(&body, 0);
	err = encode_list(w.target, &body);
	if (!err)
		err = cmd_session_open(w.config, true, NULL, &s);
	if (err) {
		buf_release(&body);
		return cmd_fail(argv[0], err);
	}
	err = commit(&s, OP_CRL, 0, &body);
	if (err)
		err = cmd_fail(argv[0], err);
	buf_release(&body);
	cmd_session_close(&s);
	return err;
}

/* The key the identity has on the ledger now. */
static int old_key(struct cmd_session *s, const struct identity_id *who, struct hash *ret_key)
{
	struct identity_row row;
	struct db_txn *txn;
	int err = chain_read_begin(client_chain(s->client), &txn);

	if (err)
		return err;
	err = state_identity(txn, who, &row);
	if (!err)
		*ret_key = crypto_key_fingerprint(row.sign_point);
	db_abort(txn);
	return err == CF_ENOTFOUND ? err_set(err, "this identity is not registered") : err;
}

static int encode_renewal(struct cmd_session *s, const struct identity *new, struct buf *body)
{
	struct op_renew op = {.who = new->id, .count = (uint8_t) new->chain_count};
	struct hash old, digest;
	int err = client_wait(s->client, 0, COMMIT_TIMEOUT_MS);

	for (size_t i = 0; i < new->chain_count; i++)
		op.cert[i] = buf_view(&new->chain[i]);
	if (!err)
		err = old_key(s, &new->id, &old);
	if (err)
		return err;
	digest = op_renew_digest(client_network(s->client), &new->id, &old, op.cert[0]);
	err = crypto_sign(new->sign, &digest, op.proof);
	return err ? err : op_renew_encode(&op, body);
}

/* --config: of the identity itself with its old key, or of a manager. */
int cmd_renew(int argc, char **argv)
{
	char passphrase[PASSPHRASE_BYTES_MAX + 1] = "";
	struct identity new = {0};
	struct cmd_session s;
	struct words w;
	struct buf body;
	int err = parse(argc, argv, "the directory with the new keys", &w);

	if (err)
		return err;
	err = cmd_session_open(w.config, true, NULL, &s);
	if (err)
		return cmd_fail(argv[0], err);
	buf_init(&body, 0);
	err = passphrase_get(w.passphrase_file           ? w.passphrase_file
			     : s.conf.passphrase_file[0] ? s.conf.passphrase_file
							 : NULL,
			     "passphrase of the new keys", passphrase);
	if (!err)
		err = identity_load(w.target, passphrase, &new);
	mem_wipe(passphrase, sizeof(passphrase));
	if (!err)
		err = encode_renewal(&s, &new, &body);
	if (!err)
		err = commit(&s, OP_RENEW, 0, &body);
	if (err)
		err = cmd_fail(argv[0], err);
	identity_release(&new);
	buf_release(&body);
	cmd_session_close(&s);
	return err;
}
