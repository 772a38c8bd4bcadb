/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/cmd.h"

#include "acl/genesis.h"
#include "acl/keyfile.h"
#include "ledger/harden.h"
#include "ledger/mem.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cmd_fail(const char *verb, int err)
{
	const char *detail = err_detail();

	fprintf(stderr, "chartfs %s: %s\n", verb, detail[0] ? detail : err_text(err));
	return err_exit_code(err);
}

/* nng wants C strings. */
static int load_tls_key(struct cmd_session *s)
{
	int err = identity_use(&s->identity);

	if (err)
		return err;
	err = cert_key_pem_text(s->identity.sign, &s->tls_key);
	identity_done(&s->identity);
	mem_wipe_stack();
	if (!err)
		err = buf_append(&s->tls_key, "", 1);
	s->tls.key_pem = (const char *)s->tls_key.data;
	return err;
}

/* The TLS material of a mount: the identity's own chain and the key that belongs to it, the root it trusts.
 */
static int load_tls(struct cmd_session *s)
{
	struct view chain[CERT_CHAIN_MAX];
	struct buf roots[1];
	size_t root_count = 0;
	struct view root;
	int err;

	for (size_t i = 0; i < s->identity.chain_count; i++)
		chain[i] = buf_view(&s->identity.chain[i]);
	buf_init(&roots[0], CERT_DER_BYTES_MAX);
	err = cert_pem_read(s->conf.root_cert, roots, 1, &root_count);
	if (err)
		goto out;
	root = buf_view(&roots[0]);
	err = cert_pem_text(&root, 1, &s->tls_ca);
	if (!err)
		err = cert_pem_text(chain, s->identity.chain_count, &s->tls_cert);
	if (!err)
		err = buf_append(&s->tls_ca, "", 1);
	if (!err)
		err = buf_append(&s->tls_cert, "", 1);
	if (!err)
		err = load_tls_key(s);
	if (err)
		goto out;
	s->tls.ca_pem = (const char *)s->tls_ca.data;
	s->tls.cert_pem = (const char *)s->tls_cert.data;
out:
	buf_release(&roots[0]);
	return err;
}

void cmd_session_lock(void *session)
{
	struct cmd_session *s = session;

	buf_release_secret(&s->tls_key);
	s->tls.key_pem = NULL;
	identity_lock(&s->identity);
}

int cmd_session_unlock(void *session, const char *passphrase)
{
	struct cmd_session *s = session;
	int err = identity_unlock(&s->identity, s->conf.identity_dir, passphrase);

	if (!err)
		err = load_tls_key(s);
	if (err)
		cmd_session_lock(s);
	return err;
}

int cmd_session_check(void *session, const char *passphrase)
{
	struct identity identity = {0};
	int err = identity_load(((struct cmd_session *)session)->conf.identity_dir, passphrase, &identity);

	identity_release(&identity);
	return err;
}

static int load(struct cmd_session *s, const char *conf_path, bool ephemeral)
{
	char passphrase[PASSPHRASE_BYTES_MAX + 1] = "";
	int err;

	err = conf_mount_read(conf_path, &s->conf);
	if (err)
		return err;
	/* a verb on a terminal is told of what goes wrong, and of all only when that was asked for */
	log_set_level(ephemeral && s->conf.log_level == LOG_INFO ? LOG_WARN : s->conf.log_level);
	err = passphrase_get(s->conf.passphrase_file[0] ? s->conf.passphrase_file : NULL,
			     "passphrase: ", passphrase);
	if (!err)
		err = identity_load(s->conf.identity_dir, passphrase, &s->identity);
	mem_wipe(passphrase, sizeof passphrase);
	if (!err)
		err = genesis_read(s->conf.genesis, &s->genesis);
	if (!err)
		err = load_tls(s);
	return err;
}

int cmd_session_open(const char *conf_path, bool ephemeral, const struct client_observer *observer,
		     struct cmd_session *ret_s)
{
	struct cmd_session *s = ret_s;
	struct client_config config;
	int err;

	memset(s, 0, sizeof *s);
	buf_init(&s->genesis, GENESIS_BYTES_MAX);
	buf_init(&s->tls_cert, 0);
	buf_init(&s->tls_key, 0);
	buf_init(&s->tls_ca, 0);
	harden_process();
	err = load(s, conf_path, ephemeral);
	if (err)
		goto out;
	if (ephemeral) {
		const char *tmp = getenv("TMPDIR");

		snprintf(s->temporary, sizeof s->temporary, "%s/chartfs-XXXXXX", tmp != NULL ? tmp : "/tmp");
		if (mkdtemp(s->temporary) == NULL) {
			err = err_set(CF_EIO, "%s: cannot be made: %m", s->temporary);
			s->temporary[0] = 0;
			goto out;
		}
	}
	config = (struct client_config){
		.data_dir = ephemeral ? s->temporary : s->conf.data_dir,
		.genesis = buf_view(&s->genesis),
		.identity = &s->identity,
		.gateways = s->conf.gateways[0] ? s->conf.gateways : NULL,
		.tls = &s->tls,
		.observer = observer,
		/* verbs look at the past, too */
		.snapshot_blocks = ephemeral ? 0 : s->conf.snapshot_blocks,
		.backfill_rate_kib = s->conf.backfill_rate_kib,
	};
	err = client_open(&config, &s->client);
out:
	if (err)
		cmd_session_close(s);
	return err;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void cmd_session_close(struct cmd_session *s)
{
	client_close(s->client);
	s->client = NULL;
	identity_release(&s->identity);
	buf_release(&s->genesis);
	buf_release(&s->tls_cert);
	buf_release_secret(&s->tls_key);
	buf_release(&s->tls_ca);
	if (s->temporary[0])
		nftw(s->temporary, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	s->temporary[0] = 0;
}
