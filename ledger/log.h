/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - one line per event, "fact -> consequence", with values, to stderr or to a sink of a test.
 *
 * A line: "2026-11-22T18:20:01.123Z warn replica: peer 2 sends a bad signature -> dropped". Never holds
 * content, names of patients or keys.
 */
#ifndef LEDGER_LOG_H
#define LEDGER_LOG_H

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

typedef void (*log_sink_fn)(void *ctx, enum log_level level, const char *line);

/* Lines below the level are dropped. Default: LOG_INFO. */
void log_set_level(enum log_level level);

/* "debug", "info", "warn", "error"; CF_EINVAL for another word. */
int log_level_parse(const char *word, enum log_level *ret_level);

/* Sends lines to sink instead of stderr; NULL restores stderr. */
void log_set_sink(log_sink_fn sink, void *ctx);

/*
 * Name of this process or replica ("peer2") in every line of this thread, before the module; NULL for none.
 * The text is borrowed for good.
 */
void log_set_name(const char *name);

void log_at(enum log_level level, const char *module, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_debug(module, ...) log_at(LOG_DEBUG, module, __VA_ARGS__)
#define log_info(module, ...) log_at(LOG_INFO, module, __VA_ARGS__)
#define log_warn(module, ...) log_at(LOG_WARN, module, __VA_ARGS__)
#define log_error(module, ...) log_at(LOG_ERROR, module, __VA_ARGS__)

#endif
