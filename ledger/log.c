/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c - builds a line on the stack of the caller and hands it out whole, under one lock.
 */
#include "ledger/log.h"
#include "ledger/err.h"

#include <assert.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

static const char *const words[] = {"debug", "info", "warn", "error"};

static atomic_int threshold = LOG_INFO;

/* Guards the sink, so that lines do not mix and a sink is not called after log_set_sink(NULL). */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static log_sink_fn sink_fn;
static void *sink_ctx;

static _Thread_local const char *thread_name;

void log_set_level(enum log_level level)
{
	assert(level >= LOG_DEBUG && level <= LOG_ERROR);
	atomic_store(&threshold, (int)level);
}

int log_level_parse(const char *word, enum log_level *ret_level)
{
	assert(word && ret_level);
	for (int i = LOG_DEBUG; i <= LOG_ERROR; i++) {
		if (strcmp(word, words[i]) == 0) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	}
	return err_set(CF_EINVAL, "unknown log level '%s', want debug, info, warn or error", word);
}

void log_set_sink(log_sink_fn sink, void *ctx)
{
	pthread_mutex_lock(&lock);
	sink_fn = sink;
	sink_ctx = ctx;
	pthread_mutex_unlock(&lock);
}

void log_set_name(const char *name)
{
	thread_name = name;
}

/* Time, level, name and module; returns the length written, always below the size. */
static size_t put_prefix(char *line, size_t size, enum log_level level, const char *module)
{
	struct timespec now = {0};
	struct tm tm = {0};
	size_t len;
	int more;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	len = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &tm);
	more = snprintf(line + len, size - len, ".%03dZ %s %s%s%s: ", (int)(now.tv_nsec / 1000000),
			words[level], thread_name ? thread_name : "", thread_name ? " " : "", module);
	assert(more > 0);
	len += (size_t)more;
	return len < size ? len : size - 1;
}

/* A value in a message may come from a peer: it must not be able to forge a line or steer a terminal. */
static void flatten(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
}

static void put_stderr(char *line, size_t len)
{
	size_t at = 0;

	line[len++] = '\n'; /* in the place of the NUL */
	while (at < len) {
		ssize_t n = write(STDERR_FILENO, line + at, len - at);

		if (n <= 0)
			return; /* nowhere to complain to */
		at += (size_t)n;
	}
}

void log_at(enum log_level level, const char *module, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	size_t len;
	va_list ap;

	assert(level >= LOG_DEBUG && level <= LOG_ERROR && module && fmt);
	if ((int)level < atomic_load_explicit(&threshold, memory_order_relaxed))
		return;
	len = put_prefix(line, sizeof(line), level, module);
	va_start(ap, fmt);
	if (vsnprintf(line + len, sizeof(line) - len, fmt, ap) < 0)
		line[len] = '\0';
	va_end(ap);
	flatten(line);

	pthread_mutex_lock(&lock);
	if (sink_fn)
		sink_fn(sink_ctx, level, line);
	else
		put_stderr(line, strlen(line));
	pthread_mutex_unlock(&lock);
}
