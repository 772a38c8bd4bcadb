/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd.h - the verbs of the tool `chartfs`: one function each, in fs/cmd_<verb>.c; fs/chartfs.c holds the
 * table.
 *
 * A verb gets its own words (argv[0] is the verb), prints results to stdout, and answers an exit code
 * (err_exit_code; contrib/man/chartfs.1). Complaints go through cmd_fail: "chartfs grant: <detail>".
 */
#ifndef FS_CMD_H
#define FS_CMD_H

#include "acl/identity.h"
#include "net/client.h"
#include "net/conf.h"

typedef int (*cmd_fn)(int argc, char **argv);

struct cmd {
	const char *name;
	const char *usage;   /* "FILE [-o OUT]" */
	const char *summary; /* one line */
	cmd_fn run;
};

/* Prints "chartfs VERB: detail" (the error's sentence when there is no detail) and answers the exit code. */
int cmd_fail(const char *verb, int err);
/* Usage error: prints the message and the verb's usage; answers 1. */
int cmd_usage(const char *verb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A client from a mount configuration, without a mount: for verbs that talk to the network by themselves. */
struct cmd_session {
	struct conf_mount conf;
	struct identity identity;
	struct buf genesis;
	struct buf tls_cert, tls_key, tls_ca; /* PEM texts */
	struct transport_tls tls;
	char temporary[256]; /* ephemeral stores; empty: none */
	struct client *client;
};

/*
 * Reads the configuration, unlocks the identity, opens the client. observer may be NULL. An ephemeral session
 * keeps its stores in a temporary directory that is removed at close, beside whatever mount runs.
 */
int cmd_session_open(const char *conf_path, bool ephemeral, const struct client_observer *observer,
		     struct cmd_session *ret_s) must_check;
void cmd_session_close(struct cmd_session *s);
/*
 * For fs/locker.h; session is a struct cmd_session. lock: wipes the private keys, those of TLS included,
 * which the client has let go (client_lock). unlock: reads them again. check: is this the passphrase?
 * CF_EPASS.
 */
void cmd_session_lock(void *session);
int cmd_session_unlock(void *session, const char *passphrase) must_check;
int cmd_session_check(void *session, const char *passphrase) must_check;

/* Run as mount.chartfs or umount.chartfs: true, with the exit code for mount(8). */
bool cmd_helper(int argc, char **argv, int *ret_code);

int cmd_approve(int argc, char **argv);
int cmd_accesses(int argc, char **argv);
int cmd_block(int argc, char **argv);
int cmd_claim(int argc, char **argv);
int cmd_consent(int argc, char **argv);
int cmd_destruction(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_erase(int argc, char **argv);
int cmd_evidence(int argc, char **argv);
int cmd_grant(int argc, char **argv);
int cmd_grants(int argc, char **argv);
int cmd_lock(int argc, char **argv);
int cmd_log(int argc, char **argv);
int cmd_manifest(int argc, char **argv);
int cmd_members(int argc, char **argv);
int members_list(struct client *client) must_check; /* chartfs members list */
int cmd_mount(int argc, char **argv);
int cmd_org(int argc, char **argv);
int cmd_rbac(int argc, char **argv);
int cmd_peers(int argc, char **argv);
int cmd_peers_of_mount(int argc, char **argv);
int cmd_pending(int argc, char **argv);
int cmd_prove(int argc, char **argv);
int cmd_refuse(int argc, char **argv);
int cmd_replace(int argc, char **argv);
int cmd_replacement(int argc, char **argv);
int cmd_reinstate(int argc, char **argv);
int cmd_renew(int argc, char **argv);
int cmd_restore(int argc, char **argv);
int cmd_revocations(int argc, char **argv);
int cmd_suspend(int argc, char **argv);
int cmd_register(int argc, char **argv);
int cmd_revoke(int argc, char **argv);
int cmd_rule(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_solo(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_tx(int argc, char **argv);
int cmd_umount(int argc, char **argv);
int cmd_unlock(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_whoami(int argc, char **argv);
int cmd_withdraw(int argc, char **argv);

#endif
