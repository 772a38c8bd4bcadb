/* SPDX-License-Identifier: Apache-2.0 */
/* Open files of a mount, while something else happens: a right ends, another handle opens, closes or writes.
 */
#include "fs/chart_private.h"
#include "ledger/mem.h"
#include "tests/lib/chartfix.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

#include <dirent.h>
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

#define CHUNKS 24

/* Where write i goes: in order, so that chunks are sealed ahead, and then here and there. */
static uint64_t chunk_of(uint64_t i)
{
	return i / CHUNKS % 2 ? i * 7 % CHUNKS : i % CHUNKS;
}

/* Each chunk is filled with the number of its write. */
static void *write_on(void *arg)
{
	uint8_t *chunk = mem_alloc(BLOB_CHUNK_BYTES);

	for (uint64_t i = CHUNKS; !stop; i++) {
		for (size_t at = 0; at < BLOB_CHUNK_BYTES; at += sizeof i)
			memcpy(chunk + at, &i, sizeof i);
		t_zero(chart_write(arg, chunk_of(i) * BLOB_CHUNK_BYTES, VIEW(chunk, BLOB_CHUNK_BYTES)));
	}
	mem_free(chunk);
	return NULL;
}

/* All writes up to one, and none after it: that one. */
static uint64_t check_state(struct view bytes)
{
	uint64_t value[CHUNKS], last = 0;

	t_eq(bytes.len, CHUNKS * BLOB_CHUNK_BYTES);
	for (unsigned c = 0; c < CHUNKS; c++) {
		const uint8_t *chunk = bytes.data + c * BLOB_CHUNK_BYTES;

		t_ok(memcmp(chunk, chunk + 8, BLOB_CHUNK_BYTES - 8) == 0);
		memcpy(&value[c], chunk, sizeof value[c]);
		last = value[c] > last ? value[c] : last;
	}
	for (uint64_t i = last, seen = 0; seen + 1 < 1u << CHUNKS; i--) {
		uint64_t c = chunk_of(i);

		if (!(seen >> c & 1))
			t_eq(value[c], i);
		seen |= 1u << c;
	}
	return last;
}

static uint64_t check_committed(const char *path)
{
	char past[256];
	struct chart_file *f;
	struct hash hash;
	struct place p;
	struct buf out;
	uint64_t last;

	snprintf(past, sizeof past, "at/@%llu/%s", (unsigned long long)client_height(patient.client), path);
	p = chartfix_place(&patient, past);
	buf_init(&out, 0);
	t_zero(chart_open(patient.chart, &p, CHART_READ, &f));
	t_zero(chart_read(f, 0, CHUNKS * BLOB_CHUNK_BYTES, &out));
	last = check_state(buf_view(&out));
	hash = sha256(buf_view(&out));
	t_ok(tree_file_commits_to(patient.chart->tree, f->seen, &hash));
	chart_close(f);
	buf_release(&out);
	return last;
}

/* What is saved while somebody writes on is one state of the file, and has its hash. */
T_TEST(chart_save_is_of_one_moment)
{
	const char *path = "patients/p1/EMR04/scan.bin";
	struct chart_file *a, *b;
	struct chart_attr attr;
	struct place dir;
	pthread_t thread;
	uint64_t last = 0;

	setup();
	(void)chartfix_split(&patient, path, &dir);
	t_zero(chart_create(patient.chart, &dir, "scan.bin", 0644, 0, 0, CHART_WRITE, &a, &attr));
	for (uint64_t c = 0; c < CHUNKS; c++) {
		for (size_t at = 0; at < BLOB_CHUNK_BYTES; at += 4096) {
			uint64_t page[512];

			for (int i = 0; i < 512; i++)
				page[i] = c;
			t_zero(chart_write(a, c * BLOB_CHUNK_BYTES + at, VIEW(page, sizeof page)));
		}
	}
	t_zero(chart_save(a));
	t_eq(check_committed(path), CHUNKS - 1);
	t_zero(chart_open(patient.chart, chart_file_place(a), CHART_READ | CHART_WRITE, &b));
	stop = false;
	t_eq(pthread_create(&thread, NULL, write_on, b), 0);
	for (int i = 0; i < 200 && last < 8 * CHUNKS; i++) {
		t_zero(chart_save(a));
		last = check_committed(path);
	}
	stop = true;
	t_eq(pthread_join(thread, NULL), 0);
	t_zero(chart_save(a));
	t_ok(check_committed(path) >= last);
	chart_close(a);
	chart_close(b);
}

