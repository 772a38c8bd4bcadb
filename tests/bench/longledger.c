/* SPDX-License-Identifier: Apache-2.0 */
/*
 * longledger.c - makes the ledger of a stopped devnet long: real records of a doctor, blocks that the peers'
 * own keys certify, put into the stores of peer 1. The others are given copies, or have to catch up.
 *
 *	longledger DEVNET COUNT [WHO]
 *
 * Each block holds one new record of WHO (doctor1), in the sections EMR01 to EMR12 of the first patient who
 * granted them, in turn. Prints how many blocks it made, and how fast.
 */
#include "acl/keyfile.h"
#include "acl/keyring.h"
#include "acl/op.h"
#include "ledger/file.h"
#include "ledger/mem.h"
#include "net/ticks.h"
#include "tests/lib/netfix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTIONS 12
#define BLOCKS_MAX 10000000

static const char *devnet;

static void must(int err, const char *what)
{
	if (!err)
		return;
	fprintf(stderr, "longledger: %s: %s (%s)\n", what, err_name(err), err_detail());
	exit(1);
}

static void path_of(const char *below, char ret_path[FILE_PATH_MAX])
{
	must(file_path(devnet, below, ret_path), below);
}

/* The keys the devnet's peers run with, and the ledger of the first. */
static void take_over(struct netfix *n, const char *passphrase)
{
	struct genesis *g = mem_zalloc(sizeof(*g));
	char path[FILE_PATH_MAX], below[64];

	must(g ? 0 : CF_ENOMEM, "memory");
	path_of("genesis", path);
	buf_init(&n->genesis, 0);
	buf_init(&n->body, 0);
	must(genesis_read(path, &n->genesis), path);
	must(genesis_decode(buf_view(&n->genesis), g), path);
	must(g->members.count == NETFIX_ORGS ? 0 : CF_EINVAL, "a devnet of four peers is needed");
	n->network = genesis_network(buf_view(&n->genesis));
	n->endorsers = 2;
	for (unsigned i = 0; i < NETFIX_ORGS; i++) {
		snprintf(below, sizeof(below), "peer%u/identity", i + 1);
		path_of(below, path);
		must(identity_load(path, passphrase, &n->peer[i]), path);
	}
	path_of("peer1/data/chain", path);
	/* Synced when the peer opens it. */
	must(chain_open(path, buf_view(&n->genesis), CHAIN_NOSYNC, &n->chain[0]), path);
	must(apply_new(n->chain[0], false, NULL, &n->apply[0]), "ledger");
	n->chain_count = 1;
	mem_free(g);
}

static int first_patient(void *ctx, const struct patient_id *p)
{
	*(struct patient_id *)ctx = *p;
	return 1;
}

struct writer {
	struct netfix *n;
	struct identity who;
	struct keyring *keys;
	struct patient_id patient;
	uint64_t run; /* no two runs make the same names */
};

static void writer_init(struct writer *w, struct netfix *n, const char *name, const char *passphrase)
{
	char path[FILE_PATH_MAX], below[64];
	struct db_txn *txn;

	snprintf(below, sizeof(below), "who/%s", name);
	path_of(below, path);
	must(identity_load(path, passphrase, &w->who), path);
	must(netfix_keyring(n, &w->who, &w->keys), "keys");
	must(chain_read_begin(n->chain[0], &txn), "ledger");
	must(derived_patients_of(txn, &w->who.id, first_patient, &w->patient) == 1 ? 0 : CF_ENOTFOUND,
	     "a patient who granted");
	db_abort(txn);
	w->n = n;
	w->run = ticks_wall_ms();
	memcpy((uint8_t *)&n->nonce + 4, (uint8_t *)&w->run + 1, 3);
}

static void make_tx(struct writer *w, unsigned number, struct buf *tx, struct netfix_file *file)
{
	struct netfix_request *r = mem_zalloc(sizeof(*r));
	unsigned section = 1 + number % SECTIONS;
	struct node_id dir = op_section_node(&w->patient, section);
	char name[64];

	must(r ? 0 : CF_ENOMEM, "memory");
	snprintf(name, sizeof(name), "%llx-%u.json", (unsigned long long)w->run, number);
	must(netfix_create(w->n, w->keys, &w->patient, section, &dir, name, NODE_RECORD,
			   "{\"code\":\"8867-4\",\"value\":72,\"unit\":\"/min\"}", file),
	     "record");
	r->by = &w->who;
	r->patient = &w->patient;
	r->op[0] = (struct tx_op){OP_CREATE, buf_view(&file->body)};
	r->op_count = 1;
	r->annex = buf_view(&file->annex);
	must(netfix_tx(w->n, r, tx, NULL), "transaction");
	mem_free(r);
}

/* As a network would: built, certified by a quorum, committed. */
static void make_block(struct writer *w, unsigned number)
{
	struct apply_request request;
	struct netfix_file file;
	struct netfix *n = w->n;
	struct chain_head head;
	struct hash block, *ids;
	uint32_t count;
	struct buf tx;

	buf_init(&tx, 0);
	n->now_ms = ticks_wall_ms();
	chain_head(n->chain[0], &head);
	make_tx(w, number, &tx, &file);
	request = (struct apply_request){buf_view(&tx), buf_view(&file.annex)};
	buf_reset(&n->body);
	must(apply_build(n->apply[0], &request, 1, false, n->now_ms, 0, 0, &n->body, &block, &ids, &count),
	     "block");
	must(netfix_certify(n, &block, head.height + 1, &n->certificate), "certificate");
	must(apply_commit(n->apply[0], buf_view(&n->body), &n->certificate, false, VIEW_NONE, NULL, NULL),
	     "commit");
	mem_free(ids);
	netfix_file_release(&file);
	buf_release(&tx);
}

int main(int argc, char **argv)
{
	struct netfix *n = mem_zalloc(sizeof(*n));
	struct writer *w = mem_zalloc(sizeof(*w));
	char passphrase[PASSPHRASE_BYTES_MAX + 1] = "", path[FILE_PATH_MAX];
	unsigned count = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	uint64_t start;
	double seconds;

	if (!n || !w || argc < 3 || argc > 4 || count == 0 || count > BLOCKS_MAX) {
		fputs("usage: longledger DEVNET COUNT [WHO]\n", stderr);
		return 2;
	}
	devnet = argv[1];
	path_of("passphrase", path);
	must(passphrase_get(path, "", passphrase), path);
	take_over(n, passphrase);
	writer_init(w, n, argc > 3 ? argv[3] : "doctor1", passphrase);
	start = ticks_ms();
	for (unsigned i = 0; i < count; i++)
		make_block(w, i);
	seconds = (double)(ticks_ms() - start) / 1000;
	printf("%u blocks made, %.0f a second\n", count, seconds > 0 ? count / seconds : 0);
	keyring_free(w->keys);
	identity_release(&w->who);
	netfix_free(n);
	mem_free(w);
	return 0;
}
