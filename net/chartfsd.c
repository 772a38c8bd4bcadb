/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chartfsd.c - the peer as a program: reads its configuration, runs until it is told to stop.
 *
 * Stays in the foreground: nng must not be used across a fork, and supervisors want it so. Exit codes are
 * those of ledger/err.h.
 */
#include "acl/expiry.h"
#include "acl/identity.h"
#include "acl/keyfile.h"
#include "acl/rowread.h"
#include "ledger/file.h"
#include "ledger/harden.h"
#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/conf.h"
#include "net/peer.h"
#include "net/ticks.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define PROGRAM "chartfsd"
#define VERSION "1.0"
#define POLL_MS 200
#define DAY_MS ((uint64_t)86400 * 1000)
#define DESCRIPTORS 4096u /* two listeners' connections, twice; stores */
#define TLS_CERTS_MAX 8

static const char usage[] = "usage: " PROGRAM " [-n] [-f] [--ready-fd N] CONFIG.ini\n"
			    "Runs one peer of a chartfs network in the foreground until SIGTERM or SIGINT.\n"
			    "\n"
			    "  -n, --check        check configuration, genesis and keys, then exit\n"
			    "  -f, --foreground   accepted for supervisors; the only way it runs\n"
			    "      --ready-fd N   write one byte to descriptor N once the peer listens\n"
			    "      --version      print the version\n"
			    "  -h, --help         print this\n";

struct options {
	bool check;
	int ready_fd;
	const char *conf;
};

/* One identity's keys, with TLS texts in memory. */
struct keys {
	struct identity identity;
	struct buf cert;
	struct buf key;
	struct buf ca;
	struct transport_tls texts;
};

static int complain(int err)
{
	const char *detail = err_detail();
	bool named = err != CF_EFOREIGN || strstr(detail, err_text(err));

	if (detail[0] && named)
		fprintf(stderr, PROGRAM ": %s\n", detail);
	else
		fprintf(stderr, PROGRAM ": %s%s%s\n", detail, detail[0] ? ": " : "", err_text(err));
	return err_exit_code(err);
}

