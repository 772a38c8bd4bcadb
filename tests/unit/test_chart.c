/* SPDX-License-Identifier: Apache-2.0 */
/* Charts of a patient and a doctor of two hospitals, over four real peers. */
#include "tests/lib/t.h"
#include "ledger/mem.h"
#include "tests/lib/chartfix.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTIONS \
	"EMR01 EMR02 EMR03 EMR04 EMR05 EMR06 EMR07 EMR08 EMR09 EMR10 EMR11 EMR12 EMR13 EMR14 EMR15 EMR16"

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

T_TEST(chart_tree_has_the_shape_of_the_design)
{
	struct chart_attr attr;

	setup();
	t_str(chartfix_ls(&patient, ""), "patients people");
	t_str(chartfix_ls(&patient, "patients"), "p1");
	t_str(chartfix_ls(&patient, "patients/p1"), "ACCESS " SECTIONS);
	t_str(chartfix_ls(&doctor, "patients"), "p1");
	t_zero(chartfix_path(&patient, "patients/p1/EMR05", &attr));
	t_ok(S_ISDIR(attr.mode));
	t_eq(attr.nlink, 2);
	t_err(chartfix_path(&patient, "patients/p2", &attr), CF_ENOTFOUND);
	t_err(chartfix_mkdir(&patient, "patients/p1"), CF_EEXIST);
	t_ok(strstr(chartfix_ls(&patient, "people"), "doctor2@") != NULL);
	/* whose section is not granted: seen, not entered */
	t_zero(chartfix_path(&doctor, "patients/p1/EMR13", &attr));
	t_err(chart_access(doctor.chart, &attr.place, X_OK), CF_EDENIED);
	t_err(chartfix_path(&doctor, "patients/p1/EMR13/x.json", &attr), CF_EDENIED);
}

/* Staff admits into its custodian's custody; two patients of one pseudonym are told apart the same way on all
 * mounts. */
T_TEST(chart_patients_of_equal_names)
{
	struct chartfix_user manager, other;
	struct place first, second, seen;
	char name[64], hex[9];

	setup();
	chartfix_user(net, &manager, "manager1", ROLE_MANAGER, 0);
	chartfix_user(net, &other, "patient2", ROLE_PATIENT, 2);
	t_zero(chartfix_mkdir(&other, "patients/dup"));
	first = chartfix_place(&other, "patients/dup");
	t_zero(chart_grant(other.chart, &first.patient, 1u << 3, "doctor2", VERB_READ, 0, 0));
	t_zero(chartfix_mkdir(&manager, "patients/dup"));
	second = chartfix_place(&manager, "patients/dup");
	t_zero(chartfix_write(&manager, "patients/dup/EMR09/in.json", "{}"));
	t_zero(chart_grant(manager.chart, &second.patient, 1u << 3, "doctor2@Birch", VERB_READ | VERB_ADD, 0,
			   0));
	chartfix_catch_up(&doctor, &manager);
	hex_encode(second.patient.b, 4, hex);
	snprintf(name, sizeof name, "patients/dup~%s", hex);
	seen = chartfix_place(&doctor, "patients/dup");
	t_bytes(seen.patient.b, PATIENT_BYTES, first.patient.b, PATIENT_BYTES);
	seen = chartfix_place(&doctor, name);
	t_bytes(seen.patient.b, PATIENT_BYTES, second.patient.b, PATIENT_BYTES);
	snprintf(name, sizeof name, "dup dup~%s p1", hex);
	t_str(chartfix_ls(&doctor, "patients"), name);
	t_str(chartfix_ls(&other, "patients"), "dup");
	chartfix_user_free(&manager);
	chartfix_user_free(&other);
}

