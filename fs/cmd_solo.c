/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_solo.c - chartfs solo: four peers and a mount in one process. The same code as a network's, over
 * inproc.
 */
#include "fs/served.h"
#include "fs/solo.h"

#include "ledger/file.h"
#include "ledger/mem.h"
#include "net/peer.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_MS 10000
#define SOLO_BLOCK_TXS 1000
#define SOLO_BLOCK_BYTES (16u << 20)

struct request {
	const char *passphrase_file;
	const char *log;
	bool foreground;
	struct mount_options options;
	char dir[CONF_PATH_MAX];
	char mount_path[CONF_PATH_MAX];
	char passphrase[PASSPHRASE_BYTES_MAX + 1];
	bool random_passphrase;
};

struct solo {
	struct buf genesis;
	struct identity peer_id[SOLO_PEERS];
	struct conf_peer conf[SOLO_PEERS];
	struct peer *peer[SOLO_PEERS];
	struct identity identity;
	char mount_data[USERFILE_PATH_MAX]; /* the client keeps the pointer, and the observer's */
	struct client_observer observer;
	struct client *client;
	struct served served;
};

static const struct option longs[] = {
	{"passphrase-file", required_argument, NULL, 'p'},
	{"log", required_argument, NULL, 'l'},
	{"foreground", no_argument, NULL, 'f'},
	{NULL, 0, NULL, 0},
};

/* 0, or the exit code. */
static int parse(int argc, char **argv, struct request *r, const char **ret_dir, const char **ret_mnt)
{
	int letter, err = 0;

	optind = 1;
	opterr = 0;
	while (!err && (letter = getopt_long(argc, argv, "o:f", longs, NULL)) != -1) {
		if (letter == 'p')
			r->passphrase_file = optarg;
		else if (letter == 'l')
			r->log = optarg;
		else if (letter == 'f')
			r->foreground = true;
		else if (letter == 'o')
			err = mount_option_parse(optarg, &r->options);
		else
			return cmd_usage(argv[0], "%s: no such option, or its value is missing",
					 argv[optind - 1]);
	}
	if (!err)
		err = mount_option_check(&r->options);
	if (!err && r->options.idle_ms)
		err = err_set(CF_EUSAGE,
			      "idle-lock: not with a network in one process, whose peers have their keys "
			      "there, too");
	if (err)
		return cmd_fail(argv[0], err);
	if (argc - optind != 2)
		return cmd_usage(argv[0], "a directory for the ledger and a mount point are needed");
	*ret_dir = argv[optind];
	*ret_mnt = argv[optind + 1];
	return 0;
}

static int prepare(struct request *r, const char *dir, const char *mnt)
{
	int err = served_mountpoint(mnt, r->mount_path);

	if (!err)
		err = solo_passphrase(dir, r->passphrase_file, r->passphrase, &r->random_passphrase);
	if (!err)
		err = served_absolute(dir, r->dir);
	return err;
}

static int load_identity(const struct request *r, const char *below, struct identity *ret_identity)
{
	char path[USERFILE_PATH_MAX];
	int err = solo_path(r->dir, below, path);

	return err ? err : identity_load(path, r->passphrase, ret_identity);
}

static int start_peer(struct solo *s, const struct request *r, unsigned i)
{
	struct conf_peer *c = &s->conf[i];
	struct peer_config config = {.conf = c, .identity = &s->peer_id[i], .genesis = buf_view(&s->genesis)};
	char below[64];
	int err;

	snprintf(c->name, sizeof(c->name), "peer%u", i + 1);
	snprintf(below, sizeof(below), "peer%u/data", i + 1);
	err = solo_path(r->dir, below, c->data_dir);
	if (!err)
		err = file_dir_make(c->data_dir);
	c->endorse = true;
	c->order = true;
	c->block_txs_max = SOLO_BLOCK_TXS;
	c->block_bytes_max = SOLO_BLOCK_BYTES;
	c->timers = PBFT_TIMERS_DEFAULT;
	c->scrub_period_s = CONF_SCRUB_PERIOD_S;
	c->scrub_rate_kib = CONF_SCRUB_RATE_KIB;
	c->log_level = LOG_WARN;
	snprintf(below, sizeof(below), "peer%u/identity", i + 1);
	if (!err)
		err = load_identity(r, below, &s->peer_id[i]);
	return err ? err : peer_start(&config, &s->peer[i]);
}

static int start_network(struct solo *s, const struct request *r)
{
	char path[USERFILE_PATH_MAX];
	int err = solo_found(r->dir, r->passphrase, r->random_passphrase);

	if (!err)
		err = solo_path(r->dir, "genesis", path);
	if (!err)
		err = genesis_read(path, &s->genesis);
	for (unsigned i = 0; i < SOLO_PEERS && !err; i++)
		err = start_peer(s, r, i);
	return err;
}

static int start(struct solo *s, const struct request *r)
{
	struct client_config config;
	int err = mount_prepare();

	log_set_level(LOG_WARN);
	if (!err)
		err = served_begin(&s->served, &s->observer);
	if (!err)
		err = start_network(s, r);
	if (!err)
		err = load_identity(r, "who/" SOLO_IDENTITY, &s->identity);
	if (!err)
		err = solo_path(r->dir, "mount", s->mount_data);
	if (!err)
		err = file_dir_make(s->mount_data);
	if (err)
		return err;
	config = (struct client_config){
		.data_dir = s->mount_data,
		.genesis = buf_view(&s->genesis),
		.identity = &s->identity,
		.observer = &s->observer,
	};
	err = client_open(&config, &s->client);
	return err ? err
		   : served_mount(&s->served, s->client, s->mount_data, TIMEOUT_MS, r->mount_path,
				  &r->options, NULL);
}

static void stop(struct solo *s)
{
	served_end(&s->served);
	client_close(s->client);
	served_release(&s->served);
	for (unsigned i = 0; i < SOLO_PEERS; i++) {
		if (s->peer[i])
			peer_stop(s->peer[i]);
		identity_release(&s->peer_id[i]);
	}
	identity_release(&s->identity);
	buf_release(&s->genesis);
	mem_free(s);
}

static int serve(const char *verb, struct request *r, int pipe)
{
	struct solo *s = mem_zalloc(sizeof(*s));
	int err = s ? 0 : CF_ENOMEM;

	if (!err && r->log)
		err = served_log(r->log);
	if (!err)
		err = start(s, r);
	mem_wipe(r->passphrase, sizeof(r->passphrase));
	served_tell(verb, pipe, err, s ? s->served.notice : "", r->log);
	if (!err)
		err = mount_run(s->served.mount);
	if (s)
		stop(s);
	return err_exit_code(err);
}

int cmd_solo(int argc, char **argv)
{
	struct request r = {.foreground = false};
	const char *dir = NULL, *mnt = NULL;
	int err, pipe, code = parse(argc, argv, &r, &dir, &mnt);

	if (code)
		return code;
	err = prepare(&r, dir, mnt);
	if (err)
		return cmd_fail(argv[0], err);
	if (served_fork(argv[0], r.foreground, &pipe, &code)) {
		mem_wipe(r.passphrase, sizeof(r.passphrase));
		return code;
	}
	return serve(argv[0], &r, pipe);
}
