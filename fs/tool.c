/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/tool.h"

#include "fs/control.h"
#include "fs/place.h"
#include "ledger/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONTROL "/.chartfs/control"
#define ANSWER_BYTES_MAX ((size_t)64 << 20)
#define CHUNK_BYTES 65536

/* realpath, also of what is not there yet or hidden (the last name). */
static int resolve(const char *path, char ret_path[FILE_PATH_MAX])
{
	char dir[FILE_PATH_MAX], real[FILE_PATH_MAX];
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	if (realpath(path, ret_path))
		return 0;
	if (errno != ENOENT || name[0] == '\0')
		return err_set(err_from_errno(errno), "%s: %m", path);
	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : ".");
	if (!realpath(dir, real))
		return err_set(err_from_errno(errno), "%s: %m", path);
	return file_path(real, name, ret_path);
}

/* A mount that is locked shows no path; where it begins is seen by the names alone. */
static int check_locked(const char *path, int err)
{
	char at[FILE_PATH_MAX], control[FILE_PATH_MAX + sizeof(CONTROL)];
	struct json *answer = NULL;
	const char *lock;
	char *slash;

	if (err != CF_EDENIED || strlen(path) >= sizeof(at))
		return err;
	strcpy(at, path);
	for (slash = strrchr(at, '/'); slash && slash > at; slash = strrchr(at, '/')) {
		*slash = '\0';
		snprintf(control, sizeof(control), "%s%s", at, CONTROL);
		if (access(control, F_OK) == 0)
			break;
	}
	if (!slash || slash == at || tool_ask(at, tool_request("status", ""), &answer))
		return err;
	lock = json_get_text(json_get(answer, "status"), "lock");
	if (lock && strcmp(lock, "open") != 0)
		err = err_set(CF_ELOCKED, "%s is locked; chartfs unlock %s", at, at);
	json_free(answer);
	return err;
}

int tool_root(const char *path, char ret_root[FILE_PATH_MAX], char ret_rest[FILE_PATH_MAX])
{
	char at[FILE_PATH_MAX], whole[FILE_PATH_MAX], control[FILE_PATH_MAX + sizeof(CONTROL)];
	int err = resolve(path, whole);

	if (err)
		return check_locked(path, err);
	memcpy(at, whole, strlen(whole) + 1);
	while (at[0]) {
		char *slash = strrchr(at, '/');

		snprintf(control, sizeof(control), "%s%s", at, CONTROL);
		if (access(control, F_OK) == 0) {
			memcpy(ret_root, at, strlen(at) + 1);
			if (ret_rest) {
				const char *rest = whole + strlen(at);

				memmove(ret_rest, rest + (*rest == '/'), strlen(rest + (*rest == '/')) + 1);
			}
			return 0;
		}
		*slash = '\0';
	}
	return err_set(CF_ENOTFOUND, "%s: in no chartfs mount of yours", path);
}

/* Not by write(2): a mount may be read-only. */
static int say(int fd, struct view text)
{
	struct control_say part;

	for (size_t at = 0; at < text.len; at += part.len) {
		part.len =
			(uint32_t)(text.len - at < sizeof(part.bytes) ? text.len - at : sizeof(part.bytes));
		memcpy(part.bytes, text.data + at, part.len);
		if (ioctl(fd, CONTROL_IOC_SAY, &part) != 0)
			return err_from_errno(errno);
	}
	return 0;
}

static int hand_over(int fd, const char *passphrase)
{
	struct control_say whole = {.len = (uint32_t)strlen(passphrase)};
	int err = 0;

	if (whole.len > sizeof(whole.bytes))
		return CF_ETOOBIG;
	memcpy(whole.bytes, passphrase, whole.len);
	if (ioctl(fd, CONTROL_IOC_PASSPHRASE, &whole) != 0)
		err = err_from_errno(errno);
	mem_wipe(&whole, sizeof(whole));
	return err;
}