T_TEST(chart_records_are_read_at_another_hospital)
{
	struct chart_facts facts;
	struct place p;

	setup();
	t_zero(chartfix_write(&patient, "patients/p1/EMR02/a.json", "{\"a\":1}"));
	chartfix_holds(&patient, "patients/p1/EMR02/a.json", "{\"a\":1}");
	chartfix_catch_up(&doctor, &patient);
	chartfix_holds(&doctor, "patients/p1/EMR02/a.json", "{\"a\":1}");
	t_zero(chartfix_write(&doctor, "patients/p1/EMR02/a.json", "{\"a\":2}"));
	chartfix_catch_up(&patient, &doctor);
	chartfix_holds(&patient, "patients/p1/EMR02/a.json", "{\"a\":2}");
	p = chartfix_place(&patient, "patients/p1/EMR02/a.json");
	t_zero(chart_facts(patient.chart, &p, &facts));
	t_eq(facts.version, 2);
	t_ok(strncmp(facts.author, "doctor2@", 8) == 0);
	t_str(chartfix_versions(&patient, "patients/p1/EMR02/a.json"), "1 2");
}

T_TEST(chart_commits_only_what_changed)
{
	const char *path = "patients/p1/EMR02/once.json";
	struct chart_file *f;
	struct chart_attr attr;
	struct place dir;
	uint64_t before;
	const char *name;

	setup();
	name = chartfix_split(&patient, path, &dir);
	before = chartfix_txs(&patient);
	/* a shell: create, flush before the first byte, write, flush, flush */
	t_zero(chart_create(patient.chart, &dir, name, 0640, 5, 6, CHART_WRITE, &f, &attr));
	t_eq(attr.mode, S_IFREG | 0640);
	t_zero(chart_save(f));
	t_eq(chartfix_txs(&patient), before);
	t_zero(chart_write(f, 0, view_str("[1]")));
	attr.mode = 0600;
	attr.mtime_ns = 1234567890123456789;
	t_zero(chart_setattr(patient.chart, chart_file_place(f), CHART_SET_MODE | CHART_SET_MTIME, &attr,
			     &attr));
	t_zero(chart_save(f));
	t_zero(chart_save(f));
	chart_close(f);
	t_eq(chartfix_txs(&patient), before + 1);
	t_zero(chartfix_path(&patient, path, &attr));
	t_eq(attr.mode, S_IFREG | 0600);
	t_eq(attr.mtime_ns, 1234567890123456789);
	t_eq(attr.uid, 5);
	t_eq(attr.size, 3);
	/* the same again is no transaction, neither are attributes that are so already */
	t_zero(chartfix_write(&patient, path, "[1]"));
	t_zero(chart_setattr(patient.chart, &attr.place, CHART_SET_MODE | CHART_SET_UID, &attr, &attr));
	t_eq(chartfix_txs(&patient), before + 1);
	t_zero(chartfix_write(&patient, path, "[2]"));
	t_eq(chartfix_txs(&patient), before + 2);
}

T_TEST(chart_refuses_what_is_no_record)
{
	struct chart_file *f;
	struct chart_attr attr;
	struct place dir;
	char *big = mem_alloc(70001);

	setup();
	memset(big, ' ', 70000);
	memcpy(big, "[1]", 3);
	big[70000] = 0;
	t_err(chartfix_write(&patient, "patients/p1/EMR02/bad.json", "{bad"), CF_EINVAL);
	t_err(chartfix_write(&patient, "patients/p1/EMR02/big.json", big), CF_ETOOBIG);
	t_err(chartfix_write(&patient, "patients/p1/EMR02/a.json", "{bad"), CF_EINVAL);
	chartfix_holds(&patient, "patients/p1/EMR02/a.json", "{\"a\":2}");
	for (int i = 0;
	     i < 100 && chartfix_path(&patient, "patients/p1/EMR02/bad.json", &attr) != CF_ENOTFOUND; i++)
		usleep(20000);
	t_err(chartfix_path(&patient, "patients/p1/EMR02/bad.json", &attr), CF_ENOTFOUND);
	t_zero(chartfix_write(&patient, "patients/p1/EMR02/bad.txt", "{bad"));
	t_err(chartfix_write(&patient, "patients/p1/other.txt", "x"), CF_EDENIED);
	t_zero(chartfix_write(&patient, "patients/p1/patient.json", "{}"));
	mem_free(big);
	(void)chartfix_split(&patient, "patients/p1/EMR02/.history", &dir);
	t_err(chart_create(patient.chart, &dir, ".history", 0644, 0, 0, CHART_WRITE, &f, &attr), CF_EPERM);
}

