/* SPDX-License-Identifier: Apache-2.0 */
/* Open files of a mount, while something else happens: a right ends, another handle opens, closes or writes.
 */
#include "fs/chart_private.h"
#include "ledger/mem.h"
#include "tests/lib/chartfix.h"
#include "tests/lib/t.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static struct chartfix *net;
static struct chartfix_user patient, doctor;

static void setup(void)
{
	struct place p;

	if (net)
		return;
	net = chartfix_new();
	chartfix_user(net, &patient, "patient1", ROLE_PATIENT, 0);
	chartfix_user(net, &doctor, "doctor2", ROLE_DOCTOR, 1);
	t_zero(chartfix_mkdir(&patient, "patients/p1"));
	p = chartfix_place(&patient, "patients/p1");
	t_zero(chart_grant(patient.chart, &p.patient, 1u << 2 | 1u << 4, "doctor2@Birch", VERB_ALL, 0, 0));
	chartfix_catch_up(&doctor, &patient);
}

static atomic_bool stop;

static void *open_and_close(void *arg)
{
	const struct place *p = arg;
	struct chart_file *f;

	while (!stop) {
		t_zero(chart_open(patient.chart, p, CHART_READ, &f));
		chart_close(f);
	}
	return NULL;
}

/* Two that have a file open share what is staged, whoever closed it just when the first of them came. */
T_TEST(chart_handles_share_one_stage)
{
	const char *path = "patients/p1/EMR04/shared.json";
	struct chart_file *a, *b;
	struct place p;
	pthread_t thread;
	int apart = 0;

	setup();
	t_zero(chartfix_write(&patient, path, "[1]"));
	p = chartfix_place(&patient, path);
	t_eq(pthread_create(&thread, NULL, open_and_close, &p), 0);
	for (int i = 0; i < 20000 && !apart; i++) {
		t_zero(chart_open(patient.chart, &p, CHART_READ | CHART_WRITE, &a));
		t_zero(chart_open(patient.chart, &p, CHART_READ | CHART_WRITE, &b));
		apart += a->s != b->s;
		chart_close(a);
		chart_close(b);
	}
	stop = true;
	t_eq(pthread_join(thread, NULL), 0);
	t_eq(apart, 0);
}

T_TEST(chart_handles_teardown)
{
	setup();
	chartfix_user_free(&patient);
	chartfix_user_free(&doctor);
	chartfix_free(net);
}

T_MAIN