static void *rename_on(void *arg)
{
	int count = 0;

	(void)arg;
	while (!stop) {
		int err = chartfix_rename(&patient, "patients/p1/EMR04/conv.json",
					  "patients/p1/EMR04/conv.txt");

		t_ok(err == 0 || err == CF_EBUSY || err == CF_ENOTFOUND);
		count += err == 0;
		err = chartfix_rename(&patient, "patients/p1/EMR04/conv.txt", "patients/p1/EMR04/conv.json");
		t_ok(err == 0 || err == CF_EBUSY || err == CF_ENOTFOUND);
	}
	return (void *)(uintptr_t)count;
}

static int save_number(const char *path, int i)
{
	struct chart_attr attr;
	struct chart_file *f;
	char text[16];
	int err = chartfix_path(&patient, path, &attr);

	if (!err)
		err = chart_open(patient.chart, &attr.place, CHART_WRITE | CHART_TRUNC, &f);
	if (err)
		return err;
	snprintf(text, sizeof text, "%d", i);
	/* whoever could open it can save it */
	t_zero(chart_write(f, 0, view_str(text)));
	t_zero(chart_save(f));
	chart_close(f);
	return 0;
}

/* A record becomes an attachment, and back, under whoever opens it to write: nothing written is lost. */
T_TEST(chart_converts_what_nobody_writes_to)
{
	struct chart_attr attr;
	pthread_t thread;
	void *count;
	char text[16];
	int before, saved = 0, last = 0;

	setup();
	t_zero(chartfix_write(&patient, "patients/p1/EMR04/conv.json", "0"));
	before = kept(&patient);
	stop = false;
	t_eq(pthread_create(&thread, NULL, rename_on, NULL), 0);
	for (int i = 1; i < 1000 && saved < 40; i++) {
		int err =
			save_number(i % 2 ? "patients/p1/EMR04/conv.json" : "patients/p1/EMR04/conv.txt", i);

		t_ok(err == 0 || err == CF_ENOTFOUND);
		saved += err == 0;
		last = err ? last : i;
	}
	stop = true;
	t_eq(pthread_join(thread, &count), 0);
	t_ok((uintptr_t)count > 0 && saved > 0);
	t_eq(kept(&patient), before);
	snprintf(text, sizeof text, "%d", last);
	chartfix_holds(&patient,
		       chartfix_path(&patient, "patients/p1/EMR04/conv.json", &attr)
			       ? "patients/p1/EMR04/conv.txt"
			       : "patients/p1/EMR04/conv.json",
		       text);
}

static int files_in_spool(struct chartfix_user *u)
{
	DIR *d = opendir(tmpdir_path(u->dir, "spool"));
	struct dirent *e;
	int count = 0;

	t_ok(d != NULL);
	while ((e = readdir(d)) != NULL)
		count += e->d_name[0] != '.';
	closedir(d);
	return count;
}

static void wait_saved(struct chartfix_user *u)
{
	for (int i = 0; i < 500 && is_staged(u); i++)
		usleep(20000);
	t_ok(!is_staged(u));
}

static void mount_async(void)
{
	chartfix_umount(&patient);
	patient.when = CHART_COMMIT_ASYNC;
	chartfix_mount(net, &patient);
	/* the section's keys are at hand from then on */
	t_zero(chartfix_write(&patient, "patients/p1/EMR02/first.json", "[1]"));
	wait_saved(&patient);
}