T_TEST(chart_empty_files_are_committed_when_closed)
{
	struct chart_file *f;
	struct chart_attr attr;
	struct place dir;

	setup();
	(void)chartfix_split(&patient, "patients/p1/EMR04/touched.json", &dir);
	t_zero(chart_create(patient.chart, &dir, "touched.json", 0644, 0, 0, CHART_WRITE, &f, &attr));
	t_zero(chart_save(f));
	chart_close(f);
	for (int i = 0; i < 250; i++) {
		t_zero(chartfix_path(&patient, "patients/p1/EMR04/touched.json", &attr));
		if (attr.place.kind == PLACE_NODE)
			break;
		usleep(20000);
	}
	t_eq(attr.place.kind, PLACE_NODE);
	t_eq(attr.size, 0);
	chartfix_holds(&patient, "patients/p1/EMR04/touched.json", "");
	t_zero(chartfix_write(&patient, "patients/p1/EMR04/touched.json", "[]"));
	chartfix_catch_up(&doctor, &patient);
	chartfix_holds(&doctor, "patients/p1/EMR04/touched.json", "[]");
}

/* What vim, sed -i, rsync and dcmodify do is one version of one history. */
T_TEST(chart_editors_make_one_version)
{
	uint64_t before;

	setup();
	t_zero(chartfix_write(&patient, "patients/p1/EMR02/e.json", "[1]"));
	before = chartfix_txs(&patient);
	/* sed -i, rsync */
	t_zero(chartfix_write(&patient, "patients/p1/EMR02/sedABCDEF", "[2]"));
	t_eq(chartfix_txs(&patient), before);
	t_zero(chartfix_rename(&patient, "patients/p1/EMR02/sedABCDEF", "patients/p1/EMR02/e.json"));
	t_eq(chartfix_txs(&patient), before + 1);
	chartfix_holds(&patient, "patients/p1/EMR02/e.json", "[2]");
	t_str(chartfix_versions(&patient, "patients/p1/EMR02/e.json"), "1 2");
	/* vim */
	t_zero(chartfix_rename(&patient, "patients/p1/EMR02/e.json", "patients/p1/EMR02/e.json~"));
	t_ok(strstr(chartfix_ls(&patient, "patients/p1/EMR02"), "e.json~") != NULL);
	chartfix_holds(&patient, "patients/p1/EMR02/e.json~", "[2]");
	t_zero(chartfix_write(&patient, "patients/p1/EMR02/e.json", "[3]"));
	t_zero(chartfix_unlink(&patient, "patients/p1/EMR02/e.json~"));
	t_eq(chartfix_txs(&patient), before + 2);
	t_str(chartfix_versions(&patient, "patients/p1/EMR02/e.json"), "1 2 3");
	/* away and back: nothing */
	t_zero(chartfix_rename(&patient, "patients/p1/EMR02/e.json", "patients/p1/EMR02/e.json.bak"));
	t_zero(chartfix_rename(&patient, "patients/p1/EMR02/e.json.bak", "patients/p1/EMR02/e.json"));
	chartfix_holds(&patient, "patients/p1/EMR02/e.json", "[3]");
	t_eq(chartfix_txs(&patient), before + 2);
	/* away and removed: a deletion */
	t_zero(chartfix_rename(&patient, "patients/p1/EMR02/e.json", "patients/p1/EMR02/e.json~"));
	t_zero(chartfix_unlink(&patient, "patients/p1/EMR02/e.json~"));
	t_str(chartfix_versions(&patient, "patients/p1/EMR02/e.json"), "1 2 3 4d");
	t_zero(chartfix_write(&patient, "patients/p1/EMR02/e.json", "[5]"));
	t_str(chartfix_versions(&patient, "patients/p1/EMR02/e.json"), "1 2 3 4d 5");
}

