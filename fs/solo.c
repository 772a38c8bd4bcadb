/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/solo.h"

#include "acl/ca_cmd.h"
#include "acl/identity.h"
#include "ledger/crypto.h"
#include "ledger/file.h"
#include "ledger/mem.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define YEARS(n) ((uint64_t)(n)*365 * 86400 * 1000)
/* Stretching protects what a person chose; 256 random bits need none. */
#define ROUNDS_RANDOM 1000
#define RANDOM_BYTES 32
#define UNFINISHED "unfinished"

static const char *const orgs[SOLO_PEERS] = {"hospitalA", "hospitalB", "hospitalC", "hospitalD"};
static const char *const custodians[SOLO_PEERS] = {SOLO_IDENTITY, "custodianB", "custodianC", "custodianD"};

int solo_path(const char *dir, const char *below, char ret_path[USERFILE_PATH_MAX])
{
	return userfile_path(dir, below, ret_path);
}

static bool holds_something(const char *dir)
{
	struct dirent *entry;
	bool found = false;
	DIR *d = opendir(dir);

	while (d && !found && (entry = readdir(d)) != NULL)
		found = entry->d_name[0] != '.' && strcmp(entry->d_name, "passphrase") != 0;
	if (d)
		closedir(d);
	return found;
}

/* Neither empty nor a network, whole or half made: CF_ENOTEMPTY. */
static int check_ours(const char *dir)
{
	char mark[USERFILE_PATH_MAX], genesis[USERFILE_PATH_MAX];
	int err = solo_path(dir, UNFINISHED, mark);

	if (!err)
		err = solo_path(dir, "genesis", genesis);
	if (!err && !file_exists(mark) && !file_exists(genesis) && holds_something(dir))
		err = err_set(CF_ENOTEMPTY, "%s: holds something that is no solo network", dir);
	return err;
}

int solo_passphrase(const char *dir, const char *file, char ret_passphrase[PASSPHRASE_BYTES_MAX + 1],
		    bool *ret_made)
{
	char path[USERFILE_PATH_MAX], text[2 * RANDOM_BYTES + 1];
	uint8_t random[RANDOM_BYTES];
	int err = file_dir_make(dir);

	*ret_made = false;
	if (err)
		return err_set(err, "%s: cannot be made", dir);
	err = check_ours(dir);
	if (err)
		return err;
	if (file || getenv("CHARTFS_PASSPHRASE"))
		return passphrase_get(file, "passphrase", ret_passphrase);
	err = solo_path(dir, "passphrase", path);
	if (!err && !file_exists(path)) {
		random_bytes(random, sizeof(random));
		hex_encode(random, sizeof(random), text);
		err = file_replace(path, VIEW(text, sizeof(text) - 1));
		mem_wipe(random, sizeof(random));
		mem_wipe(text, sizeof(text));
	}
	*ret_made = true;
	return err ? err : passphrase_get(path, "passphrase", ret_passphrase);
}

struct founder {
	const char *dir;
	const char *passphrase;
	unsigned rounds;
	uint64_t now_ms;
};

static int make_dir(const struct founder *f, const char *below)
{
	char path[USERFILE_PATH_MAX];
	int err = solo_path(f->dir, below, path);

	return err ? err : file_dir_make(path);
}

static int make_ca(const struct founder *f, const char *below, const char *name, const char *org,
		   const char *parent)
{
	char path[USERFILE_PATH_MAX], parent_path[USERFILE_PATH_MAX];
	int err = solo_path(f->dir, below, path);

	if (!err && parent)
		err = solo_path(f->dir, parent, parent_path);
	if (err)
		return err;
	return ca_create(path, f->passphrase, name, org, 1, f->now_ms + YEARS(10), f->rounds,
			 parent ? parent_path : NULL, parent ? f->passphrase : NULL);
}

