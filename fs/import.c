/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/import.h"

#include "fs/import_private.h"
#include "ledger/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The first bytes of a file, as many as there are up to IMPORT_HEAD_BYTES. */
static int read_head(const char *path, struct buf *ret_head)
{
	uint8_t *start;
	ssize_t n = 0;
	int fd, err = buf_extend(ret_head, IMPORT_HEAD_BYTES, &start);

	if (err)
		return err;
	ret_head->len = 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_from_errno(errno);
	while (ret_head->len < IMPORT_HEAD_BYTES) {
		n = read(fd, start + ret_head->len, IMPORT_HEAD_BYTES - ret_head->len);
		if (n <= 0)
			break;
		ret_head->len += (size_t)n;
	}
	close(fd);
	return n < 0 ? CF_EIO : 0;
}

/* What is not FHIR: kept as it is. */
static int place_file(struct import_run *run, const struct import_file *file)
{
	const char *name = strrchr(file->path, '/') + 1;
	char id[IMPORT_ID_BYTES] = "";
	struct import_where where;
	unsigned section;
	struct buf head;
	int err;

	buf_init(&head, 0);
	err = read_head(file->path, &head);
	if (err && err != CF_ENOMEM) {
		import_report_count(run->report, IMPORT_REFUSED, 0);
		import_report_say(run->report, "%s: %s", file->path, err_text(err));
		buf_release(&head);
		return 0;
	}
	if (!err) {
		section = run->options->section ? run->options->section
						: import_section_of_file(file->kind, name, buf_view(&head));
		import_patient_of_file(file->kind, buf_view(&head), id, sizeof(id));
		import_where(run, file, SCOPE_PATIENT, id, &where);
		err = import_keep_file(run, file, &where, section);
	}
	buf_release(&head);
	return err;
}

static int place_all(struct import_run *run)
{
	int err = 0;

	for (size_t i = 0; i < run->files.count && !err; i++) {
		const struct import_file *file = &run->files.files[i];
		bool fhir = file->kind == IMPORT_FHIR || file->kind == IMPORT_NDJSON;

		err = fhir ? import_fhir(run, file) : place_file(run, file);
	}
	return err;
}

static int check_target(const struct import_options *options)
{
	struct stat st;

	if (stat(options->target, &st) != 0)
		return err_set(err_from_errno(errno), "%s: %s", options->target, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return err_set(CF_ENOTDIR, "%s: not a directory", options->target);
	return 0;
}

int import_run(const struct import_options *options, struct import_result *ret_result)
{
	struct import_run run = {.options = options};
	struct import_result result;
	int err, first;

	assert(options->target && options->err && (options->out || !options->dry_run) &&
	       options->section <= 16);
	memset(ret_result, 0, sizeof(*ret_result));
	err = check_target(options);
	if (err)
		return err;
	err = import_report_new(options, &run.report);
	if (!err)
		err = import_names_new(&run.names);
	if (!err)
		err = import_sink_new(options, run.report, &run.sink);
	for (size_t i = 0; i < options->input_count && !err; i++)
		err = import_files_add(&run.files, options->inputs[i], run.report);
	if (!err)
		err = import_survey(&run);
	if (!err)
		err = place_all(&run);
	if (run.sink) {
		size_t patients = import_sink_patients(run.sink);

		import_sink_free(run.sink);
		import_report_result(run.report, &result);
		result.patients = patients;
		*ret_result = result;
		first = import_report_first_error(run.report);
		if (first)
			err = first;
		else if (!err && result.refused)
			err = CF_EINVAL;
	}
	import_files_release(&run.files);
	import_names_free(run.names);
	import_report_free(run.report);
	return err;
}