T_TEST(chart_conflict_goes_to_the_second_writer)
{
	const char *path = "patients/p1/EMR02/c.json";
	struct chart_file *f;
	struct place p;

	setup();
	t_zero(chartfix_write(&patient, path, "[1]"));
	chartfix_catch_up(&doctor, &patient);
	p = chartfix_place(&doctor, path);
	t_zero(chart_open(doctor.chart, &p, CHART_READ | CHART_WRITE | CHART_TRUNC, &f));
	t_zero(chartfix_write(&patient, path, "[2]"));
	t_zero(chart_write(f, 0, view_str("[9]")));
	t_err(chart_save(f), CF_ECONFLICT);
	t_err(chart_save(f), CF_ECONFLICT);
	t_zero(chart_save(f));
	chart_close(f);
	chartfix_catch_up(&doctor, &patient);
	chartfix_holds(&doctor, path, "[2]");
	t_err(chartfix_write(&doctor, path, "[3]"), CF_ECONFLICT);
	t_zero(chartfix_write(&doctor, path, "[3]"));
}

struct kept {
	int count;
	char name[256];
};

static bool on_kept(void *ctx, const char *name, uint64_t size)
{
	struct kept *k = ctx;

	if (size == 3)
		snprintf(k->name, sizeof k->name, "%s", name);
	k->count++;
	return true;
}

T_TEST(chart_conflicts_are_kept_over_a_remount)
{
	struct kept kept = {0};
	struct buf out;
	int left;

	setup();
	chartfix_umount(&doctor);
	chartfix_mount(net, &doctor);
	chartfix_catch_up(&doctor, &patient);
	t_zero(chart_conflicts(doctor.chart, on_kept, &kept));
	t_ok(kept.count >= 1 && strstr(kept.name, "c.json") != NULL);
	buf_init(&out, 0);
	t_zero(chart_conflict_read(doctor.chart, kept.name, &out));
	t_bytes(out.data, out.len, "[9]", 3);
	buf_release(&out);
	t_err(chart_conflict_read(doctor.chart, "no-such", &out), CF_ENOTFOUND);
	t_err(chart_conflict_remove(doctor.chart, "no-such"), CF_ENOTFOUND);
	left = kept.count - 1;
	t_zero(chart_conflict_remove(doctor.chart, kept.name));
	t_err(chart_conflict_read(doctor.chart, kept.name, &out), CF_ENOTFOUND);
	kept.count = 0;
	t_zero(chart_conflicts(doctor.chart, on_kept, &kept));
	t_eq(kept.count, left);
}

T_TEST(chart_attachments_of_any_size)
{
	const char *path = "patients/p1/EMR04/attachments/ct.dcm";
	size_t size = 5 * 1000 * 1000;
	uint8_t *data = mem_alloc(size);
	struct chart_file *f;
	struct place p;

	setup();
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(i * 7 + i / 4096 + (i >> 16) * 31);
	t_zero(chartfix_mkdir(&patient, "patients/p1/EMR04/attachments"));
	t_zero(chartfix_write_bytes(&patient, path, data, size));
	chartfix_holds_bytes(&patient, path, data, size);
	chartfix_catch_up(&doctor, &patient);
	chartfix_holds_bytes(&doctor, path, data, size);
	/* the middle, at the other hospital */
	p = chartfix_place(&doctor, path);
	t_zero(chart_open(doctor.chart, &p, CHART_READ | CHART_WRITE, &f));
	memset(data + 3000000, 'x', 4096);
	t_zero(chart_write(f, 3000000, VIEW(data + 3000000, 4096)));
	t_zero(chart_save(f));
	chart_close(f);
	chartfix_catch_up(&patient, &doctor);
	chartfix_holds_bytes(&patient, path, data, size);
	/* shorter, and longer again with a hole */
	t_zero(chart_open(patient.chart, &p, CHART_READ | CHART_WRITE, &f));
	{
		struct chart_attr attr = {.size = 1000000};

		t_zero(chart_setattr(patient.chart, &p, CHART_SET_SIZE, &attr, &attr));
		attr.size = 2000000;
		t_zero(chart_setattr(patient.chart, &p, CHART_SET_SIZE, &attr, &attr));
	}
	t_zero(chart_save(f));
	chart_close(f);
	memset(data + 1000000, 0, 1000000);
	chartfix_catch_up(&doctor, &patient);
	chartfix_holds_bytes(&doctor, path, data, 2000000);
	/* JSON below attachments need not be JSON */
	t_zero(chartfix_write(&patient, "patients/p1/EMR04/attachments/x.json", "{bad"));
	mem_free(data);
}

