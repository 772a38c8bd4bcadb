/* SPDX-License-Identifier: Apache-2.0 */
/* Many threads of one mount at work on one directory. */
#include "tests/lib/chartfix.h"
#include "tests/lib/t.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static struct chartfix_user patient;

static void *hammer(void *arg)
{
	unsigned n = (unsigned)(uintptr_t)arg;
	char a[128], b[128], text[32];

	snprintf(a, sizeof a, "patients/p1/EMR04/h%u.json", n);
	snprintf(b, sizeof b, "patients/p1/EMR04/.h%u.json.AbCdEf", n);
	for (int i = 0; i < 6; i++) {
		struct chart_attr attr;

		snprintf(text, sizeof text, "[%u,%d]", n, i);
		t_zero(chartfix_write(&patient, a, text));
		t_zero(chartfix_path(&patient, a, &attr));
		attr.mtime_ns = 1000 + (uint64_t)i;
		t_zero(chart_setattr(patient.chart, &attr.place, CHART_SET_MTIME, &attr, &attr));
		snprintf(text, sizeof text, "[%u,%d,2]", n, i);
		t_zero(chartfix_write(&patient, b, text));
		t_zero(chartfix_rename(&patient, b, a));
		chartfix_holds(&patient, a, text);
	}
	t_zero(chartfix_unlink(&patient, a));
	return NULL;
}

/* Saves of many threads share a directory, whose times change all the while: none is told of a conflict. */
T_TEST(chart_many_threads_in_one_directory)
{
	struct chartfix *net;
	pthread_t thread[8];

	net = chartfix_new();
	chartfix_user(net, &patient, "patient1", ROLE_PATIENT, 0);
	t_zero(chartfix_mkdir(&patient, "patients/p1"));
	for (uintptr_t i = 0; i < 8; i++)
		t_eq(pthread_create(&thread[i], NULL, hammer, (void *)i), 0);
	for (int i = 0; i < 8; i++)
		t_eq(pthread_join(thread[i], NULL), 0);
	t_ok(strstr(chartfix_ls(&patient, "patients/p1/EMR04"), "h0.json") == NULL);
	chartfix_user_free(&patient);
	chartfix_free(net);
}

T_MAIN
