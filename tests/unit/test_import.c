/* SPDX-License-Identifier: Apache-2.0 */
/* fs/import.h into a plain directory. */
#include "tests/lib/t.h"
#include "fs/import.h"
#include "fs/import_names.h"
#include "ledger/file.h"
#include "tests/lib/tmpdir.h"

#include <stdio.h>
#include <sys/stat.h>

static const char *in, *to;
static char complaints[8192], planned[8192];

static void fresh(void)
{
	const char *dir = tmpdir_new();

	in = tmpdir_path(dir, "in");
	to = tmpdir_path(dir, "to");
	t_zero(file_dir_make(in));
	t_zero(file_dir_make(to));
}

/* Directories on the way are made. */
static void make(const char *name, const void *data, size_t bytes)
{
	char path[FILE_PATH_MAX];
	FILE *f;

	t_zero(file_path(in, name, path));
	for (char *slash = strchr(path + strlen(in) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		t_zero(file_dir_make(path));
		*slash = '/';
	}
	f = fopen(path, "w");
	t_ok(f);
	t_eq(fwrite(data, 1, bytes, f), bytes);
	fclose(f);
}

static void make_text(const char *name, const char *text)
{
	make(name, text, strlen(text));
}

static int run_with(struct import_options o, struct import_result *r)
{
	const char *inputs[] = {in};
	int err;

	if (!o.inputs) {
		o.inputs = inputs;
		o.input_count = 1;
	}
	o.target = to;
	memset(complaints, 0, sizeof(complaints));
	memset(planned, 0, sizeof(planned));
	o.err = fmemopen(complaints, sizeof(complaints) - 1, "w");
	o.out = fmemopen(planned, sizeof(planned) - 1, "w");
	t_ok(o.err && o.out);
	err = import_run(&o, r);
	fclose(o.err);
	fclose(o.out);
	return err;
}

static int run(struct import_result *r)
{
	return run_with((struct import_options){.threads = 3}, r);
}

static void expect(const char *name, const void *data, size_t bytes)
{
	char path[FILE_PATH_MAX];
	struct buf b;

	t_zero(file_path(to, name, path));
	buf_init(&b, 0);
	if (file_read(path, BUF_BYTES_MAX, &b) != 0)
		t_fail("%s is not there; complaints: %s", name, complaints);
	t_bytes(b.data, b.len, data, bytes);
	buf_release(&b);
}

static void expect_text(const char *name, const char *text)
{
	expect(name, text, strlen(text));
}

static bool there(const char *name)
{
	return file_exists(tmpdir_path(to, name));
}

#define PATIENT "{ \"resourceType\":\"Patient\",\n\t\"id\":\"pat-1\" ,\"name\":[{\"family\":\"Ä}\\\"\"}]}"
#define ENCOUNTER "{\"resourceType\":\"Encounter\",\"id\":\"e1\",\"class\":{\"code\":\"IMP\"}}"
#define PRESSURE                                                                                 \
	"{\"resourceType\":\"Observation\",\"id\":\"o/1\",\"category\":[{\"coding\":[{\"code\":" \
	"\"vital-signs\"}]}],\"encounter\":{\"reference\":\"urn:uuid:u-e1\"}, "                  \
	"\"valueQuantity\":{\"value\":1.50}}"
#define BUNDLE(more)                                                                                   \
	"\xef\xbb\xbf{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[\n{\"fullUrl\":" \
	"\"urn:uuid:u-p1\",\"resource\":" PATIENT "},{\"resource\":" PRESSURE                          \
	"},\n {\"fullUrl\":\"urn:uuid:u-e1\","                                                         \
	"\"resource\":" ENCOUNTER "}" more "]}\n"

T_TEST(a_bundle_is_kept_byte_for_byte)
{
	struct import_result r;
	struct stat before, after;

	fresh();
	make_text("fhir/anna-berg.json", BUNDLE(",{\"request\":{\"method\":\"DELETE\"}}"));
	make_text("anna-berg/lab/x.hl7", "MSH|^~\\&|L|A|B|C|2026||ORU^R01|1\rPID|1||zz\r");
	make_text("anna-berg/empty.bin", "");
	t_zero(run(&r));
	expect_text("anna-berg/patient.json", PATIENT);
	expect_text("anna-berg/EMR01/Patient-pat-1.json", PATIENT);
	expect_text("anna-berg/EMR08/Encounter-e1.json", ENCOUNTER);
	expect_text("anna-berg/EMR09/Encounter-e1.json", ENCOUNTER);
	expect_text("anna-berg/EMR01/attachments/anna-berg.json",
		    BUNDLE(",{\"request\":{\"method\":\"DELETE\"}}"));
	expect_text("anna-berg/EMR04/attachments/lab/x.hl7",
		    "MSH|^~\\&|L|A|B|C|2026||ORU^R01|1\rPID|1||zz\r");
	expect_text("anna-berg/EMR01/attachments/empty.bin", "");
	t_eq(r.patients, 1);
	t_eq(r.records, 5);
	t_eq(r.attachments, 3);
	t_eq(r.unchanged + r.refused + r.failed + r.skipped, 0);
	t_str(complaints, "");

	/* again: nothing is written */
	t_zero(stat(tmpdir_path(to, "anna-berg/patient.json"), &before));
	t_zero(run(&r));
	t_eq(r.unchanged, 8);
	t_zero(stat(tmpdir_path(to, "anna-berg/patient.json"), &after));
	t_eq(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}

T_TEST(the_visit_counts_and_unsafe_ids_do_not_escape)
{
	struct import_result r;
	char name[NAME_BYTES_MAX + 1], path[600];

	fresh();
	make_text("anna-berg.json", BUNDLE(""));
	t_zero(run(&r));
	import_safe_name("Observation-o/1", true, NAME_BYTES_MAX, name);
	snprintf(path, sizeof(path), "anna-berg/EMR06/%s.json", name);
	expect_text(path, PRESSURE);
}

T_TEST(bad_input_is_named_and_the_rest_goes_on)
{
	struct import_result r;

	fresh();
	make_text("a.json", "{\"resourceType\":\"Bundle\",\n \"entry\":[}");
	make_text("b.json", BUNDLE(",{\"resource\":{\"resourceType\":\"CodeSystem\",\"id\":\"c\"}},"
				   "{\"resource\":{\"resourceType\":\"AuditEvent\"}}"));
	make_text("c.json", "{\"a\":1}");
	make_text("d/Condition.ndjson", "{\"resourceType\":\"Condition\",\"id\":\"1\"}\n{oops\n\n");
	make_text("note.txt~", "scratch");
	t_err(run(&r), CF_EINVAL);
	t_ok(strstr(complaints, "a.json: line 2"));
	t_ok(strstr(complaints, "b.json: entry[3]: resources of type 'CodeSystem' have no section"));
	t_ok(strstr(complaints, "b.json: 1 Provenance or AuditEvent"));
	t_ok(strstr(complaints, "c.json: no FHIR resource"));
	t_ok(strstr(complaints, "Condition.ndjson: resource 2: not JSON"));
	t_ok(strstr(complaints, "note.txt~: left out"));
	t_eq(r.refused, 4);
	t_eq(r.skipped, 2);
	expect_text("b/EMR08/Encounter-e1.json", ENCOUNTER);
	expect_text("unassigned/EMR01/Condition-1.json", "{\"resourceType\":\"Condition\",\"id\":\"1\"}");
}

T_TEST(bulk_data_and_single_resources)
{
#define UUID "129c6ac7-8d06-89de-ad63-0204a93e76c3"
	static const char lines[] = "{\"resourceType\":\"Condition\",\"id\":\"c1\",\"encounter\":{"
				    "\"reference\":\"Encounter/e1\"}}\r\n"
				    "{\"resourceType\":\"Condition\",\"id\":\"c2\"}";
	struct import_result r;

	fresh();
	make_text("bulk/" UUID "/Condition.ndjson", lines);
	make_text("bulk/" UUID "/Encounter.ndjson", ENCOUNTER "\n");
	make_text("bulk/_shared/Location.ndjson", "{\"resourceType\":\"Location\",\"id\":\"l\"}\n");
	make_text("one/goal.json",
		  "{\"resourceType\":\"Goal\",\"id\":\"g\",\"subject\":{\"reference\":\"Patient/p5\"}}\n");
	t_zero(run(&r));
	expect_text(UUID "/EMR08/Condition-c1.json", "{\"resourceType\":\"Condition\",\"id\":\"c1\","
						     "\"encounter\":{\"reference\":\"Encounter/e1\"}}");
	expect_text(UUID "/EMR01/Condition-c2.json", "{\"resourceType\":\"Condition\",\"id\":\"c2\"}");
	expect_text(UUID "/EMR01/attachments/Condition.ndjson", lines);
	expect_text("institution/EMR16/Location-l.json", "{\"resourceType\":\"Location\",\"id\":\"l\"}");
	t_ok(there("institution/EMR16/attachments/bulk/_shared/Location.ndjson"));
	expect_text("p5/EMR06/Goal-g.json",
		    "{\"resourceType\":\"Goal\",\"id\":\"g\",\"subject\":{\"reference\":\"Patient/p5\"}}\n");
}

T_TEST(two_bundles_of_one_name_stay_two_patients)
{
	struct import_result r;

	fresh();
	make_text("a/export.json", "{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":" PATIENT "}]}");
	make_text("b/export.json",
		  "{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"resourceType\":\"Patient\","
		  "\"id\":\"pat-2\"}}]}");
	t_zero(run(&r));
	t_eq(r.patients, 2);
	expect_text("export/patient.json", PATIENT);
	expect_text("pat-2/patient.json", "{\"resourceType\":\"Patient\",\"id\":\"pat-2\"}");
	t_zero(run(&r));
	t_eq(r.unchanged, r.records + r.attachments);
}

