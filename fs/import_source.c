/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/import_source.h"

#include "fs/place.h"
#include "ledger/file.h"
#include "ledger/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 64

struct walk {
	struct import_files *files;
	struct import_report *report;
	size_t base, below;
	size_t media;
	unsigned depth;
	uint8_t *head; /* IMPORT_HEAD_BYTES */
};

/* What stands beside data without being any. */
static bool is_documentation(const char *name)
{
	static const char *const patterns[] = {"README*", "LICENSE*",  "LICENCE*",  "COPYING*",
					       "NOTICE*", "MANIFEST*", "CHANGELOG*"};

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		if (fnmatch(patterns[i], name, FNM_CASEFOLD) == 0)
			return true;
	}
	return false;
}

static void leave_out(struct walk *w, const char *path, const char *why)
{
	import_report_count(w->report, IMPORT_SKIPPED, 0);
	import_report_say(w->report, "%s: left out (%s)", path, why);
}

static void refuse(struct walk *w, const char *path, const char *why)
{
	import_report_count(w->report, IMPORT_REFUSED, 0);
	import_report_say(w->report, "%s: %s", path, why);
}

/* The first bytes of a file. -errno. */
static ssize_t read_head(const char *path, uint8_t *head)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t got = 0;

	if (fd < 0)
		return -errno;
	while (got < IMPORT_HEAD_BYTES) {
		ssize_t n = read(fd, head + got, IMPORT_HEAD_BYTES - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			n = -errno;
			close(fd);
			return n;
		}
		if (n == 0)
			break;
		got += (size_t)n;
	}
	close(fd);
	return (ssize_t)got;
}

static int add_file(struct walk *w, const char *path)
{
	struct import_files *f = w->files;
	const char *name = strrchr(path, '/') + 1;
	struct import_file *file;
	ssize_t got = read_head(path, w->head);

	if (got < 0) {
		refuse(w, path, strerror((int)-got));
		return 0;
	}
	if (f->count == f->cap) {
		size_t cap = f->cap ? 2 * f->cap : 64;
		struct import_file *files = mem_array(f->files, cap, sizeof(*files));

		if (!files)
			return CF_ENOMEM;
		f->files = files;
		f->cap = cap;
	}
	file = &f->files[f->count];
	*file = (struct import_file){.base = w->base, .below = w->below, .media = w->media};
	file->path = mem_strdup(path);
	if (!file->path)
		return CF_ENOMEM;
	file->kind = import_kind_of(name, VIEW(w->head, (size_t)got), w->media != 0);
	f->count++;
	return 0;
}

static int not_hidden(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_dir(struct walk *w, const char *path);

static int add_entry(struct walk *w, const char *dir, const char *name)
{
	char path[FILE_PATH_MAX];
	struct stat st;

	if (file_path(dir, name, path)) {
		refuse(w, dir, "a path below it is too long");
		return 0;
	}
	if (lstat(path, &st) != 0)
		refuse(w, path, strerror(errno));
	else if (name_is_scratch(name))
		leave_out(w, path, "a scratch name");
	else if (is_documentation(name))
		leave_out(w, path, "documentation");
	else if (S_ISDIR(st.st_mode))
		return add_dir(w, path);
	else if (S_ISREG(st.st_mode))
		return add_file(w, path);
	else
		leave_out(w, path, "neither a file nor a directory");
	return 0;
}

static int add_dir(struct walk *w, const char *path)
{
	size_t media = w->media;
	struct dirent **entries;
	int count, err = 0;

	count = w->depth < DEPTH_MAX ? scandir(path, &entries, not_hidden, by_bytes) : -1;
	if (count < 0) {
		refuse(w, path, w->depth < DEPTH_MAX ? strerror(errno) : "directories too deep");
		return 0;
	}
	for (int i = 0; i < count; i++) {
		if (!w->media && strcmp(entries[i]->d_name, "DICOMDIR") == 0)
			w->media = strlen(path);
	}
	w->depth++;
	for (int i = 0; i < count; i++) {
		if (!err)
			err = add_entry(w, path, entries[i]->d_name);
		free(entries[i]); /* scandir's own */
	}
	free(entries);
	w->depth--;
	w->media = media;
	return err;
}

int import_files_add(struct import_files *f, const char *input, struct import_report *report)
{
	struct walk w = {.files = f, .report = report};
	char path[PATH_MAX];
	struct stat st;
	int err = 0;

	if (!realpath(input, path) || stat(path, &st) != 0) {
		refuse(&w, input, strerror(errno));
		return 0;
	}
	w.head = mem_alloc(IMPORT_HEAD_BYTES);
	if (!w.head)
		return CF_ENOMEM;
	w.base = (size_t)(strrchr(path, '/') + 1 - path);
	if (S_ISDIR(st.st_mode)) {
		w.below = strlen(path) + (strcmp(path, "/") != 0);
		err = add_dir(&w, path);
	} else if (!S_ISREG(st.st_mode)) {
		refuse(&w, input, "neither a file nor a directory");
	} else if (name_is_scratch(path + w.base)) {
		refuse(&w, input, "a scratch name, which the mount would not keep; rename it");
	} else {
		w.below = w.base;
		err = add_file(&w, path);
	}
	mem_free(w.head);
	return err;
}

void import_files_release(struct import_files *f)
{
	for (size_t i = 0; i < f->count; i++) {
		mem_free(f->files[i].path);
		mem_free(f->files[i].patient);
	}
	mem_free(f->files);
	*f = (struct import_files){NULL, 0, 0};
}
