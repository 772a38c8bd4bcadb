/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/served.h"
#include "fs/standing.h"

#include "acl/purpose.h"

#include "fs/tool.h"
#include "ledger/file.h"
#include "ledger/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CATCH_UP_MS 15000
#define REGISTER_MS 15000
#define WORD_BYTES_MAX 1024

int served_begin(struct served *s, struct client_observer *ret_observer)
{
	memset(s, 0, sizeof(*s));
	return chart_feed_new(&s->feed, ret_observer);
}

static void note_age(struct served *s, struct client *client)
{
	struct chain_head head;
	uint64_t now_ms = (uint64_t)time(NULL) * 1000;

	chain_head(client_chain(client), &head);
	snprintf(s->notice, sizeof(s->notice),
		 "no quorum of peers answers; showing height %" PRIu64 ", of %" PRIu64 " minutes ago",
		 head.height, now_ms > head.time_ms ? (now_ms - head.time_ms) / 60000 : 0);
}

/* A mount is usable once it is abreast. One that is far behind is waited for as long as it comes closer. */
static int catch_up(struct served *s, struct client *client)
{
	uint64_t before;
	int err;

	for (;;) {
		before = client_height(client);
		err = client_wait(client, 0, CATCH_UP_MS);
		if (err != CF_ENOQUORUM || client_height(client) == before)
			break;
		log_info("mount", "at height %" PRIu64 ", not abreast yet -> waits", client_height(client));
	}
	if (!err)
		err = client_register(client, REGISTER_MS);
	if (err != CF_ENOQUORUM && err != CF_ENETWORK)
		return err;
	note_age(s, client);
	return 0;
}

int served_mount(struct served *s, struct client *client, const char *data_dir, unsigned timeout_ms,
		 const char *mountpoint, const struct mount_options *options, const struct locker_keys *keys)
{
	struct locker_keys own = keys ? *keys : (struct locker_keys){.ctx = NULL};
	char spool[FILE_PATH_MAX];
	struct chart_config config;
	int err;

	err = file_path(data_dir, "spool", spool);
	if (!err)
		err = catch_up(s, client);
	if (err)
		return err;
	standing_log(client);
	client_set_leases(client, options->purpose ? options->purpose : PURPOSE_DEFAULT, options->lease_ms,
			  timeout_ms);
	config = (struct chart_config){
		.client = client, .spool_dir = spool, .timeout_ms = timeout_ms, .when = options->commit};
	err = chart_new(&config, &s->chart);
	if (err)
		return err;
	chart_feed_attach(s->feed, s->chart);
	own.feed = s->feed;
	return mount_open(s->chart, mountpoint, options, keys ? &own : NULL, &s->mount);
}

void served_end(struct served *s)
{
	mount_close(s->mount);
	if (s->feed)
		chart_feed_attach(s->feed, NULL);
	if (s->chart)
		chart_free(s->chart);
	s->mount = NULL;
	s->chart = NULL;
}

void served_release(struct served *s)
{
	if (s->feed)
		chart_feed_free(s->feed);
	s->feed = NULL;
}

/* What the child said: u8 exit code, then a text. */
static int hear(const char *verb, int fd, pid_t child)
{
	char word[WORD_BYTES_MAX + 1];
	size_t len = 0;
	ssize_t n;

	while (len < WORD_BYTES_MAX &&
	       ((n = read(fd, word + len, WORD_BYTES_MAX - len)) > 0 || (n < 0 && errno == EINTR)))
		len += n > 0 ? (size_t)n : 0;
	word[len] = '\0';
	if (len == 0) {
		int status = 0;

		(void)waitpid(child, &status, 0);
		fprintf(stderr, "chartfs %s: the process ended before the tree was usable (%s %d)\n", verb,
			WIFSIGNALED(status) ? "signal" : "exit",
			WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		return err_exit_code(CF_EIO);
	}
	if (word[1])
		fprintf(stderr, "chartfs %s: %s\n", verb, word + 1);
	return (unsigned char)word[0];
}

bool served_fork(const char *verb, bool foreground, int *ret_pipe, int *ret_code)
{
	int ends[2];
	pid_t child;

	*ret_pipe = -1;
	if (foreground)
		return false;
	if (pipe2(ends, O_CLOEXEC) != 0 || (child = fork()) < 0) {
		*ret_code = cmd_fail(verb, err_set(CF_EIO, "cannot start a process: %m"));
		return true;
	}
	if (child == 0) {
		close(ends[0]);
		*ret_pipe = ends[1];
		return false;
	}
	close(ends[1]);
	*ret_code = hear(verb, ends[0], child);
	close(ends[0]);
	return true;
}

static void leave_terminal(bool has_log)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)setsid();
	if (chdir("/") != 0 || null < 0)
		return;
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	if (!has_log)
		(void)dup2(null, STDERR_FILENO);
	if (null > STDERR_FILENO)
		close(null);
}

void served_tell(const char *verb, int pipe, int err, const char *notice, bool has_log)
{
	const char *text = err ? (err_detail()[0] ? err_detail() : err_text(err)) : notice;
	char word[WORD_BYTES_MAX];
	int len;

	if (pipe < 0) {
		if (text[0])
			fprintf(stderr, "chartfs %s: %s\n", verb, text);
		return;
	}
	word[0] = (char)err_exit_code(err);
	len = snprintf(word + 1, sizeof(word) - 1, "%s", text);
	if (len > (int)sizeof(word) - 2)
		len = (int)sizeof(word) - 2;
	if (!err)
		leave_terminal(has_log);
	/* a parent that is gone needs no word */
	if (file_write_all(pipe, VIEW(word, (size_t)len + 1)) == 0)
		close(pipe);
}

int served_absolute(const char *path, char ret_path[CONF_PATH_MAX])
{
	char *real = realpath(path, NULL);
	int err = 0;

	if (!real)
		return err_set(err_from_errno(errno), "%s: %m", path);
	if (strlen(real) >= CONF_PATH_MAX)
		err = err_set(CF_ENAMETOOLONG, "%s: too long", path);
	else
		memcpy(ret_path, real, strlen(real) + 1);
	free(real);
	return err;
}

int served_mountpoint(const char *path, char ret_path[CONF_PATH_MAX])
{
	char control[FILE_PATH_MAX];
	struct stat st;
	int err = served_absolute(path, ret_path);

	if (!err && tool_mount_dead(ret_path))
		err = tool_fusermount(ret_path, true);
	if (err)
		return err;
	if (stat(ret_path, &st) != 0 || !S_ISDIR(st.st_mode))
		return err_set(CF_ENOTDIR, "%s: not a directory", path);
	err = file_path(ret_path, ".chartfs/control", control);
	if (!err && access(control, F_OK) == 0)
		err = err_set(CF_EBUSY, "%s: a mount is there already", path);
	return err;
}

int served_log(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_set(err_from_errno(errno), "%s: %m", path);
	if (dup2(fd, STDERR_FILENO) < 0)
		return err_set(CF_EIO, "%s: %m", path);
	close(fd);
	return 0;
}