T_TEST(a_bundle_of_several_patients)
{
	struct import_result r;

	fresh();
	make_text("all.json", "{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":" PATIENT
			      "},{\"resource\":{\"resourceType\":"
			      "\"Patient\",\"id\":\"pat-2\"}},{\"resource\":{\"resourceType\":\"Goal\","
			      "\"id\":\"g\",\"subject\":"
			      "{\"reference\":\"Patient/pat-2\"}}}]}");
	t_zero(run(&r));
	t_ok(there("pat-1/patient.json") && there("pat-2/patient.json") && there("pat-2/EMR06/Goal-g.json"));
	/* what tells of both lies with neither */
	t_ok(there("unassigned/EMR01/attachments/all.json"));
}

T_TEST(large_resources_are_attachments)
{
	static char text[IMPORT_RECORD_BYTES_MAX + 64];
	struct import_result r;
	int n;

	fresh();
	n = snprintf(text, sizeof(text), "{\"resourceType\":\"Media\",\"id\":\"m\",\"x\":\"");
	memset(text + n, 'x', IMPORT_RECORD_BYTES_MAX - (size_t)n - 2);
	memcpy(text + IMPORT_RECORD_BYTES_MAX - 2, "\"}", 2);
	make("p/at-limit.json", text, IMPORT_RECORD_BYTES_MAX);
	t_zero(run(&r));
	expect("unassigned/EMR04/Media-m.json", text, IMPORT_RECORD_BYTES_MAX);
	memcpy(text + IMPORT_RECORD_BYTES_MAX - 2, "x\"}", 3);
	make("p/at-limit.json", text, IMPORT_RECORD_BYTES_MAX + 1);
	t_zero(run(&r));
	expect("unassigned/EMR04/attachments/Media-m.json", text, IMPORT_RECORD_BYTES_MAX + 1);
}

