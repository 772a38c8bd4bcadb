/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/chartfix.h"

#include "ledger/mem.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void chartfix_start(struct chartfix *f, unsigned i)
{
	const struct peer_config config = {
		.conf = &f->conf[i], .identity = &f->fix->peer[i], .genesis = buf_view(&f->fix->genesis)};

	t_zero(peer_start(&config, &f->peer[i]));
}

void chartfix_stop(struct chartfix *f, unsigned i)
{
	peer_stop(f->peer[i]);
	f->peer[i] = NULL;
}

struct chartfix *chartfix_new(void)
{
	struct chartfix *f = mem_zalloc(sizeof *f);

	t_ok(f != NULL);
	f->conf = mem_zalloc(NETFIX_ORGS * sizeof *f->conf);
	t_ok(f->conf != NULL);
	t_zero(netfix_new(0, false, &f->fix));
	for (unsigned i = 0; i < NETFIX_ORGS; i++) {
		struct conf_peer *conf = &f->conf[i];

		snprintf(conf->name, sizeof conf->name, "peer%u", i + 1);
		snprintf(conf->data_dir, sizeof conf->data_dir, "%s", tmpdir_new());
		conf->endorse = conf->order = true;
		conf->block_txs_max = 500;
		conf->block_bytes_max = 4 << 20;
		conf->timers = PBFT_TIMERS_DEFAULT;
		chartfix_start(f, i);
	}
	return f;
}

void chartfix_free(struct chartfix *f)
{
	for (unsigned i = 0; i < NETFIX_ORGS; i++) {
		if (f->peer[i])
			chartfix_stop(f, i);
	}
	netfix_free(f->fix);
	mem_free(f->conf);
	mem_free(f);
}

void chartfix_mount(struct chartfix *f, struct chartfix_user *u)
{
	struct client_observer observer;
	struct client_config config = {
		.data_dir = u->dir, .genesis = buf_view(&f->fix->genesis), .identity = &u->identity};
	struct chart_config chart;

	t_zero(chart_feed_new(&u->feed, &observer));
	config.observer = &observer;
	t_zero(client_open(&config, &u->client));
	t_zero(client_register(u->client, CHARTFIX_PATIENCE_MS));
	chart = (struct chart_config){.client = u->client,
				      .spool_dir = tmpdir_path(u->dir, "spool"),
				      .timeout_ms = u->timeout_ms,
				      .when = u->when};
	t_zero(chart_new(&chart, &u->chart));
	chart_feed_attach(u->feed, u->chart);
}

void chartfix_user(struct chartfix *f, struct chartfix_user *u, const char *name, enum role role,
		   unsigned org)
{
	memset(u, 0, sizeof *u);
	u->dir = tmpdir_new();
	u->timeout_ms = CHARTFIX_PATIENCE_MS;
	t_zero(netfix_identity(f->fix, name, role, org, &u->identity));
	chartfix_mount(f, u);
}

void chartfix_umount(struct chartfix_user *u)
{
	chart_feed_attach(u->feed, NULL);
	chart_free(u->chart);
	client_close(u->client);
	chart_feed_free(u->feed);
	u->chart = NULL;
}

void chartfix_user_free(struct chartfix_user *u)
{
	if (u->chart)
		chartfix_umount(u);
	identity_release(&u->identity);
}

void chartfix_catch_up(struct chartfix_user *u, struct chartfix_user *v)
{
	t_zero(client_wait(u->client, client_height(v->client), CHARTFIX_PATIENCE_MS));
}

int chartfix_path(struct chartfix_user *u, const char *path, struct chart_attr *ret_attr)
{
	return chart_path(u->chart, path, ret_attr);
}

struct place chartfix_place(struct chartfix_user *u, const char *path)
{
	struct chart_attr attr;
	int err = chart_path(u->chart, path, &attr);

	if (err)
		t_fail("%s: %s (%s)", path, err_name(err), err_detail());
	return attr.place;
}

const char *chartfix_split(struct chartfix_user *u, const char *path, struct place *ret_dir)
{
	const char *slash = strrchr(path, '/');
	char dir[512];

	t_ok(slash != NULL);
	snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
	*ret_dir = chartfix_place(u, dir);
	return slash + 1;
}

