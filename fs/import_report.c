/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/import_report.h"

#include "ledger/mem.h"

#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#define BAR_CELLS 40
#define BAR_EVERY_S 0.1

struct import_report {
	pthread_mutex_t lock;
	FILE *out, *err;
	bool bar;
	double started, drawn;
	size_t expected, done;
	int first_error;
	struct import_result result;
};

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int import_report_new(const struct import_options *options, struct import_report **ret_report)
{
	struct import_report *r = mem_zalloc(sizeof(*r));

	if (!r)
		return CF_ENOMEM;
	pthread_mutex_init(&r->lock, NULL);
	r->out = options->out;
	r->err = options->err;
	r->bar = options->bar && !options->dry_run;
	r->started = now_s();
	*ret_report = r;
	return 0;
}

static void clear_bar(struct import_report *r)
{
	if (r->bar && r->drawn > 0)
		fputs("\r\033[K", r->err);
}

void import_report_free(struct import_report *r)
{
	if (!r)
		return;
	clear_bar(r);
	fflush(r->err);
	pthread_mutex_destroy(&r->lock);
	mem_free(r);
}

static void draw(struct import_report *r)
{
	size_t total = r->expected > r->done ? r->expected : r->done,
	       cells = r->done * BAR_CELLS / (total ? total : 1);
	double seconds = now_s() - r->started;
	char bar[BAR_CELLS + 1];

	memset(bar, '.', BAR_CELLS);
	memset(bar, '#', cells);
	bar[BAR_CELLS] = '\0';
	fprintf(r->err, "\r[%s] %zu/%zu  %.1f MB  %.0f/s\033[K", bar, r->done, total,
		(double)r->result.bytes / 1e6, seconds > 0 ? (double)r->done / seconds : 0.0);
	fflush(r->err);
	r->drawn = now_s();
}

void import_report_expect(struct import_report *r, size_t items)
{
	pthread_mutex_lock(&r->lock);
	r->expected += items;
	pthread_mutex_unlock(&r->lock);
}

void import_report_count(struct import_report *r, enum import_event event, uint64_t bytes)
{
	struct import_result *s = &r->result;
	size_t *const counts[] = {
		[IMPORT_RECORD] = &s->records,      [IMPORT_ATTACHMENT] = &s->attachments,
		[IMPORT_UNCHANGED] = &s->unchanged, [IMPORT_SKIPPED] = &s->skipped,
		[IMPORT_REFUSED] = &s->refused,     [IMPORT_FAILED] = &s->failed,
	};

	pthread_mutex_lock(&r->lock);
	++*counts[event];
	s->bytes += bytes;
	if (event != IMPORT_UNCHANGED)
		r->done++;
	if (r->bar && now_s() - r->drawn >= BAR_EVERY_S)
		draw(r);
	pthread_mutex_unlock(&r->lock);
}

void import_report_say(struct import_report *r, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	pthread_mutex_lock(&r->lock);
	clear_bar(r);
	fputs("chartfs import: ", r->err);
	vfprintf(r->err, fmt, args);
	fputc('\n', r->err);
	if (r->bar)
		draw(r);
	pthread_mutex_unlock(&r->lock);
	va_end(args);
}

void import_report_plan(struct import_report *r, const char *path)
{
	pthread_mutex_lock(&r->lock);
	fprintf(r->out, "%s\n", path);
	pthread_mutex_unlock(&r->lock);
}

void import_report_error(struct import_report *r, int err)
{
	pthread_mutex_lock(&r->lock);
	if (!r->first_error)
		r->first_error = err;
	pthread_mutex_unlock(&r->lock);
}

int import_report_first_error(struct import_report *r)
{
	int err;

	pthread_mutex_lock(&r->lock);
	err = r->first_error;
	pthread_mutex_unlock(&r->lock);
	return err;
}

void import_report_result(struct import_report *r, struct import_result *ret_result)
{
	pthread_mutex_lock(&r->lock);
	r->result.seconds = now_s() - r->started;
	*ret_result = r->result;
	pthread_mutex_unlock(&r->lock);
}