/* 0 go on, 1 done, -1 wrong usage. */
static int parse(int argc, char **argv, struct options *ret_o)
{
	static const struct option longs[] = {
		{"check", no_argument, NULL, 'n'},          {"foreground", no_argument, NULL, 'f'},
		{"ready-fd", required_argument, NULL, 'r'}, {"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0},
	};
	struct options o = {false, -1, NULL};
	char *end;
	int c;

	while ((c = getopt_long(argc, argv, "nfh", longs, NULL)) != -1) {
		switch (c) {
		case 'n':
			o.check = true;
			break;
		case 'f':
			break;
		case 'r':
			o.ready_fd = (int)strtol(optarg, &end, 10);
			if (*optarg == '\0' || *end != '\0' || o.ready_fd < 0)
				return -1;
			break;
		case 'v':
			puts(PROGRAM " " VERSION);
			return 1;
		case 'h':
			fputs(usage, stdout);
			return 1;
		default:
			return -1;
		}
	}
	if (optind + 1 != argc)
		return -1;
	o.conf = argv[optind];
	*ret_o = o;
	return 0;
}

static void keys_init(struct keys *k)
{
	memset(k, 0, sizeof(*k));
	buf_init(&k->cert, 0);
	buf_init(&k->key, 0);
	buf_init(&k->ca, 0);
}

static void keys_release(struct keys *k)
{
	identity_release(&k->identity);
	buf_release(&k->cert);
	buf_release_secret(&k->key);
	buf_release(&k->ca);
}

/* identity/tls.pem and tls.key, and the root. */
static int tls_load(const char *dir, const char *root_cert, const char *passphrase, struct view root_der,
		    struct keys *t)
{
	struct buf der[TLS_CERTS_MAX];
	struct view view[TLS_CERTS_MAX];
	struct crypto_key *key = NULL;
	char path[FILE_PATH_MAX];
	size_t count = 0;
	int err = file_path(dir, "tls.pem", path);

	if (!err)
		err = cert_pem_read(path, der, TLS_CERTS_MAX, &count);
	for (size_t i = 0; i < count; i++)
		view[i] = buf_view(&der[i]);
	if (!err)
		err = cert_pem_text(view, count, &t->cert);
	for (size_t i = 0; i < count; i++)
		buf_release(&der[i]);
	if (!err)
		err = file_path(dir, "tls.key", path);
	if (!err)
		err = keyfile_read(path, passphrase, &key);
	if (!err)
		err = cert_key_pem_text(key, &t->key);
	crypto_key_free(key);
	if (!err && root_cert[0])
		err = file_read(root_cert, CERT_DER_BYTES_MAX * 2, &t->ca);
	else if (!err)
		err = cert_pem_text(&root_der, 1, &t->ca);
	/* nng takes C strings. */
	if (!err)
		err = buf_append(&t->cert, "", 1);
	if (!err)
		err = buf_append(&t->key, "", 1);
	if (!err)
		err = buf_append(&t->ca, "", 1);
	t->texts = (struct transport_tls){.cert_pem = (const char *)t->cert.data,
					  .key_pem = (const char *)t->key.data,
					  .ca_pem = (const char *)t->ca.data};
	return err;
}

static bool wants_tls(const struct conf_peer *conf, const struct genesis *g)
{
	bool tls = strncmp(conf->listen_peer, "tls", 3) == 0 || strncmp(conf->listen_client, "tls", 3) == 0 ||
		   strncmp(conf->listen_public, "tls", 3) == 0;

	for (unsigned i = 0; i < g->members.count; i++)
		tls = tls || strncmp(g->members.member[i].peer_address, "tls", 3) == 0 ||
		      strncmp(g->members.member[i].client_address, "tls", 3) == 0;
	return tls;
}

/*
 * Each connection is a descriptor, also a stranger's, and stores need some, too: with the usual 1024 a peer
 * would run out of them.
 */
static void allow_descriptors(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= DESCRIPTORS)
		return;
	files.rlim_cur = files.rlim_max < DESCRIPTORS ? files.rlim_max : DESCRIPTORS;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_cur < DESCRIPTORS)
		log_warn(PROGRAM,
			 "at most %llu open files are allowed, %u are wanted -> many connections could stop "
			 "it",
			 (unsigned long long)files.rlim_cur, DESCRIPTORS);
}

/* At the start, and once a day. */
static void warn_of_expiry(const struct identity *id, uint64_t *next_ms)
{
	uint64_t now = ticks_wall_ms();
	char text[256];
	struct expiry e;

	if (now < *next_ms)
		return;
	*next_ms = now + DAY_MS;
	expiry_of(id, now, &e);
	expiry_text(&e, text, sizeof(text));
	if (text[0])
		log_warn(PROGRAM, "%s", text);
}

/* *ret_changed: the members changed, and the peer is to be started anew. */
static int wait_for_end(struct peer *p, const struct identity *id, const sigset_t *signals, bool *ret_changed)
{
	const struct timespec poll = {0, POLL_MS * 1000000L};
	uint64_t next_ms = 0;

	*ret_changed = false;
	for (;;) {
		int sig;

		warn_of_expiry(id, &next_ms);
		sig = sigtimedwait(signals, NULL, &poll);

		if (sig == SIGTERM || sig == SIGINT) {
			log_info(PROGRAM, "signal %d -> stops", sig);
			return 0;
		}
		if (peer_failed(p))
			return CF_EIO;
		*ret_changed = peer_changed(p);
		if (*ret_changed)
			return 0;
	}
}

static void tell_ready(int fd)
{
	if (write(fd, "\n", 1) != 1)
		log_warn(PROGRAM, "descriptor %d takes no notice", fd);
	close(fd);
}

