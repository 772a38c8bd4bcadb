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
#include <unistd.h>

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

static bool count_kept(void *ctx, const char *name, uint64_t size)
{
	(void)name;
	(void)size;
	++*(int *)ctx;
	return true;
}

static int kept(struct chartfix_user *u)
{
	int count = 0;

	t_zero(chart_conflicts(u->chart, count_kept, &count));
	return count;
}

static bool is_staged(struct chartfix_user *u)
{
	struct buf out;
	bool staged;

	buf_init(&out, 0);
	t_zero(chart_staged(u->chart, &out));
	staged = out.len > 0;
	buf_release(&out);
	return staged;
}

static void set_rights(const char *path, uint32_t section, unsigned verbs)
{
	struct place p = chartfix_place(&patient, path);

	t_zero(chart_revoke(patient.chart, &p.patient, section, "doctor2"));
	t_zero(chart_grant(patient.chart, &p.patient, section, "doctor2", verbs, 0, 0));
	chartfix_catch_up(&doctor, &patient);
}

/* What the contract alone denies, of keys that are still there, is not tried for ever. */
T_TEST(chart_denied_save_is_kept_and_told)
{
	const char *path = "patients/p1/EMR02/denied.json";
	struct chart_file *f;
	struct place p;
	int before;

	setup();
	t_zero(chartfix_write(&patient, path, "[1]"));
	chartfix_catch_up(&doctor, &patient);
	before = kept(&doctor);
	p = chartfix_place(&doctor, path);
	t_zero(chart_open(doctor.chart, &p, CHART_READ | CHART_WRITE, &f));
	set_rights("patients/p1", 1u << 2, VERB_READ | VERB_ADD);
	t_zero(chart_write(f, 0, view_str("[9]")));
	t_err(chart_save(f), CF_EDENIED);
	t_ok(is_staged(&doctor));
	chart_close(f);
	for (int i = 0; i < 250 && is_staged(&doctor); i++)
		usleep(20000);
	t_ok(!is_staged(&doctor));
	t_eq(kept(&doctor), before + 1);
	chartfix_holds(&doctor, path, "[1]");
	/* who may write again is told once that something is missing */
	set_rights("patients/p1", 1u << 2, VERB_ALL);
	t_err(chartfix_write(&doctor, path, "[2]"), CF_EDENIED);
	t_ok(strstr(err_detail(), "an earlier save") != NULL);
	p = chartfix_place(&doctor, path);
	/* a peer that has not heard of the grant yet may refuse the lease */
	for (int i = 0; i < 100 && chart_open(doctor.chart, &p, CHART_WRITE, &f); i++) {
		t_ok(strstr(err_detail(), "an earlier save") == NULL);
		t_ok(i < 99);
		usleep(20000);
	}
	chart_close(f);
	t_eq(kept(&doctor), before + 1);
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
