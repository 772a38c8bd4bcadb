/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chartfix.h - charts over a real network in this process: four peers over inproc, and people with a client
 * and a chart each. Failures end the running test.
 */
#ifndef TESTS_LIB_CHARTFIX_H
#define TESTS_LIB_CHARTFIX_H

#include "fs/chart.h"
#include "net/peer.h"
#include "tests/lib/netfix.h"

#define CHARTFIX_PATIENCE_MS 10000

struct chartfix {
	struct netfix *fix;
	struct conf_peer *conf;
	struct peer *peer[NETFIX_ORGS];
};

struct chartfix *chartfix_new(void);
void chartfix_free(struct chartfix *f);
void chartfix_stop(struct chartfix *f, unsigned i);
void chartfix_start(struct chartfix *f, unsigned i);

struct chartfix_user {
	struct identity identity;
	const char *dir;
	unsigned timeout_ms;  /* of the chart */
	enum chart_when when; /* at the next mount */
	struct chart_feed *feed;
	struct client *client;
	struct chart *chart;
};

void chartfix_user(struct chartfix *f, struct chartfix_user *u, const char *name, enum role role,
		   unsigned org);
void chartfix_mount(struct chartfix *f, struct chartfix_user *u); /* again, after chartfix_umount */
void chartfix_umount(struct chartfix_user *u);
void chartfix_user_free(struct chartfix_user *u);
/* Until u has seen what v has. */
void chartfix_catch_up(struct chartfix_user *u, struct chartfix_user *v);

/* The place of a path; err as chart_path. */
int chartfix_path(struct chartfix_user *u, const char *path, struct chart_attr *ret_attr);
struct place chartfix_place(struct chartfix_user *u, const char *path);
/* The directory of a path, and its last name. */
const char *chartfix_split(struct chartfix_user *u, const char *path, struct place *ret_dir);

/* As programs do: create or truncate, write, flush, close; the flush's answer. */
int chartfix_write(struct chartfix_user *u, const char *path, const char *text);
int chartfix_write_bytes(struct chartfix_user *u, const char *path, const void *data, size_t bytes);
int chartfix_rename(struct chartfix_user *u, const char *from, const char *to);
int chartfix_unlink(struct chartfix_user *u, const char *path);
int chartfix_mkdir(struct chartfix_user *u, const char *path);
/* The file holds this text. */
void chartfix_holds(struct chartfix_user *u, const char *path, const char *text);
void chartfix_holds_bytes(struct chartfix_user *u, const char *path, const void *data, size_t bytes);
/* Names of a directory, sorted, joined by blanks. */
const char *chartfix_ls(struct chartfix_user *u, const char *path);
/* Versions of a file, as "1 2 3d": d for a deletion. */
const char *chartfix_versions(struct chartfix_user *u, const char *path);
/* Transactions in u's ledger so far. */
uint64_t chartfix_txs(struct chartfix_user *u);

#endif