T_TEST(media_are_kept_whole)
{
	struct import_result r;

	fresh();
	make_text("disc/DICOMDIR", "dir");
	make_text("disc/77654033/CR1/6154", "image");
	make_text("disc/README", "about");
	t_zero(run(&r));
	expect_text("unassigned/EMR04/attachments/disc/77654033/CR1/6154", "image");
	expect_text("unassigned/EMR04/attachments/disc/DICOMDIR", "dir");
	t_eq(r.skipped, 1);
}

static int admitted(void *ctx, const char *dir)
{
	int *count = ctx;

	t_ok(strstr(dir, "/anna-berg") != NULL || strstr(dir, "/someone") != NULL);
	return ++*count > 2;
}

T_TEST(options)
{
	struct import_result r;
	int count = 0;

	fresh();
	make_text("anna-berg.json", BUNDLE(""));
	make_text("scan.pdf", "%PDF-1.4");
	t_zero(run_with((struct import_options){.dry_run = true}, &r));
	t_ok(strstr(planned, "anna-berg/EMR08/Encounter-e1.json\n") &&
	     strstr(planned, "unassigned/EMR01/attachments/scan.pdf\n"));
	t_ok(!there("anna-berg"));
	t_zero(run_with(
		(struct import_options){
			.into = "someone", .section = 5, .on_patient = admitted, .ctx = &count},
		&r));
	t_eq(count, 1);
	t_eq(r.patients, 1);
	expect_text("someone/EMR05/attachments/scan.pdf", "%PDF-1.4");
	expect_text("someone/EMR08/Encounter-e1.json", ENCOUNTER);
}

T_TEST(files_of_one_name_do_not_replace_each_other)
{
	const char *inputs[2];
	struct import_result r;

	fresh();
	make_text("a/scan.pdf", "%PDF-1");
	make_text("b/scan.pdf", "%PDF-2");
	inputs[0] = tmpdir_path(in, "a/scan.pdf");
	inputs[1] = tmpdir_path(in, "b/scan.pdf");
	t_err(run_with((struct import_options){.inputs = inputs, .input_count = 2}, &r), CF_EINVAL);
	t_ok(strstr(complaints, "would replace"));
	expect_text("unassigned/EMR01/attachments/scan.pdf", "%PDF-1");
}

T_TEST(failures)
{
	const char *inputs[] = {"/nowhere/at/all"};
	struct import_result r;

	fresh();
	t_err(run_with((struct import_options){.inputs = inputs, .input_count = 1}, &r), CF_EINVAL);
	t_eq(r.refused, 1);
	/* a file where the patient's directory should be */
	make_text("x.txt", "text");
	t_zero(file_replace(tmpdir_path(to, "unassigned"), view_str("")));
	t_err(run(&r), CF_ENOTDIR);
	t_eq(r.failed, 1);
	to = tmpdir_path(to, "missing");
	t_err(run(&r), CF_ENOTFOUND);
}

T_MAIN
