/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_manifest.c - chartfs manifest: reads a tree of one height through the mount, and has the list signed.
 */
#include "fs/cmd.h"
#include "fs/filehash.h"
#include "fs/manifest.h"
#include "fs/tool.h"
#include "fs/words.h"

#include "acl/userfile.h"
#include "ledger/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define ATTR_BYTES_MAX ((size_t)64 << 10)

struct walk {
	struct buf out;
	struct manifest_entry entry; /* the one being written */
	uint64_t files, bytes, left_out;
};

static int system_error(const char *path)
{
	return err_set(err_from_errno(errno), "%s: %m", path);
}

static void set_entry(struct manifest_entry *e, char kind, const struct stat *st)
{
	e->kind = kind;
	e->mode = st->st_mode & 07777;
	e->uid = st->st_uid;
	e->gid = st->st_gid;
	e->mtime_ns = (uint64_t)st->st_mtim.tv_sec * 1000000000 + (uint64_t)st->st_mtim.tv_nsec;
	e->size = (uint64_t)st->st_size;
}

/* The mode that a live tree shows: of a past one w is taken away. */
static void set_mode(struct manifest_entry *e, int fd)
{
	char text[16], *end;
	ssize_t n = fgetxattr(fd, "user.chartfs.mode", text, sizeof text - 1);

	if (n <= 0)
		return;
	text[n] = 0;
	e->mode = (uint32_t)strtoul(text, &end, 8) & 07777;
}

static int put_attr(struct walk *w, int fd, const char *name, uint8_t *value)
{
	ssize_t n = fgetxattr(fd, name, value, ATTR_BYTES_MAX);
	int err;

	if (n < 0)
		return errno == ENODATA ? 0 : system_error(name);
	w->entry.kind = 'x';
	snprintf(w->entry.target, sizeof w->entry.target, "%s", name);
	buf_reset(&w->entry.value);
	err = buf_append(&w->entry.value, value, (size_t)n);
	return err ? err : manifest_put(&w->entry, &w->out);
}

static int put_attrs(struct walk *w, int fd)
{
	char *names = mem_alloc(ATTR_BYTES_MAX);
	uint8_t *value = mem_alloc(ATTR_BYTES_MAX);
	ssize_t n = names && value ? flistxattr(fd, names, ATTR_BYTES_MAX) : 0;
	int err = names && value ? 0 : CF_ENOMEM;

	if (n < 0 && errno != EOPNOTSUPP)
		err = system_error("extended attributes");
	for (ssize_t at = 0; at < n && !err; at += (ssize_t)strlen(names + at) + 1)
		err = put_attr(w, fd, names + at, value);
	mem_free(names);
	mem_free(value);
	return err;
}

/* What the signer may not read, or what was erased: said to be there, and no more. */
static int put_unreadable(struct walk *w, const char *path)
{
	fprintf(stderr, "chartfs manifest: %s: %s -> not in the manifest\n", path, strerror(errno));
	w->left_out++;
	w->entry.kind = 'n';
	snprintf(w->entry.path, sizeof w->entry.path, "%s", path);
	return manifest_put(&w->entry, &w->out);
}

static bool is_unreadable(int number)
{
	return number == EACCES || number == ENOKEY;
}

static int put_file(struct walk *w, int dir, const char *name, const char *path)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), err = 0;
	struct stat st;

	if (fd < 0)
		return is_unreadable(errno) ? put_unreadable(w, path) : system_error(path);
	if (fstat(fd, &st) != 0)
		err = system_error(path);
	else
		err = filehash_copy(fd, -1, &w->entry.hash);
	if (!err) {
		set_entry(&w->entry, 'f', &st);
		set_mode(&w->entry, fd);
		snprintf(w->entry.path, sizeof w->entry.path, "%s", path);
		err = manifest_put(&w->entry, &w->out);
		w->files++;
		w->bytes += (uint64_t)st.st_size;
		if (!err)
			err = put_attrs(w, fd);
	} else if (err == CF_ENOKEY || err == CF_EDENIED) {
		errno = err == CF_ENOKEY ? ENOKEY : EACCES;
		err = put_unreadable(w, path);
	} else {
		err = err_set(err, "%s: %s", path, err_text(err));
	}
	close(fd);
	return err;
}

static int put_link(struct walk *w, int dir, const char *name, const char *path, const struct stat *st)
{
	ssize_t n = readlinkat(dir, name, w->entry.target, sizeof w->entry.target - 1);

	if (n < 0)
		return is_unreadable(errno) ? put_unreadable(w, path) : system_error(path);
	w->entry.target[n] = 0;
	set_entry(&w->entry, 'l', st);
	snprintf(w->entry.path, sizeof w->entry.path, "%s", path);
	return manifest_put(&w->entry, &w->out);
}

static int put_dir(struct walk *w, int parent, const char *name, const char *path);

static int put_one(struct walk *w, int dir, const char *name, const char *path)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return is_unreadable(errno) ? put_unreadable(w, path) : system_error(path);
	if (S_ISDIR(st.st_mode))
		return put_dir(w, dir, name, path);
	if (S_ISLNK(st.st_mode))
		return put_link(w, dir, name, path, &st);
	return put_file(w, dir, name, path);
}

