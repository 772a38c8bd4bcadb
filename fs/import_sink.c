/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/import_sink.h"

#include "fs/import_names.h"
#include "fs/import_write.h"
#include "ledger/file.h"
#include "ledger/mem.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#define QUEUE_JOBS 32
#define THREADS_MAX 64

struct job {
	char *path;   /* absolute */
	char *source; /* NULL: content */
	uint8_t *content;
	size_t bytes;
	enum import_event event;
};

struct lane {
	struct import_sink *sink;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct job jobs[QUEUE_JOBS];
	size_t head, count;
	bool closing;
};

struct import_sink {
	const struct import_options *options;
	struct import_report *report;
	struct import_names *names; /* of the thread that puts */
	unsigned lane_count;
	_Atomic int stop; /* the error the import stops with */
	struct lane lanes[];
};

/* Errors after which the next file would only fail again, each after a long wait. */
static bool is_final(int number)
{
	return number == ETIMEDOUT || number == ENOTCONN || number == ENOSPC || number == EROFS ||
	       number == EDQUOT;
}

/* On a mount a timeout is the lack of a quorum, not of a network. */
static int error_of(int number)
{
	return number == ETIMEDOUT ? CF_ENOQUORUM : err_from_errno(number);
}

static void fail(struct import_sink *s, const char *path, int number)
{
	int err = error_of(number);

	import_report_count(s->report, IMPORT_FAILED, 0);
	import_report_say(s->report, "%s: %s", path, strerror(number));
	import_report_error(s->report, err);
	if (is_final(number))
		s->stop = err;
}

static void do_job(struct import_sink *s, struct job *job)
{
	uint64_t bytes = 0;
	int got;

	if (!s->stop) {
		got = job->source ? import_copy_file(job->path, job->source, &bytes)
				  : import_write_file(job->path, VIEW(job->content, job->bytes), &bytes);
		if (got < 0) {
			fail(s, job->path, -got);
		} else {
			if (got == IMPORT_WRITE_UNCHANGED)
				import_report_count(s->report, IMPORT_UNCHANGED, 0);
			import_report_count(s->report, job->event, bytes);
		}
	}
	mem_free(job->path);
	mem_free(job->source);
	mem_free(job->content);
}

static void *run_lane(void *arg)
{
	struct lane *l = arg;

	for (;;) {
		struct job job;

		pthread_mutex_lock(&l->lock);
		while (l->count == 0 && !l->closing)
			pthread_cond_wait(&l->changed, &l->lock);
		if (l->count == 0) {
			pthread_mutex_unlock(&l->lock);
			return NULL;
		}
		job = l->jobs[l->head];
		l->head = (l->head + 1) % QUEUE_JOBS;
		l->count--;
		pthread_cond_broadcast(&l->changed);
		pthread_mutex_unlock(&l->lock);
		do_job(l->sink, &job);
	}
}

static bool start_lane(struct import_sink *s, struct lane *l)
{
	l->sink = s;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->changed, NULL);
	if (pthread_create(&l->thread, NULL, run_lane, l) == 0)
		return true;
	pthread_mutex_destroy(&l->lock);
	pthread_cond_destroy(&l->changed);
	return false;
}

int import_sink_new(const struct import_options *options, struct import_report *report,
		    struct import_sink **ret_sink)
{
	unsigned wanted = options->threads ? options->threads : IMPORT_THREADS;
	struct import_sink *s;
	int err;

	if (wanted > THREADS_MAX)
		wanted = THREADS_MAX;
	s = mem_zalloc(sizeof(*s) + wanted * sizeof(s->lanes[0]));
	if (!s)
		return CF_ENOMEM;
	s->options = options;
	s->report = report;
	err = import_names_new(&s->names);
	while (!err && s->lane_count < wanted && start_lane(s, &s->lanes[s->lane_count]))
		s->lane_count++;
	if (!err && s->lane_count == 0)
		err = err_set(CF_EAGAIN, "no thread can be started");
	if (err)
		import_sink_free(s);
	else
		*ret_sink = s;
	return err;
}

void import_sink_free(struct import_sink *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->lane_count; i++) {
		pthread_mutex_lock(&s->lanes[i].lock);
		s->lanes[i].closing = true;
		pthread_cond_broadcast(&s->lanes[i].changed);
		pthread_mutex_unlock(&s->lanes[i].lock);
	}
	for (unsigned i = 0; i < s->lane_count; i++) {
		pthread_join(s->lanes[i].thread, NULL);
		pthread_mutex_destroy(&s->lanes[i].lock);
		pthread_cond_destroy(&s->lanes[i].changed);
	}
	import_names_free(s->names);
	mem_free(s);
}