static int exchange(int fd, const struct buf *request, const char *passphrase, struct buf *answer)
{
	char chunk[CHUNK_BYTES];
	ssize_t n;
	int err = passphrase ? hand_over(fd, passphrase) : 0;

	if (!err)
		err = say(fd, buf_view(request));
	while (!err && (n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		err = n < 0 ? err_from_errno(errno) : buf_append(answer, chunk, (size_t)n);
	}
	return err;
}

static int err_named(const char *name)
{
	for (int err = -1; err >= -CF_ERR_COUNT; err--) {
		if (strcmp(err_name(err), name) == 0)
			return err;
	}
	return CF_EIO;
}

/* The answer's own error, as if it had happened here. */
static int check_answer(const struct json *answer)
{
	const char *error = json_get_text(answer, "error"), *detail = json_get_text(answer, "detail");
	int err;

	if (json_get_bool(answer, "ok", false))
		return 0;
	err = error ? err_named(error) : CF_EIO;
	return err_set(err, "%s", detail && detail[0] ? detail : err_text(err));
}

int tool_ask(const char *root, struct json *request, struct json **ret_answer)
{
	return tool_ask_with(root, request, NULL, ret_answer);
}

int tool_ask_with(const char *root, struct json *request, const char *passphrase, struct json **ret_answer)
{
	char control[FILE_PATH_MAX];
	struct json *answer = NULL;
	struct buf line, text;
	int fd = -1, err;

	buf_init(&line, 0);
	buf_init(&text, ANSWER_BYTES_MAX);
	err = file_path(root, CONTROL + 1, control);
	if (!err)
		err = json_format(request, &line);
	if (!err)
		err = buf_append(&line, "\n", 1);
	if (err)
		goto out;
	fd = open(control, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		err = err_set(err_from_errno(errno), "%s: %m", control);
		goto out;
	}
	err = exchange(fd, &line, passphrase, &text);
	if (err) {
		err = err_set(err, "%s: %s", control, err_text(err));
		goto out;
	}
	err = json_parse(buf_view(&text), &answer);
	if (!err)
		err = check_answer(answer);
	if (!err) {
		*ret_answer = answer;
		answer = NULL;
	}
out:
	if (fd >= 0)
		close(fd);
	json_free(answer);
	json_free(request);
	buf_release(&line);
	buf_release(&text);
	return err;
}

struct json *tool_request(const char *name, const char *rest)
{
	struct json *request = json_new_object();

	json_set(request, "request", json_text(name));
	json_set(request, "path", json_text(rest));
	return request;
}

int tool_ask_about(const char *path, const char *name, struct json **ret_answer)
{
	char root[FILE_PATH_MAX], rest[FILE_PATH_MAX];
	int err = tool_root(path, root, rest);

	return err ? err : tool_ask(root, tool_request(name, rest), ret_answer);
}

/* The names under at/ are the same words. */
int tool_time(const char *text, uint64_t *ret_time_ms)
{
	uint64_t height = 0, time_ms = 0;
	bool latest = false;

	if (name_parse_at(text, &latest, &height, &time_ms) != 0 || time_ms == 0)
		return err_set(CF_EUSAGE,
			       "'%s': neither a day (2026-12-31) nor a time in UTC (2026-12-31T18:00:00Z)",
			       text);
	*ret_time_ms = time_ms;
	return 0;
}

/* Asked by opendir: the kernel may answer stat from its cache. */
bool tool_mount_dead(const char *path)
{
	DIR *d = opendir(path);

	if (d) {
		closedir(d);
		return false;
	}
	return errno == ENOTCONN || errno == ECONNABORTED;
}

int tool_fusermount(const char *path, bool lazy)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		execlp("fusermount3", "fusermount3", lazy ? "-quz" : "-qu", "--", path, (char *)NULL);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return CF_EIO;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(CF_EBUSY, "%s: in use, or not mounted by you", path);
}
