/* SPDX-License-Identifier: Apache-2.0 */
/*
 * save.c - how long client_commit takes for one small record at a time: endorsement, ordering, own
 * verification, with four peers in this process (inproc). Microseconds.
 *
 *	save [COUNT]
 */
#include "acl/keyring.h"
#include "acl/op.h"
#include "ledger/mem.h"
#include "net/client.h"
#include "net/ticks.h"
#include "tests/lib/peerfix.h"
#include "tests/lib/tmpdir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WARM_UP 20

static void must(int err, const char *what)
{
	if (!err)
		return;
	fprintf(stderr, "save: %s: %s (%s)\n", what, err_name(err), err_detail());
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

int main(int argc, char **argv)
{
	unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 300;
	uint64_t *ns = mem_array(NULL, count, sizeof(*ns));
	const struct patient_id patient = {{7}};
	struct identity doctor;
	struct keyring *keys;
	struct peerfix *f;
	struct client_config config;
	struct client *c;
	struct node_id dir;

	if (!ns || count == 0)
		return 1;
	must(peerfix_new(&f), "fixture");
	must(netfix_person(f->n, "dr.ada", ROLE_DOCTOR, 0, &doctor), "doctor");
	must(netfix_keyring(f->n, &doctor, &keys), "keys");
	must(netfix_admit(f->n, &doctor, keys, &patient), "patient");
	dir = op_section_node(&patient, 5);
	for (unsigned i = 0; i < PEERFIX_PEERS; i++)
		must(peerfix_start(f, i), "peer");
	config = (struct client_config){
		.data_dir = tmpdir_new(), .genesis = buf_view(&f->n->genesis), .identity = &doctor};
	must(client_open(&config, &c), "client");
	must(client_wait(c, 2, 5000), "blocks");
	for (unsigned i = 0; i < count + WARM_UP; i++) {
		struct netfix_file file;
		struct client_result result;
		struct client_tx tx = {.patient = patient, .op_count = 1};
		struct tx_op op;
		char name[32];
		uint64_t start;

		snprintf(name, sizeof(name), "%u.json", i);
		f->n->now_ms = ticks_wall_ms();
		must(netfix_create(f->n, client_keyring(c), &patient, 5, &dir, name, NODE_RECORD, "{}",
				   &file),
		     "file");
		op = (struct tx_op){OP_CREATE, buf_view(&file.body)};
		tx.ops = &op;
		tx.annex = buf_view(&file.annex);
		start = now_ns();
		must(client_commit(c, &tx, 10000, &result), "commit");
		must(result.error, result.detail);
		if (i >= WARM_UP)
			ns[i - WARM_UP] = now_ns() - start;
		netfix_file_release(&file);
	}
	qsort(ns, count, sizeof(*ns), by_value);
	printf("save: p50 %.0f us  p90 %.0f us  p99 %.0f us  min %.0f us\n", (double)ns[count / 2] / 1000,
	       (double)ns[count * 9 / 10] / 1000, (double)ns[count * 99 / 100] / 1000, (double)ns[0] / 1000);
	client_close(c);
	keyring_free(keys);
	identity_release(&doctor);
	peerfix_free(f);
	mem_free(ns);
	return 0;
}