static int not_dots(const struct dirent *e)
{
	return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int put_dir(struct walk *w, int parent, const char *name, const char *path)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), count = -1, err = 0;
	struct dirent **list = NULL;
	struct stat st;

	if (fd >= 0)
		count = scandirat(fd, ".", &list, not_dots, by_bytes);
	if (fd < 0 || count < 0 || fstat(fd, &st) != 0)
		err = is_unreadable(errno) ? put_unreadable(w, path) : system_error(path);
	if (!err && count >= 0) {
		set_entry(&w->entry, 'd', &st);
		set_mode(&w->entry, fd);
		snprintf(w->entry.path, sizeof w->entry.path, "%s", path);
		err = manifest_put(&w->entry, &w->out);
		if (!err)
			err = put_attrs(w, fd);
	}
	for (int i = 0; i < count; i++) {
		char below[MANIFEST_PATH_MAX];

		if (!err && strcmp(path, ".") == 0)
			snprintf(below, sizeof below, "%s", list[i]->d_name);
		else if (!err)
			err = file_path(path, list[i]->d_name, below);
		if (!err)
			err = put_one(w, fd, list[i]->d_name, below);
		free(list[i]);
	}
	free(list);
	if (fd >= 0)
		close(fd);
	return err;
}

/* The tree of now is read as it was at its newest height: nothing changes under the reader. */
static int begin(const char *dir, char root[FILE_PATH_MAX], char ret_tree[FILE_PATH_MAX + 32], struct walk *w)
{
	struct manifest_head head = {.height = 0};
	char rest[FILE_PATH_MAX];
	struct json *answer = NULL;
	struct timespec now;
	const char *network, *block;
	int err = tool_root(dir, root, rest);

	if (!err)
		err = tool_ask(root, tool_request("manifest", rest), &answer);
	if (err)
		return err;
	network = json_get_text(answer, "network");
	block = json_get_text(answer, "block");
	if (!json_get_uint(answer, "height", &head.height) || !network || !block ||
	    hex_decode(network, head.network.b, HASH_BYTES) || hex_decode(block, head.block.b, HASH_BYTES))
		err = err_set(CF_EIO, "the mount's answer is none");
	if (json_get_bool(answer, "past", false))
		snprintf(ret_tree, FILE_PATH_MAX + 32, "%s", dir);
	else if (snprintf(ret_tree, FILE_PATH_MAX + 32, "%s/at/@%" PRIu64 "/%s", root, head.height, rest) >=
		 FILE_PATH_MAX + 32)
		err = CF_ENAMETOOLONG;
	clock_gettime(CLOCK_REALTIME, &now);
	head.taken_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	snprintf(head.path, sizeof head.path, "%s", rest[0] ? rest : ".");
	json_free(answer);
	return err ? err : manifest_put_head(&head, &w->out);
}

static int put_certificates(const struct json *list, struct buf *out)
{
	int err = json_count(list) ? 0 : CF_EIO;

	for (size_t i = 0; i < json_count(list) && !err; i++) {
		const char *hex = json_as_text(json_at(list, i));
		struct buf der;
		uint8_t *bytes;

		buf_init(&der, 0);
		err = hex ? buf_extend(&der, strlen(hex) / 2, &bytes) : CF_EIO;
		if (!err)
			err = hex_decode(hex, bytes, strlen(hex) / 2);
		if (!err)
			err = manifest_put_certificate(buf_view(&der), out);
		buf_release(&der);
	}
	return err;
}

static int ask_signature(const char *root, const struct hash *lines, struct json **ret_answer)
{
	struct json *request = tool_request("sign", "");

	json_set(request, "lines", json_hex(lines->b, HASH_BYTES));
	return tool_ask(root, request, ret_answer);
}

/* The certificates are among what is signed: asked for first, with whatever hash. */
static int sign(const char *root, struct walk *w)
{
	struct hash lines = sha256(buf_view(&w->out));
	struct json *answer = NULL;
	uint8_t sig[SIG_BYTES];
	const char *hex;
	int err = ask_signature(root, &lines, &answer);

	if (!err)
		err = put_certificates(json_get(answer, "certificates"), &w->out);
	json_free(answer);
	answer = NULL;
	lines = sha256(buf_view(&w->out));
	if (!err)
		err = ask_signature(root, &lines, &answer);
	hex = json_get_text(answer, "signature");
	if (!err)
		err = hex && strlen(hex) == 2 * sizeof sig ? hex_decode(hex, sig, sizeof sig) : CF_EIO;
	json_free(answer);
	return err ? err : manifest_put_signature(sig, &w->out);
}

static int write_manifest(const char *out, const struct walk *w)
{
	if (out)
		return userfile_create(out, 0644, buf_view(&w->out));
	return fwrite(w->out.data, 1, w->out.len, stdout) == w->out.len ? 0 : CF_EIO;
}

int cmd_manifest(int argc, char **argv)
{
	char root[FILE_PATH_MAX], tree[FILE_PATH_MAX + 32];
	const char *out;
	const struct word table[] = {{"o", &out, NULL}};
	char **arg;
	struct walk *w;
	int args, err, code = WORDS_PARSE(argc, argv, table, &arg, &args);

	if (code)
		return code;
	if (args != 1)
		return cmd_usage(argv[0], "one directory is needed");
	w = mem_zalloc(sizeof *w);
	if (!w)
		return cmd_fail(argv[0], CF_ENOMEM);
	buf_init(&w->out, MANIFEST_BYTES_MAX);
	buf_init(&w->entry.value, 0);
	err = begin(arg[0], root, tree, w);
	if (!err)
		err = put_dir(w, AT_FDCWD, tree, ".");
	if (!err)
		err = sign(root, w);
	if (!err)
		err = write_manifest(out, w);
	if (!err && out)
		printf("%s: %" PRIu64 " files, %" PRIu64 " bytes; %" PRIu64 " that may not be read\n", out,
		       w->files, w->bytes, w->left_out);
	buf_release(&w->out);
	buf_release(&w->entry.value);
	mem_free(w);
	return err ? cmd_fail(argv[0], err) : 0;
}
