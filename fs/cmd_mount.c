/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_mount.c - chartfs mount: one identity's view of the ledger as a directory.
 *
 * Everything that has threads starts in the child; the parent waits for its word and ends with its exit code,
 * so that `chartfs mount` returns when the tree is usable or with the reason why not.
 */
#include "fs/served.h"

#include "ledger/file.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct request {
	const char *config;
	const char *identity;
	const char *genesis;
	const char *root;
	const char *data;
	const char *passphrase_file;
	const char *log;
	const char *mountpoint;
	struct mount_options options;
	bool foreground;
	char config_path[CONF_PATH_MAX];
	char mount_path[CONF_PATH_MAX];
};

static const struct option longs[] = {
	{"config", required_argument, NULL, 'c'},  {"identity", required_argument, NULL, 'i'},
	{"genesis", required_argument, NULL, 'g'}, {"root", required_argument, NULL, 'r'},
	{"data", required_argument, NULL, 'd'},    {"passphrase-file", required_argument, NULL, 'p'},
	{"log", required_argument, NULL, 'l'},     {"foreground", no_argument, NULL, 'f'},
	{"debug", no_argument, NULL, 'D'},         {NULL, 0, NULL, 0},
};

static int take(int letter, char *value, struct request *r)
{
	switch (letter) {
	case 'c':
		r->config = value;
		return 0;
	case 'i':
		r->identity = value;
		return 0;
	case 'g':
		r->genesis = value;
		return 0;
	case 'r':
		r->root = value;
		return 0;
	case 'd':
		r->data = value;
		return 0;
	case 'p':
		r->passphrase_file = value;
		return 0;
	case 'l':
		r->log = value;
		return 0;
	case 'D':
		r->options.debug = true;
		r->foreground = true;
		return 0;
	case 'f':
		r->foreground = true;
		return 0;
	default:
		return mount_option_parse(value, &r->options);
	}
}

/* 0, or the exit code. */
static int parse(int argc, char **argv, struct request *r)
{
	int letter, err = 0;
	bool words;

	memset(r, 0, sizeof(*r));
	optind = 1;
	opterr = 0;
	while (!err && (letter = getopt_long(argc, argv, "o:f", longs, NULL)) != -1) {
		if (letter == '?')
			return cmd_usage(argv[0], "%s: no such option, or its value is missing",
					 argv[optind - 1]);
		err = take(letter, optarg, r);
	}
	if (!err)
		err = mount_option_check(&r->options);
	if (err)
		return cmd_fail(argv[0], err);
	if (argc - optind != 1)
		return cmd_usage(argv[0], "one mount point is needed");
	r->mountpoint = argv[optind];
	words = r->identity && r->genesis && r->root && r->data;
	if (!r->config == !words)
		return cmd_usage(argv[0],
				 "either --config, or --identity, --genesis, --root and --data are needed");
	return 0;
}

static int add_path(struct buf *ini, const char *key, const char *path)
{
	char real[CONF_PATH_MAX];
	int err = served_absolute(path, real);

	return err ? err : buf_printf(ini, "%s = %s\n", key, real);
}

/* The words of the command line as a configuration, kept with the data, so that the next time it is --config.
 */
static int write_config(struct request *r)
{
	char data[CONF_PATH_MAX];
	struct buf ini;
	int err;

	buf_init(&ini, 0);
	err = file_dir_make(r->data);
	if (!err)
		err = served_absolute(r->data, data);
	if (!err)
		err = file_path(data, "mount.ini", r->config_path);
	if (!err)
		err = buf_printf(&ini, "[mount]\ndata = %s\n", data);
	if (!err)
		err = add_path(&ini, "identity", r->identity);
	if (!err)
		err = add_path(&ini, "genesis", r->genesis);
	if (!err)
		err = add_path(&ini, "root", r->root);
	if (!err && r->passphrase_file)
		err = add_path(&ini, "passphrase-file", r->passphrase_file);
	if (!err)
		err = file_replace(r->config_path, buf_view(&ini));
	buf_release(&ini);
	return err;
}

/* Everything that can be wrong with paths is found before the fork, and nothing depends on the directory
 * after it. */
static int resolve(struct request *r)
{
	int err = served_mountpoint(r->mountpoint, r->mount_path);

	if (err)
		return err;
	return r->config ? served_absolute(r->config, r->config_path) : write_config(r);
}

static int serve(const char *verb, const struct request *r, int pipe)
{
	struct client_observer observer;
	struct cmd_session session;
	struct served served;
	const struct locker_keys keys = {.ctx = &session,
					 .check = cmd_session_check,
					 .lock = cmd_session_lock,
					 .unlock = cmd_session_unlock};
	int err, code;

	memset(&session, 0, sizeof(session));
	err = mount_prepare();
	if (!err)
		err = served_begin(&served, &observer);
	if (err) {
		served_tell(verb, pipe, err, "", r->log);
		return err_exit_code(err);
	}
	err = cmd_session_open(r->config_path, false, &observer, &session);
	if (!err)
		err = served_mount(&served, session.client, session.conf.data_dir, session.conf.timeout_ms,
				   r->mount_path, &r->options, &keys);
	served_tell(verb, pipe, err, served.notice, r->log);
	if (!err)
		err = mount_run(served.mount);
	code = err_exit_code(err);
	served_end(&served);
	if (session.client)
		cmd_session_close(&session);
	served_release(&served);
	return code;
}

int cmd_mount(int argc, char **argv)
{
	struct request r;
	int err, pipe, code;

	code = parse(argc, argv, &r);
	if (code)
		return code;
	err = resolve(&r);
	if (err)
		return cmd_fail(argv[0], err);
	if (served_fork(argv[0], r.foreground, &pipe, &code))
		return code;
	err = r.log ? served_log(r.log) : 0;
	if (err) {
		served_tell(argv[0], pipe, err, "", false);
		return err_exit_code(err);
	}
	return serve(argv[0], &r, pipe);
}