static void put(struct chart_file *f, const char *bytes)
{
	t_zero(chart_truncate(f, 0));
	if (*bytes)
		t_zero(chart_write(f, 0, view_str(bytes)));
}

/* With the stage's save, so that nobody takes its result over. */
static struct chart_file *begin_save(const char *path, const char *before, const char *between)
{
	for (int tries = 0; tries < 20; tries++) {
		struct chart_file *f;
		struct place p;

		t_zero(chartfix_write(&patient, path, before));
		wait_saved(&patient);
		p = chartfix_place(&patient, path);
		t_zero(chart_open(patient.chart, &p, CHART_READ | CHART_WRITE, &f));
		put(f, between);
		t_zero(chart_save_stage(patient.chart, f->s, NULL, NULL, SAVE_NOWAIT));
		pthread_mutex_lock(&f->s->save);
		if (f->s->pending)
			return f;
		pthread_mutex_unlock(&f->s->save);
		chart_close(f);
	}
	t_fail("each save was settled at once");
}

/* What was written while a save was under way, and is what the file held before that save, is no less a
 * change. */
T_TEST(chart_saves_again_what_was_there_before_the_save_under_way)
{
	static const char *const paths[] = {"patients/p1/EMR02/back.json",
					    "patients/p1/EMR02/attachments/back",
					    "patients/p1/EMR02/attachments/empty"};
	static const char *const before[] = {"[1]", "before", ""}, *const between[] = {"[2]", "between", "x"};
	int count;

	setup();
	mount_async();
	count = kept(&patient);
	t_zero(chartfix_mkdir(&patient, "patients/p1/EMR02/attachments"));
	for (int i = 0; i < 3; i++) {
		struct chart_file *f = begin_save(paths[i], before[i], between[i]);

		put(f, before[i]);
		t_zero(chart_save(f));
		pthread_mutex_unlock(&f->s->save);
		chart_close(f);
		wait_saved(&patient);
		chartfix_holds(&patient, paths[i], before[i]);
		t_eq(kept(&patient), count);
	}
}

/* A save under way that finds its file renamed or removed by the same mount is nobody's conflict. */
T_TEST(chart_is_in_no_conflict_with_itself)
{
	static uint8_t bytes[200000];
	const char *from = "patients/p1/EMR02/attachments/from", *to = "patients/p1/EMR02/attachments/to";
	int before;

	setup();
	mount_async();
	before = kept(&patient);
	for (int i = 0; i < 12; i++) {
		struct chart_file *f;
		struct place p;

		t_zero(chartfix_write(&patient, from, "x"));
		wait_saved(&patient);
		memset(bytes, i, sizeof bytes);
		p = chartfix_place(&patient, from);
		t_zero(chart_open(patient.chart, &p, CHART_READ | CHART_WRITE, &f));
		t_zero(chart_write(f, 0, VIEW(bytes, sizeof bytes)));
		t_zero(chart_save(f));
		if (i % 3 == 0)
			t_zero(chartfix_unlink(&patient, from));
		else
			t_zero(chartfix_rename(&patient, from, to));
		if (i % 3 == 2)
			t_zero(chart_sync(f));
		chart_close(f);
		wait_saved(&patient);
		t_eq(kept(&patient), before);
		if (i % 3) {
			p = chartfix_place(&patient, to);
			t_zero(chart_open(patient.chart, &p, CHART_WRITE, &f));
			chart_close(f);
			chartfix_holds_bytes(&patient, to, bytes, sizeof bytes);
		}
	}
}

/* A killed mount leaves each save once: what was put aside for it goes with it, or before what is written
 * after. */
