/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca_store.c - an authority's memory as files.
 */
#include "acl/ca_store_private.h"
#include "acl/userfile.h"
#include "ledger/file.h"
#include "ledger/mem.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PEM_BYTES_MAX ((size_t)CERT_CHAIN_MAX * 2 * CERT_DER_BYTES_MAX)

#define NAMES "names"
#define NAMES_PART "names.part" /* not whole yet */

int ca_store_path(const char *dir, const char *folder, const uint8_t *id, size_t bytes, const char *suffix,
		  char ret_path[FILE_PATH_MAX])
{
	char hex[2 * HASH_BYTES + 1];
	int n;

	assert(bytes <= HASH_BYTES);
	hex_encode(id, bytes, hex);
	n = snprintf(ret_path, FILE_PATH_MAX, "%s/%s/%s%s", dir, folder, hex, suffix);
	return n < 0 || n >= FILE_PATH_MAX ? err_set(CF_ENAMETOOLONG, "%s: name too long", dir) : 0;
}

static int make_folder(const char *dir, const char *name)
{
	char path[FILE_PATH_MAX];
	int err = file_path(dir, name, path);

	if (!err)
		err = file_dir_make(path);
	return err ? err_set(err, "%s/%s: cannot be made", dir, name) : 0;
}

int ca_store_walk_files(const char *dir, const char *folder,
			int (*on_file)(void *ctx, const char *path, const char *name), void *ctx)
{
	char at[FILE_PATH_MAX], path[FILE_PATH_MAX];
	struct dirent *entry;
	int err = file_path(dir, folder, at);
	DIR *d;

	if (err)
		return err;
	d = opendir(at);
	if (!d)
		return errno == ENOENT ? 0 : err_set(err_from_errno(errno), "%s: %m", at);
	while (!err && (entry = readdir(d))) {
		size_t len = strlen(entry->d_name);

		if (entry->d_name[0] == '.' || (len > 4 && strcmp(entry->d_name + len - 4, ".new") == 0))
			continue;
		err = file_path(at, entry->d_name, path);
		if (!err)
			err = on_file(ctx, path, entry->d_name);
	}
	closedir(d);
	return err;
}

static int write_pem(const char *path, const struct view *ders, size_t count)
{
	struct buf text;
	int err;

	buf_init(&text, 0);
	err = cert_pem_text(ders, count, &text);
	if (!err)
		err = file_replace(path, buf_view(&text));
	buf_release(&text);
	return err;
}

/* names/NAME or its like, as a folder of dir */
static void name_folder(const char *folder, struct view name, char ret_folder[FILE_PATH_MAX])
{
	struct hash hash = sha256(name);
	char hex[2 * HASH_BYTES + 1];

	hex_encode(hash.b, HASH_BYTES, hex);
	snprintf(ret_folder, FILE_PATH_MAX, "%s/%s", folder, hex);
}

static int keep_name(const char *dir, const char *folder, const struct cert_info *info)
{
	char at[FILE_PATH_MAX], path[FILE_PATH_MAX];
	int err;

	name_folder(folder, view_str(info->name), at);
	err = make_folder(dir, at);
	if (!err)
		err = ca_store_path(dir, at, info->serial, sizeof(info->serial), ".pem", path);
	return err ? err : file_replace(path, VIEW_NONE);
}

/* The name first: one that leads to no certificate does no harm, a certificate without its name would. */
int ca_store_issued(const char *dir, struct view cert)
{
	char path[FILE_PATH_MAX];
	struct cert_info info;
	int err = cert_parse(cert, &info);

	if (!err)
		err = keep_name(dir, NAMES, &info);
	if (!err)
		err = ca_store_path(dir, "issued", info.serial, sizeof(info.serial), ".pem", path);
	return err ? err : write_pem(path, &cert, 1);
}

bool ca_store_has_issued(const char *dir, const uint8_t serial[20])
{
	char path[FILE_PATH_MAX];

	return ca_store_path(dir, "issued", serial, 20, ".pem", path) == 0 && file_exists(path);
}

struct cert_walk {
	int (*on_cert)(void *ctx, struct view der, const struct cert_info *info);
	void *ctx;
};