T_TEST(chart_renames_and_removals)
{
	struct chart_attr attr;
	struct place dir;

	setup();
	t_zero(chartfix_mkdir(&patient, "patients/p1/EMR04/d"));
	t_zero(chartfix_write(&patient, "patients/p1/EMR04/d/r.json", "[1]"));
	t_zero(chartfix_rename(&patient, "patients/p1/EMR04/d/r.json", "patients/p1/EMR04/d/s.json"));
	t_str(chartfix_ls(&patient, "patients/p1/EMR04/d"), "s.json");
	t_err(chartfix_rename(&patient, "patients/p1/EMR04/d/s.json", "patients/p1/EMR02/s.json"), CF_EXDEV);
	/* record to attachment and back */
	t_zero(chartfix_rename(&patient, "patients/p1/EMR04/d/s.json", "patients/p1/EMR04/d/s.txt"));
	chartfix_holds(&patient, "patients/p1/EMR04/d/s.txt", "[1]");
	t_zero(chartfix_rename(&patient, "patients/p1/EMR04/d/s.txt", "patients/p1/EMR04/d/s.json"));
	chartfix_holds(&patient, "patients/p1/EMR04/d/s.json", "[1]");
	(void)chartfix_split(&patient, "patients/p1/EMR04/d", &dir);
	t_err(chart_rmdir(patient.chart, &dir, "d"), CF_ENOTEMPTY);
	t_zero(chartfix_rename(&patient, "patients/p1/EMR04/d", "patients/p1/EMR04/e"));
	t_zero(chartfix_unlink(&patient, "patients/p1/EMR04/e/s.json"));
	t_zero(chart_rmdir(patient.chart, &dir, "e"));
	t_err(chartfix_path(&patient, "patients/p1/EMR04/e", &attr), CF_ENOTFOUND);
	t_err(chart_rmdir(patient.chart, &dir, "EMR04"), CF_ENOTFOUND);
	/* scratch names stay here */
	t_zero(chartfix_mkdir(&patient, "patients/p1/EMR04/.~tmp~"));
	t_zero(chartfix_write(&patient, "patients/p1/EMR04/.~tmp~/f.json", "[7]"));
	t_zero(chartfix_rename(&patient, "patients/p1/EMR04/.~tmp~/f.json", "patients/p1/EMR04/f.json"));
	chartfix_catch_up(&doctor, &patient);
	chartfix_holds(&doctor, "patients/p1/EMR04/f.json", "[7]");
	t_err(chartfix_path(&doctor, "patients/p1/EMR04/.~tmp~", &attr), CF_ENOTFOUND);
	t_zero(chart_rmdir(patient.chart, &dir, ".~tmp~"));
}

T_TEST(chart_symlinks)
{
	struct chart_attr attr;
	struct place dir;
	struct buf out;

	setup();
	(void)chartfix_split(&patient, "patients/p1/EMR02/link", &dir);
	buf_init(&out, 0);
	t_zero(chart_symlink(patient.chart, &dir, "link", "a.json", 1, 1, &attr));
	t_ok(S_ISLNK(attr.mode) && attr.size == 6);
	t_zero(chart_readlink(patient.chart, &attr.place, &out));
	t_bytes(out.data, out.len, "a.json", 6);
	t_zero(chart_symlink(patient.chart, &dir, ".#a.json", "me@host.1", 1, 1, &attr));
	t_eq(attr.place.kind, PLACE_LOCAL);
	t_zero(chartfix_unlink(&patient, "patients/p1/EMR02/.#a.json"));
	t_zero(chartfix_unlink(&patient, "patients/p1/EMR02/link"));
	buf_release(&out);
}

