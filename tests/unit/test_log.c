/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/log.h"
#include "tests/lib/t.h"

#include <ctype.h>
#include <pthread.h>

#define THREADS 4
#define LINES 200

static char last_line[2048];
static int lines;
static enum log_level last_level;

static void sink(void *ctx, enum log_level level, const char *line)
{
	(*(int *)ctx)++;
	last_level = level;
	t_ok(strlen(line) < sizeof(last_line));
	strcpy(last_line, line);
}

static void start(void)
{
	lines = 0;
	last_line[0] = '\0';
	log_set_level(LOG_INFO);
	log_set_name(NULL);
	log_set_sink(sink, &lines);
}

T_TEST(line_has_time_level_module)
{
	const char *form = "dddd-dd-ddTdd:dd:dd.dddZ";

	start();
	log_warn("replica", "peer %d sends a bad signature -> dropped", 2);
	t_eq(lines, 1);
	t_eq(last_level, LOG_WARN);
	for (size_t i = 0; form[i]; i++)
		t_ok(form[i] == 'd' ? isdigit((unsigned char)last_line[i]) : last_line[i] == form[i]);
	t_str(last_line + strlen(form), " warn replica: peer 2 sends a bad signature -> dropped");
}

T_TEST(line_has_the_name_of_the_thread)
{
	start();
	log_set_name("peer2");
	log_info("chain", "height %d", 5);
	t_ok(strstr(last_line, "Z info peer2 chain: height 5"));
	log_set_name(NULL);
}

T_TEST(levels_below_are_dropped)
{
	start();
	log_debug("m", "no");
	t_eq(lines, 0);
	log_set_level(LOG_ERROR);
	log_warn("m", "no");
	t_eq(lines, 0);
	log_error("m", "yes");
	t_eq(lines, 1);
	log_set_level(LOG_DEBUG);
	log_debug("m", "yes");
	t_eq(lines, 2);
}

T_TEST(levels_are_parsed)
{
	enum log_level level = LOG_ERROR;

	t_zero(log_level_parse("debug", &level));
	t_eq(level, LOG_DEBUG);
	t_zero(log_level_parse("error", &level));
	t_eq(level, LOG_ERROR);
	t_err(log_level_parse("Warn", &level), CF_EINVAL);
	t_err(log_level_parse("", &level), CF_EINVAL);
	t_eq(level, LOG_ERROR);
}

T_TEST(value_cannot_forge_a_line)
{
	start();
	log_info("m", "name %s", "x\n2026-01-01 info fake: \033[2J");
	t_eq(lines, 1);
	t_ok(!strchr(last_line, '\n') && !strchr(last_line, '\033'));
}

T_TEST(long_line_is_cut)
{
	start();
	log_info("m", "%05000d", 1);
	t_eq(strlen(last_line), 1023);
}

static void *writer(void *arg)
{
	log_set_name(arg);
	for (int i = 0; i < LINES; i++)
		log_info("m", "line %d", i);
	return NULL;
}

T_TEST(threads_share_the_sink)
{
	static char names[THREADS][4] = {"a", "b", "c", "d"};
	pthread_t threads[THREADS];

	start();
	for (int i = 0; i < THREADS; i++)
		t_zero(pthread_create(&threads[i], NULL, writer, names[i]));
	for (int i = 0; i < THREADS; i++)
		t_zero(pthread_join(threads[i], NULL));
	t_eq(lines, THREADS * LINES);
	log_set_sink(NULL, NULL);
}

T_MAIN