static int walk_cert(void *ctx, const char *path, const char *name)
{
	const struct cert_walk *w = ctx;
	struct cert_info info;
	struct buf der;
	size_t count;
	int err = cert_pem_read(path, &der, 1, &count);

	(void)name;
	if (err)
		return err;
	err = cert_parse(buf_view(&der), &info);
	if (!err)
		err = w->on_cert(w->ctx, buf_view(&der), &info);
	buf_release(&der);
	return err;
}

int ca_store_walk(const char *dir, int (*on_cert)(void *ctx, struct view der, const struct cert_info *info),
		  void *ctx)
{
	struct cert_walk w = {on_cert, ctx};

	return ca_store_walk_files(dir, "issued", walk_cert, &w);
}

struct name_walk {
	struct cert_walk certs;
	const char *dir;
};

static int walk_serial(void *ctx, const char *path, const char *name)
{
	struct name_walk *w = ctx;
	char folder[FILE_PATH_MAX], at[FILE_PATH_MAX];
	int err = file_path(w->dir, "issued", folder);

	(void)path;
	if (!err)
		err = file_path(folder, name, at);
	return err || !file_exists(at) ? err : walk_cert(&w->certs, at, name);
}

int ca_store_walk_name(const char *dir, struct view name,
		       int (*on_cert)(void *ctx, struct view der, const struct cert_info *info), void *ctx)
{
	struct name_walk w = {{on_cert, ctx}, dir};
	char folder[FILE_PATH_MAX];

	name_folder(NAMES, name, folder);
	return ca_store_walk_files(dir, folder, walk_serial, &w);
}

static int keep_name_of(void *ctx, struct view der, const struct cert_info *info)
{
	(void)der;
	return keep_name(ctx, NAMES_PART, info);
}

/* Of a directory that has none, or has lost it. */
static int make_names(const char *dir)
{
	char part[FILE_PATH_MAX], path[FILE_PATH_MAX];
	int err = file_path(dir, NAMES, path);

	if (!err)
		err = file_path(dir, NAMES_PART, part);
	if (err || file_exists(path))
		return err;
	err = make_folder(dir, NAMES_PART);
	if (!err)
		err = ca_store_walk(dir, keep_name_of, (void *)(uintptr_t)dir);
	if (!err && rename(part, path) != 0)
		err = err_set(err_from_errno(errno), "%s: %m", path);
	return err ? err : file_parent_sync(path);
}

int ca_store_open(const char *dir)
{
	static const char *const folders[] = {"issued", "revoked", "waiting", "decided"};
	int err = 0;

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]) && !err; i++)
		err = make_folder(dir, folders[i]);
	return err ? err : make_names(dir);
}

/* --- applications --- */

static int count_file(void *ctx, const char *path, const char *name)
{
	(void)path;
	(void)name;
	return ++*(unsigned *)ctx >= CA_WAITING_MAX ? CF_EAGAIN : 0;
}

struct host_search {
	const char *dir;
	const struct cert_info *of;
	const char *host;
	uint64_t now_ms;
};

static int is_of_host(void *ctx, struct view der, const struct cert_info *info)
{
	const struct host_search *s = ctx;

	return info->role == 0 && !info->is_ca && strcmp(info->name, s->of->name) == 0 &&
	       strcmp(info->org, s->of->org) == 0 && info->not_after_ms >= s->now_ms &&
	       !ca_store_is_revoked(s->dir, info->serial) && cert_has_host(der, s->host);
}

int ca_store_find_host(const char *dir, const struct cert_info *of, const char *host, uint64_t now_ms)
{
	struct host_search s = {dir, of, host, now_ms};
	int found = ca_store_walk_name(dir, view_str(of->name), is_of_host, &s);

	return found > 0 ? 0 : found == 0 ? CF_ENOTFOUND : found;
}

int ca_store_check_room(const char *dir)
{
	unsigned count = 0;
	int err = ca_store_walk_files(dir, "waiting", count_file, &count);

	return err == CF_EAGAIN ? err_set(err, "%d applications wait; try again later", CA_WAITING_MAX) : err;
}

int ca_store_apply(const char *dir, struct view application)
{
	struct application_id id = application_id_of(application);
	char path[FILE_PATH_MAX];
	int err = ca_store_path(dir, "waiting", id.b, sizeof(id.b), "", path);

	if (err || file_exists(path))
		return err;
	err = ca_store_check_room(dir);
	return err ? err : file_replace(path, application);
}