static int run(const struct options *o, const struct peer_config *config, const sigset_t *signals)
{
	bool changed = true, told = o->ready_fd < 0;
	int err = 0;

	/* Each set of members has a peer of its own, which begins as after a restart. */
	while (changed && !err) {
		struct peer *p = NULL;

		err = peer_start(config, &p);
		if (err)
			return complain(err);
		if (!told)
			tell_ready(o->ready_fd);
		told = true;
		err = wait_for_end(p, config->identity, signals, &changed);
		peer_stop(p);
	}
	return err_exit_code(err);
}

static int keys_load(const char *dir, const struct conf_peer *conf, const char *passphrase,
		     const struct genesis *g, struct keys *k)
{
	int err = identity_load(dir, passphrase, &k->identity);

	if (!err && !k->identity.endorse)
		err = err_set(CF_EFOREIGN, "%s is not in consortium: no peer's identity",
			      k->identity.info.name);
	if (!err && wants_tls(conf, g))
		err = tls_load(dir, conf->root_cert, passphrase, g->root_cert, k);
	return err;
}

/* The keys in use, and those that may take their place. */
static int load_keys(const struct conf_peer *conf, const struct genesis *g, struct keys *now,
		     struct keys *next)
{
	char passphrase[PASSPHRASE_BYTES_MAX + 1] = "";
	int err = passphrase_get(conf->passphrase_file[0] ? conf->passphrase_file : NULL,
				 "passphrase: ", passphrase);

	if (!err)
		err = keys_load(conf->identity_dir, conf, passphrase, g, now);
	if (!err && conf->next_identity_dir[0])
		err = keys_load(conf->next_identity_dir, conf, passphrase, g, next);
	if (!err && conf->next_identity_dir[0] && !identity_equal(&now->identity.id, &next->identity.id))
		err = err_set(CF_ECONFIG, "%s: next-identity is of %s, not of %s", conf->next_identity_dir,
			      next->identity.info.name, now->identity.info.name);
	mem_wipe(passphrase, sizeof(passphrase));
	return err;
}

/* Everything below holds large structures: on the heap, through main's pointers. */
static int load_and_run(const struct options *o, struct conf_peer *conf, struct genesis *g,
			const sigset_t *signals)
{
	struct peer_config config = {.conf = conf};
	struct keys now, next;
	struct buf genesis;
	int code = 0, err = conf_peer_read(o->conf, conf);

	buf_init(&genesis, GENESIS_BYTES_MAX);
	keys_init(&now);
	keys_init(&next);
	if (!err) {
		log_set_level(conf->log_level);
		err = genesis_read(conf->genesis, &genesis);
	}
	if (!err)
		err = genesis_decode(buf_view(&genesis), g);
	if (!err)
		err = load_keys(conf, g, &now, &next);
	config.genesis = buf_view(&genesis);
	config.identity = &now.identity;
	config.tls = now.texts.cert_pem ? &now.texts : NULL;
	if (next.identity.endorse) {
		config.next_identity = &next.identity;
		config.next_tls = next.texts.cert_pem ? &next.texts : NULL;
	}
	if (err)
		code = complain(err);
	else if (o->check)
		printf("%s: configuration is good\n", o->conf);
	else
		code = run(o, &config, signals);
	keys_release(&now);
	keys_release(&next);
	buf_release(&genesis);
	return code;
}

int main(int argc, char **argv)
{
	struct conf_peer *conf = mem_zalloc(sizeof(*conf));
	struct genesis *g = mem_zalloc(sizeof(*g));
	struct options o;
	sigset_t signals;
	int code, parsed = parse(argc, argv, &o);

	if (parsed > 0)
		return 0;
	if (parsed < 0 || !conf || !g) {
		fputs(usage, stderr);
		return err_exit_code(parsed < 0 ? CF_EUSAGE : CF_ENOMEM);
	}
	harden_process();
	allow_descriptors();
	/* Before any thread: all of them block these, and the main thread takes them when it is ready. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	code = load_and_run(&o, conf, g, &signals);
	mem_free(conf);
	mem_free(g);
	fflush(NULL);
	_exit(code); /* nng's sockets are never closed, and its own exit would wait for them */
}