size_t import_sink_patients(const struct import_sink *s)
{
	return import_names_count(s->names, IMPORT_USED);
}

/* 1 when it was made, 0 when it was there, -errno. */
static int make_dir(const char *path)
{
	struct stat st;
	int number;

	if (mkdir(path, 0777) == 0)
		return 1;
	number = errno;
	/* sections stand from the start and refuse mkdir each in their own way */
	if (number != ENOENT && stat(path, &st) == 0)
		return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
	return -number;
}

/* All directories of full that lie below the target. Sets ret_number to an errno when one cannot be made. */
static int make_dirs(struct import_sink *s, char *full, size_t target_len, int *ret_number)
{
	bool patient = true;
	int err = 0;

	*ret_number = 0;
	for (char *slash = strchr(full + target_len + 1, '/'); slash && !err;
	     slash = strchr(slash + 1, '/')) {
		int made;

		*slash = '\0';
		if (!import_names_get(s->names, IMPORT_MADE, "", full)) {
			made = make_dir(full);
			if (made < 0)
				*ret_number = -made;
			else
				err = import_names_put(s->names, IMPORT_MADE, "", full, "");
			if (made > 0 && !err && patient && s->options->on_patient &&
			    s->options->on_patient(s->options->ctx, full) != 0) {
				import_report_count(s->report, IMPORT_FAILED, 0);
				import_report_error(s->report, CF_EDENIED);
			}
		}
		patient = false;
		*slash = '/';
		if (*ret_number)
			return 0;
	}
	return err;
}

/* Takes the job's texts in any case. */
static void push(struct import_sink *s, const struct job *job)
{
	uint32_t h = 2166136261u;
	struct lane *l;

	for (const char *c = job->path; *c; c++)
		h = (h ^ (uint8_t)*c) * 16777619u;
	l = &s->lanes[(h ^ h >> 16) % s->lane_count];
	pthread_mutex_lock(&l->lock);
	while (l->count == QUEUE_JOBS)
		pthread_cond_wait(&l->changed, &l->lock);
	l->jobs[(l->head + l->count++) % QUEUE_JOBS] = *job;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
}

static int note_patient(struct import_sink *s, const char *path)
{
	char name[NAME_BYTES_MAX + 1];
	size_t len = strcspn(path, "/");

	assert(len <= NAME_BYTES_MAX);
	memcpy(name, path, len);
	name[len] = '\0';
	return import_names_put(s->names, IMPORT_USED, "", name, "");
}

/* Everything before the job's own content. ret_go: it is to be queued. */
static int prepare(struct import_sink *s, const char *path, struct job *job, bool *ret_go)
{
	size_t target_len = strlen(s->options->target), bytes = target_len + strlen(path) + 2;
	int number = 0, err;

	*ret_go = false;
	if (s->stop)
		return s->stop;
	err = note_patient(s, path);
	if (err)
		return err;
	if (s->options->dry_run) {
		import_report_plan(s->report, path);
		import_report_count(s->report, job->event, job->bytes);
		return 0;
	}
	job->path = mem_alloc(bytes);
	if (!job->path)
		return CF_ENOMEM;
	snprintf(job->path, bytes, "%s/%s", s->options->target, path);
	err = make_dirs(s, job->path, target_len, &number);
	if (number)
		fail(s, job->path, number);
	*ret_go = !err && !number;
	return err;
}

int import_sink_put(struct import_sink *s, const char *path, struct view content, enum import_event event)
{
	struct job job = {.event = event, .bytes = content.len};
	bool go;
	int err = prepare(s, path, &job, &go);

	if (go) {
		job.content = mem_dup(content.data, content.len);
		if (job.content) {
			push(s, &job);
			return 0;
		}
		err = CF_ENOMEM;
	}
	mem_free(job.path);
	return err;
}

int import_sink_copy(struct import_sink *s, const char *path, const char *source)
{
	struct job job = {.event = IMPORT_ATTACHMENT};
	bool go;
	int err = prepare(s, path, &job, &go);

	if (go) {
		job.source = mem_strdup(source);
		if (job.source) {
			push(s, &job);
			return 0;
		}
		err = CF_ENOMEM;
	}
	mem_free(job.path);
	return err;
}
