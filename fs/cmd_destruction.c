/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_destruction.c - chartfs destruction: the certificate that an erasure was done, of a quorum of peers.
 */
#include "fs/cmd.h"
#include "fs/words.h"

#include "acl/rowread.h"
#include "acl/succession.h"
#include "ledger/file.h"
#include "ledger/mem.h"
#include "net/destroyed_ask.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_MS 30000
#define ASK_MS 15000

struct words {
	const char *tx;
	const char *config;
	const char *out;
};

/* 0, or the exit code. */
static int parse(int argc, char **argv, struct words *w, struct hash *ret_tx)
{
	const struct word table[] = {{"config", &w->config, NULL}, {"o", &w->out, NULL}};
	char **arg;
	int args, code = WORDS_PARSE(argc, argv, table, &arg, &args);

	if (code)
		return code;
	if (args != 1 || !w->config || !w->out)
		return cmd_usage(argv[0], "an erasure's transaction, --config and -o are needed");
	w->tx = arg[0];
	if (strlen(w->tx) != 2 * HASH_BYTES || hex_decode(w->tx, ret_tx->b, HASH_BYTES))
		return cmd_usage(argv[0], "'%s': a transaction has %d hexadecimal digits", w->tx,
				 2 * HASH_BYTES);
	return 0;
}

/* What the first of its operations erases, for the proof to be of. */
static int first_node(struct chain *c, struct db_txn *txn, const struct hash *id, struct node_id *ret_node)
{
	struct tx *tx = mem_alloc(sizeof(*tx));
	struct op_erase op;
	struct buf bytes;
	int err = tx ? 0 : CF_ENOMEM;

	buf_init(&bytes, TX_BYTES_MAX);
	if (!err)
		err = chain_tx_read(c, txn, id, &bytes);
	if (err == CF_ENOTFOUND)
		err = err_set(err, "there is no such transaction");
	if (!err)
		err = tx_decode(buf_view(&bytes), tx);
	if (!err && (tx->proposal.op[0].code != OP_ERASE || op_erase_decode(tx->proposal.op[0].body, &op)))
		err = err_set(CF_EINVAL, "the transaction erases nothing");
	if (!err)
		*ret_node = op.node;
	buf_release(&bytes);
	mem_free(tx);
	return err;
}

struct parts {
	struct members members;
	struct destruction d;
	struct buf proof;
	struct buf succession;
};

static int from_ledger(struct chain *c, const struct hash *tx, struct parts *p)
{
	struct db_txn *txn = NULL;
	struct node_id node;
	int err = chain_read_begin(c, &txn);

	if (!err)
		err = state_members(txn, &p->members);
	if (!err)
		err = first_node(c, txn, tx, &node);
	if (!err)
		err = proof_make(c, txn, tx, &node, NULL, &p->proof);
	if (!err)
		err = succession_make(c, txn, p->members.epoch, &p->succession);
	db_abort(txn);
	return err;
}

static int certify(struct cmd_session *s, const struct hash *tx, struct parts *p, const char *path)
{
	const struct destroyed_ask_config config = {
		.tls = &s->tls, .network = *client_network(s->client), .identity = &s->identity};
	struct proof_facts facts;
	struct members members;
	struct proof *proof = mem_alloc(sizeof(*proof));
	struct buf file;
	int err = proof ? client_wait(s->client, 0, TIMEOUT_MS) : CF_ENOMEM;

	if (!err)
		err = from_ledger(client_chain(s->client), tx, p);
	if (!err)
		err = destroyed_ask(&config, &p->members, tx, ASK_MS, &p->d);
	p->d.proof = buf_view(&p->proof);
	p->d.succession = buf_view(&p->succession);
	buf_init(&file, 0);
	if (!err)
		err = destruction_encode(&p->d, &file);
	if (!err) /* nothing is handed out that does not hold */
		err = destruction_verify(&p->d, buf_view(&s->genesis), proof, &facts, &members);
	if (!err)
		err = file_replace(path, buf_view(&file));
	if (!err)
		printf("%u of %u members say that nothing is left of it: %s\n", p->d.count, p->members.count,
		       path);
	buf_release(&file);
	mem_free(proof);
	return err;
}

int cmd_destruction(int argc, char **argv)
{
	struct words w = {NULL};
	struct cmd_session s;
	struct parts *p;
	struct hash tx;
	int err, code = parse(argc, argv, &w, &tx);

	if (code)
		return code;
	err = cmd_session_open(w.config, true, NULL, &s);
	if (err)
		return cmd_fail(argv[0], err);
	p = mem_zalloc(sizeof(*p));
	if (p) {
		buf_init(&p->proof, 0);
		buf_init(&p->succession, 0);
		err = certify(&s, &tx, p, w.out);
		buf_release(&p->proof);
		buf_release(&p->succession);
	}
	code = !p || err ? cmd_fail(argv[0], p ? err : CF_ENOMEM) : 0;
	mem_free(p);
	cmd_session_close(&s);
	return code;
}