int chartfix_write_bytes(struct chartfix_user *u, const char *path, const void *data, size_t bytes)
{
	struct chart_file *f = NULL;
	struct chart_attr attr;
	struct place dir;
	const char *name = chartfix_split(u, path, &dir);
	int err = chart_lookup(u->chart, &dir, name, &attr);

	if (!err)
		err = chart_open(u->chart, &attr.place, CHART_WRITE | CHART_TRUNC, &f);
	else if (err == CF_ENOTFOUND)
		err = chart_create(u->chart, &dir, name, 0644, 1000, 1000, CHART_WRITE, &f, &attr);
	if (err)
		return err;
	for (size_t at = 0; at < bytes && !err; at += 131072)
		err = chart_write(
			f, at, VIEW((const uint8_t *)data + at, bytes - at < 131072 ? bytes - at : 131072));
	if (!err)
		err = chart_save(f);
	chart_close(f);
	return err;
}

int chartfix_write(struct chartfix_user *u, const char *path, const char *text)
{
	return chartfix_write_bytes(u, path, text, strlen(text));
}

int chartfix_rename(struct chartfix_user *u, const char *from, const char *to)
{
	struct place from_dir, to_dir;
	const char *a = chartfix_split(u, from, &from_dir), *b = chartfix_split(u, to, &to_dir);

	return chart_rename(u->chart, &from_dir, a, &to_dir, b, 0);
}

int chartfix_unlink(struct chartfix_user *u, const char *path)
{
	struct place dir;
	const char *name = chartfix_split(u, path, &dir);

	return chart_unlink(u->chart, &dir, name);
}

int chartfix_mkdir(struct chartfix_user *u, const char *path)
{
	struct chart_attr attr;
	struct place dir;
	const char *name = chartfix_split(u, path, &dir);

	return chart_mkdir(u->chart, &dir, name, 0755, 1000, 1000, &attr);
}

void chartfix_holds_bytes(struct chartfix_user *u, const char *path, const void *data, size_t bytes)
{
	struct place p = chartfix_place(u, path);
	struct chart_file *f;
	struct buf out;

	buf_init(&out, 0);
	t_zero(chart_open(u->chart, &p, CHART_READ, &f));
	for (;;) {
		size_t before = out.len;

		t_zero(chart_read(f, out.len, 100000, &out));
		if (out.len == before)
			break;
	}
	chart_close(f);
	t_bytes(out.data, out.len, data, bytes);
	buf_release(&out);
}

void chartfix_holds(struct chartfix_user *u, const char *path, const char *text)
{
	chartfix_holds_bytes(u, path, text, strlen(text));
}

struct names {
	char name[256][NAME_BYTES_MAX + 1];
	int count;
	uint64_t cookie;
};

static bool take_name(void *ctx, const char *name, const struct chart_attr *attr, uint64_t cookie)
{
	struct names *n = ctx;

	(void)attr;
	t_ok(n->count < 256 && cookie > n->cookie);
	snprintf(n->name[n->count++], NAME_BYTES_MAX + 1, "%s", name);
	n->cookie = cookie;
	return n->count % 3 != 0; /* listings go on behind any cookie */
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

const char *chartfix_ls(struct chartfix_user *u, const char *path)
{
	static char text[65536];
	static struct names n;
	struct place p = chartfix_place(u, path);
	int before = -1;

	n.count = 0;
	n.cookie = 0;
	text[0] = 0;
	while (before != n.count) {
		before = n.count;
		t_zero(chart_list(u->chart, &p, n.cookie, take_name, &n));
	}
	qsort(n.name, (size_t)n.count, sizeof n.name[0], by_name);
	for (int i = 0; i < n.count; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "", n.name[i]);
	return text;
}

static bool take_version(void *ctx, const struct chart_version *v)
{
	char *text = ctx;

	snprintf(text + strlen(text), 256 - strlen(text), "%s%u%s", text[0] ? " " : "", v->number,
		 v->deleted ? "d" : "");
	return true;
}

const char *chartfix_versions(struct chartfix_user *u, const char *path)
{
	static char text[256];
	struct place dir;
	const char *name = chartfix_split(u, path, &dir);

	text[0] = 0;
	t_zero(chart_versions(u->chart, &dir, name, take_version, text));
	return text;
}

uint64_t chartfix_txs(struct chartfix_user *u)
{
	struct db_txn *txn;
	uint64_t count;

	t_zero(chain_read_begin(client_chain(u->client), &txn));
	t_zero(db_count(txn, DB_TX, &count));
	db_abort(txn);
	return count;
}
