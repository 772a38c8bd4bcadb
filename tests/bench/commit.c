/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit.c - how long four peers in one process (inproc) take to certify one small transaction at a time.
 *
 * Prints microseconds from the submission to the arrival of the certified block at a subscriber, and to the
 * end of its own full verification and storing. The transaction is endorsed beforehand.
 *
 *	commit [COUNT]
 */
#include "acl/keyring.h"
#include "acl/op.h"
#include "ledger/mem.h"
#include "net/ticks.h"
#include "tests/lib/peerfix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WARM_UP 20

static void must(int err, const char *what)
{
	if (!err)
		return;
	fprintf(stderr, "commit: %s: %s (%s)\n", what, err_name(err), err_detail());
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void print(const char *what, uint64_t *ns, unsigned count)
{
	qsort(ns, count, sizeof(*ns), by_value);
	printf("%-28s p50 %6.0f us  p90 %6.0f us  p99 %6.0f us  min %6.0f us\n", what,
	       (double)ns[count / 2] / 1000, (double)ns[count * 9 / 10] / 1000,
	       (double)ns[count * 99 / 100] / 1000, (double)ns[0] / 1000);
}

struct ward {
	struct peerfix *f;
	struct identity doctor;
	struct keyring *keys;
	struct patient_id patient;
	struct node_id dir;
};

static void make_tx(struct ward *w, unsigned number, struct buf *tx, struct buf *annex)
{
	struct netfix_request *r = mem_zalloc(sizeof(*r));
	struct netfix_file file;
	char name[32];

	if (!r)
		exit(1);
	snprintf(name, sizeof(name), "%u.json", number);
	w->f->n->now_ms = ticks_wall_ms();
	must(netfix_create(w->f->n, w->keys, &w->patient, 5, &w->dir, name, NODE_RECORD, "{}", &file),
	     "file");
	r->by = &w->doctor;
	r->patient = &w->patient;
	r->op[0] = (struct tx_op){OP_CREATE, buf_view(&file.body)};
	r->op_count = 1;
	r->annex = buf_view(&file.annex);
	buf_reset(tx);
	buf_reset(annex);
	must(netfix_tx(w->f->n, r, tx, NULL), "transaction");
	must(buf_append_view(annex, buf_view(&file.annex)), "annex");
	netfix_file_release(&file);
	mem_free(r);
}

int main(int argc, char **argv)
{
	unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 300;
	struct ward w = {.patient = {{7}}};
	uint64_t *arrived = mem_array(NULL, count, sizeof(*arrived)),
		 *stored = mem_array(NULL, count, sizeof(*stored));
	struct buf tx, annex;

	if (!arrived || !stored || count == 0)
		return 1;
	buf_init(&tx, 0);
	buf_init(&annex, 0);
	must(peerfix_new(&w.f), "fixture");
	must(netfix_person(w.f->n, "dr.ada", ROLE_DOCTOR, 0, &w.doctor), "doctor");
	must(netfix_keyring(w.f->n, &w.doctor, &w.keys), "keys");
	must(netfix_admit(w.f->n, &w.doctor, w.keys, &w.patient), "patient");
	w.dir = op_section_node(&w.patient, 5);
	for (unsigned i = 0; i < PEERFIX_PEERS; i++)
		must(peerfix_start(w.f, i), "peer");
	must(peerfix_follow(w.f, argc > 2 ? (unsigned)atoi(argv[2]) : 1), "client");
	for (unsigned i = 0; i < count + WARM_UP; i++) {
		uint64_t height = w.f->height + 1, start, end;

		make_tx(&w, i, &tx, &annex);
		/* What the last block left to do is not counted. */
		for (unsigned k = 0; k < PEERFIX_PEERS; k++)
			(void)peerfix_wait_peer(w.f, k, height - 1, 5000);
		start = now_ns();
		peerfix_submit(w.f, 0xf, buf_view(&tx), buf_view(&annex));
		if (!peerfix_wait_height(w.f, height, 5000)) {
			fprintf(stderr, "commit: no block %llu: refused %u: %s\n", (unsigned long long)height,
				w.f->refused, w.f->refused_detail);
			return 1;
		}
		end = now_ns();
		if (i >= WARM_UP) {
			arrived[i - WARM_UP] = w.f->arrived_ns - start;
			stored[i - WARM_UP] = end - start;
		}
	}
	print("certified block arrives", arrived, count);
	print("verified and stored", stored, count);
	return 0;
}
