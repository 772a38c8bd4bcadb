/* SPDX-License-Identifier: Apache-2.0 */
/*
 * longledger.c - makes the ledger of a stopped devnet long: real records of a doctor, blocks that the peers'
 * own keys certify, put into the stores of peer 1. The others are given copies, or have to catch up.
 *
 *	longledger DEVNET COUNT [WHO [RECORDS]]
 *
 * Each block holds one new record of WHO (doctor1), in the sections EMR01 to EMR12 of the first patient who
 * granted them, in turn. With RECORDS each holds so many, all in the directory EMR12, named 000000000.json
 *and on, many a transaction. Prints how many blocks it made, and how fast.
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
#define RECORDS_MAX 10000
#define PER_TX TX_OPS_MAX
#define RECORD "{\"code\":\"8867-4\",\"value\":72,\"unit\":\"/min\"}"

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

/* One transaction: the bodies and the annex of what it creates must outlive it. */
struct creation {
	struct netfix_file file[PER_TX];
	unsigned count;
	struct buf tx;
	struct buf annex;
};

static void add_record(struct writer *w, struct creation *c, unsigned section, const char *name)
{
	struct node_id dir = op_section_node(&w->patient, section);

	w->n->content_op = (uint16_t)c->count;
	must(netfix_create(w->n, w->keys, &w->patient, section, &dir, name, NODE_RECORD, RECORD,
			   &c->file[c->count++]),
	     "record");
}

/* netfix's files each have an annex of their own; here is one of all. */
static void make_annex(struct creation *c)
{
	static const uint8_t secret[CONTENT_SECRET_BYTES] = NETFIX_SECRET;
	struct annex_item items[PER_TX];
	struct buf body[PER_TX];

	for (unsigned i = 0; i < c->count; i++) {
		buf_init(&body[i], 0);
		must(content_secret_item((uint16_t)i, secret, &body[i]), "annex");
		items[i] = (struct annex_item){ANNEX_SECRET, buf_view(&body[i])};
	}
	must(annex_encode(items, (uint16_t)c->count, &c->annex), "annex");
	for (unsigned i = 0; i < c->count; i++)
		buf_release(&body[i]);
}

static void make_tx(struct writer *w, struct creation *c)
{
	struct netfix_request *r = mem_zalloc(sizeof(*r));

	must(r ? 0 : CF_ENOMEM, "memory");
	make_annex(c);
	r->by = &w->who;
	r->patient = &w->patient;
	for (unsigned i = 0; i < c->count; i++)
		r->op[i] = (struct tx_op){OP_CREATE, buf_view(&c->file[i].body)};
	r->op_count = c->count;
	r->annex = buf_view(&c->annex);
	must(netfix_tx(w->n, r, &c->tx, NULL), "transaction");
	mem_free(r);
}

static void creation_init(struct creation *c)
{
	c->count = 0;
	buf_init(&c->tx, 0);
	buf_init(&c->annex, 0);
}

static void creation_release(struct creation *c)
{
	for (unsigned i = 0; i < c->count; i++)
		netfix_file_release(&c->file[i]);
	buf_release(&c->tx);
	buf_release(&c->annex);
}

/* As a network would: built, certified by a quorum, committed. */
static void commit_block(struct netfix *n, const struct apply_request *requests, size_t txs)
{
	struct chain_head head;
	struct hash block, *ids;
	uint32_t count;

	chain_head(n->chain[0], &head);
	buf_reset(&n->body);
	must(apply_build(n->apply[0], requests, txs, false, n->now_ms, 0, 0, &n->body, &block, &ids, &count),
	     "block");
	must(count == txs ? 0 : CF_EINVAL, "block");
	must(netfix_certify(n, &block, head.height + 1, &n->certificate), "certificate");
	must(apply_commit(n->apply[0], buf_view(&n->body), &n->certificate, false, VIEW_NONE, NULL, NULL),
	     "commit");
	mem_free(ids);
}

static void make_block(struct writer *w, unsigned number, unsigned records)
{
	size_t txs = records ? (records + PER_TX - 1) / PER_TX : 1;
	struct apply_request *requests = mem_array(NULL, txs, sizeof(*requests));
	struct creation *c = mem_array(NULL, txs, sizeof(*c));
	unsigned made = 0;
	char name[64];

	must(requests && c ? 0 : CF_ENOMEM, "memory");
	w->n->now_ms = ticks_wall_ms();
	for (size_t i = 0; i < txs; i++) {
		creation_init(&c[i]);
		for (; made < records && c[i].count < PER_TX; made++) {
			snprintf(name, sizeof(name), "%09u.json", number * records + made);
			add_record(w, &c[i], SECTIONS, name);
		}
		if (records == 0) {
			snprintf(name, sizeof(name), "%llx-%u.json", (unsigned long long)w->run, number);
			add_record(w, &c[i], 1 + number % SECTIONS, name);
		}
		make_tx(w, &c[i]);
		requests[i] = (struct apply_request){buf_view(&c[i].tx), buf_view(&c[i].annex)};
	}
	commit_block(w->n, requests, txs);
	for (size_t i = 0; i < txs; i++)
		creation_release(&c[i]);
	mem_free(requests);
	mem_free(c);
}

int main(int argc, char **argv)
{
	struct netfix *n = mem_zalloc(sizeof(*n));
	struct writer *w = mem_zalloc(sizeof(*w));
	char passphrase[PASSPHRASE_BYTES_MAX + 1] = "", path[FILE_PATH_MAX];
	unsigned records = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 0;
	unsigned count = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	uint64_t start;
	double seconds;

	if (!n || !w || argc < 3 || argc > 5 || count == 0 || count > BLOCKS_MAX || records > RECORDS_MAX) {
		fputs("usage: longledger DEVNET COUNT [WHO [RECORDS]]\n", stderr);
		return 2;
	}
	devnet = argv[1];
	path_of("passphrase", path);
	must(passphrase_get(path, "", passphrase), path);
	take_over(n, passphrase);
	writer_init(w, n, argc > 3 ? argv[3] : "doctor1", passphrase);
	start = ticks_ms();
	for (unsigned i = 0; i < count; i++)
		make_block(w, i, records);
	seconds = (double)(ticks_ms() - start) / 1000;
	printf("%u blocks made, %.0f a second\n", count, seconds > 0 ? count / seconds : 0);
	keyring_free(w->keys);
	identity_release(&w->who);
	netfix_free(n);
	mem_free(w);
	return 0;
}
