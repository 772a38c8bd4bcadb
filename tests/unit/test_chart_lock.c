/* SPDX-License-Identifier: Apache-2.0 */
/* A chart while its keys are locked away, over four real peers. */
#include "ledger/mem.h"
#include "tests/lib/chartfix.h"
#include "tests/lib/t.h"

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

/* As fs/locker.c does, but for the private keys, which these identities have from no files. */
static int lock(struct chartfix_user *u)
{
	int err;

	chart_feed_attach(u->feed, NULL);
	err = chart_lock(u->chart);
	if (!err)
		client_lock(u->client);
	else
		chart_feed_attach(u->feed, u->chart);
	return err;
}

static void unlock(struct chartfix_user *u)
{
	t_zero(client_unlock(u->client));
	t_zero(chart_unlock(u->chart));
	chart_feed_attach(u->feed, u->chart);
	t_zero(client_wait(u->client, 0, CHARTFIX_PATIENCE_MS));
}

static void wait_settled(struct chartfix_user *u)
{
	for (int i = 0; i < 500 && chart_is_busy(u->chart); i++)
		usleep(20000);
	t_ok(!chart_is_busy(u->chart));
}

static struct chart_file *create(struct chartfix_user *u, const char *path)
{
	struct chart_file *f;
	struct chart_attr attr;
	struct place dir;
	const char *name = chartfix_split(u, path, &dir);

	t_zero(chart_create(u->chart, &dir, name, 0644, 0, 0, CHART_READ | CHART_WRITE, &f, &attr));
	return f;
}

static void reads(struct chart_file *f, const char *text)
{
	struct buf out;

	buf_init(&out, 0);
	t_zero(chart_read(f, 0, 65536, &out));
	t_bytes(out.data, out.len, text, strlen(text));
	buf_release(&out);
}

T_TEST(open_files_go_on_after_an_unlock)
{
	struct chart_file *open, *staged;
	struct place record, large;
	struct chart_file *blob;
	uint8_t *data = mem_zalloc(300000);
	struct buf out;

	setup();
	memset(data, 'x', 300000);
	buf_init(&out, 0);
	t_zero(chartfix_write(&patient, "patients/p1/EMR02/a.json", "[1]"));
	t_zero(chartfix_write_bytes(&patient, "patients/p1/EMR04/a.bin", data, 300000));
	record = chartfix_place(&patient, "patients/p1/EMR02/a.json");
	large = chartfix_place(&patient, "patients/p1/EMR04/a.bin");
	t_zero(chart_open(patient.chart, &record, CHART_READ, &open));
	t_zero(chart_open(patient.chart, &large, CHART_READ, &blob));
	staged = create(&patient, "patients/p1/EMR02/b.json");
	t_zero(chart_write(staged, 0, view_str("[2]")));
	wait_settled(&patient);
	t_zero(lock(&patient));
	t_err(chart_read(staged, 0, 10, &out), CF_ELOCKED);
	t_err(chart_write(staged, 0, view_str("x")), CF_ELOCKED);
	t_err(chart_save(staged), CF_ELOCKED);
	/* others go on, and nobody is told of it here */
	t_zero(chartfix_write(&doctor, "patients/p1/EMR02/a.json", "[1, 1]"));
	unlock(&patient);
	chartfix_catch_up(&patient, &doctor);
	reads(open, "[1]"); /* the version that was open, though it is one of the past */
	chartfix_holds(&patient, "patients/p1/EMR02/a.json", "[1, 1]");
	t_zero(chart_read(blob, 200000, 10, &out));
	t_bytes(out.data, out.len, "xxxxxxxxxx", 10);
	reads(staged, "[2]");
	t_zero(chart_write(staged, 0, view_str("[3]")));
	t_zero(chart_save(staged));
	chart_close(open);
	chart_close(blob);
	chart_close(staged);
	chartfix_catch_up(&doctor, &patient);
	chartfix_holds(&doctor, "patients/p1/EMR02/b.json", "[3]");
	buf_release(&out);
	mem_free(data);
}

T_TEST(what_is_closed_while_it_is_locked_is_saved_later)
{
	struct chart_file *f;
	struct place p;

	setup();
	f = create(&patient, "patients/p1/EMR04/late.txt");
	t_zero(chart_write(f, 0, view_str("late")));
	p = *chart_file_place(f);
	t_zero(chart_xattr_set(patient.chart, &p, "user.note", view_str("why"), 0));
	wait_settled(&patient);
	t_zero(lock(&patient));
	t_err(chart_save(f), CF_ELOCKED);
	chart_close(f);
	unlock(&patient);
	wait_settled(&patient);
	chartfix_holds(&patient, "patients/p1/EMR04/late.txt", "late");
	chartfix_catch_up(&doctor, &patient);
	chartfix_holds(&doctor, "patients/p1/EMR04/late.txt", "late");
}

T_TEST(a_save_under_way_is_not_locked_away)
{
	struct chart_file *f;

	setup();
	chartfix_umount(&patient);
	patient.timeout_ms = 300;
	chartfix_mount(net, &patient);
	chartfix_stop(net, 2);
	chartfix_stop(net, 3);
	f = create(&patient, "patients/p1/EMR02/q.json");
	t_zero(chart_write(f, 0, view_str("[4]")));
	t_err(chart_save(f), CF_ENOQUORUM);
	t_ok(chart_is_busy(patient.chart));
	t_err(lock(&patient), CF_EBUSY);
	reads(f, "[4]"); /* nothing happened */
	chart_close(f);
	chartfix_start(net, 2);
	chartfix_start(net, 3);
	wait_settled(&patient);
	t_zero(lock(&patient));
	unlock(&patient);
	chartfix_holds(&patient, "patients/p1/EMR02/q.json", "[4]");
}

static bool on_kept(void *ctx, const char *name, uint64_t size)
{
	(void)size;
	snprintf(ctx, 512, "%s", name);
	return strstr(name, "left.txt") == NULL;
}

T_TEST(what_a_locked_mount_leaves_is_offered_by_the_next)
{
	struct chart_file *f;
	char name[512] = "";
	struct buf out;

	setup();
	f = create(&patient, "patients/p1/EMR04/left.txt");
	t_zero(chart_write(f, 0, view_str("left")));
	wait_settled(&patient);
	t_zero(lock(&patient));
	chart_close(f);
	chartfix_umount(&patient);
	chartfix_mount(net, &patient);
	t_zero(chart_conflicts(patient.chart, on_kept, name));
	t_ok(strstr(name, "left.txt") != NULL);
	buf_init(&out, 0);
	t_zero(chart_conflict_read(patient.chart, name, &out));
	t_bytes(out.data, out.len, "left", 4);
	buf_release(&out);
}

T_TEST(teardown)
{
	setup();
	chartfix_user_free(&patient);
	chartfix_user_free(&doctor);
	chartfix_free(net);
}

T_MAIN