bool ca_store_waits(const char *dir, const struct application_id *id)
{
	char path[FILE_PATH_MAX];

	return ca_store_path(dir, "waiting", id->b, sizeof(id->b), "", path) == 0 && file_exists(path);
}

int ca_store_waiting(const char *dir, const struct application_id *id, struct buf *out)
{
	char path[FILE_PATH_MAX];
	int err = ca_store_path(dir, "waiting", id->b, sizeof(id->b), "", path);

	if (!err)
		err = file_read(path, APPLICATION_BYTES_MAX, out);
	return err == CF_ENOTFOUND ? err_set(err, "no such application waits") : err;
}

struct waiting_walk {
	int (*on_application)(void *ctx, struct view bytes);
	void *ctx;
};

static int walk_waiting(void *ctx, const char *path, const char *name)
{
	const struct waiting_walk *w = ctx;
	struct buf bytes;
	int err;

	(void)name;
	buf_init(&bytes, APPLICATION_BYTES_MAX);
	err = file_read(path, APPLICATION_BYTES_MAX, &bytes);
	if (!err)
		err = w->on_application(w->ctx, buf_view(&bytes));
	buf_release(&bytes);
	return err;
}

int ca_store_walk_waiting(const char *dir, int (*on_application)(void *ctx, struct view bytes), void *ctx)
{
	struct waiting_walk w = {on_application, ctx};

	return ca_store_walk_files(dir, "waiting", walk_waiting, &w);
}

/* Decided: the file that says how is on disk. */
static int waits_no_more(const char *dir, const struct application_id *id)
{
	char path[FILE_PATH_MAX];
	int err = ca_store_path(dir, "waiting", id->b, sizeof(id->b), "", path);

	if (!err && unlink(path) != 0 && errno != ENOENT)
		err = err_set(err_from_errno(errno), "%s: %m", path);
	return err ? err : file_parent_sync(path);
}

int ca_store_approve(const char *dir, const struct application_id *id, const struct view *chain, size_t count,
		     const struct view *tls, size_t tls_count)
{
	char path[FILE_PATH_MAX];
	int err = 0;

	if (tls_count > 0) {
		err = ca_store_path(dir, "decided", id->b, sizeof(id->b), ".tls.pem", path);
		if (!err)
			err = write_pem(path, tls, tls_count);
	}
	if (!err)
		err = ca_store_path(dir, "decided", id->b, sizeof(id->b), ".pem", path);
	if (!err)
		err = write_pem(path, chain, count);
	return err ? err : waits_no_more(dir, id);
}

int ca_store_deny(const char *dir, const struct application_id *id, struct view reason)
{
	char path[FILE_PATH_MAX];
	int err = ca_store_path(dir, "decided", id->b, sizeof(id->b), ".denied", path);

	if (!err)
		err = file_replace(path, reason);
	return err ? err : waits_no_more(dir, id);
}

/* CF_ENOTFOUND when there is none. */
static int read_decided(const char *dir, const struct application_id *id, const char *suffix, struct buf *out)
{
	char path[FILE_PATH_MAX];
	int err = ca_store_path(dir, "decided", id->b, sizeof(id->b), suffix, path);

	return err ? err : file_read(path, PEM_BYTES_MAX, out);
}

int ca_store_decision(const char *dir, const struct application_id *id, enum ca_decision *ret_decision,
		      struct buf *ret_chain, struct buf *ret_tls)
{
	char path[FILE_PATH_MAX];
	int err = read_decided(dir, id, ".pem", ret_chain);

	if (!err) {
		*ret_decision = CA_APPROVED;
		err = read_decided(dir, id, ".tls.pem", ret_tls);
		return err == CF_ENOTFOUND ? 0 : err;
	}
	if (err != CF_ENOTFOUND)
		return err;
	err = read_decided(dir, id, ".denied", ret_chain);
	if (!err)
		*ret_decision = CA_DENIED;
	if (err != CF_ENOTFOUND)
		return err;
	err = ca_store_path(dir, "waiting", id->b, sizeof(id->b), "", path);
	if (!err)
		*ret_decision = file_exists(path) ? CA_WAITING : CA_UNKNOWN;
	return err;
}