static int make_identity(const struct founder *f, const char *below, const char *ca_below, const char *name,
			 const char *org, enum role role)
{
	const struct identity_issue what = {
		.name = name,
		.org = org,
		.role = role,
		.not_before_ms = f->now_ms - CERT_CLOCK_SKEW_MS,
		.not_after_ms = f->now_ms + YEARS(9),
		.pbkdf2_rounds = f->rounds,
	};
	char path[USERFILE_PATH_MAX], ca_path[USERFILE_PATH_MAX];
	struct buf chain;
	struct ca ca;
	int err = solo_path(f->dir, below, path);

	if (!err)
		err = solo_path(f->dir, ca_below, ca_path);
	if (!err)
		err = ca_load(ca_path, f->passphrase, &ca);
	if (err)
		return err;
	buf_init(&chain, 0);
	err = ca_chain(&ca, &chain);
	if (!err)
		err = identity_create(path, f->passphrase, &what, buf_view(&chain), ca.key);
	buf_release(&chain);
	ca_release(&ca);
	return err;
}

static int make_org(const struct founder *f, unsigned i)
{
	char ca[64], peer[64], who[64], name[64];
	int err;

	snprintf(ca, sizeof(ca), "ca/%s", orgs[i]);
	snprintf(name, sizeof(name), "peer%u", i + 1);
	snprintf(peer, sizeof(peer), "peer%u/identity", i + 1);
	snprintf(who, sizeof(who), "who/%s", custodians[i]);
	err = make_ca(f, ca, orgs[i], orgs[i], "ca/root");
	if (!err)
		err = make_dir(f, name);
	if (!err)
		err = make_identity(f, peer, ca, name, orgs[i], ROLE_PEER);
	return err ? err : make_identity(f, who, ca, custodians[i], orgs[i], ROLE_MANAGER);
}

/* Words as chartfs-ca genesis takes them: the same checks, the same file. */
static int make_genesis(const struct founder *f)
{
	char org[SOLO_PEERS][2 * USERFILE_PATH_MAX + 128], peer[SOLO_PEERS][USERFILE_PATH_MAX + 256];
	char path[USERFILE_PATH_MAX], root[USERFILE_PATH_MAX];
	struct ca_options o = {.target = path, .name = "solo", .root = root};
	int err = solo_path(f->dir, "genesis", path);

	if (!err)
		err = solo_path(f->dir, "ca/root/ca.pem", root);
	for (unsigned i = 0; i < SOLO_PEERS; i++) {
		snprintf(org[i], sizeof(org[i]), "%s:%s/ca/%s/ca.pem:%s/who/%s/cert.pem", orgs[i], f->dir,
			 orgs[i], f->dir, custodians[i]);
		snprintf(peer[i], sizeof(peer[i]),
			 "%s/peer%u/identity,%s,inproc://chartfs-peer%u,inproc://chartfs-client%u", f->dir,
			 i + 1, orgs[i], i + 1, i + 1);
		o.org.item[o.org.count++] = org[i];
		o.peer.item[o.peer.count++] = peer[i];
	}
	return err ? err : ca_cmd_genesis(&o);
}

/* Everything below DIR that a run that was cut short may have left, but its passphrase. */
static int clear(const char *dir)
{
	static const char *const parts[] = {"ca", "who", "peer1", "peer2", "peer3", "peer4", "genesis"};
	char path[USERFILE_PATH_MAX];
	int err = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && !err; i++) {
		err = solo_path(dir, parts[i], path);
		if (!err)
			err = file_remove_tree(path);
	}
	return err;
}

static int found(const struct founder *f)
{
	int err = make_dir(f, "ca");

	if (!err)
		err = make_dir(f, "who");
	if (!err)
		err = make_ca(f, "ca/root", "chartfs solo root", "chartfs solo root", NULL);
	for (unsigned i = 0; i < SOLO_PEERS && !err; i++)
		err = make_org(f, i);
	return err ? err : make_genesis(f);
}

int solo_found(const char *dir, const char *passphrase, bool random_passphrase)
{
	struct founder f = {dir, passphrase, random_passphrase ? ROUNDS_RANDOM : 0,
			    (uint64_t)time(NULL) * 1000};
	char mark[USERFILE_PATH_MAX], genesis[USERFILE_PATH_MAX];
	int err = solo_path(dir, UNFINISHED, mark);

	if (!err)
		err = solo_path(dir, "genesis", genesis);
	if (err)
		return err;
	if (!file_exists(mark)) {
		if (file_exists(genesis))
			return 0;
		err = file_replace(mark, VIEW_NONE);
	} else {
		err = clear(dir);
	}
	if (!err)
		err = found(&f);
	if (!err)
		err = file_remove_tree(mark);
	return err;
}