T_TEST(chart_the_past_is_read_only_and_complete)
{
	struct chart_attr attr;
	struct chart_file *f;
	char path[512];
	uint64_t height;
	const char *list;

	setup();
	t_zero(chartfix_write(&patient, "patients/p1/EMR02/h.json", "[1]"));
	height = client_height(patient.client);
	t_zero(chartfix_write(&patient, "patients/p1/EMR02/h.json", "[1,2]"));
	t_zero(chartfix_unlink(&patient, "patients/p1/EMR02/h.json"));
	snprintf(path, sizeof path, "at/@%llu/patients/p1/EMR02/h.json", (unsigned long long)height);
	chartfix_holds(&patient, path, "[1]");
	t_zero(chartfix_path(&patient, path, &attr));
	t_eq(attr.mode & 0222, 0);
	t_eq(attr.size, 3);
	t_err(chart_open(patient.chart, &attr.place, CHART_WRITE, &f), CF_EROFS);
	t_err(chart_access(patient.chart, &attr.place, W_OK), CF_EROFS);
	t_err(chartfix_path(&patient, "at/@999999", &attr), CF_ENOTFOUND);
	t_zero(chartfix_path(&patient, "at/latest/patients/p1/EMR02/a.json", &attr));
	t_err(chartfix_path(&patient, "at/1999-01-01", &attr), CF_ENOTFOUND);
	snprintf(path, sizeof path, "at/@%llu/patients/p1/EMR02", (unsigned long long)height);
	t_ok(strstr(chartfix_ls(&patient, path), "h.json") != NULL);
	t_ok(strstr(chartfix_ls(&patient, "patients/p1/EMR02"), "h.json") == NULL);
	/* every version, also of what is gone */
	t_str(chartfix_versions(&patient, "patients/p1/EMR02/h.json"), "1 2 3d");
	list = chartfix_ls(&patient, "patients/p1/EMR02/.history/h.json");
	t_ok(strncmp(list, "0001-", 5) == 0 && strstr(list, " 0002-") && strstr(list, "-deleted.json"));
	snprintf(path, sizeof path, "patients/p1/EMR02/.history/h.json/%.*s", (int)strcspn(list, " "), list);
	chartfix_holds(&patient, path, "[1]");
	t_ok(strstr(chartfix_ls(&patient, "patients/p1/EMR02"), ".history") == NULL);
	/* no grant, no past */
	snprintf(path, sizeof path, "at/@%llu/patients/p1/EMR13/x.json", (unsigned long long)height);
	chartfix_catch_up(&doctor, &patient);
	t_err(chartfix_path(&doctor, path, &attr), CF_EDENIED);
}

T_TEST(chart_revocation_takes_effect)
{
	struct place p;
	struct chart_attr attr;

	setup();
	p = chartfix_place(&patient, "patients/p1");
	t_zero(chartfix_write(&patient, "patients/p1/EMR02/v.json", "[1]"));
	t_zero(chart_revoke(patient.chart, &p.patient, 1u << 2, "doctor2"));
	chartfix_catch_up(&doctor, &patient);
	t_err(chartfix_path(&doctor, "patients/p1/EMR02/v.json", &attr), CF_EDENIED);
	t_err(chartfix_write(&doctor, "patients/p1/EMR02/w.json", "[1]"), CF_EDENIED);
	t_zero(chartfix_write(&patient, "patients/p1/EMR02/v.json", "[2]"));
	t_zero(chart_grant(patient.chart, &p.patient, 1u << 2, "doctor2", VERB_READ, 0, 0));
	chartfix_catch_up(&doctor, &patient);
	chartfix_holds(&doctor, "patients/p1/EMR02/v.json", "[2]");
	t_err(chartfix_write(&doctor, "patients/p1/EMR02/v.json", "[3]"), CF_EDENIED);
	t_zero(chart_grant(patient.chart, &p.patient, 1u << 2, "doctor2", VERB_ALL, 0, 0));
	chartfix_catch_up(&doctor, &patient);
}

T_TEST(chart_times_are_committed_within_a_second)
{
	struct chart_attr attr, want;

	setup();
	t_zero(chartfix_write(&patient, "patients/p1/EMR02/t.json", "[1]"));
	t_zero(chartfix_path(&patient, "patients/p1/EMR02/t.json", &attr));
	want = attr;
	want.mtime_ns = 1000000000000000001;
	t_zero(chart_setattr(patient.chart, &attr.place, CHART_SET_MTIME, &want, &attr));
	t_eq(attr.mtime_ns, 1000000000000000001);
	for (int i = 0; i < 400; i++) {
		chartfix_catch_up(&doctor, &patient);
		t_zero(chartfix_path(&doctor, "patients/p1/EMR02/t.json", &attr));
		if (attr.mtime_ns == want.mtime_ns)
			break;
		usleep(20000);
	}
	t_eq(attr.mtime_ns, 1000000000000000001);
	t_zero(chartfix_path(&patient, "patients/p1/EMR02/t.json", &attr));
	t_eq(attr.mtime_ns, 1000000000000000001);
}