T_TEST(chart_puts_each_save_aside_once)
{
	struct chart_attr attr;
	struct chart_file *f;
	struct place dir;
	struct stage *s;
	int before;

	setup();
	chartfix_umount(&patient);
	patient.when = CHART_COMMIT_ASYNC;
	chartfix_mount(net, &patient);
	/* the section's keys are at hand from then on */
	t_zero(chartfix_write(&patient, "patients/p1/EMR02/first.json", "[1]"));
	for (int i = 0; i < 500 && is_staged(&patient); i++)
		usleep(20000);
	before = files_in_spool(&patient);
	chartfix_stop(net, 2);
	chartfix_stop(net, 3);
	(void)chartfix_split(&patient, "patients/p1/EMR02/x", &dir);
	t_zero(chart_create(patient.chart, &dir, "late.json", 0644, 0, 0, CHART_WRITE, &f, &attr));
	s = stage_ref(f->s);
	/* as if the worker were late */
	pthread_mutex_lock(&s->save);
	t_zero(chart_write(f, 0, view_str("[1]")));
	t_zero(chart_save(f));
	t_eq(files_in_spool(&patient), before + 1);
	attr.mode = 0600;
	t_zero(chart_setattr(patient.chart, chart_file_place(f), CHART_SET_MODE, &attr, &attr));
	t_zero(chart_save(f));
	t_eq(files_in_spool(&patient), before + 1);
	pthread_mutex_unlock(&s->save);
	for (int i = 0; i < 250; i++) {
		bool saving;

		pthread_mutex_lock(&s->save);
		saving = s->pending != NULL;
		pthread_mutex_unlock(&s->save);
		if (saving)
			break;
		t_ok(i < 249);
		usleep(20000);
	}
	t_eq(files_in_spool(&patient), before + 1);
	chart_close(f);
	chartfix_start(net, 2);
	chartfix_start(net, 3);
	for (int i = 0; i < 500 && is_staged(&patient); i++)
		usleep(20000);
	t_ok(!is_staged(&patient));
	for (int i = 0; i < 250 && files_in_spool(&patient) > before; i++)
		usleep(20000);
	t_eq(files_in_spool(&patient), before);
	stage_unref(s);
	chartfix_holds(&patient, "patients/p1/EMR02/late.json", "[1]");
	t_zero(chartfix_path(&patient, "patients/p1/EMR02/late.json", &attr));
	t_eq(attr.mode & 07777, 0600);
}

/* What was put aside and is written to again before its save begins goes when the newer bytes are put aside.
 */
T_TEST(chart_puts_newer_bytes_in_the_place_of_older_ones)
{
	const char *path = "patients/p1/EMR02/late.json";
	struct chart_file *f;
	struct place p;
	struct stage *s;
	int before;

	setup();
	before = files_in_spool(&patient);
	p = chartfix_place(&patient, path);
	t_zero(chart_open(patient.chart, &p, CHART_READ | CHART_WRITE, &f));
	s = f->s;
	pthread_mutex_lock(&s->save);
	t_zero(chart_write(f, 0, view_str("[2]")));
	t_zero(chart_sync(f));
	t_eq(files_in_spool(&patient), before + 1);
	t_ok(s->guard_durable);
	t_zero(chart_write(f, 0, view_str("[3]")));
	t_zero(chart_save(f));
	t_eq(files_in_spool(&patient), before + 1);
	t_zero(chart_write(f, 0, view_str("[4]")));
	pthread_mutex_unlock(&s->save);
	chartfix_stop(net, 2);
	chartfix_stop(net, 3);
	t_zero(chart_save_stage(patient.chart, s, NULL, NULL, SAVE_FORCE | SAVE_NOWAIT));
	t_eq(files_in_spool(&patient), before + 1);
	t_ok(s->guard == NULL && s->saving_durable);
	chartfix_start(net, 2);
	chartfix_start(net, 3);
	chart_close(f);
	for (int i = 0; i < 500 && is_staged(&patient); i++)
		usleep(20000);
	t_ok(!is_staged(&patient));
	chartfix_holds(&patient, path, "[4]");
}

T_TEST(chart_handles_teardown)
{
	setup();
	chartfix_user_free(&patient);
	chartfix_user_free(&doctor);
	chartfix_free(net);
}

T_MAIN