struct seen {
	_Atomic int nodes, entries, gone;
	struct place child;
	char name[256];
};

static void on_node(void *ctx, const struct place *node, bool content)
{
	(void)node;
	((struct seen *)ctx)->nodes += content;
}

static void on_entry(void *ctx, const struct place *dir, const char *name, const struct place *child,
		     bool gone)
{
	struct seen *s = ctx;

	(void)dir;
	s->child = *child;
	s->gone += gone;
	snprintf(s->name, sizeof s->name, "%s", name);
	s->entries++;
}

static void on_patients(void *ctx)
{
	(void)ctx;
}

T_TEST(chart_tells_of_changes_by_others_only)
{
	static struct seen seen;
	struct chart_observer observer = {&seen, on_node, on_entry, on_patients};

	setup();
	chart_observe(patient.chart, &observer);
	t_zero(chartfix_write(&patient, "patients/p1/EMR02/o.json", "[1]"));
	t_zero(chartfix_write(&patient, "patients/p1/EMR02/o.json", "[2]"));
	t_eq(seen.entries, 0);
	chartfix_catch_up(&doctor, &patient);
	t_zero(chartfix_write(&doctor, "patients/p1/EMR02/o.json", "[3]"));
	chartfix_catch_up(&patient, &doctor);
	t_ok(seen.nodes > 0);
	t_zero(chartfix_unlink(&doctor, "patients/p1/EMR02/o.json"));
	chartfix_catch_up(&patient, &doctor);
	t_eq(seen.entries, 1);
	t_eq(seen.gone, 1);
	t_str(seen.name, "o.json");
	t_eq(seen.child.type, NODE_RECORD);
	t_zero(chartfix_mkdir(&doctor, "patients/p1/EMR02/new"));
	chartfix_catch_up(&patient, &doctor);
	t_ok(seen.entries == 2 && seen.gone == 1);
	t_str(seen.name, "new");
	t_eq(seen.child.type, NODE_DIR);
	observer.on_node = NULL;
	observer.on_entry = NULL;
	observer.on_patients = NULL;
	chart_observe(patient.chart, &observer);
}

T_TEST(chart_without_quorum_keeps_what_was_written)
{
	struct chart_file *f;
	struct chart_attr attr;
	struct place dir;
	struct buf out;

	setup();
	chartfix_umount(&patient);
	patient.timeout_ms = 700;
	chartfix_mount(net, &patient);
	chartfix_stop(net, 2);
	chartfix_stop(net, 3);
	(void)chartfix_split(&patient, "patients/p1/EMR02/q.json", &dir);
	t_zero(chart_create(patient.chart, &dir, "q.json", 0644, 0, 0, CHART_WRITE, &f, &attr));
	t_zero(chart_write(f, 0, view_str("[1]")));
	t_err(chart_save(f), CF_ENOQUORUM);
	chart_close(f);
	buf_init(&out, 0);
	t_zero(chart_staged(patient.chart, &out));
	t_ok(memmem(out.data, out.len, "q.json", 6) != NULL);
	chartfix_holds(&patient, "patients/p1/EMR02/q.json", "[1]");
	chartfix_start(net, 2);
	chartfix_start(net, 3);
	for (int i = 0; i < 500; i++) {
		buf_reset(&out);
		t_zero(chart_staged(patient.chart, &out));
		if (out.len == 0)
			break;
		usleep(20000);
	}
	t_eq(out.len, 0);
	t_zero(chartfix_path(&patient, "patients/p1/EMR02/q.json", &attr));
	t_eq(attr.place.kind, PLACE_NODE);
	t_str(chartfix_versions(&patient, "patients/p1/EMR02/q.json"), "1");
	buf_release(&out);
}

T_TEST(chart_teardown)
{
	setup();
	chartfix_user_free(&patient);
	chartfix_user_free(&doctor);
	chartfix_free(net);
}

T_MAIN
